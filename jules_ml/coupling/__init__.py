"""What passes between learned modules and JULES: tables, files, the Fortran bridge."""
