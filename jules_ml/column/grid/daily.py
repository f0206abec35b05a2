"""Disaggregation of daily driving data at many points, as JULES does with ``l_daily_disagg``.

Arrays of daily values have shape (day, point), those of steps (day, step, point).

References
----------
Williams and Clark (2014), Disaggregation of daily data in JULES, Hadley Centre Technical Note 96.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.data.sun import declination
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.humidity import specific_humidity_saturation

_Array = NDArray[np.floating]

#: The warmest time is later than the middle of the day by this fraction of the day's length.
_LAG = 0.15


def normalised_sun(
    days: pd.DatetimeIndex, latitude: _Array, longitude: _Array, *, per_day: int
) -> tuple[_Array, _Array]:
    """Mean cosine of the zenith angle of each step, divided by that of the day, and the warmest time.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
        Start of each day, UTC.
    latitude, longitude : array, shape (point,)
        [degree]
    per_day : int
        Steps in a day.

    Returns
    -------
    array, shape (day, step, point)
        [1]; 0 in the polar night.
    array, shape (day, point)
        Time of the maximum temperature [h UTC]; 0 in polar day and night.
    """
    delta = declination(days + pd.Timedelta(hours=12))[:, None, None]
    phi, lam = np.radians(np.clip(latitude, -89.999, 89.999)), np.radians(longitude)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(delta), -1.0, 1.0))
    width = 2.0 * np.pi / per_day
    centre = (np.arange(per_day)[:, None] + 0.5) * width + lam - np.pi
    centre = (centre + np.pi) % (2.0 * np.pi) - np.pi
    total = np.zeros((len(days), per_day, len(phi)))
    # a step across solar midnight is part of two days
    for turn in (-2.0 * np.pi, 0.0, 2.0 * np.pi):
        low = np.maximum(centre - width / 2, turn - sunset)
        high = np.maximum(np.minimum(centre + width / 2, turn + sunset), low)
        total += np.sin(phi) * np.sin(delta) * (high - low) + np.cos(phi) * np.cos(delta) * (np.sin(high) - np.sin(low))
    total = np.maximum(total, 0.0)
    mean = total.mean(axis=1, keepdims=True)
    sun = np.where(mean > 1e-7, total / np.where(mean > 1e-7, mean, 1.0), 0.0)
    half = sunset[:, 0] * 12.0 / np.pi
    noon = 12.0 - longitude / 15.0
    # as in JULES, whose day without sunrise or sunset has neither noon nor length
    lasting = (half <= 0.0) | (half >= 12.0)
    return sun, np.where(lasting, 0.0, noon + 2.0 * _LAG * half)


def disaggregated(
    daily: Mapping[str, _Array], sun: _Array, warmest: _Array, *, const_rh: bool, timestep: float
) -> dict[str, _Array]:
    r"""Add the diurnal variation of temperature, radiation and humidity.

    .. math::

        T = \overline{T} + \tfrac12 \Delta T \cos\frac{2\pi (t - t_{max})}{24\,h}, \qquad
        L = \overline{L} (4 T/\overline{T} - 3), \qquad q = \min(\overline{q}, q_{sat}(T))

    Parameters
    ----------
    daily : mapping of str to array, shape (day, point)
        ``t``, ``q``, ``pstar``, ``sw_down``, ``lw_down``, ``wind`` and ``dt_range``, by JULES's names and in its units.
    sun : array, shape (day, step, point)
        From :func:`normalised_sun`.
    warmest : array, shape (day, point)
        From :func:`normalised_sun` [h].
    const_rh : bool
        ``l_disagg_const_rh``: constant relative humidity, in place of constant specific humidity up to saturation.
    timestep : float
        Length of a step [s].

    Returns
    -------
    dict of str to array, shape (day, step, point)
    """
    seconds = timestep * np.arange(sun.shape[1])[:, None]
    t_mean, pressure = daily["t"][:, None], np.broadcast_to(daily["pstar"][:, None], sun.shape)
    phase = 2.0 * np.pi * (seconds - 3600.0 * warmest[:, None]) / SECONDS_PER_DAY
    t = t_mean + 0.5 * daily["dt_range"][:, None] * np.cos(phase)
    saturation = _saturation(t, pressure)
    q = np.broadcast_to(daily["q"][:, None], sun.shape)
    if const_rh:
        of_day = _saturation(daily["t"], daily["pstar"])
        q = np.minimum(daily["q"] / of_day, 1.0)[:, None] * saturation
    return {
        "t": t,
        "q": np.minimum(q, saturation),
        "pstar": pressure,
        "sw_down": daily["sw_down"][:, None] * sun,
        "lw_down": daily["lw_down"][:, None] * (4.0 * t / t_mean - 3.0),
        "wind": np.broadcast_to(daily["wind"][:, None], sun.shape),
    }


def events(daily: _Array, start: _Array, *, per_day: int, duration: float) -> _Array:
    """Distribute the precipitation of a day over one event.

    Parameters
    ----------
    daily : array, shape (day, point)
        Daily mean [kg m-2 s-1].
    start : array, shape (day, point)
        From 0 for the earliest possible start to 1 for the latest.
    per_day : int
        Steps in a day.
    duration : float
        Of the event [h]; at least a step.

    Returns
    -------
    array, shape (day, step, point)
        [kg m-2 s-1]
    """
    step = 24.0 / per_day
    # a little more than a step, so that the middle of one is within the event
    duration = min(max(duration, step * (1.0 + 1e-6)), 24.0)
    begin = (start * (24.0 - duration))[:, None]
    middle = (np.arange(per_day)[:, None] + 0.5) * step
    wet = (middle >= begin) & (middle < begin + duration)
    count = np.maximum(wet.sum(axis=1, keepdims=True), 1)
    return np.where(wet, daily[:, None] * (per_day / count), 0.0)


def draws(days: pd.DatetimeIndex, points: NDArray[np.int64], total: int, *, seed: int, kinds: int) -> _Array:
    """Draw the starts of events: the same for a point and a date, however the grid is divided.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
    points : array of int, shape (point,)
        Numbers of land points.
    total : int
        Number of land points of the grid.
    seed : int
    kinds : int
        Kinds of precipitation.

    Returns
    -------
    array, shape (kind, day, point)
        From 0 to 1.
    """
    of_days = [
        np.random.default_rng([seed, day.toordinal()]).random((kinds, total), dtype=np.float32)[:, points]
        for day in days
    ]
    return np.stack(of_days, axis=1)


def _saturation(t: _Array, pressure: _Array) -> _Array:
    """Saturation specific humidity by JULES's table [kg kg-1]."""
    values = specific_humidity_saturation(
        torch.from_numpy(np.ascontiguousarray(t)), torch.from_numpy(np.array(pressure))
    )
    return np.asarray(values.numpy())
