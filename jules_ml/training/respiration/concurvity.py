"""Whether water and temperature can be told apart: concurvity, the collinearity of curves.

References
----------
Wood (2017), Generalized Additive Models, 2nd ed., section 5.6.3; Hastie and Tibshirani (1990).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_lsq_spline

#: From here on f and g are not to be told apart.
WARN_ABOVE = 0.8
_KNOTS = 6

_Array = NDArray[np.float64]


def concurvity(moisture: _Array, t_soil: _Array) -> float:
    """Greater share of variance that a smooth curve of one variable explains of the other [1].

    Parameters
    ----------
    moisture, t_soil : array, shape (row,)
        The two variables, in any unit.

    Returns
    -------
    float
        0: they can be told apart as well as can be; 1: each is a function of the other.
    """
    return max(_explained(moisture, t_soil), _explained(t_soil, moisture))


def _explained(y: _Array, x: _Array) -> float:
    if np.ptp(x) <= 0.0 or np.ptp(y) <= 0.0:
        return 1.0
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    inner = np.unique(np.quantile(x, np.linspace(0.0, 1.0, _KNOTS)[1:-1]))
    inner = inner[(inner > x[0]) & (inner < x[-1])]
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    try:
        fitted = make_lsq_spline(x, y, knots, k=3)(x)
    except (ValueError, np.linalg.LinAlgError):  # too few distinct values for a spline
        fitted = np.poly1d(np.polyfit(x, y, 2))(x)
    return float(1.0 - np.var(y - fitted) / np.var(y))
