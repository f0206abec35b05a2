"""Static inputs of modules as maps: netCDF files whose variables have names and units of common sources, read in parts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.place import CARBON, PROPERTIES, SOIL, TEXTURE, with_soil_carbon
from jules_ml.learned.maps.grid import MapGrid, grid_of, reversed_dims, same_points
from jules_ml.learned.maps.names import ALBSOIL, FRAC, LAND, MapName, is_other, name_of, surface_types
from jules_ml.learned.maps.source import Source, checked, converted, cover, depth_mean, type_count, values_at

_Array = NDArray[np.float64]

#: Percent of the mass, and masses of carbon, as publications of soil write them.
_PERCENT: Final = re.compile(r"(?i)(%|percent)\s*(by\s+)?\(?(wt\.?|weight|mass)\)?")
_OF_CARBON: Final = re.compile(r"(?<![A-Za-z])(k?g|Mg|t)[ _]?(\(C\)|C)(?![A-Za-z0-9])")
#: Pattern that leaves out the variables with unknown names, and no others.
_ALL_UNKNOWN: Final = "*"
#: Largest sum of particle-size fractions [1]: maps that were made of each fraction alone add up to a little more than 1.
_LARGEST_SUM: Final = 1.05
#: Attributes of a file that CF uses for its own purposes, not for values on the map.
_COORDINATE_ATTRIBUTES: Final = ("bounds", "grid_mapping", "coordinates")


@dataclass(frozen=True, eq=False)
class StaticMap:
    """Static properties of the points of a map.

    Attributes
    ----------
    grid : MapGrid
    notes : tuple of str
        Notes on the variables, for the user.
    """

    grid: MapGrid
    notes: tuple[str, ...]
    _sources: Mapping[str, tuple[Source, ...]] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the properties that the files contain or that follow from them."""
        names = set(self._sources) - {FRAC, LAND}
        if FRAC in self._sources:
            names |= set(surface_types(type_count(self._sources[FRAC][0])) or ())
        filled = _derived({name: np.ones(1) for name in names if name in PROPERTIES})
        return tuple(name for name in (*PROPERTIES, ALBSOIL) if name in filled or name in names)

    def read(self, points: slice | NDArray[np.int64]) -> dict[str, _Array]:
        """Read all properties at some points.

        Parameters
        ----------
        points : slice or array of int, shape (point,)
            Numbers of the points, row by row; -1 for a point that is not on the map.

        Returns
        -------
        dict of str to array, shape (point,)
            By the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`, ``albsoil`` [1] and ``land`` (above 0 for land);
            NaN where missing, and outside the land if the map has ``land``.

        Raises
        ------
        BadInput
            If a value on land is out of range.
        """
        values: dict[str, _Array] = {}
        land = None
        if LAND in self._sources:
            land = values[LAND] = _read(LAND, self._sources[LAND][0], points, None)
        for quantity, sources in self._sources.items():
            if quantity == LAND:
                continue
            parts = [_read(quantity, each, points, land) for each in sources]
            if quantity == FRAC:
                for name, value in cover(parts[0]).items():
                    values.setdefault(name, value)
            else:
                values[quantity] = depth_mean(parts, [each.name.depth for each in sources])
        self._refuse_texture(values)
        return _derived(values)

    def _refuse_texture(self, values: Mapping[str, _Array]) -> None:
        """Refuse particle-size fractions that add up to more than one."""
        fractions = [name for name in TEXTURE if name in values]
        total = sum((values[name] for name in fractions), np.zeros(1))
        if bool((total > _LARGEST_SUM).any()):
            raise BadInput(
                f"{', '.join(fractions)} add up to {float(np.nanmax(total)):.3g} at {int((total > _LARGEST_SUM).sum())} points",
                where=self._sources[fractions[0]][0].where,
                remedy="give fractions of the mineral soil, without stones and organic matter, that add up to 1",
            )


