"""Claims on learned soil moisture at held-out sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from _boosting import with_offset
from _claims import Claims, Comparison
from _local_days import ADAPTATIONS, LEFT_OUT, days_after, local_days
from _moisture import HeldOut, Predicted, Records, main_sensor, paired_interval, scored_days
from numpy.typing import NDArray

from jules_ml.scoring.scores import coverage, score

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_MEASURES = ("kge", "rmse", "ubrmse", "r", "sd_ratio")
#: Targets of the medians at held-out sites, by group and measure.
_TARGETS: dict[tuple[str, str], tuple[tuple[Comparison, float], ...]] = {
    ("NEON, 11 sound sites", "kge"): ((">=", 0.40),),
    ("NEON, 11 sound sites", "rmse"): (("<=", 0.062),),
    ("NEON, 11 sound sites", "ubrmse"): (("<=", 0.034),),
    ("NEON, 11 sound sites", "r"): ((">=", 0.78),),
    ("NEON, 11 sound sites", "sd_ratio"): ((">=", 0.8), ("<=", 1.2)),
    ("USCRN", "kge"): ((">=", 0.62),),
    ("USCRN", "rmse"): (("<=", 0.046),),
    ("USCRN", "sd_ratio"): ((">=", 0.8), ("<=", 1.2)),
}
#: Targets of the median RMSE at NEON after adaptation [m3 m-3].
_ADAPTED_RMSE = {"30 days": 0.040, "30 days over a year": 0.035}


def scores_of(records: Records, site: str, values: _Array, days: _Mask) -> dict[str, float]:
    """Scores of the scored sensor on some days, with the ratio of standard deviations."""
    observed = records.of(site).theta[days, main_sensor(records, site)]
    ratio = np.nanstd(values[days]) / np.nanstd(observed)
    return asdict(score(values[days], observed)) | {"sd_ratio": float(ratio)}


def held_out_table(records: Records, series: Mapping[str, _Array]) -> pd.DataFrame:
    """Scores on all scored days, by site."""
    return pd.DataFrame(
        {site: scores_of(records, site, values, scored_days(records, site)) for site, values in series.items()}
    ).T


def groups_of(records: Records, sites: pd.Index) -> dict[str, list[str]]:
    """Held-out sites of each group of the claims."""
    groups = {"NEON, 11 sound sites": records.sound, "USCRN": list(records.uscrn)}
    return {name: [site for site in members if site in sites] for name, members in groups.items()}


def check_held_out(claims: Claims, records: Records, held_out: HeldOut, boosting: Mapping[str, _Array]) -> None:
    """Check held-out sites beside boosting and JULES, and after adaptation to local days."""
    learned = held_out_table(records, {site: each.theta for site, each in held_out.unseen.items()})
    baseline = held_out_table(records, {site: boosting[site] for site in learned.index})
    jules = held_out_table(records, {s: records.jules[s][:, records.parts[s].layer] for s in records.sound})
    for group, sites in groups_of(records, learned.index).items():
        for measure in _MEASURES:
            value, name = learned.loc[sites, measure].median(), f"held-out sites, {group}: {measure}"
            targets = _TARGETS.get((group, measure), ())
            for comparison, target in targets:
                side = {">=": ", at least", "<=": ", at most"}[comparison] if len(targets) > 1 else ""
                claims.check_whole(name + side, value, comparison, target, note=f"{len(sites)} sites")
            if not targets:
                claims.report(name, value, note=f"{len(sites)} sites")
            claims.report(f"the same days, boosting, {group}: {measure}", baseline.loc[sites, measure].median())
    for measure in _MEASURES:
        claims.report(f"the same days, JULES, NEON, 11 sound sites: {measure}", jules[measure].median())
    gain = (baseline["rmse"] - learned["rmse"]).to_numpy()
    low, high = paired_interval(gain)
    note = f"{len(gain)} sites"
    claims.check_whole(
        "held-out sites: fraction with smaller rmse than boosting", float(np.mean(gain > 0.0)), ">=", 0.65, note=note
    )
    claims.check_whole(
        "held-out sites: paired gain in rmse over boosting, lower end",
        low,
        ">=",
        0.0,
        note=f"mean {gain.mean():.4f}, upper end {high:.4f}",
    )
    _check_coverage(claims, records, held_out.unseen)
    for name, by_site in held_out.adapted.items():
        _check_adapted(claims, records, name, by_site, boosting)


def _check_coverage(claims: Claims, records: Records, unseen: Mapping[str, Predicted]) -> None:
    """Check the coverage of the intervals of the module, as a mean over sites."""
    covered = pd.Series({site: _covered(records, site, each, None) for site, each in unseen.items()})
    name, note = "held-out sites: 90 % intervals cover", f"{len(covered)} sites, each alike"
    claims.check_whole(f"{name}, at least", covered.mean(), ">=", 0.85, note=note)
    claims.check_whole(f"{name}, at most", covered.mean(), "<=", 0.95, note=note)
    for group, members in (("NEON, all 16", records.neon), ("USCRN", records.uscrn)):
        inside = covered[[site for site in covered.index if site in members]]
        claims.report(f"held-out sites, {group}: 90 % intervals cover", inside.mean())


def _check_adapted(
    claims: Claims, records: Records, name: str, by_site: Mapping[str, Predicted], boosting: Mapping[str, _Array]
) -> None:
    """Check an adaptation on days that it was not given, beside boosting with the mean error of the same days subtracted."""
    learned, baseline, covered = {}, {}, {}
    for site, each in by_site.items():
        record, scored = records.of(site), scored_days(records, site)
        later, local = days_after(name, record.days, scored), local_days(name, record.days, scored)
        assert local is not None
        theta, plain = record.theta[:, main_sensor(records, site)], boosting[site]
        learned[site] = scores_of(records, site, each.theta, later)
        corrected = with_offset(plain, theta, local) if local.any() else plain
        baseline[site] = scores_of(records, site, corrected, later)
        covered[site] = _covered(records, site, each, later)
    tables = {"learned": pd.DataFrame(learned).T, "boosting": pd.DataFrame(baseline).T}
    which = f"days after the first {LEFT_OUT}" if name != "30 days over a year" else "all other days"
    for group, sites in groups_of(records, tables["learned"].index).items():
        claim, note = f"held-out, {name} of local data, {group}", f"{len(sites)} sites, {which}"
        rmse = tables["learned"].loc[sites, "rmse"].median()
        if name in _ADAPTED_RMSE and group.startswith("NEON"):
            claims.check_whole(f"{claim}: rmse", rmse, "<=", _ADAPTED_RMSE[name], note=note)
        else:
            claims.report(f"{claim}: rmse", rmse, note=note)
        claims.report(f"{claim}, boosting: rmse", tables["boosting"].loc[sites, "rmse"].median(), note=note)
        within = float(np.mean([covered[site] for site in sites]))
        if name == "30 days" and group.startswith("NEON"):
            claims.check_whole(f"{claim}: 90 % intervals cover, at least", within, ">=", 0.85, note=note)
            claims.check_whole(f"{claim}: 90 % intervals cover, at most", within, "<=", 0.95, note=note)
        elif ADAPTATIONS[name][1]:
            claims.report(f"{claim}: 90 % intervals cover", within, note=note)


def _covered(records: Records, site: str, each: Predicted, days: _Mask | None) -> float:
    some = scored_days(records, site) if days is None else days
    return coverage(each.low[some], each.high[some], records.of(site).theta[some, main_sensor(records, site)])
