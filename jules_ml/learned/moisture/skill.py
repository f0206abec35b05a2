"""Learned soil moisture and its baselines on the same test days of the scored sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.profile import layer_or_lowest
from jules_ml.learned.moisture.baselines import LABELS, boosting, climatology, rain_index, rescaled
from jules_ml.learned.moisture.record import LAYER_THICKNESS, MoistureRecord
from jules_ml.learned.verdict import LEARNED, compared, verdict_of
from jules_ml.scoring.bootstrap import day_blocks
from jules_ml.scoring.splits import SPLIT_NAMES, Split

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Fewest test days that are scored, and fewest training days that a baseline is fitted to.
MIN_TEST_DAYS, MIN_TRAINING_DAYS = 10, 20
#: Days without values between a stored record and a new one, over which the memory of past rain fades.
_PAUSE = 400


@dataclass(frozen=True, eq=False)
class DailySeries:
    """Daily series that the baselines of a sensor need, arrays of shape (day,).

    Attributes
    ----------
    days : DatetimeIndex
    theta, jules : array
        Water content of the sensor and of the layer of JULES that contains it [m3 m-3].
    precip : array
        Precipitation [kg m-2 d-1].
    train : array of bool
        Training days of the sensor.
    """

    days: pd.DatetimeIndex
    theta: _Array
    jules: _Array
    precip: _Array
    train: _Mask

    def after(self, other: DailySeries) -> DailySeries:
        """Append these days to those of an earlier or later record of the site, with days without values between the two."""
        pause = pd.DatetimeIndex([other.days[-1]] * _PAUSE)
        gap = np.full(_PAUSE, np.nan)
        return DailySeries(
            days=other.days.append(pause).append(self.days),
            theta=np.concatenate([other.theta, gap, self.theta]),
            jules=np.concatenate([other.jules, gap, self.jules]),
            precip=np.concatenate([other.precip, gap, self.precip]),
            train=np.concatenate([other.train, np.zeros(_PAUSE, dtype=bool), self.train]),
        )


def sensor_series(record: MoistureRecord, sensor: int, train: _Mask) -> DailySeries:
    """Daily series of a sensor of a record."""
    return DailySeries(
        record.days, record.theta[:, sensor], record.jules[:, layer_of(record, sensor)], record.dynamic["precip"], train
    )


def stored_series(predictions: xr.Dataset, site: str) -> DailySeries | None:
    """Daily series of a training site in ``predictions.nc``; None without the site, or in a folder of an earlier version."""
    if "precip" not in predictions:
        return None
    rows = np.flatnonzero(predictions["site"].to_numpy().astype(str) == site)
    if len(rows) == 0:
        return None
    theta, jules, precip, split = (
        predictions[name].to_numpy()[rows] for name in ("observed", "jules", "precip", "split")
    )
    fitted = np.isin(split, [SPLIT_NAMES.index(name) for name in ("train", "validation")])
    days = pd.DatetimeIndex(predictions["time"].to_numpy()[rows]) - pd.Timedelta(days=1)
    return DailySeries(days, theta, jules, precip, fitted & np.isfinite(theta))


def layer_of(record: MoistureRecord, sensor: int) -> int:
    """Index of the layer that contains a sensor; the upper layer for a cosmic-ray sensor."""
    depth = float(record.depth[sensor])
    return layer_or_lowest(depth, LAYER_THICKNESS) if np.isfinite(depth) else 0


def baseline_series(series: DailySeries) -> dict[str, _Array]:
    """Compute the baselines by name: JULES, JULES rescaled in mean and variance, climatology, antecedent precipitation index.

    The names are those of ``scores.json``. All but JULES are fitted to the training days, and left out if these are too few.
    """
    train, theta, jules = series.train, series.theta, series.jules
    baselines: dict[str, _Array] = {}
    if np.isfinite(jules).any():
        baselines["JULES"] = jules
    if train.sum() < MIN_TRAINING_DAYS:
        return baselines
    if (train & np.isfinite(jules)).sum() >= MIN_TRAINING_DAYS:
        baselines["JULES matched"] = rescaled(jules, theta, train)
    return baselines | {
        "climatology": climatology(series.days, theta, train),
        "rain index": rain_index(series.precip, theta, train),
    }


@dataclass(frozen=True, eq=False)
class SensorPredictions:
    """Predictions of the scored sensor of a site on its test days.

    Attributes
    ----------
    days : DatetimeIndex, shape (day,)
    observed : array, shape (day,)
        Water content [m3 m-3].
    predicted : dict of str to array, shape (day,)
        Water content predicted by the module, under the name ``learned``, and by each baseline [m3 m-3].
    """

    days: pd.DatetimeIndex
    observed: _Array
    predicted: dict[str, _Array]


def sensor_predictions(
    record: MoistureRecord, sensor: int, theta: _Array, split: Split, stored: DailySeries | None = None
) -> SensorPredictions | None:
    """Collect the predictions of the scored sensor.

    Parameters
    ----------
    record : MoistureRecord
    sensor : int
        Index of the scored sensor.
    theta : array, shape (day,)
        Water content predicted by the module at this sensor [m3 m-3].
    split : Split
    stored : DailySeries, optional
        Training days of an earlier or later record of the site, to which the baselines are fitted too.

    Returns
    -------
    SensorPredictions or None
        None with too few test days.
    """
    train, test = (mask & record.usable[:, sensor] for mask in (split.fitted, split.test))
    if test.sum() < MIN_TEST_DAYS:
        return None
    series = sensor_series(record, sensor, train)
    baselines = baseline_series(series if stored is None else series.after(stored))
    boosted = boosting(record, sensor, train)
    if boosted is not None:
        baselines["boosting"] = boosted
    predicted = {LEARNED: theta} | {name: values[-len(record) :] for name, values in baselines.items()}
    return SensorPredictions(
        record.days[test], record.theta[test, sensor], {name: values[test] for name, values in predicted.items()}
    )


def baseline_scores(of_sensor: SensorPredictions) -> dict[str, dict[str, Any]]:
    """Score the baselines, each with the RMSE of the module minus its own; see :func:`~jules_ml.learned.verdict.compared`."""
    scores = compared(of_sensor.observed, of_sensor.predicted, day_blocks(of_sensor.days), measure="rmse")
    return {name: of for name, of in scores.items() if name != LEARNED}


def moisture_verdict(sensors: Sequence[SensorPredictions], *, period: str) -> dict[str, Any]:
    """Compare the module with the baselines that all sites have, over the test days of all sites.

    Parameters
    ----------
    sensors : sequence of SensorPredictions
        One for each scored site.
    period : str
        What was scored, for the sentence.

    Returns
    -------
    dict
        Entry ``verdict`` of ``scores.json``.
    """
    names = (
        [name for name in sensors[0].predicted if all(name in each.predicted for each in sensors)] if sensors else []
    )
    site = np.repeat(np.arange(len(sensors)), [len(each.days) for each in sensors])
    days = pd.DatetimeIndex(np.concatenate([each.days for each in sensors])) if sensors else pd.DatetimeIndex([])
    scores: Mapping[str, Mapping[str, Any]] = compared(
        np.concatenate([each.observed for each in sensors]) if sensors else np.zeros(0),
        {LABELS.get(name, name): np.concatenate([each.predicted[name] for each in sensors]) for name in names}
        or {LEARNED: np.zeros(0)},
        day_blocks(days, site=site),
        measure="rmse",
    )
    return verdict_of("soil moisture", scores, measure="rmse", units="m3 m-3", period=period).to_scores()
