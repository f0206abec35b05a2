"""ALMA netCDF of one site: PLUMBER2 and FluxnetLSM (files ``*_Met.nc`` and ``*_Flux.nc``), PALS, and other forcing of land models.

Files have the dimensions time, y and x, and time in local standard time, whose offset from UTC they do not state. A stamp of PLUMBER2
is the start of its step. A quality code 0 means measured; every other code of PLUMBER2 is one of gap-filling.

References
----------
Ukkola et al. (2022), Earth Syst. Sci. Data 14, 449-461 (PLUMBER2); Ukkola et al. (2017), Geosci. Model Dev. 10, 3379-3390 (FluxnetLSM);
ALMA data exchange convention, version 3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.grid_point import one_point
from jules_ml.data.merge import read_files
from jules_ml.data.netcdffile import netcdf_names, numbers_along_time, read_netcdf
from jules_ml.data.readers.netcdf_record import NetcdfColumn, netcdf_record, refuse_unknown, steps_of, time_series
from jules_ml.data.record_section import IGNORE, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, StampAt, utc_end_of_interval
from jules_ml.data.times import gregorian_dates
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths

_COLUMNS = {
    "SWdown": NetcdfColumn("sw_down", "W/m2"),
    "LWdown": NetcdfColumn("lw_down", "W/m2"),
    "SWup": NetcdfColumn("sw_up", "W/m2"),
    "LWup": NetcdfColumn("lw_up", "W/m2"),
    "Rnet": NetcdfColumn("rad_net", "W/m2"),
    "Tair": NetcdfColumn("t_air", "K"),
    "Qair": NetcdfColumn("q", "kg/kg"),
    "RH": NetcdfColumn("relative_humidity", "%"),
    "VPD": NetcdfColumn("vpd", "hPa"),
    "Psurf": NetcdfColumn("pstar", "Pa"),
    "PSurf": NetcdfColumn("pstar", "Pa"),
    "Wind": NetcdfColumn("wind", "m/s"),
    "Precip": NetcdfColumn("precip", "kg/m2/s"),
    "Rainf": NetcdfColumn("precip", "kg/m2/s"),
    "Snowf": NetcdfColumn("tot_snow", "kg/m2/s"),
    "CO2air": NetcdfColumn("co2", "ppm"),
    "Ustar": NetcdfColumn("ustar", "m/s"),
    "NEE": NetcdfColumn("nee", "umol/m2/s"),
    "Qle": NetcdfColumn("le", "W/m2"),
    "Qh": NetcdfColumn("h", "W/m2"),
    "Qg": NetcdfColumn("g_soil", "W/m2"),
}
#: Variables that are not read: output of models, corrected and uncertainty versions, vegetation, components of wind.
_LEFT_OUT = (
    "GPP*",
    "Resp*",
    "Reco*",
    "*_qc",
    "*_uc",
    "*_se",
    "*_cor",
    "*_cor_*",
    "NEE_*",
    "LAI*",
    "Wind_N",
    "Wind_E",
    "Ebal*",
)
_FILE_NAME = re.compile(r"(?P<site>[A-Z]{2}-[A-Za-z0-9]{3})_")
_REQUIRED = ("SWdown", "Tair", "Qle", "Qh", "NEE")
QC_MEANING = "0 measured; 1 filled; NaN not stated"


def read_alma(
    path: str | Path,
    *,
    utc_offset_hours: float | None,
    stamp_at: StampAt = "start",
    site: str | None = None,
    point: Sequence[int] | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    ignore: Sequence[str] = (),
    licence: str = "not stated",
) -> xr.Dataset:
    """Read a netCDF file of the ALMA convention as a site dataset.

    Parameters
    ----------
    path : str or Path
        Forcing or fluxes of one site.
    utc_offset_hours : float or None
        Local standard time minus UTC [h]; required.
    stamp_at : {'start', 'middle', 'end'}
        Position of the time stamp in its step; that of PLUMBER2 is the start.
    site : str, optional
        Name of the site; default: from the attributes or the name of the file.
    point, latitude, longitude
        Choice of a point; see :func:`~jules_ml.data.grid_point.one_point`.
    ignore : sequence of str
        Variables to leave out, by name or by pattern.
    licence : str
        Licence of the record.

    Returns
    -------
    xarray.Dataset
        Site dataset; ``Rainf`` beside ``Snowf`` is rain, alone it is precipitation. GPP and respiration are not read: they are output of a
        fitted model.

    Raises
    ------
    BadInput
        If the file is truncated or not of this kind; if a variable, a unit or a quality code is unknown; if the offset is not given; if the
        calendar is not Gregorian.
    """
    path = Path(path)
    where = str(path)
    ds = read_netcdf(path, required=("time",), kind="an ALMA file of one site")
    columns = _columns(ds, ignore, where)
    one, stated_latitude, stated_longitude = one_point(
        ds, index=point, latitude=latitude, longitude=longitude, where=where
    )
    stamps = pd.DatetimeIndex(
        gregorian_dates(one["time"].to_numpy(), one["time"].attrs, where=f"{where}, variable time")
    )
    interval = steps_of(stamps, where=f"{where}, variable time")
    time = utc_end_of_interval(
        stamps, interval=interval, stamp_at=stamp_at, utc_offset_hours=utc_offset_hours, where=f"{where}, variable time"
    )
    named = _FILE_NAME.match(path.name)
    meta = SiteMeta(
        site=site or str(ds.attrs.get("site_code") or (named["site"] if named else path.stem)),
        source=f"{ds.attrs.get('title') or ds.attrs.get('source') or 'ALMA netCDF'}: {path.name}",
        licence=licence,
        latitude=stated_latitude,
        longitude=stated_longitude,
        elevation=_scalar(one, "elevation"),
        utc_offset_hours=utc_offset_hours or 0.0,
    )
    return netcdf_record(
        one,
        columns,
        codes=lambda name: _codes(one, name, where),
        qc_meaning=QC_MEANING,
        time=time,
        interval=interval,
        meta=meta,
        where=where,
    )


def _columns(ds: xr.Dataset, ignore: Sequence[str], where: str) -> dict[str, NetcdfColumn]:
    series = time_series(ds)
    refuse_unknown(series, list(_COLUMNS), [*_LEFT_OUT, *ignore], kind="ALMA forcing and fluxes", where=where)
    columns = {name: column for name, column in _COLUMNS.items() if name in series and name not in ignore}
    if not columns:
        raise BadInput(
            f"the file has no variable of ALMA forcing or fluxes, only {', '.join(map(str, ds.data_vars))}",
            where=where,
            remedy="give a file with SWdown, Tair, Qair, ... or NEE, Qle, Qh",
        )
    if "Rainf" in columns and "Snowf" in columns:
        columns["Rainf"] = NetcdfColumn("tot_rain", "kg/m2/s")
    if "Rainf" in columns and "Precip" in columns:
        del columns["Rainf"]
    return columns


def _codes(ds: xr.Dataset, name: str, where: str) -> NDArray[np.float64] | None:
    """Quality codes of PLUMBER2 as 0 measured and 1 filled."""
    if f"{name}_qc" not in ds:
        return None
    codes = numbers_along_time(ds, f"{name}_qc", where=where)
    odd = np.isfinite(codes) & ((codes < 0.0) | (codes % 1.0 != 0.0))
    if odd.any():
        raise BadInput(
            f"quality code {codes[odd][0]:g} is unknown ({int(odd.sum())} values)",
            where=f"{where}, variable {name}_qc",
            remedy="recode to 0 (measured) and whole numbers above 0 (filled)",
        )
    return np.where(np.isnan(codes), np.nan, (codes > 0.0).astype(np.float64))


def _scalar(ds: xr.Dataset, name: str) -> float | None:
    value: Any = ds[name].to_numpy() if name in ds else np.nan
    return float(value) if np.ndim(value) == 0 and np.isfinite(float(value)) else None


class AlmaRecord(Record):
    """Forcing and fluxes of one site by the ALMA convention."""

    reader: Literal["alma"] = Field(
        description="ALMA netCDF of one site, such as those of PLUMBER2, forcing and fluxes"
    )
    path: DataPaths = Field(description=PATHS)
    site: str | None = Field(default=None, description=SITE)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    stamp_at: StampAt = Field(default="start", description="position of the time stamps in their step; PLUMBER2: start")
    point: tuple[int, ...] | None = Field(
        default=None, description="point of a gridded file: its numbers along the file's dimensions, from 1"
    )
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_files(self.path, self._one)

    def _one(self, path: Path) -> xr.Dataset:
        return read_alma(
            path,
            utc_offset_hours=self.utc_offset_hours,
            stamp_at=self.stamp_at,
            site=self.site,
            point=self.point,
            ignore=self.ignore,
            licence=self.licence,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise variables of the ALMA convention."""
        names = set(netcdf_names(path))
        return "an ALMA netCDF file" if "time" in names and len(names & set(_REQUIRED)) >= 2 else None
