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
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.periods import averaging_periods
from jules_ml.data.record_section import LICENCE, PATH, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import open_text
from jules_ml.data.times import gregorian_dates
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

#: Variables of the site dataset by JULES's names of driving variables (namelist JULES_DRIVE, var).
DRIVING_NAMES = {
    "sw_down": "sw_down",
    "lw_down": "lw_down",
    "rad_net": "rad_net",
    "diff_rad": "sw_diffuse",
    "precip": "precip",
    "tot_rain": "tot_rain",
    "tot_snow": "tot_snow",
    "t": "t_air",
    "q": "q",
    "wind": "wind",
    "pstar": "pstar",
}

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
        days or a date outside the years 1678 to 2261, or is duplicate or not in order; if ``dzsoil`` does not match the layers.
    """
    path = Path(path)
    ds = read_netcdf(path, required=_REQUIRED, variables=variables, kind="JULES output")
    if not {"time", "y", "x"} <= set(ds.dims):
        raise BadInput(
            f"this is not JULES output: its dimensions are {', '.join(map(str, ds.dims))}, without time, y or x",
            where=path,
            remedy="give a file of that kind, unchanged since the program wrote it",
        )
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

    Returns
    -------
    xarray.Dataset
        Site dataset; row ``i`` is stamped ``start + (i + 1) period``, as the output that it affects.

    Raises
    ------
    BadInput
        If a column's name is not one of JULES's; if a line has too few or too many values, or one that is not a number; if
        the file is empty; if a value is a missing-value code or outside the valid range; if ``start`` or
        ``period_seconds`` is not a time.

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
    try:
        first, interval = pd.Timestamp(start), pd.Timedelta(seconds=period_seconds)
    except ValueError as error:
        raise BadInput(
            f"data_start '{start}' or data_period '{period_seconds}' is not a time ({error})",
            where=path,
            remedy="give the start as 'YYYY-MM-DD hh:mm:ss' and the period in seconds",
        ) from error
    if first.tz is not None:
        raise BadInput(
            f"data_start '{start}' has an offset from UTC",
            where=path,
            remedy="remove the offset, as in JULES_DRIVE, and set utc_offset_hours",
        )
    if interval <= pd.Timedelta(0):
        raise BadInput(
            f"data_period {period_seconds:g} s is not positive", where=path, remedy="give the period in seconds"
        )
    table = _rows_of_numbers(path, columns)
    time = utc_end_of_interval(
        pd.date_range(first, periods=len(table), freq=interval),
        interval=interval,
        stamp_at="start",
        utc_offset_hours=utc_offset_hours,
        where=str(path),
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


def _rows_of_numbers(path: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            cells = line.split()
            if not cells or cells[0][0] in "#!":
                continue
            if len(cells) != len(columns):
                raise BadInput(
                    f"the line has {len(cells)} values but there are {len(columns)} columns",
                    where=f"{path}, line {number}",
                    remedy="separate the values by blanks, as JULES requires"
                    if "," in line or ";" in line
                    else "list all columns in the order of the file; if it is the last line, the file is truncated",
                )
            for cell, name in zip(cells, columns, strict=True):
                if not _is_number(cell):
                    raise BadInput(
                        f"'{cell}' is not a number",
                        where=f"{path}, line {number}, column {name}",
                        remedy="correct the value (the decimal separator is a point)",
                    )
            rows.append([float(cell) for cell in cells])
    if not rows:
        raise BadInput("the file has comments but no data", where=path, remedy="create or download it again")
    return np.asarray(rows)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


class JulesDrivingRecord(Record):
    """ASCII driving data of a JULES point run."""

    reader: Literal["jules_driving"] = Field(description="ASCII driving data of a JULES point run")
    path: DataPath = Field(description=PATH)
    start: datetime = Field(description="`data_start` of JULES_DRIVE: beginning of the first row's period")
    period: float = Field(gt=0.0, description="`data_period` of JULES_DRIVE [s]")
    columns: tuple[str, ...] = Field(
        default=LOOBOS_COLUMNS, description="`var` of JULES_DRIVE, in the order of the file"
    )
    utc_offset_hours: float = Field(default=0.0, ge=-12.0, le=14.0, description=UTC_OFFSET)
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_jules_driving(
            self.path,
            start=pd.Timestamp(self.start),
            period_seconds=self.period,
            columns=self.columns,
            utc_offset_hours=self.utc_offset_hours,
            licence=self.licence,
        )
