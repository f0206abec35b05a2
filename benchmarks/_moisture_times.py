"""Claims on learned soil moisture in the second half of the record of known sites."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from _claims import REPOSITORY, Claims, Comparison
from _figure_moisture import site_skill
from _moisture import (
    SPEN_TRAIN_END,
    Records,
    baseline_series,
    paired_interval,
    table_of,
    time_split,
)
from _neon import DOUBTFUL
from numpy.typing import NDArray

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.baselines import rescaled
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.report import figure_of
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import Split
from jules_ml.support.figures import save_figure

_Array = NDArray[np.float64]
#: Targets of the second half at the sound NEON sites.
_TARGETS: dict[str, tuple[Comparison, float]] = {
    "kge": (">=", 0.60),
    "rmse": ("<=", 0.031),
    "ubrmse": ("<=", 0.033),
    "r": (">=", 0.80),
}


def with_own_runs(records: Records) -> Records:
    """The same with JULES's own run as the first guess at each tower, as at a site where JULES is run."""
    neon = {site: replace(record, jules=records.jules[site]) for site, record in records.neon.items()}
    return replace(records, neon=neon)


def learn_in_time(records: Records, settings: MoistureSettings) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    ensemble = train_moisture(time_split(records), settings)
    return {"ensemble": ensemble, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def check_in_time(
    claims: Claims,
    records: Records,
    ensemble: MoistureEnsemble,
    boosting: dict[str, _Array],
    lstm: dict[str, list[dict[str, _Array]]],
) -> dict[str, pd.DataFrame]:
    """Check the second halves at NEON, and return the scores of each method by site."""
    series: dict[str, dict[str, _Array]] = {"boosting": boosting}
    for site, record in records.neon.items():
        for name, values in baseline_series(records, site).items():
            series.setdefault(name, {})[site] = values
        sensor = records.parts[site].sensor
        series.setdefault("learned", {})[site] = ensemble.predict(record).theta[:, sensor]
        plain = replace(ensemble, settings=ensemble.settings.model_copy(update={"match_variance": 0.0}))
        series.setdefault("learned, variance as predicted", {})[site] = plain.predict(record).theta[:, sensor]
    tables = {name: table_of(values, records) for name, values in series.items()}
    for name, runs in lstm.items():
        # others report single seeds: the scores of each seed are averaged
        each = [table_of(run, records) for run in runs]
        tables[name] = sum(each) / len(each)
    for name, table in tables.items():
        sound = table.loc[records.sound].median()
        for measure in ("kge", "rmse", "ubrmse", "r"):
            if name == "learned":
                comparison, target = _TARGETS[measure]
                claims.check_whole(f"second half, 11 sound sites: {measure}", sound[measure], comparison, target)
            else:
                claims.report(f"second half, 11 sound sites, {name}: {measure}", sound[measure])
    _compare(claims, records, tables)
    return tables


def _compare(claims: Claims, records: Records, tables: dict[str, pd.DataFrame]) -> None:
    """Compare the learned module with each baseline, site by site."""
    learned = tables["learned"]
    claims.check_whole("second half, all 16 sites: rmse", learned["rmse"].median(), "<=", 0.034)
    for name, least in (("JULES matched", 10), ("boosting", 8), ("LSTM of anomalies, matched", 8)):
        gain = (tables[name]["rmse"] - learned["rmse"]).loc[records.sound].to_numpy()
        claims.check_whole(f"sites of 11 with smaller rmse than {name}", float((gain > 0).sum()), ">=", least)
        low, high = paired_interval(gain)
        claims.check_whole(
            f"paired gain in rmse over {name}, lower end",
            low,
            ">=",
            0.0,
            note=f"mean {gain.mean():.4f}, upper end {high:.4f}",
        )
    for site in records.neon:
        row, jules = learned.loc[site], tables["JULES matched"].loc[site, "rmse"]
        note = f"kge {row['kge']:.2f}, r {row['r']:.2f}, ubrmse {row['ubrmse']:.3f}; matched JULES {jules:.3f}"
        note += f", boosting {tables['boosting'].loc[site, 'rmse']:.3f}"
        doubt = "; doubtful" if site in DOUBTFUL else ""
        claims.report(f"second half, {site}: rmse", row["rmse"], note=note + doubt)


def draw(records: Records, ensemble: MoistureEnsemble, tables: dict[str, pd.DataFrame]) -> None:
    """Draw the figures of docs/how_to/moisture.md."""
    images = REPOSITORY / "docs" / "images"
    early = np.asarray(records.spen.days <= SPEN_TRAIN_END)
    note = (
        "COSMOS-UK, Spen Farm (UKCEH, Open Government Licence). Learned together with "
        f"{len(records.neon)} NEON towers and {len(records.uscrn)} USCRN stations; nothing of "
        "Spen Farm after 2019 was seen. The rain gauge was out in autumn 2020."
    )
    series = figure_of(ensemble, records.spen, Split(early, np.zeros_like(early), ~early), notes=[note])
    save_figure(series, images / "spen_soil_moisture.png")
    shown = ("learned", "JULES", "JULES matched", "boosting", "LSTM of anomalies, matched", "first-half mean")
    skill = site_skill({name: tables[name].loc[records.sound] for name in shown})
    save_figure(skill, images / "moisture_skill.png")


def days_with_rain(records: Records) -> np.ndarray:
    """Days of Spen Farm with the gauge working on at least two thirds of the previous 30 days."""
    measured = pd.Series(np.isfinite(records.spen.dynamic["precip"]).astype(float))
    return np.asarray(measured.rolling(30, min_periods=1).mean() >= 2.0 / 3.0)


def check_spen(claims: Claims, records: Records, ensemble: MoistureEnsemble) -> None:
    record, prediction = records.spen, ensemble.predict(records.spen)
    late = np.asarray(record.days > SPEN_TRAIN_END)
    for sensor, name in enumerate(record.names):
        days = late & record.usable[:, sensor]
        scores = asdict(score(prediction.theta[days, sensor], record.theta[days, sensor]))
        if name == "theta_crns":
            claims.check_whole("Spen Farm 2020-2021, cosmic rays: kge", scores["kge"], ">=", 0.8)
            claims.check_whole("Spen Farm 2020-2021, cosmic rays: rmse", scores["rmse"], "<=", 0.034)
            days &= days_with_rain(records)
            scores = asdict(score(prediction.theta[days, sensor], record.theta[days, sensor]))
            note = f"kge {scores['kge']:.2f}, {days.sum()} of {late.sum()} days: the gauge was out in autumn 2020"
            claims.report("Spen Farm 2020-2021, where rain was measured: rmse", scores["rmse"], note=note)
        else:
            claims.report(f"Spen Farm 2020-2021, {name}: rmse", scores["rmse"], note=f"kge {scores['kge']:.2f}")


def matched_runs(records: Records, run: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rescale a run to the mean and variance of the first half."""
    return {
        site: rescaled(values, records.neon[site].theta[:, records.parts[site].sensor], records.parts[site].first)
        for site, values in run.items()
    }
