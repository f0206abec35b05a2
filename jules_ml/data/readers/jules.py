"""JULES's own files: its netCDF output, and the ASCII driving data that it reads.

JULES stamps a step at its end, so that output and driving data meet on the same stamps: the driving row of the step that
begins at ``data_start`` is the forcing of the output stamped one step later (``interp = 'nf'``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.record_section import LICENCE, PATH, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import open_text
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

#: JULES's names of driving variables (namelist JULES_DRIVE, var), by what the site dataset calls them.
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
_UNITS_OF_TIME = ("seconds", "minutes", "hours", "days")
_REAL_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")


def read_jules(
    path: str | Path, *, variables: Sequence[str] | None = None, dzsoil: Sequence[float] | None = None
) -> xr.Dataset:
    """JULES output, with JULES's own names and units.

    Model output is not a site dataset: its variables are those of JULES's output profile.

    Parameters
    ----------
    path : str or Path
        netCDF file as JULES wrote it.
    variables : sequence of str, optional
        Variables to load, by JULES's names; all unless given.
    dzsoil : sequence of float, optional
        Thickness of the soil layers [m], from the top (namelist JULES_SOIL, ``dzsoil_io``): output does not hold it.

    Returns
    -------
    xarray.Dataset
        Dimension ``time`` (UTC, end of the step or of the averaging period, which each variable's ``cell_methods`` names)
        and, as the variable has them, ``soil``, ``sclayer``, ``scpool``, ``pft``, ``tile``. A single point has no further
        dimension; several have ``point``. Coordinates ``latitude`` and ``longitude``, and with ``dzsoil`` the middle of each
        layer, ``depth`` [m], and ``dzsoil`` [m] along ``soil``. Fill values are NaN.

    Raises
    ------
    BadInput
        If the file is cut short or is not JULES output; if a variable asked for is not in it; if its time is in an unknown
        unit, in a calendar of 360 or 365 days, repeated or out of order; if ``dzsoil`` does not fit.
    """
    path = Path(path)
    ds = read_netcdf(path, required=_REQUIRED, variables=variables, kind="JULES output")
    if not {"time", "y", "x"} <= set(ds.dims):
        raise BadInput(
            f"this is not JULES output: its dimensions are {', '.join(map(str, ds.dims))}, without time, y or x",
            where=path,
            remedy="give a file of that kind, as the program that made it wrote it",
        )
    bounds = _times(ds["time_bounds"].to_numpy(), ds["time"].attrs, where=f"{path}, variable time")
    end = utc_end_of_interval(
        bounds[:, 1],
        interval=pd.Timedelta(0),
        stamp_at="end",
        utc_offset_hours=0.0,
        where=f"{path}, variable time",
    )
    ds = ds.drop_vars(["time", "time_bounds"]).set_coords(["latitude", "longitude"])
    ds = ds.assign_coords(
        time=("time", end.to_numpy(), {"standard_name": "time", "long_name": "end of interval, UTC"}),
    )
    ds.attrs["interval_seconds"] = float((bounds[0, 1] - bounds[0, 0]) / np.timedelta64(1, "s"))
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
        Columns of numbers split by blanks; lines that begin with ``#`` or ``!`` are comments.
    start : str or Timestamp
        ``data_start`` of JULES_DRIVE: beginning of the first row's period.
    period_seconds : float
        ``data_period`` of JULES_DRIVE [s].
    columns : sequence of str
        ``var`` of JULES_DRIVE, in the file's order, each in the unit that JULES wants.
    site, licence : str, optional
        What the record is; the file's name unless given.
    utc_offset_hours : float
        0, as JULES wants UTC, unless the run was made in local standard time.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m].

    Returns
    -------
    xarray.Dataset
        Site dataset; row ``i`` is stamped ``start + (i + 1) period``, where JULES's output shows its effect.

    Raises
    ------
    BadInput
        If a column's name is not one of JULES's; if a line has too few or too many values, or one that is not a number; if
        the file is empty; if a value is a code for missing or out of range; if ``start`` or ``period_seconds`` is no time.

    References
    ----------
    JULES User Guide, ``drive.nml``; that the stamps are right was checked against the driving variables in JULES's output,
    which are equal to the last bit.
    """
    path = Path(path)
    for position, name in enumerate(columns):
        if name not in DRIVING_NAMES or name in columns[:position]:
            raise BadInput(
                f"'{name}' is not a driving variable, or stands twice",
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
            f"data_start '{start}' carries an offset from UTC",
            where=path,
            remedy="leave it out, as JULES_DRIVE does; utc_offset_hours says what the file's time is",
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
    """Say where the soil layers lie.

    Parameters
    ----------
    ds : Dataset
        With dimension ``soil``, from the top.
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
        If there are more or fewer thicknesses than layers, or one is not positive.
    """
    thickness = np.asarray(dzsoil, dtype=np.float64)
    if thickness.shape != (ds.sizes.get("soil", 0),) or not (thickness > 0).all():
        raise BadInput(
            f"dzsoil {thickness.tolist()} does not fit the {ds.sizes.get('soil', 0)} soil layers of the file",
            where=where,
            remedy="give dzsoil_io of the run's JULES_SOIL namelist: one positive thickness in m for each layer",
        )
    middle = np.cumsum(thickness) - thickness / 2
    along = {"units": "m", "positive": "down", "standard_name": "depth", "long_name": "middle of soil layer"}
    return ds.assign_coords(
        depth=("soil", middle, along),
        dzsoil=("soil", thickness, {"units": "m", "long_name": "thickness of soil layer"}),
    )


def _times(
    numbers: NDArray[np.floating], attrs: dict[str, object], *, where: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    """Dates of ``seconds since ...`` numbers of any shape."""
    units, calendar = str(attrs.get("units", "")), str(attrs.get("calendar", "standard"))
    match = re.fullmatch(r"(\w+) since (.+)", units)
    if match is None or match[1] not in _UNITS_OF_TIME:
        raise BadInput(
            f"time is in '{units}', which is not a unit that JULES writes",
            where=where,
            remedy="give the file as JULES wrote it, with time in 'seconds since YYYY-MM-DD hh:mm:ss'",
        )
    if calendar not in _REAL_CALENDARS:
        raise BadInput(
            f"time is in a calendar of '{calendar}', which no observation shares",
            where=where,
            remedy="run JULES with l_360 = F and l_leap = T in JULES_TIME",
        )
    seconds = np.asarray(numbers, dtype=np.float64) * pd.Timedelta(1, unit=match[1]).total_seconds()
    if numbers.dtype == np.float32 and float(np.nanmax(seconds)) >= 2.0**24:
        # Single precision tells seconds apart for 194 days only; JULES's steps are whole minutes.
        seconds = np.round(seconds / 60.0) * 60.0
    reference = np.datetime64(pd.Timestamp(match[2]), "ns")
    return reference + np.round(seconds).astype("timedelta64[s]")


def _rows_of_numbers(path: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            cells = line.split()
            if not cells or cells[0][0] in "#!":
                continue
            if len(cells) != len(columns):
                raise BadInput(
                    f"the line has {len(cells)} values and {len(columns)} columns were named",
                    where=f"{path}, line {number}",
                    remedy="split the values by blanks, as JULES wants them"
                    if "," in line or ";" in line
                    else "name every column in the file's order; if it is the last line, the file was cut short",
                )
            for cell, name in zip(cells, columns, strict=True):
                if not _is_number(cell):
                    raise BadInput(
                        f"'{cell}' is not a number",
                        where=f"{path}, line {number}, column {name}",
                        remedy="correct the value (decimals take a point)",
                    )
            rows.append([float(cell) for cell in cells])
    if not rows:
        raise BadInput("the file has comments and no data", where=path, remedy="make or download it again")
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
