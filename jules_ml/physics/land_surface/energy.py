r"""Energy balance of the tiles, linearised about the surface temperature at the start of a step.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, LC, LF, REPSILON, SBCON, TM, G, R
from jules_ml.physics.land_surface.resistance import Resistance
from jules_ml.physics.land_surface.saturation import saturation_humidity

#: Gradient of temperature in dry air in equilibrium [K m-1].
GRCP: Final = G / CP
#: Ratio of gas constants of vapour and dry air, minus 1 [1].
C_VIRTUAL: Final = 1.0 / REPSILON - 1.0
#: Resistance of the air within a canopy, times friction velocity [1].
CANOPY_AIR_RESISTANCE: Final = 43.0


class Ground(NamedTuple):
    """What lies under the surface, shape (tile, column): the top layer of soil or of snow, or of both.

    ``tsurf`` [K] its temperature; ``ashtf`` [W m-2 K-1] conductance between its middle and the surface; ``canhc`` [J m-2 K-1] heat capacity
    of the surface; ``vfrac`` [1] fraction under a canopy; ``rhokh_can`` [W m-2 K-1] conductance of the air in the canopy; ``emis``,
    ``emis_soil`` [1] emissivity of the surface and of soil.
    """

    tsurf: Tensor
    ashtf: Tensor
    canhc: Tensor
    vfrac: Tensor
    rhokh_can: Tensor
    emis: Tensor
    emis_soil: Tensor


class Air(NamedTuple):
    """Air and the surface's difference to it, shape (tile, column) or (column,) for the first three.

    ``t``, ``q`` [K], [kg kg-1] temperature and humidity of the air; ``rho`` [kg m-3]; ``qstar`` [kg kg-1] saturation humidity at the
    surface; ``alpha1`` [kg kg-1 K-1] slope of saturation humidity; ``adiabatic`` [K] warming of air that sinks to the surface.
    """

    t: Tensor
    q: Tensor
    rho: Tensor
    qstar: Tensor
    alpha1: Tensor
    adiabatic: Tensor


class Balance(NamedTuple):
    """Solution of the energy balance, shape (tile, column), by JULES's names.

    ``ftl`` [W m-2] sensible heat; ``fqw`` [kg m-2 s-1] evaporation; ``dtstar`` [K] change of surface temperature; ``ashtf_prime``
    [W m-2 K-1] change of radiation and ground heat for each kelvin.
    """

    ftl: Tensor
    fqw: Tensor
    dtstar: Tensor
    ashtf_prime: Tensor


def saturation_slope(tstar: Tensor, qstar: Tensor, t_air: Tensor, pstar: Tensor) -> Tensor:
    r"""Slope of the saturation humidity between surface and air.

    Parameters
    ----------
    tstar, qstar : Tensor, shape (tile, column)
        Temperature [K] and saturation humidity [kg kg-1] of the surface.
    t_air, pstar : Tensor, shape (column,)
        Air temperature [K] and pressure [Pa].

    Returns
    -------
    Tensor, shape (tile, column)
        The quotient of differences, or the tangent by Clausius and Clapeyron if they differ by less than 0.05 K [kg kg-1 K-1].

    References
    ----------
    Best et al. (2011), section 2; JULES name ``alpha1``.
    """
    q_air = saturation_humidity(t_air, pstar)
    difference = tstar - t_air
    apart = torch.abs(difference) > 0.05
    latent = torch.where(t_air > TM, LC, LC + LF)
    tangent = REPSILON * latent * q_air * (1.0 + C_VIRTUAL * q_air) / (R * t_air * t_air)
    return torch.where(apart, (qstar - q_air) / torch.where(apart, difference, 1.0), tangent)


def buoyancy_difference(air: Air, tstar: Tensor, resft: Tensor) -> Tensor:
    """Buoyancy of the air relative to the surface.

    Parameters
    ----------
    air : Air
        Air above the surface.
    tstar : Tensor, shape (tile, column)
        Surface temperature [K].
    resft : Tensor, shape (tile, column)
        Resistance factor of evaporation [1].

    Returns
    -------
    Tensor, shape (tile, column)
        [m s-2], positive in stable air.

    References
    ----------
    JULES routine ``sf_rib``, name ``db``.
    """
    dtemp = air.t - tstar + air.adiabatic
    moisture = C_VIRTUAL / (1.0 + C_VIRTUAL * air.q) * resft * (air.q - air.qstar)
    return G * (dtemp / air.t + moisture)


def solve_balance(
    tstar: Tensor,
    radnet: Tensor,
    air: Air,
    rhokh: Tensor,
    resistance: Resistance,
    ground: Ground,
    *,
    snowdepth: Tensor,
    timestep: float,
    l_fix_neg_snow: bool,
) -> Balance:
    r"""Solve the energy balance of the tiles before evaporation is limited and snow melts.

    .. math::

        \Delta T_* = \frac{R_n - H - \lambda E - G}{\rho C_H U (c_p + \lambda \alpha_1 \psi) + A'}

    with the fluxes at the start of the step.

    Parameters
    ----------
    tstar : Tensor, shape (tile, column)
        Surface temperature at the start of the step [K].
    radnet : Tensor, shape (tile, column)
        Net radiation [W m-2].
    air : Air
        Air above the surface.
    rhokh : Tensor, shape (tile, column)
        :math:`\rho C_H U` [kg m-2 s-1].
    resistance : Resistance
        Of evaporation.
    ground : Ground
        What lies under the surface.
    snowdepth : Tensor, shape (tile, column)
        Depth of snow on the ground [m], which sets the latent heat without ``l_fix_neg_snow``.
    timestep : float
        Length of the step [s].
    l_fix_neg_snow : bool
        JULES's correction of evaporation from little snow.

    Returns
    -------
    Balance

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``sf_flux``.
    """
    resft = resistance.resft
    if l_fix_neg_snow:
        yields = resft > 0.0
        lh = LC + torch.where(yields, LF * resistance.fracaero_s / torch.where(yields, resft, 1.0), 0.0)
    else:
        lh = torch.where(snowdepth > 0.0, LC + LF, LC)
    ftl = rhokh * (tstar - air.t - air.adiabatic)
    fqw = resft * rhokh * (air.qstar - air.q)
    cubed = SBCON * tstar * tstar * tstar
    canopy = ground.vfrac * ground.rhokh_can
    conductance = (1.0 - ground.vfrac) * ground.ashtf + canopy
    squared = ground.tsurf * ground.tsurf
    radiative = ground.vfrac * ground.emis_soil * ground.emis
    heat = conductance * (tstar - ground.tsurf) + radiative * (cubed * tstar - SBCON * squared * squared)
    ashtf_prime = 4.0 * (ground.emis + radiative) * cubed + conductance + ground.canhc * (1.0 / timestep)
    evaporated = lh * resft * air.alpha1
    dtstar = (radnet - CP * ftl - lh * fqw - heat) / (rhokh * (CP + evaporated) + ashtf_prime)
    return Balance(
        ftl=CP * (ftl + rhokh * dtstar),
        fqw=fqw + resft * rhokh * air.alpha1 * dtstar,
        dtstar=dtstar,
        ashtf_prime=ashtf_prime,
    )
