"""Diurnal variation of radiation, temperature and rain, for given daily means.

Functions of arrays of shape (day,), of consecutive days, that return arrays of shape (day, step) with the same daily means to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.float64]
"""Shape (day,)."""
Steps = NDArray[np.float64]
"""Shape (day, step)."""

#: Delay of the daily maximum of temperature after solar noon, as a fraction of the time from noon to sunset: 0.3 is about 2 h at an
#: equinox.
LAG = 0.3
#: Limits of the time from noon to sunset used for temperature [h], so that polar day and night have a diurnal variation.
LONGEST_HALF_DAY, SHORTEST_HALF_DAY = 9.0, 3.0


def shortwave(mean: Days, potential: Steps) -> Steps:
    r"""Distribute shortwave radiation over the day in proportion to potential radiation.

    .. math:: S_i = \frac{\min(S, \overline{P})}{\overline{P}}\, P_i + \max(S - \overline{P}, 0)

    The second term is the excess over potential radiation (twilight in the polar night, an offset of the sensor), whose diurnal variation
    is unknown: it is distributed evenly over the day, as is a negative mean.

    Parameters
    ----------
    mean : array, shape (day,)
        Daily mean :math:`S` [W m-2].
    potential : array, shape (day, step)
        Potential radiation :math:`P_i` of each step [W m-2], :math:`\overline{P}` its daily mean.

    Returns
    -------
    array, shape (day, step)
        Shortwave radiation [W m-2].
    """
    most = potential.mean(axis=1)
    solar = np.clip(mean, 0.0, most)
    fraction = np.divide(solar, most, out=np.zeros_like(most), where=most > 0.0)
    return np.asarray(fraction[:, None] * potential + (mean - solar)[:, None])


def hargreaves_range(sw_down: Days, potential: Days, *, coefficient: float = 0.17) -> Days:
    r"""Estimate the diurnal range of temperature from radiation, by the inverted equation of Hargreaves.

    .. math:: T_{max} - T_{min} = \left(\frac{S}{k\,S_{pot}}\right)^2

    Parameters
    ----------
    sw_down, potential : array, shape (day,)
        Daily mean radiation at the ground and at the top of the atmosphere [W m-2].
    coefficient : float, optional
        :math:`k` [K-1/2]: 0.16 inland, 0.19 at the coast.

    Returns
    -------
    array, shape (day,)
        Range [K]; the ratio of radiation is limited to 0 to 0.8, and is 0 where potential radiation is below 1 W m-2.

    References
    ----------
    Hargreaves and Samani (1982), J. Irrig. Drain. Div. 108, 225-230; Allen et al. (1998), FAO Irrigation and Drainage Paper 56, eq. 50.
    """
    clearness = np.divide(sw_down, potential, out=np.zeros_like(potential), where=potential > 1.0)
    return (np.clip(clearness, 0.0, 0.8) / coefficient) ** 2


def diurnal_temperature(mean: Days, low: Days, high: Days, *, noon: Days, half_day: Days, per_day: int) -> Steps:
    """Interpolate temperature between the minimum at sunrise and the maximum after noon, and preserve daily means.

    Half waves of a cosine join the extremes continuously from day to day. Each day is then shifted to its mean by a curve that is also
    continuous at midnight. The shift also moves the extremes: they are met exactly only if their mean is the daily mean.

    Parameters
    ----------
    mean, low, high : array, shape (day,)
        Daily mean, minimum and maximum [K].
    noon : array, shape (day,)
        Solar noon [h after the start of the day].
    half_day : array, shape (day,)
        Time from noon to sunset [h].
    per_day : int
        Steps per day.

    Returns
    -------
    array, shape (day, step)
        Temperature [K].

    References
    ----------
    Joined half waves: de Wit, Goudriaan and van Laar (1978), Simulation of Assimilation, Respiration and Transpiration of Crops.
    Shift: :func:`mean_preserving_curve`.
    """
    n = len(mean)
    half = np.clip(half_day, SHORTEST_HALF_DAY, LONGEST_HALF_DAY)
    start = 24.0 * np.arange(n)
    # alternating extremes, extended by one day at either end
    moments = np.stack([start + noon - half, start + noon + LAG * half], axis=1).ravel()
    extremes = np.stack([low, high], axis=1).ravel()
    moments = np.concatenate([moments[:2] - 24.0, moments, moments[-2:] + 24.0])
    extremes = np.concatenate([extremes[:2], extremes, extremes[-2:]])
    centre = (np.arange(n * per_day) + 0.5) * 24.0 / per_day
    after = np.clip(np.searchsorted(moments, centre), 1, len(moments) - 1)
    phase = (centre - moments[after - 1]) / (moments[after] - moments[after - 1])
    swing = 0.5 - 0.5 * np.cos(np.pi * phase)
    curve = (extremes[after - 1] + (extremes[after] - extremes[after - 1]) * swing).reshape(n, per_day)
    return curve + mean_preserving_curve(mean - curve.mean(axis=1), per_day)


def mean_preserving_curve(mean: Days, per_day: int) -> Steps:
    r"""Interpolate a continuous curve with given daily means.

    One parabola per day, which at midnight has the mean of the two adjacent daily means, :math:`b_0` and :math:`b_1`:

    .. math:: c(s) = b_0 (1 - 4s + 3s^2) + b_1 (3s^2 - 2s) + 6 m (s - s^2), \qquad \int_0^1 c\,ds = m

    Parameters
    ----------
    mean : array, shape (day,)
        Daily mean :math:`m`.
    per_day : int
        Steps per day.

    Returns
    -------
    array, shape (day, step)
        Mean of the curve over each step.
    """
    between = 0.5 * (mean[:-1] + mean[1:])
    first, last = (np.concatenate(ends)[:, None] for ends in ((mean[:1], between), (between, mean[-1:])))
    s = np.arange(per_day + 1) / per_day
    integral = first * (s - 2.0 * s**2 + s**3) + last * (s**3 - s**2) + mean[:, None] * (3.0 * s**2 - 2.0 * s**3)
    return np.diff(integral, axis=1) * per_day


def rain_event(mean: Days, start: NDArray[np.float64], *, per_day: int, event: int) -> Steps:
    """Distribute the rain of a day evenly over one event.

    Parameters
    ----------
    mean : array, shape (day,)
        Daily mean rate [kg m-2 s-1].
    start : array, shape (day,)
        Start of the event, from 0 (earliest possible) to 1 (latest possible; exclusive).
    per_day, event : int
        Steps per day, and steps of the event.

    Returns
    -------
    array, shape (day, step)
        Rate [kg m-2 s-1].
    """
    first = np.floor(start * (per_day - event + 1))[:, None]
    step = np.arange(per_day)
    wet = (step >= first) & (step < first + event)
    return np.where(wet, mean[:, None] * (per_day / event), 0.0)


def snow_fraction(temperature: Steps) -> Steps:
    """Fraction of precipitation that is snow [1]: 1 at 0 degC and below, 0 at 2 degC and above, linear between."""
    return np.clip((275.15 - temperature) / 2.0, 0.0, 1.0)
