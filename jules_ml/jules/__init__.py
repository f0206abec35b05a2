"""JULES itself: namelists, Rose applications, run folders, the executable and its files."""
