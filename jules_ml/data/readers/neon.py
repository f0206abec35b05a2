"""Hourly driving data of JULES runs at NEON towers.

The file is in local standard time, and does not contain the offset of a tower from UTC.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.netcdffile import netcdf_names, read_cf
from jules_ml.data.readers.driving_rows import DRIVING_NAMES
from jules_ml.data.record_section import PATH, UTC_OFFSET, Record
from jules_ml.data.regular import refuse_irregular
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.units import convert
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

_DRIVING = ("site", "time", "sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")


def read_neon_driving(
    path: str | Path,
    site: str,
    *,
    utc_offset_hours: float | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
) -> xr.Dataset:
    """Hourly driving data of the NEON runs, as a site dataset.

    They are disaggregated from daily values (see the attributes of the file), not measured every hour.

    Parameters
    ----------
    path : str or Path
        netCDF file in local standard time, end of the hour.
    site : str
        NEON code.
    utc_offset_hours, latitude, longitude, elevation : float
        Location of the tower; the offset is required.

    Returns
    -------
    xarray.Dataset
        Site dataset, from the first to the last hour with data.

    Raises
    ------
    BadInput
        If the file is truncated or not of this kind; if the site is missing; if the offset from UTC is not given; if a unit is unknown or a
        value outside the valid range.
    """
    path = Path(path)
    ds = _one(read_cf(path, required=_DRIVING, kind="the hourly driving data of the NEON runs"), site, path)
    where = f"{path}, site {site}"
    names = [name for name in _DRIVING if name in DRIVING_NAMES]
    has_data = np.flatnonzero(ds[names].to_array().notnull().any("variable").to_numpy())
    if has_data.size == 0:
        raise BadInput("the site has no data", where=where, remedy="choose another site")
    ds = ds.isel(time=slice(int(has_data[0]), int(has_data[-1]) + 1))
    interval = pd.Timedelta(hours=1)
    time = utc_end_of_interval(
        ds["time"].to_numpy(), interval=interval, stamp_at="end", utc_offset_hours=utc_offset_hours, where=where
    )
    steps = np.diff(time.to_numpy())
    if steps.size and np.median(steps.astype(np.int64)) != interval.value:
        raise BadInput(
            f"the time stamps are {pd.Timedelta(np.median(steps))} apart, not an hour",
            where=f"{path}, variable time",
            remedy="correct the unit of time, or give the hourly file",
        )
    refuse_irregular(time, interval, where=f"{path}, variable time")
    values = {
        DRIVING_NAMES[name]: convert(
            ds[name].to_numpy(),
            str(ds[name].attrs.get("units", "")),
            VARIABLES[DRIVING_NAMES[name]].units,
            where=f"{where}, variable {name}",
        )
        for name in names
    }
    meta = SiteMeta(
        site=site,
        source=f"{ds.attrs.get('title', path.name)}; {ds.attrs.get('method', '')}",
        licence=str(ds.attrs.get("licence", "not stated")),
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
        utc_offset_hours=utc_offset_hours or 0.0,
    )
    return site_dataset(values, time=time, interval=interval, meta=meta, where=where)


def _one(ds: xr.Dataset, site: str, path: Path) -> xr.Dataset:
    sites = [str(name) for name in ds["site"].to_numpy()]
    if site not in sites:
        raise BadInput(f"there is no site '{site}'", where=path, remedy=f"choose one of {', '.join(sites)}")
    return ds.isel(site=sites.index(site), drop=True)


class NeonDrivingRecord(Record):
    """Hourly driving data of JULES runs at NEON towers."""

    reader: Literal["neon_driving"] = Field(description="hourly driving data of JULES runs at NEON towers, netCDF")
    path: DataPath = Field(description=PATH)
    tower: str = Field(description="NEON code of the tower within the file")
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_neon_driving(self.path, self.tower, utc_offset_hours=self.utc_offset_hours)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the variables of the file."""
        return (
            "a file of hourly driving data of JULES runs at NEON towers"
            if set(_DRIVING) <= set(netcdf_names(path))
            else None
        )
