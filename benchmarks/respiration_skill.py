"""Learned respiration out of sample: a tower by years, chambers by years or blocks of months, held-out sites, recovery of curves.

All scores are out of sample, and every baseline is fitted to the same rows in the same run. Each fit selects or averages
three forms, the learned one, the f·g spline and that of Lloyd and Taylor, on inner blocks of its training data.

Run as ``python benchmarks/respiration_skill.py [--quick]``; it takes about half an hour on two cores.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _claims import REPOSITORY, Claims, argument_parser
from _hyytiala import hyytiala
from _respiration import (
    EVERY_ROW,
    Bounds,
    CrossValidated,
    Scored,
    bounds,
    collinear_rows,
    cosore_names,
    cosore_rows,
    cross_validate,
    daily_rows,
    leave_sites_out,
    quietly,
    recover,
    score_set,
    scored_half,
    ten_years,
    wet_end,
)
from rich.progress import track

from jules_ml.column.learned_respiration import curve_factors
from jules_ml.column.run import run_column
from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_rate_series import day_number
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.row_checks import MIN_ROWS
from jules_ml.learned.respiration.separability import concurvity
from jules_ml.learned.respiration.site import Rows, select_rows
from jules_ml.learned.respiration.tables import learned_tables
from jules_ml.learned.respiration.training import ConcurvityWarning, TrainedRespiration, train_respiration
from jules_ml.scoring.fluxes import nightly, noise_ceiling
from jules_ml.scoring.scores import score

TOWER = RespirationSettings(rows=EVERY_ROW, base_respiration="constant")
#: Sites where water limits respiration.
DRY = ("d20190617_SCOTT_SRM Rs", "d20200423_OYONARTE Rs", "d20200228_RENCHON Rs")
SEEDS = (0, 1, 2)


def tower_claims(claims: Claims, rows: Rows, folds: int | None) -> CrossValidated:
    """Check Hyytiälä, each year held out in turn, with the mean base respiration: no flux is near in time."""
    done = cross_validate(rows, TOWER, folds=folds)
    nse = done.nse()
    for name, value in nse.items():
        claims.report(f"FI-Hyy half-hours: NSE of {name}", value, note=f"{done.with_flux.sum()} rows")
    ceiling = noise_ceiling(rows.flux, rows.time, pd.Timedelta(minutes=30))
    claims.report("FI-Hyy half-hours: noise ceiling of NSE", ceiling)
    if folds is None:
        claims.check("FI-Hyy half-hours: NSE of learned, all years", nse["learned"], ">=", 0.575)
        by_year = {int(year): done.nse(rows.middle.year == year) for year in np.unique(rows.middle.year)}
        gain = {year: of["learned"] - of["Lloyd-Taylor"] for year, of in by_year.items()}
        note = ", ".join(f"{year} {value:+.3f}" for year, value in gain.items())
        worst = min(gain.values())
        claims.check("FI-Hyy half-hours: least gain over Lloyd-Taylor in a year", worst, ">=", -0.01, note=note)
    else:
        claims.not_measured("FI-Hyy half-hours: NSE of learned, all years", ">=", 0.575, why="two years only")
    table = pd.DataFrame({"measured": rows.flux, **done.predicted()})[done.with_flux]
    nights = nightly(table, rows.middle[done.with_flux], least=4)
    for name in done.predicted():
        skill = score(nights[name].to_numpy(), nights["measured"].to_numpy()).nse
        claims.report(f"FI-Hyy nights: NSE of {name}", skill, note=f"{len(nights)} nights")
    claims.check("FI-Hyy: fraction within 90 % intervals", done.coverage(), ">=", 0.85)
    claims.check("FI-Hyy: fraction within 90 % intervals, at most", done.coverage(), "<=", 0.95)
    return done


def base_rate_claims(claims: Claims, rows: Rows) -> None:
    """Check R0(t) at Hyytiälä: every second block of five days held out."""
    test = (day_number(rows.middle) // 5).astype(int) % 2 == 1
    train, scored = rows.take(~test), rows.take(test)
    valid = np.isfinite(scored.flux)
    for base_respiration in ("varying",) if claims.quick else ("varying", "constant"):
        learned = quietly(train, TOWER.model_copy(update={"base_respiration": base_respiration}))
        frame = pd.DataFrame({"measured": scored.flux, "predicted": learned.predict(scored)})[valid]
        nights = nightly(frame, scored.middle[valid], least=4)
        skill = score(nights["predicted"].to_numpy(), nights["measured"].to_numpy()).nse
        name, note = f"FI-Hyy nights in blocks of five days: NSE, R0 {base_respiration}", f"{len(nights)} nights"
        if base_respiration == "varying":
            claims.check(name, skill, ">=", 0.83, note=note)
            low, high = learned.interval(scored)
            inside = float(np.mean((scored.flux >= low)[valid] & (scored.flux <= high)[valid]))
            claims.check("FI-Hyy in blocks of five days: fraction within 90 % intervals", inside, ">=", 0.85)
        else:
            claims.report(name, skill, note=note)


def little_water(claims: Claims, rows: Rows, done: CrossValidated) -> None:
    """Report the gain by water at Hyytiälä, and the band of f."""
    dry = cross_validate(rows, TOWER.model_copy(update={"moisture": "none"})).nse()["learned"]
    claims.report("FI-Hyy: what f adds to NSE", done.nse()["learned"] - dry)
    band = quietly(rows, TOWER).module.curve_f()
    low, high = np.quantile(rows.wetness, [0.05, 0.95])
    inside = (band.x >= low) & (band.x <= high)
    flat = (band.low <= 1.0) & (band.high >= 1.0)
    claims.report("FI-Hyy: part of the 5-95 % range where the band of f holds 1", float(flat[inside].double().mean()))
    claims.report("FI-Hyy: f, least of the median over that range", float(band.median[inside].min()))
    claims.report("FI-Hyy: width of the band, mean over that range", float((band.high - band.low)[inside].mean()))


def chamber_claims(claims: Claims, path: Path, names: list[tuple[str, str]], tower: CrossValidated) -> list[Bounds]:
    """Check every set of COSORE, by years or by blocks of two months."""
    jobs = [(path, *name) for name in names]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(track(pool.map(score_set, jobs), "sets", total=len(jobs), transient=True))
    scored = [result for result in results if isinstance(result, Scored)]
    for (_, name, flux), result in zip(jobs, results, strict=True):
        if isinstance(result, str):
            claims.report(f"COSORE {name} {flux}: left out", float("nan"), note=result)
    for result in scored:
        others = ", ".join(f"{name} {result.nse[name]:.3f}" for name in ("Lloyd-Taylor", "spline", "boosting"))
        note = f"{others}; in interval {result.coverage:.3f}; {result.rows} rows; noise ceiling {result.ceiling:.2f}"
        claims.report(f"COSORE {result.name}: NSE", result.nse["learned"], note=note)
    table = pd.DataFrame([result.nse for result in scored], index=[result.name for result in scored])
    half = np.array([scored_half(result.name) for result in scored])
    for name in table.columns:
        claims.report(f"COSORE, every set here: mean NSE of {name}", table[name].mean(), note=f"{len(table)} sets")
    intervals = pd.DataFrame([result.interval_scores for result in scored], index=table.index)
    if half.all() or not half.any():
        claims.not_measured("COSORE: claims on half of the sets", why="all sets are of one half")
    else:
        half_claims(claims, table[half], intervals[half])
    for name in DRY:
        if claims.quick:
            claims.not_measured(f"COSORE {name}: NSE less Lloyd-Taylor's", ">=", 0.25, why="one short record only")
        elif name in table.index:
            gain = table.loc[name, "learned"] - table.loc[name, "Lloyd-Taylor"]
            claims.check(f"COSORE {name}: NSE less Lloyd-Taylor's", gain, ">=", 0.25)
    counts = np.array([tower.with_flux.sum(), *(result.rows for result in scored)])
    coverages = np.array([tower.coverage(), *(result.coverage for result in scored)])
    pooled = float(np.average(coverages, weights=counts))
    if claims.quick:
        claims.not_measured("all: fraction within 90 % intervals, pooled", ">=", 0.85, why="two records only")
    else:
        claims.check("all: fraction within 90 % intervals, pooled", pooled, ">=", 0.85)
    claims.check("all: fraction within 90 % intervals, pooled, at most", pooled, "<=", 0.95)
    fair = float(np.mean((coverages >= 0.75) & (coverages <= 0.98)))
    claims.check("all: fraction of sets with 75-98 % in their interval", fair, ">=", 0.8, note=f"{len(coverages)} sets")
    wet = [result.wet_end for result in scored if np.isfinite(result.wet_end)]
    note = f"{len(wet)} records with fewer than 100 rows above s = 0.9 and 5 degC"
    if wet:
        claims.check("COSORE: greatest f above s = 0.9 where the data are few", max(wet), "<=", 1.1, note=note)
    return [result.bounds for result in scored]


def half_claims(claims: Claims, table: pd.DataFrame, intervals: pd.DataFrame) -> None:
    """Check the sets that no choice was made on."""
    of = f"COSORE, half of the sets ({len(table)})"
    for statistic in ("mean", "median"):
        values = table.agg(statistic)
        for name in table.columns.drop("learned"):
            claims.report(f"{of}: {statistic} NSE of {name}", values[name], note=f"learned {values['learned']:.3f}")
        for name, least in (("spline", 0.02), ("boosting", 0.0)):
            gain = values["learned"] - values[name]
            claims.check(f"{of}: {statistic} NSE less that of {name}", gain, ">=", least)
    behind = table.index[table["learned"] < table["Lloyd-Taylor"] - 0.02]
    note = ", ".join(behind) or "none"
    claims.check(f"{of}: fraction > 0.02 below Lloyd-Taylor", len(behind) / len(table), "<=", 0.1, note=note)
    widths = intervals.mean()
    others = widths.drop("learned")
    note = ", ".join(f"{name} {value:.3f}" for name, value in others.items())
    claims.check(
        f"{of}: interval score over the least of the baselines'",
        widths["learned"] / others.min(),
        "<=",
        1.0,
        note=f"relative to the mean flux, learned {widths['learned']:.3f}; {note}",
    )


def site_claims(claims: Claims, path: Path, names: list[tuple[str, str]], sites: int | None) -> None:
    """Check daily soil respiration of every set, each held out in turn."""
    result = ((name, cosore_rows(path, name, flux)) for name, flux in names if flux == "Rs")
    days = [(name, daily_rows(rows)) for name, rows in result if isinstance(rows, Rows)]
    short = [name for name, of in days if len(of) < MIN_ROWS]
    claims.report("sites left out: sets with fewer than 200 days", len(short), note=", ".join(short) or "none")
    table = leave_sites_out([of for _, of in days if len(of) >= MIN_ROWS], sites=sites)
    forms = table.columns.drop(["site", "measured"])
    by_site = table.groupby("site")
    note = f"{by_site.ngroups} sites, {len(table)} days"
    median = {
        name: float(np.median([score(g[name].to_numpy(), g["measured"].to_numpy()).nse for _, g in by_site]))
        for name in forms
    }
    pooled = {name: score(table[name].to_numpy(), table["measured"].to_numpy()).nse for name in forms}
    for kind, scores in (("pooled", pooled), ("median", median)):
        for name in forms.drop("learned"):
            claims.check(
                f"sites left out: {kind} NSE less that of {name}",
                scores["learned"] - scores[name],
                ">=",
                0.0,
                note=f"learned {scores['learned']:.3f}, {name} {scores[name]:.3f}; {note}",
            )


def recovery_claims(claims: Claims, rows: Rows, seeds: tuple[int, ...]) -> None:
    """Check the recovery of JULES's own curves from synthetic fluxes with the noise of the tower."""
    by_seed = [recover(rows, TOWER, seed) for seed in seeds]
    for name in by_seed[0]:
        result = [each[name] for each in by_seed]
        each = ", ".join(f"{r.rms:.3f}" for r in result)
        claims.check(
            f"recovery: RMS error of {name}, worst seed", max(r.rms for r in result), "<=", 0.05, note=f"seeds: {each}"
        )
        inside = float(np.mean([r.inside for r in result]))
        claims.check(
            f"recovery: fraction of {name} within its 90 % band",
            inside,
            ">=",
            0.85,
            note=f"mean of {len(result)} seeds",
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConcurvityWarning)
        train_respiration(collinear_rows(rows), TOWER)
    fired = sum(issubclass(w.category, ConcurvityWarning) for w in caught)
    claims.check("recovery: warnings with T and water made collinear", fired, ">=", 1)
    claims.report("FI-Hyy: concurvity as measured", concurvity(rows.wetness, rows.t_soil))


