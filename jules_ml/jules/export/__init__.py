"""Export of learned modules to files that JULES reads."""
