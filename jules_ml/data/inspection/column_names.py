"""Guess of the variable, unit and depth of a column from its name, its unit and its values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.units import convert
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

#: Variables by patterns of names, in lower case and without qualifiers; of several that fit, the first whose unit fits is guessed.
_PATTERNS: Final = tuple(
    (variable, re.compile(pattern))
    for variable, pattern in (
        ("nee", "nee|fc|fco2|co2_?flux|carbon_?flux|nee_(vut|cut)_(ref|50)"),
        ("le", "le|qle|fe|lhf|lambda_?e|latent_?heat(_?flux)?"),
        ("h", "h|qh|fh|hs|sensible_?heat(_?flux)?"),
        ("g_soil", "g|qg|fg|shf|ghf|g_?soil|soil_?heat(_?flux)?|ground_?heat(_?flux)?"),
        ("ustar", r"u\*|u_?star|ust|friction_?velocity"),
        ("theta_crns", "cosmos_?vwc|crns?(_?(vwc|sm|theta))?"),
        ("theta", "swc|vwc|sm|sws|theta|wc|soil_?(moist(ure)?|water)(_?content)?|bodenfeuchte|tdt[0-9]*_?vwc"),
        ("t_soil", "ts|st|stc|tsoil|t_?soil|tg|soil_?t|soil_?temp(erature)?|temp(erature)?_?soil|bodentemp(eratur)?"),
        ("lst", "lst|t_?surf|t_?skin|t_?ir|surface_?temp(erature)?"),
        ("t_air", "t|ta|tair|t_?air|at|t2m|temp|tmean|air_?t|temperature|air_?temp(erature)?|temp_?air|lufttemp(eratur)?|tas"),
        ("relative_humidity", "rh|rel(ative)?_?hum(idity)?|humidity|hurs|luftfeuchte"),
        ("vpd", "vpd|vapou?r_?pressure_?deficit"),
        ("q", "q|qair|sh|huss|spec(ific)?_?hum(idity)?"),
        ("pstar", "p|pa|ps|psurf|press(ure)?|p_?air|air_?press(ure)?|patm|baro(metric_?pressure)?|bp|luftdruck"),
        ("precip", "p|pr|ppt|prec|prcp|precip(itation)?|rain(f|fall)?|p_?rain|niederschlag|rr"),
        ("resp_soil", "rs|rsoil|r_?soil|soil_?resp(iration)?|fco2_?soil"),
        ("resp_het", "rh_?flux|r_?het|het(erotrophic)?_?resp(iration)?"),
        ("sw_down", "sw|rg|rs|srad|sw_?in|sw_?d(own)?|swin|fsd|rsds|k_?down|solar(_?rad(iation)?)?|glob(al)?(_?rad(iation)?)?"),
        ("sw_up", "sw_?out|sw_?up|fsu|rsus|k_?up"),
        ("lw_down", "lw|lw_?in|lw_?d(own)?|fld|rlds|l_?down"),
        ("lw_up", "lw_?out|lw_?up|flu|rlus|l_?up"),
        ("rad_net", "rn|net_?rad(iation)?|r_?net|fn"),
        ("ppfd", "ppfd|par|ppfd_?in|par_?in|qp|photosynthetic.*"),
        ("ppfd_up", "ppfd_?out|par_?out"),
        ("wind", "ws|u|wind|ff|wind_?speed|sfcwind|windgeschwindigkeit"),
        ("wind_direction", "wd|wind_?dir(ection)?|windrichtung"),
        ("co2", "co2|co2_?(conc(entration)?|mole_?fraction|mixing_?ratio)|co2_?air"),
        ("snow_depth", "d_?snow|snow_?d(epth)?|sd|schneehoehe"),
        ("swe", "swe|snow_?water(_?equivalent)?"),
        ("albedo", "alb(edo)?"),
    )
)  # fmt: skip
#: Names of columns that are no measurements: quality, statistics, gap-filled and modelled values.
_NOT_READ = re.compile(
    r".*_(qc|qf|flag|fqc|std|sd|se|n|min|max|var|test|randunc|unc|f|fall|gf|filled|night|day)|(gpp|reco|rh_?ratio|er)(_.*)?|(qc|qf|flag)_.*"
)
#: Qualifiers after the name of a variable: processing, position, layer, depth.
_QUALIFIER = re.compile(
    r"(_+(avg|mean|tot|sum|smp|level2|pi|orig|[a-d]|[0-9]+(_[0-9]+)*(_a)?|[0-9]+([.p][0-9]+)?_?(cm|mm|m)))+$|(?<=[a-z])[0-9]+_?(cm|mm|m)?$"
)
_UNIT_IN_NAME = re.compile(r"^(?P<name>[^\[(]+?)[ _]*[\[(](?P<unit>[^\])]*)[\])]\s*$")
#: Units at the end of a name, in lower case.
_UNIT_AT_END: Final = {
    "mm": "mm", "c": "degC", "degc": "degC", "k": "K", "pa": "Pa", "hpa": "hPa", "kpa": "kPa", "pct": "%", "percent": "%",
    "wm-2": "W m-2", "wm2": "W m-2", "w_m2": "W m-2", "w_m-2": "W m-2", "ms-1": "m s-1", "m_s": "m s-1", "m_s-1": "m s-1",
    "m3m-3": "m3 m-3", "m3m3": "m3 m-3", "m3_m3": "m3 m-3", "umol": "umol m-2 s-1", "umolm-2s-1": "umol m-2 s-1",
}  # fmt: skip
_DEPTH = re.compile(r"(?<![0-9.])(?P<depth>[0-9]+(?:[.p][0-9]+)?)[ _]?(?P<unit>cm|mm|m)(?![a-z0-9])", re.IGNORECASE)
_NUMBER_AT_END = re.compile(r"(?<![0-9.])(?P<depth>0[0-9]|[1-9][0-9]{1,2})(?:_[A-Za-z]+)?$")
_METRES: Final = {"cm": 0.01, "mm": 0.001, "m": 1.0}
_DAY: Final = SECONDS_PER_DAY


@dataclass(frozen=True)
class ColumnGuess:
    """What a column seems to be.

    Attributes
    ----------
    variable, unit : str
        Variable of the site dataset, and unit of the numbers.
    is_sum : bool
        Whether the numbers are sums over the interval.
    depth : float or None
        Depth of a soil sensor [m]; NaN if the name does not contain it; None for other variables.
    has_unit : bool
        Whether the file states the unit.
    unit_comment, depth_comment : str
        Why the unit and the depth must be checked; empty if they are stated.
    """

    variable: str
    unit: str
    is_sum: bool
    depth: float | None
    has_unit: bool
    unit_comment: str
    depth_comment: str


def split_unit(name: str) -> tuple[str, str]:
    """Return a column's name without its unit in brackets, and the unit: ``TA [degC]`` is TA in degC."""
    match = _UNIT_IN_NAME.match(name)
    return (name, "") if match is None else (match["name"], match["unit"].strip())


