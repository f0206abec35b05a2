"""Daily runs of JULES at NEON towers, with the observations of the towers, from the shared records: for tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.jules import with_layers
from jules_ml.data.site import check_values, utc_end_of_interval
from jules_ml.errors import BadInput

_DAILY = ("site", "time", "dzsoil", "lat", "lon", "elev", "utc", "run_mask", "jules_theta")
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
