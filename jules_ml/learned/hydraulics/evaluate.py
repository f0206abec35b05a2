"""Evaluation of learned hydraulics at sites and times that they were not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.site import (
    DEFAULT_CARBON,
    SUBSOIL_CARBON,
    TIMESTEP,
    hydraulic_sites,
    local_days,
)
from jules_ml.learned.hydraulics.store import checked_layers, load_hydraulics
from jules_ml.learned.store import (
    write_evaluation_folder,
)
from jules_ml.learned.training_days import refuse_training_days


def evaluate_hydraulics(
    folder: str | Path, experiments: Sequence[Experiment], out: Path | None = None
) -> dict[str, Any]:
    """Score a fitted module at sites or times that it was not trained on.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        As for :func:`~jules_ml.learned.hydraulics.fit.fit_hydraulics`.
    out : Path, optional
        Folder for ``scores.json``, ``predictions.nc`` and figures.

    Returns
    -------
    dict
        Scores, see :func:`~jules_ml.learned.hydraulics.report.sensor_scores`.

    Raises
    ------
    BadInput
        If the folder has no learned hydraulics; an experiment has no soil moisture, or other layers than the module; two experiments have
        the same site; or a record overlaps with the training period of its site.
    """
    network, card = load_hydraulics(folder)
    settings = HydraulicSettings(**card["settings"])
    dzsoil = checked_layers(experiments, card)
    sites = [_with_training_inputs(site, card, Path(folder)) for site in hydraulic_sites(experiments, settings)]
    batch = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    predictions = column_predictions(network, batch)
    scores = sensor_scores(predictions, period="on this record")
    scores["record_notes"] = [note for site in sites for note in site.notes]
    if out is not None:
        write_evaluation_folder(out, scores=scores, predictions=predictions)
        save_report_figures(predictions, out)
    return scores


def _with_training_inputs(site: HydraulicSite, card: Mapping[str, Any], folder: Path) -> HydraulicSite:
    """Give a training site the inputs that the module was fitted with: its soil does not depend on the years of weather."""
    training = card["sites"].get(site.name)
    if training is None:
        return site
    observed = local_days(site)[np.isfinite(site.observed).any(axis=1)]
    refuse_training_days(observed, site.name, card, folder, remedy="give other years with [run] start and end")
    inputs = {name: float("nan") if value is None else value for name, value in training["inputs"].items()}
    carbon = inputs.get("soc_density", float("nan"))
    carbon = carbon if np.isfinite(carbon) else DEFAULT_CARBON
    return replace(site, inputs=inputs, carbon_density=(carbon, SUBSOIL_CARBON * carbon))
