"""Daily means of a series without the partial days at its ends."""

from __future__ import annotations

from typing import Final

import pandas as pd

from jules_ml.physics.constants import SECONDS_PER_DAY

#: Part of a day that needs values for its mean, as in :func:`~jules_ml.comparison.runs.on_common_periods`.
LEAST_OF_A_DAY: Final = 0.75


def daily_means(values: pd.Series, seconds: float) -> pd.Series:
    """Average a series over the days that lie within it.

    Parameters
    ----------
    values : Series
        Values by the end of each period, UTC.
    seconds : float
        Length of a period [s].

    Returns
    -------
    Series
        Means by the end of each day; a first or last day that the series covers in part is left out, because the mean of some hours is not
        that of a day. Days with values for less than three quarters of their time are NaN. Periods of a day or more are returned as they
        are.
    """
    if seconds >= SECONDS_PER_DAY or values.empty:
        return values
    day = pd.Timedelta("1D")
    start, end = values.index[0] - pd.Timedelta(seconds=seconds), values.index[-1]
    # a stamp is the end of its period, so midnight belongs to the day before
    days = values.resample("1D", closed="right", label="right")
    daily = days.mean().where(days.count() * seconds >= LEAST_OF_A_DAY * SECONDS_PER_DAY)
    return daily[(daily.index - day >= start) & (daily.index <= end)]


def common_period(series: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """Cut series to the period that all of them cover.

    Parameters
    ----------
    series : dict of str to Series
        Values by time.

    Returns
    -------
    dict of str to Series
    """
    covered = [values.index for values in series.values() if len(values)]
    if not covered:
        return series
    start, end = max(index[0] for index in covered), min(index[-1] for index in covered)
    half_day = pd.Timedelta("12h")
    # days of two runs may end at different hours
    return {
        name: values[(values.index > start - half_day) & (values.index < end + half_day)]
        for name, values in series.items()
    }
