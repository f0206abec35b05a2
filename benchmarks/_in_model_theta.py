"""Soil moisture in the model with each site's own calibrated soil, against the stock soil, on the half of the record that was not used.

Sites are the eleven sound NEON towers (stock soil by Rosetta 3 from texture), CH-Dav and US-Hn1 (by HYPRES). The calibration is
``jules-ml fit hydraulics`` of one site on the first half, up to the calendar midpoint between the first and the last valid day. Then the
complete column runs twice through the whole record, with the stock soil and with the calibrated one by ``[modules] hydraulics``, and is
scored at the depth of the first sensor.

Reference predictions, also from the first half: its mean; its mean by day of year (15 days on either side); the stock run with its mean and
variance matched.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _claims import REPOSITORY, Claims, Comparison
from _neon_experiments import neon_towers
from numpy.typing import NDArray

from jules_ml.column.run import run_column
from jules_ml.data.readers.davos import fetch_davos
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.columns import layer_weights
from jules_ml.learned.hydraulics.fit import fit_hydraulics
from jules_ml.learned.hydraulics.site import hydraulic_site
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY
from jules_ml.scoring.scores import Scores, score

#: Reference predictions, and their meaning.
REFERENCES = {"mean": "first-half mean", "climatology": "day of year", "matched": "stock matched"}
_WINDOW, _YEAR = 15, 365.25
#: Days of the record in the quick run.
_QUICK_DAYS = 200
#: Claims: name, comparison and target.
_CLAIMS: tuple[tuple[str, Comparison, float], ...] = (
    ("median RMSE relative to the stock soil", "<=", 0.80),
    ("fraction of sites that are better", ">=", 0.80),
    ("worse than stock without a warning", "<=", 0.0),
)
_Series = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteTheta:
    """Daily soil moisture of a site in the scored half, and what the fit says of it.

    Attributes
    ----------
    name : str
    scores : dict of str to Scores
        ``stock``, ``calibrated``, the calibrated soil in the simulation of the fit (``fit``), and :data:`REFERENCES`.
    better : bool or None
        Whether the fit says that the calibrated soil is better than the stock soil; None where it cannot judge.
    notes : tuple of str
        Its notes.
    seconds : float
        Time of the fit.
    """

    name: str
    scores: dict[str, Scores]
    better: bool | None
    notes: tuple[str, ...]
    seconds: float

    @property
    def ratio(self) -> float:
        """RMSE with the calibrated soil relative to the stock soil [1]."""
        return self.scores["calibrated"].rmse / self.scores["stock"].rmse


def theta_claims(claims: Claims, data: Path, *, quick: bool) -> None:
    """Make the claims on soil moisture in the model.

    Parameters
    ----------
    claims : Claims
    data : Path
        Folder of real records.
    quick : bool
        Some months of one tower only, with one round of calibration: the fit and the runs are tried, and the claims not measured.
    """
    sites = []
    with tempfile.TemporaryDirectory() as temporary:
        experiments = list(_experiments(data, Path(temporary), quick=quick))
        jobs = [(experiment, Path(temporary) / f"soil_{number}") for number, experiment in enumerate(experiments)]
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            for site in pool.map(_site_theta, jobs):
                _report(claims, site)
                sites.append(site)
    differences = [abs(site.scores["calibrated"].rmse - site.scores["fit"].rmse) for site in sites]
    claims.report("theta: RMSE in the run less that in the fit, at most", max(differences), unit="m3 m-3")
    claims.report("theta: longest fit of one site", max(site.seconds for site in sites), unit="s")
    if quick:
        for name, comparison, target in _CLAIMS:
            claims.not_measured(f"theta: {name}", comparison, target, why="a part of one record")
        return
    if not any(site.name == "CH-Dav" for site in sites):
        claims.not_measured("theta, CH-Dav", why="the record could not be downloaded")
    ratios = np.array([site.ratio for site in sites])
    note = f"{len(sites)} sites, second halves"
    unwarned = [site.name for site in sites if site.ratio > 1.0 and site.better]
    measured = (float(np.median(ratios)), float((ratios < 1.0).mean()), float(len(unwarned)))
    notes = (note, "", ", ".join(unwarned))
    for (name, comparison, target), value, text in zip(_CLAIMS, measured, notes, strict=True):
        claims.check(f"theta: {name}", value, comparison, target, note=text)
    warned = [site.name for site in sites if not site.better]
    claims.report("theta: sites with a warning", len(warned), note=", ".join(warned))
    for name, meaning in ({"stock": "stock soil", "calibrated": "calibrated soil"} | REFERENCES).items():
        rmse, kge = (float(np.median([getattr(site.scores[name], key) for site in sites])) for key in ("rmse", "kge"))
        claims.report(f"theta: median RMSE, {meaning}", rmse, unit="m3 m-3", note=f"KGE {kge:.2f}")


def _site_theta(job: tuple[Experiment, Path]) -> SiteTheta:
    """Calibrate and score one site in a process of its own."""
    torch.set_num_threads(1)
    return site_theta(*job)


def site_theta(experiment: Experiment, folder: Path) -> SiteTheta:
    """Calibrate the soil of a site on the first half, run the column with both soils, and score the second half.

    Parameters
    ----------
    experiment : Experiment
        With ``test_fraction`` in ``[hydraulics]``.
    folder : Path
        Module folder to write.

    Returns
    -------
    SiteTheta
    """
    assert experiment.hydraulics is not None
    start = time.perf_counter()
    fit = fit_hydraulics([experiment], folder)
    seconds = time.perf_counter() - start
    site = hydraulic_site(experiment, experiment.hydraulics)
    observed = site.observed[:, 0].astype(np.float64)
    _, card = load_hydraulics(folder)
    first = _first_half(site.observed, experiment.hydraulics.test_fraction)
    swapped = experiment.model_copy(
        update={"modules": experiment.modules.model_copy(update={"hydraulics": folder.resolve()})}
    )
    stock, calibrated = (
        _daily_theta(each, float(site.sensor_depth[0]), len(observed)) for each in (experiment, swapped)
    )
    scored = np.where(first, np.nan, observed)
    predictions = {"stock": stock, "calibrated": calibrated} | _references(stock, observed, first, site.start)
    scores = {name: score(values, scored) for name, values in predictions.items()}
    own = fit.scores["sensors"][0]["learned"]
    scores["fit"] = Scores(**own)
    assert scores["fit"].n == scores["calibrated"].n, "the fit and the benchmark score the same days"
    return SiteTheta(site.name, scores, card["comparison_with_stock"]["better"], fit.notes, seconds)


def _experiments(data: Path, folder: Path, *, quick: bool) -> Iterator[Experiment]:
    """Experiments of all sites, with the test period after the calendar midpoint."""
    for tower in neon_towers(data, folder, most=1 if quick else None):
        experiment = tower.experiment
        yield _shortened(experiment) if quick else experiment
    if quick:
        return
    yield _halved(load_experiment(data / "respiration" / "us_hn1_column.toml"))
    try:
        record = fetch_davos(message=lambda _: None)
    except BadInput:
        return
    text = (REPOSITORY / "jules_ml" / "demo" / "davos.toml").read_text(encoding="utf-8")
    file = folder / "davos.toml"
    file.write_text(text.replace('reader = "davos"', f'reader = "davos"\npath = "{record}"'), encoding="utf-8")
    # the demonstration has JULES's land surface, and hydraulics are trained with the simple one
    yield _halved(load_experiment(file).model_copy(update={"physics": None}))


def _shortened(experiment: Experiment) -> Experiment:
    """Keep the first months with soil moisture of the record of a tower."""
    file = next(experiment.file.parent.glob("*.parquet"))
    record = pd.read_parquet(file)
    record.loc[record["theta_0"].first_valid_index() :].iloc[: 24 * _QUICK_DAYS].to_parquet(file)
    return _with_settings(load_experiment(experiment.file), rounds=1, test_fraction=0.4, spin_up_days=30)


def _with_settings(experiment: Experiment, **settings: Any) -> Experiment:
    hydraulics = (experiment.hydraulics or HydraulicSettings()).model_copy(update=settings)
    return experiment.model_copy(update={"hydraulics": hydraulics})


def _halved(experiment: Experiment) -> Experiment:
    """Choose ``test_fraction`` so that the test period begins after the calendar midpoint between the first and the last valid day."""
    days = np.flatnonzero(np.isfinite(hydraulic_site(experiment, HydraulicSettings()).observed).any(1))
    later = days > (days[0] + days[-1]) // 2
    return _with_settings(experiment, test_fraction=float(later.mean()))


def _first_half(observed: NDArray[np.floating], test_fraction: float) -> NDArray[np.bool_]:
    """Days of the first half, shape (day,)."""
    days = np.flatnonzero(np.isfinite(observed).any(1))
    boundary = days[round(len(days) * (1.0 - test_fraction))]
    return np.asarray(np.arange(len(observed)) < boundary)


def _daily_theta(experiment: Experiment, depth: float, n_days: int) -> _Series:
    """Daily mean water content at a depth in a run of the column, shape (day,) [m3 m-3]."""
    run = experiment.required(experiment.run, "run")
    per_day = round(SECONDS_PER_DAY / run.timestep)
    daily = run.model_copy(update={"mean_over": per_day, "outputs": ("smcl",)})
    output = run_column(experiment.model_copy(update={"run": daily})).output
    dzsoil = experiment.required(experiment.soil, "soil").dzsoil
    theta = output["smcl"].to_numpy() / (RHO_WATER * np.asarray(dzsoil)) + output["theta_r"].to_numpy()
    values: _Series = theta[:n_days] @ layer_weights(np.array([depth]), dzsoil)[0]
    return values


def _references(
    stock: _Series, observed: _Series, first: NDArray[np.bool_], start: pd.Timestamp | None
) -> dict[str, _Series]:
    """Reference predictions from the first half, shape (day,) [m3 m-3]."""
    train = first & np.isfinite(observed)
    mean = float(observed[train].mean())
    deviation = float(observed[train].std() / stock[train].std())
    return {
        "mean": np.full(len(observed), mean),
        "climatology": _climatology(observed, train, start),
        "matched": mean + deviation * (stock - stock[train].mean()),
    }


def _climatology(observed: _Series, train: NDArray[np.bool_], start: pd.Timestamp | None) -> _Series:
    """Mean of the training days within 15 days of the same day of the year; the mean of all where there is none."""
    assert start is not None
    # the start of a day is in UTC: its noon has the right date
    noon = pd.date_range(start + pd.Timedelta(hours=12), periods=len(observed), freq="D")
    day = noon.day_of_year.to_numpy().astype(np.float64)
    away = np.abs(day[:, None] - day[train][None])
    near = np.minimum(away, _YEAR - away) <= _WINDOW
    count = near.sum(1)
    mean = float(observed[train].mean())
    return np.where(count > 0, (near * observed[train]).sum(1) / np.maximum(count, 1), mean)


def _report(claims: Claims, site: SiteTheta) -> None:
    """Report all scores of a site."""
    numbers = ", ".join(
        f"{name} {s.rmse:.4f} (KGE {s.kge:.2f}, r {s.r:.2f}, ubRMSE {s.ubrmse:.4f}, bias {s.bias:+.4f})"
        for name, s in site.scores.items()
        if name in ("stock", "calibrated")
    )
    others = ", ".join(f"{meaning} {site.scores[name].rmse:.4f}" for name, meaning in REFERENCES.items())
    verdict = {True: "better than stock", False: "warning", None: "not judged"}[site.better]
    note = f"RMSE {numbers}; {others}; in the fit {site.scores['fit'].rmse:.4f}; {verdict}; {site.seconds:.0f} s"
    claims.report(f"theta, {site.name}: RMSE relative to the stock soil", site.ratio, note=note)
