r"""Evapotranspiration of FAO's reference crop: grass of 0.12 m that never lacks water, with an albedo of 0.23 and 70 s m-1.

References
----------
Allen et al. (1998), Crop evapotranspiration, FAO Irrigation and Drainage Paper 56.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor

from jules_ml.physics.constants import SBCON, SECONDS_PER_DAY, ZERODEGC

#: Albedo of the reference crop [1].
ALBEDO: Final = 0.23
#: Seconds in the interval, and the numerator of FAO-56's aerodynamic term for it.
_INTERVAL: Final = {"day": (SECONDS_PER_DAY, 900.0), "hour": (3600.0, 37.0)}
#: Heat flux into the soil as a fraction of net radiation, by day and by night [1].
_SOIL_HEAT_DAY, _SOIL_HEAT_NIGHT = 0.1, 0.5


def reference_evapotranspiration(
    rad_net: Tensor,
    g_soil: Tensor,
    t_air: Tensor,
    wind_2m: Tensor,
    vpd: Tensor,
    pstar: Tensor,
    *,
    interval: Literal["day", "hour"],
) -> Tensor:
    r"""Reference crop evapotranspiration by the FAO Penman-Monteith equation.

    .. math::

        ET_0 = \frac{0.408\,\Delta\,(R_n - G) + \gamma \frac{C}{T + 273} u_2\,(e_s - e_a)}{\Delta + \gamma\,(1 +
        0.34\,u_2)}

    with :math:`C` 900 for a day and 37 for an hour, in FAO's units (kPa, MJ m-2, degrees Celsius, mm). Inputs and result are in SI
    units.

    Parameters
    ----------
    rad_net : Tensor
        Net radiation of the reference crop [W m-2]; see :func:`reference_net_radiation`.
    g_soil : Tensor
        Heat flux into the soil [W m-2]: zero for a day; :func:`reference_soil_heat` for an hour.
    t_air : Tensor
        Mean air temperature at 2 m [K]: for a day, the mean of maximum and minimum.
    wind_2m : Tensor
        Wind speed at 2 m [m s-1]; see :func:`wind_at_2m`.
    vpd : Tensor
        Vapour pressure deficit :math:`e_s - e_a` [Pa]: for a day, with :math:`e_s` the mean of those at maximum and minimum temperature.
    pstar : Tensor
        Air pressure [Pa].
    interval : {'day', 'hour'}
        Averaging interval of the inputs. Steps of up to three hours count as hours: the equation gives a rate.

    Returns
    -------
    Tensor
        Reference crop evapotranspiration, mean over the interval [kg m-2 s-1]; negative where dew forms.

    References
    ----------
    Allen et al. (1998), eqs. 6, 8, 13 and 53; JULES name ``fao_et0``.
    """
    seconds, numerator = _INTERVAL[interval]
    celsius = t_air - ZERODEGC
    slope = 4098.0 * reference_saturation_pressure(t_air) / (celsius + 237.3) ** 2
    psychrometric = 0.665e-3 * pstar
    radiative = 0.408e-6 * slope * (rad_net - g_soil)
    aerodynamic = psychrometric * numerator / seconds / (celsius + 273.0) * wind_2m * 1e-3 * vpd
    return (radiative + aerodynamic) / (slope + psychrometric * (1.0 + 0.34 * wind_2m))


def reference_saturation_pressure(t_air: Tensor) -> Tensor:
    r"""Saturation vapour pressure as FAO-56 defines it.

    .. math:: e^o = 610.8 \exp\!\left(\frac{17.27\,t}{t + 237.3}\right)

    Parameters
    ----------
    t_air : Tensor
        Air temperature [K]; :math:`t` is the same in degrees Celsius.

    Returns
    -------
    Tensor, shape of ``t_air``
        Saturation vapour pressure [Pa].

    References
    ----------
    Allen et al. (1998), eq. 11.
    """
    celsius = t_air - ZERODEGC
    return 610.8 * torch.exp(17.27 * celsius / (celsius + 237.3))


def reference_net_radiation(sw_down: Tensor, lw_down: Tensor, t_air: Tensor) -> Tensor:
    r"""Net radiation of the reference crop, which emits at air temperature.

    .. math:: R_n = (1 - 0.23)\,S + L - \sigma T^4

    Parameters
    ----------
    sw_down, lw_down : Tensor
        Downward shortwave and longwave radiation [W m-2].
    t_air : Tensor
        Air temperature [K].

    Returns
    -------
    Tensor
        Net downward radiation [W m-2].

    References
    ----------
    Allen et al. (1998), eqs. 38 to 40, with the downward longwave radiation in place of its estimate from humidity and cloud.
    """
    return (1.0 - ALBEDO) * sw_down + lw_down - SBCON * t_air**4


def reference_soil_heat(rad_net: Tensor) -> Tensor:
    """Heat flux into the soil below the reference crop, for an hour or less: 0.1 of net radiation by day, 0.5 by night.

    Parameters
    ----------
    rad_net : Tensor
        Net radiation [W m-2], positive by day.

    Returns
    -------
    Tensor, shape of ``rad_net``
        Heat flux into the soil [W m-2].

    References
    ----------
    Allen et al. (1998), eqs. 45 and 46.
    """
    return rad_net * torch.where(rad_net > 0.0, _SOIL_HEAT_DAY, _SOIL_HEAT_NIGHT)


def wind_at_2m(wind: Tensor, height: float) -> Tensor:
    r"""Wind speed at 2 m above the reference crop, by a logarithmic profile.

    .. math:: u_2 = u_z \frac{4.87}{\ln(67.8\,z - 5.42)}

    Parameters
    ----------
    wind : Tensor
        Wind speed at ``height`` [m s-1].
    height : float
        Height of the wind above the ground [m].

    Returns
    -------
    Tensor, shape of ``wind``
        Wind speed at 2 m [m s-1]; NaN where ``height`` is within the crop, below 0.2 m.

    References
    ----------
    Allen et al. (1998), eq. 47.
    """
    return wind * (4.87 / math.log(67.8 * height - 5.42) if height > 0.2 else math.nan)
