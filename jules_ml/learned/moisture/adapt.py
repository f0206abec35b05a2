"""Adaptation of a soil-moisture module to new sites by some days of local observations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.fit import MoistureFit, write_moisture_module
from jules_ml.learned.moisture.record import MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.report import scores_of_sites
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.skill import MIN_TEST_DAYS
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
        Days of the scored sensor to adapt by; all by default. The scored sensor is the shallowest that has so many days, and more to
        score. Scores are computed on the later days if a number of days is given, and on all other days if a list is given.

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
    of_sites: list[str | None] = []
    for site in sites:
        record = site.record
        _refuse_training_site(record, ensemble, Path(folder))
        sensor, sensor_note = _adaptation_sensor(record, days)
        split, days_note = _split(record, sensor, days)
        of_sites += [*site.notes, ensemble.moments_note(record), sensor_note, days_note]
        ensemble = ensemble.adapt(record.with_usable(split.train), main=sensor)
        splits.append(split)
    scores = {
        "adapted_from": Path(folder).name,
        **scores_of_sites(ensemble, [site.record for site in sites], splits, period="on the other days"),
    }
    notes = (*card["warnings"], *(note for note in of_sites if note is not None))
    write_moisture_module(
        out, ensemble, sites, splits, scores, notes, earlier_sites=card["sites"], least_gap=days.least_gap
    )
    return MoistureFit(out, ensemble, scores, notes)


def _adaptation_sensor(record: MoistureRecord, days: AdaptationDays) -> tuple[int, str | None]:
    """Select the sensor whose days are counted and scored, and describe why it is not the shallowest.

    That is the cosmic-ray sensor, or else the shallowest one, among those with enough days to adapt by and to score. Where no sensor has
    so many, it is the one with the most days.
    """
    if days.dates is not None:
        record = record.with_usable(np.isin(record.days.date, np.array(sorted(days.dates), dtype=object)))
    preferred = preferred_sensor(record, least=1)
    if preferred is None:
        return 0, None
    wanted = 1 if days.count is None else days.count
    counts = record.usable.sum(0)
    enough = (preferred_sensor(record, least=least) for least in (wanted + MIN_TEST_DAYS, wanted))
    sensor = next((each for each in enough if each is not None), int(np.argmax(counts)))
    if days.count is None:
        sensor = preferred
    if sensor == preferred:
        return sensor, None
    return sensor, (
        f"{record.site}: {record.names[preferred]} has only {int(counts[preferred])} days with an observation, so the days of "
        f"{record.names[sensor]} are counted and scored"
    )


def _split(record: MoistureRecord, sensor: int, days: AdaptationDays) -> tuple[Split, str | None]:
    """Split the days of a record into days to adapt by and test days; describe a lack of days."""
    none = np.zeros(len(record), dtype=bool)
    observed = record.usable[:, sensor] if record.usable.size else none
    selected = days.select(record.days, observed, where=f"site {record.site}")
    note = days.shortfall(selected, where=f"{record.site}, sensor {record.names[sensor]}")
    if days.dates is not None:
        return Split(selected, none, ~selected), note
    rest = np.flatnonzero(observed & ~selected)
    # other sensors may have later days, which are test days too
    train = np.arange(len(record)) < (rest[0] if len(rest) else np.flatnonzero(selected)[-1] + 1)
    return Split(train, none, ~train), note


def _refuse_training_site(record: MoistureRecord, ensemble: MoistureEnsemble, folder: Path) -> None:
    site = ensemble.sites.get(record.site)
    if site is not None and site.trained:
        raise BadInput(
            f"the module was trained on {record.site}, and needs no adaptation there",
            where=folder,
            remedy="adapt it to another site, or give this site another name under [site]",
        )
