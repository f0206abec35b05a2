"""Steps in the level of a soil-moisture sensor: exchange, displacement or a new calibration of the sensor."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Least step [m3 m-3]; and in units of the robust spread of changes on dry days [1].
LEAST_STEP, LEAST_STEP_SPREADS = 0.04, 8.0
#: Days before and after a step that are compared, and fewest of them with values.
WINDOW, LEAST_DAYS = 10, 5
#: Least part of the difference between these days that is due to the step itself [1]: drainage is gradual.
SHARPNESS: Final = 0.8
#: Change of another sensor, in units of the step, from which both measure an event [1].
CONFIRMED: Final = 0.2
#: Days before and after a step in which other sensors may react to an event.
REACTION: Final = 3
#: Rain that does not wet the soil [kg m-2 d-1], and dry days before a step: drainage is slow by then.
DRY_DAY, DRY_DAYS_BEFORE = 0.2, 3
#: Fewest changes on dry days for their spread.
LEAST_CHANGES: Final = 30
#: More steps than this are irrigation or noise, not the exchange of a sensor.
MOST_STEPS: Final = 3

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


def step_days(
    daily: _Array, precip: _Array | None, thawed: _Mask, *, others: _Array | None = None, rises: _Mask | None = None
) -> list[int]:
    """Find the days on which the level of a soil-moisture sensor changes.

    On a dry day after dry days, soil dries slowly and does not wet. A change that exceeds :data:`LEAST_STEP` and
    :data:`LEAST_STEP_SPREADS` robust standard deviations of such changes is a step, if

    * the :data:`WINDOW` days before and after do not overlap: the gap between their 10 % and 90 % quantiles is half the least step,
    * the change itself is most of the difference between these days (:data:`SHARPNESS`), and
    * no other sensor of the site changes with it, as all do after rain that was not measured, or when groundwater rises.

    Parameters
    ----------
    daily : array, shape (day,)
        Daily water content [m3 m-3]; NaN where missing.
    precip : array, shape (day,), or None
        Rain [kg m-2 d-1]; None if not measured: then only falls are steps, and they have to be twice as large.
    thawed : array of bool, shape (day,)
        Days on which the soil is certainly not frozen.
    others : array, shape (day, sensor), optional
        Daily water content of the other sensors of the site [m3 m-3].
    rises : array of bool, shape (day,), optional
        Days on which a rise can be a step: not where snow may have melted, and not at a deep sensor, which rises days after the rain.
        Default: all.

    Returns
    -------
    list of int
        Index of the first day on each new level; empty if there are more than :data:`MOST_STEPS`.
    """
    values = np.where(thawed, daily, np.nan)
    # a step within a day changes two daily means
    change = np.full(len(values), np.nan)
    change[1:-1] = values[2:] - values[:-2]
    dry = np.ones(len(values), dtype=bool) if precip is None else _dry_spells(precip)
    calm = change[dry & np.isfinite(change)]
    if calm.size < LEAST_CHANGES:
        return []
    spread = 1.4826 * float(np.median(np.abs(calm - np.median(calm))))
    least = max((2.0 if precip is None else 1.0) * LEAST_STEP, LEAST_STEP_SPREADS * spread)
    with np.errstate(invalid="ignore"):
        large = dry & (-change >= least)
        if precip is not None:
            large |= dry & (change >= least) & (True if rises is None else rises)
    steps = []
    for first in np.flatnonzero(large & ~np.concatenate([[False], large[:-1]])).tolist():
        day = _sharpest(values, first)
        if _is_step(values, day, least) and not _confirmed(others, values, day):
            steps.append(day)
    return steps if len(steps) <= MOST_STEPS else []


def _sharpest(values: _Array, near: int) -> int:
    """Day with the largest change from the day before, of ``near`` and the day after it."""
    candidates = [day for day in (near, near + 1) if 0 < day < len(values)]
    return max(candidates, key=lambda day: float(np.nan_to_num(np.abs(values[day] - values[day - 1]))))


def _beside(values: _Array, day: int, count: int) -> tuple[_Array, _Array]:
    """Values of the days before and after a step, without the two days that it can change."""
    before, after = values[max(day - 1 - count, 0) : day - 1], values[day + 1 : day + 1 + count]
    return before[np.isfinite(before)], after[np.isfinite(after)]


def _is_step(values: _Array, day: int, least: float) -> bool:
    """Whether the days before and after are on two levels, between which there is no slow transition."""
    before, after = _beside(values, day, WINDOW)
    return min(len(before), len(after)) >= LEAST_DAYS and on_two_levels(
        before, after, float(after[0] - before[-1]), 0.5 * least
    )


def on_two_levels(before: _Array, after: _Array, change: float, least_gap: float) -> bool:
    """Whether values before and after a change are apart, and the change itself is most of their difference.

    Parameters
    ----------
    before, after : array
        Finite values.
    change : float
        Difference of the first value after and the last before.
    least_gap : float
        Least gap between the 10 % and 90 % quantiles of both.
    """
    difference = float(np.median(after) - np.median(before))
    low, high = (before, after) if difference > 0.0 else (after, before)
    apart = float(np.quantile(high, 0.1) - np.quantile(low, 0.9))
    return apart >= least_gap and difference != 0.0 and change / difference >= SHARPNESS


def _confirmed(others: _Array | None, values: _Array, day: int) -> bool:
    """Whether another sensor changes in the same direction."""
    if others is None or others.size == 0:
        return False
    before, after = _beside(values, day, WINDOW)
    step = float(after[0] - before[-1])
    around = others[max(day - 1 - REACTION, 0) : day + 2 + REACTION]
    with np.errstate(invalid="ignore"):
        along = np.sign(step) * (around[REACTION + 1 :] - around[: -REACTION - 1])
    return bool((along >= CONFIRMED * abs(step)).any())


def _dry_spells(precip: _Array) -> _Mask:
    """Days without rain on them, on the day after and on the days before; unknown rain is not dry."""
    wet = ~(precip < DRY_DAY)
    dry = ~wet
    for shift in range(1, DRY_DAYS_BEFORE + 1):
        dry[shift:] &= ~wet[:-shift]
        dry[:shift] = False
    dry[:-1] &= ~wet[1:]
    return dry