def guess_column(name: str, unit: str, values: NDArray[np.float64], interval_seconds: float) -> ColumnGuess | None:
    """Guess what a column is.

    Parameters
    ----------
    name, unit : str
        Name of the column, and its unit in the file, empty if the file does not state it.
    values : array
        Numbers without codes of missing values.
    interval_seconds : float
        Averaging interval [s].

    Returns
    -------
    ColumnGuess or None
        None if the name is not one of a measured variable.
    """
    plain, in_name = split_unit(name)
    if not (unit or in_name):
        stem = plain.rpartition("_")[0]
        for start in (stem, stem.rpartition("_")[0]):
            at_end = _UNIT_AT_END.get(plain[len(start) + 1 :].lower()) if start else None
            if at_end is not None and (guess := _named(start, at_end, values, interval_seconds)) is not None:
                return guess
    return _named(plain, unit or in_name, values, interval_seconds)


def _named(plain: str, unit: str, values: NDArray[np.float64], interval_seconds: float) -> ColumnGuess | None:
    """What a column of this name, without unit, seems to be."""
    lower = re.sub(r"[ \-.]+", "_", plain.strip().lower())
    finite = values[np.isfinite(values)]
    if _NOT_READ.fullmatch(lower) or finite.size == 0:
        return None
    stem = _QUALIFIER.sub("", lower)
    for variable, pattern in _PATTERNS:
        if not (pattern.fullmatch(stem) or pattern.fullmatch(lower)):
            continue
        if (variable == "pstar" and stem == "p" and float(np.median(finite)) < 40.0) or not _fits(unit, variable):
            continue
        return _guess(plain, variable, unit, finite, interval_seconds)
    return None


