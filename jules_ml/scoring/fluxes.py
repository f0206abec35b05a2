"""Nightly and daily means of fluxes, and the highest score that their random error allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def nightly(
    values: pd.DataFrame, middle: pd.DatetimeIndex, *, least: int = 4, site: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Average over nights, from noon to noon.

    Parameters
    ----------
    values : DataFrame, one row a step
        Columns to average.
    middle : DatetimeIndex
        Middle of each step, local standard time.
    least : int
        Minimum number of steps of a night.
    site : array of int, shape (row,), optional
        Number of each row's site; sites are averaged separately, and are the first level of the index.
    """
    night = (middle + pd.Timedelta(hours=12)).floor("D")
    return _means(values, night, least, site)


def daily(
    values: pd.DataFrame, middle: pd.DatetimeIndex, *, least: int = 1, site: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Average over days, as :func:`nightly`."""
    return _means(values, middle.floor("D"), least, site)


def _means(values: pd.DataFrame, label: pd.DatetimeIndex, least: int, site: NDArray[np.int64] | None) -> pd.DataFrame:
    grouped = values.groupby(np.asarray(label) if site is None else [site, np.asarray(label)])
    return grouped.mean()[grouped.size() >= least]


def noise_ceiling(flux: _Array, time: pd.DatetimeIndex, step: pd.Timedelta) -> float:
    r"""Greatest Nash-Sutcliffe efficiency that random error allows, estimated from differences of consecutive steps.

    .. math:: 1 - \frac{\operatorname{var}(y_{t+1} - y_t)}{2 \operatorname{var}(y)}

    Parameters
    ----------
    flux : array, shape (row,)
        Measured flux.
    time : DatetimeIndex
        Times of the measurements, ascending.
    step : Timedelta
        Greatest time between consecutive steps.

    Returns
    -------
    float
        NaN with fewer than ten pairs of consecutive steps.

    Notes
    -----
    Errors that are correlated over more than a step count as signal, and changes of the signal within a step as error.
    """
    near = np.diff(time.to_numpy()) <= step.to_timedelta64()
    if near.sum() < 10:
        return float("nan")
    return float(1.0 - 0.5 * np.var(np.diff(flux)[near]) / np.var(flux))
