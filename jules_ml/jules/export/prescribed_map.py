"""Learned soil moisture on a grid as a file for JULES_PRESCRIBED_DATASET, with a run of the column on that grid as first guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.jules.export.map_points import MapPoints, map_points, required_inputs, with_inputs
from jules_ml.jules.input_files import FILL, sthuf_from_theta
from jules_ml.learned.maps.grid import MapGrid, grid_of
from jules_ml.learned.maps.static import open_netcdf, open_static_map
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.store import load_moisture
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.cf import TIME, axis_attributes, file_attributes
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]

#: File of an exported map.
MOISTURE_MAP: Final = "sthuf.nc"
#: Output of a run on a grid, and what of it is read.
_RUN: Final = "grid.nc"
_WEATHER: Final = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind")
_SOIL: Final = ("sthu", "sthf", "sm_sat")
#: Largest part of the run that is in memory at a time [bytes].
_PART: Final = 64 * 1024**2
#: Largest difference between the middles of a layer of the run and of the module [m].
_SAME_DEPTH: Final = 0.02


@dataclass(frozen=True, eq=False)
class _DailyRun:
    """Daily output of a run on a grid."""

    file: netCDF4.Dataset
    path: Path
    grid: MapGrid = field(repr=False)
    days: pd.DatetimeIndex = field(repr=False)

    def read(self, start: int, stop: int) -> dict[str, _Array]:
        """Values of whole rows of points, shape (day, [layer,] point)."""
        columns = self.grid.shape[1] if len(self.grid.shape) == 2 else 1
        rows = slice(start // columns, stop // columns)
        values = {}
        for name in (*_WEATHER, *_SOIL):
            array = np.ma.filled(np.ma.asarray(self._rows(name, rows), dtype=np.float64), np.nan)
            array = np.where(array < -1.0e19, np.nan, array)
            values[name] = array.reshape(*array.shape[: -len(self.grid.shape)], -1)
        return values

    def parts(self) -> list[tuple[int, int]]:
        """Ranges of whole rows of points whose values are in memory together."""
        of_point = 8 * len(self.days) * (len(_WEATHER) + 2 * len(LAYER_DEPTHS))
        return self.grid.parts(max(_PART // of_point, 1))

    def _rows(self, name: str, rows: slice) -> NDArray[np.floating]:
        variable = self.file.variables[name]
        index = (
            [slice(None)] * (variable.ndim - len(self.grid.shape)) + [rows] + [slice(None)] * (len(self.grid.shape) - 1)
        )
        values: NDArray[np.floating] = variable[tuple(index)]
        return values


@contextmanager
def _daily_run(folder: Path) -> Iterator[_DailyRun]:
    """Open a run on a grid.

    Raises
    ------
    BadInput
        If it lacks a variable, is not daily, or has other soil layers than the module.
    """
    path = folder / _RUN if folder.is_dir() else folder
    with open_netcdf(path) as file:
        missing = [name for name in (*_WEATHER, *_SOIL) if name not in file.variables]
        if missing:
            raise BadInput(
                f"the run has no {', '.join(missing)}",
                where=path,
                remedy="run the grid again with grid.weather = true, and with sthu and sthf among run.outputs",
            )
        bounds = np.asarray(file.variables["time_bounds"][:], dtype=np.float64)
        if not np.allclose(bounds[:, 1] - bounds[:, 0], SECONDS_PER_DAY):
            raise BadInput(
                "its output is not daily means",
                where=path,
                remedy="run the grid again with a run.mean_over of one day, and without grid.monthly",
            )
        depth = np.asarray(file.variables["depth"][:], dtype=np.float64)
        if len(depth) != len(LAYER_DEPTHS) or not np.allclose(depth, LAYER_DEPTHS, rtol=0.0, atol=_SAME_DEPTH):
            raise BadInput(
                f"its soil layers have their middles at {', '.join(f'{d:g}' for d in depth)} m, those of the module at "
                f"{', '.join(f'{d:g}' for d in LAYER_DEPTHS)}",
                where=path,
                remedy="run the grid again with soil.dzsoil = [0.1, 0.25, 0.65, 2.0]",
            )
        grid = grid_of(file, path)
        assert grid is not None
        since = pd.Timestamp(str(file.variables["time"].units).removeprefix("seconds since "))
        days = since + pd.to_timedelta(bounds[:, 0], unit="s")
        yield _DailyRun(file, path, grid, pd.DatetimeIndex(days).normalize())


def export_prescribed_map(
    folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None
) -> Exported:
    """Predict soil moisture at all points of a run on a grid, part by part.

    Parameters
    ----------
    folder : Path
        Module folder of soil moisture.
    out : Path
        Folder for the file.
    request : MapRequest
        ``grid`` and ``run``; ``names`` and ``leave_out`` are used.
    progress : callable, optional
        See :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Exported
        :data:`MOISTURE_MAP`: ``sthuf`` of dimensions (time, soil, y, x).

    Raises
    ------
    BadInput
        If the folder is no moisture module, or cannot predict at new sites; if the run or a file of the map cannot be used.
    """
    ensemble, _ = load_moisture(folder)
    if request.run is None:
        raise BadInput(
            "soil moisture on a grid needs a run as first guess",
            where="--run",
            remedy="give --run with the folder of a run on the grid ('jules-ml run' with [grid] and grid.weather = true)",
        )
    lacks = ("the module has no static inputs", "give a module that was trained with static inputs")
    with (
        _daily_run(request.run) as run,
        open_static_map(request.grid, names=request.names, leave_out=request.leave_out) as static,
    ):
        present = required_inputs(static, ensemble.static, folder, request.grid, without=lacks)
        points = map_points(static, run.grid, run.path)
        predicted = 0
        with _prescribed_file(out / MOISTURE_MAP, run, f"learned soil moisture by {folder.name}") as target:
            for start, stop in run.parts():
                values = _predict_part(ensemble, run, points, start, stop, present)
                predicted += int((values[0, 0] != FILL).sum())
                _write_rows(target, run.grid, start, stop, values)
                if progress is not None:
                    progress("map", stop, run.grid.size)
    if not predicted:
        raise BadInput(
            "no point of the run has static inputs on the map",
            where=", ".join(map(str, request.grid)),
            remedy="check that the maps cover the run",
        )
    notes = [
        *static.notes,
        f"{predicted} of {run.grid.size} points are predicted; the others have the fill value",
        "days are those of the run, in UTC; residual water is not subtracted, as the soil of the run states none",
    ]
    return Exported([out / MOISTURE_MAP], tuple(notes))


def _predict_part(
    ensemble: MoistureEnsemble, run: _DailyRun, points: MapPoints, start: int, stop: int, present: list[str]
) -> _Array:
    """``sthuf`` of a range of points, shape (day, layer, point)."""
    of_run, static = run.read(start, stop), points.read(start, stop)
    result = np.full((len(run.days), len(LAYER_DEPTHS), stop - start), FILL)
    land: NDArray[np.bool_] = np.isfinite(np.concatenate([of_run["sm_sat"], of_run["t_air"]])).all(axis=0)
    for point in np.flatnonzero(land & with_inputs(static, present, land)):
        sm_sat = of_run["sm_sat"][:, point]
        theta = ensemble.layers(_record(run, of_run, static, int(point), sm_sat))
        result[:, :, point] = sthuf_from_theta(theta, sm_sat)
    return result


def _record(
    run: _DailyRun, of_run: Mapping[str, _Array], static: Mapping[str, _Array], point: int, sm_sat: _Array
) -> MoistureRecord:
    """Daily record of a point without measurements."""
    days = len(run.days)
    dynamic = {name: of_run[name][:, point] for name in _WEATHER}
    # sums of a day, as in records of towers
    dynamic["precip"] = dynamic["precip"] * SECONDS_PER_DAY
    return MoistureRecord(
        site="",
        days=run.days,
        dynamic=dynamic,
        jules=(of_run["sthu"][:, :, point] + of_run["sthf"][:, :, point]) * sm_sat,
        static={name: float(values[point]) for name, values in static.items() if np.isfinite(values[point])},
        theta=np.full((days, 0), np.nan),
        usable=np.zeros((days, 0), dtype=bool),
        depth=np.empty(0),
        names=(),
    )


@contextmanager
def _prescribed_file(path: Path, run: _DailyRun, title: str) -> Iterator[netCDF4.Variable[Any]]:
    """Create the file, and put it into place at the end of the block."""
    first = run.days[0]
    with atomic_write(path) as part, netCDF4.Dataset(part, "w", format="NETCDF4") as file:
        file.setncatts(
            file_attributes(f"{title}, for JULES_PRESCRIBED_DATASET", history="jules-ml export")
            | {
                "data_start": f"{first:%Y-%m-%d %H:%M:%S}",
                "data_end": f"{run.days[-1] + pd.Timedelta(days=1):%Y-%m-%d %H:%M:%S}",
                "data_period": SECONDS_PER_DAY,
            }
        )
        for dim, size in zip(("time", "soil", *run.grid.dims), (None, len(LAYER_DEPTHS), *run.grid.shape), strict=True):
            file.createDimension(dim, size)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts(
            {
                **TIME,
                "units": f"seconds since {first:%Y-%m-%d %H:%M:%S}",
                "calendar": "standard",
                "long_name": "start of the day, UTC",
            }
        )
        time[:] = np.arange(len(run.days)) * SECONDS_PER_DAY
        for dim, (values, attributes) in run.grid.axes.items():
            axis = file.createVariable(dim, "f8", (dim,))
            axis.setncatts(axis_attributes(dim, attributes))
            axis[:] = values
        chunks = (1, 1, *run.grid.shape)
        variable = file.createVariable(
            "sthuf", "f8", ("time", "soil", *run.grid.dims), fill_value=FILL, chunksizes=chunks
        )
        variable.setncatts({"units": "1", "long_name": "soil water, liquid and frozen, as a fraction of saturation"})
        yield variable


def _write_rows(target: netCDF4.Variable[Any], grid: MapGrid, start: int, stop: int, values: _Array) -> None:
    """Write whole rows of points, shape (day, layer, point)."""
    columns = grid.shape[1] if len(grid.shape) == 2 else 1
    rows = slice(start // columns, stop // columns)
    shape = (*values.shape[:2], rows.stop - rows.start, *grid.shape[1:])
    target[:, :, rows] = values.reshape(shape)
