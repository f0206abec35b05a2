"""Guess of a clock's offset from UTC: by the country of a site code, and by the longitude."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import TZPATH

from jules_ml.data.standard_time import standard_offset

_SITE = re.compile(r"([A-Z]{2})-[A-Za-z0-9]{3,4}")
#: Territories far from the country, whose zones are not those of its sites; countries whose code is not that of ISO 3166.
_REMOTE = (
    "Pacific/Easter",
    "Atlantic/Canary",
    "Africa/Ceuta",
    "Atlantic/Madeira",
    "Atlantic/Azores",
    "Australia/Eucla",
    "Australia/Lord_Howe",
)
_ISO = {"UK": "GB"}


def guess_utc_offset(site: str | None, longitude: float | None) -> tuple[float, str]:
    """Guess local standard time minus UTC.

    Parameters
    ----------
    site : str or None
        Site code of a network, which begins with the country (``"CH-Dav"``).
    longitude : float or None
        Longitude [degree, east positive].

    Returns
    -------
    offset : float
        [h]; 0 if nothing is known.
    reason : str
        What it is guessed from.
    """
    match = _SITE.fullmatch(site or "")
    offsets = () if match is None else _offsets(match[1])
    if longitude is not None:
        by_sun = longitude / 15.0
        if offsets:
            return min(
                offsets, key=lambda offset: abs(offset - by_sun)
            ), "of the country's, that nearest to the longitude"
        return float(round(by_sun)), "by the longitude"
    if len(offsets) == 1:
        return offsets[0], f"standard time of country {site[:2] if site else ''}"
    if offsets:
        choice = offsets[len(offsets) // 2]
        return choice, f"the country has {', '.join(f'{offset:g}' for offset in offsets)}"
    return 0.0, "the file does not contain it"


@cache
def _offsets(country: str) -> tuple[float, ...]:
    """Standard times of a country [h], in ascending order; none if the table of time zones is missing."""
    code = _ISO.get(country, country)
    rows = (line.split("\t") for line in _zone_table().splitlines() if not line.startswith("#"))
    names = [row[2].strip() for row in rows if len(row) > 2 and row[0] == code and row[2].strip() not in _REMOTE]
    offsets = set()
    for name in names:
        try:
            offsets.add(standard_offset(name))
        except ValueError:
            continue
    return tuple(sorted(offsets))


def _zone_table() -> str:
    for folder in TZPATH:
        table = Path(folder) / "zone.tab"
        if table.is_file():
            return table.read_text(encoding="utf-8")
    try:
        return (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return ""
