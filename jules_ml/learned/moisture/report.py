"""Predictions, scores and figures of a soil-moisture module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.learned.moisture.ensemble import MoistureEnsemble, MoisturePrediction
from jules_ml.learned.moisture.figures import moisture_series
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.scores import anomalies, drydown_scale
from jules_ml.learned.moisture.skill import (
    MIN_TEST_DAYS,
    DailySeries,
    SensorPredictions,
    baseline_scores,
    layer_of,
    moisture_verdict,
    sensor_predictions,
)
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.verdict import interval_scores
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import Split


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
                "precip": record.dynamic["precip"],
                "jules": record.jules[:, layer_of(record, sensor)],
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
        "precip": ("row", rows["precip"].to_numpy(), {"units": "kg m-2 d-1", "long_name": "precipitation"}),
        "jules": ("row", rows["jules"].to_numpy(), theta | {"long_name": "JULES layer that contains the sensor"}),
        "theta_layers": (
            ("row", "soil"),
            rows[_layer_columns()].to_numpy(),
            theta | {"long_name": "water content of JULES's layers as predicted, residual water included"},
        ),
    }
    depth = ("soil", list(LAYER_DEPTHS), {"units": "m", "positive": "down"})
    return xr.Dataset(columns, coords={"depth": depth})


def scores_of_sites(
    ensemble: MoistureEnsemble,
    records: Sequence[MoistureRecord],
    splits: Sequence[Split],
    *,
    stored: Mapping[str, DailySeries] | None = None,
    period: str = "in the test period",
) -> dict[str, Any]:
    """Score each sensor of each site, and the baselines at the scored sensors, in the test periods.

    Parameters
    ----------
    ensemble : MoistureEnsemble
    records : sequence of MoistureRecord
    splits : sequence of Split
        One for each record.
    stored : mapping of str to DailySeries, optional
        Training days of other records, by site, to which baselines are fitted too.
    period : str
        What is scored, for the verdict.

    Returns
    -------
    dict
        ``sites``: ``sensors`` and ``baselines`` of each site; ``verdict``: the module compared with the baselines over all sites.
    """
    sites: dict[str, Any] = {}
    sensors: list[SensorPredictions] = []
    for record, split in zip(records, splits, strict=True):
        prediction = ensemble.predict(record)
        sensor = scored_sensor(ensemble, record)
        theta = prediction.theta[:, sensor]
        of_sensor = sensor_predictions(record, sensor, theta, split, (stored or {}).get(record.site))
        sites[record.site] = {
            "sensors": _sensor_scores(record, prediction, split, cover=ensemble.settings.interval),
            "baselines": {} if of_sensor is None else baseline_scores(of_sensor),
        }
        sensors += [] if of_sensor is None else [of_sensor]
    return {"sites": sites, "verdict": moisture_verdict(sensors, period=period)}


def _sensor_scores(
    record: MoistureRecord, prediction: MoisturePrediction, split: Split, *, cover: float
) -> dict[str, dict[str, Any]]:
    """Score each sensor, with its intervals, in the test period."""
    scores: dict[str, dict[str, Any]] = {}
    for sensor, name in enumerate(record.names):
        days = split.test & record.usable[:, sensor]
        if days.sum() < MIN_TEST_DAYS:
            continue
        theta, predicted = record.theta[:, sensor], prediction.theta[:, sensor]
        observed = np.where(days, theta, np.nan)
        rain = record.dynamic["precip"]
        scores[name] = {
            **asdict(score(predicted[days], theta[days])),
            **interval_scores(prediction.low[days, sensor], prediction.high[days, sensor], theta[days], cover=cover),
            "r_of_anomalies": score(anomalies(np.where(days, predicted, np.nan)), anomalies(observed)).r,
            "drydown_days": drydown_scale(np.where(days, predicted, np.nan), rain),
            "drydown_days_measured": drydown_scale(observed, rain),
            "depth": float(record.depth[sensor]),
        }
    return scores


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
        jules=record.jules[:, layer_of(record, sensor)] if record.has_jules else None,
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


def _label(record: MoistureRecord, sensor: int) -> str:
    depth = record.depth[sensor]
    if not np.isfinite(depth):
        return "cosmic-ray sensor"
    same = [i for i, d in enumerate(record.depth) if d == depth]
    return f"sensor at {depth:.2f} m" + (f" ({same.index(sensor) + 1})" if len(same) > 1 else "")


def _layer_columns() -> list[str]:
    return [f"layer {i + 1}" for i in range(len(LAYER_DEPTHS))]
