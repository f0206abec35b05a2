"""Fit soil hydraulics to records of soil moisture, score them on what they have not seen, and keep them as a module folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch
from jules_ml.learned.hydraulics.inputs import INPUTS, TEXTURE
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.site import (
    TIMESTEP,
    common_layers,
    hydraulic_sites,
)
from jules_ml.learned.hydraulics.training import TrainingColumns, TrainingSettings, train_hydraulics
from jules_ml.learned.store import (
    refuse_foreign,
    write_module_folder,
)
from jules_ml.scoring.splits import last_fraction
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

#: Sites from which on the members of the ensemble each weigh the sites anew.
_ENOUGH_TO_DRAW = 5


@dataclass(frozen=True, eq=False)
class HydraulicsFit:
    """What a fit gave, and where it lies.

    Attributes
    ----------
    folder : Path
        The module folder.
    network : LearnedHydraulics
    scores : dict
        What ``scores.json`` holds.
    warnings : tuple of str
        What the user should be told.
    """

    folder: Path
    network: LearnedHydraulics
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_hydraulics(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> HydraulicsFit:
    """Learn soil hydraulics from experiments' records of soil moisture, and write the module folder.

    With one experiment this is a calibration of its site. The last part of each record, ``test_fraction`` of its days, is held out and
    scored, beside the same column with the texture regression's soil.

    Parameters
    ----------
    experiments : sequence of Experiment
        One a site; the first one's ``[hydraulics]`` and layers hold for all.
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If an experiment cannot be learned from, layers differ between experiments, or the folder cannot be written.
    """
    refuse_foreign(out)
    settings = experiments[0].hydraulics or HydraulicSettings()
    sites = hydraulic_sites(experiments, settings)
    dzsoil = common_layers(experiments)
    held = [last_fraction(np.isfinite(site.observed).any(1), settings.test_fraction) for site in sites]
    seen = [
        replace(s, observed=np.where(days[:, None], np.nan, s.observed)) for s, days in zip(sites, held, strict=True)
    ]
    batch = column_batch(seen, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    names = [
        name
        for name in INPUTS
        if (settings.texture or name not in TEXTURE)
        and any(np.isfinite(site.inputs.get(name, np.nan)) for site in sites)
    ]
    network = LearnedHydraulics(names, members=settings.members, hidden=settings.hidden, seed=settings.seed)
    pretrain(network, [site.inputs for site in sites])
    lesson = TrainingColumns(batch, np.ones(len(sites), dtype=bool))
    costs = train_hydraulics(network, [lesson], training_settings(settings, len(sites)), progress=progress)
    whole = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    predictions = column_predictions(network, whole, held)
    scores = sensor_scores(predictions, part="test" if settings.test_fraction else "train") | {"cost": costs}
    said = (*_said_of(scores), *_said_of_texture(sites))
    card = hydraulics_card(experiments, sites, settings, names, notes=said)
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores=scores, predictions=predictions)
    save_report_figures(predictions, out)
    return HydraulicsFit(out, network, scores, said)


def _said_of_texture(sites: Sequence[HydraulicSite]) -> tuple[str, ...]:
    unknown = [s.name for s in sites if not all(np.isfinite(s.inputs.get(name, np.nan)) for name in TEXTURE)]
    if not unknown:
        return ()
    return (f"texture is not known at {', '.join(unknown)}: what 'texture' stands for there is the soil of a loam",)


def _said_of(scores: Mapping[str, Any]) -> tuple[str, ...]:
    learned, texture = scores["all"]["learned"]["ubrmse"], scores["all"]["texture"]["ubrmse"]
    if learned > texture:
        return (
            f"the learned soil does no better than the texture regression's on the days held out "
            f"(ubRMSE {learned:.3f} against {texture:.3f} m3 m-3)",
        )
    return ()


def training_settings(settings: HydraulicSettings, sites: int) -> TrainingSettings:
    """Give the settings of training for a number of sites."""
    return TrainingSettings(
        rounds=settings.rounds,
        bias_weight=settings.bias_weight,
        deep_weight=settings.deep_weight,
        tie=settings.tie,
        bootstrap=sites >= _ENOUGH_TO_DRAW,
        seed=settings.seed,
    )


def hydraulics_card(
    experiments: Sequence[Experiment],
    sites: Sequence[HydraulicSite],
    settings: HydraulicSettings,
    names: Sequence[str],
    *,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Describe a module: its inputs, its sites and how it was fitted."""
    return {
        "module": "hydraulics",
        "inputs": {name: PROPERTIES[name].attributes() for name in names},
        "settings": settings.model_dump(),
        "dzsoil": list(common_layers(experiments)),
        "form": "van_genuchten",
        "sites": {s.name: {"start": str(s.start), "days": len(s.observed), "inputs": s.inputs} for s in sites},
        "records": [
            {k: str(e.record().attrs.get(k, "not stated")) for k in ("source", "licence")} for e in experiments
        ],
        "gradient": "displaced copies of every column, run beside it",
        "notes": list(notes),
        "software": software(),
    }
