"""What the network sees of a site: the course of the year, and the two weeks after each rain event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.learned.carbon.network import CarbonInputs
from jules_ml.learned.carbon.signatures import rain_events
from jules_ml.learned.carbon.table import CarbonSite, CarbonTable

_Array = NDArray[np.float64]

WEEKS: Final = 52
EVENT_DAYS: Final = 14
#: Most events of a site that are used, those with the most rain.
MOST_EVENTS: Final = 24


def carbon_inputs(sites: Sequence[CarbonSite], table: CarbonTable) -> CarbonInputs:
    """Make the network's inputs.

    Parameters
    ----------
    sites : sequence of CarbonSite
    table : CarbonTable
        Of the same sites; gaps in its static inputs are filled with their median.

    Returns
    -------
    CarbonInputs
    """
    static = table.static.fillna(table.static.median()).to_numpy()
    events = [_events(site) for site in sites]
    known = np.array([np.arange(MOST_EVENTS) < len(each) for each in events])
    padded = np.stack(
        [np.concatenate([each, np.repeat(each.mean(0, keepdims=True), MOST_EVENTS - len(each), 0)]) for each in events]
    )
    arrays = (static, np.stack([weekly_climatology(site) for site in sites]), padded, known)
    return CarbonInputs(*(torch.as_tensor(np.asarray(x, dtype=np.float32)) for x in arrays))


def week_of(days: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Week of the year of each day, from 0; the last has eight days or nine."""
    return np.asarray(np.minimum((days.day_of_year.to_numpy() - 1) // 7, WEEKS - 1), dtype=np.int64)


def weekly_climatology(site: CarbonSite) -> _Array:
    """Mean course of the year, shape (channel, week); weeks not known are bridged across the turn of the year.

    Parameters
    ----------
    site : CarbonSite

    Returns
    -------
    array, shape (4, 52)
        Channels: ``theta``, its variability, ``precip`` and ``t_air``.
    """
    week = week_of(site.days)
    frame = pd.DataFrame({"theta": site.theta, "precip": site.precip, "t_air": site.t_air})
    by_week = frame.groupby(week)
    courses = [by_week["theta"].mean(), by_week["theta"].std(), by_week["precip"].mean(), by_week["t_air"].mean()]
    return np.stack([_bridged(each.reindex(range(WEEKS)).to_numpy()) for each in courses])


def _bridged(course: _Array) -> _Array:
    known = np.flatnonzero(np.isfinite(course))
    if not len(known):
        return np.zeros_like(course)
    return np.interp(np.arange(len(course)), known, course[known], period=len(course))


def _events(site: CarbonSite) -> _Array:
    """The wettest events whose days are known for the most part, shape (event, channel, day); one at least."""
    kept = []
    for event in sorted(rain_events(site.precip), key=lambda e: -e.rain):
        days = slice(event.first, event.first + EVENT_DAYS)
        theta, rain = site.theta[days], site.precip[days]
        if event.first == 0 or len(theta) < EVENT_DAYS or np.isfinite(theta).sum() < EVENT_DAYS - 2:
            continue
        before = site.theta[event.first - 1]
        if not np.isfinite(before):
            continue
        at = np.arange(EVENT_DAYS)
        known = np.isfinite(theta)
        filled = np.interp(at, at[known], theta[known])
        kept.append(np.stack([filled, filled - before, np.nan_to_num(rain)]))
        if len(kept) == MOST_EVENTS:
            break
    if not kept:
        level = float(np.nanmean(site.theta))
        kept.append(np.stack([np.full(EVENT_DAYS, level), np.zeros(EVENT_DAYS), np.zeros(EVENT_DAYS)]))
    return np.stack(kept)
