"""Result of a fit of soil hydraulics, and the card of its module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.hydraulics.columns import HydraulicSite
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.site import common_layers, local_days
from jules_ml.learned.training_days import LEAST_GAP, TRAINING_DAYS, day_intervals
from jules_ml.support.provenance import software


@dataclass(frozen=True, eq=False)
class HydraulicsFit:
    """Result of a fit.

    Attributes
    ----------
    folder : Path
        Module folder.
    network : LearnedHydraulics
    scores : dict
        Content of ``scores.json``.
    notes : tuple of str
        Notes for the user.
    """

    folder: Path
    network: LearnedHydraulics
    scores: dict[str, Any]
    notes: tuple[str, ...]


def hydraulics_card(
    experiments: Sequence[Experiment],
    sites: Sequence[HydraulicSite],
    settings: HydraulicSettings,
    names: Sequence[str],
    *,
    notes: Sequence[str],
    least_gap: int = LEAST_GAP,
) -> dict[str, Any]:
    """Card of a module: its inputs, its training sites, with observations on training days only, and how it was fitted.

    ``least_gap`` is that of :func:`~jules_ml.learned.training_days.day_intervals`.
    """
    return {
        "module": "hydraulics",
        "inputs": {name: PROPERTIES[name].attributes() for name in names},
        "settings": settings.model_dump(),
        "dzsoil": list(common_layers(experiments)),
        "form": "van_genuchten",
        "sites": {
            s.name: {
                "start": str(s.start),
                "days": len(s.observed),
                TRAINING_DAYS: day_intervals(local_days(s)[np.isfinite(s.observed).any(axis=1)], least_gap=least_gap),
                "inputs": s.inputs,
            }
            for s in sites
        },
        "records": [
            {k: str(e.record().attrs.get(k, "not stated")) for k in ("source", "licence")} for e in experiments
        ],
        "gradient": "finite differences, from displaced copies of each column in the same batch",
        "notes": list(notes),
        "software": software(),
    }
