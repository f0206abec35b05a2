"""Old codes of missing values: numbers of nines, 6999 and the like, which older files use beside or instead of -9999."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.problems import report
from jules_ml.data.units import convert
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput

#: Digits without sign and decimal point: two or more nines, or 6999 and the like.
_CODES = re.compile("9{2,}|[678]9{3}|7{4}|8{4}")
#: Numbers that a logger writes for a sensor without a signal.
_NO_SIGNAL = {"t_air": (-40.0,), "t_soil": (-40.0,), "theta": (0.0,), "theta_crns": (0.0,)}
#: Least distance of a code from all other values, relative to their range, if the code itself is a possible value.
_ISOLATION = 0.25


def is_missing_code(value: float) -> bool:
    """Whether a number has the digits of a code of missing values, for example -99.9, 99.99, 6999 or -9999.9."""
    return _CODES.fullmatch(f"{abs(value):.10g}".replace(".", "")) is not None


def refuse_old_codes(
    raw: NDArray[np.float64],
    converted: NDArray[np.float64],
    name: str,
    *,
    where: str,
    has_key: bool = True,
    drops_outside: bool = False,
    column: str | None = None,
) -> None:
    """Raise an error for old codes of missing values, whether they are outside the valid range or not.

    A code outside the range is always refused. A code inside it is refused if it is the largest or smallest value, with a gap
    to all others: relative humidity of 99.9 % beside 99.8 % is a measurement, NEE of 99.99 beside -10 to 5 is not.

    Parameters
    ----------
    raw : array
        Values in the unit of the file.
    converted : array, shape of ``raw``
        Values in the unit of the variable.
    name : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`.
    where : str
        File and column, for the error message.
    has_key : bool, optional
        Whether the reader has the key ``missing``.
    drops_outside : bool, optional
        Whether the reader drops and counts values outside the valid range, codes among them: then only the others are refused.
    column : str, optional
        Column of a reader that has the key ``missing`` for each column, too.

    Raises
    ------
    BadInput
        If there is such a code; the error gives the number of the file and the key ``missing``. A number that may be a valid value of other
        columns is remedied in its column only.
    """
    variable = VARIABLES[name]
    finite = np.isfinite(raw)
    for value in _extremes(raw[finite]):
        at = finite & (raw == value)
        outside = not variable.valid_min <= float(converted[at][0]) <= variable.valid_max
        is_code = is_missing_code(value) or value in _NO_SIGNAL.get(name, ())
        refused = not drops_outside if outside else _is_isolated(value, raw[finite & ~at])
        if is_code and refused:
            cure, keys = _cure(value, column) if has_key else ("replace it by -9999 or the source's own code", {})
            report(
                BadInput(
                    f"{value:.10g} looks like a missing-value code ({int(at.sum())} values)",
                    where=where,
                    remedy=f"if it is a missing-value code, {cure}; otherwise correct the unit, or remove the values",
                    keys=keys,
                )
            )


def is_valid_elsewhere(value: float) -> bool:
    """Whether a code of missing values may be a measurement of another variable: 0 of a sensor of soil moisture is night or no rain."""
    return -999.0 < value < 6999.0


def _cure(value: float, column: str | None) -> tuple[str, dict[str, object]]:
    """Remedy for a code, and its keys of ``[data]``."""
    if not is_valid_elsewhere(value):
        return f"give missing = [{value:.10g}]", {"missing": [value]}
    if column is not None:
        return (
            f"give missing = [{value:.10g}] under [data.columns.{column}], or empty these cells",
            {"columns": {column: {"missing": [value]}}},
        )
    if value in {number for numbers in _NO_SIGNAL.values() for number in numbers}:
        return "empty these cells, since the number may be a valid value of other columns", {}
    return f"give missing = [{value:.10g}]", {"missing": [value]}


def convert_without_codes(
    raw: NDArray[np.float64], unit: str, name: str, *, where: str, drops_outside: bool = False
) -> NDArray[np.float64]:
    """Convert a column of a source without the key ``missing`` to the unit of its variable, and refuse old codes.

    Parameters and errors are those of :func:`refuse_old_codes` and of :func:`~jules_ml.data.units.convert`.
    """
    converted = convert(raw, unit, VARIABLES[name].units, where=where)
    refuse_old_codes(raw, converted, name, where=where, has_key=False, drops_outside=drops_outside)
    return converted


def _extremes(values: NDArray[np.float64]) -> tuple[float, ...]:
    return (float(values.min()), float(values.max())) if values.size else ()


def _is_isolated(value: float, others: NDArray[np.float64]) -> bool:
    """Whether the gap to all others exceeds a quarter of their range, and a tenth of the number."""
    if others.size == 0:
        return False
    distance = float(np.abs(others - value).min())
    return distance > max(_ISOLATION * float(np.ptp(others)), 0.1 * abs(value), 1e-9)


def isolated_codes(raw: NDArray[np.float64]) -> set[float]:
    """Return the numbers of a column that have the digits of a code of missing values and are far from all others.

    Parameters
    ----------
    raw : array
        Values in the unit of the file.
    """
    codes: set[float] = set()
    rest = raw[np.isfinite(raw)]
    while rest.size:
        code = next((v for v in _extremes(rest) if is_missing_code(v) and _is_isolated(v, rest[rest != v])), None)
        if code is None:
            break
        codes.add(code)
        rest = rest[rest != code]
    return codes