def _read(quantity: str, source: Source, points: slice | NDArray[np.int64], land: _Array | None) -> _Array:
    """Values of a variable in the unit of its quantity; NaN outside ``land``, where maps have other content and codes."""
    values = values_at(source, points)
    if land is not None:
        values = np.where(np.nan_to_num(land) > 0.0, values, np.nan)
    values = converted(quantity, values, source)
    if quantity == "bulk_density":
        # some maps code water by zeros
        values = np.where(values == 0.0, np.nan, values)
    return checked(quantity, values, source)


@contextmanager
def open_static_map(
    paths: Sequence[Path], *, names: Mapping[str, str] | None = None, leave_out: Sequence[str] = ()
) -> Iterator[StaticMap]:
    """Open the files of a static map.

    Parameters
    ----------
    paths : sequence of Path
        netCDF files with the same points.
    names : mapping of str to str, optional
        Quantity of a variable by the variable's name, in addition to :mod:`jules_ml.learned.maps.names`.
    leave_out : sequence of str
        Patterns of variables that are not used; ``*`` for all with unknown names.

    Yields
    ------
    StaticMap
        Its files are closed at the end of the block.

    Raises
    ------
    BadInput
        If a file cannot be read, files have different points, or a variable on the map has an unknown name, an unknown unit, or the
        dimensions of something else.
    """
    names = {} if names is None else names
    for variable, quantity in names.items():
        if quantity not in (*PROPERTIES, LAND, FRAC, ALBSOIL):
            raise BadInput(
                f"'{quantity}' is not a static property",
                where=f"--name {quantity}={variable}",
                remedy=f"give one of {', '.join((*PROPERTIES, LAND, FRAC, ALBSOIL))}",
            )
    with ExitStack() as stack:
        of_quantity: dict[str, list[Source]] = {}
        notes: list[str] = []
        grids: list[MapGrid] = []
        for path in paths:
            file = stack.enter_context(open_netcdf(path))
            grid = grid_of(file, path)
            assert grid is not None
            if grids and not same_points(grids[0], grid):
                raise _other_points(grids[0], paths[0], grid, path)
            grids.append(grid)
            for source in _sources_of(file, path, grid, names, leave_out):
                of_quantity.setdefault(source.name.quantity, []).append(source)
        every = [source for sources in of_quantity.values() for source in sources]
        _refuse_unused(names, every)
        chosen = {quantity: _chosen(sources, notes) for quantity, sources in of_quantity.items()}
        used = _without_duplicates(chosen, notes)
        yield StaticMap(grids[0], tuple(notes), used)


def _other_points(first: MapGrid, first_path: Path, grid: MapGrid, path: Path) -> BadInput:
    dims = reversed_dims(first, grid)
    if dims:
        problem = f"the file has the points of {first_path.name} in another order"
        return BadInput(problem, where=path, remedy=f"reverse {' and '.join(dims)} of the file, or of the others")
    remedy = "regrid the files to the same points, in the same order"
    return BadInput(f"the file has other points than {first_path.name}", where=path, remedy=remedy)


