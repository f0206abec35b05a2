"""The Python side of the bridge: what runs inside a JULES process. Nothing here imports netCDF."""
