"""Learned modules: one folder per kind, with the same file names in each."""
