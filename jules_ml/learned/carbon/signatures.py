r"""Signatures of soil moisture: a few numbers that say how a soil wets, drains, dries and warms.

They are what a regression on a handful of sites can bear, and each can be read: carbon raises porosity (the wet plateau), holds water
(slower drying, longer memory) and insulates (temperature is damped).

References
----------
McColl et al. (2017), Geophys. Res. Lett. 44, 3682-3690, for drydowns and their time scale; Branger and McMillan (2020), Hydrol. Process.
34, 1299-1318, for signatures of soil moisture; Delworth and Manabe (1988), J. Clim. 1, 523-547, for memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import theilslopes

from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]

#: Rain that makes a day wet [kg m-2 d-1].
WET_DAY: Final = 1.0
#: Rain that makes wet days in a row an event [kg m-2].
EVENT_RAIN: Final = 5.0
#: Days with soil moisture known, among dry days in a row, that a time scale is found from.
DRYDOWN_DAYS: Final = 4
#: Events, and drydowns, that a site must have for its signatures to mean anything.
LEAST_EVENTS: Final = 5
LEAST_DRYDOWNS: Final = 1

#: Name, unit and meaning of each signature.
SIGNATURES: Final[dict[str, tuple[str, str]]] = {
    "drydown_time": ("1", "logarithm of the median time scale of drying [ln d]"),
    "drydown_spread": ("1", "interquartile range of that logarithm among drydowns"),
    "wetting_amplitude": ("m3 m-3", "median rise of water content over a rain event"),
    "storage_slope": ("m2 kg-1", "rise of water content for each unit of rain, among events"),
    "season_amplitude": ("m3 m-3", "amplitude of the annual course"),
    "season_cos": ("1", "cosine of the annual course's phase: 1 where the soil is wettest on 1 January"),
    "season_sin": ("1", "sine of the annual course's phase: 1 where the soil is wettest on 1 April"),
    "wet_plateau": ("m3 m-3", "98th percentile of water content"),
    "dry_level": ("m3 m-3", "2nd percentile of water content"),
    "memory": ("1", "logarithm of the time over which anomalies fall to 1/e [ln d]"),
    "t_damping_day_to_day": ("1", "day-to-day variability of soil temperature over that of the air"),
    "t_damping_diurnal": (
        "1",
        "logarithm of the soil's mean diurnal range of temperature over that of the air; records of 3 h and finer",
    ),
}

#: Time scales that are tried [d].
_TIME_SCALES = np.geomspace(0.5, 60.0, 97)
_LONGEST_LAG = 90
#: Days above freezing that temperatures are compared on, at least, and steps of each for its range.
_WARM_DAYS, _STEPS_A_DAY = 60, 8


class Event(NamedTuple):
    """Wet days in a row: number of the first and of the last day, and the rain in them [kg m-2]."""

    first: int
    last: int
    rain: float


@dataclass(frozen=True)
class Signatures:
    """Signatures of one site, and what they rest on.

    Attributes
    ----------
    values : dict of str to float
        By the names of :data:`SIGNATURES`; NaN where the record does not tell.
    events, drydowns : int
        How many were found.
    """

    values: dict[str, float]
    events: int
    drydowns: int


def rain_events(precip: _Array) -> list[Event]:
    """Find rain events.

    Parameters
    ----------
    precip : array, shape (day,)
        [kg m-2 d-1]; an unknown day counts as dry and ends an event.

    Returns
    -------
    list of Event
        In order of time.
    """
    wet = np.nan_to_num(precip) >= WET_DAY
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wet, [False]]).astype(np.int8)))
    events = [Event(a, b - 1, float(np.nansum(precip[a:b]))) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [event for event in events if event.rain >= EVENT_RAIN]


def drydown_time(theta: _Array) -> float:
    r"""Time scale :math:`\tau` of one drydown, by least squares.

    .. math:: \theta(t) = \theta_w + \Delta\theta\, e^{-t/\tau}

    Parameters
    ----------
    theta : array, shape (day,)
        Water content of days in a row without rain [m3 m-3]; NaN where not known.

    Returns
    -------
    float
        [d], between 0.5 and 60; NaN where the soil did not dry.

    References
    ----------
    McColl et al. (2017).
    """
    day = np.flatnonzero(np.isfinite(theta))
    known = theta[day]
    if len(known) < DRYDOWN_DAYS or known[0] - known[-1] < 0.003:
        return float("nan")
    basis = np.exp(-day / _TIME_SCALES[:, None])
    basis -= basis.mean(1, keepdims=True)
    anomaly = known - known.mean()
    explained = (basis @ anomaly) ** 2 / (basis**2).sum(1)
    return float(_TIME_SCALES[np.argmax(explained)])


def signatures(
    days: pd.DatetimeIndex,
    theta: _Array,
    precip: _Array,
    t_air: _Array,
    t_soil: _Array,
    *,
    diurnal_damping: float = float("nan"),
) -> Signatures:
    """Work out all signatures of a site.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
        Days in a row.
    theta : array, shape (day,)
        Water content of one sensor, frozen and unknown days NaN [m3 m-3].
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air, t_soil : array, shape (day,)
        [K]; NaN where not known.
    diurnal_damping : float
        From :func:`diurnal_damping`, where the record has more than days.

    Returns
    -------
    Signatures
    """
    events = rain_events(precip)
    rises = np.array([_rise(theta, event) for event in events])
    rain = np.array([event.rain for event in events])
    times = np.array([drydown_time(theta[part]) for part in _dry_stretches(precip, events)])
    log_times = np.log(times[np.isfinite(times)])
    known = np.isfinite(rises)
    season = _season(days, theta)
    amplitude = float(np.hypot(*season))
    values = {
        "drydown_time": float(np.median(log_times)) if len(log_times) else np.nan,
        "drydown_spread": float(np.subtract(*np.percentile(log_times, [75, 25]))) if len(log_times) else np.nan,
        "wetting_amplitude": float(np.median(rises[known])) if known.any() else np.nan,
        "storage_slope": float(theilslopes(rises[known], rain[known])[0]) if known.sum() >= LEAST_EVENTS else np.nan,
        "season_amplitude": amplitude,
        "season_cos": float(season[0] / amplitude) if amplitude > 0.0 else np.nan,
        "season_sin": float(season[1] / amplitude) if amplitude > 0.0 else np.nan,
        "wet_plateau": float(np.nanquantile(theta, 0.98)),
        "dry_level": float(np.nanquantile(theta, 0.02)),
        "memory": _memory(days, theta),
        "t_damping_day_to_day": _damping(t_air, t_soil),
        "t_damping_diurnal": diurnal_damping,
    }
    return Signatures(values, events=int(known.sum()), drydowns=len(log_times))


def _rise(theta: _Array, event: Event) -> float:
    """Highest water content of an event and the day after, less that of the day before."""
    if event.first == 0:
        return float("nan")
    after = theta[event.first : event.last + 2]
    return float(np.max(after) - theta[event.first - 1]) if len(after) else float("nan")


def _dry_stretches(precip: _Array, events: list[Event]) -> list[slice]:
    """After each event: days without rain, as far as rain is known."""
    stretches = []
    interrupted = np.nan_to_num(precip, nan=WET_DAY) >= WET_DAY
    for event in events:
        start = event.last + 1
        ends = np.flatnonzero(interrupted[start:])
        end = start + int(ends[0]) if len(ends) else len(precip)
        if end - start >= DRYDOWN_DAYS:
            stretches.append(slice(start, end))
    return stretches


def _season(days: pd.DatetimeIndex, theta: _Array) -> _Array:
    """Cosine and sine of the annual course, by least squares on monthly means so that no season outweighs another."""
    monthly = pd.DataFrame({"theta": theta, "phase": 2.0 * np.pi * (days.day_of_year.to_numpy() - 1.0) / DAYS_PER_YEAR})
    monthly = monthly.dropna().groupby(days[np.isfinite(theta)].month).mean()
    if len(monthly) < 4:
        return np.array([np.nan, np.nan])
    phase = monthly["phase"].to_numpy()
    design = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=1)
    # a slight ridge on the harmonic: snowy sites lack their winter
    normal = design.T @ design + np.diag([0.0, 0.1, 0.1])
    return np.asarray(np.linalg.solve(normal, design.T @ monthly["theta"].to_numpy())[1:])


def _memory(days: pd.DatetimeIndex, theta: _Array) -> float:
    """Logarithm of the lag at which the autocorrelation of monthly anomalies' deviations falls below 1/e."""
    series = pd.Series(theta, index=days)
    month = pd.DatetimeIndex(days).month
    anomaly = (series - series.groupby(month).transform("mean")).to_numpy()
    variance = np.nanmean(anomaly**2)
    if not variance > 0.0:
        return float("nan")
    previous = 1.0
    for lag in range(1, _LONGEST_LAG):
        products = anomaly[lag:] * anomaly[:-lag]
        if np.isfinite(products).sum() < 30:
            return float("nan")
        now = float(np.nanmean(products) / variance)
        if now < np.exp(-1.0):
            return float(np.log(lag - 1.0 + (previous - np.exp(-1.0)) / (previous - now)))
        previous = now
    return float(np.log(_LONGEST_LAG))