@contextmanager
def open_netcdf(path: Path) -> Iterator[netCDF4.Dataset]:
    """Open a netCDF file for reading.

    Raises
    ------
    BadInput
        If there is no such file, or it is not netCDF.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path")
    try:
        file = netCDF4.Dataset(path, "r")
    except (OSError, RuntimeError) as error:
        raise BadInput(f"the file is not netCDF ({error})", where=path, remedy="convert it to netCDF") from error
    with file:
        yield file


def _sources_of(
    file: netCDF4.Dataset, path: Path, grid: MapGrid, names: Mapping[str, str], leave_out: Sequence[str]
) -> Iterator[Source]:
    """Variables of a file on its map whose quantities are known."""
    coordinates = _coordinate_names(file, grid)
    for name, variable in file.variables.items():
        on_map = set(grid.dims) <= set(variable.dimensions)
        excluded = any(fnmatch(name, pattern) for pattern in leave_out if pattern != _ALL_UNKNOWN)
        if name in coordinates or not on_map or (excluded and name not in names):
            continue
        attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
        map_name = MapName(names[name]) if name in names else name_of(name, attributes)
        if map_name is None:
            if not is_other(name, attributes) and _ALL_UNKNOWN not in leave_out:
                raise _unknown_name(name, path)
            continue
        units = _usual(str(attributes.get("units", "")).strip(), map_name.quantity) or map_name.units
        if units is None and map_name.quantity in PROPERTIES and PROPERTIES[map_name.quantity].units != "1":
            raise BadInput(
                f"{map_name.quantity} has no unit",
                where=f"{path}, variable {name}",
                remedy=f"add the attribute units; 'jules-ml' converts it to {PROPERTIES[map_name.quantity].units}",
            )
        source = Source(path, variable, grid, map_name, units or "1")
        _check_source(source)
        yield source


def _usual(units: str, quantity: str) -> str:
    """Spelling of a unit that can be converted."""
    if quantity == "precip_annual" and units in ("mm", "kg m-2"):
        # files of WorldClim and others state the sum of a year as a depth
        return f"{units} a-1"
    return "%" if _PERCENT.fullmatch(units) else _OF_CARBON.sub(r"\1", units)


def _check_source(source: Source) -> None:
    """Refuse a unit that cannot be converted, and dimensions beside those of the map."""
    converted(source.name.quantity, np.zeros(1), source)
    others = [dim for dim in source.variable.dimensions if dim not in source.grid.dims]
    sizes = {dim: source.variable.shape[source.variable.dimensions.index(dim)] for dim in others}
    long = [dim for dim, size in sizes.items() if size != 1]
    if source.name.quantity == FRAC:
        if len(long) != 1 or surface_types(sizes[long[0]]) is None:
            raise BadInput(
                f"the surface types are unknown: the variable has {', '.join(f'{n} x {d}' for d, n in sizes.items()) or 'one'}",
                where=source.where,
                remedy="give 8 (CHESS-land), 9 or 17 (JULES) types, or frac_tree and frac_bare as variables of their own",
            )
    elif long:
        raise BadInput(
            f"the variable has a dimension {long[0]} of {sizes[long[0]]}",
            where=source.where,
            remedy="give a single value for each point: the mean of 0-30 cm for a property of the soil",
        )


def _coordinate_names(file: netCDF4.Dataset, grid: MapGrid) -> set[str]:
    """Names of coordinates, their bounds, and grid mappings."""
    names = set(file.dimensions)
    for name, variable in file.variables.items():
        for key in _COORDINATE_ATTRIBUTES:
            names |= set(str(getattr(variable, key, "")).split())
        kind = (getattr(variable, "standard_name", ""), getattr(variable, "units", ""))
        lower = name.lower()
        if kind[0] in ("latitude", "longitude") or kind[1] in ("degrees_north", "degrees_east"):
            names.add(name)
        if lower.startswith(("lat", "lon", "nav_l")) or lower in ("x", "y", "easting", "northing"):
            names.add(name)
    return names


def _unknown_name(name: str, path: Path) -> BadInput:
    close = difflib.get_close_matches(name.lower(), [*PROPERTIES, LAND, FRAC, ALBSOIL], n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return BadInput(
        f"the name is unknown{guess}",
        where=f"{path}, variable {name}",
        remedy=f"give --name PROPERTY={name} with a property of [place], or --leave-out {name} ('*' for all unknown names)",
    )


def _refuse_unused(names: Mapping[str, str], sources: Sequence[Source]) -> None:
    """Refuse a name on the command line that no file has."""
    missing = [name for name in names if name not in {source.variable.name for source in sources}]
    if missing:
        raise BadInput(
            f"no file of --grid has a variable {missing[0]} on the map",
            where=f"--name {names[missing[0]]}={missing[0]}",
            remedy="correct the name of the variable",
        )


def _chosen(sources: list[Source], notes: list[str]) -> tuple[Source, ...]:
    """Select the variables of one quantity: one, or its depth intervals."""
    least = min(each.name.rank for each in sources)
    best = [each for each in sources if each.name.rank == least]
    quantity = best[0].name.quantity
    whole = [each for each in best if each.name.depth is None]
    if len(whole) > 1:
        raise BadInput(
            f"the variables {whole[0].variable.name} and {whole[1].variable.name} are both {quantity}",
            where=whole[1].where,
            remedy=f"leave one out with --leave-out {whole[1].variable.name}",
        )
    chosen = whole or sorted(best, key=lambda each: each.name.depth or (0.0, 0.0))
    unused = [each.variable.name for each in sources if each not in chosen]
    if unused:
        notes.append(f"{', '.join(unused)} are not used: {quantity} is {chosen[0].variable.name}")
    if not whole:
        _refuse_overlap(chosen, quantity)
        depths = [each.name.depth or (0.0, 0.0) for each in chosen]
        total = sum(bottom - top for top, bottom in depths)
        if total < 0.3 - 1e-9:
            notes.append(f"{quantity} is the mean of {100 * total:g} cm only, not of 0-30 cm")
    return tuple(chosen)


def _refuse_overlap(chosen: Sequence[Source], quantity: str) -> None:
    """Refuse depth intervals, from the top, that count a depth twice."""
    for upper, lower in pairwise(chosen):
        if (lower.name.depth or (0.0, 0.0))[0] < (upper.name.depth or (0.0, 0.0))[1] - 1e-9:
            names = f"{upper.variable.name} and {lower.variable.name}"
            raise BadInput(
                f"the depth intervals of {names} overlap, and {quantity} is their mean",
                where=lower.where,
                remedy=f"leave one out with --leave-out {lower.variable.name} or --leave-out {upper.variable.name}",
            )


def _without_duplicates(chosen: dict[str, tuple[Source, ...]], notes: list[str]) -> dict[str, tuple[Source, ...]]:
    """Drop further quantities of organic carbon, which must follow from one."""
    present = [name for name in ("soc_density", "soc_stock", "organic_carbon") if name in chosen]
    for name in present[1:]:
        used = chosen[present[0]][0]
        unused = ", ".join(each.variable.name for each in chosen[name])
        verb = "is" if len(chosen[name]) == 1 else "are"
        notes.append(
            f"{unused} of {chosen[name][0].path.name} {verb} not used: organic carbon is {used.variable.name} of {used.path.name}"
        )
    return {name: sources for name, sources in chosen.items() if name not in present[1:]}


def _derived(values: dict[str, _Array]) -> dict[str, _Array]:
    """Add the third particle-size fraction, and the quantities of organic carbon that follow from one."""
    values = _without_zeros_of_water(values)
    missing = [name for name in TEXTURE if name not in values]
    if len(missing) == 1:
        rest = 1.0 - sum(values[name] for name in TEXTURE if name in values)
        values = {**values, missing[0]: np.clip(rest, 0.0, 1.0)}
    return with_soil_carbon(values) if any(name in values for name in CARBON) else values


def _without_zeros_of_water(values: dict[str, _Array]) -> dict[str, _Array]:
    """Set soil properties to missing where all fractions are zero, as some maps code water, and carbon of zero where density is missing."""
    fractions = [values[name] for name in TEXTURE if name in values]
    if len(fractions) > 1:
        total = np.sum(fractions, axis=0)
        # three fractions may be rounded, but two small ones are those of sand, silt or clay
        water = total < 0.02 if len(fractions) == len(TEXTURE) else total == 0.0
        zero = {name: water & (name in TEXTURE or values[name] == 0.0) for name in SOIL if name in values}
        values = {**values, **{name: np.where(where, np.nan, values[name]) for name, where in zero.items()}}
    if "bulk_density" in values:
        no_density = np.isnan(values["bulk_density"])
        carbon = {name: values[name] for name in CARBON if name in values}
        values = {**values, **{n: np.where(no_density & (v == 0.0), np.nan, v) for n, v in carbon.items()}}
    return values
