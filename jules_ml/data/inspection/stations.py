"""Drafted section ``[data]`` for files, folders and archives of the International Soil Moisture Network."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from jules_ml.data.inspection.draft import Draft

_SUFFIX = ".stm"
_NAME_PARTS = 9


def ismn_files(path: Path) -> list[str]:
    """Names of the files of ISMN in a folder or zip archive; none for another path."""
    if path.is_dir():
        return sorted(file.name for file in path.rglob(f"*{_SUFFIX}"))
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return sorted(PurePosixPath(name).name for name in archive.namelist() if name.endswith(_SUFFIX))


def draft_ismn(path: Path, *, site: str | None) -> Draft:
    """Draft the section of a station: the one that is given, or the first."""
    draft = Draft()
    draft.state("reader", "ismn")
    draft.state("path", path)
    parts = [name.split("_") for name in (ismn_files(path) or [path.name])]
    stations = sorted({f"{part[1]}/{part[2]}" for part in parts if len(part) >= _NAME_PARTS})
    if site is not None:
        draft.state("site", site)
    elif len(stations) > 1:
        shown = ", ".join(stations[:12]) + (", ..." if len(stations) > 12 else "")
        draft.guess("site", stations[0], f"one of {len(stations)} stations: {shown}")
    return draft
