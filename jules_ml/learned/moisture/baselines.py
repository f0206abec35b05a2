"""What learned soil moisture is held against: JULES, JULES rescaled, climatology, an exponential filter of rain.

Each takes the water content of the days that may be learned from, and gives one for every day.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


def matched(series: _Array, theta: _Array, train: _Mask) -> _Array:
    """A series shifted and stretched to the mean and the standard deviation measured on the training days.

    Parameters
    ----------
    series, theta : array, shape (day,)
        What is rescaled, and the measured water content [m3 m-3].
    train : array of bool, shape (day,)
        Days that the moments are taken of.

    Returns
    -------
    array, shape (day,)
    """
    held = train & np.isfinite(series)
    spread = series[held].std()
    ratio = theta[held].std() / spread if spread > 0 else 0.0
    return theta[held].mean() + ratio * (series - series[held].mean())


def regression(series: _Array, theta: _Array, train: _Mask) -> _Array:
    """Least squares of the water content on a series, over the training days."""
    held = train & np.isfinite(series)
    slope, level = np.polyfit(series[held], theta[held], 1)
    return slope * series + level


def climatology(days: pd.DatetimeIndex, theta: _Array, train: _Mask, *, within: int = 15) -> _Array:
    """Mean of the training days within so many days of the year; their overall mean where there is none."""
    day = days.day_of_year.to_numpy()
    apart = np.abs((day[:, None] - np.arange(1, 367)[None, :] + 182) % 365 - 182) <= within
    near = apart & train[:, None]
    count = near.sum(0)
    sums = np.where(near, theta[:, None], 0.0).sum(0)
    of_year = np.where(count > 0, sums / np.maximum(count, 1), theta[train].mean())
    return of_year[day - 1]


def rain_index(precip: _Array, theta: _Array, train: _Mask) -> _Array:
    """Exponential filter of the rain, regressed on the training days; its time scale is the best of eight there [2 to 120 d].

    Days without a measurement have no weight.
    """
    rain, known = np.nan_to_num(precip), np.isfinite(precip).astype(np.float64)
    best, least = np.full(len(rain), theta[train].mean()), np.inf
    for scale in (2, 4, 7, 12, 20, 35, 60, 120):
        keep = np.exp(-1.0 / scale)
        sums, weights = (lfilter([1.0 - keep], [1.0, -keep], part) for part in (rain, known))
        fitted = regression(sums / np.maximum(weights, 1e-9), theta, train)
        error = float(np.mean((fitted[train] - theta[train]) ** 2))
        if error < least:
            best, least = fitted, error
    return best
