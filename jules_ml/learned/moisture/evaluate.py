"""Evaluation of a soil-moisture module on records that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.report import figure_of, predictions_of, scores_of_sites
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.skill import stored_series
from jules_ml.learned.moisture.store import load_moisture
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.store import write_evaluation_folder
from jules_ml.learned.training_days import refuse_training_days
from jules_ml.scoring.splits import Split
from jules_ml.support.figures import save_figure
from jules_ml.support.files import safe_file_names


def evaluate_moisture(folder: str | Path, sites: Sequence[MoistureSite], out: Path) -> dict[str, Any]:
    """Score a module on all usable days of records that it was not trained on, and the baselines on the same days.

    At a training site the baselines are fitted to the training days in ``predictions.nc`` of the module folder. At another site there are
    no days to fit them to, and JULES is the only baseline.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of MoistureSite
    out : Path
        Folder for ``scores.json``, ``predictions.nc`` and the figures.

    Returns
    -------
    dict
        Scores by site and sensor.

    Raises
    ------
    BadInput
        If a record overlaps in time with the training period of the module at that site, lacks a static input, or has no measured water
        content.
    """
    ensemble, card = load_moisture(folder)
    records = [site.record for site in sites]
    for record in records:
        refuse_training_days(record.days[record.usable.any(1)], record.site, card, Path(folder))
        if not record.usable.any():
            raise BadInput(
                "there is no measured water content to score against",
                where=f"site {record.site}",
                remedy="name the columns of water content (theta, or theta_crns)",
            )
    none = [np.zeros(len(record), dtype=bool) for record in records]
    splits = [Split(n, n, ~n) for n in none]
    training = read_predictions(folder, kind="moisture")
    series = {record.site: stored_series(training, record.site) for record in records}
    stored = {site: of_site for site, of_site in series.items() if of_site is not None}
    scores = {
        "module": Path(folder).name,
        **scores_of_sites(ensemble, records, splits, stored=stored, period="on this record"),
        "notes": _notes(ensemble, sites),
    }
    write_evaluation_folder(out, scores=scores, predictions=predictions_of(ensemble, records, splits))
    names = safe_file_names(record.site for record in records)
    for record, split in zip(records, splits, strict=True):
        note = f"Predicted by the module {Path(folder).name}, which was not trained on this record."
        save_figure(figure_of(ensemble, record, split, notes=[note]), out / "figures" / f"{names[record.site]}.png")
    return scores


def _notes(ensemble: MoistureEnsemble, sites: Sequence[MoistureSite]) -> list[str]:
    """Describe what is remarkable in the records, and the properties that are missing at new sites."""
    new = (ensemble.moments_note(site.record) for site in sites if site.record.site not in ensemble.sites)
    return [*(note for site in sites for note in site.notes), *(note for note in new if note is not None)]
