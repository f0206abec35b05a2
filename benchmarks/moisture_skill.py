"""Learned soil moisture against JULES, rescaled JULES, climatology and an LSTM: at times and at sites not seen.

NEON is scored as the README of the shared data says: the second half of each tower's valid days, at the 11 sound sites and at all 16.
Baselines are computed anew in the same run. Spen Farm is learned from to 2019. Sites are held out in four folds over NEON and USCRN at
once, all of their days being scored; their levels are guessed, or corrected by a few days of local observations. Beside the towers'
records, runs of the column with other soils are learned from. What was tried, on parts of the training halves, and how these runs came
in, stands in docs/moisture.md.

Run as ``python benchmarks/moisture_skill.py [--quick] [--keep FOLDER]``; with ``--keep`` a run that was stopped goes on where it was.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _claims import REPOSITORY, Claims, Comparison, argument_parser
from _lstm import lstm_inputs
from _moisture import (
    DOUBTFUL,
    SPEN_TRAIN_END,
    HeldOut,
    Records,
    baseline_series,
    folds,
    learn_held_out,
    lstm_series,
    main_sensor,
    paired_interval,
    read_records,
    scored_days,
    table_of,
    time_split,
    with_runs,
)
from _neon import Halves

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.baselines import matched
from jules_ml.learned.moisture.ensemble import MoistureEnsemble, learn_moisture
from jules_ml.learned.moisture.figures import site_skill
from jules_ml.learned.moisture.inputs import MoistureInputs
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.learned.moisture.report import figure_of
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import Split
from jules_ml.support.figures import save_figure

ADAPT_DAYS = (0, 7, 30, 90)
SWITCH = ("both", "texture", "satellite", "none")
LSTM_SEEDS = (0, 1)
#: Runs of the column with other soils, at each tower, that are learned from.
SOILS = 12
#: Networks that predict sites held out; a module has eight unless told otherwise.
HELD_OUT_MEMBERS = 4
#: Steps that the LSTM is trained: better than 300 on parts of the first halves (docs/moisture.md).
LSTM_STEPS = 1000


def kept(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:
    """What a stage of an earlier, stopped run gave, or what it gives now."""
    if folder is None:
        return make()
    path = folder / f"{name}.pkl"
    if path.is_file():
        return pickle.loads(path.read_bytes())  # our own, of minutes ago
    found = make()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(found))
    return found


def timed_runs(records: Records, data: Path) -> tuple[Records, float]:
    """Records with runs of the column, and what these cost [s]."""
    begun = time.process_time()
    return with_runs(records, data, soils=SOILS), time.process_time() - begun


def learn_in_time(records: Records, settings: MoistureSettings) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    ensemble = learn_moisture(time_split(records), settings)
    return {"ensemble": ensemble, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def check_in_time(
    claims: Claims, records: Records, ensemble: MoistureEnsemble, lstm: dict[str, list]
) -> dict[str, pd.DataFrame]:
    """The second halves at NEON; gives the scores of each method by site."""
    series: dict[str, dict[str, np.ndarray]] = {}
    for site in records.neon:
        for name, values in baseline_series(records, site).items():
            series.setdefault(name, {})[site] = values
        given = ensemble.predict(records.neon[site])
        series.setdefault("learned", {})[site] = given.theta[:, records.parts[site].sensor]
        plain = replace(ensemble, settings=ensemble.settings.model_copy(update={"match_variance": 0.0}))
        given = plain.predict(records.neon[site])
        series.setdefault("learned, variance as predicted", {})[site] = given.theta[:, records.parts[site].sensor]
    tables = {name: table_of(values, records) for name, values in series.items()}
    for name, runs in lstm.items():
        # a single seed is what others report: scores of each, and their mean
        each = [table_of(run, records) for run in runs]
        tables[name] = sum(each) / len(each)
    for name, table in tables.items():
        sound = table.loc[records.sound].median()
        for measure in ("kge", "rmse", "ubrmse", "r"):
            if name == "learned":
                comparison, target = {
                    "kge": (">=", 0.50),
                    "rmse": ("<=", 0.040),
                    "ubrmse": ("<=", 0.033),
                    "r": (">=", 0.80),
                }[measure]
                claims.check(f"second half, 11 sound sites: {measure}", sound[measure], comparison, target)
            else:
                claims.report(f"second half, 11 sound sites, {name}: {measure}", sound[measure])
    learned = tables["learned"]
    claims.check("second half, all 16 sites: rmse", learned["rmse"].median(), "<=", 0.034)
    for name, least in (("JULES matched", 10), ("LSTM of anomalies, matched", 8)):
        gain = (tables[name]["rmse"] - learned["rmse"]).loc[records.sound].to_numpy()
        claims.check(f"sites of 11 with smaller rmse than {name}", float((gain > 0).sum()), ">=", least)
        low, high = paired_interval(gain)
        claims.check(
            f"paired gain in rmse over {name}, lower end",
            low,
            ">=",
            0.0,
            note=f"mean {gain.mean():.4f}, upper end {high:.4f}",
        )
    for site in records.neon:
        row, jules = learned.loc[site], tables["JULES matched"].loc[site, "rmse"]
        note = f"kge {row['kge']:.2f}, r {row['r']:.2f}, ubrmse {row['ubrmse']:.3f}; matched JULES {jules:.3f}"
        doubt = "; doubtful" if site in DOUBTFUL else ""
        claims.report(f"second half, {site}: rmse", row["rmse"], note=note + doubt)
    covered = []
    for site in records.sound:
        given, part, record = ensemble.predict(records.neon[site]), records.parts[site], records.neon[site]
        theta = record.theta[part.second, part.sensor]
        low, high = given.low[part.second, part.sensor], given.high[part.second, part.sensor]
        covered.append(float(np.mean((theta >= low) & (theta <= high))))
    claims.report("second half: share within 90 % intervals", float(np.mean(covered)))
    return tables


def draw(records: Records, ensemble: MoistureEnsemble, tables: dict[str, pd.DataFrame]) -> None:
    """The pictures of docs/moisture.md."""
    images = REPOSITORY / "docs" / "images"
    early = np.asarray(records.spen.days <= SPEN_TRAIN_END)
    note = (
        "COSMOS-UK, Spen Farm (UKCEH, Open Government Licence). Learned together with "
        f"{len(records.neon)} NEON towers and {len(records.uscrn)} USCRN stations; nothing of "
        "Spen Farm after 2019 was seen. The rain gauge was out in autumn 2020."
    )
    series = figure_of(ensemble, records.spen, Split(early, np.zeros_like(early), ~early), notes=[note])
    save_figure(series, images / "spen_soil_moisture.png")
    shown = ("learned", "JULES", "JULES matched", "LSTM of anomalies, matched", "first-half mean")
    skill = site_skill({name: tables[name].loc[records.sound] for name in shown})
    save_figure(skill, images / "moisture_skill.png")


def days_with_rain(records: Records) -> np.ndarray:
    """Days of Spen Farm on which the gauge was not out for more than a third of the month before."""
    known = pd.Series(np.isfinite(records.spen.dynamic["precip"]).astype(float))
    return (known.rolling(30, min_periods=1).mean() >= 2.0 / 3.0).to_numpy()


def check_spen(claims: Claims, records: Records, ensemble: MoistureEnsemble) -> None:
    record, given = records.spen, ensemble.predict(records.spen)
    late = np.asarray(record.days > SPEN_TRAIN_END)
    for sensor, name in enumerate(record.names):
        days = late & record.usable[:, sensor]
        found = asdict(score(given.theta[days, sensor], record.theta[days, sensor]))
        if name == "theta_crns":
            claims.check("Spen Farm 2020-2021, cosmic rays: kge", found["kge"], ">=", 0.8)
            claims.check("Spen Farm 2020-2021, cosmic rays: rmse", found["rmse"], "<=", 0.034)
            days &= days_with_rain(records)
            found = asdict(score(given.theta[days, sensor], record.theta[days, sensor]))
            note = f"kge {found['kge']:.2f}, {days.sum()} of {late.sum()} days: the gauge was out in autumn 2020"
            claims.report("Spen Farm 2020-2021, where rain was measured: rmse", found["rmse"], note=note)
        else:
            claims.report(f"Spen Farm 2020-2021, {name}: rmse", found["rmse"], note=f"kge {found['kge']:.2f}")


def held_out_table(records: Records, series: dict[str, np.ndarray]) -> pd.DataFrame:
    rows = {}
    for site, values in series.items():
        record = records.neon[site] if site in records.neon else records.uscrn[site]
        days = scored_days(records, site)
        rows[site] = asdict(score(values[days], record.theta[days, main_sensor(records, site)]))
    return pd.DataFrame(rows).T


def check_held_out(claims: Claims, records: Records, found: dict[str, HeldOut]) -> None:
    """Sites held out in folds: with guessed levels, with some days of their own, and under each setting of the switch."""
    best = held_out_table(records, found["main"].theta)
    groups = {"NEON, 11 sound sites": records.sound, "USCRN": list(records.uscrn)}
    groups = {name: [s for s in sites if s in best.index] for name, sites in groups.items()}
    targets: dict[str, tuple[Comparison, float]] = {"r": (">=", 0.72), "rmse": ("<=", 0.075), "ubrmse": ("<=", 0.050)}
    for group, sites in groups.items():
        for measure, (comparison, target) in targets.items():
            value = best.loc[sites, measure].median()
            claims.check(f"held-out sites, {group}: {measure}", value, comparison, target, note=f"{len(sites)} sites")
    raw = {s: records.neon[s].jules[:, records.parts[s].layer] for s in records.sound}
    scores = held_out_table(records, raw).median()
    for measure in targets:
        claims.report(f"the same days at NEON, JULES: {measure}", scores[measure])
    for count, by_site in found["main"].adapted.items():
        later = pd.DataFrame({s: _after(records, s, by_site[s], max(ADAPT_DAYS)) for s in by_site}).T
        for group, sites in groups.items():
            rmse = later.loc[[s for s in sites if s in later.index], "rmse"]
            name = f"held-out, {count} days of local data, {group}: rmse"
            note = f"{len(rmse)} sites, their days after the first {max(ADAPT_DAYS)}"
            if count == 30:
                claims.check(name, rmse.median(), "<=", 0.045, note=note)
            else:
                claims.report(name, rmse.median(), note=note)
    tables = {name: held_out_table(records, each.theta) for name, each in found.items()}
    pairs = [
        ("texture", "both"),
        ("satellite", "both"),
        ("none", "both"),
        ("satellite", "texture"),
        ("texture", "none"),
    ]
    pairs += [("satellite", "none")]
    for first, second in pairs:
        one, other = (tables.get(f"switch {kind}") for kind in (first, second))
        if one is None or other is None:
            continue
        for group, sites in groups.items():
            for measure in ("rmse", "ubrmse", "r"):
                gain = (one[measure] - other[measure]).loc[sites].to_numpy()
                low, high = paired_interval(gain)
                claims.report(
                    f"static = {first} less {second}, {group}: {measure}",
                    float(np.mean(gain)),
                    note=f"95 % interval {low:.4f} to {high:.4f}",
                )
    check_coverage(claims, records, found["main"])


def _after(records: Records, site: str, values: np.ndarray, days: int) -> dict[str, float]:
    """Scores of the days after the first so many, the same for every length of adaptation."""
    record = records.neon[site] if site in records.neon else records.uscrn[site]
    later = scored_days(records, site).copy()
    later[np.flatnonzero(later)[:days]] = False
    return asdict(score(values[later], record.theta[later, main_sensor(records, site)]))


def check_coverage(claims: Claims, records: Records, found: HeldOut) -> None:
    """Intervals of a fold, their width found by the errors of the other folds."""
    covered: dict[str, float] = {}
    after: dict[int, list[float]] = {count: [] for count in found.adapted_z}
    dealt = [[s for s in (*neon, *uscrn) if s in found.z_scores] for neon, uscrn in folds(records)]
    for number, mine in enumerate(dealt):
        others = [s for k, sites in enumerate(dealt) if k != number for s in sites]
        if not others:
            continue
        block = np.concatenate([np.full(len(found.z_scores[s]), i) for i, s in enumerate(others)])
        low, high = conformal_quantiles(np.concatenate([found.z_scores[s] for s in others]), block, 0.9)
        for site in mine:
            covered[site] = _within(found.z_scores[site], low, high)
            for count, by_site in found.adapted_z.items():
                if site in by_site:
                    later = np.flatnonzero(scored_days(records, site))[max(ADAPT_DAYS) :]
                    after[count].append(_within(by_site[site][later], low, high))
    if not covered:
        return
    share = float(np.mean(list(covered.values())))
    note = f"{len(covered)} sites, each alike"
    claims.check("held-out sites: 90 % intervals cover, at least", share, ">=", 0.85, note=note)
    claims.check("held-out sites: 90 % intervals cover, at most", share, "<=", 0.95, note=note)
    for group, names in (("NEON, all 16", records.neon), ("USCRN", records.uscrn)):
        mean = float(np.mean([value for site, value in covered.items() if site in names]))
        claims.report(f"held-out sites, {group}: 90 % intervals cover", mean)
    for count, shares in after.items():
        if shares:
            claims.report(f"held-out sites, {count} days of local data: 90 % intervals cover", float(np.mean(shares)))


def _within(z: np.ndarray, low: float, high: float) -> float:
    return float(np.mean((z >= low) & (z <= high)))


def _random_inputs(module: LearnedMoisture, statics: int, days: int) -> MoistureInputs:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    number = (module.enter.in_channels - module.settings.static_width - 6 - 4 - 1 - 4 - 1) // 2
    return MoistureInputs(
        normal(1, number, days),
        normal(1, days).abs(),
        normal(1, days).abs(),
        normal(1, 4, days),
        normal(1, statics),
        normal(1, 4),
        torch.arange(days, dtype=torch.float32)[None],
    )


def check_exactness(claims: Claims, records: Records, ensemble: MoistureEnsemble) -> None:
    """Causality, a later start, and what a prediction costs."""
    module = ensemble.members[0]
    inputs = _random_inputs(module, len(ensemble.static), 1100)
    with torch.inference_mode():
        whole = module(inputs)
        cut = 700
        other = replace(
            inputs,
            **{name: getattr(inputs, name).clone() for name in ("dynamic", "jules", "rain", "drying")},
        )
        other.dynamic[..., cut:] = 7.0
        other.jules[..., cut:] = -3.0
        other.rain[:, cut:] = 2.0
        other.drying[:, cut:] = 1.0
        changed = module(other)
        worst = max(float((a[..., :cut] - b[..., :cut]).abs().max()) for a, b in zip(whole, changed, strict=True))
    claims.check("causality: change at or before day t by inputs after it", worst, "<=", 0.0)
    changes = [_change_by_later_inputs(ensemble, records.neon[site], records.parts[site]) for site in records.sound]
    name = "causality: change of predicted water content at known sites by inputs after the first half"
    claims.check(name, max(changes), "<=", 0.0, unit="m3 m-3")
    shifts = []
    for site in records.sound:
        record = records.neon[site]
        values = []
        for start in (0, 30):
            late = replace(
                record,
                days=record.days[start:],
                dynamic={k: v[start:] for k, v in record.dynamic.items()},
                jules=record.jules[start:],
                theta=record.theta[start:],
                usable=record.usable[start:],
            )
            values.append(ensemble.predict(late).theta[365 + 30 - start :, records.parts[site].sensor])
        shifts.append(float(np.abs(values[0] - values[1]).max()))
    claims.check("start-shift: 30 days, after a year of context", max(shifts), "<=", 0.005, unit="m3 m-3")
    claims.report("days that a prediction looks back", float(module.context), unit="d")
    seconds = {}
    for days in (366, 10 * 366, 30 * 366):
        given = _random_inputs(module, len(ensemble.static), days)
        seconds[days] = min(_timed(module, given) for _ in range(5))
    claims.check("one site-year, one network", 1e3 * seconds[366], "<=", 20.0, unit="ms")
    claims.report("one site-year, the ensemble", 1e3 * seconds[366] * len(ensemble.members), unit="ms")
    claims.check("cost of 30 years over 3 times that of 10", seconds[30 * 366] / (3 * seconds[10 * 366]), "<=", 1.3)


def _change_by_later_inputs(ensemble: MoistureEnsemble, record: MoistureRecord, part: Halves) -> float:
    """Greatest change of what is predicted before the second half by other weather in it [m3 m-3]."""
    late = np.arange(len(record)) >= part.boundary
    dynamic = {name: np.where(late, values + 5.0, values) for name, values in record.dynamic.items()}
    changed = replace(record, dynamic=dynamic, jules=np.where(late[:, None], 0.4, record.jules))
    before, after = (ensemble.predict(each).theta[~late] for each in (record, changed))
    return float(np.abs(before - after).max())


def _timed(module: LearnedMoisture, inputs: MoistureInputs) -> float:
    with torch.inference_mode():
        begun = time.process_time()
        module(inputs)
        return time.process_time() - begun


def main() -> int:
    arguments = argument_parser(__doc__)
    arguments.add_argument("--keep", type=Path, help="folder for the stages of a run, from which a later one goes on")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    quick: bool = options.quick
    claims = Claims("moisture_skill", quick=quick)
    records = kept(options.keep, "records", lambda: read_records(options.data, stations=6 if quick else None))
    if not quick:
        records, seconds = kept(options.keep, "runs", lambda: timed_runs(records, options.data))
        claims.report("runs of the column with other soils, processor time", seconds / 60.0, unit="min")
    settings = MoistureSettings(members=1, steps=12, validation_fraction=0.0) if quick else MoistureSettings()
    done = kept(options.keep, "in_time", lambda: learn_in_time(records, settings))
    ensemble: MoistureEnsemble = done["ensemble"]

    def lstm(anomalies: bool) -> list[dict[str, np.ndarray]]:
        names = list(records.neon)
        x = lstm_inputs(ensemble._batch([records.neon[s] for s in names]))
        return [
            lstm_series(records, x, names, anomalies=anomalies, steps=4 if quick else LSTM_STEPS, seed=seed)
            for seed in (LSTM_SEEDS[:1] if quick else LSTM_SEEDS)
        ]

    runs = {
        "LSTM of absolute values": kept(options.keep, "lstm_absolute", lambda: lstm(False)),
        "LSTM of anomalies": kept(options.keep, "lstm_anomalies", lambda: lstm(True)),
    }
    runs["LSTM of anomalies, matched"] = [matched_runs(records, run) for run in runs["LSTM of anomalies"]]
    tables = check_in_time(claims, records, ensemble, runs)
    if not quick:
        draw(records, ensemble, tables)
    check_spen(claims, records, ensemble)
    claims.check(
        "learning from all sites, processor time over two cores",
        done["cpu"] / 120.0,
        "<=",
        15.0,
        unit="min",
        note=f"{done['wall'] / 60:.1f} min by the clock on one thread of a shared machine",
    )
    check_exactness(claims, records, ensemble)
    found = {}
    # windows of 500 days make held-out folds, of which there are so many, two and a half times as fast
    few = settings.model_copy(update={"members": 1, "validation_fraction": 0.0, "window": 500})
    stages = [("main", "both", 1 if quick else HELD_OUT_MEMBERS), *((f"switch {kind}", kind, 1) for kind in SWITCH)]
    for name, static, members in stages[: 1 if quick else None]:
        found[name] = kept(
            options.keep,
            f"held_out_{name.replace(' ', '_')}",
            lambda static=static, members=members: learn_held_out(
                records,
                few.model_copy(update={"static": static, "members": members}),
                adapt_days=ADAPT_DAYS if members > 1 or quick else (),
                say=lambda line: print(line, file=sys.stderr, flush=True),
                folds_to_do=1 if quick else 4,
            ),
        )
    check_held_out(claims, records, found)
    return claims.finish()


def matched_runs(records: Records, run: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A run's mean and variance brought to those of the first half."""
    return {
        site: matched(values, records.neon[site].theta[:, records.parts[site].sensor], records.parts[site].first)
        for site, values in run.items()
    }


if __name__ == "__main__":
    sys.exit(main())
