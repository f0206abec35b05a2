"""Output of a run on a grid as maps: a CF netCDF file or a Zarr store, written in parts from the files of the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.column.grid.blocks import Block, BlockFiles
from jules_ml.column.grid.files import LandPoints
from jules_ml.column.output import LAND_OUTPUTS, OUTPUTS, TOPMODEL_OUTPUTS, Output
from jules_ml.data.variables import VARIABLES
from jules_ml.physics.soil_names import LAYERED
from jules_ml.support.cf import LATITUDE, LONGITUDE, TIME, axis_attributes

#: Value of points without land, JULES's own missing value.
FILL: Final = np.float32(-1.0e20)
#: Largest part of a variable that is in memory at a time [bytes].
_PART: Final = 32 * 1024**2


@dataclass(frozen=True, eq=False)
class Layout:
    """Variables of the output of a run on a grid.

    Attributes
    ----------
    land : LandPoints
    blocks : tuple of Block
    rows : dict of str to int
        Number of rows of each output in the files of the blocks.
    bounds : list of Timestamp
        Start of the first period, and the ends of all.
    dzsoil : tuple of float
        Thickness of the soil layers [m].
    attrs : mapping of str to str
        Attributes of the file.
    sm_sat : array, shape (soil, point), optional
        Water content at saturation [m3 m-3], written beside the outputs.
    types : tuple of str
        Names of the surface types of outputs by tile or PFT.
    """

    land: LandPoints = field(repr=False)
    blocks: tuple[Block, ...] = field(repr=False)
    rows: dict[str, int]
    bounds: Sequence[pd.Timestamp] = field(repr=False)
    dzsoil: tuple[float, ...] = ()
    attrs: Mapping[str, str] = field(default_factory=dict)
    sm_sat: NDArray[np.float32] | None = field(default=None, repr=False)
    types: tuple[str, ...] = ()

    @property
    def periods(self) -> int:
        """Number of output periods."""
        return len(self.bounds) - 1

    @property
    def step(self) -> int:
        """Periods of one part of the output: constant, so that ranks write whole chunks of a store."""
        return max(min(_PART // (4 * self.land.grid.size), self.periods, 64), 1)

    @property
    def parts(self) -> list[tuple[int, int]]:
        """Ranges of periods that are written together."""
        return [(first, min(first + self.step, self.periods)) for first in range(0, self.periods, self.step)]

    def second_dim(self, name: str) -> str | None:
        """Dimension of the rows of an output: ``soil``, ``tile`` or ``pft``; None if it has none."""
        return next(iter(_output(name).dims[1:]), None)

    def dims(self, name: str) -> tuple[str, ...]:
        """Dimensions of an output."""
        second = self.second_dim(name)
        return ("time", *([] if second is None else [second]), *self.land.grid.dims)

    def variable_attrs(self, name: str) -> dict[str, str]:
        """Attributes of an output."""
        return _output(name).attributes | {"cell_methods": "time: mean"}

    def coordinates(self) -> Iterator[tuple[str, tuple[str, ...], NDArray[Any], dict[str, Any]]]:
        """Yield name, dimensions, values and attributes of the coordinate variables."""
        since = f"seconds since {self.bounds[0]:%Y-%m-%d %H:%M:%S}"
        seconds = np.array([(each - self.bounds[0]).total_seconds() for each in self.bounds])
        time = {**TIME, "units": since, "calendar": "standard", "bounds": "time_bounds"}
        yield "time", ("time",), seconds[1:], time | {"long_name": "end of the period, UTC"}
        bounds = np.stack([seconds[:-1], seconds[1:]], axis=1)
        yield "time_bounds", ("time", "bounds"), bounds, {}
        thickness = np.asarray(self.dzsoil)
        middle = np.cumsum(thickness) - thickness / 2
        depth = {"units": "m", "positive": "down", "standard_name": "depth", "long_name": "middle of soil layer"}
        yield "depth", ("soil",), middle, depth
        yield "dzsoil", ("soil",), thickness, {"units": "m", "long_name": "thickness of soil layer"}
        for dim in sorted({self.second_dim(name) or "" for name in self.rows} & {"tile", "pft"}):
            size = next(self.rows[name] for name in self.rows if self.second_dim(name) == dim)
            numbers = np.arange(1, size + 1, dtype=np.int32)
            meanings = " ".join(name.replace(" ", "_") for name in self.types[:size])
            flags = {"long_name": "surface type", "flag_values": numbers, "flag_meanings": meanings}
            yield dim, (dim,), numbers, flags
        if self.sm_sat is not None:
            units, long_name = LAYERED["sm_sat"]
            maps = self.on_map(self.sm_sat[None])[0]
            attrs: dict[str, Any] = {"units": units, "long_name": long_name, "missing_value": FILL}
            yield "sm_sat", ("soil", *self.land.grid.dims), maps, attrs
        yield from self._of_grid()

    def _of_grid(self) -> Iterator[tuple[str, tuple[str, ...], NDArray[Any], dict[str, Any]]]:
        grid = self.land.grid
        for dim, (values, attrs) in grid.axes.items():
            yield dim, (dim,), values, axis_attributes(dim, attrs)
        latitude, longitude = grid.latitude, grid.longitude
        assert latitude is not None
        assert longitude is not None
        dims = (grid.dims[:1], grid.dims[1:]) if grid.regular else (grid.dims, grid.dims)
        for name, values, attrs, own in (
            ("latitude", latitude, dict(LATITUDE), dims[0]),
            ("longitude", longitude, dict(LONGITUDE), dims[1]),
        ):
            if name not in grid.axes:
                yield name, own, values, attrs

    def points(self, files: BlockFiles, name: str, first: int, stop: int) -> NDArray[np.float32]:
        """Values of an output at the land points, shape (period, row, point)."""
        rows, row = sum(self.rows.values()), 0
        for each, count in self.rows.items():
            if each == name:
                break
            row += count
        values = np.empty((stop - first, self.rows[name], self.land.size), dtype=np.float32)
        for block in self.blocks:
            saved = np.memmap(files.output(block), np.float32, "r", shape=(self.periods, rows, block.size))
            values[:, :, block.start : block.stop] = saved[first:stop, row : row + self.rows[name]]
        return values

    def on_map(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put values of the land points, shape (period, row, point), on the grid."""
        maps = np.full((*values.shape[:2], self.land.grid.size), FILL, dtype=np.float32)
        maps[:, :, self.land.number] = values
        return maps.reshape(*values.shape[:2], *self.land.grid.shape)


