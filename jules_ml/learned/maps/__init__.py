"""Static properties of many places, read from netCDF maps."""
