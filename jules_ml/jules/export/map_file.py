"""netCDF files of maps, written in parts: new ones, and copies of an ancillary whose soil properties are replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.jules.input_files import FILL
from jules_ml.learned.maps.grid import MapGrid, grid_of
from jules_ml.learned.maps.static import open_netcdf
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.cf import LATITUDE, LONGITUDE, axis_attributes, file_attributes

_Array = NDArray[Any]

#: Value of flags of points without soil.
FLAG_FILL: Final = -127
#: Files of an exported map of soil properties: of the ensemble, and of its members, counted from 1.
SOIL_MAP: Final = "soil_properties.nc"
MEMBER_MAP: Final = "soil_properties_member_{}.nc"
_COORDINATES: Final = {"latitude": LATITUDE, "longitude": LONGITUDE}
#: Attribute that reserves space for the header while a file is defined, and its size [bytes].
_RESERVE, _HEADER = "reserved", 32768
#: Largest variable of a netCDF file with 64-bit offsets [bytes].
_LARGEST: Final = 2**32 - 4
#: Names of soil properties in ancillaries of CHESS-land, of the Central Ancillary Program and of Iris.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "b": ("b", "bexp", "oneovernminusone", "field1381", "m01s00i207"),
    "sathh": ("sathh", "oneoveralpha", "field342", "m01s00i048"),
    "satcon": ("satcon", "ksat", "field333", "m01s00i044"),
    "sm_sat": ("sm_sat", "vsat", "field332", "m01s00i043"),
    "sm_crit": ("sm_crit", "vcrit", "field330", "m01s00i041"),
    "sm_wilt": ("sm_wilt", "vwilt", "field329", "m01s00i040"),
    "hcap": ("hcap", "field335", "m01s00i046"),
    "hcon": ("hcon", "field336", "m01s00i047"),
    "theta_r": ("theta_r",),
}


def member_maps(folder: Path) -> list[Path]:
    """Files of the members in the folder of an exported map, in order."""
    paths: list[Path] = []
    while (path := folder / MEMBER_MAP.format(len(paths) + 1)).is_file():
        paths.append(path)
    return paths


@dataclass(frozen=True)
class MapField:
    """A variable of a new map: unit, description, sizes of the dimensions before those of the grid, and type."""

    units: str
    long_name: str
    levels: Mapping[str, int] = field(default_factory=dict)
    dtype: str = "f8"
    flags: str = ""


@dataclass(frozen=True, eq=False)
class NewMap:
    """A new file that is being written."""

    file: netCDF4.Dataset = field(repr=False)
    grid: MapGrid

    def write(self, name: str, start: int, stop: int, values: _Array) -> None:
        """Write a range of whole rows of points; ``values`` has shape (level, ..., point)."""
        variable = self.file.variables[name]
        if len(self.grid.shape) == 1:
            variable[..., start:stop] = values
            return
        columns = self.grid.shape[1]
        rows = slice(start // columns, stop // columns)
        variable[..., rows, :] = values.reshape(*values.shape[:-1], -1, columns)


@contextmanager
def new_map(
    path: Path, grid: MapGrid, fields: Mapping[str, MapField], *, attributes: Mapping[str, str]
) -> Iterator[NewMap]:
    """Create a file with the dimensions ``y`` and ``x``, or ``land``, and latitude and longitude.

    Parameters
    ----------
    path : Path
        New file.
    grid : MapGrid
    fields : mapping of str to MapField
    attributes : mapping of str to str
        Attributes of the file.

    Yields
    ------
    NewMap
    """
    dims = ("y", "x") if len(grid.shape) == 2 else ("land",)
    largest = max(8 * grid.size * int(np.prod([*each.levels.values(), 1])) for each in fields.values())
    form: Literal["NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"] = "NETCDF3_64BIT_OFFSET"
    if largest > _LARGEST:
        form = "NETCDF3_64BIT_DATA"
    axes = {dim: grid.axes[old] for old, dim in zip(grid.dims, dims, strict=True) if old in grid.axes and dim != "land"}
    coordinates = {} if grid.latitude is None else _COORDINATES
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.set_fill_off()
        levels = {dim: size for each in fields.values() for dim, size in each.levels.items()}
        for dim, size in (dict(zip(dims, grid.shape, strict=True)) | levels).items():
            file.createDimension(dim, size)
        with _header_space(file):
            for dim, (values, of_axis) in axes.items():
                axis = file.createVariable(dim, "f8", (dim,))
                axis.setncatts(axis_attributes(dim, of_axis))
                axis[:] = values
            for name, position in coordinates.items():
                file.createVariable(name, "f8", dims).setncatts(dict(position))
        for name, each in fields.items():
            _define(file, name, each, dims, " ".join(coordinates))
        file.setncatts(file_attributes("", history="jules-ml export") | dict(attributes))
        written = NewMap(file, grid)
        for start, stop in grid.parts(1 << 18) if coordinates else ():
            for name, points in zip(coordinates, grid.coordinates(start, stop), strict=True):
                written.write(name, start, stop, points)
        yield written


@contextmanager
def _header_space(file: netCDF4.Dataset) -> Iterator[None]:
    """Reserve space for the header of a file: later definitions would otherwise move all values behind it."""
    file.setncattr(_RESERVE, " " * _HEADER)
    yield
    file.delncattr(_RESERVE)


def _define(file: netCDF4.Dataset, name: str, each: MapField, dims: tuple[str, ...], coordinates: str) -> None:
    """Define a variable of a map."""
    fill = FLAG_FILL if each.dtype == "i1" else FILL
    variable = file.createVariable(name, each.dtype, (*each.levels, *dims), fill_value=fill)
    variable.setncatts({"units": each.units, "long_name": each.long_name})
    if coordinates:
        variable.coordinates = coordinates
    if each.flags:
        variable.flag_values = np.arange(len(each.flags.split()), dtype="i1")
        variable.flag_meanings = each.flags


@dataclass(frozen=True, eq=False)
class Template:
    """An ancillary of soil properties whose dimensions, names and other variables a map has.

    Attributes
    ----------
    path : Path
    grid : MapGrid
        Without latitude and longitude if the file has none.
    names : dict of str to str
        Names of its variables by JULES's names of soil properties.
    layers : int
    form : str or None
        Hydraulic form that the file states.
    """

    path: Path
    grid: MapGrid
    names: dict[str, str]
    layers: int
    form: str | None

    def has_soil(self, file: netCDF4.Dataset, start: int, stop: int) -> NDArray[np.bool_]:
        """Points that have a soil: not the sea, and not ice, where JULES expects ``sm_sat`` of 0."""
        values = _read(file.variables[self.names["sm_sat"]], self, start, stop)[0]
        with np.errstate(invalid="ignore"):
            usable: NDArray[np.bool_] = (values > 0.0) & (values < 1.0)
        return usable


def read_template(path: Path, static: MapGrid, form: str) -> Template:
    """Find the soil properties of an ancillary.

    Parameters
    ----------
    path : Path
    static : MapGrid
        Points of the static map, which the ancillary has too if it has no latitude and longitude.
    form : str
        Hydraulic form of the properties that replace those of the ancillary.

    Raises
    ------
    BadInput
        If the file has no soil properties by layer, those of another hydraulic form, or neither coordinates nor the points of the static
        map.
    """
    with open_netcdf(path) as file:
        names = _template_names(file)
        if "sm_sat" not in names:
            raise BadInput(
                f"the file has no soil properties, only {', '.join(file.variables) or 'none'}",
                where=path,
                remedy=f"give an ancillary for JULES_SOIL_PROPS, with {', '.join(LAYERED)}",
            )
        of_file = getattr(file, "hydraulic_form", None)
        if of_file not in (None, form):
            raise BadInput(
                f"its soil properties are of the hydraulic form {of_file}, and the export has {form}",
                where=path,
                remedy=f"give an ancillary of the form {form}: a run has one form at all points",
            )
        sm_sat = file.variables[names["sm_sat"]]
        packed = [name for name in names.values() if "scale_factor" in file.variables[name].ncattrs()]
        if packed:
            raise BadInput(
                "the variable is packed (scale_factor), and would lose digits",
                where=f"{path}, variable {packed[0]}",
                remedy="write it as numbers of 32 or 64 bits",
            )
        grid = grid_of(file, path, required=False)
        if grid is None:
            dims = sm_sat.dimensions[-len(static.shape) :]
            shape = tuple(sm_sat.shape[-len(static.shape) :])
            if shape != static.shape:
                raise BadInput(
                    f"the file has no latitude and longitude, and {' x '.join(map(str, shape))} points where the static map has "
                    f"{' x '.join(map(str, static.shape))}",
                    where=path,
                    remedy="add latitude and longitude to it",
                )
            grid = MapGrid(tuple(dims), shape, None, None, {})
        layers = _layers(file.variables[names["sm_sat"]], grid, path)
        for name in names.values():
            of_name = _layers(file.variables[name], grid, path)
            if of_name != layers:
                raise BadInput(
                    f"the variable has {of_name} layers, and {names['sm_sat']} {layers}",
                    where=f"{path}, variable {name}",
                    remedy="give all soil properties the same layers",
                )
    return Template(path, grid, names, layers, None if of_file is None else str(of_file))


def _layers(variable: netCDF4.Variable[Any], grid: MapGrid, path: Path) -> int:
    """Number of soil layers of a variable."""
    sizes = dict(zip(variable.dimensions, variable.shape, strict=True))
    layers = [n for dim, n in sizes.items() if dim not in grid.dims and n > 1]
    if len(layers) != 1 or not set(grid.dims) <= set(sizes):
        raise BadInput(
            f"the variable has no soil layers on the points of the file: its dimensions are {', '.join(sizes) or 'none'}",
            where=f"{path}, variable {variable.name}",
            remedy="leave out --like: the export then has layers, on the points of --grid",
        )
    return layers[0]


def _template_names(file: netCDF4.Dataset) -> dict[str, str]:
    names: dict[str, str] = {}
    for name, variable in file.variables.items():
        keys = {name.lower(), str(getattr(variable, "um_stash_source", ""))}
        for known, spellings in _NAMES.items():
            if keys & set(spellings):
                names.setdefault(known, name)
    return names


@contextmanager
def copied_map(path: Path, template: Template, *, attributes: Mapping[str, str]) -> Iterator[CopiedMap]:
    """Copy an ancillary, to replace its soil properties in parts; a property that it lacks is added.

    Parameters
    ----------
    path : Path
        New file.
    template : Template
    attributes : mapping of str to str
        Attributes to change in the file.

    Yields
    ------
    CopiedMap
    """
    shutil.copyfile(template.path, path)
    with netCDF4.Dataset(path, "r+") as file:
        file.setncatts(attributes)
        names = dict(template.names)
        like = file.variables[names["sm_sat"]]
        for name, (units, long_name) in (LAYERED | RESIDUAL).items():
            if name not in names:
                names[name] = name
                added = file.createVariable(
                    name, like.dtype, like.dimensions, fill_value=getattr(like, "_FillValue", FILL)
                )
                added.setncatts({"units": units, "long_name": long_name})
        yield CopiedMap(file, template, names)


@dataclass(frozen=True, eq=False)
class CopiedMap:
    """A copy of an ancillary that is being changed."""

    file: netCDF4.Dataset = field(repr=False)
    template: Template
    names: dict[str, str]

    def write(self, name: str, start: int, stop: int, values: _Array, use: NDArray[np.bool_]) -> None:
        """Replace a range of whole rows of points, where ``use``; ``values`` has shape (layer, point)."""
        variable = self.file.variables[self.names[name]]
        variable.set_auto_mask(False)
        part = _read(variable, self.template, start, stop)
        part[:, use] = values[:, use]
        index, order, shape = _layout(variable, self.template, start, stop)
        variable[index] = np.transpose(part.reshape(shape), np.argsort(order))


def _layout(
    variable: netCDF4.Variable[Any], template: Template, start: int, stop: int
) -> tuple[tuple[slice, ...], list[int], tuple[int, ...]]:
    """Index of whole rows, the order of dimensions (others, layer, grid), and the shape of the part in this order."""
    dims = template.grid.dims
    row = template.grid.shape[1] if len(dims) == 2 else 1
    rows = slice(start // row, stop // row)
    index = tuple(rows if dim == dims[0] else slice(None) for dim in variable.dimensions)
    others = [dim for dim in variable.dimensions if dim not in dims]
    # a dimension of time has one value
    others.sort(key=lambda dim: variable.shape[variable.dimensions.index(dim)])
    order = [variable.dimensions.index(dim) for dim in (*others, *dims)]
    sizes = [rows.stop - rows.start if k == variable.dimensions.index(dims[0]) else variable.shape[k] for k in order]
    return index, order, tuple(sizes)


def _read(variable: netCDF4.Variable[Any], template: Template, start: int, stop: int) -> _Array:
    """Values of a range of points with their fill values, shape (layer, point)."""
    variable.set_auto_mask(False)
    index, order, _ = _layout(variable, template, start, stop)
    return np.ascontiguousarray(np.transpose(variable[index], order)).reshape(-1, stop - start)
