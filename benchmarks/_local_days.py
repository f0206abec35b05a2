"""Days of local observations that a held-out site is adapted to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Mask = NDArray[np.bool_]


def first_days(days: pd.DatetimeIndex, scored: _Mask, count: int) -> _Mask:
    """The first ``count`` scored days."""
    return _mask(len(days), np.flatnonzero(scored)[:count])


def spread_days(days: pd.DatetimeIndex, scored: _Mask, count: int) -> _Mask:
    """``count`` of the scored days, evenly over the year that begins with the first of them."""
    of_year = np.flatnonzero(scored & np.asarray(days < days[scored][0] + pd.DateOffset(years=1)))
    return _mask(len(days), of_year[np.linspace(0, len(of_year) - 1, min(count, len(of_year))).round().astype(int)])


def _mask(length: int, at: NDArray[np.int_]) -> _Mask:
    mask = np.zeros(length, dtype=bool)
    mask[at] = True
    return mask


#: Days that are left out of the scores after adaptation to the first days, the same for any number of them.
LEFT_OUT = 90
#: How the days of an adaptation are chosen, and their number, by its name in the claims.
ADAPTATIONS: dict[str, tuple[Callable[[pd.DatetimeIndex, _Mask, int], _Mask], int]] = {
    "0 days": (first_days, 0),
    "7 days": (first_days, 7),
    "30 days": (first_days, 30),
    "90 days": (first_days, 90),
    "30 days over a year": (spread_days, 30),
}
#: Scored days that a site needs in addition to the local ones.
_LEAST_OTHERS = 60


def local_days(name: str, days: pd.DatetimeIndex, scored: _Mask) -> _Mask | None:
    """Local days of an adaptation; None at a site with too few scored days."""
    choose, count = ADAPTATIONS[name]
    return choose(days, scored, count) if scored.sum() >= count + _LEAST_OTHERS else None


def days_after(name: str, days: pd.DatetimeIndex, scored: _Mask) -> _Mask:
    """Days on which a site is scored after an adaptation: none of the local days is among them."""
    choose, count = ADAPTATIONS[name]
    used = choose(days, scored, count) if choose is spread_days else first_days(days, scored, LEFT_OUT)
    return scored & ~used
