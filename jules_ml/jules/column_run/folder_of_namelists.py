"""The folder of the namelists, given in place of the one in which JULES is started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder, read_run_folder


def refuse_folder_of_namelists(folder: Path) -> None:
    """Refuse a folder of namelists whose input files are relative to its parent, and name the parent.

    Parameters
    ----------
    folder : Path
        Run folder, or Rose application.

    Raises
    ------
    BadInput
        If no input file is in the folder, but one is in its parent; as :func:`~jules_ml.jules.run_folder.read_run_folder`.
    """
    run = read_run_folder(folder)
    if run.rose is not None or run.directory:
        return
    files = [name for name in _input_files(run) if not Path(name).is_absolute()]
    if any((run.folder / name).exists() for name in files):
        return
    if any((run.folder.parent / name).exists() for name in files):
        parent = os.path.normpath(folder / os.pardir)
        raise BadInput(
            "the folder contains the namelists; their file names are relative to the folder in which JULES is started",
            where=folder,
            remedy=f"'jules-ml run --from-jules {parent}'",
        )


def _input_files(run: RunFolder) -> Iterator[str]:
    """Names of input files in the namelists, without those that are templates."""
    for _, _, entries in run.namelists.groups():
        for entry, value in entries.items():
            if entry == "file" or entry.endswith("_file"):
                names = value if isinstance(value, list) else [value]
                yield from (name for name in names if isinstance(name, str) and name and "%" not in name)
