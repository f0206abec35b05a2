"""Drafted section ``[data]`` for files, folders and archives of the International Soil Moisture Network."""

from __future__ import annotations

from pathlib import Path

from jules_ml.data.inspection.draft import Draft
from jules_ml.data.readers.ismn import names_in, station_of


def draft_ismn(path: Path, *, site: str | None) -> Draft:
    """Draft the section of a station: the one that is given, or the first."""
    draft = Draft()
    draft.state("reader", "ismn")
    draft.state("path", path)
    names = names_in(path) or [path.name]
    stations = sorted({station for name in names if (station := station_of(name)) is not None})
    if site is not None:
        draft.state("site", site)
    elif len(stations) > 1:
        shown = ", ".join(stations[:12]) + (", ..." if len(stations) > 12 else "")
        draft.guess("site", stations[0], f"one of {len(stations)} stations: {shown}")
    return draft
