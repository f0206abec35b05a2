"""The course of a day: how a daily mean of radiation, temperature or rain is spread over its steps.

Functions on arrays, shape (day,) in and (day, step) out; the days follow one another. Each keeps the mean of every day to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.float64]
"""Shape (day,)."""
Steps = NDArray[np.float64]
"""Shape (day, step)."""

#: Warmest moment of the day: delay after solar noon, as a part of the time from noon to sunset. With 0.3 it comes about 2 h after
#: noon at an equinox.
LAG = 0.3
#: Longest and shortest time from noon to sunset that shapes temperature [h]: in polar day and night some course remains.
LONGEST_HALF_DAY, SHORTEST_HALF_DAY = 9.0, 3.0


def shortwave(mean: Days, potential: Steps) -> Steps:
    r"""Spread shortwave radiation over the day in proportion to what the sun could give.

    .. math:: S_i = \frac{\min(S, \overline{P})}{\overline{P}}\, P_i + \max(S - \overline{P}, 0)

    The second term is what was seen though the sun could not give it (twilight in the polar night, an offset of the sensor): it has no
    known course, and goes evenly over the day. So does a mean below zero.

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
    from_sun = np.clip(mean, 0.0, most)
    part = np.divide(from_sun, most, out=np.zeros_like(most), where=most > 0.0)
    return part[:, None] * potential + (mean - from_sun)[:, None]


def hargreaves_range(sw_down: Days, potential: Days, *, coefficient: float = 0.17) -> Days:
    r"""Diurnal range of temperature from radiation, the equation of Hargreaves turned round.

    .. math:: T_{max} - T_{min} = \left(\frac{S}{k\,S_{pot}}\right)^2

    Parameters
    ----------
    sw_down, potential : array, shape (day,)
        Daily mean radiation at the ground and at the top of the atmosphere [W m-2].
    coefficient : float, optional
        :math:`k` [K-1/2]: 0.16 inland, 0.19 by the coast.

    Returns
    -------
    array, shape (day,)
        Range [K]; the ratio of radiation is held to 0 to 0.8, and taken as 0 where the sun gives less than 1 W m-2.

    References
    ----------
    Hargreaves and Samani (1982), J. Irrig. Drain. Div. 108, 225-230; Allen et al. (1998), FAO Irrigation and Drainage Paper 56, eq. 50.
    """
    clearness = np.divide(sw_down, potential, out=np.zeros_like(potential), where=potential > 1.0)
    return (np.clip(clearness, 0.0, 0.8) / coefficient) ** 2


def diurnal_temperature(mean: Days, low: Days, high: Days, *, noon: Days, half_day: Days, per_day: int) -> Steps:
    """Draw temperature through the minimum at sunrise and the maximum after noon, keeping every day's mean.

    The extremes are joined by half waves of a cosine, from day to day without a jump; then each day is shifted to its mean by a curve
    that is continuous over midnight too. The shift moves the extremes with it: minimum and maximum are met only as far as their middle
    agrees with the mean.

    Parameters
    ----------
    mean, low, high : array, shape (day,)
        Daily mean, minimum and maximum [K].
    noon : array, shape (day,)
        Solar noon [h after the start of the day].
    half_day : array, shape (day,)
        Time from noon to sunset [h].
    per_day : int
        Steps a day.

    Returns
    -------
    array, shape (day, step)
        Temperature [K].

    References
    ----------
    Joined half waves: de Wit, Goudriaan and van Laar (1978), Simulation of Assimilation, Respiration and Transpiration of Crops.
    Shift: :func:`mean_keeping_curve`.
    """
    n = len(mean)
    half = np.clip(half_day, SHORTEST_HALF_DAY, LONGEST_HALF_DAY)
    start = 24.0 * np.arange(n)
    # extremes in turn, with a day more at either end for the curve to come from and to go to
    moments = np.stack([start + noon - half, start + noon + LAG * half], axis=1).ravel()
    extremes = np.stack([low, high], axis=1).ravel()
    moments = np.concatenate([moments[:2] - 24.0, moments, moments[-2:] + 24.0])
    extremes = np.concatenate([extremes[:2], extremes, extremes[-2:]])
    centre = (np.arange(n * per_day) + 0.5) * 24.0 / per_day
    after = np.clip(np.searchsorted(moments, centre), 1, len(moments) - 1)
    phase = (centre - moments[after - 1]) / (moments[after] - moments[after - 1])
    swing = 0.5 - 0.5 * np.cos(np.pi * phase)
    curve = (extremes[after - 1] + (extremes[after] - extremes[after - 1]) * swing).reshape(n, per_day)
    return curve + mean_keeping_curve(mean - curve.mean(axis=1), per_day)


def mean_keeping_curve(mean: Days, per_day: int) -> Steps:
    r"""Draw a smooth curve whose daily means are given.

    A parabola a day, that meets its neighbours at midnight half way between the two means, :math:`b_0` and :math:`b_1`:

    .. math:: c(s) = b_0 (1 - 4s + 3s^2) + b_1 (3s^2 - 2s) + 6 m (s - s^2), \qquad \int_0^1 c\,ds = m

    Parameters
    ----------
    mean : array, shape (day,)
        Daily mean :math:`m`.
    per_day : int
        Steps a day.

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
    """Let the rain of a day fall evenly during one event.

    Parameters
    ----------
    mean : array, shape (day,)
        Daily mean rate [kg m-2 s-1].
    start : array, shape (day,)
        Where in the day the event starts, 0 (as early as it can) to 1 (as late as it can, not reached).
    per_day, event : int
        Steps a day, and steps of the event.

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
    """Part [1] of precipitation that falls as snow: all at 0 degC and below, none at 2 degC and above, linear between."""
    return np.clip((275.15 - temperature) / 2.0, 0.0, 1.0)
