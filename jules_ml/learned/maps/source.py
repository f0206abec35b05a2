"""Variables of static maps: their values at points, in the unit and within the range of a property."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.data.missing_codes import is_missing_code
from jules_ml.data.units import convert
from jules_ml.errors import BadInput
from jules_ml.experiment.place import PROPERTIES, TEXTURE, Property
from jules_ml.learned.maps.grid import MapGrid
from jules_ml.learned.maps.names import ALBSOIL, FRAC, MapName, surface_types

_Array = NDArray[np.float64]

#: Properties that are differences of temperatures: a unit with an offset converts without it.
_DIFFERENCES: Final = (
    "t_air_seasonality",
    "t_air_diurnal_range",
    *(n for n in PROPERTIES if n.startswith("lst_excess")),
)
#: Quantities of a map that have a range: static properties, and those that JULES alone needs.
_RANGES: Final = {
    **PROPERTIES,
    FRAC: Property(FRAC, "1", "fraction of a surface type", 0.0, 1.0),
    ALBSOIL: Property(ALBSOIL, "1", "albedo of bare soil", 0.0, 1.0),
}
#: Units of soil maps, which their files confuse.
_USUAL_UNITS: Final = {
    **dict.fromkeys(TEXTURE, ("%", "g kg-1")),
    "organic_carbon": ("%", "g kg-1", "dg kg-1"),
    "bulk_density": ("g cm-3", "cg cm-3"),
}


@dataclass(frozen=True, eq=False)
class Source:
    """A variable of a file that a quantity is read from.

    Attributes
    ----------
    path : Path
    variable : netCDF4.Variable
    grid : MapGrid
    name : MapName
    units : str
        Unit in the file, or that of the source.
    """

    path: Path
    variable: netCDF4.Variable[Any] = field(repr=False)
    grid: MapGrid
    name: MapName
    units: str

    @property
    def where(self) -> str:
        """File and variable, for messages."""
        return f"{self.path}, variable {self.variable.name}"


def type_count(source: Source) -> int:
    """Number of surface types of a variable; 1 if it has no dimension beside those of the map.

    Parameters
    ----------
    source : Source
    """
    dims, shape = source.variable.dimensions, source.variable.shape
    return max((n for dim, n in zip(dims, shape, strict=True) if dim not in source.grid.dims), default=1)


def values_at(source: Source, points: slice | NDArray[np.int64]) -> _Array:
    """Read a variable at points.

    Parameters
    ----------
    source : Source
    points : slice or array of int, shape (point,)
        See :meth:`jules_ml.learned.maps.static.StaticMap.read`.

    Returns
    -------
    array, shape (point,) or (type, point)
        In the unit of the file; NaN where missing.

    Raises
    ------
    BadInput
        If the variable has no numbers.
    """
    grid, variable = source.grid, source.variable
    row = grid.shape[1] if len(grid.shape) == 2 else 1
    if isinstance(points, slice):
        first, last = points.start // row, -(-points.stop // row)
        wanted: NDArray[np.int64] = np.arange(points.start, points.stop)
    else:
        wanted = points
        on_map = wanted[wanted >= 0]
        first, last = (int(on_map.min()) // row, int(on_map.max()) // row + 1) if len(on_map) else (0, 0)
    others = [dim for dim in variable.dimensions if dim not in grid.dims]
    index = tuple(slice(first, last) if dim == grid.dims[0] else slice(None) for dim in variable.dimensions)
    part = np.ma.asarray(variable[index])
    if part.dtype.kind not in "iufb":
        raise BadInput(
            f"the variable has the type {part.dtype}, not numbers", where=source.where, remedy="give numbers"
        )
    filled = np.ma.filled(part.astype(np.float64), np.nan)
    order = [variable.dimensions.index(dim) for dim in (*others, *grid.dims)]
    flat = np.transpose(filled, order).reshape(-1, (last - first) * row)
    values = np.full((len(flat), len(wanted)), np.nan)
    inside = wanted >= 0
    values[:, inside] = flat[:, wanted[inside] - first * row]
    return values if len(values) > 1 else values[0]


def converted(quantity: str, values: _Array, source: Source) -> _Array:
    """Convert values to the unit of a quantity.

    Parameters
    ----------
    quantity : str
        Name of :data:`~jules_ml.experiment.place.PROPERTIES`, or another without unit.
    values : array
        In the unit of the file.
    source : Source

    Raises
    ------
    BadInput
        If the unit is unknown or cannot be converted.
    """
    units = PROPERTIES[quantity].units if quantity in PROPERTIES else "1"
    result = convert(values, source.units, units, where=source.where)
    if quantity in _DIFFERENCES:
        result = result - convert(np.zeros(1), source.units, units, where=source.where)
    return result


def checked(quantity: str, values: _Array, source: Source) -> _Array:
    """Return values within the range of their quantity, up to rounding.

    Parameters
    ----------
    quantity : str
    values : array
        In the unit of the quantity.
    source : Source

    Raises
    ------
    BadInput
        If a value is outside the range; the error names file, variable, value and remedy.
    """
    if quantity not in _RANGES:
        return values
    limits = _RANGES[quantity]
    # rounding of fractions that single precision or integers store
    slack = 1e-6 * (limits.valid_max - limits.valid_min)
    with np.errstate(invalid="ignore"):
        outside = (values < limits.valid_min - slack) | (values > limits.valid_max + slack)
    if not outside.any():
        return np.clip(values, limits.valid_min, limits.valid_max)
    value = float(values[outside][0])
    problem, remedy = limits.problem(value) or (f"{quantity} is {value:g}", f"give it in {limits.units}")
    # a code of missing values was converted with the unit
    raw = _unconverted(value, quantity, source)
    if is_missing_code(raw) or (raw < 0.0 <= limits.valid_min):
        remedy = f"{raw:g} looks like a code of missing values: give the variable the attribute _FillValue"
    elif source.units != limits.units:
        likely = _likely_units(quantity, values, source)
        remedy = f"correct the attribute units of the variable, {source.units}, or its values"
        if likely is not None:
            remedy = (
                f"the values seem to be in {likely}, not in {source.units}: correct the attribute units of the variable"
            )
    raise BadInput(f"{problem} ({int(outside.sum())} points)", where=source.where, remedy=remedy)


def _likely_units(quantity: str, values: _Array, source: Source) -> str | None:
    """Unit by which all values are within the range of their quantity; None if there is none."""
    limits = _RANGES[quantity]
    ends = [_unconverted(float(end), quantity, source) for end in (np.nanmin(values), np.nanmax(values))]
    for units in _USUAL_UNITS.get(quantity, ()):
        low, high = convert(np.array(ends), units, limits.units, where=source.where)
        if units != source.units and limits.valid_min <= low and high <= limits.valid_max:
            return units
    return None


def _unconverted(value: float, quantity: str, source: Source) -> float:
    """Value in the unit of the file; all conversions are linear."""
    zero, one = converted(quantity, np.array([0.0, 1.0]), source)
    return round(float((value - zero) / (one - zero)), 4)


def cover(types: _Array) -> dict[str, _Array]:
    """Compute the cover fractions from the fractions of surface types.

    Parameters
    ----------
    types : array, shape (type, point)
        Fractions [1].

    Returns
    -------
    dict of str to array, shape (point,)
        ``frac_tree``, ``frac_grass`` and ``frac_bare`` [1]; NaN where no type has a fraction above 0.
    """
    numbers = surface_types(len(types))
    assert numbers is not None
    covered = np.nan_to_num(types).any(axis=0)
    sums = {name: np.clip(types[list(which)].sum(0), 0.0, 1.0) for name, which in numbers.items()}
    return {name: np.where(covered, values, np.nan) for name, values in sums.items()}


def depth_mean(parts: list[_Array], depths: list[tuple[float, float] | None]) -> _Array:
    """Average depth intervals, weighted by their thickness.

    Parameters
    ----------
    parts : list of array, shape (point,)
    depths : list of (float, float) or None
        Top and bottom of each [m].

    Returns
    -------
    array, shape (point,)
        NaN where any interval is missing.
    """
    if len(parts) == 1:
        return parts[0]
    weights = np.array([bottom - top for top, bottom in (each or (0.0, 0.3) for each in depths)])
    mean: _Array = np.tensordot(weights / weights.sum(), np.stack(parts), axes=1)
    return mean
