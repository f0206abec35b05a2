"""Columns of the FLUXNET products: those that are read, with variable and unit, and the names of all others.

FLUXNET2015, AmeriFlux-FLUXNET, ICOS and their successors have the same names, since the ONEFlux pipeline produces all of them. Measured
and gap-filled variables with a quality code are read; GPP and RECO are not, because both are output of a fitted model.

References
----------
Pastorello et al. (2020), Scientific Data 7, 225 (names and units: its table of variables, and the FULLSET and SUBSET pages of
fluxnet.org).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: Length of the averaging interval, as in file names: half-hourly, hourly, daily.
Resolution = Literal["HH", "HR", "DD"]

#: Missing value in every FLUXNET file.
MISSING = -9999.0

#: Percentiles of the u* threshold of NEE in the products [%].
PERCENTILES = ("05", "16", "25", "50", "75", "84", "95")

#: Meaning of the quality codes by resolution, as in the documentation of the products.
QC_MEANING = {
    "HH": (
        "0 measured; 1 gap-filled with good, 2 with medium, 3 with poor quality; for variables consolidated with reanalysis "
        "(t_air, sw_down, lw_down, vpd, pstar, precip, wind) 2 is downscaled reanalysis; NaN not stated"
    ),
    "DD": "fraction of the day's steps that were measured or gap-filled with good quality, 0 to 1; NaN not stated",
}
QC_MEANING["HR"] = QC_MEANING["HH"]


@dataclass(frozen=True)
class FileName:
    """Information in the name of a FLUXNET file; ``None`` if missing."""

    network: str | None = None
    site: str | None = None
    product: str | None = None
    resolution: str | None = None

    @classmethod
    def parse(cls, path: Path) -> FileName:
        """Parse a name such as ``FLX_CH-Dav_FLUXNET2015_FULLSET_HH_1997-2014_1-3.csv``."""
        match = _FILE_NAME.search(path.name)
        return cls() if match is None else cls(**match.groupdict())


@dataclass(frozen=True)
class Column:
    """Column of a variable of the site dataset.

    Attributes
    ----------
    variable : str
        Name in the site dataset.
    names : tuple of str
        Names of the column; the first one in the file is used.
    unit : str
        Unit; for sums, that of the sum over one interval.
    is_sum : bool
        The value is a sum over the interval, not a mean.
    """

    variable: str
    names: tuple[str, ...]
    unit: str
    is_sum: bool = False


#: Variables with one column, except NEE, whose unit depends on the resolution.
COLUMNS = (
    Column("t_air", ("TA_F", "TA_F_MDS"), "degC"),
    Column("vpd", ("VPD_F", "VPD_F_MDS"), "hPa"),
    Column("relative_humidity", ("RH",), "%"),
    Column("pstar", ("PA_F", "PA"), "kPa"),
    Column("precip", ("P_F", "P"), "mm", is_sum=True),
    Column("wind", ("WS_F", "WS"), "m s-1"),
    Column("wind_direction", ("WD",), "degree"),
    Column("sw_pot", ("SW_IN_POT",), "W m-2"),
    Column("sw_down", ("SW_IN_F", "SW_IN_F_MDS"), "W m-2"),
    Column("sw_diffuse", ("SW_DIF",), "W m-2"),
    Column("sw_up", ("SW_OUT",), "W m-2"),
    Column("lw_down", ("LW_IN_F", "LW_IN_F_MDS"), "W m-2"),
    Column("lw_up", ("LW_OUT",), "W m-2"),
    Column("rad_net", ("NETRAD",), "W m-2"),
    Column("ppfd", ("PPFD_IN",), "umol m-2 s-1"),
    Column("ppfd_up", ("PPFD_OUT",), "umol m-2 s-1"),
    Column("co2", ("CO2_F_MDS",), "umol mol-1"),
    Column("ustar", ("USTAR",), "m s-1"),
    Column("g_soil", ("G_F_MDS",), "W m-2"),
    Column("le", ("LE_F_MDS",), "W m-2"),
    Column("h", ("H_F_MDS",), "W m-2"),
)

#: Soil variables: prefix of their columns, followed by the number of the sensor, and unit.
SENSORS = {"theta": ("SWC_F_MDS_", "%"), "t_soil": ("TS_F_MDS_", "degC")}

#: Unit of NEE: amount of CO2 for steps, mass of carbon for days.
NEE_UNIT = {"HH": "umol m-2 s-1", "HR": "umol m-2 s-1", "DD": "gC m-2 d-1"}

#: Network_Site_FLUXNET[2015][_PRODUCT]_RESOLUTION, with anything before and after.
_FILE_NAME = re.compile(
    r"(?P<network>[A-Z]+)_(?P<site>[A-Z]{2}-[A-Za-z0-9]{3})_FLUXNET(2015)?(_(?P<product>[A-Z0-9]+))?"
    r"_(?P<resolution>HH|HR|DD|WW|MM|YY)(?=[_.])"
)

_THRESHOLDS = f"[CV]UT_(REF|USTAR50|MEAN|SE|{'|'.join(PERCENTILES)})"
_UNCERTAINTY = "RANDUNC|RANDUNC_METHOD|RANDUNC_N|JOINTUNC"
_KNOWN = re.compile(
    "|".join(
        (
            "TIMESTAMP|TIMESTAMP_START|TIMESTAMP_END",
            "(PA|P|WS|LW_IN_JSB)(_QC)?",
            "(TA|SW_IN|LW_IN|LW_IN_JSB|VPD|PA|P|WS)_(F_MDS|F|ERA)(_NIGHT|_DAY)?(_SD|_QC)?",
            "(SW_IN_POT|WD|USTAR|RH|NETRAD|PPFD_IN|PPFD_DIF|PPFD_OUT|SW_DIF|SW_OUT|LW_OUT|CO2_F_MDS|G_F_MDS)(_QC)?",
            "(TS|SWC)_F_MDS_[0-9]+(_QC)?",
            f"(LE|H)_(F_MDS(_QC)?|CORR(_25|_75|_JOINTUNC)?|{_UNCERTAINTY})",
            "EBC_CF_(N|METHOD)|NIGHT|DAY|(NIGHT|DAY)_(D|RANDUNC_N)",
            f"NEE_{_THRESHOLDS}(_NIGHT|_DAY)?(_(SD|QC|{_UNCERTAINTY}))?",
            f"(RECO|GPP)_(NT|DT)_{_THRESHOLDS}(_(QC|SD|{_UNCERTAINTY}))?|RECO_SR(_N)?",
        )
    )
)


def is_known(name: str) -> bool:
    """Whether a column belongs to the FLUXNET products, read here or not."""
    return _KNOWN.fullmatch(name) is not None


def is_filled(name: str) -> bool:
    """Whether a column contains gap-filled values, so that its quality code is required."""
    return name.startswith("NEE_") or re.search("_F(_MDS|$)", name) is not None
