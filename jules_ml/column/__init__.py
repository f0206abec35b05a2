"""The soil column through time: set-up, run, spin-up and output."""
