"""netCDF driving data of JULES: gridded or of one point, one file or one for each variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.grid_point import one_point
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.periods import averaging_periods, bounds_name
from jules_ml.data.readers.driving_rows import DRIVING_NAMES, driving_starts
from jules_ml.data.readers.netcdf_record import NetcdfColumn, netcdf_record, steps_of
from jules_ml.data.site import SiteMeta, utc_end_of_interval
from jules_ml.data.times import (
    GREGORIAN,
    Dates,
    calendar_of,
    elapsed,
    first_moment,
    refuse_missing_times,
    steps_of_calendar,
)
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput


def is_netcdf(path: Path) -> bool:
    """Whether a file begins as netCDF does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4).startswith((b"CDF", b"\x89HDF"))


def read_jules_netcdf_driving(
    path: str | Path,
    *,
    columns: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    start: pd.Timestamp | None = None,
    period_seconds: float | None = None,
    end: pd.Timestamp | None = None,
    calendar: str | None = None,
    point: Sequence[int] | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset_hours: float = 0.0,
    site: str | None = None,
    licence: str = "not stated",
) -> xr.Dataset:
    """Read the driving data of one point from a netCDF file of JULES.

    Parameters
    ----------
    path : str or Path
        netCDF file with a dimension ``time``, or another of the unlimited dimension.
    columns : sequence of str, optional
        ``var`` of JULES_DRIVE; default: all driving variables in the file.
    names : mapping of str to str, optional
        ``var_name`` of JULES_DRIVE: names in the file, where they are not those of ``columns``.
    start, period_seconds, end : optional
        ``data_start``, ``data_period`` [s] and ``data_end`` of JULES_DRIVE, by which JULES counts the times of the file. Without them the
        time axis of the file is used: its bounds, or its stamps as the start of each step.
    calendar : {'standard', '360_day', '365_day'}, optional
        Calendar of ``start``; see :func:`~jules_ml.data.readers.jules.read_jules_driving`. A time axis states its own.
    point, latitude, longitude
        Choice of a point; see :func:`~jules_ml.data.grid_point.one_point`.
    utc_offset_hours : float
        Local time minus UTC [h]; 0 for JULES's default, UTC.
    site, licence : str, optional
        Name and licence of the record; default: name of the file.

    Returns
    -------
    xarray.Dataset
        Site dataset. A variable without ``units`` has JULES's.

    Raises
    ------
    BadInput
        If the file is truncated, has no driving variable, several points and none is chosen, or an unknown unit; if time has no unit and
        ``start`` is not given; if a value is a missing-value code.
    """
    path = Path(path)
    where = str(path)
    ds = _with_time(read_netcdf(path, kind="driving data of JULES"), where)
    chosen = _columns(ds, columns, names or {}, where)
    one, stated_latitude, stated_longitude = one_point(
        ds, index=point, latitude=latitude, longitude=longitude, where=where
    )
    if start is not None and period_seconds is not None:
        interval = pd.Timedelta(seconds=period_seconds)
        starts = driving_starts(start, interval, one.sizes["time"], calendar=calendar, end=end, where=where)
    else:
        starts, interval = _from_axis(one, where)
    exists = np.flatnonzero(~np.isnat(starts))
    time = utc_end_of_interval(
        starts[exists], interval=interval, stamp_at="start", utc_offset_hours=utc_offset_hours, where=where
    )
    meta = SiteMeta(
        site=path.stem if site is None else site,
        source=f"JULES driving file {path.name}",
        licence=licence,
        latitude=stated_latitude,
        longitude=stated_longitude,
        utc_offset_hours=utc_offset_hours,
    )
    return netcdf_record(
        one.isel(time=exists),
        chosen,
        codes=lambda _name: None,
        qc_meaning="",
        time=time,
        interval=interval,
        meta=meta,
        where=where,
    )


def _with_time(ds: xr.Dataset, where: str) -> xr.Dataset:
    """Name the dimension of time ``time``, as JULES reads files with ``tstep`` or another name."""
    if "time" in ds.dims:
        return ds
    other = next((dim for dim in ("tstep", "Time", "t") if dim in ds.dims), None)
    if other is None:
        raise BadInput(
            f"the file has no dimension of time, only {', '.join(map(str, ds.dims))}",
            where=where,
            remedy="give a file with a dimension time",
        )
    return ds.rename({other: "time"}) if "time" not in ds.variables else ds.rename_dims({other: "time"})


def _columns(
    ds: xr.Dataset, columns: Sequence[str] | None, names: Mapping[str, str], where: str
) -> dict[str, NetcdfColumn]:
    unknown = [name for name in (*(columns or ()), *names) if name not in DRIVING_NAMES]
    if unknown:
        raise BadInput(
            f"'{unknown[0]}' is not a driving variable",
            where=where,
            remedy=f"name the variables as var of JULES_DRIVE does: {', '.join(DRIVING_NAMES)}",
        )
    in_file = {name: names.get(name, name) for name in columns or DRIVING_NAMES}
    present = {name: other for name, other in in_file.items() if other in ds.data_vars and "time" in ds[other].dims}
    missing = [other for name, other in in_file.items() if name not in present and columns is not None]
    if missing or not present:
        wanted = f"variable {', '.join(missing)}" if missing else "driving variable of JULES"
        raise BadInput(
            f"there is no {wanted} along time, only {', '.join(map(str, ds.data_vars))}",
            where=where,
            remedy='give the names of the file as names = {t = "Tair", q = "Qair"}, as var_name of JULES_DRIVE does',
        )
    ours = {other: DRIVING_NAMES[name] for name, other in present.items()}
    return {other: NetcdfColumn(name, VARIABLES[name].units) for other, name in ours.items()}


def _from_axis(ds: xr.Dataset, where: str) -> tuple[Dates, pd.Timedelta]:
    """Start and length of each step by the time axis."""
    place = f"{where}, variable time"
    if "time" not in ds.variables or " since " not in str(ds["time"].attrs.get("units", "")):
        raise BadInput(
            "the file does not state its times",
            where=place,
            remedy="give start and period, data_start and data_period of JULES_DRIVE",
        )
    numbers, attrs = ds["time"].to_numpy(), ds["time"].attrs
    bounds = bounds_name(ds)
    starts = (
        elapsed(numbers, attrs, where=place)
        if bounds is None
        else averaging_periods(ds, bounds, where=where, decode=elapsed).start
    )
    refuse_missing_times(starts, where=place)
    interval = steps_of(pd.DatetimeIndex(starts), where=place)
    if calendar_of(attrs) in GREGORIAN:
        return starts, interval
    if (np.diff(starts) != interval.to_timedelta64()).any():
        raise BadInput(
            f"time in the calendar '{calendar_of(attrs)}' has gaps",
            where=place,
            remedy="convert the file with xarray: ds.convert_calendar('standard', align_on='date')",
        )
    shift = elapsed(numbers[:1], attrs, where=place)[0] - starts[0]
    first = first_moment(numbers, attrs, where=place) - pd.Timedelta(shift).to_pytimedelta()
    return steps_of_calendar(first, interval.total_seconds(), len(starts), calendar_of(attrs)), interval
