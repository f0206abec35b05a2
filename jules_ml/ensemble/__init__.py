"""Ensembles of runs: members run by one process, several processes or MPI ranks, resumed, gathered and weighted."""
