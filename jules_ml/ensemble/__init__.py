"""Ensembles of runs: members on one process, several or MPI ranks, resumed, gathered and weighted."""
