"""Interpolation of driving data in time, by JULES's flags.

Data have a constant period of ``n`` time steps. The step ``t`` of the period that begins with the value :math:`d_0` lies between
:math:`d_0` and the next value :math:`d_1`; :math:`d_{-1}` and :math:`d_2` are the neighbours.

References
----------
JULES user guide, JULES_DRIVE ``interp``. Sheng and Zwiers (1998), Clim. Dyn. 14, 609-613, for the averages that are preserved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Values that an interpolation needs before and after the one at the start of the step.
NEEDED: Final = {
    "b": (0, 2),
    "c": (-1, 2),
    "f": (-1, 1),
    "i": (0, 1),
    "nb": (1, 1),
    "nc": (0, 1),
    "nf": (0, 0),
}


def interpolated(
    values: Callable[[int], NDArray[np.floating]], flag: str, step: NDArray[np.int64], n: int
) -> NDArray[np.floating]:
    r"""Interpolate driving data to time steps.

    ``nf``, ``nc`` and ``nb`` hold a value from, around or until its time; ``i`` interpolates linearly between instantaneous values;
    ``f``, ``c`` and ``b`` interpolate averages that begin at, are centred on or end at their time, and preserve each average:

    .. math:: x = \frac{4\,m \sum_k w_k d_k}{3m + \tfrac12 (m_- + m_+)}

    with the average :math:`m` of the interval and its neighbours :math:`m_-`, :math:`m_+`.

    Parameters
    ----------
    values : callable
        Returns :math:`d_k` of all steps by ``k``, shape (step, point).
    flag : str
        One of :data:`NEEDED`.
    step : array of int, shape (step, 1)
        Number of the step in its period, from 0.
    n : int
        Steps in a period.

    Returns
    -------
    array, shape (step, point)
    """
    if flag in ("nf", "nb"):
        return values(0) if flag == "nf" else values(1)
    if flag == "nc":
        return np.where(step < n // 2, values(0), values(1))
    t = step.astype(values(0).dtype)
    if flag == "i":
        weight = (n - (t + 1.0)) / n
        return values(0) * weight + values(1) * (1.0 - weight)
    if flag == "c":
        weight = 1.0 - (2.0 * t + 1.0) / (2.0 * n)
        mean = values(0) * weight + values(1) * (1.0 - weight)
        late = t > n / 2
        own = np.where(late, values(1), values(0))
        return _preserving(mean, own, np.where(late, values(0), values(-1)), np.where(late, values(2), values(1)))
    # an average that begins or ends at its time; its neighbours gain weight towards the ends of the interval
    centre = 0 if flag == "f" else 1
    before, own, after = (values(centre + k) for k in (-1, 0, 1))
    w_own = 1.0 - np.abs(2.0 * t - n + 1.0) / (2.0 * n)
    w_before = np.maximum(1.0 - (2.0 * t + n + 1.0) / (2.0 * n), 0.0)
    w_after = np.maximum(1.0 - (3.0 * n - 2.0 * t - 1.0) / (2.0 * n), 0.0)
    return _preserving(before * w_before + own * w_own + after * w_after, own, before, after)


def _preserving(
    mean: NDArray[np.floating], own: NDArray[np.floating], before: NDArray[np.floating], after: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Scale a linear interpolation so that the average of the interval is preserved; 0 where it and its neighbours are 0."""
    whole = 0.5 * (before + after) + 3.0 * own
    return np.where(whole == 0.0, 0.0, mean * 4.0 * own / np.where(whole == 0.0, 1.0, whole))
