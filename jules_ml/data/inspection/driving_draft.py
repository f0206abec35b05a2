"""Drafted section ``[data]`` for driving data of JULES: netCDF, or rows of numbers whose times and columns are in the namelist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.inspection.draft import Draft
from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.data.readers.driving_rows import DRIVING_NAMES, data_rows
from jules_ml.data.readers.jules import LOOBOS_COLUMNS
from jules_ml.data.readers.jules_netcdf_driving import is_netcdf
from jules_ml.data.recognition import first_lines
from jules_ml.data.textfile import is_number, open_text
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.namelist_text import read_group, scan

#: Variables whose ranges tell columns apart, in JULES's units; the order decides between columns that fit several.
_RECOGNISED: Final = ("pstar", "t", "lw_down", "sw_down", "wind", "q", "tot_rain", "tot_snow")
_STEPS: Final = (1800.0, 3600.0, 10800.0, 21600.0, SECONDS_PER_DAY)
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
        draft.state("start", namelist.start, f"data_start of {namelist.file.name}")
        draft.state("period", namelist.period, f"data_period of {namelist.file.name}")
        if namelist.end is not None:
            draft.state("end", namelist.end, f"data_end of {namelist.file.name}")
        draft.state("columns", namelist.columns, f"var of {namelist.file.name}")
        return draft
    draft.guess("start", datetime(2000, 1, 1), "data_start of JULES_DRIVE, which the file does not contain")
    period, reason = _period(values)
    draft.guess("period", period, f"data_period of JULES_DRIVE [s], {reason}")
    draft.guess(
        "calendar", _calendar(len(values) * period / SECONDS_PER_DAY), "360_day for l_360 = T, 365_day for l_leap = F"
    )
    draft.guess("columns", _columns(values), "var of JULES_DRIVE in the order of the file, by the ranges of the values")
    return draft


@dataclass(frozen=True)
class _Namelist:
    """Entries of JULES_DRIVE: file of the namelist, first and last time, step [s], and variables of the columns."""

    file: Path
    start: datetime
    end: datetime | None
    period: float
    columns: list[str]


def _namelist(path: Path) -> _Namelist | None:
    """Namelist JULES_DRIVE near the file that names it; None if there is none, or its entries cannot be read."""
    folders = [path.parent, path.parent.parent]
    files = [*(f for folder in folders for f in folder.glob("drive.nml")), *path.parent.parent.glob("*/drive.nml")]
    for file in files:
        try:
            namelist = _read_namelist(file, path.name)
        except (OSError, ValueError, TypeError):  # a draft must not depend on a file that only may belong to the data
            continue
        if namelist is not None:
            return namelist
    return None


def _read_namelist(file: Path, name: str) -> _Namelist | None:
    """Read a namelist; None if it is that of another file, or lacks an entry."""
    text = file.read_text(encoding="utf-8", errors="replace")
    group = next((group for group in scan(text) if group.name == "jules_drive"), None)
    entries = {} if group is None else read_group(text, group)
    if Path(str(entries.get("file"))).name != name or not {"data_start", "data_period", "var"} <= set(entries):
        return None
    end, variables = entries.get("data_end"), entries["var"]
    return _Namelist(
        file,
        start=datetime.fromisoformat(str(entries["data_start"])),
        end=None if end is None else datetime.fromisoformat(str(end)),
        period=float(entries["data_period"]),
        columns=[str(each) for each in (variables if isinstance(variables, list) else [variables])],
    )


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
        _fits(name, column) for name, column in zip(LOOBOS_COLUMNS, values.T, strict=True)
    ):
        return list(LOOBOS_COLUMNS)
    names: dict[int, str] = {}
    for name in _RECOGNISED:
        fits = [k for k in range(values.shape[1]) if k not in names and _fits(name, values[:, k])]
        if fits:
            best = max(fits, key=lambda k: (_certainty(name, values[:, k]), -k))
            names[best] = name
    rest = [name for name in DRIVING_NAMES if name not in names.values()]
    return [names.get(k) or rest.pop(0) for k in range(values.shape[1])]


def _fits(name: str, column: NDArray[np.float64]) -> bool:
    variable = MODEL_VARIABLES[name]
    return bool(variable.valid_min <= column.min() and column.max() <= variable.valid_max)


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
        return SECONDS_PER_DAY, "as no column has nights"
    period = min(_STEPS, key=lambda step: abs(SECONDS_PER_DAY / best - step))
    return period, f"as nights are {best:g} rows apart"


def _calendar(days: float) -> str:
    """Calendar of which the file has whole years; a single year of 365 days is that of every calendar."""
    if days and days % 360.0 == 0.0:
        return "360_day"
    return "365_day" if days >= 4 * 365 and days % 365.0 == 0.0 else "standard"
