r"""Signatures of soil moisture: summary statistics of wetting, drainage, drying and warming of a soil.

They are few enough for a regression on tens of sites, and each has a physical meaning: carbon raises porosity (wet plateau), retains water
(slower drying, longer memory) and insulates the soil (damped temperature).

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

#: Least rain of a wet day [kg m-2 d-1].
WET_DAY: Final = 1.0
#: Least total rain of consecutive wet days that form an event [kg m-2].
EVENT_RAIN: Final = 5.0
#: Fewest days with soil moisture in a drydown.
DRYDOWN_DAYS: Final = 4
#: Fewest events, and fewest drydowns, of a site.
MIN_EVENTS: Final = 5
MIN_DRYDOWNS: Final = 1

#: Unit and description of each signature by name.
SIGNATURES: Final[dict[str, tuple[str, str]]] = {
    "drydown_time": ("1", "median of the logarithm of the drydown time scale [ln d]"),
    "drydown_spread": ("1", "interquartile range of the logarithm of the drydown time scale"),
    "wetting_amplitude": ("m3 m-3", "median rise of water content over a rain event"),
    "storage_slope": ("m2 kg-1", "slope of the rise of water content against the rain of events"),
    "season_amplitude": ("m3 m-3", "amplitude of the seasonal cycle"),
    "season_cos": ("1", "cosine of the phase of the seasonal cycle: 1 where the soil is wettest on 1 January"),
    "season_sin": ("1", "sine of the phase of the seasonal cycle: 1 where the soil is wettest on 1 April"),
    "wet_plateau": ("m3 m-3", "98th percentile of water content"),
    "dry_level": ("m3 m-3", "2nd percentile of water content"),
    "memory": ("1", "logarithm of the lag at which the autocorrelation of anomalies falls to 1/e [ln d]"),
    "t_damping_day_to_day": ("1", "ratio of day-to-day variability of soil temperature to that of air temperature"),
    "t_damping_diurnal": (
        "1",
        "logarithm of the ratio of the mean diurnal ranges of soil and air temperature; records of 3 h or finer",
    ),
}

#: Candidate time scales [d].
_TIME_SCALES = np.geomspace(0.5, 60.0, 97)
#: Longest lag of the autocorrelation [d].
_LONGEST_LAG = 90
#: Fewest days above freezing for a damping, and fewest steps per day for the diurnal range.
_WARM_DAYS, _STEPS_PER_DAY = 60, 8


class Event(NamedTuple):
    """A rain event: index of its first and last day, and its total rain [kg m-2]."""

    first: int
    last: int
    rain: float


@dataclass(frozen=True)
class Signatures:
    """Signatures of one site, and the numbers of events and drydowns.

    Attributes
    ----------
    values : dict of str to float
        By the names of :data:`SIGNATURES`; NaN where undetermined.
    events, drydowns : int
        Numbers of events and drydowns with soil moisture.
    """

    values: dict[str, float]
    events: int
    drydowns: int


def rain_events(precip: _Array) -> list[Event]:
    """Find rain events.

    Parameters
    ----------
    precip : array, shape (day,)
        [kg m-2 d-1]; a missing day counts as dry and ends an event.

    Returns
    -------
    list of Event
        In chronological order.
    """
    wet = np.nan_to_num(precip) >= WET_DAY
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wet, [False]]).astype(np.int8)))
    events = [Event(a, b - 1, float(np.nansum(precip[a:b]))) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [event for event in events if event.rain >= EVENT_RAIN]


def drydown_time(theta: _Array) -> float:
    r"""Fit the time scale :math:`\tau` of one drydown by least squares.

    .. math:: \theta(t) = \theta_w + \Delta\theta\, e^{-t/\tau}

    Parameters
    ----------
    theta : array, shape (day,)
        Water content of consecutive days without rain [m3 m-3]; NaN where missing.

    Returns
    -------
    float
        [d], between 0.5 and 60; NaN where the soil did not dry.

    References
    ----------
    McColl et al. (2017).
    """
    day = np.flatnonzero(np.isfinite(theta))
    values = theta[day]
    if len(values) < DRYDOWN_DAYS or values[0] - values[-1] < 0.003:
        return float("nan")
    basis = np.exp(-day / _TIME_SCALES[:, None])
    basis -= basis.mean(1, keepdims=True)
    anomaly = values - values.mean()
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
    """Compute all signatures of a site.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
        Consecutive days.
    theta : array, shape (day,)
        Water content of one sensor [m3 m-3]; NaN on frozen and missing days.
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air, t_soil : array, shape (day,)
        [K]; NaN where missing.
    diurnal_damping : float
        Result of :func:`diurnal_damping` for a record of sub-daily steps.

    Returns
    -------
    Signatures
    """
    events = rain_events(precip)
    rises = np.array([_rise(theta, event) for event in events])
    rain = np.array([event.rain for event in events])
    times = np.array([drydown_time(theta[period]) for period in _dry_periods(precip, events)])
    log_times = np.log(times[np.isfinite(times)])
    valid = np.isfinite(rises)
    season = _season(days, theta)
    amplitude = float(np.hypot(*season))
    values = {
        "drydown_time": float(np.median(log_times)) if len(log_times) else np.nan,
        "drydown_spread": float(np.subtract(*np.percentile(log_times, [75, 25]))) if len(log_times) else np.nan,
        "wetting_amplitude": float(np.median(rises[valid])) if valid.any() else np.nan,
        "storage_slope": float(theilslopes(rises[valid], rain[valid])[0]) if valid.sum() >= MIN_EVENTS else np.nan,
        "season_amplitude": amplitude,
        "season_cos": float(season[0] / amplitude) if amplitude > 0.0 else np.nan,
        "season_sin": float(season[1] / amplitude) if amplitude > 0.0 else np.nan,
        "wet_plateau": float(np.nanquantile(theta, 0.98)),
        "dry_level": float(np.nanquantile(theta, 0.02)),
        "memory": _memory(days, theta),
        "t_damping_day_to_day": _damping(t_air, t_soil),
        "t_damping_diurnal": diurnal_damping,
    }
    return Signatures(values, events=int(valid.sum()), drydowns=len(log_times))


def _rise(theta: _Array, event: Event) -> float:
    """Highest water content of an event and the day after, minus that of the day before [m3 m-3]."""
    if event.first == 0:
        return float("nan")
    after = theta[event.first : event.last + 2]
    return float(np.max(after) - theta[event.first - 1]) if len(after) else float("nan")


def _dry_periods(precip: _Array, events: list[Event]) -> list[slice]:
    """Period after each event up to the next day with rain or without a measurement."""
    periods = []
    interrupted = np.nan_to_num(precip, nan=WET_DAY) >= WET_DAY
    for event in events:
        start = event.last + 1
        ends = np.flatnonzero(interrupted[start:])
        end = start + int(ends[0]) if len(ends) else len(precip)
        if end - start >= DRYDOWN_DAYS:
            periods.append(slice(start, end))
    return periods


def _season(days: pd.DatetimeIndex, theta: _Array) -> _Array:
    """Cosine and sine amplitudes of the seasonal cycle, by least squares on monthly means, so that seasons have equal weight."""
    monthly = pd.DataFrame({"theta": theta, "phase": 2.0 * np.pi * (days.day_of_year.to_numpy() - 1.0) / DAYS_PER_YEAR})
    monthly = monthly.dropna().groupby(days[np.isfinite(theta)].month).mean()
    if len(monthly) < 4:
        return np.array([np.nan, np.nan])
    phase = monthly["phase"].to_numpy()
    design = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=1)
    # a weak ridge penalty on the harmonic: sites with snow have no data in winter
    normal = design.T @ design + np.diag([0.0, 0.1, 0.1])
    return np.asarray(np.linalg.solve(normal, design.T @ monthly["theta"].to_numpy())[1:])


def _memory(days: pd.DatetimeIndex, theta: _Array) -> float:
    """Logarithm of the lag at which the autocorrelation of anomalies from monthly means falls below 1/e [ln d]."""
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
        correlation = float(np.nanmean(products) / variance)
        if correlation < np.exp(-1.0):
            return float(np.log(lag - 1.0 + (previous - np.exp(-1.0)) / (previous - correlation)))
        previous = correlation
    return float(np.log(_LONGEST_LAG))


def _damping(t_air: _Array, t_soil: _Array) -> float:
    """Ratio of the standard deviations of soil and air temperature about their 15-day means, on days above freezing."""
    warm = np.isfinite(t_air) & np.isfinite(t_soil) & (t_soil > 274.15) & (t_air > 274.15)
    if warm.sum() < _WARM_DAYS:
        return float("nan")
    soil, air = (
        (series - series.rolling(15, center=True, min_periods=8).mean()).std()
        for series in (pd.Series(np.where(warm, each, np.nan)) for each in (t_soil, t_air))
    )
    return float(soil / air)


def diurnal_damping(t_air: _Array, t_soil: _Array) -> float:
    """Compute the logarithm of the ratio of the diurnal ranges of soil and air temperature.

    The ranges are means over complete days above freezing.

    Parameters
    ----------
    t_air, t_soil : array, shape (day, step)
        [K]; at least eight steps per day.

    Returns
    -------
    float
        [1]; NaN with fewer than 60 such days, or fewer steps.

    References
    ----------
    Hillel (1998), Environmental Soil Physics, ch. 12: decrease of the range with depth by thermal diffusivity.
    """
    complete = np.isfinite(t_air).all(1) & np.isfinite(t_soil).all(1)
    complete &= (np.min(t_air, 1, initial=400.0, where=np.isfinite(t_air)) > 274.15) & (
        np.min(t_soil, 1, initial=400.0, where=np.isfinite(t_soil)) > 274.15
    )
    if t_air.shape[1] < _STEPS_PER_DAY or complete.sum() < _WARM_DAYS:
        return float("nan")
    soil, air = (float(np.mean(np.ptp(each[complete], axis=1))) for each in (t_soil, t_air))
    return float(np.log(max(soil, 1e-3) / max(air, 1e-3)))
