"""Learned soil hydraulics: recovery of known soils, and soil moisture at held-out sites, with and without texture.

*Recovery*: columns under NEON weather with known soils give a year of soil moisture at four depths, from which the soils are calibrated.

*Held out*: NEON towers and USCRN stations are split into four folds; sites within 50 km of each other are in the same fold. For each
fold a correction of Rosetta 3 and a soil ensemble are fitted on all others, with the other folds as inner folds, and their soils are run at
the sites of the fold. What does not depend on anything learned is run once for all folds; the errors of a site enter a network only where
that site is in its training set. Scored is the shallowest sound sensor: at NEON on the second half of its days, at the eleven sites whose
rain and soil moisture are not in doubt; at USCRN on all of 2020, at the stations that were not used for any choice.
The baselines are the same columns with Cosby et al.'s and Rosetta 3's soils from measured texture, and the mean of eight runs with soils
drawn from Rosetta's own uncertainty.
The weights of the loss are defaults. No rounds are run with the soils of the networks themselves: at the stations used for choices, three
lowered the error by about 1 %.

With ``--keep FOLDER`` the result of each stage is stored, and a run that was interrupted goes on from there.

The figure is written beside the results in ``benchmarks/results/hydraulics_skill.png``.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import _hydraulics
import numpy as np
import pandas as pd
import torch
from _claims import RESULTS, Claims, argument_parser
from _figure_hydraulics import skill_at_test_sites
from _hydraulics import DOUBTFUL
from _own_days import claim_own_days
from numpy.typing import NDArray

from jules_ml.learned.hydraulics.calibration import best_calibration, calibrate
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite, column_batch
from jules_ml.learned.hydraulics.correction_fit import SiteRuns, fit_correction, prior_runs
from jules_ml.learned.hydraulics.inputs import INPUTS, TEXTURE
from jules_ml.learned.hydraulics.misfit import Expansion, Misfit
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.pretraining import pretrain, texture_parameters
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, response, simulate
from jules_ml.learned.hydraulics.soil_ensemble import library_runs, run_moments, soil_library
from jules_ml.learned.hydraulics.training import TrainingColumns, TrainingSettings, train_hydraulics
from jules_ml.physics.hydraulics import conductivity_vg, suction_vg
from jules_ml.support.figures import save_figure

FOLDS = 4
#: Sites within this distance have similar weather and soil, and are in one fold [km].
NEAR_KM = 50.0
#: Rounds with the soils of the networks: none.
CHOSEN = TrainingSettings(rounds=0, check=False)
#: Weight of the years of a tower relative to one year of a station.
NEON_WEIGHT = 2.0
#: Networks of an ensemble, and soils of a soil ensemble.
MEMBERS = 8
#: Unbounded parameters by name, shape (member, parameter, horizon, site).
Soils = dict[str, torch.Tensor]


# --- recovery ---------------------------------------------------------------------------------------------------------------------------


def recovered(sites: list[HydraulicSite], *, quick: bool) -> Soils:
    """Calibrate columns with known soils, and compare the curves over the simulated range of wetness: the worst ratio less 1 of each."""
    days, rounds, n = (120, 8, 2) if quick else (365, 12, 8)
    sensors = np.array([0.05, 0.225, 0.675, 2.0])
    synthetic = [_blank(site, days, sensors) for site in sites if site.name not in DOUBTFUL][:n]
    batch = column_batch(synthetic, spin_up_days=0)
    generator = torch.Generator().manual_seed(0)
    true = 0.7 * torch.randn(5, 2, len(synthetic), generator=generator)
    true[0] -= 0.5
    with torch.no_grad():
        layers = simulate(batch, batch_soil(batch, true))
    starts = [torch.zeros_like(true) for _ in range(1 if quick else 2)]
    for k, start in enumerate(starts):
        start[0], start[2] = -0.5, (0.5, -0.7)[k]
        start[4] = true[4]  # residual water shifts the readings and is not part of the curves
    target = at_sensors(batch, layers)
    found = best_calibration([calibrate(batch, start, observed=target, rounds=rounds) for start in starts])
    (truth, truth_r), (learned, learned_r) = batch_soil(batch, true), batch_soil(batch, found.raw)
    off = {"conductivity": torch.zeros(4, len(synthetic)), "retention": torch.zeros(4, len(synthetic))}
    for share in np.linspace(0.05, 0.95, 10):
        theta = torch.quantile(layers, float(share), dim=0)
        s, t = ((theta - r) / p.sm_sat for p, r in ((truth, truth_r), (learned, learned_r)))
        ratio = {
            "conductivity": conductivity_vg(t, learned.b, learned.satcon).k
            / conductivity_vg(s, truth.b, truth.satcon).k,
            "retention": suction_vg(t, learned.b, learned.sathh).psi / suction_vg(s, truth.b, truth.sathh).psi,
        }
        off = {name: torch.maximum(worst, (ratio[name] - 1.0).abs()) for name, worst in off.items()}
    return off


def claim_recovery(claims: Claims, off: Soils, *, quick: bool) -> None:
    """Compare the recovered curves with the known ones."""
    for name, worst in off.items():
        within = float((worst < 0.1).float().mean())
        note = f"{worst.shape[1]} columns of 4 layers, worst point from the 5 % to the 95 % wettest day; {within:.0%} of curves within 10 %"
        claims.check(f"recovery, {name}: median curve", float(worst.median()), "<=", 0.10, note=note)
        claims.check(f"recovery, {name}: share of curves within 10 %", within, ">=", 0.9 if not quick else 0.0)


def _blank(site: HydraulicSite, days: int, sensors: NDArray[np.float64]) -> HydraulicSite:
    weather = type(site.forcing)(*(x[: 24 * days] for x in site.forcing))
    return replace(site, forcing=weather, observed=np.full((days, len(sensors)), np.nan), sensor_depth=sensors)


# --- held-out sites ---------------------------------------------------------------------------------------------------------------------


def stored_runs(batch: ColumnBatch, folder: Path | None, name: str) -> SiteRuns:
    """Runs of the columns with soils that do not depend on what is learned, from an earlier run where they were stored."""
    prior = stored(folder, f"prior_{name}", lambda: [(e.raw, tuple(e.about)) for e in prior_runs(batch, CHOSEN)])
    moments = run_moments(runs_of_library(batch, folder, name), batch.observed.numpy())
    return SiteRuns(tuple(Expansion(raw, Misfit(*about)) for raw, about in prior), moments)


def runs_of_library(batch: ColumnBatch, folder: Path | None, name: str) -> NDArray[np.float32]:
    """Water content at the sensors with every soil of the library, from an earlier run where it was stored."""
    runs: NDArray[np.float32] = stored(
        folder, f"library_runs_{name}", lambda: torch.tensor(library_runs(batch, soil_library()))
    ).numpy()
    return runs


def stored(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:
    """Tensors of a stage of the benchmark, from an earlier run where they were stored."""
    file = None if folder is None else folder / f"{name}.pt"
    if file is not None and file.is_file():
        return torch.load(file, weights_only=True)
    made = make()
    if file is not None:
        torch.save(made, file)
    return made


def fold_of(tables: list[pd.DataFrame], *, folds: int = FOLDS, seed: int = 0) -> list[NDArray[np.int64]]:
    """Fold of every site of every table; nearby sites are in one fold."""
    where = np.radians(np.concatenate([t[["latitude", "longitude"]].to_numpy() for t in tables]))
    lat, lon = where[:, :1], where[:, 1:]
    chord = np.sin(0.5 * (lat - lat.T)) ** 2 + np.cos(lat) * np.cos(lat.T) * np.sin(0.5 * (lon - lon.T)) ** 2
    near = 2.0 * 6371.0 * np.arcsin(np.sqrt(chord)) < NEAR_KM
    group = np.arange(len(where))
    for _ in range(len(where)):
        group = np.where(near, group[None, :], len(where)).min(1)
    # towers are distributed first, so that every fold has some
    order = {g: k for k, g in enumerate(dict.fromkeys(group.tolist()))}
    number = np.array([order[g] for g in group.tolist()])
    at = np.cumsum([len(t) for t in tables])[:-1]
    towers = len(set(number[: at[0]].tolist())) if len(at) else 0
    generator = np.random.default_rng(seed)
    shuffled = np.concatenate([generator.permutation(towers), towers + generator.permutation(len(order) - towers)])
    rank = np.empty(len(order), dtype=np.int64)
    rank[shuffled] = np.arange(len(order))
    return [np.asarray(part) for part in np.split(rank[number] % folds, at)]


def held_out_soils(
    batches: list[ColumnBatch],
    runs: list[SiteRuns],
    folds: list[NDArray[np.int64]],
    *,
    names: list[str],
    weights: list[float],
    folder: Path | None = None,
) -> tuple[list[Soils], list[dict[str, Any]]]:
    """Unbounded parameters of every site, ``learned`` and of each of the ``draws``, by the network that it was held out from.

    With texture among the inputs the networks correct Rosetta 3, and the other folds are their inner folds; the second result is what was
    chosen there.
    """
    found: list[Soils] = [{} for _ in batches]
    choices = []
    with_texture = set(TEXTURE) <= set(names)
    for fold in sorted(set(np.concatenate(folds).tolist())):
        train = [each != fold for each in folds]
        columns = [
            TrainingColumns(b, t, weight=w, expansions=r.expansions)
            for b, t, w, r in zip(batches, train, weights, runs, strict=True)
        ]

        def soils_of_fold(
            columns: list[TrainingColumns] = columns, seed: int = fold
        ) -> tuple[list[Soils], dict[str, Any]]:
            card: dict[str, Any] = {}
            if with_texture:
                fit = fit_correction(names, columns, runs, CHOSEN, members=MEMBERS, hidden=8, folds=folds)
                network: LearnedHydraulics = fit.network
                card = fit.to_card()
                print(f"fold {seed}: {'; '.join(fit.notes())}", flush=True)
            else:
                network = LearnedHydraulics(names, members=MEMBERS, seed=seed)
                sites = [s for c in columns for s, use in zip(c.batch.sites, c.train, strict=True) if use]
                pretrain(network, [site.inputs for site in sites])
                train_hydraulics(network, columns, CHOSEN)
            return [predicted(network, batch) for batch in batches], card

        given, card = stored(folder, f"fold_{fold}_{'with' if with_texture else 'without'}_texture", soils_of_fold)
        choices.append(card)
        for seen, soils, given_here in zip(train, found, given, strict=True):
            for name, raw in given_here.items():
                soils.setdefault(name, torch.zeros_like(raw))[..., ~seen] = raw[..., ~seen]
    return found, choices


def predicted(network: LearnedHydraulics, batch: ColumnBatch) -> Soils:
    """Soils of all sites of a batch, ``learned`` and of the ``draws``, shape (member, parameter, horizon, site)."""
    table = torch.tensor(input_table([s.inputs for s in batch.sites], network.inputs))
    with torch.no_grad():
        return {"learned": network(table).mean(0)[None].float(), "draws": network.draws(table).float()}


def first_sensors(batch: ColumnBatch) -> list[int]:
    """The scored sensor of every site."""
    column = batch.sensor_column.numpy()
    return [int(np.flatnonzero(column == k)[0]) for k in range(len(batch.sites))]


def errors(batch: ColumnBatch, theta: torch.Tensor, first_day: NDArray[np.int64]) -> pd.DataFrame:
    """Unbiased and total root mean square error of the scored sensor of every site [m3 m-3]."""
    at = first_sensors(batch)
    observed = batch.observed[:, at].double().numpy().copy()
    observed[np.arange(len(observed))[:, None] < first_day] = np.nan
    error = theta[:, at].double().numpy() - observed
    bias = np.nanmean(error, axis=0)
    return pd.DataFrame(
        {"ubrmse": np.sqrt(np.nanmean((error - bias) ** 2, axis=0)), "rmse": np.sqrt(np.nanmean(error**2, axis=0))},
        index=[site.name for site in batch.sites],
    )


def water_of_soils(batch: ColumnBatch, table: pd.DataFrame, learned: Soils) -> Soils:
    """Water content at the sensors, the mean of the runs with every set of soils and with the baselines, shape (day, sensor)."""
    soils = {name: [batch_soil(batch, raw) for raw in raws] for name, raws in learned.items()}
    soils["rosetta"] = [_hydraulics.rosetta_soil(batch, table)[0]]
    soils["Rosetta's draws"] = _hydraulics.rosetta_draws(batch, table, MEMBERS)
    cosby, form = _hydraulics.cosby_soil(batch, table)
    read = {"cosby": at_sensors(batch, simulate(batch, cosby, form=form))}
    for name, several in soils.items():
        theta = simulate(batch, concatenate_soils(several)).split(len(batch.sites), dim=2)
        read[name] = torch.stack([at_sensors(batch, layers) for layers in theta]).mean(0)
    return read


def claim_choices(claims: Claims, choices: list[dict[str, Any]]) -> None:
    """Report what was chosen in the inner folds of each fold."""
    for name, meaning in (("size", "size of the correction of Rosetta"), ("width", "width of the soil ensemble")):
        for fold, each in enumerate(choices):
            made = each[name]
            used = "used" if made["used"] else "not used"
            note = f"{used}: inner gain {made['gain']:.3f}, standard error {made['standard_error']:.3f}, {made['sites']} sites"
            claims.report(f"fold {fold}: {meaning}", made["value"], note=note)


def claim_skill(claims: Claims, network: str, found: dict[str, pd.DataFrame], keep: NDArray[np.bool_]) -> None:
    """Compare the errors of the learned soil, and of the mean of the runs with the soil ensemble, with those of the baselines."""
    ub = {name: frame["ubrmse"].to_numpy()[keep] for name, frame in found.items()}
    rm = {name: frame["rmse"].to_numpy()[keep] for name, frame in found.items()}
    median = {name: float(np.nanmedian(values)) for name, values in ub.items()}
    for name, meaning in (("learned", "learned"), ("draws", "mean of eight runs")):
        better = (ub[name] < ub["cosby"]) & (ub[name] < ub["rosetta"])
        note = f"{int(keep.sum())} sites held out"
        claims.check(
            f"{network}: sites where {meaning} beats both, ubRMSE", float(better.mean()), ">=", 0.70, note=note
        )
        for base in ("cosby", "rosetta"):
            claims.report(f"{network}: sites where {meaning} beats {base}, ubRMSE", float((ub[name] < ub[base]).mean()))
            note = f"{median[name]:.4f} against {median[base]:.4f} m3 m-3"
            gain = 1.0 - median[name] / median[base]
            claims.check(f"{network}: median ubRMSE of {meaning} below that with {base}", gain, ">=", 0.15, note=note)
            claims.report(f"{network}: sites where {meaning} beats {base}, RMSE", float((rm[name] < rm[base]).mean()))
            note = f"{base} {np.nanmedian(rm[base]):.4f}"
            value = float(np.nanmedian(rm[name]))
            claims.report(f"{network}: median RMSE, {meaning} and {base}", value, unit="m3 m-3", note=note)
        ratio = median[name] / median["rosetta"]
        claims.check(f"{network}: median ubRMSE of {meaning} over that with Rosetta", ratio, "<=", 1.02)
    own = median["Rosetta's draws"]
    claims.report(f"{network}: median ubRMSE, mean of eight runs of Rosetta's own draws", own, unit="m3 m-3")
    claims.check(
        f"{network}: median ubRMSE without texture over with it",
        median["without texture"] / median["learned"],
        "<=",
        1.0,
        note=f"{median['without texture']:.4f} and {median['learned']:.4f} m3 m-3",
    )


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder that keeps the result of each stage: a second run starts from them",
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    claims = Claims("hydraulics_skill", quick=options.quick)
    towers, tower_table = _hydraulics.neon(options.data)
    if options.quick:
        claim_recovery(claims, recovered(towers, quick=True), quick=True)
        return claims.finish()
    stations, station_table = _hydraulics.uscrn(options.data)
    tables = [tower_table, station_table]
    batches = [column_batch(sites) for sites in (towers, stations)]

    folds = fold_of(tables)
    keep = options.keep
    runs = [stored_runs(b, keep, name) for b, name in zip(batches, ("neon", "uscrn"), strict=True)]
    weights = [NEON_WEIGHT, 1.0]
    learned, choices = held_out_soils(batches, runs, folds, names=list(INPUTS), weights=weights, folder=keep)
    others = [name for name in INPUTS if name not in TEXTURE]
    without, _ = held_out_soils(batches, runs, folds, names=others, weights=weights, folder=keep)
    for of, soils in zip(learned, without, strict=True):
        of["without texture"] = soils["learned"]
    claim_choices(claims, choices)
    begins = [tower_table["half"].to_numpy().astype(np.int64), np.zeros(len(stations), dtype=np.int64)]
    waters: list[Soils] = [
        stored(keep, f"water_of_{len(b.sites)}_sites", partial(water_of_soils, b, t, of))
        for b, t, of in zip(batches, tables, learned, strict=True)
    ]
    results = [
        {name: errors(b, water, first) for name, water in of.items()}
        for b, of, first in zip(batches, waters, begins, strict=True)
    ]
    sound = np.array([site.name not in DOUBTFUL for site in towers])
    kept = [sound, np.arange(len(stations)) % 2 == 1]
    for name, found, scored in zip(("NEON", "USCRN"), results, kept, strict=True):
        claim_skill(claims, name, found, scored)
    for k, name in enumerate(("NEON", "USCRN")):
        library = runs_of_library(batches[k], keep, name.lower())
        claim_own_days(claims, name, batches[k], library, learned[k]["draws"], waters[k], kept[k], CHOSEN.deep_weight)
    for group, found in (("NEON, all 16 towers", results[0]), ("USCRN, all stations", results[1])):
        for name, frame in found.items():
            value = float(np.nanmedian(frame["ubrmse"]))
            claims.report(f"{group}: median ubRMSE, {name}", value, unit="m3 m-3")
    _draw(results, sound)
    off = stored(keep, "recovery", lambda: recovered(towers, quick=False))
    claim_recovery(claims, off, quick=False)
    claim_speed(claims, towers)
    claims.check("memory at most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "<=", 6.0, unit="GiB")
    return claims.finish()


def claim_speed(claims: Claims, towers: list[HydraulicSite]) -> None:
    """Time one pass through all towers."""
    years = 3 * 365
    short = column_batch([_shortened(site, years) for site in towers], spin_up_days=0)
    prior = texture_parameters([site.inputs for site in towers]).float()
    response(column_batch([_shortened(site, 90) for site in towers], spin_up_days=0), prior)  # compiles
    begun = time.perf_counter()
    response(short, prior)
    claims.check(
        "one pass, 16 sites, 3 years of hours, with slopes", (time.perf_counter() - begun) / 60.0, "<=", 10.0, unit="min",
        note="one thread",
    )  # fmt: skip


def _shortened(site: HydraulicSite, days: int) -> HydraulicSite:
    weather = type(site.forcing)(*(x[: 24 * days] for x in site.forcing))
    return replace(site, forcing=weather, observed=site.observed[:days])


def _draw(results: list[dict[str, pd.DataFrame]], sound: NDArray[np.bool_]) -> Path:
    together = {name: np.concatenate([r[name]["ubrmse"].to_numpy() for r in results]) for name in results[0]}
    is_tower = np.arange(len(together["learned"])) < len(sound)
    doubtful = is_tower & ~np.pad(sound, (0, len(is_tower) - len(sound)))
    figure = skill_at_test_sites(
        together["learned"],
        {"cosby": together["cosby"], "rosetta": together["rosetta"], "mean of 8 runs": together["draws"]},
        {"USCRN": ~is_tower, "NEON": is_tower & ~doubtful, "NEON, in doubt": doubtful},
        notes=["Every site by a network that has not seen it, nor any place within 50 km."],
    )
    return save_figure(figure, RESULTS / "hydraulics_skill.png")


if __name__ == "__main__":
    sys.exit(main())
