"""JULES at NEON towers: the daily runs with what the towers measured, and the hourly driving data of those runs.

Both files are in local standard time. The sites' table gives each its offset from UTC.
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
    """Daily JULES runs at NEON towers, with observations, soil parameters and texture alongside.

    Names and units are the file's own: ``jules_*`` is model output (``jules_theta`` holds the residual water that JULES
    leaves out), ``observed_*`` and ``obs_*`` are the tower's, ``soil_*`` is what JULES was given.

    Parameters
    ----------
    path : str or Path
        netCDF file.
    site : str, optional
        NEON code of one site, for example ``"KONA"``.

    Returns
    -------
    xarray.Dataset
        Without ``site``: dimensions ``site``, ``day`` (calendar day in local standard time, since no stamp in UTC is common to
        all), ``soil``, ``obs_swc`` and ``obs_ts`` (sensors from the top; their depths are not in the file). With ``site``: the
        days on which JULES was run, along ``time`` (end of day, UTC). Layers carry ``depth`` [m], their middle.

    Raises
    ------
    BadInput
        If the file is cut short or not of this kind; if its days are repeated or out of order; if it lacks the site.
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
        ``latitude``, ``longitude`` [degree], ``elevation`` [m], ``utc_offset_hours``, ``days`` (on which JULES was run), and
        every other variable that the file gives once a site, under its own name: texture [%], bulk density ``bd`` [g cm-3],
        carbon stock ``soc_stock`` [kg m-2, 0-30 cm], ``soil_*``, and ``flags``, which says what is doubtful.

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

    They are made from daily values (the file's attributes say how) and are not measured hour by hour.

    Parameters
    ----------
    path : str or Path
        netCDF file in local standard time, end of the hour.
    site : str
        NEON code.
    utc_offset_hours, latitude, longitude, elevation : float
        From the site's row of :func:`neon_sites`; the offset is needed.

    Returns
    -------
    xarray.Dataset
        Site dataset, from the first to the last hour that has data.

    Raises
    ------
    BadInput
        If the file is cut short or not of this kind; if it lacks the site; if the offset from UTC is not given; if a unit is
        not known or a value out of range.
    """
    path = Path(path)
    ds = _one(read_cf(path, required=_DRIVING, kind="the hourly driving data of the NEON runs"), site, path)
    where = f"{path}, site {site}"
    names = [name for name in _DRIVING if name in DRIVING_NAMES]
    held = np.flatnonzero(ds[names].to_array().notnull().any("variable").to_numpy())
    if held.size == 0:
        raise BadInput("the site has no data", where=where, remedy="choose another site")
    ds = ds.isel(time=slice(int(held[0]), int(held[-1]) + 1))
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
    """Refuse water contents that are not in m3 m-3, whatever the file says."""
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
