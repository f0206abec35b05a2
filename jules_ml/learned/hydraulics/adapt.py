"""Adaptation of learned hydraulics to new sites, with some days of their own soil moisture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite, column_batch
from jules_ml.learned.hydraulics.correction import PRIOR, ROSETTA, SOIL_SITES, CorrectedRosetta
from jules_ml.learned.hydraulics.fit import training_settings
from jules_ml.learned.hydraulics.misfit import sensor_weights
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.result import HydraulicsFit, hydraulics_card
from jules_ml.learned.hydraulics.site import TIMESTEP, hydraulic_sites, local_days
from jules_ml.learned.hydraulics.soil_ensemble import library_moments, soil_library, soils_with_days
from jules_ml.learned.hydraulics.store import checked_layers, load_hydraulics
from jules_ml.learned.hydraulics.training import TrainingColumns, train_hydraulics
from jules_ml.learned.store import refuse_other_files, write_module_folder
from jules_ml.scoring.bootstrap import BLOCK_DAYS
from jules_ml.support.progress import Progress


def adapt_hydraulics(
    folder: str | Path,
    experiments: Sequence[Experiment],
    out: Path,
    *,
    days: AdaptationDays,
    progress: Progress | None = None,
) -> HydraulicsFit:
    """Train a module further on some days of new sites, with a penalty on changes of its weights, and write a new module folder.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        One per site, as for :func:`~jules_ml.learned.hydraulics.fit.fit_hydraulics`.
    out : Path
        Module folder to write. It has the soil of the new sites only, not that of the training sites of the module.
    days : AdaptationDays
        Days to train on. With a number of days, all later days are scored; with a list of dates, all other days.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If a site is a training site of the module, its layers differ, or it has no observation on these days.
    """
    refuse_other_files(out)
    folder = Path(folder)
    network, card = load_hydraulics(folder)
    settings = HydraulicSettings(**card["settings"])
    dzsoil = checked_layers(experiments, card)
    sites = hydraulic_sites(experiments, settings)
    for site in sites:
        if site.name in card["sites"]:
            raise BadInput(
                f"{site.name} is a training site of the module",
                where=folder,
                remedy="adapt the module to another site, or give this site another name under [site]",
            )
    training_days = [_training_days(site, days) for site in sites]
    shortfalls = (days.shortfall(train, where=site.name) for site, train in zip(sites, training_days, strict=True))
    of_sites = [*(note for site in sites for note in site.notes), *(note for note in shortfalls if note is not None)]
    training_sites = [
        replace(site, observed=np.where(train[:, None], site.observed, np.nan))
        for site, train in zip(sites, training_days, strict=True)
    ]
    batch = column_batch(training_sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    soil_sites = _adapt_soils(network, batch, settings)
    columns = TrainingColumns(batch, np.ones(len(sites), dtype=bool))
    costs = train_hydraulics(network, [columns], training_settings(settings, len(sites)), progress=progress)
    complete = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    test_days = [_test_days(train, days) for train in training_days]
    predictions = column_predictions(network, complete, test_days)
    has_test = any(bool(np.isfinite(site.observed[test]).any()) for site, test in zip(sites, test_days, strict=True))
    scores = sensor_scores(predictions, part="test" if has_test else "train") | {
        "adapted_from": folder.name,
        "cost": costs,
    }
    notes = (*card["notes"], *of_sites, f"adapted from {folder.name} to {', '.join(s.name for s in sites)}")
    new_card = hydraulics_card(
        experiments, training_sites, settings, network.inputs, notes=notes, least_gap=days.least_gap
    ) | {"adapted_from": folder.name}
    if isinstance(network, CorrectedRosetta):
        new_card |= {PRIOR: ROSETTA, SOIL_SITES: soil_sites}
    write_module_folder(out, state=dict(network.state_dict()), card=new_card, scores=scores, predictions=predictions)
    save_report_figures(predictions, out)
    return HydraulicsFit(out, network, scores, notes)


def _adapt_soils(network: LearnedHydraulics, batch: ColumnBatch, settings: HydraulicSettings) -> int:
    """Select the soils of the soil ensemble again with the days of the new sites; return the number of sites with soils."""
    if not isinstance(network, CorrectedRosetta) or not len(network.site_soils):
        return 0
    library = soil_library()
    moments = library_moments(batch, library)
    table = torch.tensor(input_table([site.inputs for site in batch.sites], network.inputs))
    measured = batch.observed.isfinite().numpy()
    weight = sensor_weights(batch, settings.deep_weight).numpy() * measured.any(0)
    soils = []
    for number, prior in enumerate(network.draws(table).permute(3, 0, 1, 2)):
        sensors = np.flatnonzero((batch.sensor_column.numpy() == number) & (weight > 0.0))
        months = len(np.unique(np.flatnonzero(measured[:, sensors].any(1)) // BLOCK_DAYS))
        index = torch.cdist(prior.flatten(1), library.flatten(1)).argmin(1).numpy()
        soils.append(library[torch.tensor(soils_with_days(moments[sensors], weight[sensors], index, months))])
    network.set_soils(network.scaled(table), torch.stack(soils))
    return len(soils)


def _training_days(site: HydraulicSite, days: AdaptationDays) -> NDArray[np.bool_]:
    """Days to train on, shape (day,)."""
    selected: NDArray[np.bool_] = days.select(
        local_days(site), np.isfinite(site.observed).any(axis=1), where=f"site {site.name}"
    )
    return selected


def _test_days(train: NDArray[np.bool_], days: AdaptationDays) -> NDArray[np.bool_]:
    """Days to score, shape (day,)."""
    if days.dates is not None:
        return ~train
    later: NDArray[np.bool_] = np.arange(len(train)) > np.flatnonzero(train)[-1]
    return later
