"""Which run a converted file was written from, so that the file of another run is not lost."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import netCDF4

from jules_ml.comparison.convertible import Convertible
from jules_ml.errors import BadInput

#: Text between the model and the folder of the run in the attribute ``source``.
_RUN: Final = ", run "


def with_its_run(run: Convertible, folder: Path, path: Path) -> Convertible:
    """Add the folder of a run to its source, unless the file would replace that of another run.

    Parameters
    ----------
    run : Convertible
    folder : Path
        Folder of the run, its output file, or the folder of the calibration with the run.
    path : Path
        Converted file, to whose folder the path of the run is relative.

    Returns
    -------
    Convertible

    Raises
    ------
    BadInput
        If the file exists and was written from another run, or from an unknown one.
    """
    out = path.resolve().parent
    of_run = folder.resolve().parent if folder.is_file() else folder.resolve()
    relative = os.path.relpath(of_run, out)
    if path.exists():
        before = _recorded_run(path)
        if before != relative:
            other = "" if before is None else f" ({os.path.relpath(out / before)})"
            problem = "not written by this command" if before is None else "written from another run"
            raise BadInput(f"the file was {problem}{other}", where=path, remedy="give another folder with --out")
    return replace(run, source=f"{run.source}{_RUN}{relative}")


def _recorded_run(path: Path) -> str | None:
    """Path of the run that a converted file names, relative to the folder of the file; none if it names none."""
    try:
        with netCDF4.Dataset(path) as file:
            source = str(getattr(file, "source", ""))
    except OSError:
        return None
    return source.partition(_RUN)[2] or None
