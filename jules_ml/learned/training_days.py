"""Days that a module was fitted to, kept in its card, so that every other day of a training site can be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput

#: Entry of a site in the card: intervals ``[first, last]`` of calendar days in local standard time.
TRAINING_DAYS: Final = "training_days"
#: Gaps of fewer days are part of an interval, so that a card does not list every missing night; a month that was left out is not one.
LEAST_GAP: Final = 28


def day_intervals(days: pd.DatetimeIndex, *, least_gap: int = LEAST_GAP) -> list[list[str]]:
    """Merge calendar days into intervals.

    Parameters
    ----------
    days : DatetimeIndex
        Times in local standard time, in any order.
    least_gap : int
        Gaps of fewer days without any of the times are part of an interval; 1 for exactly these days.

    Returns
    -------
    list of list of str
        First and last day of each interval, ``YYYY-MM-DD``.
    """
    unique = pd.DatetimeIndex(days).floor("D").unique().sort_values()
    if len(unique) == 0:
        return []
    breaks = np.flatnonzero(np.diff(unique.to_numpy()) > np.timedelta64(least_gap, "D"))
    firsts, lasts = unique[np.r_[0, breaks + 1]], unique[np.r_[breaks, len(unique) - 1]]
    return [[f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"] for first, last in zip(firsts, lasts, strict=True)]


def in_intervals(days: pd.DatetimeIndex, intervals: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Whether the calendar day of each time is in one of the intervals, shape (time,)."""
    day = pd.DatetimeIndex(days).floor("D")
    inside = np.zeros(len(day), dtype=bool)
    for first, last in intervals:
        inside |= np.asarray((day >= pd.Timestamp(first)) & (day <= pd.Timestamp(last)))
    return inside


def refuse_training_days(
    days: pd.DatetimeIndex, site: str, card: Mapping[str, Any], folder: Path, *, remedy: str | None = None
) -> None:
    """Refuse to score a module on days that it was fitted or adapted to.

    Parameters
    ----------
    days : DatetimeIndex
        Times to score, in local standard time.
    site : str
    card : mapping
        Card of the module.
    folder : Path
        Module folder, for the message.
    remedy : str, optional
        How to score other days; for respiration by ``test_years``, with the years of the record without training days.

    Raises
    ------
    BadInput
        If one of the days is in the training days of the site.
    """
    entry = card["sites"].get(site)
    if entry is None:
        return
    intervals = entry[TRAINING_DAYS]
    if in_intervals(days, intervals).any():
        remedy = _other_years(days, intervals, card) if remedy is None else remedy
        named = ", ".join(first if first == last else f"{first} to {last}" for first, last in intervals[:5])
        raise BadInput(
            f"the record of {site} overlaps in time with the training data of the module "
            f"({named}{', …' if len(intervals) > 5 else ''})",
            where=folder,
            remedy=f"{remedy}, or another site; scores.json of the module has the scores of its test period",
        )


def _other_years(days: pd.DatetimeIndex, intervals: Sequence[Sequence[str]], card: Mapping[str, Any]) -> str:
    """How to score other years, with the setting of a module that has one."""
    used = set(days.year[in_intervals(days, intervals)])
    years = sorted({int(year) for year in days.year} - used)
    if card.get("module") != "respiration" or not years:
        return "give other years"
    return f"give other years: set [respiration] test_years = {years} in the experiment file of the record"
