"""Ways to swap a learned module into a JULES run."""