def _output(name: str) -> Output:
    """Units, names and dimensions of an output."""
    outputs = OUTPUTS | LAND_OUTPUTS | TOPMODEL_OUTPUTS
    if name in outputs:
        return outputs[name]
    weather = VARIABLES[name]
    return Output(weather.units, weather.long_name, weather.standard_name)


@dataclass(eq=False)
class Means:
    """Means of the top row of each output over the land, and over time.

    Attributes
    ----------
    series : dict of str to array, shape (period,)
        Mean over the land points, weighted by the cosine of latitude.
    total : dict of str to array, shape (point,)
        Sum over the periods.
    """

    series: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    total: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, layout: Layout, name: str, first: int, values: NDArray[np.float32]) -> None:
        """Add periods from ``first`` on, shape (period, row, point)."""
        top = values[:, 0].astype(np.float64)
        weight = np.cos(np.radians(layout.land.latitude))
        self.series.setdefault(name, np.zeros(layout.periods))[first : first + len(top)] = top @ (weight / weight.sum())
        self.total[name] = self.total.get(name, 0.0) + top.sum(axis=0)

    def join(self, other: Means) -> None:
        """Add the means of other periods."""
        for name, series in other.series.items():
            self.series[name] = self.series.get(name, 0.0) + series
            self.total[name] = self.total.get(name, 0.0) + other.total[name]


