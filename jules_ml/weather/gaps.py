"""Gap-filling of a time series of weather.

A land model needs a value at every step. Filled values are plausible, not measured: they may drive a model, but must not be used as
training data.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Series = NDArray[np.float64]
"""Shape (time,), NaN where missing."""


def interpolate_short_gaps(values: Series, longest: int) -> Series:
    """Fill short gaps by linear interpolation.

    Parameters
    ----------
    values : array, shape (time,)
        Evenly spaced; NaN where missing.
    longest : int
        Steps of the longest gap that is filled; a gap at the start or the end of the series is not filled.

    Returns
    -------
    array, shape (time,)
    """
    missing = np.isnan(values)
    if longest < 1 or missing.all() or not missing.any():
        return values.copy()
    edges = np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8))
    first, after = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    short = (after - first <= longest) & (first > 0) & (after < len(values))
    filled = values.copy()
    present = np.flatnonzero(~missing)
    for begin, end in zip(first[short], after[short], strict=True):
        filled[begin:end] = np.interp(np.arange(begin, end), present, values[present])
    return filled


def mean_diurnal_variation(values: Series, *, per_day: int, days: int) -> Series:
    """Compute the mean diurnal variation (MDV): at each step the mean over the same time of day on the days around it.

    Parameters
    ----------
    values : array, shape (time,)
        Evenly spaced; NaN where missing.
    per_day : int
        Steps per day; 1 for a daily record, for which this is the running mean.
    days : int
        Number of days on either side.

    Returns
    -------
    array, shape (time,)
        NaN where these days have no value.

    References
    ----------
    Falge et al. (2001), Agric. For. Meteorol. 107, 43-69: mean diurnal variation.
    """
    n_days = -(-len(values) // per_day)
    padded = np.full(n_days * per_day, np.nan)
    padded[: len(values)] = values
    by_day = pd.DataFrame(padded.reshape(n_days, per_day))
    variation = by_day.rolling(2 * days + 1, center=True, min_periods=1).mean()
    return np.asarray(variation, dtype=np.float64).ravel()[: len(values)]
