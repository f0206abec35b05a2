"""Files of JULES: netCDF output and ASCII driving data.

JULES stamps a step at its end, so output and driving data have the same time stamps: the first driving row, whose step begins at
``data_start``, is the forcing of the output stamped one step later (``interp = 'nf'``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.model_variables import check_model_data
from jules_ml.data.netcdffile import netcdf_names, read_netcdf
from jules_ml.data.periods import averaging_periods, bounds_name
from jules_ml.data.readers.driving_rows import DRIVING_NAMES, driving_starts, first_step, rows_of_numbers
from jules_ml.data.readers.jules_netcdf_driving import is_netcdf, read_jules_netcdf_driving
from jules_ml.data.record_section import LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.times import gregorian_dates
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths

#: Order of columns in the driving file of the Loobos example that comes with JULES.
LOOBOS_COLUMNS = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")

_REQUIRED = ("time", "time_bounds", "latitude", "longitude")
_REMEDY = "run JULES with l_360 = F and l_leap = T in JULES_TIME"


def read_jules(
    path: str | Path, *, variables: Sequence[str] | None = None, dzsoil: Sequence[float] | None = None
) -> xr.Dataset:
    """JULES output, with JULES's own names and units.

    Model output is not a site dataset: its variables are those of JULES's output profile.

    Parameters
    ----------
    path : str or Path
        netCDF file written by JULES.
    variables : sequence of str, optional
        Variables to load, by JULES's names; default: all.
    dzsoil : sequence of float, optional
        Thickness of the soil layers [m], from the top (namelist JULES_SOIL, ``dzsoil_io``), which the output does not contain.

    Returns
    -------
    xarray.Dataset
        Dimension ``time`` (UTC, end of the step or of the averaging period, which each variable's ``cell_methods`` names)
        and, as the variable has them, ``soil``, ``sclayer``, ``scpool``, ``pft``, ``tile``. A single point has no further
        dimension; several have ``point``. Coordinates ``latitude`` and ``longitude``, and with ``dzsoil`` the middle of each
        layer, ``depth`` [m], and ``dzsoil`` [m] along ``soil``. Fill values are NaN. The attribute ``interval_seconds`` is the length
        of the longest period. Output that xarray resampled is read too; see :func:`~jules_ml.data.periods.averaging_periods`.

    Raises
    ------
    BadInput
        If the file is truncated or is not JULES output; if a variable is missing; if time has an unknown unit, a calendar of 360 or 365
        days or a date outside the years 1678 to 2261, or is duplicate or not in order; if ``dzsoil`` does not match the layers; if a value
        is outside the range of :data:`~jules_ml.data.model_variables.MODEL_VARIABLES`.
    """
    path = Path(path)
    ds = read_netcdf(path, required=_REQUIRED, variables=variables, kind="JULES output")
    if not {"time", "y", "x"} <= set(ds.dims):
        raise BadInput(
            f"this is not JULES output: its dimensions are {', '.join(map(str, ds.dims))}, without time, y or x",
            where=path,
            remedy="give a file of that kind, unchanged since the program wrote it",
        )
    if bounds_name(ds) is None:
        raise BadInput(
            f"the bounds of time have the dimensions {', '.join(map(str, ds['time_bounds'].dims))}, not time and two bounds",
            where=f"{path}, variable time_bounds",
            remedy="give the file as JULES wrote it",
        )
    check_model_data(ds, where=path)
    periods = averaging_periods(ds, "time_bounds", where=str(path), decode=partial(gregorian_dates, remedy=_REMEDY))
    end = utc_end_of_interval(
        periods.end,
        interval=pd.Timedelta(0),
        stamp_at="end",
        utc_offset_hours=0.0,
        where=f"{path}, variable time",
    )
    ds = ds.drop_vars(["time", "time_bounds"]).set_coords(["latitude", "longitude"])
    ds = ds.assign_coords(
        {name: ds[name].isel(time=0) for name in ("latitude", "longitude") if "time" in ds[name].dims}
    )
    ds = ds.assign_coords(
        time=("time", end.to_numpy(), {"standard_name": "time", "long_name": "end of interval, UTC"}),
    ).isel(time=np.flatnonzero(periods.inside))
    ds.attrs["interval_seconds"] = periods.longest
    one_point = ds.sizes["y"] * ds.sizes["x"] == 1
    ds = ds.squeeze(["y", "x"]) if one_point else ds.stack(point=("y", "x"), create_index=False)
    return ds if dzsoil is None else with_layers(ds, dzsoil, where=path)


def read_jules_driving(
    path: str | Path,
    *,
    start: str | pd.Timestamp,
    period_seconds: float,
    columns: Sequence[str] = LOOBOS_COLUMNS,
    site: str | None = None,
    licence: str = "not stated",
    utc_offset_hours: float = 0.0,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
    calendar: str | None = None,
    end: str | pd.Timestamp | None = None,
) -> xr.Dataset:
    """ASCII driving data of a JULES point run, as a site dataset.

    Parameters
    ----------
    path : str or Path
        Columns of numbers separated by blanks; lines that begin with ``#`` or ``!`` are comments.
    start : str or Timestamp
        ``data_start`` of JULES_DRIVE: beginning of the first row's period.
    period_seconds : float
        ``data_period`` of JULES_DRIVE [s].
    columns : sequence of str
        ``var`` of JULES_DRIVE, in the order of the file, with JULES's units.
    site, licence : str, optional
        Name and licence of the record; default: name of the file.
    utc_offset_hours : float
        Local standard time minus UTC [h]; 0 for JULES's default, UTC.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m].
    calendar : {'standard', '360_day', '365_day'}, optional
        Calendar of the run that the file drives: JULES counts its rows in it. A row on a date that the Gregorian calendar does not have is
        left out; see :func:`~jules_ml.data.times.steps_of_calendar`. Default: standard; whole years of 360 or 365 days are refused.
    end : str or Timestamp, optional
        ``data_end`` of JULES_DRIVE: end of the last row's period, against which the number of rows is checked.

    Returns
    -------
    xarray.Dataset
        Site dataset; row ``i`` is stamped ``start + (i + 1) period``, as the output that it affects.

    Raises
    ------
    BadInput
        If a column's name is not one of JULES's; if a line has too few or too many values, or one that is not a number; if
        the file is empty; if a value is a missing-value code or outside the valid range; if ``start`` or
        ``period_seconds`` is not a time; if the number of rows is not that from ``start`` to ``end``.

    References
    ----------
    JULES User Guide, ``drive.nml``; the time stamps were checked against the driving variables in JULES's
    output, which are bit-identical.
    """
    path = Path(path)
    for position, name in enumerate(columns):
        if name not in DRIVING_NAMES or name in columns[:position]:
            raise BadInput(
                f"'{name}' is not a driving variable, or is duplicate",
                where=f"{path}, column {position + 1}",
                remedy=f"name the columns as var of JULES_DRIVE does: {', '.join(DRIVING_NAMES)}",
            )
    first, interval = first_step(start, period_seconds, path)
    table = rows_of_numbers(path, columns)
    starts = driving_starts(first, interval, len(table), calendar=calendar, end=end, where=str(path))
    exists = ~np.isnat(starts)
    table = table[exists]
    time = utc_end_of_interval(
        starts[exists], interval=interval, stamp_at="start", utc_offset_hours=utc_offset_hours, where=str(path)
    )
    meta = SiteMeta(
        site=path.stem if site is None else site,
        source=f"JULES driving file {path.name}",
        licence=licence,
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
        utc_offset_hours=utc_offset_hours,
    )
    values = {DRIVING_NAMES[name]: table[:, column] for column, name in enumerate(columns)}
    return site_dataset(values, time=time, interval=interval, meta=meta, where=str(path))


def with_layers(ds: xr.Dataset, dzsoil: Sequence[float], *, where: str | Path) -> xr.Dataset:
    """Add the depths of the soil layers.

    Parameters
    ----------
    ds : Dataset
        Output with dimension ``soil``, from the top.
    dzsoil : sequence of float, shape (soil,)
        Thickness of each layer [m].
    where : str or Path
        File, for the error message.

    Returns
    -------
    Dataset
        ``ds`` with coordinates ``depth``, the middle of each layer [m], and ``dzsoil`` [m] along ``soil``.

    Raises
    ------
    BadInput
        If the number of thicknesses and layers differs, or a thickness is not positive.
    """
    thickness = np.asarray(dzsoil, dtype=np.float64)
    if thickness.shape != (ds.sizes.get("soil", 0),) or not (thickness > 0).all():
        raise BadInput(
            f"dzsoil {thickness.tolist()} does not match the {ds.sizes.get('soil', 0)} soil layers of the file",
            where=where,
            remedy="give dzsoil_io of the run's JULES_SOIL namelist: one positive thickness in m for each layer",
        )
    middle = np.cumsum(thickness) - thickness / 2
    along = {"units": "m", "positive": "down", "standard_name": "depth", "long_name": "middle of soil layer"}
    return ds.assign_coords(
        depth=("soil", middle, along),
        dzsoil=("soil", thickness, {"units": "m", "long_name": "thickness of soil layer"}),
    )


class JulesDrivingRecord(Record):
    """Driving data of JULES: ASCII of a point run, or netCDF."""

    reader: Literal["jules_driving"] = Field(
        description="driving data of JULES: ASCII of a point run, or netCDF, of which one point is read"
    )
    path: DataPaths = Field(description=f"{PATHS}; netCDF of JULES may have a file for each variable")
    site: str | None = Field(default=None, description=SITE)
    start: datetime | None = Field(
        default=None,
        description="`data_start` of JULES_DRIVE: beginning of the first row's period; netCDF: default is its time axis",
    )
    period: float | None = Field(default=None, gt=0.0, description="`data_period` of JULES_DRIVE [s]")
    end: datetime | None = Field(
        default=None, description="`data_end` of JULES_DRIVE, against which the number of rows is checked"
    )
    calendar: Literal["standard", "360_day", "365_day"] | None = Field(
        default=None,
        description="calendar of the run, by `l_360` and `l_leap` of JULES_TIME; needed if the rows are those of whole years of 360 or 365 "
        "days; default: standard",
    )
    columns: tuple[str, ...] = Field(
        default=LOOBOS_COLUMNS,
        description="`var` of JULES_DRIVE, in the order of the file; netCDF: default is all driving variables in it",
    )
    names: dict[str, str] = Field(
        default_factory=dict, description="netCDF: `var_name` of JULES_DRIVE by `var`, where they differ"
    )
    point: tuple[int, ...] | None = Field(
        default=None, description="netCDF: point of the grid, its numbers along the file's dimensions, from 1"
    )
    latitude: float | None = Field(
        default=None, ge=-90.0, le=90.0, description="netCDF: the nearest point of the grid [degree]"
    )
    longitude: float | None = Field(
        default=None, ge=-180.0, le=180.0, description="netCDF: the nearest point of the grid [degree]"
    )
    utc_offset_hours: float = Field(default=0.0, ge=-12.0, le=14.0, description=UTC_OFFSET)
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_files(self.path, self._one)

    def _one(self, path: Path) -> xr.Dataset:
        start, end = (None if moment is None else pd.Timestamp(moment) for moment in (self.start, self.end))
        site = self.site or self.path[0].stem
        if is_netcdf(path):
            return read_jules_netcdf_driving(
                path,
                columns=self.columns if "columns" in self.model_fields_set else None,
                names=self.names,
                start=start,
                period_seconds=self.period,
                end=end,
                calendar=self.calendar,
                point=self.point,
                latitude=self.latitude,
                longitude=self.longitude,
                utc_offset_hours=self.utc_offset_hours,
                site=site,
                licence=self.licence,
            )
        if start is None or self.period is None:
            raise BadInput(
                "a text file does not state its times",
                where=path,
                remedy="give start and period, data_start and data_period of JULES_DRIVE",
            )
        return read_jules_driving(
            path,
            start=start,
            period_seconds=self.period,
            columns=self.columns,
            utc_offset_hours=self.utc_offset_hours,
            site=site,
            licence=self.licence,
            calendar=self.calendar,
            end=end,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the variables of a netCDF file; rows of numbers without names are not recognised."""
        names = set(netcdf_names(path))
        return "netCDF driving data of JULES" if {"t", "q", "pstar"} <= names and "site" not in names else None