def write_netcdf(
    layout: Layout, files: BlockFiles, path: Path, *, on_part: Callable[[int, int], None] | None = None
) -> Means:
    """Write all outputs to a netCDF file; the caller puts it into place.

    Parameters
    ----------
    layout : Layout
    files : BlockFiles
    path : Path
        New file.
    on_part : callable, optional
        Called with the number of parts done and of all.

    Returns
    -------
    Means
    """
    means = Means()
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts(dict(layout.attrs))
        for dim, size in _sizes(layout).items():
            # unlimited as in JULES's output: then time comes before tiles in the order of dimensions that the conventions recommend
            file.createDimension(dim, None if dim == "time" else size)
        for name, dims, values, attrs in layout.coordinates():
            coordinate = file.createVariable(name, values.dtype, dims)
            coordinate.setncatts(attrs)
            coordinate[...] = values
        for name in layout.rows:
            chunks = (layout.step, *([1] if layout.second_dim(name) else []), *layout.land.grid.shape)
            variable = file.createVariable(
                name,
                "f4",
                layout.dims(name),
                fill_value=FILL,
                compression="zlib",
                complevel=1,
                shuffle=True,
                chunksizes=chunks,
            )
            variable.setncatts(layout.variable_attrs(name) | _coordinates_attribute(layout))
        for done, (first, stop) in enumerate(layout.parts):
            for name in layout.rows:
                values = layout.points(files, name, first, stop)
                means.add(layout, name, first, values)
                for row in range(layout.rows[name]):
                    maps = layout.on_map(values[:, row : row + 1])[:, 0]
                    if layout.second_dim(name) is None:
                        file.variables[name][first:stop] = maps
                    else:
                        file.variables[name][first:stop, row] = maps
            if on_part is not None:
                on_part(done + 1, len(layout.parts))
    return means


def _sizes(layout: Layout) -> dict[str, int]:
    sizes = {"time": layout.periods, "bounds": 2, "soil": len(layout.dzsoil)}
    sizes |= {dim: layout.rows[name] for name in layout.rows if (dim := layout.second_dim(name)) is not None}
    return sizes | dict(zip(layout.land.grid.dims, layout.land.grid.shape, strict=True))


def _coordinates_attribute(layout: Layout) -> dict[str, str]:
    """Attribute ``coordinates``, where latitude and longitude are not coordinate variables."""
    return (
        {}
        if layout.land.grid.regular and layout.land.grid.dims == ("latitude", "longitude")
        else {"coordinates": "latitude longitude"}
    )


def create_zarr(layout: Layout, path: Path) -> None:
    """Create a Zarr store without the values of the outputs."""
    import zarr

    group = zarr.open_group(path, mode="w")
    group.attrs.update(layout.attrs)
    for name, dims, values, attrs in layout.coordinates():
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, dimension_names=dims)
        array[...] = values
        array.attrs.update({key: _plain(value) for key, value in attrs.items()})
    sizes = _sizes(layout)
    for name in layout.rows:
        dims = layout.dims(name)
        chunks = (layout.step, *([1] if layout.second_dim(name) else []), *layout.land.grid.shape)
        array = group.create_array(
            name,
            shape=[sizes[dim] for dim in dims],
            chunks=chunks,
            dtype="float32",
            fill_value=FILL,
            dimension_names=dims,
        )
        attrs = layout.variable_attrs(name) | _coordinates_attribute(layout)
        array.attrs.update({**attrs, "missing_value": float(FILL)})


def write_zarr_parts(
    layout: Layout,
    files: BlockFiles,
    path: Path,
    parts: Sequence[tuple[int, int]],
    *,
    on_part: Callable[[int, int], None] | None = None,
) -> Means:
    """Write some parts of the outputs to a Zarr store. Ranks may write different parts at once, as each is in chunks of its own."""
    import zarr

    means = Means()
    group = zarr.open_group(path, mode="r+")
    for done, (first, stop) in enumerate(parts):
        for name in layout.rows:
            values = layout.points(files, name, first, stop)
            means.add(layout, name, first, values)
            maps = layout.on_map(values)
            target: Any = group[name]
            target[first:stop] = maps[:, 0] if layout.second_dim(name) is None else maps
        if on_part is not None:
            on_part(done + 1, len(parts))
    return means


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
