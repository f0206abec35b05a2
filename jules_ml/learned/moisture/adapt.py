"""Adaptation of a soil-moisture module to new sites by some days of local observations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.fit import MoistureFit, write_moisture_module
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.learned.moisture.report import scored_sensor, scores_of_sites
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import load_moisture
from jules_ml.scoring.splits import Split


def adapt_moisture(
    folder: str | Path, sites: Sequence[MoistureSite], out: Path, *, days: AdaptationDays | None = None
) -> MoistureFit:
    """Adapt a module to new sites: some days of local observations update the predicted mean and standard deviation.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of MoistureSite
    out : Path
        Module folder to write.
    days : AdaptationDays, optional
        Days of the scored sensor to adapt by; all by default. Scores are computed on the later days if a number of days is given, and
        on all other days if a list is given.

    Returns
    -------
    MoistureFit

    Raises
    ------
    BadInput
        If a site has no measured water content on these days, lacks a static input, or is a training site of the module.
    """
    days = AdaptationDays() if days is None else days
    ensemble, card = load_moisture(folder)
    splits = []
    for site in sites:
        _refuse_training_site(site.record, ensemble, Path(folder))
        split = _split(ensemble, site.record, days)
        ensemble = ensemble.adapt(site.record.with_usable(split.train))
        splits.append(split)
    scores = {
        "adapted_from": Path(folder).name,
        **scores_of_sites(ensemble, [site.record for site in sites], splits, period="on the other days"),
    }
    notes = (*card["warnings"], *(note for site in sites for note in site.notes))
    write_moisture_module(
        out, ensemble, sites, splits, scores, notes, earlier_sites=card["sites"], least_gap=days.least_gap
    )
    return MoistureFit(out, ensemble, scores, notes)


def _split(ensemble: MoistureEnsemble, record: MoistureRecord, days: AdaptationDays) -> Split:
    """Split the days of a record into days to adapt by and test days."""
    none = np.zeros(len(record), dtype=bool)
    observed = record.usable[:, scored_sensor(ensemble, record)] if record.usable.size else none
    selected = days.select(record.days, observed, where=f"site {record.site}")
    if days.dates is not None:
        return Split(selected, none, ~selected)
    rest = np.flatnonzero(observed & ~selected)
    train = np.arange(len(record)) < (rest[0] if len(rest) else len(record))
    return Split(train, none, ~train)


def _refuse_training_site(record: MoistureRecord, ensemble: MoistureEnsemble, folder: Path) -> None:
    site = ensemble.sites.get(record.site)
    if site is not None and site.trained:
        raise BadInput(
            f"the module was trained on {record.site}, and needs no adaptation there",
            where=folder,
            remedy="adapt it to another site, or give this site another name under [site]",
        )
