"""JULES: namelists, Rose applications, run folders, the executable, its input files and its log."""
