"""Link between a module and the run whose soil it was fitted to: two folders, of which a killed command may replace only one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import xarray as xr

#: Attributes of a site dataset: name of the run, and SHA-256 of its file.
RUN: Final = "soil_state"
CHECKSUM: Final = "soil_state_sha256"
#: Output of the column in its run folder.
COLUMN: Final = "column.nc"


def checksum_of(source: Path) -> str:
    """SHA-256 of the output of a run: of a file, or of ``column.nc`` in a folder."""
    with (source / COLUMN if source.is_dir() else source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_entry(ds: xr.Dataset) -> dict[str, Any]:
    """Entry of a site in the card that identifies the run of its soil; empty if there is none, or it was given in memory."""
    return {RUN: {"run": ds.attrs[RUN], "sha256": ds.attrs[CHECKSUM]}} if CHECKSUM in ds.attrs else {}


def notes_of_run(folder: Path, card: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the runs beside a module that are not those it was fitted to.

    Parameters
    ----------
    folder : Path
        Module folder; the runs of the column are in a folder beside it, whose name ends in ``_run``.
    card : mapping
        Its card.
    """
    folder = folder.resolve()
    sites = card.get("sites") or {}
    # the runs of the training sites are beside the module that was adapted
    adapted = any(entries.get("adapted") for entries in sites.values())
    notes = []
    for site, entries in sites.items():
        link = entries.get(RUN)
        if not isinstance(link, Mapping) or (adapted and not entries.get("adapted")):
            continue
        run = folder.with_name(f"{folder.name}_run") / Path(str(link.get("run"))).name
        if (run / COLUMN).is_file() and checksum_of(run) != link.get("sha256"):
            notes.append(
                f"{run} is another run than the one that the curves of {site} were fitted to: a later fit was stopped before its end; "
                "repeat the fit to have both of one run"
            )
    return tuple(notes)
