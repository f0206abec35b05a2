"""Conversion of units in files to those of the site dataset."""

from __future__ import annotations

import re
import string
from functools import cache

import numpy as np
import pint
from numpy.typing import NDArray

from jules_ml.data.problems import report
from jules_ml.errors import BadInput

#: Spellings in published files, and their units. Other spellings are passed to pint unchanged.
_SPELLINGS = {
    "": "dimensionless",
    "1": "dimensionless",
    "-": "dimensionless",
    "unitless": "dimensionless",
    "fraction": "dimensionless",
    "frac": "dimensionless",
    "%": "percent",
    "m3m-3": "m3 m-3",
    "m3/m3": "m3 m-3",
    "deg celsius": "degC",
    "degrees celsius": "degC",
    "deg c": "degC",
    "degrees c": "degC",
    "c": "degC",
    "celsius": "degC",
    "°c": "degC",
    "deg_c": "degC",
    "degree_c": "degC",
    "vol%": "percent",
    "vol.%": "percent",
    "vol %": "percent",
    "umolm-2s-1": "umol m-2 s-1",
    "µmolm-2s-1": "umol m-2 s-1",
    "wm-2": "W m-2",
    "watts/meter^2": "W m-2",
    "meters/second": "m s-1",
    "kelvin": "K",
    "k": "K",
    "gm-3": "g m-3",
    "ms-1": "m s-1",
    "umolco2 m-2 s-1": "umol m-2 s-1",
    "mb": "hPa",
}
#: Signs of units, and how pint writes them.
_SIGNS = str.maketrans("µμ⁰¹²³⁴⁵⁶⁷⁸⁹⁻₂·−", "uu0123456789-2 -")


_LETTERS = string.ascii_letters + "µ"
_SLASHES = re.compile(f"[{_LETTERS}]+\\^?[0-9]?(/[{_LETTERS}]+\\^?[0-9]?)+")


@cache
def _registry() -> pint.UnitRegistry[float]:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    # flux networks give carbon or CO2 as a mass, which converts to an amount of CO2
    registry.define("gC = mol / 12.0107")
    registry.define("gCarbonDioxide = mol / 44.0095")
    return registry


def _parse(unit: str, where: str) -> pint.Unit:
    spelled = _without_signs(_SPELLINGS.get(unit.strip().lower(), unit.strip()))
    # CF writes "W m-2", pint reads "W * m**-2"
    expression = " * ".join(_with_power(factor) for factor in _without_slashes(spelled).replace(".", " ").split())
    try:
        return _registry().Unit(expression)
    except Exception as error:  # pint raises several unrelated types for text that it cannot parse
        raise BadInput(
            f"unit '{unit}' is unknown", where=where, remedy="give a CF unit, for example 'W m-2' or 'degC'"
        ) from error


def _without_slashes(unit: str) -> str:
    """Write ``kg/m2/s`` or ``kg/m^2/s`` as ``kg m-2 s-1``."""
    if not _SLASHES.fullmatch(unit):
        return unit
    above, *below = unit.replace("^", "").split("/")
    return " ".join([above, *(f"{name.rstrip('0123456789')}-{name.lstrip(_LETTERS) or 1}" for name in below)])


def _without_signs(unit: str) -> str:
    """Write micro as ``u``, exponents as numbers, and the substance as part of the unit: ``µmol CO₂ m⁻²`` is ``umol m-2``."""
    text = unit.translate(_SIGNS).replace("**", "").replace("^", "")
    text = re.sub(r"(?<=mol)[ _]?(CO2|H2O|C)(?![A-Za-z0-9])", "", text)
    text = re.sub(r"(?<![A-Za-z])([mk]?g)[ _]?CO2(?![A-Za-z0-9])", r"\1CarbonDioxide", text)
    text = re.sub(r"(?<![A-Za-z])([mk]?g)[ _]?C(?![A-Za-z0-9])", r"\1C", text)
    # one divisor after the other: W/(m2 s) is W/m2/s
    return re.sub(r"/\(([^()]*)\)", lambda match: "".join(f"/{factor}" for factor in match[1].split()), text)


def _with_power(factor: str) -> str:
    """Write a factor such as ``m-2`` or ``W/m2`` for pint."""
    first, *divisors = factor.split("/")
    return " * ".join([_power(first, ""), *(_power(divisor, "-") for divisor in divisors)])


def _power(factor: str, sign: str) -> str:
    letters = factor.rstrip("0123456789-+")
    power = factor[len(letters) :]
    if not letters or not (power or sign):
        return factor
    return f"{letters}**({sign}({power or 1}))"


def convert(values: NDArray[np.floating], source: str, target: str, *, where: str) -> NDArray[np.float64]:
    """Convert ``values`` from unit ``source`` to unit ``target``.

    A depth of water (mm) is converted to a mass (kg m-2) with 1000 kg m-3: ``mm d-1`` converts to ``kg m-2 s-1``.

    Parameters
    ----------
    values : array
        Numbers in unit ``source``; NaN stays NaN.
    source, target : str
        Unit in the file, and in the site dataset.
    where : str
        File and column, for the error message.

    Raises
    ------
    BadInput
        If a unit is unknown, or the two have different dimensions.
    """
    try:
        return _converted(values, _parse(source, where), _parse(target, where))
    except pint.PintError as error:
        problem = BadInput(
            f"unit '{source}' cannot be converted to '{target}'",
            where=where,
            remedy=f"correct the unit of the variable or column: it must convert to {target}",
        )
        report(problem, cause=error)
    except BadInput as problem:
        report(problem, cause=problem.__cause__ if isinstance(problem.__cause__, Exception) else None)
    return np.full(np.shape(values), np.nan)


def _converted(values: NDArray[np.floating], unit_from: pint.Unit, unit_to: pint.Unit) -> NDArray[np.float64]:
    ureg = _registry()
    quantity = ureg.Quantity(np.asarray(values, dtype=np.float64), unit_from)
    water = ureg.Quantity(1000.0, "kg m**-3")
    if (quantity * water).check(unit_to.dimensionality) and not quantity.check(unit_to.dimensionality):
        quantity = quantity * water
    return np.asarray(quantity.to(unit_to).magnitude, dtype=np.float64)


def refuse_fraction_as_percent(values: NDArray[np.floating], *, where: str) -> None:
    """Raise an error for a column with the unit % whose values never exceed 1.

    Raises
    ------
    BadInput
        If the largest value is above 0 and at most 1.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size and 0.0 < finite.max() <= 1.0:
        report(
            BadInput(
                f"the unit of the column is % but its largest value is {finite.max():g}",
                where=where,
                remedy="it seems to be a fraction: give the unit 'm3 m-3' or '1', or multiply it by 100",
            )
        )