def is_named(name: str) -> bool:
    """Whether a column has the name of a variable that is measured at the ground."""
    lower = _QUALIFIER.sub("", split_unit(name)[0].strip().lower())
    return any(pattern.fullmatch(lower) for variable, pattern in _PATTERNS if variable != "lst")


def _guess(name: str, variable: str, unit: str, finite: NDArray[np.float64], interval: float) -> ColumnGuess:
    by_values, is_sum = unit_by_values(variable, finite, interval)
    has_unit = bool(unit)
    comment, of_depth = "" if has_unit else "the unit is guessed from the values", ""
    if variable == "theta" and unit.strip() == "%" and finite.max() <= 1.0:
        unit, has_unit, comment = "m3 m-3", False, "the file states %, but the largest value is at most 1"
    if has_unit:
        is_sum = variable in ("precip", "tot_rain", "tot_snow") and unit.strip().lower() in ("mm", "cm", "m", "kg m-2")
    depth = None
    if "depth" in VARIABLES[variable].dims:
        depth, is_stated = depth_in_name(name)
        if np.isnan(depth):
            of_depth = "give the depth of the sensor [m]"
        elif not is_stated:
            of_depth = "the depth [m] is guessed from the number in the name"
    unit = unit if has_unit or unit == "m3 m-3" else by_values
    return ColumnGuess(variable, unit, is_sum, depth, has_unit, comment, of_depth)


def depth_in_name(name: str) -> tuple[float, bool]:
    """Return the depth in the name of a column [m], NaN if there is none, and whether its unit is in the name."""
    if (match := _DEPTH.search(name)) is not None:
        return round(float(match["depth"].replace("p", ".")) * _METRES[match["unit"].lower()], 6), True
    if (match := _NUMBER_AT_END.search(name)) is not None:
        return round(float(match["depth"]) * 0.01, 6), False
    return np.nan, False


def _fits(unit: str, variable: str) -> bool:
    """Whether a unit can be one of the variable; no unit fits all."""
    if not unit:
        return True
    amounts = (unit, f"{unit} s-1") if variable == "precip" else (unit,)
    for one in amounts:
        try:
            convert(np.zeros(1), one, VARIABLES[variable].units, where="")
        except BadInput:
            continue
        return True
    return False


def unit_by_values(variable: str, finite: NDArray[np.float64], interval_seconds: float) -> tuple[str, bool]:
    """Return the unit that a variable seems to have by its values, and whether the numbers seem to be sums.

    Parameters
    ----------
    variable : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`.
    finite : array
        Values, at least one.
    interval_seconds : float
        Averaging interval [s].
    """
    median, high = float(np.median(finite)), float(np.quantile(finite, 0.99))
    is_daily = interval_seconds >= _DAY
    units = VARIABLES[variable].units
    choices: dict[str, str] = {
        "K": "K" if median > 150.0 else "degC",
        "m3 m-3": "%" if high > 1.5 else "m3 m-3",
        "Pa": "Pa" if high > 200.0 else "hPa" if high > 8.0 else "kPa",
        "W m-2": "MJ m-2 d-1" if is_daily and 0.0 < high < 45.0 and variable.startswith("sw") else "W m-2",
        "kg kg-1": "g kg-1" if high > 0.1 else "kg kg-1",
    }
    if variable == "pstar":
        return ("Pa" if median > 20000.0 else "hPa" if median > 200.0 else "kPa"), False
    if variable in ("precip", "tot_rain", "tot_snow"):
        return ("kg m-2 s-1", False) if float(finite.max()) < 0.05 else ("mm", True)
    if variable == "relative_humidity":
        return ("%" if high > 1.5 else "1"), False
    if variable == "nee" and is_daily:
        return "gC m-2 d-1", False
    if variable == "snow_depth":
        return ("cm" if high > 5.0 else "m"), False
    return choices.get(units, units), False