def time_claim(claims: Claims, data: Path) -> None:
    """Time ten years of half-hours with eight members: rows, fit, baselines, scores, figures and folder, in processor time of one thread.

    The processor time of one thread is the wall time on one idle core.
    """
    record = ten_years(hyytiala(data))
    for name, assimilation in (("night", False), ("day and night", True)):
        settings = RespirationSettings(rows=EVERY_ROW, members=8, assimilation=assimilation)
        with tempfile.TemporaryDirectory() as folder:
            clock, started = time.perf_counter(), time.process_time()
            fit = fit_respiration(record, settings, Path(folder) / "ten")
            seconds, clock = time.process_time() - started, time.perf_counter() - clock
        note = f"{record.sizes['time']} half-hours, {len(fit.learned.rows)} rows of the night; {clock:.0f} s by a shared clock"
        claims.check(f"ten years, 8 members, {name}: time of a whole fit", seconds, "<=", 60.0, unit="s", note=note)


def bound_claims(claims: Claims, result: list[Bounds]) -> None:
    """Check curves far outside the training range."""
    claims.check(
        "extrapolation: greatest f of any fit",
        max(b.f_max for b in result),
        "<=",
        1.5,
        note=f"s from 0 to 1; {len(result)} records",
    )
    claims.check("extrapolation: least f and g of any fit", min(b.least for b in result), ">=", 0.0)
    claims.report("extrapolation: greatest g of any fit", max(b.g_max for b in result), note="T from 223 to 333 K")
    claims.check("extrapolation: greatest jump over 0.001 of s or 0.01 K", max(b.jump for b in result), "<=", 0.05)


