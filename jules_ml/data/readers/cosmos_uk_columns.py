"""Columns of COSMOS-UK files: meaning, unit and depth of each.

References
----------
Metadata of the archive's releases, the latest is doi:10.5285/2dce161d-2fab-47bb-9fe6-38e7ed1ae18a.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from jules_ml.data.problems import report
from jules_ml.errors import BadInput

#: Inputs of the cosmic-ray estimate of soil moisture; models that predict one of them must not use the estimate.
CRNS_DEPENDS_ON = ("soil_organic_carbon", "bulk_density", "lattice_water")


@dataclass(frozen=True)
class Column:
    """Meaning of a column of the archive.

    Attributes
    ----------
    name : str
        Variable of the site dataset.
    units : str
        Unit in the archive's half-hourly and hourly files.
    daily_units : str or None
        Unit in its daily files, if different.
    total : bool
        Whether it is a sum over the interval; the site dataset has a rate.
    depth : float
        Depth of a soil probe [m]; NaN for other columns.
    """

    name: str
    units: str
    daily_units: str | None = None
    total: bool = False
    depth: float = math.nan


_COLUMNS = {
    "LWIN": Column("lw_down", "W m-2", "MJ m-2 d-1"),
    "LWOUT": Column("lw_up", "W m-2", "MJ m-2 d-1"),
    "SWIN": Column("sw_down", "W m-2", "MJ m-2 d-1"),
    "SWOUT": Column("sw_up", "W m-2", "MJ m-2 d-1"),
    "RN": Column("rad_net", "W m-2", "MJ m-2 d-1"),
    "PRECIP": Column("precip", "mm", total=True),
    "PE": Column("pet", "mm", total=True),
    "PA": Column("pstar", "hPa"),
    "TA": Column("t_air", "degC"),
    "TA_MIN": Column("t_air_min", "degC"),
    "TA_MAX": Column("t_air_max", "degC"),
    "WS": Column("wind", "m s-1"),
    "WD": Column("wind_direction", "degree"),
    "Q": Column("vapour_density", "g m-3"),
    "RH": Column("relative_humidity", "%"),
    "COSMOS_VWC": Column("theta_crns", "%"),
    "CTS_MOD_CORR": Column("neutron_counts", "h-1"),
    "D86_75M": Column("d86", "cm"),
    "SWE": Column("swe", "mm"),
    "SNOW": Column("snow_present", "1"),
    "SNOW_DEPTH": Column("snow_depth", "mm"),
    "ALBEDO": Column("albedo", "1"),
    "G1": Column("g_soil", "W m-2"),
    "G2": Column("g_soil", "W m-2"),
}

#: Columns that are not read: wind components, greenness, second and third rain gauge, and a distance to the snow whose reference
#: older releases do not state.
_LEFT_OUT = ("UX", "UY", "UZ", "GCC", "PRECIP_TIPPING", "PRECIP_RAINE", "SNOWD_DISTANCE_COR")

#: Depth [m] of the time-domain transmissometers by their number. Every site has the first two.
_TDT_DEPTH = {1: 0.10, 2: 0.10, 3: 0.05, 4: 0.05, 5: 0.15, 6: 0.15, 7: 0.25, 8: 0.25, 9: 0.50, 10: 0.50}
_TDT = re.compile(r"TDT(\d+)_(VWC|TSOIL)")
_PROFILE = re.compile(r"STP_TSOIL(\d+)")  # the number is the depth in cm

_PORTAL_ALIASES = {"PRECIPITATION": "PRECIP"}
_PORTAL_SUFFIXES = {"LEVEL2", "MEAN", "TOTAL", "1DAY", "DAILY", "CRNS"}
#: Corrections of wrong units of the portal: daily radiation is per square metre, and wind direction is in degrees.
PORTAL_UNITS = {("RN", "MJday-1"): "MJ m-2 d-1", ("WD", "Deg Celsius"): "degree"} | {
    (column, "MJday-1"): "MJ m-2 d-1" for column in ("LWIN", "LWOUT", "SWIN", "SWOUT")
}


def describe(column: str) -> Column | None:
    """Return the meaning of a column of the archive; ``None`` if it is unknown."""
    if (match := _TDT.fullmatch(column)) is not None and int(match[1]) in _TDT_DEPTH:
        depth = _TDT_DEPTH[int(match[1])]
        return Column("theta", "%", depth=depth) if match[2] == "VWC" else Column("t_soil", "degC", depth=depth)
    if (match := _PROFILE.fullmatch(column)) is not None:
        return Column("t_soil", "degC", depth=int(match[1]) / 100.0)
    return _COLUMNS.get(column)


def known_columns(
    names: Sequence[str], ignore: Sequence[str], *, where: str, portal: bool = False
) -> dict[str, tuple[str, Column]]:
    """Columns to read: name in the archive and meaning, by their name in the file.

    Parameters
    ----------
    names : sequence of str
        Columns of the file.
    ignore : sequence of str
        Columns of the file to leave out.
    where : str
        File and line, for the error message.
    portal : bool
        Whether the names are the portal's.

    Raises
    ------
    BadInput
        If a column is unknown or duplicate.
    """
    columns: dict[str, tuple[str, Column]] = {}
    for name in names:
        in_archive = _archive_name(name) if portal else name.upper()
        if name in ignore or in_archive in _LEFT_OUT:
            continue
        column = describe(in_archive)
        leave_out = f"leave it out with ignore=['{name}']"
        if column is None:
            report(
                BadInput(
                    f"column {name} is not a known column of COSMOS-UK",
                    where=where,
                    remedy=f"correct its name, or {leave_out}",
                    keys={"ignore": [name]},
                )
            )
            continue
        if any(in_archive == other for other, _ in columns.values()):
            raise BadInput(f"duplicate column {name} ({in_archive})", where=where, remedy=leave_out)
        columns[name] = (in_archive, column)
    return columns


def _archive_name(parameter: str) -> str:
    """Name in the archive of a parameter of the portal: ``TDT1_VWC`` for ``TDT1_VWC_LEVEL2_MEAN``."""
    name = "_".join(part for part in parameter.upper().split("_") if part not in _PORTAL_SUFFIXES)
    return _PORTAL_ALIASES.get(name, name)


def with_comments(ds: xr.Dataset) -> xr.Dataset:
    """Return a record with the attributes that say how its variables were obtained."""
    if "theta_crns" in ds:
        ds["theta_crns"].attrs |= {
            "depends_on": " ".join(CRNS_DEPENDS_ON),
            "comment": "calculated with the site's soil organic carbon, bulk density and lattice water, so it is not an "
            "independent predictor of soil carbon; use the point probes or the corrected neutron counts",
        }
    if "swe" in ds:
        ds["swe"].attrs["comment"] = "only on days with snow"
    if "g_soil" in ds:
        ds["g_soil"].attrs["comment"] = "mean of the heat-flux plates with data"
    return ds
