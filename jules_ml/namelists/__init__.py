"""Namelists that the package ships: ``point`` is a complete run of JULES at one point, which ``jules-ml init`` writes out."""
