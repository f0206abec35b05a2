"""Start, period and number of the times of a file of prescribed data, in the calendar of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.data.periods import averaging_periods, bounds_name
from jules_ml.data.times import GREGORIAN, calendar_of, elapsed, has_time_units
from jules_ml.errors import BadInput
from jules_ml.jules.moments import Moment, moment_of_elapsed, parse_moment


def prescribed_times(ds: xr.Dataset, names: Sequence[str], file: Path, calendar: str) -> tuple[Moment, float, int]:
    """Read when the values of a file apply.

    JULES counts the values of prescribed data from ``data_start`` on and does not read their times. A mean applies from the start of its
    period on: in output of JULES, which is stamped at the end, that is the first of the bounds. A value at a point of time
    (``cell_methods = "time: point"``) applies from its stamp on.

    Parameters
    ----------
    ds : xarray.Dataset
        File with time not decoded.
    names : sequence of str
        Variables that are prescribed.
    file : Path
        Its path, for error messages.
    calendar : str
        Calendar of the run; see :func:`~jules_ml.jules.moments.calendar_of_run`.

    Returns
    -------
    start : Moment
        ``data_start``.
    period : float
        ``data_period`` [s].
    n : int
        Number of times.

    Raises
    ------
    BadInput
        If the file has no dimension of time or another calendar than the run, or its step is not constant.
    """
    time = next((str(dim) for dim in ds.dims if _is_time(ds, str(dim))), None)
    if time is None:
        raise BadInput(
            f"the file has no dimension of time, only {', '.join(map(str, ds.dims))}",
            where=file,
            remedy="give (time, soil, …)",
        )
    n = ds.sizes[time]
    has_stamps = time in ds.variables and has_time_units(ds[time].attrs)
    if has_stamps:
        _refuse_other_calendar(calendar_of(ds[time].attrs), calendar, f"{file}, variable {time}")
    if {"data_start", "data_period"} <= set(ds.attrs):
        return _stated_start(str(ds.attrs["data_start"]), calendar, file), float(ds.attrs["data_period"]), n
    starts = _starts(ds, time, names, file) if has_stamps else np.array([], dtype="datetime64[ns]")
    steps = np.diff(starts.astype("datetime64[s]")).astype(np.int64)
    if steps.size == 0 or (steps != steps[0]).any():
        raise BadInput(
            "the time coordinate is missing, or its step is not constant",
            where=f"{file}, variable {time}",
            remedy="give a CF time coordinate with a constant step, or the attributes data_start and data_period",
        )
    return moment_of_elapsed(starts[0], calendar), float(steps[0]), n


def _is_time(ds: xr.Dataset, dim: str) -> bool:
    return dim in ("time", "tstep") or (dim in ds.variables and has_time_units(ds[dim].attrs))


def _starts(
    ds: xr.Dataset, time: str, names: Sequence[str], file: Path
) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    bounds = bounds_name(ds, time)
    at_points = any("point" in str(ds[name].attrs.get("cell_methods", "")) for name in names)
    if bounds is None or at_points:
        return elapsed(ds[time].to_numpy(), ds[time].attrs, where=f"{file}, variable {time}")
    return averaging_periods(ds, bounds, where=str(file), time=time, decode=elapsed).start


def _refuse_other_calendar(of_file: str, of_run: str, where: str) -> None:
    if of_file != of_run and not {of_file, of_run} <= set(GREGORIAN):
        switches = {"360_day": "l_360 = T", "365_day": "l_leap = F"}.get(of_file, "l_360 = F and l_leap = T")
        raise BadInput(
            f"the calendar of the file is {of_file}, and that of the run {of_run}, so that their dates drift apart",
            where=where,
            remedy=f"set {switches} in JULES_TIME, or convert the file with xarray: ds.convert_calendar('{of_run}')",
        )


def _stated_start(text: str, calendar: str, file: Path) -> Moment:
    try:
        return parse_moment(text, calendar)
    except ValueError as error:
        raise BadInput(
            f"data_start is '{text}', which is not a time of the calendar {calendar}",
            where=f"{file}, attribute data_start",
            remedy="write data_start = 'YYYY-MM-DD hh:mm:ss'",
        ) from error