def year_at_loobos(claims: Claims, data: Path, learned: dict[str, TrainedRespiration]) -> None:
    """Run the column through 1997 at Loobos with learned curves."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loobos.toml"
        here = data / "jules" / "loobos_inputs" / "Loobos_1997.dat"
        path.write_text(text.replace('"Loobos_1997.dat"', f'"{here.resolve()}"'), encoding="utf-8")
        experiment = load_experiment(path)
        stock = run_column(experiment).output["resp_s_gb"]
        for name, each in learned.items():
            output = run_column(experiment, factors=curve_factors(*learned_tables(each.module, each.settings))).output
            ratio = output["resp_s_gb"].mean() / stock.mean()
            claims.check(f"Loobos with curves of {name}: greatest fsth", float(output["fsth"].max()), "<=", 1.5)
            claims.check(
                f"Loobos with curves of {name}: respiration over JULES's",
                float(ratio),
                "<=",
                5.0,
                note="mean of the year",
            )
            claims.check(
                f"Loobos with curves of {name}: worst day over JULES's",
                float((output["resp_s_gb"] / stock).max()),
                "<=",
                20.0,
            )


def main() -> int:
    """Measure every claim; 1 if one was missed."""
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    quick = arguments.quick
    claims = Claims("respiration_skill", quick=quick)
    path = arguments.data / "respiration" / "cosore_hourly.parquet"
    rows = select_rows(hyytiala(arguments.data), TOWER)
    tower = tower_claims(claims, rows, 2 if quick else None)
    base_rate_claims(claims, rows)
    wettest = wet_end(tower.learned)
    claims.check("FI-Hyy: greatest f above s = 0.9, where the data are few", wettest, "<=", 1.1)
    if not quick:
        little_water(claims, rows, tower)
    recovery_claims(claims, rows, SEEDS[: 1 if quick else None])
    names = [("d20190617_SCOTT_WHS", "Rs")] if quick else cosore_names(path)
    # choices were made on the other half of the sets
    scored = [name for name in names if scored_half(name[0]) or " ".join(name) in DRY]
    result = chamber_claims(claims, path, scored, tower)
    if not quick:
        site_claims(claims, path, names, None)
        time_claim(claims, arguments.data)
    bound_claims(claims, [bounds(tower.learned), *result])
    if not quick:
        oyonarte = cosore_rows(path, "d20200423_OYONARTE", "Rs")
        assert isinstance(oyonarte, Rows)
        year_at_loobos(
            claims,
            arguments.data,
            {
                "FI-Hyy": tower.learned[0],
                "OYONARTE": quietly(oyonarte, RespirationSettings(target="soil", rows=EVERY_ROW)),
            },
        )
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
