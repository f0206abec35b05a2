"""Days of observations by which a module is adapted to a new site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.training_days import LEAST_GAP


@dataclass(frozen=True)
class AdaptationDays:
    """Days of observations by which a module is adapted; all days unless ``count`` or ``dates`` is set.

    Consecutive days are strongly correlated: thirty days spread over a year determine a mean far better than thirty consecutive days.

    Attributes
    ----------
    count : int or None
        Number of days with observations, from the start of the record.
    dates : frozenset of date or None
        Calendar days in local standard time.
    """

    count: int | None = None
    dates: frozenset[date] | None = None

    def __post_init__(self) -> None:
        """Refuse both a number of days and a list."""
        if self.count is not None and self.dates is not None:
            raise BadInput("both a number of days and a list of days are given", remedy="give --days or --days-at")

    @property
    def least_gap(self) -> int:
        """Gap that separates intervals of training days in the card [d]: listed days are single days, a number of days is a period."""
        return LEAST_GAP if self.dates is None else 1

    def select(self, days: pd.DatetimeIndex, observed: NDArray[np.bool_], *, where: str) -> NDArray[np.bool_]:
        """Select the days to adapt by.

        Parameters
        ----------
        days : DatetimeIndex, shape (day,)
            Calendar days of the record in local standard time.
        observed : array of bool, shape (day,)
            Days that have an observation.
        where : str
            Site or file, for the error message.

        Returns
        -------
        array of bool, shape (day,)
            Selected days.

        Raises
        ------
        BadInput
            If none of the days has an observation.
        """
        if self.dates is not None:
            selected = observed & np.isin(days.date, np.array(sorted(self.dates), dtype=object))
        elif self.count is not None:
            selected = observed & (np.cumsum(observed) <= self.count)
        else:
            selected = observed.copy()
        if not selected.any():
            raise BadInput(
                "none of the days to adapt by has an observation",
                where=where,
                remedy=f"give days between {days[0]:%Y-%m-%d} and {days[-1]:%Y-%m-%d} on which the variable was measured",
            )
        return selected

    def shortfall(self, selected: NDArray[np.bool_], *, where: str) -> str | None:
        """Describe that fewer days have an observation than were asked for.

        Parameters
        ----------
        selected : array of bool, shape (day,)
            From :meth:`select`.
        where : str
            Site, and sensor if only one was asked.

        Returns
        -------
        str or None
            Note for the user; None if there are enough.
        """
        used = int(selected.sum())
        if self.count is not None and used < self.count:
            return (
                f"{where}: only {used} days have an observation, and {self.count} were asked for: all were used, and none is "
                "left to score"
            )
        if self.dates is not None and used < len(self.dates):
            return f"{where}: {len(self.dates) - used} of {len(self.dates)} listed days have no observation, and were not used"
        return None


def read_days(text: str) -> frozenset[date]:
    """Read days from a list or from a file.

    Parameters
    ----------
    text : str
        Dates separated by commas (``2019-03-01,2019-06-01``), or the path of a text file with one date per line.

    Raises
    ------
    BadInput
        If a date cannot be read.
    """
    path = Path(text)
    is_file = path.is_file()
    entries = path.read_text(encoding="utf-8").split() if is_file else text.split(",")
    days = set()
    for number, entry in enumerate(entries, start=1):
        try:
            days.add(date.fromisoformat(entry.strip()))
        except ValueError as error:
            raise BadInput(
                f"'{entry.strip()}' is not a date",
                where=f"{path}, entry {number}" if is_file else "--days-at",
                remedy="write dates as 2019-03-01, separated by commas, or give a file with one date per line",
            ) from error
    return frozenset(days)
