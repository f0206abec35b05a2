"""Baselines for learned soil moisture: JULES rescaled, climatology, an antecedent precipitation index, and gradient boosting.

Each is fitted to the water content of the training days, and returns a value for every day.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from jules_ml.learned.moisture.lagged_inputs import lagged_inputs
from jules_ml.learned.moisture.moments import jules_moments
from jules_ml.learned.moisture.record import DYNAMIC, MoistureRecord

#: Labels in tables and sentences of baselines whose name in ``scores.json`` is older.
LABELS: Final = {"JULES matched": "JULES rescaled", "boosting": "gradient boosting"}
#: Fewest training days of gradient boosting, and fewest in a leaf: fewer than in the module's own, which has many sites.
_BOOSTING_DAYS: Final = 100
_BOOSTING_LEAF: Final = 20

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


def rescaled(series: _Array, theta: _Array, train: _Mask) -> _Array:
    """Rescale a series to the mean and the standard deviation measured on the training days.

    Parameters
    ----------
    series, theta : array, shape (day,)
        Series to rescale, and the measured water content [m3 m-3].
    train : array of bool, shape (day,)
        Training days.

    Returns
    -------
    array, shape (day,)
    """
    days = train & np.isfinite(series)
    spread = series[days].std()
    ratio = theta[days].std() / spread if spread > 0 else 0.0
    result: _Array = theta[days].mean() + ratio * (series - series[days].mean())
    return result


def regression(series: _Array, theta: _Array, train: _Mask) -> _Array:
    """Regress the water content on a series by least squares over the training days, shape (day,); their mean if it does not vary."""
    days = train & np.isfinite(series)
    if days.sum() < 2 or np.ptp(series[days]) == 0.0:
        return np.full(len(series), theta[train].mean())
    slope, intercept = np.polyfit(series[days], theta[days], 1)
    result: _Array = slope * series + intercept
    return result


def climatology(days: pd.DatetimeIndex, theta: _Array, train: _Mask, *, within: int = 15) -> _Array:
    """Compute the mean of the training days within a window about each day of the year, shape (day,).

    ``within`` is half the width of the window [d]. Where it has no training day, the overall mean is used.
    """
    day = days.day_of_year.to_numpy()
    in_window = np.abs((day[:, None] - np.arange(1, 367)[None, :] + 182) % 365 - 182) <= within
    near = in_window & train[:, None]
    count = near.sum(0)
    sums = np.where(near, theta[:, None], 0.0).sum(0)
    by_day: _Array = np.where(count > 0, sums / np.maximum(count, 1), theta[train].mean())
    result: _Array = by_day[day - 1]
    return result


def rain_index(precip: _Array, theta: _Array, train: _Mask) -> _Array:
    """Regress the water content on an antecedent precipitation index, shape (day,).

    The index is an exponential filter of the rain. Its time scale, of eight between 2 and 120 d, has the smallest error on the training
    days. Days without a measurement have no weight.
    """
    rain, measured = np.nan_to_num(precip), np.isfinite(precip).astype(np.float64)
    best, least = np.full(len(rain), theta[train].mean()), np.inf
    for scale in (2, 4, 7, 12, 20, 35, 60, 120):
        decay = np.exp(-1.0 / scale)
        sums, weights = (lfilter([1.0 - decay], [1.0, -decay], series) for series in (rain, measured))
        fitted = regression(sums / np.maximum(weights, 1e-9), theta, train)
        error = float(np.mean((fitted[train] - theta[train]) ** 2))
        if error < least:
            best, least = fitted, error
    return best


def boosting(record: MoistureRecord, sensor: int, train: _Mask) -> _Array | None:
    """Fit gradient boosting on lagged weather and the first guess to one sensor, shape (day,) [m3 m-3]; None with too few days.

    Parameters
    ----------
    record : MoistureRecord
    sensor : int
        Index of the sensor.
    train : array of bool, shape (day,)
        Training days of the sensor.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    if train.sum() < _BOOSTING_DAYS:
        return None
    inputs = lagged_inputs(record, dynamic=DYNAMIC, static=(), properties={}, first_guess=jules_moments(record, train))
    columns = np.column_stack([values for values in inputs.values() if np.isfinite(values[train]).any()])
    model = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.04,
        min_samples_leaf=_BOOSTING_LEAF,
        max_features=0.4,
        early_stopping=False,
        random_state=0,
    )
    result: _Array = model.fit(columns[train], record.theta[train, sensor]).predict(columns)
    return result
