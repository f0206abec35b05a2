"""Points of a map: their dimensions and coordinates, and the match of one set of points to another by latitude and longitude."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jules_ml.errors import BadInput

_Array = NDArray[np.float64]

#: Names of latitude and longitude in files of JULES, CHESS-land, the Unified Model and climate data.
_LATITUDE: Final = ("latitude", "lat", "nav_lat", "grid_latitude_2d", "latitude_2d")
_LONGITUDE: Final = ("longitude", "lon", "nav_lon", "grid_longitude_2d", "longitude_2d")
#: Largest difference of coordinates of the same point [degree]: 100 m, more than single precision rounds.
TOLERANCE: Final = 1e-3
_ADD_COORDINATES: Final = (
    "add the variables latitude and longitude [degrees_north, degrees_east], with the dimensions of the map or, on a regular grid, one "
    "dimension each"
)


@dataclass(frozen=True, eq=False)
class MapGrid:
    """Points of a map.

    Attributes
    ----------
    dims : tuple of str
        Dimensions in the file, ``(y, x)`` or ``(land,)``.
    shape : tuple of int
    latitude, longitude : array or None
        [degree]; of the shape of the grid, or of one dimension each on a regular grid; None if the file has none.
    axes : dict of str to (array, dict)
        Coordinate variables of :attr:`dims` in the file, with their attributes.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    latitude: _Array | None = field(repr=False)
    longitude: _Array | None = field(repr=False)
    axes: dict[str, tuple[_Array, dict[str, Any]]] = field(repr=False)

    @property
    def size(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape))

    @property
    def regular(self) -> bool:
        """Whether latitude depends on the first dimension only, and longitude on the second."""
        return self.latitude is not None and self.latitude.ndim < len(self.shape)

    def coordinates(self, start: int, stop: int) -> tuple[_Array, _Array]:
        """Latitude and longitude of points by their numbers, row by row; the grid must have them."""
        assert self.latitude is not None
        assert self.longitude is not None
        if not self.regular:
            return self.latitude.reshape(-1)[start:stop], self.longitude.reshape(-1)[start:stop]
        row, column = np.divmod(np.arange(start, stop), self.shape[1])
        return self.latitude[row], self.longitude[column]

    def parts(self, points: int) -> list[tuple[int, int]]:
        """Divide the points into ranges of about that many, and of whole rows."""
        row = self.shape[-1] if len(self.shape) == 2 else 1
        step = max(points // row, 1) * row
        return [(start, min(start + step, self.size)) for start in range(0, self.size, step)]


def grid_of(file: netCDF4.Dataset, path: Path, *, required: bool = True) -> MapGrid | None:
    """Find the points of a file.

    Parameters
    ----------
    file : netCDF4.Dataset
    path : Path
        File, for messages.
    required : bool
        Raise an error if the file has no latitude and longitude; otherwise return None.

    Returns
    -------
    MapGrid or None

    Raises
    ------
    BadInput
        If the coordinates are missing although required, or do not belong together.
    """
    latitude, longitude = (
        _coordinate(file, names, units) for names, units in ((_LATITUDE, "degrees_north"), (_LONGITUDE, "degrees_east"))
    )
    if latitude is None or longitude is None:
        if not required:
            return None
        missing = "latitude" if latitude is None else "longitude"
        raise BadInput(f"the file has no {missing}", where=path, remedy=_ADD_COORDINATES)
    lat_dims, lon_dims = latitude.dimensions, longitude.dimensions
    if lat_dims == lon_dims and len(lat_dims) in (1, 2):
        dims = lat_dims
    elif len(lat_dims) == len(lon_dims) == 1:
        dims = (lat_dims[0], lon_dims[0])
    else:
        raise BadInput(
            f"latitude has the dimensions ({', '.join(lat_dims)}), and longitude ({', '.join(lon_dims)})",
            where=path,
            remedy=_ADD_COORDINATES,
        )
    axes = {
        dim: (_values(file.variables[dim]), _attributes(file.variables[dim]))
        for dim in dims
        if dim in file.variables and file.variables[dim].dimensions == (dim,)
    }
    shape = tuple(len(file.dimensions[dim]) for dim in dims)
    return MapGrid(dims, shape, _values(latitude), _values(longitude), axes)


def _coordinate(file: netCDF4.Dataset, names: tuple[str, ...], units: str) -> netCDF4.Variable[Any] | None:
    by_name = {name.lower(): variable for name, variable in file.variables.items()}
    for name in names:
        if name in by_name:
            return by_name[name]
    for variable in file.variables.values():
        if getattr(variable, "units", "") == units and "bnds" not in variable.dimensions:
            return variable
    return None


def _values(variable: netCDF4.Variable[Any]) -> _Array:
    values = np.ma.filled(np.ma.asarray(variable[...], dtype=np.float64), np.nan)
    return np.asarray(values)


def _attributes(variable: netCDF4.Variable[Any]) -> dict[str, Any]:
    kept = ("units", "standard_name", "long_name", "axis")
    return {name: variable.getncattr(name) for name in kept if name in variable.ncattrs()}


def same_points(first: MapGrid, second: MapGrid) -> bool:
    """Whether two grids have the same points in the same order, as far as both have coordinates."""
    if first.shape != second.shape:
        return False
    if first.latitude is None or second.latitude is None:
        return True
    for start, stop in first.parts(1 << 20):
        for one, two in zip(first.coordinates(start, stop), second.coordinates(start, stop), strict=True):
            off = np.abs((one - two + 180.0) % 360.0 - 180.0)
            # a point without coordinates, outside the domain of a projection, has no other place than its own
            if bool((off > TOLERANCE).any()) or not np.array_equal(np.isnan(one), np.isnan(two)):
                return False
    return True


def reversed_dims(first: MapGrid, second: MapGrid) -> tuple[str, ...]:
    """Dimensions of the second grid whose reversal makes it the first; empty if there are none."""
    if second.latitude is None or second.longitude is None or len(second.shape) != 2:
        return ()
    for axes in ((0,), (1,), (0, 1)):
        latitude, longitude = second.latitude, second.longitude
        if second.regular:
            latitude, longitude = (np.flip(v) if k in axes else v for k, v in enumerate((latitude, longitude)))
        else:
            latitude, longitude = np.flip(latitude, axes), np.flip(longitude, axes)
        if same_points(first, replace(second, latitude=latitude, longitude=longitude)):
            return tuple(second.dims[k] for k in axes)
    return ()


def match_points(latitude: _Array, longitude: _Array, grid: MapGrid) -> NDArray[np.int64]:
    """Find the points of a grid that lie at given coordinates.

    Parameters
    ----------
    latitude, longitude : array, shape (point,)
        [degree]; NaN for a point without coordinates.
    grid : MapGrid

    Returns
    -------
    array of int, shape (point,)
        Number of the nearest point of the grid; -1 where none is within :data:`TOLERANCE` in both coordinates.
    """
    lat, lon = grid.coordinates(0, grid.size)
    valid = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
    result = np.full(len(latitude), -1, dtype=np.int64)
    wanted = np.flatnonzero(np.isfinite(latitude) & np.isfinite(longitude))
    if not len(valid) or not len(wanted):
        return result
    tree = KDTree(_on_sphere(lat[valid], lon[valid]))
    _, nearest = tree.query(_on_sphere(latitude[wanted], longitude[wanted]))
    number = valid[np.asarray(nearest)]
    off_lat = np.abs(lat[number] - latitude[wanted])
    off_lon = np.abs((lon[number] - longitude[wanted] + 180.0) % 360.0 - 180.0)
    result[wanted] = np.where((off_lat <= TOLERANCE) & (off_lon <= TOLERANCE), number, -1)
    return result


def _on_sphere(latitude: _Array, longitude: _Array) -> _Array:
    phi, lam = np.deg2rad(latitude), np.deg2rad(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
