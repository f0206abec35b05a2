"""Learned soil moisture adapted to new sites by some days of their own observations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.fit import MoistureFit, write_moisture_module
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.learned.moisture.report import Parts, scored_sensor, scores_of
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import load_moisture


def adapt_moisture(
    folder: str | Path, sites: Sequence[MoistureSite], out: Path, *, days: int | None = None
) -> MoistureFit:
    """Take new sites into a module by some days of their own observations, which correct its guess of their level.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of MoistureSite
    out : Path
        Module folder to write.
    days : int, optional
        Usable days to take from the start of each record; all unless given. Later ones are scored.

    Returns
    -------
    MoistureFit

    Raises
    ------
    BadInput
        If a site has no measured water content, or lacks a static input that the guess needs.
    """
    ensemble, card = load_moisture(folder)
    parts = []
    for site in sites:
        record = site.record
        _refuse_known(record, ensemble, Path(folder))
        sensor = scored_sensor(ensemble, record)
        held = np.flatnonzero(record.usable[:, sensor]) if record.usable.size else np.array([], dtype=int)
        end = len(record) if days is None or len(held) <= days else int(held[days])
        day = np.arange(len(record))
        none = np.zeros(len(record), dtype=bool)
        parts.append(Parts(day < end, none, day >= end))
        ensemble = ensemble.adapt(record.with_usable(day < end))
    scores = {
        "adapted_from": Path(folder).name,
        "sites": {s.record.site: scores_of(ensemble, s.record, p) for s, p in zip(sites, parts, strict=True)},
    }
    said = tuple(card["warnings"])
    write_moisture_module(out, ensemble, sites, parts, scores, said, known=card["sites"])
    return MoistureFit(out, ensemble, scores, said)


def _refuse_known(record: MoistureRecord, ensemble: MoistureEnsemble, folder: Path) -> None:
    known = ensemble.sites.get(record.site)
    if known is not None and known.learned:
        raise BadInput(
            f"the module was learned from {record.site}, and knows its level",
            where=folder,
            remedy="adapt it to a site that it has not seen, or give this one another name under [site]",
        )
