"""Files that JULES reads, written from module folders."""
