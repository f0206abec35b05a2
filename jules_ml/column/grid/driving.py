"""Driving data of land points: netCDF files of JULES, CHESS-met, WFDE5 and the like, read in chunks of time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import netCDF4
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.column.grid.daily import disaggregated, draws, events, normalised_sun
from jules_ml.column.grid.files import LandPoints, PointIndex, opened, point_index, read_points, scale_of, variable_of
from jules_ml.column.grid.series import FileSeries, Piece
from jules_ml.column.grid.time_axis import check_times
from jules_ml.data.model_variables import MODEL_VARIABLES, check_model_values
from jules_ml.errors import BadInput
from jules_ml.experiment.grid import DRIVING, DriveSection
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing
from jules_ml.weather.interpolation import NEEDED, interpolated
from jules_ml.weather.precipitation import rain_and_snow

_Values = NDArray[np.floating]
_Points = NDArray[np.int64]

#: Variables with the range of another one.
_CHECKED_AS: Final = {
    "ls_rain": "tot_rain",
    "con_rain": "tot_rain",
    "ls_snow": "tot_snow",
    "con_snow": "tot_snow",
}


class Window(Protocol):
    """Driving data of some land points over some time steps."""

    def forcing(self, columns: _Points, dtype: torch.dtype) -> Forcing | LandForcing:
        """Return the weather of columns.

        Parameters
        ----------
        columns : array of int, shape (column,)
            Places in the points of the window; one may be repeated.
        dtype : torch.dtype

        Returns
        -------
        Forcing or LandForcing
            Shape (time, ..., column) each.
        """


class Driving(Protocol):
    """Source of driving data, from which a run reads windows one after the other."""

    def window(self, first: int, steps: int, points: _Points) -> Window:
        """Read the data of time steps.

        Parameters
        ----------
        first : int
            First time step, counted from the start of the run.
        steps : int
            Number of time steps.
        points : array of int, shape (point,)
            Numbers of land points.
        """


@dataclass(frozen=True, eq=False)
class FileDriving:
    """Driving data in netCDF files.

    Attributes
    ----------
    section : DriveSection
        ``[grid.drive]`` of the experiment.
    land : LandPoints
    start : Timestamp
        Start of the run, UTC.
    timestep : float
        Of the run [s].
    folder : Path, optional
        Folder of relative names in a list of files; by default that of the list.
    nfiles : int, optional
        Number of files of the list; by default all.
    """

    section: DriveSection
    land: LandPoints
    start: pd.Timestamp
    timestep: float
    folder: Path | None = None
    nfiles: int | None = None
    _indexes: dict[Hashable, PointIndex] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        offset = (self.start - pd.Timestamp(self.section.data_start)).total_seconds()
        where = "[grid.drive] data_period"
        if self.section.data_period % self.timestep or offset % self.timestep:
            raise BadInput(
                f"the time step of {self.timestep:g} s does not divide the interval of the data, {self.section.data_period:g} s, "
                "or the run does not start a whole number of steps after the data",
                where=where,
                remedy="set run.timestep to a value that divides data_period",
            )
        if offset < 0.0:
            raise BadInput(
                f"the run starts at {self.start}, before the data",
                where="[grid.drive] data_start",
                remedy=f"set run.start to {self.section.data_start} or later",
            )

    @cached_property
    def _series(self) -> FileSeries:
        section = self.section
        return FileSeries(
            section.file,
            pd.Timestamp(section.data_start),
            pd.Timedelta(seconds=section.data_period),
            section.read_list,
            self.folder,
            self.nfiles,
        )

    @property
    def per_period(self) -> int:
        """Time steps in a period of the data."""
        return round(self.section.data_period / self.timestep)

    @property
    def _levels(self) -> int:
        """Number of values of the data."""
        length = (self.section.data_end - self.section.data_start).total_seconds()
        return int(length // self.section.data_period)

    def window(self, first: int, steps: int, points: _Points) -> FileWindow:
        """Read the data of time steps; see :meth:`Driving.window`.

        Raises
        ------
        BadInput
            If a file, a variable or a value is missing, a unit or a value is wrong, or the data do not cover the window.
        """
        n = self.per_period
        begin = round((self.start - pd.Timestamp(self.section.data_start)).total_seconds() / self.timestep) + first
        low, high = begin // n, (begin + steps - 1) // n
        if begin < 0:
            raise BadInput(
                f"the run or a cycle of its spin-up starts at {self.start + first * pd.Timedelta(seconds=self.timestep)}, "
                "before the data",
                where="[grid.drive] data_start",
                remedy=f"start the run and its spin-up at {self.section.data_start} or later",
            )
        self._refuse_end(high, first + steps)
        values: dict[str, _Values] = {}
        firsts: dict[str, int] = {}
        for k, name in enumerate(self.section.var):
            before, after = NEEDED[self._flag(k)]
            from_, to = max(low + before, 0), min(high + after, self._levels - 1) + 1
            from_ = min(from_, to - 1)
            values[name], firsts[name] = self._read(k, from_, to, points), from_
        return FileWindow(self, begin, steps, points, values, firsts)

    def paths(self, first: int, stop: int) -> list[Path]:
        """Files of the data of time steps, counted from the start of the run.

        Raises
        ------
        BadInput
            If a file is missing, a name with ``*`` has several, or the run goes on after the data.
        """
        offset = round((self.start - pd.Timestamp(self.section.data_start)).total_seconds() / self.timestep)
        low, high = max((offset + first) // self.per_period, 0), -(-(offset + stop) // self.per_period)
        self._refuse_end(high - 1, stop)
        pieces = self._series.pieces(low, high)
        names = self.section.tpl_name or self.section.var_name or self.section.var
        return sorted({self._series.path(piece, name) for piece in pieces for name in names})

    def _refuse_end(self, level: int, stop: int) -> None:
        """Refuse a step, counted from the start of the run, whose level is after the data."""
        if level >= self._levels:
            raise BadInput(
                f"the run goes on to {self.start + stop * pd.Timedelta(seconds=self.timestep)}, "
                f"after the data, which end at {self.section.data_end}",
                where="[grid.drive] data_end",
                remedy=f"set run.end to {self.section.data_end} or earlier, or correct data_end if the files go on",
            )

    def _flag(self, k: int) -> str:
        return "nf" if self.section.interp is None else self.section.interp[k]

    def _read(self, k: int, first: int, stop: int, points: _Points) -> _Values:
        """Values of variable ``k``, shape (level, point)."""
        section = self.section
        name = (section.var_name or section.var)[k]
        in_files = (section.tpl_name or section.var_name or section.var)[k]
        parts = []
        for piece in self._series.pieces(first, stop):
            path = self._series.path(piece, in_files)
            with opened(path) as file:
                parts.append(self._read_piece(file, path, piece, name, section.var[k], points))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _read_piece(
        self, file: netCDF4.Dataset, path: Path, piece: Piece, name: str, in_jules: str, points: _Points
    ) -> _Values:
        variable = variable_of(file, name, path, key="var_name of [grid.drive]")
        check_times(file, variable, path, piece, self._series.period)
        # all files of a variable have the same grid
        key = (name, tuple(zip(variable.dimensions[1:], variable.shape[1:], strict=True)))
        if key not in self._indexes:
            self._indexes[key] = point_index(file, name, path, self.land)
        index = self._indexes[key]
        values = read_points(variable, index, points, slice(piece.first, piece.first + piece.count))
        scale = scale_of(variable, DRIVING[in_jules], f"{path}, variable {name}")
        if scale is not None:
            values = (values * scale[0] + scale[1]).astype(values.dtype)
        missing = np.isnan(values)
        if missing.any():
            level, point = (int(x[0]) for x in np.nonzero(missing))
            at = points[point]
            raise BadInput(
                f"{int(missing.any(axis=0).sum())} land points have missing values, the first at {self.land.latitude[at]:.4f}, "
                f"{self.land.longitude[at]:.4f} at time level {piece.first + level + 1}",
                where=f"{path}, variable {name}",
                remedy="give data at all land points, or leave these points out with grid.land_frac",
            )
        known = MODEL_VARIABLES.get(_CHECKED_AS.get(in_jules, in_jules))
        # the extremes first, which needs no memory
        if known is not None and known.problem([values.min(), values.max()]):
            check_model_values(known.name, values, where=path)
        # small negative values come from the processing of satellite data
        return np.maximum(values, 0.0) if in_jules == "sw_down" else values


@dataclass(frozen=True, eq=False)
class FileWindow:
    """Values of driving data around a window of time steps; see :class:`Window`.

    Attributes
    ----------
    driving : FileDriving
    begin, steps : int
        First step, counted from the start of the data, and their number.
    points : array of int, shape (point,)
        Numbers of land points.
    values : dict of str to array, shape (level, point)
    firsts : dict of str to int
        Level of the first value of each variable.
    """

    driving: FileDriving
    begin: int
    steps: int
    points: _Points = field(repr=False)
    values: dict[str, _Values] = field(repr=False)
    firsts: dict[str, int] = field(repr=False)

    def forcing(self, columns: _Points, dtype: torch.dtype) -> Forcing:
        """Weather of columns; see :meth:`Window.forcing`."""
        section = self.driving.section
        if section.l_daily_disagg:
            by_name = self._disaggregated(columns)
        else:
            steps = self.begin + np.arange(self.steps)
            by_name = {name: self._at(k, name, steps, columns) for k, name in enumerate(section.var)}
            by_name |= self._wind(by_name) | self._rain(by_name)
        chosen = (by_name[name] for name in ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q"))
        return Forcing(*(torch.tensor(x, dtype=dtype) for x in chosen))

    def _at(self, k: int, name: str, steps: _Points, columns: _Points) -> _Values:
        """Values of a variable at steps, counted from the start of the data, shape (step, column)."""
        n = self.driving.per_period
        flag = self.driving._flag(k)
        level, within = np.divmod(steps, n)
        before, after = NEEDED[flag]
        # beyond the data their first and last values are held
        first, last = int(level[0]) + before, int(level[-1]) + after
        rows = np.clip(np.arange(first, last + 1) - self.firsts[name], 0, len(self.values[name]) - 1)
        records = self.values[name][np.ix_(rows, columns)]
        if before == after:
            # a value that is held keeps the precision of the file
            return np.asarray(records[level + before - first])
        values = interpolated(
            records.astype(np.float64), level - first, flag, np.full(len(records), n), within.astype(np.float64)
        )
        return np.asarray(values)

    def _wind(self, by_name: dict[str, _Values]) -> dict[str, _Values]:
        if "wind" in by_name:
            return {}
        return {"wind": np.sqrt(by_name["u"] ** 2 + by_name["v"] ** 2)}

    def _rain(self, by_name: dict[str, _Values]) -> dict[str, _Values]:
        return rain_and_snow(by_name, self.driving.section.t_for_snow)

    def _disaggregated(self, columns: _Points) -> dict[str, _Values]:
        """Daily data as time steps; the data begin at midnight."""
        driving, section = self.driving, self.driving.section
        per_day = driving.per_period
        first, stop = self.begin // per_day, -(-(self.begin + self.steps) // per_day)
        levels = np.arange(first, stop)
        days = pd.DatetimeIndex(pd.Timestamp(section.data_start) + levels * pd.Timedelta(days=1))
        daily = {name: self._at(k, name, levels * per_day, columns) for k, name in enumerate(section.var)}
        daily |= self._wind(daily)
        points = self.points[columns]
        sun, warmest = normalised_sun(
            days, driving.land.latitude[points], driving.land.longitude[points], per_day=per_day
        )
        steps = disaggregated(
            {name: values.astype(np.float64) for name, values in daily.items()},
            sun,
            warmest,
            const_rh=section.l_disagg_const_rh,
            timestep=driving.timestep,
        )
        steps |= self._events(daily, days, points, per_day)
        cut = slice(self.begin - first * per_day, self.begin - first * per_day + self.steps)
        return {name: values.reshape(-1, len(columns))[cut] for name, values in steps.items()}

    def _events(
        self, daily: dict[str, _Values], days: pd.DatetimeIndex, points: _Points, per_day: int
    ) -> dict[str, _Values]:
        section = self.driving.section
        durations = {
            "ls_rain": section.dur_ls_rain,
            "con_rain": section.dur_conv_rain,
            "ls_snow": section.dur_ls_snow,
            "con_snow": section.dur_conv_snow,
        }
        parts = {name: daily[name] for name in durations if name in daily}
        whole = daily | self._rain(daily)
        for name in ("ls_rain", "ls_snow"):
            parts.setdefault(name, whole[f"tot_{name[3:]}"])
        starts = draws(days, points, self.driving.land.size, seed=section.seed, kinds=len(durations))
        shape = (len(days), per_day, len(points))
        total: dict[str, Any] = {"tot_rain": np.zeros(shape), "tot_snow": np.zeros(shape)}
        for start, (name, duration) in zip(starts, durations.items(), strict=True):
            if name not in parts:
                continue
            hours = 24.0 if section.precip_disagg_method == 1 else duration * 24.0 / SECONDS_PER_DAY
            total[f"tot_{name.split('_')[1]}"] += events(parts[name], start, per_day=per_day, duration=hours)
        return total
