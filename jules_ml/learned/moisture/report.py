"""Predictions, scores and figures of a soil-moisture module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.data.profile import layer_or_lowest
from jules_ml.learned.moisture.baselines import climatology, rain_index, rescaled
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.figures import moisture_series
from jules_ml.learned.moisture.record import LAYER_DEPTHS, LAYER_THICKNESS, MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.scores import anomalies, drydown_scale
from jules_ml.learned.predictions import prediction_variables
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import Split

_Array = NDArray[np.float64]
#: Fewest test days that are scored, and fewest training days that a baseline is fitted to.
_MIN_TEST_DAYS, _MIN_TRAINING_DAYS = 10, 20


def predictions_of(
    ensemble: MoistureEnsemble, records: Sequence[MoistureRecord], splits: Sequence[Split]
) -> xr.Dataset:
    """Create the dataset of predictions: the scored sensor, JULES and the four layers, by site and day."""
    tables = []
    for record, split in zip(records, splits, strict=True):
        sensor = scored_sensor(ensemble, record)
        prediction = ensemble.predict(record)
        table = pd.DataFrame(
            {
                "time": record.days + pd.Timedelta(days=1),
                "site": record.site,
                "observed": np.where(record.usable[:, sensor], record.theta[:, sensor], np.nan),
                "predicted": prediction.theta[:, sensor],
                "lower": prediction.low[:, sensor],
                "upper": prediction.high[:, sensor],
                "jules": record.jules[:, _layer_of(record, sensor)],
                "split": split.flags(),
            }
        )
        tables.append(table.join(pd.DataFrame(ensemble.layers(record), columns=_layer_columns())))
    rows = pd.concat(tables, ignore_index=True)
    theta = {"units": "m3 m-3"}
    columns: dict[str, tuple[Any, ...]] = {
        "time": ("row", rows["time"].to_numpy(), {"long_name": "end of the day, local standard time"}),
        "site": ("row", rows["site"].to_numpy(dtype=str), {"long_name": "name of the site"}),
        **prediction_variables(
            "row",
            **{name: rows[name].to_numpy() for name in ("observed", "predicted", "lower", "upper", "split")},
            quantity="water content at the scored sensor",
            interval=f"{100 * ensemble.settings.interval:g} % interval of an observation",
            attributes=theta,
        ),
        "jules": ("row", rows["jules"].to_numpy(), theta | {"long_name": "JULES layer that contains the sensor"}),
        "theta_layers": (
            ("row", "soil"),
            rows[_layer_columns()].to_numpy(),
            theta | {"long_name": "water content of JULES's layers as predicted, residual water included"},
        ),
    }
    depth = ("soil", list(LAYER_DEPTHS), {"units": "m", "positive": "down"})
    return xr.Dataset(columns, coords={"depth": depth}, attrs={"Conventions": "CF-1.10"})


def scores_of(ensemble: MoistureEnsemble, record: MoistureRecord, split: Split) -> dict[str, Any]:
    """Score each sensor, with its intervals, and the baselines at the scored sensor, in the test period."""
    prediction = ensemble.predict(record)
    scores: dict[str, Any] = {"sensors": {}, "baselines": {}}
    for sensor, name in enumerate(record.names):
        days = split.test & record.usable[:, sensor]
        if days.sum() < _MIN_TEST_DAYS:
            continue
        theta, predicted = record.theta[:, sensor], prediction.theta[:, sensor]
        observed = np.where(days, theta, np.nan)
        interval = prediction.low[days, sensor], prediction.high[days, sensor], theta[days]
        of_sensor: dict[str, Any] = asdict(score(predicted[days], theta[days]))
        of_sensor["coverage"] = coverage(*interval)
        of_sensor["interval_score"] = interval_score(*interval, cover=ensemble.settings.interval)
        of_sensor["r_of_anomalies"] = score(anomalies(np.where(days, predicted, np.nan)), anomalies(observed)).r
        rain = record.dynamic["precip"]
        of_sensor["drydown_days"] = drydown_scale(np.where(days, predicted, np.nan), rain)
        of_sensor["drydown_days_measured"] = drydown_scale(observed, rain)
        of_sensor["depth"] = float(record.depth[sensor])
        scores["sensors"][name] = of_sensor
    sensor = scored_sensor(ensemble, record)
    train = split.fitted & record.usable[:, sensor]
    days = split.test & record.usable[:, sensor]
    if train.sum() >= _MIN_TRAINING_DAYS and days.sum() >= _MIN_TEST_DAYS:
        for name, series in baseline_series(record, sensor, train).items():
            scores["baselines"][name] = asdict(score(series[days], record.theta[days, sensor]))
    return scores


def baseline_series(record: MoistureRecord, sensor: int, train: NDArray[np.bool_]) -> dict[str, _Array]:
    """Compute the baselines by name: JULES, JULES rescaled in mean and variance, climatology, antecedent precipitation index.

    The names are those of ``scores.json``.
    """
    theta = record.theta[:, sensor]
    series = {
        "climatology": climatology(record.days, theta, train),
        "rain index": rain_index(record.dynamic["precip"], theta, train),
    }
    jules = record.jules[:, _layer_of(record, sensor)]
    if (train & np.isfinite(jules)).sum() >= _MIN_TRAINING_DAYS:
        series = {"JULES": jules, "JULES matched": rescaled(jules, theta, train), **series}
    return series


def figure_of(ensemble: MoistureEnsemble, record: MoistureRecord, split: Split, *, notes: Sequence[str] = ()) -> Figure:
    """Draw the time series of one site: module, JULES and the sensors near the surface, with the splits."""
    sensor = scored_sensor(ensemble, record)
    prediction = ensemble.predict(record)
    shallow = [sensor, *(i for i, d in enumerate(record.depth) if i != sensor and not d > 0.3)]
    observed = {
        _label(record, i): np.where(record.usable[:, i], record.theta[:, i], np.nan)
        for i in shallow[:4]
        if record.usable[:, i].any()
    }
    return moisture_series(
        record.days,
        precip=record.dynamic["precip"],
        predicted=prediction.theta[:, sensor],
        lower=prediction.low[:, sensor],
        upper=prediction.high[:, sensor],
        observed=observed,
        split=list(split.names()),
        jules=record.jules[:, _layer_of(record, sensor)] if record.has_jules else None,
        title=f"{record.site}: soil moisture, {_label(record, sensor)}",
        notes=notes,
    )


def scored_sensor(ensemble: MoistureEnsemble, record: MoistureRecord) -> int:
    """Return the index of the scored sensor: the stored one, or else the sensor that a fit would select."""
    site = ensemble.sites.get(record.site)
    if site is not None and site.names[site.main] in record.names:
        return record.names.index(site.names[site.main])
    preferred = preferred_sensor(record, least=1)
    return 0 if preferred is None else preferred


def _layer_of(record: MoistureRecord, sensor: int) -> int:
    """Index of the layer that contains a sensor; the upper layer for a cosmic-ray sensor."""
    depth = float(record.depth[sensor])
    return layer_or_lowest(depth, LAYER_THICKNESS) if np.isfinite(depth) else 0


def _label(record: MoistureRecord, sensor: int) -> str:
    depth = record.depth[sensor]
    if not np.isfinite(depth):
        return "cosmic-ray sensor"
    same = [i for i, d in enumerate(record.depth) if d == depth]
    return f"sensor at {depth:.2f} m" + (f" ({same.index(sensor) + 1})" if len(same) > 1 else "")


def _layer_columns() -> list[str]:
    return [f"layer {i + 1}" for i in range(len(LAYER_DEPTHS))]
