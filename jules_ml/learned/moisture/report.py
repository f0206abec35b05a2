"""What is to be said of learned soil moisture: its predictions, its scores and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.learned.moisture.baselines import climatology, matched, rain_index
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.figures import moisture_series
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.scores import anomalies, drydown_scale
from jules_ml.learned.predictions import prediction_variables
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import Split

_Array = NDArray[np.float64]


def predictions_of(
    ensemble: MoistureEnsemble, records: Sequence[MoistureRecord], splits: Sequence[Split]
) -> xr.Dataset:
    """Water content by site and day: of the scored sensor, measured and modelled, of JULES, and of the four layers."""
    tables = []
    for record, split in zip(records, splits, strict=True):
        sensor = scored_sensor(ensemble, record)
        found = ensemble.predict(record)
        layer = int(np.argmin(np.abs(np.array(LAYER_DEPTHS) - np.nan_to_num(record.depth[sensor], nan=0.05))))
        table = pd.DataFrame(
            {
                "time": record.days + pd.Timedelta(days=1),
                "site": record.site,
                "observed": np.where(record.usable[:, sensor], record.theta[:, sensor], np.nan),
                "predicted": found.theta[:, sensor],
                "lower": found.low[:, sensor],
                "upper": found.high[:, sensor],
                "jules": record.jules[:, layer],
                "split": split.flags(),
            }
        )
        tables.append(table.join(pd.DataFrame(ensemble.layers(record), columns=_layer_columns())))
    whole = pd.concat(tables, ignore_index=True)
    theta = {"units": "m3 m-3"}
    columns: dict[str, tuple[Any, ...]] = {
        "time": ("row", whole["time"].to_numpy(), {"long_name": "end of the day, local standard time"}),
        "site": ("row", whole["site"].to_numpy(dtype=str), {"long_name": "name of the site"}),
        **prediction_variables(
            "row",
            **{name: whole[name].to_numpy() for name in ("observed", "predicted", "lower", "upper", "split")},
            quantity="water content at the scored sensor",
            interval=f"{100 * ensemble.settings.interval:g} % interval of an observation",
            attributes=theta,
        ),
        "jules": ("row", whole["jules"].to_numpy(), theta | {"long_name": "JULES layer that contains the sensor"}),
        "theta_layers": (
            ("row", "soil"),
            whole[_layer_columns()].to_numpy(),
            theta | {"long_name": "water content of JULES's layers as predicted, residual water included"},
        ),
    }
    depth = ("soil", list(LAYER_DEPTHS), {"units": "m", "positive": "down"})
    return xr.Dataset(columns, coords={"depth": depth}, attrs={"Conventions": "CF-1.10"})


def scores_of(ensemble: MoistureEnsemble, record: MoistureRecord, split: Split) -> dict[str, Any]:
    """Scores of every sensor in the test part, of the baselines at the scored one, and what the intervals cover."""
    found = ensemble.predict(record)
    scores: dict[str, Any] = {"sensors": {}, "baselines": {}}
    for sensor, name in enumerate(record.names):
        days = split.test & record.usable[:, sensor]
        if days.sum() < 10:
            continue
        truth, given = record.theta[:, sensor], found.theta[:, sensor]
        shown = np.where(days, truth, np.nan)
        interval = found.low[days, sensor], found.high[days, sensor], truth[days]
        one: dict[str, Any] = asdict(score(given[days], truth[days]))
        one["coverage"] = coverage(*interval)
        one["interval_score"] = interval_score(*interval, cover=ensemble.settings.interval)
        one["r_of_anomalies"] = score(anomalies(np.where(days, given, np.nan)), anomalies(shown)).r
        rain = record.dynamic["precip"]
        one["drydown_days"] = drydown_scale(np.where(days, given, np.nan), rain)
        one["drydown_days_measured"] = drydown_scale(shown, rain)
        one["depth"] = float(record.depth[sensor])
        scores["sensors"][name] = one
    sensor = scored_sensor(ensemble, record)
    learned = split.fitted & record.usable[:, sensor]
    days = split.test & record.usable[:, sensor]
    if learned.sum() >= 20 and days.sum() >= 10:
        for name, series in baseline_series(record, sensor, learned).items():
            scores["baselines"][name] = asdict(score(series[days], record.theta[days, sensor]))
    return scores


def baseline_series(record: MoistureRecord, sensor: int, learned: NDArray[np.bool_]) -> dict[str, _Array]:
    """What needs no network: JULES, JULES matched, climatology, exponential filter of the rain."""
    theta = record.theta[:, sensor]
    given = {
        "climatology": climatology(record.days, theta, learned),
        "rain index": rain_index(record.dynamic["precip"], theta, learned),
    }
    layer = int(np.argmin(np.abs(np.array(LAYER_DEPTHS) - np.nan_to_num(record.depth[sensor], nan=0.05))))
    jules = record.jules[:, layer]
    if (learned & np.isfinite(jules)).sum() >= 20:
        given = {"JULES": jules, "JULES matched": matched(jules, theta, learned), **given}
    return given


def figure_of(ensemble: MoistureEnsemble, record: MoistureRecord, split: Split, *, notes: Sequence[str] = ()) -> Figure:
    """Model, JULES and all sensors near the surface of one site, through train, validation and test."""
    sensor = scored_sensor(ensemble, record)
    found = ensemble.predict(record)
    near = [sensor, *(i for i, d in enumerate(record.depth) if i != sensor and not d > 0.3)]
    measured = {
        _label(record, i): np.where(record.usable[:, i], record.theta[:, i], np.nan)
        for i in near[:4]
        if record.usable[:, i].any()
    }
    layer = int(np.argmin(np.abs(np.array(LAYER_DEPTHS) - np.nan_to_num(record.depth[sensor], nan=0.05))))
    return moisture_series(
        record.days,
        precip=record.dynamic["precip"],
        modelled=found.theta[:, sensor],
        low=found.low[:, sensor],
        high=found.high[:, sensor],
        measured=measured,
        part=list(split.names()),
        jules=record.jules[:, layer] if record.has_jules else None,
        title=f"{record.site}: soil moisture, {_label(record, sensor)}",
        notes=notes,
    )


def scored_sensor(ensemble: MoistureEnsemble, record: MoistureRecord) -> int:
    """The sensor that is scored: the module's at a site it knows, else the one that a fit would take."""
    known = ensemble.sites.get(record.site)
    if known is not None and known.names[known.main] in record.names:
        return record.names.index(known.names[known.main])
    found = preferred_sensor(record, least=1)
    return 0 if found is None else found


def _label(record: MoistureRecord, sensor: int) -> str:
    depth = record.depth[sensor]
    if not np.isfinite(depth):
        return "cosmic rays"
    same = [i for i, d in enumerate(record.depth) if d == depth]
    return f"probe at {depth:.2f} m" + (f" ({same.index(sensor) + 1})" if len(same) > 1 else "")


def _layer_columns() -> list[str]:
    return [f"layer {i + 1}" for i in range(len(LAYER_DEPTHS))]
