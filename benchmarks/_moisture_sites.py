"""Claims on learned soil moisture at held-out sites."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from _claims import Claims, Comparison
from _moisture import (
    HeldOut,
    Records,
    folds,
    main_sensor,
    paired_interval,
    scored_days,
)

from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score

ADAPT_DAYS = (0, 7, 30, 90)
SWITCH = ("both", "texture", "satellite", "none")


def held_out_table(records: Records, series: dict[str, np.ndarray]) -> pd.DataFrame:
    rows = {}
    for site, values in series.items():
        record = records.neon[site] if site in records.neon else records.uscrn[site]
        days = scored_days(records, site)
        rows[site] = asdict(score(values[days], record.theta[days, main_sensor(records, site)]))
    return pd.DataFrame(rows).T


def check_held_out(claims: Claims, records: Records, predictions: dict[str, HeldOut]) -> None:
    """Check held-out sites: with predicted offsets, with some days of local data, and for each choice of static inputs."""
    best = held_out_table(records, predictions["main"].theta)
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
    for count, by_site in predictions["main"].adapted.items():
        later = pd.DataFrame({s: _after(records, s, by_site[s], max(ADAPT_DAYS)) for s in by_site}).T
        for group, sites in groups.items():
            rmse = later.loc[[s for s in sites if s in later.index], "rmse"]
            name = f"held-out, {count} days of local data, {group}: rmse"
            note = f"{len(rmse)} sites, their days after the first {max(ADAPT_DAYS)}"
            if count == 30:
                claims.check(name, rmse.median(), "<=", 0.045, note=note)
            else:
                claims.report(name, rmse.median(), note=note)
    tables = {name: held_out_table(records, each.theta) for name, each in predictions.items()}
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
    check_coverage(claims, records, predictions["main"])


def _after(records: Records, site: str, values: np.ndarray, days: int) -> dict[str, float]:
    """Scores of the days after the first ``days``, the same days for every length of adaptation."""
    record = records.neon[site] if site in records.neon else records.uscrn[site]
    later = scored_days(records, site).copy()
    later[np.flatnonzero(later)[:days]] = False
    return asdict(score(values[later], record.theta[later, main_sensor(records, site)]))


def check_coverage(claims: Claims, records: Records, held_out: HeldOut) -> None:
    """Check the coverage of intervals, their width calibrated on the errors of the other folds."""
    covered: dict[str, float] = {}
    after: dict[int, list[float]] = {count: [] for count in held_out.adapted_z}
    in_folds = [[s for s in (*neon, *uscrn) if s in held_out.z_scores] for neon, uscrn in folds(records)]
    for number, mine in enumerate(in_folds):
        others = [s for k, sites in enumerate(in_folds) if k != number for s in sites]
        if not others:
            continue
        block = np.concatenate([np.full(len(held_out.z_scores[s]), i) for i, s in enumerate(others)])
        low, high = conformal_quantiles(np.concatenate([held_out.z_scores[s] for s in others]), block, 0.9)
        for site in mine:
            covered[site] = _within(held_out.z_scores[site], low, high)
            for count, by_site in held_out.adapted_z.items():
                if site in by_site:
                    later = np.flatnonzero(scored_days(records, site))[max(ADAPT_DAYS) :]
                    after[count].append(_within(by_site[site][later], low, high))
    if not covered:
        return
    coverage = float(np.mean(list(covered.values())))
    note = f"{len(covered)} sites, each alike"
    claims.check("held-out sites: 90 % intervals cover, at least", coverage, ">=", 0.85, note=note)
    claims.check("held-out sites: 90 % intervals cover, at most", coverage, "<=", 0.95, note=note)
    for group, names in (("NEON, all 16", records.neon), ("USCRN", records.uscrn)):
        mean = float(np.mean([value for site, value in covered.items() if site in names]))
        claims.report(f"held-out sites, {group}: 90 % intervals cover", mean)
    for count, fractions in after.items():
        if fractions:
            claims.report(
                f"held-out sites, {count} days of local data: 90 % intervals cover", float(np.mean(fractions))
            )


def _within(z: np.ndarray, low: float, high: float) -> float:
    return float(np.mean((z >= low) & (z <= high)))
