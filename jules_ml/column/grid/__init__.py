"""The column on a grid: land points in blocks, driving data in chunks of time, ranks of MPI."""