def _damping(t_air: _Array, t_soil: _Array) -> float:
    """Standard deviation of soil temperature about its 15-day mean over that of the air, on days above freezing."""
    both = np.isfinite(t_air) & np.isfinite(t_soil) & (t_soil > 274.15) & (t_air > 274.15)
    if both.sum() < _WARM_DAYS:
        return float("nan")
    quick = [
        (series - series.rolling(15, center=True, min_periods=8).mean()).std()
        for series in (pd.Series(np.where(both, each, np.nan)) for each in (t_soil, t_air))
    ]
    return float(quick[0] / quick[1])


def diurnal_damping(t_air: _Array, t_soil: _Array) -> float:
    """Logarithm of the soil's diurnal range of temperature over that of the air, means over thawed days that are known whole.

    Parameters
    ----------
    t_air, t_soil : array, shape (day, step)
        [K]; eight steps a day or more.

    Returns
    -------
    float
        [1]; NaN with fewer than 60 such days, or fewer steps.

    References
    ----------
    Hillel (1998), Environmental Soil Physics, ch. 12: the range falls off with depth as the soil's diffusivity lets it.
    """
    whole = np.isfinite(t_air).all(1) & np.isfinite(t_soil).all(1)
    whole &= (np.min(t_air, 1, initial=400.0, where=np.isfinite(t_air)) > 274.15) & (
        np.min(t_soil, 1, initial=400.0, where=np.isfinite(t_soil)) > 274.15
    )
    if t_air.shape[1] < _STEPS_A_DAY or whole.sum() < _WARM_DAYS:
        return float("nan")
    soil, air = (float(np.mean(np.ptp(each[whole], axis=1))) for each in (t_soil, t_air))
    return float(np.log(max(soil, 1e-3) / max(air, 1e-3)))
