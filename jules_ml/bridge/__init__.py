"""Python side of the Fortran bridge, which runs inside JULES and never imports netCDF."""
