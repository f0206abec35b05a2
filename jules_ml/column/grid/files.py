"""Values of land points in netCDF files of maps: ancillaries of JULES and driving data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.data.units import convert
from jules_ml.errors import BadInput
from jules_ml.learned.maps.grid import MapGrid, grid_of, match_points, same_points

_Array = NDArray[np.float64]
#: Names of the dimension of time in files.
TIME: Final = ("time", "tstep", "Time", "t")
#: No variable of an ancillary has values below this; -1e20 and -1073741824 stand for missing ones.
_MISSING_BELOW: Final = -1.0e6


@dataclass(frozen=True, eq=False)
class LandPoints:
    """Land points of a model grid.

    Attributes
    ----------
    grid : MapGrid
        All points of the grid.
    number : array of int, shape (point,)
        Number of each land point in the grid, row by row.
    latitude, longitude : array, shape (point,)
        [degree]
    """

    grid: MapGrid
    number: NDArray[np.int64] = field(repr=False)
    latitude: _Array = field(repr=False)
    longitude: _Array = field(repr=False)

    @property
    def size(self) -> int:
        """Number of land points."""
        return len(self.number)


@dataclass(frozen=True, eq=False)
class PointIndex:
    """Where the land points are in a file: its dimensions of space, their sizes, and the number of each point among them."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    number: NDArray[np.int64] = field(repr=False)

    def box(self, points: NDArray[np.int64]) -> tuple[tuple[slice, ...], NDArray[np.int64]]:
        """Smallest box of the file around some land points, and the number of each of them in it."""
        places = np.unravel_index(self.number[points], self.shape)
        slices = tuple(slice(int(place.min()), int(place.max()) + 1) for place in places)
        sizes = tuple(each.stop - each.start for each in slices)
        inside = [place - each.start for place, each in zip(places, slices, strict=True)]
        return slices, np.ravel_multi_index(inside, sizes)


