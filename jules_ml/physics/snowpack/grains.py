"""Grain size of snow and the albedo that follows from it."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from jules_ml.physics.constants import TM
from jules_ml.physics.snowpack.layers import RHO_ICE
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches

#: Molar gas constant [J K-1 mol-1]; JULES name ``rmol``.
RMOL: Final = 8.314


def growth_rate(rgrain: Tensor, t: Tensor, parameters: SnowParameters, switches: Switches) -> Tensor:
    r"""Rate at which the area of snow grains grows.

    .. math:: G = 0.6 \;(T \ge T_m), \qquad G = 0.06 \;(r < 150), \qquad G = 0.23\times10^{6}\,e^{-37000/(RT)} \;\text{else}

    with ``i_grain_growth_opt`` 0; cold snow grows by equitemperature metamorphism with 1.

    Parameters
    ----------
    rgrain : Tensor, shape (...)
        Grain size :math:`r` [micrometre], above 0.
    t : Tensor, shape (...)
        Temperature [K].
    parameters : SnowParameters
        ``snow_ggr``, ``r0``.
    switches : Switches
        ``i_grain_growth_opt``.

    Returns
    -------
    Tensor, shape (...)
        [micrometre2 s-1].

    References
    ----------
    Marshall (1989), NCAR Cooperative Thesis 116; Taillandier et al. (2007), J. Geophys. Res. 112, F03003; JULES routine ``snowgrain``.
    """
    melting, fresh, aged = parameters.snow_ggr
    if switches.i_grain_growth_opt == 1:
        # specific surface area [cm2 g-1], and time in hours, as in the paper
        area_fresh = 3.0e6 / (RHO_ICE * parameters.r0)
        a = 0.00760 * area_fresh - 0.176 * (t - TM - 2.96)
        b = 0.0629 * area_fresh - 1.50 * (t - TM - 11.2)
        # snow above the melting point, where the branch is not used, would let the exponent grow beyond bounds
        exponent = ((3.0e6 / (RHO_ICE * rgrain) - b) / a.clamp(min=1e-3)).clamp(max=50.0)
        cold = (1.0e-6 / 3600.0 * RHO_ICE * 2.0 * math.pi / 3.0) * a * rgrain**3 * torch.exp(exponent)
    else:
        cold = torch.where(rgrain < 150.0, fresh, aged * torch.exp(-3.7e4 / (RMOL * t)))
    return torch.where(t < TM, cold, melting)


def grow_layers(
    rgrainl: Tensor, sice: Tensor, tsnow: Tensor, parameters: SnowParameters, switches: Switches, *, timestep: float
) -> Tensor:
    r"""Grain size of the snow layers at the end of the step, :math:`r' = \sqrt{r^2 + G\,\Delta t/\pi}`.

    Parameters
    ----------
    rgrainl : Tensor, shape (layer, ...)
        Grain size [micrometre].
    sice : Tensor, shape (layer, ...)
        Ice [kg m-2]; nothing grows where it is 0.
    tsnow : Tensor, shape (layer, ...)
        Temperature [K].
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``i_grain_growth_opt``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (layer, ...)
        [micrometre], between ``r0`` and ``rmax``.

    References
    ----------
    JULES routine ``snowgrain``.
    """
    rate = growth_rate(rgrainl, tsnow, parameters, switches)
    grown = torch.sqrt(rgrainl * rgrainl + (timestep / math.pi) * rate).clamp(parameters.r0, parameters.rmax)
    return torch.where(sice > 0.0, grown, rgrainl)


def grow_surface(
    rgrain: Tensor,
    snowmass: Tensor,
    snowfall: Tensor,
    tstar: Tensor,
    parameters: SnowParameters,
    switches: Switches,
    *,
    timestep: float,
) -> Tensor:
    r"""Grain size of snow without layers at the end of the step, with the effect of fresh snow.

    .. math:: r' = \sqrt{r^2 + G\,\Delta t/\pi} - (r - r_0)\,P / 2.5

    Parameters
    ----------
    rgrain : Tensor, shape (...)
        Grain size [micrometre].
    snowmass : Tensor, shape (...)
        Snow on the ground [kg m-2]; without snow the grain size is ``r0``.
    snowfall : Tensor, shape (...)
        Snow :math:`P` that reaches the ground in the step [kg m-2].
    tstar : Tensor, shape (...)
        Surface temperature [K].
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``i_grain_growth_opt``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (...)
        [micrometre], between ``r0`` and ``rmax``.

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``snowgrain``.

    Examples
    --------
    Melting snow for half an hour.

    >>> snow = [torch.tensor(v) for v in (50.0, 10.0, 0.0, 273.15)]
    >>> round(float(grow_surface(*snow, SnowParameters(), Switches(), timestep=1800.0)), 2)
    53.33
    """
    rate = growth_rate(rgrain, tstar, parameters, switches)
    grown = torch.sqrt(rgrain * rgrain + (timestep / math.pi) * rate) - (rgrain - parameters.r0) * snowfall * (
        1.0 / 2.5
    )
    return torch.where(snowmass > 0.0, grown.clamp(parameters.r0, parameters.rmax), parameters.r0)


def grain_albedo(rgrain: Tensor, cosz: Tensor, soot: float, parameters: SnowParameters) -> Tensor:
    r"""Albedo of snow by grain size, in the visible and near infrared, for direct and diffuse light (``l_snow_albedo``).

    .. math::

        \alpha_{vis} = \alpha_{max} - 0.002\,(\sqrt{r} - \sqrt{r_0}), \qquad
        \alpha_{nir} = \alpha_{max} - 0.09\,\ln(r / r_0)

    with :math:`r (1 + 0.77(\mu - 0.65))^2` in place of :math:`r` for direct light at the cosine :math:`\mu` of the zenith angle. Soot
    decreases both.

    Parameters
    ----------
    rgrain : Tensor, shape (tile, column)
        Grain size [micrometre].
    cosz : Tensor, shape (column)
        Cosine of the zenith angle [1].
    soot : float
        Mass fraction of soot in the snow [1].
    parameters : SnowParameters
        ``amax``, ``r0``.

    Returns
    -------
    Tensor, shape (band, tile, column)
        Direct visible, diffuse visible, direct near infrared, diffuse near infrared [1], in JULES's order.

    References
    ----------
    Marshall (1989), NCAR Cooperative Thesis 116; JULES routine ``albsnow``.
    """
    zenith = 1.0 + 0.77 * (cosz - 0.65)
    direct = rgrain * zenith * zenith
    visible, infrared = parameters.amax
    bands = [
        *(visible - 0.002 * (torch.sqrt(r) - math.sqrt(parameters.r0)) for r in (direct, rgrain)),
        *(infrared - 0.09 * torch.log(r * (1.0 / parameters.r0)) for r in (direct, rgrain)),
    ]
    clean = torch.stack(bands)
    if soot == 0.0:
        return clean
    vis, nir = (
        _sooty(clean[:2], rgrain * (soot / 0.0017), 0.07, 0.6, 0.46),
        _sooty(clean[2:], rgrain * (soot / 0.004), 0.06, 0.7, 0.6),
    )
    return torch.cat((vis, nir))


def _sooty(clean: Tensor, sigma: Tensor, black: float, few: float, many: float) -> Tensor:
    """Albedo with scaled soot content ``sigma``; ``black`` is that of very dirty snow, ``few`` and ``many`` the exponents."""
    little = clean - 0.5 * (clean - black) * sigma.clamp(max=1.0) ** few
    much = black + 0.5 * (clean - black) / sigma.clamp(min=1.0) ** many
    return torch.where(sigma > 1.0, much, little)
