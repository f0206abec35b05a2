"""Range of moisture, and of temperature, that the data support. Outside it the curves are held at their edges.

f is determined at a moisture only if rows at that moisture have different temperatures: wet soil at cold sites is often wet only while the
snow melts, and the flux of those days is not that of a wet soil in general. g only needs enough rows: the temperature of rows of the same
moisture differs within a day and from day to day.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Half width of the window around a value: moisture [1 or m3 m-3], and temperature [K].
WINDOW_S: Final = 0.025
WINDOW_T: Final = 1.0
#: Least range (10 to 90 %) of the other variable in the window, as a fraction of its range over all rows [1].
_LEAST_RANGE: Final = 0.25
#: Least number of rows in the window: this fraction of all rows, within these limits; more where the other variable must differ too.
_LEAST_FRACTION: Final = 0.002
_LEAST_ROWS: Final = (10, 50)
_LEAST_FRACTION_JOINT: Final = 0.01
_LEAST_ROWS_JOINT: Final = (10, 100)
_CENTRES: Final = 201

_Array = NDArray[np.float64]


def support(x: _Array, other: _Array | None = None, *, window: float) -> tuple[float, float]:
    """Range of a variable with enough rows, which differ in the other variable.

    Parameters
    ----------
    x : array, shape (row,)
        Variable of the modifier.
    other : array, shape (row,), optional
        Variable in which rows at the same value of ``x`` must differ; by default only the number of rows counts.
    window : float
        Half width of the window around a value of ``x``, in its unit.

    Returns
    -------
    low, high : float
        Outermost values of ``x`` with enough rows around them whose ``other`` varies; the 1 and 99 % quantiles of ``x`` if they are less
        than two windows apart, because the two variables are collinear.
    """
    order = np.argsort(x)
    x = x[order]
    centres = np.linspace(x[0], x[-1], _CENTRES)
    first, last = np.searchsorted(x, centres - window), np.searchsorted(x, centres + window, side="right")
    fraction, limits = (_LEAST_FRACTION, _LEAST_ROWS) if other is None else (_LEAST_FRACTION_JOINT, _LEAST_ROWS_JOINT)
    supported = last - first >= int(np.clip(fraction * len(x), *limits))
    if other is not None:
        other = other[order]
        least_range = _LEAST_RANGE * _range(other)
        varied = [_range(other[a:b]) >= least_range for a, b in zip(first[supported], last[supported], strict=True)]
        supported[supported] = varied
    inside = centres[supported]
    if len(inside) == 0 or inside[-1] - inside[0] < 2.0 * window:
        return float(np.quantile(x, 0.01)), float(np.quantile(x, 0.99))
    return float(inside[0]), float(inside[-1])


def _range(values: _Array) -> float:
    """Range from the 10 to the 90 % quantile."""
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low)
