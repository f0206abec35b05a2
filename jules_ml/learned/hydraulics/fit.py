"""Fit of soil hydraulics to records of soil moisture, with scores of the test period, written as a module folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite, column_batch
from jules_ml.learned.hydraulics.correction import PRIOR, ROSETTA, SOIL_SITES
from jules_ml.learned.hydraulics.correction_fit import FOLDS, fit_correction, site_runs
from jules_ml.learned.hydraulics.inputs import INPUTS, TEXTURE
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.result import HydraulicsFit, hydraulics_card
from jules_ml.learned.hydraulics.site import (
    TIMESTEP,
    common_layers,
    hydraulic_sites,
)
from jules_ml.learned.hydraulics.site_calibration import fit_site
from jules_ml.learned.hydraulics.training import TrainingColumns, TrainingSettings, train_hydraulics
from jules_ml.learned.store import (
    refuse_other_files,
    write_module_folder,
)
from jules_ml.scoring.splits import last_fraction
from jules_ml.support.progress import Progress, renamed

#: Least number of sites for which the members of the network ensemble are trained on bootstrap samples of the sites.
_LEAST_BOOTSTRAP_SITES = 5


def fit_hydraulics(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> HydraulicsFit:
    """Fit soil hydraulics to the soil moisture of experiments, and write the module folder.

    With one experiment this is a calibration of its site, see :func:`~jules_ml.learned.hydraulics.site_calibration.fit_site`. The last
    part of each record, ``test_fraction`` of its days, is the test period.
    The column is scored with the learned soil and with the soil of the texture regression.

    Parameters
    ----------
    experiments : sequence of Experiment
        One per site; ``[hydraulics]`` of the first applies to all.
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If an experiment has no usable soil moisture, layers differ between experiments, or the folder cannot be written.
    """
    if len(experiments) == 1:
        return fit_site(experiments[0], out, progress=renamed(progress, "fit"))
    refuse_other_files(out)
    settings = experiments[0].hydraulics or HydraulicSettings()
    sites = hydraulic_sites(experiments, settings)
    dzsoil = common_layers(experiments)
    test_days = [last_fraction(np.isfinite(site.observed).any(1), settings.test_fraction) for site in sites]
    training_sites = [
        replace(site, observed=np.where(test[:, None], np.nan, site.observed))
        for site, test in zip(sites, test_days, strict=True)
    ]
    batch = column_batch(training_sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    names = [
        name
        for name in INPUTS
        if (settings.texture or name not in TEXTURE)
        and any(np.isfinite(site.inputs.get(name, np.nan)) for site in sites)
    ]
    fitted = _fitted_network(names, batch, settings, progress)
    network = fitted.network
    complete = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    predictions = column_predictions(network, complete, test_days)
    scores = sensor_scores(predictions, part="test" if settings.test_fraction else "train") | {"cost": fitted.costs}
    notes = (
        *(note for site in sites for note in site.notes),
        *_score_notes(scores),
        *_texture_notes(sites),
        *fitted.notes,
    )
    card = hydraulics_card(experiments, training_sites, settings, names, notes=notes) | fitted.entries
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores=scores, predictions=predictions)
    save_report_figures(predictions, out)
    return HydraulicsFit(out, network, scores, notes)


class _Fitted(NamedTuple):
    """A network, its costs by round, entries for the card, and notes for the user."""

    network: LearnedHydraulics
    costs: list[float]
    entries: dict[str, Any]
    notes: tuple[str, ...] = ()


def _fitted_network(
    names: Sequence[str], batch: ColumnBatch, settings: HydraulicSettings, progress: Progress | None
) -> _Fitted:
    """Fit a correction of Rosetta 3; without texture, or with too few sites for inner folds, a network that begins with HYPRES."""
    n = len(batch.sites)
    columns, training = TrainingColumns(batch, np.ones(n, dtype=bool)), training_settings(settings, n)
    if not set(TEXTURE) <= set(names) or n < _LEAST_BOOTSTRAP_SITES:
        network = LearnedHydraulics(names, members=settings.members, hidden=settings.hidden, seed=settings.seed)
        pretrain(network, [site.inputs for site in batch.sites])
        return _Fitted(network, train_hydraulics(network, [columns], training, progress=progress), {})
    runs = site_runs(batch, training, progress=progress)
    folds = np.random.default_rng(settings.seed).permutation(n) % FOLDS
    fit = fit_correction(
        names,
        [columns],
        [runs],
        training,
        members=settings.members,
        hidden=settings.hidden,
        folds=[folds],
        progress=progress,
    )
    entries = {PRIOR: ROSETTA, SOIL_SITES: len(fit.network.site_inputs), "choices": fit.to_card()}
    return _Fitted(fit.network, fit.costs, entries, fit.notes())


def _texture_notes(sites: Sequence[HydraulicSite]) -> tuple[str, ...]:
    """Name the sites without texture."""
    unknown = [s.name for s in sites if not all(np.isfinite(s.inputs.get(name, np.nan)) for name in TEXTURE)]
    if not unknown:
        return ()
    return (f"texture is unknown at {', '.join(unknown)}: the soil of the texture regression is that of a loam there",)


def _score_notes(scores: Mapping[str, Any]) -> tuple[str, ...]:
    """Note a learned soil that is worse than that of the texture regression."""
    learned, texture = scores["all"]["learned"]["ubrmse"], scores["all"]["texture"]["ubrmse"]
    if learned > texture:
        return (
            f"in the {scores['part']} period the learned soil has a higher ubRMSE than the soil of the texture regression "
            f"({learned:.3f} against {texture:.3f} m3 m-3)",
        )
    return ()


def training_settings(settings: HydraulicSettings, sites: int) -> TrainingSettings:
    """Select the settings of the training for a number of sites."""
    defaults = TrainingSettings()
    return TrainingSettings(
        rounds=settings.rounds,
        bias_weight=defaults.bias_weight if settings.bias_weight is None else settings.bias_weight,
        deep_weight=settings.deep_weight,
        tie=defaults.tie if settings.tie is None else settings.tie,
        bootstrap=sites >= _LEAST_BOOTSTRAP_SITES,
        seed=settings.seed,
    )
