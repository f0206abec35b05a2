"""Gaps in a series of weather, filled by rules that have a name and are counted.

A land model needs every step; what these functions put there is plausible, not measured. They are for driving a model, never for data
that something is learned from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Series = NDArray[np.float64]
"""Shape (time,), NaN where missing."""


def interpolate_short_gaps(values: Series, longest: int) -> Series:
    """Fill gaps of a few steps by straight lines between the values on either side.

    Parameters
    ----------
    values : array, shape (time,)
        Evenly spaced; NaN where missing.
    longest : int
        Steps of the longest gap that is filled; a gap at the start or the end has one side only, and stays.

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
    known = np.flatnonzero(~missing)
    for begin, end in zip(first[short], after[short], strict=True):
        filled[begin:end] = np.interp(np.arange(begin, end), known, values[known])
    return filled


def mean_diurnal_course(values: Series, *, per_day: int, days: int) -> Series:
    """Give each step the mean of the values at the same time of day in the days around it.

    Parameters
    ----------
    values : array, shape (time,)
        Evenly spaced; NaN where missing.
    per_day : int
        Steps a day; 1 for a daily record, whose mean course is the running mean.
    days : int
        How many days on either side are looked at.

    Returns
    -------
    array, shape (time,)
        NaN where no value stands within reach.

    References
    ----------
    Falge et al. (2001), Agric. For. Meteorol. 107, 43-69: mean diurnal variation.
    """
    n_days = -(-len(values) // per_day)
    padded = np.full(n_days * per_day, np.nan)
    padded[: len(values)] = values
    by_day = pd.DataFrame(padded.reshape(n_days, per_day))
    course = by_day.rolling(2 * days + 1, center=True, min_periods=1).mean()
    return course.to_numpy().ravel()[: len(values)]
