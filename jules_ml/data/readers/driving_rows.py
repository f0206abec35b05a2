"""Names of JULES's driving variables, rows of ASCII driving data, and the start of each step of driving data in the calendar of a run."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.textfile import is_number, open_text, refuse_truncated_cell
from jules_ml.data.times import Dates, elapsed_between, steps_of_calendar
from jules_ml.errors import BadInput

#: Variables of the site dataset by JULES's names of driving variables (namelist JULES_DRIVE, var).
DRIVING_NAMES = {
    "sw_down": "sw_down",
    "lw_down": "lw_down",
    "rad_net": "rad_net",
    "diff_rad": "sw_diffuse",
    "precip": "precip",
    "tot_rain": "tot_rain",
    "tot_snow": "tot_snow",
    "t": "t_air",
    "q": "q",
    "wind": "wind",
    "pstar": "pstar",
}


def driving_starts(
    first: pd.Timestamp,
    interval: pd.Timedelta,
    n: int,
    *,
    calendar: str | None,
    end: str | pd.Timestamp | None,
    where: str,
) -> Dates:
    """Start of each step of driving data; NaT on dates that only the calendar of the run has.

    Parameters
    ----------
    first : Timestamp
        ``data_start`` of JULES_DRIVE.
    interval : Timedelta
        ``data_period``.
    n : int
        Number of steps in the file.
    calendar, end
        See :func:`~jules_ml.data.readers.jules.read_jules_driving`.
    where : str
        File, for error messages.

    Raises
    ------
    BadInput
        If the calendar does not have the date of ``first`` or ``end``, or there are more or fewer steps than between them; without both,
        if the steps are those of whole years of another calendar.
    """
    if calendar is None and end is None:
        _refuse_years_of_other_calendars(first, interval * n, where)
    calendar = calendar or "standard"
    try:
        starts = steps_of_calendar(first.to_pydatetime(), interval.total_seconds(), n, calendar)
        stop = None if end is None else elapsed_between(first, pd.Timestamp(end), calendar)
    except ValueError as error:
        raise BadInput(
            f"data_start {first} or data_end {end} does not fit the calendar '{calendar}' ({error})",
            where=where,
            remedy="give data_start, data_end and the calendar of JULES_DRIVE and JULES_TIME",
        ) from error
    if stop is not None and stop != n * interval.total_seconds():
        raise BadInput(
            f"the file has {n} rows, and from {first} to {end} there are {stop / interval.total_seconds():g} periods of {interval}",
            where=where,
            remedy="look for a missing or doubled row, or correct start, end, period or calendar",
        )
    return starts


def _refuse_years_of_other_calendars(first: pd.Timestamp, length: pd.Timedelta, where: str) -> None:
    """Refuse a series that is as long as whole years of 360 or 365 days, and not as whole Gregorian years."""
    for days, calendar in ((360, "360_day"), (365, "365_day")):
        years, rest = divmod(length, pd.Timedelta(days=days))
        if years and not rest and first + pd.DateOffset(years=years) != first + length:
            raise BadInput(
                f"the file has the rows of {years} years of {days} days, but its calendar is not stated",
                where=where,
                remedy=f'give calendar = "{calendar}" if JULES counts its days so (l_360, l_leap), otherwise calendar = "standard"',
            )


def first_step(start: str | pd.Timestamp, period_seconds: float, path: Path) -> tuple[pd.Timestamp, pd.Timedelta]:
    """Start and length of the first step of driving data.

    Parameters
    ----------
    start : str or Timestamp
        ``data_start`` of JULES_DRIVE.
    period_seconds : float
        ``data_period`` [s].
    path : Path
        File, for error messages.

    Raises
    ------
    BadInput
        If the start is not a time without offset from UTC, or the period is not positive.
    """
    try:
        first, interval = pd.Timestamp(start), pd.Timedelta(seconds=period_seconds)
    except ValueError as error:
        raise BadInput(
            f"data_start '{start}' or data_period '{period_seconds}' is not a time ({error})",
            where=path,
            remedy="give the start as 'YYYY-MM-DD hh:mm:ss' and the period in seconds",
        ) from error
    if first.tz is not None:
        raise BadInput(
            f"data_start '{start}' has an offset from UTC",
            where=path,
            remedy="remove the offset, as in JULES_DRIVE, and set utc_offset_hours",
        )
    if interval <= pd.Timedelta(0):
        raise BadInput(
            f"data_period {period_seconds:g} s is not positive", where=path, remedy="give the period in seconds"
        )
    return first, interval


def data_rows(lines: Iterable[str]) -> Iterator[tuple[int, str, list[str]]]:
    """Yield number, text and cells of lines with cells separated by blanks, without comments, which begin with ``#`` or ``!``."""
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if cells and cells[0][0] not in "#!":
            yield number, line, cells


def rows_of_numbers(path: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    """Read the rows of a file of numbers that are separated by blanks.

    Parameters
    ----------
    path : Path
        Text file; lines that begin with ``#`` or ``!`` are comments.
    columns : sequence of str
        Names of the columns, for error messages.

    Returns
    -------
    array, shape (row, column)

    Raises
    ------
    BadInput
        If a line has too few or too many values, or one that is not a number; if there are no rows; if the file has no last line end and
        its last value may be truncated.
    """
    values = array("d")
    lines: list[int] = []
    last_cells: list[str] = []
    ended = True
    with open_text(path) as file:
        for number, line, cells in data_rows(file):
            if len(cells) != len(columns):
                raise BadInput(
                    f"the line has {len(cells)} values but there are {len(columns)} columns",
                    where=f"{path}, line {number}",
                    remedy="separate the values by blanks, as JULES requires"
                    if "," in line or ";" in line
                    else "list all columns in the order of the file; if it is the last line, the file is truncated",
                )
            try:
                values.extend(map(float, cells))
            except ValueError as error:
                position = next(k for k, cell in enumerate(cells) if not is_number(cell))
                raise _not_a_number(cells[position], f"{path}, line {number}, column {columns[position]}") from error
            lines.append(number)
            last_cells.append(cells[-1])
            ended = line.endswith("\n")
    if not lines:
        raise BadInput("the file has comments but no data", where=path, remedy="create or download it again")
    table = np.array(values).reshape(-1, len(columns))
    finite = np.isfinite(table)
    if not finite.all():
        row, position = np.argwhere(~finite)[0]
        raise _not_a_number(f"{table[row, position]:g}", f"{path}, line {lines[row]}, column {columns[position]}")
    if not ended:
        refuse_truncated_cell(last_cells, name=columns[-1], decimal=".", path=path)
    return table


def _not_a_number(cell: str, where: str) -> BadInput:
    return BadInput(
        f"'{cell}' is not a number", where=where, remedy="correct the value (the decimal separator is a point)"
    )
