"""Drafted section ``[data]`` for driving data of JULES: netCDF, or rows of numbers whose times and columns are in the namelist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import f90nml
import numpy as np
from numpy.typing import NDArray

from jules_ml.data.inspection.draft import Draft
from jules_ml.data.readers.driving_rows import DRIVING_NAMES, data_rows
from jules_ml.data.readers.jules import LOOBOS_COLUMNS
from jules_ml.data.readers.jules_netcdf_driving import is_netcdf
from jules_ml.data.recognition import first_lines
from jules_ml.data.textfile import is_number, open_text
from jules_ml.errors import BadInput

#: Ranges by which a column is recognised, in JULES's units; the order decides between columns that fit several.
_RANGES: Final = {
    "pstar": (45000.0, 110000.0),
    "t": (180.0, 335.0),
    "lw_down": (50.0, 700.0),
    "sw_down": (-5.0, 1500.0),
    "wind": (0.0, 75.0),
    "q": (0.0, 0.06),
    "tot_rain": (0.0, 0.15),
    "tot_snow": (0.0, 0.05),
}
_STEPS: Final = (1800.0, 3600.0, 10800.0, 21600.0, 86400.0)
_N_ROWS: Final = 2_000_000


def is_driving_text(path: Path) -> bool:
    """Whether a text file consists of rows of numbers that are separated by blanks, and of comments."""
    rows = [cells for _, _, cells in data_rows(first_lines(path, 60))]
    widths = {len(row) for row in rows}
    return (
        len(rows) >= 4
        and len(widths) == 1
        and 3 <= min(widths) <= 11
        and all(is_number(cell) for row in rows for cell in row)
    )


def draft_driving(paths: Sequence[Path], *, site: str | None) -> Draft:
    """Draft the section of driving data.

    Parameters
    ----------
    paths : sequence of Path
        Text, or netCDF with a file for each variable or one for all.
    site : str or None
        Name of the site.

    Raises
    ------
    BadInput
        If the file cannot be read.
    """
    draft = Draft()
    draft.state("reader", "jules_driving")
    draft.state("path", paths[0] if len(paths) == 1 else list(paths))
    if site is not None:
        draft.state("site", site)
    namelist = _namelist(paths[0])
    if is_netcdf(paths[0]):
        return draft
    values = _rows(paths[0])
    if namelist is not None:
        file, entries = namelist
        draft.state("start", datetime.fromisoformat(str(entries["data_start"])), f"data_start of {file.name}")
        draft.state("period", float(entries["data_period"]), f"data_period of {file.name}")
        if "data_end" in entries:
            draft.state("end", datetime.fromisoformat(str(entries["data_end"])), f"data_end of {file.name}")
        draft.state("columns", list(map(str, entries["var"])), f"var of {file.name}")
        return draft
    draft.guess("start", datetime(2000, 1, 1), "data_start of JULES_DRIVE, which the file does not contain")
    period, reason = _period(values)
    draft.guess("period", period, f"data_period of JULES_DRIVE [s], {reason}")
    draft.guess("calendar", _calendar(len(values) * period / 86400.0), "360_day for l_360 = T, 365_day for l_leap = F")
    draft.guess("columns", _columns(values), "var of JULES_DRIVE in the order of the file, by the ranges of the values")
    return draft


def _namelist(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Namelist JULES_DRIVE near the file that names it, and its entries."""
    folders = [path.parent, path.parent.parent]
    files = [*(f for folder in folders for f in folder.glob("drive.nml")), *path.parent.parent.glob("*/drive.nml")]
    for file in files:
        try:
            entries = f90nml.read(file)["jules_drive"]
            names = {Path(str(entries.get("file", ""))).name, path.name}
            if len(names) == 1 and {"data_start", "data_period", "var"} <= set(entries):
                return file, dict(entries)
        except (OSError, KeyError, ValueError, StopIteration):
            continue
    return None


def _rows(path: Path) -> NDArray[np.float64]:
    with open_text(path) as file:
        rows = [cells for _, _, cells in data_rows(islice(file, _N_ROWS))]
    width = len(rows[0])
    try:
        return np.array([row for row in rows if len(row) == width], dtype=np.float64)
    except ValueError as error:
        raise BadInput(
            f"the file contains text among its numbers ({error})",
            where=path,
            remedy="correct it, or begin comments with #",
        ) from error


def _columns(values: NDArray[np.float64]) -> list[str]:
    """Names of the columns by their ranges: in the order of the Loobos example if it fits, else the most certain column of each name."""
    if values.shape[1] == len(LOOBOS_COLUMNS) and all(
        _RANGES[name][0] <= column.min() and column.max() <= _RANGES[name][1]
        for name, column in zip(LOOBOS_COLUMNS, values.T, strict=True)
    ):
        return list(LOOBOS_COLUMNS)
    names: dict[int, str] = {}
    for name, (low, high) in _RANGES.items():
        fits = [
            k
            for k in range(values.shape[1])
            if k not in names and low <= values[:, k].min() and values[:, k].max() <= high
        ]
        if fits:
            best = max(fits, key=lambda k: (_certainty(name, values[:, k]), -k))
            names[best] = name
    rest = [name for name in DRIVING_NAMES if name not in names.values()]
    return [names.get(k) or rest.pop(0) for k in range(values.shape[1])]


def _certainty(name: str, column: NDArray[np.float64]) -> float:
    """Whether values are typical of a variable: wind is rarely 0, and specific humidity never; rain mostly is."""
    zeros = float((column == 0.0).mean())
    if name in ("tot_rain", "tot_snow"):
        return zeros
    if name == "sw_down":
        return float(column.max()) + zeros
    return float(np.median(column) > 0.0) + (1.0 - zeros) + (float(column.max() > 0.3) if name == "wind" else 0.0)


def _period(values: NDArray[np.float64]) -> tuple[float, str]:
    """Length of a step [s] by the number of steps from one sunrise to the next."""
    best, days = 0.0, 0
    for column in values.T:
        up = np.flatnonzero((column[:-1] <= 1.0) & (column[1:] > 1.0))
        if column.max() > 100.0 and column.min() <= 1.0 and up.size >= 2:
            best, days = float(np.median(np.diff(up))), int(up.size)
    if not days or best < 2.0:
        return 86400.0, "as no column has nights"
    period = min(_STEPS, key=lambda step: abs(86400.0 / best - step))
    return period, f"as nights are {best:g} rows apart"


def _calendar(days: float) -> str:
    """Calendar of which the file has whole years; a single year of 365 days is that of every calendar."""
    if days and days % 360.0 == 0.0:
        return "360_day"
    return "365_day" if days >= 4 * 365 and days % 365.0 == 0.0 else "standard"
