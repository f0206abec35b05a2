"""Data that a run folder prescribes besides its weather: leaf area and canopy height through time."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.column.grid.files import LandPoints
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.time_series import SeriesFiles, series_at_steps
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.series_files import listed_files
from jules_ml.jules.variable_lists import read_list, values_per_point

#: Variables that the column takes.
PRESCRIBED: Final = ("lai", "canht")
_GROUP: Final = "jules_prescribed_dataset"


def prescribed(
    run: RunFolder, steps: pd.DatetimeIndex, points: LandPoints | None = None
) -> dict[str, NDArray[np.float64]]:
    """Read prescribed leaf area [1] and height [m] at time steps.

    Parameters
    ----------
    run : RunFolder
    steps : DatetimeIndex, shape (step,)
        Start of each step.
    points : LandPoints, optional
        Points of a grid; by default the run has one point.

    Returns
    -------
    dict of str to array, shape (step, pft), or (step, pft, point) for points of a grid
        Those that the run prescribes; empty if it prescribes none.

    Raises
    ------
    BadInput
        If another variable is prescribed, or data are missing.
    """
    values: dict[str, NDArray[np.float64]] = {}
    for files in _datasets(run, points):
        values |= series_at_steps(files, steps)
    return values


def has_prescribed(run: RunFolder) -> bool:
    """Whether a run prescribes leaf area or height.

    Raises
    ------
    BadInput
        If a variable other than those of :data:`PRESCRIBED` is prescribed.
    """
    return bool(_datasets(run, None))


def prescribed_files(run: RunFolder) -> list[Path]:
    """Files of prescribed data, of all dates.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    list of Path
        Those that exist, in order.
    """
    names: list[str] = []
    for files in _datasets(run, None):
        file = str(files.entries.get("file") or "")
        listed = listed_files(run.folder / file, files.entries) if files.entries.get("read_list") else []
        names += [file, *(each.name for each in listed)]
    # the parts of a name that stand for those of a date or for a variable
    patterns = {re.sub(r"%(vv|y4|y2|m1|m2|mc|d2)", "*", name) for name in names}
    paths = {Path(path) for pattern in patterns for path in glob.glob(str(run.folder / pattern))}
    return sorted(path for path in paths if path.is_file())


def _datasets(run: RunFolder, points: LandPoints | None) -> list[SeriesFiles]:
    """Groups of the data that are prescribed."""
    number = int(run.entry("jules_prescribed", "n_datasets", 0)) if run.namelists.all("jules_prescribed") else 0
    sizes = values_per_point(run)
    datasets = []
    for index, entries in enumerate(run.namelists.all(_GROUP)[:number]):
        where = run.namelists.source(_GROUP, index) or f"{run.namelists.place(_GROUP)} ({index + 1} of {number})"
        others = [variable.name for variable in read_list(entries) if variable.name not in PRESCRIBED]
        if others:
            raise BadInput(
                f"{', '.join(others)} is prescribed, and the column takes {' and '.join(PRESCRIBED)}",
                where=where,
                remedy="remove the dataset in a copy of the folder, or run JULES itself",
            )
        datasets.append(SeriesFiles(run, entries, where, sizes, points))
    return datasets
