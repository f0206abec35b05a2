"""Ensembles: members of one experiment, run alone, on a few processors or over MPI, resumed, gathered and weighed."""
