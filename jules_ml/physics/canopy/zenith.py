"""Position of the sun, as in the stand-alone JULES."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from jules_ml.physics.constants import SECONDS_PER_DAY

#: Tilt of the Earth's axis [degrees], and days from the December solstice to 1 January.
EARTH_TILT, PHASE_SHIFT = 23.4, 10.0


def cos_zenith_angle(
    day_of_year: Tensor,
    seconds_of_day: Tensor,
    latitude: Tensor,
    longitude: Tensor,
    *,
    days_in_year: Tensor | int = 365,
) -> Tensor:
    r"""Cosine of the solar zenith angle for a circular orbit; 0 at night.

    .. math::

        \mu = \max(0, \sin\phi \sin\delta + \cos\phi \cos\delta \cos h), \quad
        \delta = -23.4° \cos\frac{2\pi(d + 10)}{n}, \quad
        h = \pi\left(\frac{2t}{86400} + \frac{\lambda}{180} - 1\right)

    Parameters
    ----------
    day_of_year, seconds_of_day : Tensor, broadcastable
        Day of the year (1 on 1 January) and time of the day [s], both UTC, at the *start* of the step.
    latitude, longitude : Tensor, broadcastable
        Position [degrees north, degrees east]. With ``l_local_solar_time`` the longitude is 0.
    days_in_year : Tensor or int
        Days in the year.

    Returns
    -------
    Tensor, shape that of the arguments together
        Cosine of the zenith angle [1].

    References
    ----------
    JULES routine ``zenith`` of the stand-alone model.

    Examples
    --------
    >>> noon = [torch.tensor(x, dtype=torch.float64) for x in (172.0, 43200.0, 52.0, 0.0)]
    >>> round(float(cos_zenith_angle(*noon)), 3)  # midsummer at 52 degrees north
    0.878
    """
    radian = math.pi / 180.0
    declination = -EARTH_TILT * radian * torch.cos(2.0 * math.pi * (day_of_year + PHASE_SHIFT) / days_in_year)
    hour_angle = math.pi * (2.0 * seconds_of_day / SECONDS_PER_DAY + longitude / 180.0 - 1.0)
    phi = radian * latitude
    cosz = torch.sin(phi) * torch.sin(declination) + torch.cos(phi) * torch.cos(declination) * torch.cos(hour_angle)
    return cosz.clamp(min=0.0)
