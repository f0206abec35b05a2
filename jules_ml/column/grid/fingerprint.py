"""Checksum of all that a run on a grid has in common with the one that continues it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import jules_ml
from jules_ml.column.grid.driving import FileDriving
from jules_ml.column.grid.land_driving import LandDriving
from jules_ml.column.grid.model import GridModel


def run_fingerprint(model: GridModel) -> str:
    """Return the checksum of a run.

    Parameters
    ----------
    model : GridModel

    Returns
    -------
    str
        Of the inputs (:attr:`GridModel.fingerprint`), the version of this package, whether the step is compiled, and names, sizes and
        times of change of the files of driving data.
    """
    digest = hashlib.sha256(f"{model.fingerprint}\n{jules_ml.__version__}\n{model.compiled}\n".encode())
    for path in _driving_files(model):
        # a missing file is refused by name when it is read
        if path.is_file():
            status = path.stat()
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _driving_files(model: GridModel) -> Iterable[Path]:
    source = model.driving.files if isinstance(model.driving, LandDriving) else model.driving
    if not isinstance(source, FileDriving):
        return ()
    segments = model.timetable.segments
    return source.paths(min(s.first for s in segments), max(s.first + s.steps for s in segments))
