"""OzFlux netCDF of levels 3 to 6, as PyFluxPro writes it.

Time stamps are the end of each step, in local standard time; the attribute ``time_zone`` names the zone. Each variable has quality flags
``<name>_QCFlag``: 0 measured, 10 measured and corrected linearly, other multiples of 10 filled, and all others rejected.

References
----------
Isaac et al. (2017), Biogeosciences 14, 2903-2928; definitions of the flags: PyFluxPro, QC Flag Definitions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.grid_point import one_point
from jules_ml.data.merge import read_files
from jules_ml.data.netcdffile import netcdf_names, numbers_along_time, read_netcdf
from jules_ml.data.readers.netcdf_record import NetcdfColumn, netcdf_record, refuse_unknown, steps_of, time_series
from jules_ml.data.record_section import DEPTHS, IGNORE, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.site import SiteMeta, utc_end_of_interval
from jules_ml.data.standard_time import standard_offset
from jules_ml.data.times import gregorian_dates
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths, Depth

_FLAG = "_QCFlag"
_COLUMNS = {
    "Fsd": NetcdfColumn("sw_down", "W/m2"),
    "Fsu": NetcdfColumn("sw_up", "W/m2"),
    "Fld": NetcdfColumn("lw_down", "W/m2"),
    "Flu": NetcdfColumn("lw_up", "W/m2"),
    "Fn": NetcdfColumn("rad_net", "W/m2"),
    "Ta": NetcdfColumn("t_air", "degC"),
    "RH": NetcdfColumn("relative_humidity", "%"),
    "AH": NetcdfColumn("vapour_density", "g/m3"),
    "Ah": NetcdfColumn("vapour_density", "g/m3"),
    "SH": NetcdfColumn("q", "kg/kg"),
    "q": NetcdfColumn("q", "kg/kg"),
    "VPD": NetcdfColumn("vpd", "kPa"),
    "ps": NetcdfColumn("pstar", "kPa"),
    "Ws": NetcdfColumn("wind", "m/s"),
    "Wd": NetcdfColumn("wind_direction", "degrees"),
    "Precip": NetcdfColumn("precip", "mm"),
    "CO2": NetcdfColumn("co2", "umol/mol"),
    "ustar": NetcdfColumn("ustar", "m/s"),
    "Fe": NetcdfColumn("le", "W/m2"),
    "Fh": NetcdfColumn("h", "W/m2"),
    "Fg": NetcdfColumn("g_soil", "W/m2"),
    "NEE": NetcdfColumn("nee", "umol/m2/s"),
    "NEE_SOLO": NetcdfColumn("nee", "umol/m2/s"),
    "Fco2": NetcdfColumn("nee", "umol/m2/s"),
    "Fc": NetcdfColumn("nee", "umol/m2/s"),
}
#: Names of one quantity, best first: exchange with storage and without; present and former names.
_PREFERRED = (("NEE", "NEE_SOLO", "Fco2", "Fc"), ("SH", "q"), ("AH", "Ah"))
_DIGITS = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_SOIL = re.compile(r"(?P<name>Sws|Ts)(_(?P<depth>[0-9]+)(?P<unit>cm|m)[a-z]*)?(_.*)?")
_SOIL_COLUMNS = {"Sws": ("theta", "m3/m3"), "Ts": ("t_soil", "degC")}
#: Variables that are not read: flags, output of models, storage, other estimates of the same quantity, statistics, dates.
_LEFT_OUT = (
    *(
        f"*{_FLAG}",
        "GPP*",
        "ER*",
        "NEP*",
        "NEE_*",
        "ET*",
        "EP*",
        "Fe_*",
        "Fh_*",
        "Fg_*",
        "Fn_*",
        "Fco2_*",
        "Fc_*",
        "Fa",
        "Fm",
    ),
    *(
        "Sco2*",
        "Ta_*",
        "Ws_*",
        "Wd_*",
        "RH_*",
        "AH_*",
        "Ah_*",
        "SH_*",
        "CO2_*",
        "H2O*",
        "Precip_*",
        "ps_*",
        "Fsd_*",
        "Fld_*",
    ),
    *(
        "Fsu_*",
        "Flu_*",
        "VPD_*",
        "ustar_*",
        "L",
        "MO*",
        "U*",
        "V*",
        "W*",
        "Cc*",
        "C_ppm",
        "Tv*",
        "Day",
        "Month",
        "Year",
        "Hour",
    ),
    *(
        "Hdh",
        "Minute",
        "Second",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "xlDateTime",
        "DateTime",
        "solar_altitude",
    ),
)
QC_MEANING = "0 measured (flags 0 and 10); 1 filled (other multiples of 10); NaN rejected, or not stated"


def read_ozflux(
    path: str | Path,
    *,
    utc_offset_hours: float | None = None,
    site: str | None = None,
    depths: Mapping[str, float] | None = None,
    ignore: Sequence[str] = (),
    licence: str | None = None,
) -> xr.Dataset:
    """Read an OzFlux netCDF file as a site dataset.

    Parameters
    ----------
    path : str or Path
        File of one site.
    utc_offset_hours : float, optional
        Local standard time minus UTC [h]; default: that of the attribute ``time_zone``, without summer time.
    site : str, optional
        Name of the site; default: attribute ``site_name``.
    depths : mapping of str to float, optional
        Depth [m] of soil sensors, by variable or pattern; default: from the attribute ``height``, or from a name such as ``Sws_10cm``.
    ignore : sequence of str
        Variables to leave out, by name or by pattern.
    licence : str, optional
        Licence of the record; default: attribute ``license``.

    Returns
    -------
    xarray.Dataset
        Site dataset. ``nee`` is ``NEE`` or ``NEE_SOLO``, otherwise ``Fco2``, which excludes storage. Rejected values are NaN; the attribute
        ``n_rejected`` counts them.

    Raises
    ------
    BadInput
        If the file is truncated or not of this kind; if a variable, a unit or the time zone is unknown.
    """
    path = Path(path)
    where = str(path)
    ds = read_netcdf(path, required=("time",), kind="an OzFlux file")
    columns = _columns(ds, depths or {}, ignore, where)
    one, latitude, longitude = one_point(ds, where=where)
    offset = _offset(ds, where) if utc_offset_hours is None else utc_offset_hours
    place = f"{where}, variable time"
    stamps = pd.DatetimeIndex(gregorian_dates(one["time"].to_numpy(), one["time"].attrs, where=place))
    interval = steps_of(stamps, where=place)
    _refuse_other_step(ds, interval, place)
    time = utc_end_of_interval(stamps, interval=interval, stamp_at="end", utc_offset_hours=offset, where=place)
    rejected: dict[str, int] = {}
    flags = {name: _flags(one, name, rejected, where) for name in columns}
    one = one.assign({name: one[name].where(~np.isnan(code)) for name, code in flags.items() if code is not None})
    meta = SiteMeta(
        site=site or str(ds.attrs.get("site_name", path.stem)),
        source=f"OzFlux, {ds.attrs.get('processing_level', 'level not stated')}: {path.name}",
        licence=licence or str(ds.attrs.get("license_name") or ds.attrs.get("license") or "not stated"),
        latitude=_number(ds, "latitude", latitude, where, letters="NS"),
        longitude=_number(ds, "longitude", longitude, where, letters="EW"),
        elevation=_number(ds, "altitude", None, where, unit="m(?: .*)?"),
        utc_offset_hours=offset,
    )
    result = netcdf_record(
        one,
        columns,
        codes=lambda name: flags[name],
        qc_meaning=QC_MEANING,
        time=time,
        interval=interval,
        meta=meta,
        where=where,
    )
    for name, column in columns.items():
        if rejected.get(name):
            attrs = result[column.variable].attrs
            attrs["n_rejected"] = int(attrs.get("n_rejected", 0)) + rejected[name]
    return result


def _refuse_other_step(ds: xr.Dataset, interval: pd.Timedelta, where: str) -> None:
    """Raise an error if the time stamps are not the minutes of the attribute ``time_step`` apart."""
    stated = _number(ds, "time_step", None, where, unit="min(?:utes?)?")
    if stated is not None and pd.Timedelta(minutes=stated) != interval:
        raise BadInput(
            f"the time stamps are {interval} apart, and the attribute time_step is {stated:g} minutes",
            where=where,
            remedy="correct the unit of time, or the attribute",
        )


def _columns(ds: xr.Dataset, depths: Mapping[str, float], ignore: Sequence[str], where: str) -> dict[str, NetcdfColumn]:
    series = time_series(ds)
    sensors = [name for name in series if _SOIL.fullmatch(name) and not name.endswith(_FLAG)]
    refuse_unknown(series, [*_COLUMNS, *sensors], [*_LEFT_OUT, *ignore], kind="OzFlux", where=where)
    columns = {name: column for name, column in _COLUMNS.items() if name in series and name not in ignore}
    for names in _PREFERRED:
        for other in [name for name in names if name in columns][1:]:
            del columns[other]
    for name in _single_sensors([name for name in sensors if not any(fnmatchcase(name, p) for p in ignore)]):
        variable, unit = _SOIL_COLUMNS[name.split("_")[0]]
        columns[name] = NetcdfColumn(variable, unit, _depth(ds[name], name, depths))
    if not columns:
        raise BadInput(
            f"the file has no variable of OzFlux, only {', '.join(map(str, ds.data_vars))}",
            where=where,
            remedy="give a file of level 3 to 6 with Fsd, Ta, ... or Fe, Fh, Fco2",
        )
    return columns


def _single_sensors(names: Sequence[str]) -> list[str]:
    """Leave out the mean of sensors where the sensors themselves are in the file."""
    single = {name.split("_")[0] for name in names if "_" in name}
    return [name for name in names if "_" in name or name not in single]


def _depth(values: xr.DataArray, name: str, depths: Mapping[str, float]) -> float:
    by_user = next((depth for pattern, depth in depths.items() if fnmatchcase(name, pattern)), None)
    if by_user is not None:
        return by_user
    match = _SOIL.fullmatch(name)
    if match is not None and match["depth"] is not None:
        return float(match["depth"]) * (0.01 if match["unit"] == "cm" else 1.0)
    height = re.fullmatch(rf"\s*-?\s*({_DIGITS})\s*(cm|m)?\s*", str(values.attrs.get("height", "")))
    return math.nan if height is None else float(height[1]) * (0.01 if height[2] == "cm" else 1.0)


def _flags(ds: xr.Dataset, name: str, rejected: dict[str, int], where: str) -> NDArray[np.float64] | None:
    """Flags of a variable as 0 measured, 1 filled and NaN rejected."""
    if f"{name}{_FLAG}" not in ds:
        return None
    flag = numbers_along_time(ds, f"{name}{_FLAG}", where=where)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(flag) & (flag >= 0.0) & (flag % 10.0 == 0.0)
    rejected[name] = int((~good & np.isfinite(numbers_along_time(ds, name, where=where))).sum())
    return np.select([good & (flag <= 10.0), good], [0.0, 1.0], np.nan)


def _offset(ds: xr.Dataset, where: str) -> float:
    """Local standard time minus UTC [h], from the attribute ``time_zone``."""
    text = str(ds.attrs.get("time_zone", "")).strip()
    if number := re.fullmatch(rf"(?:UTC|GMT)?\s*([-+]?{_DIGITS})", text):
        return float(number[1])
    try:
        return standard_offset(text)
    except ValueError as error:
        raise BadInput(
            f"the time zone '{text}' is unknown" if text else "the file does not state its time zone",
            where=f"{where}, attribute time_zone",
            remedy="give utc_offset_hours (local standard time minus UTC, for example 10.0)",
        ) from error


def _number(
    ds: xr.Dataset, name: str, default: float | None, where: str, *, unit: str = "", letters: str = ""
) -> float | None:
    """Attribute as a number, with its unit or a letter of the hemisphere, of which the second is negative; the default if it is blank."""
    text = str(ds.attrs.get(name, "")).strip()
    if text.lower() in ("", "nan", "none"):
        return default
    after = f"(?:{unit})?" if unit else rf"(?:°|deg(?:rees?)?)?\s*(?P<letter>[{letters}])?"
    match = re.fullmatch(rf"(?P<number>[-+]?{_DIGITS}(?:[eE][-+]?[0-9]+)?)\s*{after}", text)
    letter = match["letter"] if match is not None and letters else None
    if match is None or (letter is not None and text[0] in "-+"):
        raise BadInput(
            f"'{text}' is not a number" if match is None else f"'{text}' has a sign and a hemisphere",
            where=f"{where}, attribute {name}",
            remedy=f"correct the attribute, for example to 22.283{letters[1]} or -22.283"
            if letters
            else "correct the attribute, for example to 30",
        )
    return float(match["number"]) * (-1.0 if letter is not None and letter == letters[1] else 1.0)


class OzfluxRecord(Record):
    """A flux tower of OzFlux."""

    reader: Literal["ozflux"] = Field(description="OzFlux netCDF of levels 3 to 6")
    path: DataPaths = Field(description=PATHS)
    site: str | None = Field(default=None, description=SITE)
    utc_offset_hours: float | None = Field(
        default=None, ge=-12.0, le=14.0, description=f"{UTC_OFFSET}; default: attribute `time_zone`"
    )
    depths: dict[str, Depth] = Field(default_factory=dict, description=DEPTHS)
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    licence: str | None = Field(default=None, description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_files(self.path, self._one)

    def _one(self, path: Path) -> xr.Dataset:
        return read_ozflux(
            path,
            utc_offset_hours=self.utc_offset_hours,
            site=self.site,
            depths=self.depths,
            ignore=self.ignore,
            licence=self.licence,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise variables with quality flags of OzFlux."""
        names = set(netcdf_names(path))
        return "an OzFlux netCDF file" if len(names & {f"{name}{_FLAG}" for name in _COLUMNS}) >= 2 else None
