"""Check of the order of time stamps: one problem for each cause."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.problems import report
from jules_ml.errors import BadInput

_HOUR = pd.Timedelta(hours=1)
#: Months in which clocks are set back, in either hemisphere.
_MONTHS = (3, 4, 9, 10, 11)


def refuse_disorder(stamps: pd.DatetimeIndex, *, where: str) -> None:
    """Report time stamps that occur twice or run backwards.

    Parameters
    ----------
    stamps : DatetimeIndex
        Time stamps as in the file; NaT are left out.
    where : str
        File and column, for the error message.

    Raises
    ------
    BadInput
        If a time stamp occurs twice or time runs backwards; the remedy depends on the cause.
    """
    known = stamps.dropna()
    if known.is_monotonic_increasing and known.is_unique:
        return
    rows = np.flatnonzero(stamps.notna()) + 1
    back = np.flatnonzero(np.diff(known.asi8) < 0) + 1
    again = known[known.duplicated()]
    if not back.size:
        problem = f"duplicate time stamp {again[0]}"
        remedy = (
            "delete one of the rows; if they are in the hour when summer time ends, the file is not in standard time"
        )
    elif not len(again):
        problem = f"time runs backwards at {known[back[0]]} (data row {rows[back[0]]})"
        remedy = "sort the file by time"
    elif _ends_summer_time(known, back, again):
        problem = (
            f"the hour from {known[back[0]]} on is there twice, since the clock was set back at the end of summer time"
        )
        remedy = "give the file in standard time all year: subtract an hour from the time stamps of summer"
    elif len(again) == 1:
        problem = (
            f"duplicate time stamp {again[0]}, and time runs backwards at {known[back[0]]} (data row {rows[back[0]]})"
        )
        remedy = "delete one of the rows, and sort the file by time"
    else:
        problem = f"{len(again)} rows from {again.min()} to {again.max()} are there twice; time runs backwards at data row {rows[back[0]]}"
        remedy = "delete the repeated rows; if they are of several sites or sensors, give each a file of its own"
    report(BadInput(problem, where=where, remedy=remedy))


def _ends_summer_time(stamps: pd.DatetimeIndex, back: NDArray[np.intp], again: pd.DatetimeIndex) -> bool:
    """Whether each step back is one to the start of the hour that has just passed, at night in a month of such changes."""
    step = pd.Series(stamps).diff().median()
    first = stamps[back]
    return bool(
        (stamps[back - 1] + step - first == _HOUR).all()
        and np.isin(first.month, _MONTHS).all()
        and (first.hour <= 3).all()
        and len(again) == len(back) * round(_HOUR / step)
    )
