"""Comparison of runs with each other and with observations."""
