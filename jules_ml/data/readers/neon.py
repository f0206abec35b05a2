"""JULES at NEON towers: daily runs with observations of the towers, and the hourly driving data of the runs.

Both files are in local standard time. The table of sites contains the offsets from UTC.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.jules import DRIVING_NAMES, with_layers
from jules_ml.data.record_section import PATH, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, check_values, site_dataset, utc_end_of_interval
from jules_ml.data.units import convert
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

_DAILY = ("site", "time", "dzsoil", "lat", "lon", "elev", "utc", "run_mask", "jules_theta")
_DRIVING = ("site", "time", "sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")
_DAY = pd.Timedelta(days=1)
_SITE_NAMES = {"lat": "latitude", "lon": "longitude", "elev": "elevation", "utc": "utc_offset_hours"}


def read_neon_daily(path: str | Path, site: str | None = None) -> xr.Dataset:
    """Daily JULES runs at NEON towers, with observations, soil parameters and texture.

    Names and units are those of the file: ``jules_*`` is model output (``jules_theta`` includes the residual water content), ``observed_*``
    and ``obs_*`` are observations of the tower, ``soil_*`` are input parameters of JULES.

    Parameters
    ----------
    path : str or Path
        netCDF file.
    site : str, optional
        NEON code of one site, for example ``"KONA"``.

    Returns
    -------
    xarray.Dataset
        Without ``site``: dimensions ``site``, ``day`` (calendar day in local standard time, since the sites have no common stamp in
        UTC), ``soil``, ``obs_swc`` and ``obs_ts`` (sensors from the top; their depths are not in the file). With ``site``: the
        days on which JULES was run, along ``time`` (end of day, UTC). ``depth`` [m] is the middle of each layer.

    Raises
    ------
    BadInput
        If the file is truncated or not of this kind; if its days are duplicate or not in order; if the site is missing.
    """
    path = Path(path)
    ds = read_cf(path, required=_DAILY, kind="the daily JULES runs at NEON towers")
    _check_theta(ds, path)
    ds = with_layers(ds.drop_vars("dzsoil"), ds["dzsoil"].to_numpy().tolist(), where=path)
    if site is None:
        ds = ds.rename(time="day")
        ds["day"].attrs = {"long_name": "calendar day in local standard time"}
        return ds
    ds = _one(ds, site, path)
    ds = ds.isel(time=np.flatnonzero(ds["run_mask"].notnull().to_numpy()))
    end = utc_end_of_interval(
        ds["time"].to_numpy(),
        interval=_DAY,
        stamp_at="start",
        utc_offset_hours=float(ds["utc"]),
        where=f"{path}, site {site}",
    )
    ds = ds.assign_coords(
        time=("time", end.to_numpy(), {"standard_name": "time", "long_name": "end of interval, UTC"}),
    )
    ds.attrs |= {"site": site, "interval_seconds": _DAY.total_seconds()}
    return ds.assign_attrs({_SITE_NAMES[name]: float(ds[name]) for name in _SITE_NAMES})


def neon_sites(path: str | Path) -> pd.DataFrame:
    """Table of the sites in the file of daily runs.

    Returns
    -------
    DataFrame, indexed by NEON code
        ``latitude``, ``longitude`` [degree], ``elevation`` [m], ``utc_offset_hours``, ``days`` (number of days of the run), and
        all other variables with one value for each site, by their names in the file: texture [%], bulk density ``bd`` [g cm-3],
        carbon stock ``soc_stock`` [kg m-2, 0-30 cm], ``soil_*``, and ``flags``, notes on doubtful data.

    Raises
    ------
    BadInput
        As :func:`read_neon_daily`.
    """
    ds = read_neon_daily(path)
    table = ds[[name for name in ds.data_vars if ds[name].dims == ("site",)]].to_dataframe().rename(columns=_SITE_NAMES)
    table.insert(4, "days", ds["run_mask"].notnull().sum("day").to_numpy())
    return table


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
        Values of the site in :func:`neon_sites`; the offset is required.

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


def _check_theta(ds: xr.Dataset, path: Path) -> None:
    """Raise an error for water contents outside the range of m3 m-3, whatever unit the file states."""
    for name, values in ds.data_vars.items():
        if values.attrs.get("units") == "m3 m-3" and "time" in values.dims:
            array = values.transpose("time", ...).to_numpy().astype(np.float64)
            check_values("theta", array, time=pd.DatetimeIndex(ds["time"].to_numpy()), where=f"{path}, {name}")


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