@contextmanager
def opened(path: Path) -> Iterator[netCDF4.Dataset]:
    """Open a netCDF file for reading.

    Raises
    ------
    BadInput
        If it does not exist or is not netCDF.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path, or provide the file")
    try:
        file = netCDF4.Dataset(path)
    except OSError as error:
        raise BadInput(
            f"it cannot be read as netCDF ({error.strerror or error})", where=path, remedy="create it again"
        ) from error
    try:
        yield file
    finally:
        file.close()


def point_index(file: netCDF4.Dataset, name: str, path: Path, land: LandPoints) -> PointIndex:
    """Find land points in a file, by their coordinates where the file has them, and otherwise by their place in the grid.

    Parameters
    ----------
    file : netCDF4.Dataset
    name : str
        Variable whose points are wanted.
    path : Path
        File, for messages.
    land : LandPoints

    Raises
    ------
    BadInput
        If the variable does not exist, a land point is not in the file, or a file without coordinates has other dimensions than the grid.
    """
    variable = variable_of(file, name, path)
    grid = grid_of(file, path, required=False)
    if grid is not None and not set(grid.dims) <= set(variable.dimensions):
        grid = None
    if grid is not None and not same_points(grid, land.grid):
        number = match_points(land.latitude, land.longitude, grid)
        absent = np.flatnonzero(number < 0)
        if len(absent):
            at = absent[0]
            raise BadInput(
                f"{len(absent)} of {land.size} land points are not in the file, the first at {land.latitude[at]:.4f}, "
                f"{land.longitude[at]:.4f}",
                where=path,
                remedy="give files on the same grid, or set grid.lat_bounds and grid.lon_bounds to the area of the file",
            )
        return PointIndex(grid.dims, grid.shape, number)
    rank = len(land.grid.shape)
    dims = variable.dimensions[-rank:] if grid is None else grid.dims
    shape = tuple(len(file.dimensions[dim]) for dim in dims)
    if shape != land.grid.shape:
        raise BadInput(
            f"variable {name} has {' by '.join(map(str, shape))} points, and the grid has "
            f"{' by '.join(map(str, land.grid.shape))}",
            where=path,
            remedy="give files on the same grid, or add latitude and longitude to them",
        )
    return PointIndex(tuple(dims), shape, land.number)


def variable_of(file: netCDF4.Dataset, name: str, path: Path, *, key: str = "") -> netCDF4.Variable[Any]:
    """Return a variable of a file.

    Parameters
    ----------
    file : netCDF4.Dataset
    name : str
    path : Path
        File, for messages.
    key : str, optional
        Key of the experiment that gives the name.

    Raises
    ------
    BadInput
        If the file does not have it.
    """
    if name not in file.variables:
        raise BadInput(
            f"there is no variable {name}, only {', '.join(file.variables)}",
            where=path,
            remedy=f"give the name that the variable has in the file{f' in {key}' if key else ''}",
        )
    variable: netCDF4.Variable[Any] = file.variables[name]
    return variable


def read_points(
    variable: netCDF4.Variable[Any],
    index: PointIndex,
    points: NDArray[np.int64],
    leading: slice = slice(None),
) -> NDArray[np.floating]:
    """Read values of land points.

    Parameters
    ----------
    variable : netCDF4.Variable
        With the dimensions of ``index``, and at most one other of more than one value, such as time, layer or type.
        Of several with one value the first is taken to be that of ``leading``.
    index : PointIndex
    points : array of int, shape (point,)
        Numbers of the land points.
    leading : slice
        Of the other dimension.

    Returns
    -------
    array, shape (leading, point)
        In the precision of the file; NaN where missing. Without another dimension its size is 1.

    Raises
    ------
    BadInput
        If several other dimensions have more than one value, or ``leading`` is of a dimension of time beside a longer one.
    """
    box, inside = index.box(points)
    by_dim = dict(zip(index.dims, box, strict=True))
    others = [dim for dim in variable.dimensions if dim not in index.dims]
    sizes = {dim: variable.shape[variable.dimensions.index(dim)] for dim in others}
    long = [dim for dim in others if sizes[dim] > 1] or others[:1]
    # a range of times is not one of layers or types
    ranged = [dim for dim in others if dim in TIME and leading != slice(None)]
    if len(set(long) | set(ranged)) > 1:
        many = [dim for dim in others if dim in {*long, *ranged}]
        raise BadInput(
            f"it has {' and '.join(f'{dim} ({sizes[dim]})' for dim in many)} beside the dimensions of space, and one is expected",
            where=f"{variable.group().filepath()}, variable {variable.name}",
            remedy="give a file with one time, layer or level of the other dimensions, and without them",
        )
    chosen = [by_dim.get(dim, leading if dim in long[:1] else slice(None)) for dim in variable.dimensions]
    values = np.ma.asarray(variable[tuple(chosen)])
    kind = np.float32 if values.dtype == np.float32 else np.float64
    order = [variable.dimensions.index(dim) for dim in (*others, *index.dims)]
    plain = np.ma.filled(values.astype(kind), np.nan)
    table = np.transpose(plain, order).reshape(-1, int(np.prod([each.stop - each.start for each in box])))
    return np.ascontiguousarray(table[:, inside])


def values_at_points(path: Path, name: str, points: LandPoints, units: str | None = None) -> _Array:
    """Read a variable of a file of maps at land points.

    Parameters
    ----------
    path : Path
    name : str
        Variable, with at most one dimension of more than one value beside those of space.
    points : LandPoints
    units : str, optional
        Unit of the result; default: that of the file, as JULES reads it.

    Returns
    -------
    array, shape (leading, point)
        NaN where missing.

    Raises
    ------
    BadInput
        If the file or the variable does not exist, a point is not in the file, or the unit is of another dimension.
    """
    with opened(path) as file:
        variable = variable_of(file, name, path)
        index = point_index(file, name, path, points)
        values = read_points(variable, index, np.arange(points.size)).astype(np.float64)
        scale = None if units is None else scale_of(variable, units, f"{path}, variable {name}")
    # missing values of JULES and the Unified Model, where they are not declared
    values[values < _MISSING_BELOW] = np.nan
    return values if scale is None else values * scale[0] + scale[1]


def series_at_points(path: Path, name: str, points: LandPoints, *, times: Sequence[str] = TIME) -> _Array:
    """Read all times of a variable at land points.

    Parameters
    ----------
    path : Path
    name : str
        Variable with a dimension of time, those of space, and at most one other.
    points : LandPoints
    times : sequence of str
        Possible names of the dimension of time.

    Returns
    -------
    array, shape (time, value, point)
        NaN where missing.

    Raises
    ------
    BadInput
        If the file or the variable does not exist, a point is not in the file, or the variable has no dimension of time or several others.
    """
    with opened(path) as file:
        variable = variable_of(file, name, path)
        index = point_index(file, name, path, points)
        others = [dim for dim in variable.dimensions if dim not in index.dims]
        time = next((dim for dim in others if dim in times), None)
        if time is None or len(others) > 2:
            raise BadInput(
                f"it has the dimensions {', '.join(variable.dimensions)}",
                where=f"{path}, variable {name}",
                remedy="give time, surface type or layer, and space",
            )
        box, inside = index.box(np.arange(points.size))
        by_dim = dict(zip(index.dims, box, strict=True))
        values = np.ma.asarray(variable[tuple(by_dim.get(dim, slice(None)) for dim in variable.dimensions)])
        order = [variable.dimensions.index(d) for d in (time, *(d for d in others if d != time), *index.dims)]
        plain = np.transpose(np.ma.filled(values.astype(np.float64), np.nan), order)
    count = plain.shape[1] if len(others) == 2 else 1
    table = plain.reshape(len(plain), count, -1)[..., inside]
    return np.where(table < _MISSING_BELOW, np.nan, table)


def scale_of(variable: netCDF4.Variable[Any], units: str, where: str) -> tuple[float, float] | None:
    """Factor and offset to a unit; None if the variable has that unit, or none.

    Raises
    ------
    BadInput
        If its unit is unknown or of another dimension.
    """
    own = str(getattr(variable, "units", "")).strip()
    if own in ("", units):
        return None
    zero, one = convert(np.array([0.0, 1.0]), own, units, where=where)
    factor, offset = float(one - zero), float(zero)
    return None if abs(factor - 1.0) < 1e-12 and abs(offset) < 1e-9 else (factor, offset)
