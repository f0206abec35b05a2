"""Inputs of the soil-carbon network: the seasonal cycle, and the two weeks after each rain event."""

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

#: Weeks of the climatology, and days of an event.
WEEKS: Final = 52
EVENT_DAYS: Final = 14
#: Most events of a site that are used: those with the most rain.
MAX_EVENTS: Final = 24


def carbon_inputs(sites: Sequence[CarbonSite], table: CarbonTable) -> CarbonInputs:
    """Create the inputs of the network.

    Parameters
    ----------
    sites : sequence of CarbonSite
    table : CarbonTable
        Table of the same sites; gaps in its static inputs are filled with their median.

    Returns
    -------
    CarbonInputs
    """
    static = table.static.fillna(table.static.median()).to_numpy()
    events = [_events(site) for site in sites]
    present = np.array([np.arange(MAX_EVENTS) < len(each) for each in events])
    padded = np.stack(
        [np.concatenate([each, np.repeat(each.mean(0, keepdims=True), MAX_EVENTS - len(each), 0)]) for each in events]
    )
    arrays = (static, np.stack([weekly_climatology(site) for site in sites]), padded, present)
    return CarbonInputs(*(torch.as_tensor(np.asarray(x, dtype=np.float32)) for x in arrays))


def week_of(days: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the week of the year of each day, from 0; the last week has eight or nine days."""
    return np.asarray(np.minimum((days.day_of_year.to_numpy() - 1) // 7, WEEKS - 1), dtype=np.int64)


def weekly_climatology(site: CarbonSite) -> _Array:
    """Compute the mean seasonal cycle; missing weeks are interpolated, also across the turn of the year.

    Parameters
    ----------
    site : CarbonSite

    Returns
    -------
    array, shape (4, 52)
        Channels: mean and standard deviation of ``theta``, mean ``precip`` and mean ``t_air``.
    """
    week = week_of(site.days)
    frame = pd.DataFrame({"theta": site.theta, "precip": site.precip, "t_air": site.t_air})
    by_week = frame.groupby(week)
    cycles = [by_week["theta"].mean(), by_week["theta"].std(), by_week["precip"].mean(), by_week["t_air"].mean()]
    return np.stack([_interpolated(each.reindex(range(WEEKS)).to_numpy()) for each in cycles])


def _interpolated(cycle: _Array) -> _Array:
    """Interpolate missing weeks; zeros where all are missing."""
    valid = np.flatnonzero(np.isfinite(cycle))
    if not len(valid):
        return np.zeros_like(cycle)
    return np.interp(np.arange(len(cycle)), valid, cycle[valid], period=len(cycle))


def _events(site: CarbonSite) -> _Array:
    """Select the wettest events with at most two missing days, shape (event, channel, day); a constant one where there is none."""
    events: list[_Array] = []
    for event in sorted(rain_events(site.precip), key=lambda e: -e.rain):
        days = slice(event.first, event.first + EVENT_DAYS)
        theta, rain = site.theta[days], site.precip[days]
        if event.first == 0 or len(theta) < EVENT_DAYS or np.isfinite(theta).sum() < EVENT_DAYS - 2:
            continue
        before = site.theta[event.first - 1]
        if not np.isfinite(before):
            continue
        day = np.arange(EVENT_DAYS)
        valid = np.isfinite(theta)
        filled = np.interp(day, day[valid], theta[valid])
        events.append(np.stack([filled, filled - before, np.nan_to_num(rain)]))
        if len(events) == MAX_EVENTS:
            break
    if not events:
        mean = float(np.nanmean(site.theta))
        events.append(np.stack([np.full(EVENT_DAYS, mean), np.zeros(EVENT_DAYS), np.zeros(EVENT_DAYS)]))
    return np.stack(events)
