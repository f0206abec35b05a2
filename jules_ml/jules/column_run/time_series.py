"""Time series of a run folder at the time steps of the model: driving data of one point, and prescribed data of one or of land points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.column.grid.files import TIME, LandPoints, series_at_points
from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import netcdf_names, read_netcdf
from jules_ml.data.readers.driving_rows import data_rows
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.one_point import at_point
from jules_ml.jules.moments import parse_moment
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.series_files import file_of_variable, listed_files, template_files
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list
from jules_ml.weather.interpolation import NEEDED, interpolated

_Array = NDArray[np.float64]
_MONTH, _YEAR = -1, -2
_DATES: Final = "correct data_start, data_end and data_period, or provide the file for the complete run"


@dataclass(frozen=True)
class SeriesFiles:
    """Group of JULES_DRIVE or JULES_PRESCRIBED_DATASET of a run.

    Attributes
    ----------
    run : RunFolder
    entries : mapping
        Entries of the group.
    where : str
        Place of the group, for messages.
    sizes : mapping of str to int
        Number of values of each variable at a point.
    points : LandPoints, optional
        Points of a grid; by default the run has one point.
    """

    run: RunFolder
    entries: Mapping[str, Any]
    where: str
    sizes: Mapping[str, int]
    points: LandPoints | None = None

    @property
    def variables(self) -> list[ListedVariable]:
        """Variables of the group."""
        return read_list(self.entries)

    def flag(self, position: int) -> str:
        """Return the interpolation flag of a variable, ``nf`` if none is given.

        Raises
        ------
        BadInput
            If JULES has no such flag.
        """
        given = self.entries.get("interp")
        flags = given if isinstance(given, list) else [given]
        flag = str((flags[position] if position < len(flags) else None) or "").strip()
        if flag not in NEEDED:
            raise BadInput(
                f"interp of {self.variables[position].name} is {flag!r}",
                where=self.where,
                remedy=f"choose among {', '.join(NEEDED)}",
            )
        return flag

    def moment(self, name: str) -> datetime:
        """Return a time of the group.

        Raises
        ------
        BadInput
            If it is no time.
        """
        try:
            moment: datetime = parse_moment(str(self.entries.get(name)), "standard")
        except ValueError as error:
            raise BadInput(str(error), where=self.where, remedy=f"write {name} = 'YYYY-MM-DD hh:mm:ss'") from error
        return moment


def series_at_steps(files: SeriesFiles, steps: pd.DatetimeIndex) -> dict[str, _Array]:
    """Read the variables of a group, and interpolate them in time.

    Parameters
    ----------
    files : SeriesFiles
    steps : DatetimeIndex, shape (step,)
        Start of each time step, at equal intervals.

    Returns
    -------
    dict of str to array, shape (step, value), or (step, value, point) for points of a grid
        By JULES's names, in the units of the files.

    Raises
    ------
    BadInput
        If a file or a variable is missing, the data do not cover the steps or have another time step, or a value is impossible.
    """
    flags = [files.flag(position) for position in range(len(files.variables))]
    length = steps[1] - steps[0] if len(steps) > 1 else pd.Timedelta(seconds=files.run.timestep)
    _refuse_times(files, steps, length)
    first, last = (min(NEEDED[f][0] for f in flags), max(NEEDED[f][1] for f in flags))
    times = _record_times(files, steps, first, last)
    index = np.searchsorted(times, steps.to_numpy(), side="right") - 1
    per_record = np.rint(np.diff(times) / length.to_timedelta64()).astype(np.int64)
    since = np.rint((steps.to_numpy() - times[index]) / length.to_timedelta64())
    records = _records(files, pd.DatetimeIndex(times))
    return {
        variable.name: interpolated(records[variable.name], index, flag, np.append(per_record, per_record[-1]), since)
        for variable, flag in zip(files.variables, flags, strict=True)
    }


def _refuse_times(files: SeriesFiles, steps: pd.DatetimeIndex, length: pd.Timedelta) -> None:
    """Refuse data that do not cover the steps, or whose records are no whole number of steps apart."""
    start, end = pd.Timestamp(files.moment("data_start")), pd.Timestamp(files.moment("data_end"))
    period = _period(files)
    if period > 0 and pd.Timedelta(seconds=period) < length:
        raise BadInput(
            f"data_period is shorter than the time step of {length}",
            where=files.where,
            remedy="average the data to the time step",
        )
    if period > 0 and pd.Timedelta(seconds=period) % length:
        raise BadInput(
            f"data_period is {period} s, no whole number of time steps of {length}",
            where=files.where,
            remedy="correct data_period, or choose timestep_len so that time steps fit into it",
        )
    if period > 0 and (steps[0] - start) % length:
        raise BadInput(
            f"data_start is {start}, no whole number of time steps of {length} from the start of the run",
            where=files.where,
            remedy="correct data_start, or the start of the run",
        )
    if not files.entries.get("is_climatology") and (steps[0] < start or steps[-1] >= end):
        raise BadInput(
            f"the data are from {start} to {end}, and the run needs them from {steps[0]} to {steps[-1] + length}",
            where=files.where,
            remedy=_DATES,
        )


def _period(files: SeriesFiles) -> int:
    period = files.entries.get("data_period")
    if not isinstance(period, int) or isinstance(period, bool) or period == 0 or period < _YEAR:
        raise BadInput(
            f"data_period is {period!r}", where=files.where, remedy="give seconds, -1 for months or -2 for years"
        )
    return period


def _record_times(files: SeriesFiles, steps: pd.DatetimeIndex, first: int, last: int) -> NDArray[np.datetime64]:
    """Times of the records that the steps need, and of one more, the end of the last."""
    start, period = pd.Timestamp(files.moment("data_start")), _period(files)
    begin, end = steps[0], steps[-1]
    # a month's or a year's record is that of its first day, whatever the day of data_start
    start = start.normalize().replace(day=1) if period < 0 else start
    start = start.replace(month=1) if period == _YEAR else start
    if period == _YEAR:
        low, high = begin.year - start.year, end.year - start.year
    elif period == _MONTH:
        low, high = (12 * (t.year - start.year) + t.month - start.month for t in (begin, end))
    else:
        low, high = (int((t - start) // pd.Timedelta(seconds=period)) for t in (begin, end))
    numbers = range(low + first, high + last + 2)
    offsets: list[Any] = [
        pd.DateOffset(years=k)
        if period == _YEAR
        else pd.DateOffset(months=k)
        if period == _MONTH
        else pd.Timedelta(seconds=period * k)
        for k in numbers
    ]
    return np.array([(start + offset).to_datetime64() for offset in offsets])


def _records(files: SeriesFiles, times: pd.DatetimeIndex) -> dict[str, _Array]:
    """Records of each variable at the times but the last, which is an end; shape (record, value).

    Where interpolation needs a record before the data or after them, for which JULES stops, the first or the last one is repeated. The
    steps themselves are within the data.
    """
    start, end = pd.Timestamp(files.moment("data_start")), pd.Timestamp(files.moment("data_end"))
    if files.entries.get("is_climatology"):
        # the same dates in the year of the data
        wanted = pd.DatetimeIndex([_in_year(t, start, end) for t in times])
    else:
        inside = times[(times >= start) & (times < end)]
        if not len(inside):
            raise BadInput(f"the data are from {start} to {end}", where=files.where, remedy=_DATES)
        wanted = pd.DatetimeIndex(np.clip(times.to_numpy(), inside[0].to_numpy(), inside[-1].to_numpy()))
    result: dict[str, _Array] = {}
    for names in _together(files):
        stamps, values = _read(files, names, wanted)
        positions = pd.Index(stamps).get_indexer(wanted)
        if (positions < 0).any():
            lacking = wanted[positions < 0][0]
            raise BadInput(
                f"there is no record of {', '.join(v.name for v in names)} for {lacking}",
                where=files.where,
                remedy=_DATES,
            )
        for variable in names:
            chosen = values[variable.name][positions]
            check_model_values(variable.name, chosen, where=files.where)
            result[variable.name] = chosen
    return result


def _in_year(time: pd.Timestamp, start: pd.Timestamp, end: pd.Timestamp) -> pd.Timestamp:
    """The same time of the year within the data of a climatology; 29 February is 28 February where the year has none."""
    for year in range(start.year, end.year + 1):
        day = (
            28
            if (time.month, time.day) == (2, 29) and not pd.Timestamp(year=year, month=1, day=1).is_leap_year
            else time.day
        )
        same = time.replace(year=year, day=day)
        if start <= same < end:
            return same
    return time


def _together(files: SeriesFiles) -> Iterable[list[ListedVariable]]:
    """Variables that are in one file: each alone with ``%vv`` in the name, otherwise all."""
    several = "%vv" in str(files.entries.get("file"))
    return [[variable] for variable in files.variables] if several else [files.variables]


def _read(
    files: SeriesFiles, variables: Sequence[ListedVariable], wanted: pd.DatetimeIndex
) -> tuple[pd.DatetimeIndex, dict[str, _Array]]:
    """Times and values of the files that have the wanted times."""
    stamps: list[pd.Timestamp] = []
    values: dict[str, list[_Array]] = {variable.name: [] for variable in variables}
    for name, start in _files(files, wanted):
        path = files.run.folder / file_of_variable(name, variables[0])
        if not path.is_file():
            raise BadInput("there is no such file", where=path, remedy="correct 'file' in the namelist, or provide it")
        columns = _columns(files, path, variables)
        count = len(next(iter(columns.values())))
        stamps += _stamps(pd.Timestamp(start), count, _period(files))
        for variable, series in columns.items():
            values[variable].append(series)
    index = pd.DatetimeIndex(stamps)
    # a file is read up to the start of the next one
    kept = ~index.duplicated(keep="last")
    return index[kept], {variable: np.concatenate(parts)[kept] for variable, parts in values.items()}


def _files(files: SeriesFiles, wanted: pd.DatetimeIndex) -> list[tuple[str, datetime]]:
    """Names of the files with the wanted times, and the time of the first record of each."""
    file = str(files.entries.get("file") or "")
    start, end = files.moment("data_start"), files.moment("data_end")
    if files.entries.get("read_list"):
        listed = [(each.name, each.time()) for each in listed_files(files.run.folder / file, files.entries)]
        if not listed:
            raise BadInput(
                "there are no files in the list, or nfiles is 0",
                where=files.where,
                remedy="give nfiles, or read_list = F",
            )
        ends = [*(moment for _, moment in listed[1:]), pd.Timestamp(end)]
        return [
            (name, moment.to_pydatetime())
            for (name, moment), stop in zip(listed, ends, strict=True)
            if ((wanted >= moment) & (wanted < stop)).any()
        ]
    if not file:
        raise BadInput("no file is given", where=files.where, remedy="give file")
    last = wanted.max().to_pydatetime() + timedelta(seconds=1)
    return [
        (name, max(moment, start)) for name, moment in template_files(file, wanted.min().to_pydatetime(), last, start)
    ]


def _stamps(start: pd.Timestamp, count: int, period: int) -> list[pd.Timestamp]:
    if period > 0:
        return list(pd.date_range(start, periods=count, freq=pd.Timedelta(seconds=period)))
    return [start + (pd.DateOffset(months=k) if period == _MONTH else pd.DateOffset(years=k)) for k in range(count)]


def _columns(files: SeriesFiles, path: Path, variables: Sequence[ListedVariable]) -> dict[str, _Array]:
    """All records of a file."""
    if files.points is not None:
        return _of_points(files, path, variables, files.points)
    return _netcdf(files, path, variables) if is_netcdf(path.name) else _rows(files, path, variables)


def _rows(files: SeriesFiles, path: Path, variables: Sequence[ListedVariable]) -> dict[str, _Array]:
    """Read the columns of an ASCII file, in the order of the variables."""
    sizes = [files.sizes.get(variable.name, 1) for variable in variables]
    width = sum(sizes)
    rows = []
    with path.open(encoding="utf-8", errors="replace") as text:
        for number, line, cells in data_rows(text):
            words = cells if "," not in line else line.replace(",", " ").split()
            try:
                rows.append([float(word) for word in words[:width]])
            except ValueError as error:
                raise BadInput(str(error), where=f"{path}, line {number}", remedy="correct the number") from error
            if len(words) < width:
                raise BadInput(
                    f"the line has {len(words)} numbers, and {', '.join(v.name for v in variables)} need {width}",
                    where=f"{path}, line {number}",
                    remedy="give all variables on each line, in the order of var",
                )
    table = np.array(rows, dtype=np.float64).reshape(-1, width)
    ends = np.cumsum(sizes)
    return {v.name: table[:, stop - n : stop] for v, n, stop in zip(variables, sizes, ends, strict=True)}


def _netcdf(files: SeriesFiles, path: Path, variables: Sequence[ListedVariable]) -> dict[str, _Array]:
    """Read the variables of a netCDF file; JULES counts its times and does not read them."""
    names = {variable.name: variable.var_name or variable.name for variable in variables}
    with _missing_with_its_key(path, names, files.where):
        ds = read_netcdf(path, kind="a time series of JULES", variables=list(names.values()))
    result = {}
    for name, in_file in names.items():
        result[name] = at_point(ds[in_file], files.run, path, time=True)
        _refuse_size(in_file, result[name].shape[1], files.sizes.get(name, 1), path)
    return result


def _of_points(
    files: SeriesFiles, path: Path, variables: Sequence[ListedVariable], points: LandPoints
) -> dict[str, _Array]:
    """Read the variables of a netCDF file at points of a grid; shape (record, value, point)."""
    if not is_netcdf(path.name):
        raise BadInput(
            "a text file has the data of one point, and the run has a grid", where=path, remedy="give a netCDF file"
        )
    result = {}
    for variable in variables:
        in_file = variable.var_name or variable.name
        with _missing_with_its_key(path, {variable.name: in_file}, files.where):
            values = series_at_points(path, in_file, points, times=(files.run.grid.time_dim, *TIME))
        _refuse_size(in_file, values.shape[1], files.sizes.get(variable.name, 1), path)
        if not np.isfinite(values).all():
            raise BadInput(f"{in_file} is missing at land points", where=path, remedy="fill the missing values")
        result[variable.name] = values
    return result


def _refuse_size(in_file: str, size: int, expected: int, path: Path) -> None:
    if size != expected:
        raise BadInput(
            f"{in_file} has {size} values at a time, and the run {expected}",
            where=path,
            remedy="correct the numbers of layers and types of the run, or the file",
        )


@contextmanager
def _missing_with_its_key(path: Path, names: Mapping[str, str], where: str) -> Iterator[None]:
    """Refuse a netCDF file without one of the variables, naming the key of the namelist; other refusals are not changed."""
    try:
        yield
    except BadInput:
        present = netcdf_names(path)
        for name, in_file in names.items():
            if present and in_file not in present:
                raise BadInput(
                    f"the file has no variable {in_file} for {name}, only {', '.join(present)}",
                    where=path,
                    remedy=f"correct var_name in {where}, or give a file with the variable",
                ) from None
        raise
