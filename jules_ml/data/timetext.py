"""Time stamps in several columns of text: decimal hours, hours and minutes as one number, and 24:00."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from jules_ml.data.problems import collected_problems, report
from jules_ml.data.textfile import ISO_8601, read_times
from jules_ml.errors import BadInput

#: Exchanges the directives of day and month.
_SWAP = str.maketrans({"d": "m", "m": "d"})


def read_column_times(frame: pd.DataFrame, columns: Sequence[str], form: str, *, where: str | Path) -> pd.DatetimeIndex:
    """Time stamps from columns of text.

    Parameters
    ----------
    frame : DataFrame
        Columns of text; an index called "line" contains the line numbers.
    columns : sequence of str
        Columns of the time stamp, which are joined with a space.
    form : str
        ``strptime`` format of the joined text. If its last part is a column of its own, ``%H`` may be a decimal number from 0 to 24
        (0.5 is half past midnight, as in files of REddyProc), and ``%H%M`` a number without leading zeros (30, 100, ... 2400, as in
        files of AsiaFlux). 24:00 is midnight at the end of the day.
    where : str or Path
        File, for error messages.

    Raises
    ------
    BadInput
        If a time stamp does not match the format; the error names the first such line. If there are gaps, and none when day and month are
        exchanged: days up to the 12th match both formats.
    """
    stamps = _read(frame, columns, form, where=where)
    swapped = form.translate(_SWAP)
    if swapped != form and not form.startswith("%Y") and _gaps(stamps) > 0:
        _refuse_swapped(frame, columns, swapped, n_gaps=_gaps(stamps), where=where)
    return stamps


def _read(frame: pd.DataFrame, columns: Sequence[str], form: str, *, where: str | Path) -> pd.DatetimeIndex:
    parts = form.split(" ")
    if len(columns) > 1 and len(parts) == len(columns) and parts[-1] in ("%H", "%H%M"):
        days = read_times(_joined(frame, columns[:-1]), " ".join(parts[:-1]), where=where)
        return days + _since_midnight(frame[columns[-1]], parts[-1], where=where)
    texts = _joined(frame, columns)
    if "%H:%M" not in form and form != ISO_8601:
        return read_times(texts, form, where=where)
    midnight = texts.str.contains(r"(?:^|[ T])24:00", regex=True)
    stamps = read_times(texts.str.replace(r"(^|[ T])24:00", r"\g<1>00:00", regex=True), form, where=where)
    return stamps + pd.to_timedelta(midnight.to_numpy().astype(np.int64), unit="D")


def _refuse_swapped(
    frame: pd.DataFrame, columns: Sequence[str], swapped: str, *, n_gaps: int, where: str | Path
) -> None:
    """Raise an error if the time stamps have no gaps when day and month are exchanged."""
    with collected_problems() as problems:
        others = _read(frame, columns, swapped, where=where)
    if problems:
        return
    if others.is_monotonic_increasing and _gaps(others) == 0:
        report(
            BadInput(
                f"the time stamps have {n_gaps} gaps, and none if day and month are exchanged",
                where=f"{where}, column {' '.join(columns)}",
                remedy=f"give time.format = '{swapped}'; if the gaps are real, write the dates as year, month and day",
            )
        )


def _gaps(stamps: pd.DatetimeIndex) -> int:
    """Number of steps that are not the most frequent one."""
    steps, counts = np.unique(np.diff(stamps.to_numpy()), return_counts=True)
    return int(counts.sum() - counts.max()) if steps.size else 0


def _joined(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    first, *others = (frame[name].fillna("").astype(str) for name in columns)
    return (first.str.cat(others, sep=" ") if others else first).rename(" ".join(columns))


def _since_midnight(texts: pd.Series, part: str, *, where: str | Path) -> pd.TimedeltaIndex:
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        hours = numbers if part == "%H" else numbers // 100.0 + numbers % 100.0 / 60.0
        valid = (hours >= 0.0) & (hours <= 24.0)
        if part == "%H%M":
            valid &= (numbers % 100.0 < 60.0) & (numbers % 1.0 == 0.0)
    if not valid.all():
        row = int(np.flatnonzero(~valid)[0])
        line = f"line {texts.index[row]}" if texts.index.name == "line" else f"row {row + 1}"
        form = "an hour from 0 to 24" if part == "%H" else "hours and minutes from 0 to 2400"
        raise BadInput(
            f"'{texts.iloc[row]}' is not {form}",
            where=f"{where}, {line}, column {texts.name}",
            remedy="correct that line, or give the format of the file",
        )
    return pd.to_timedelta(np.round(hours * 3600.0).astype(np.int64), unit="s")
