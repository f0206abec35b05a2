r"""Energy balance of the tiles, linearised about the surface temperature at the start of a step.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 2; Essery et al. (2003), J. Hydrometeorol. 4, 530-543.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, SBCON, VKMAN, G
from jules_ml.physics.snow import insulated_conductance, snow_albedo
from jules_ml.physics.surface_exchange import AirExchange
from jules_ml.physics.surface_variables import Forcing, SurfaceProperties, SurfaceSoil
from jules_ml.physics.thermal import soil_thermal_conductivity

#: Resistance of the air within a canopy, times friction velocity [1].
CANOPY_AIR_RESISTANCE: Final = 43.0


class EnergyBalance(NamedTuple):
    """Energy balance of the tiles before evaporation is limited and snow melts, tensors of shape (tile, ...).

    ``sw_net``, ``rad_net``, ``sensible`` [W m-2] net shortwave radiation, net radiation and sensible heat at the start of the step;
    ``evaporation`` [kg m-2 s-1] at its end;
    ``dtstar`` [K] change of surface temperature; ``radiance`` [W m-2 K-1] emitted longwave radiation over temperature; ``stiffness``
    [W m-2 K-1] change of the balance for each kelvin, and ``softness`` [K m2 W-1] its reciprocal.
    """

    sw_net: Tensor
    rad_net: Tensor
    sensible: Tensor
    evaporation: Tensor
    dtstar: Tensor
    radiance: Tensor
    stiffness: Tensor
    softness: Tensor


class GroundHeat(NamedTuple):
    """Heat flux into the soil, tensors of shape (tile, ...).

    ``flux`` [W m-2]; ``bare`` [W m-2 K-1] conductance between bare ground and the top soil layer; ``canopy`` [W m-2 K-1] conductance of
    the air between the canopy and the ground.
    """

    flux: Tensor
    bare: Tensor
    canopy: Tensor


def ground_heat(
    tstar: Tensor,
    radiance: Tensor,
    surface: SurfaceProperties,
    air: AirExchange,
    depth: Tensor,
    soil: SurfaceSoil,
    *,
    soilhc_method: int,
) -> GroundHeat:
    r"""Heat flux between the surface and the top soil layer.

    Bare ground conducts to the middle of the layer. A canopy exchanges heat with the ground by turbulence and by longwave radiation.

    Parameters
    ----------
    tstar : Tensor, shape (tile, ...)
        Surface temperature [K].
    radiance : Tensor, shape (tile, ...)
        :math:`\epsilon \sigma T_*^3` [W m-2 K-1].
    surface : SurfaceProperties
        Shape (tile, ...) each.
    air : AirExchange
        From :func:`~jules_ml.physics.surface_exchange.air_exchange`.
    depth : Tensor, shape (tile, ...)
        Snow depth [m].
    soil : SurfaceSoil
        Soil layers, of which the top one matters.
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.

    Returns
    -------
    GroundHeat

    References
    ----------
    Best et al. (2011), section 2; Essery et al. (2003).
    """
    liquid, sthf, sm_sat, dzsoil = soil.liquid, soil.sthf, soil.sm_sat, soil.dzsoil
    hcons = soil_thermal_conductivity(soil.hcon[0], liquid[0] / sm_sat[0], sthf[0], sm_sat[0], method=soilhc_method)
    bare = insulated_conductance(2.0 * hcons / dzsoil[0], hcons, depth, dzsoil[0]) * (1.0 - surface.vfrac)
    canopy = surface.vfrac * air.rho * air.wind * (CP * VKMAN / CANOPY_AIR_RESISTANCE) / surface.log_m
    squared = soil.t_soil[0] * soil.t_soil[0]
    soil_radiance = SBCON * squared * squared
    flux = (bare + canopy) * (tstar - soil.t_soil[0]) + surface.vfrac * (
        radiance * tstar - surface.emis * soil_radiance
    )
    return GroundHeat(flux=flux, bare=bare, canopy=canopy)


def energy_balance(
    tstar: Tensor,
    forcing: Forcing,
    surface: SurfaceProperties,
    air: AirExchange,
    resft: Tensor,
    depth: Tensor,
    soil: SurfaceSoil,
    *,
    height: float | Tensor,
    timestep: float,
    soilhc_method: int,
) -> EnergyBalance:
    r"""Solve the energy balance of the tiles for the change of surface temperature, before melt.

    .. math::

        \Delta T_* = \frac{(1-\alpha)S_\downarrow + \epsilon(L_\downarrow - \sigma T_*^4) - H - \lambda E - G}{
        c_p \rho C_H u + \lambda \psi \rho C_H u\,\partial q_s/\partial T + 4 \epsilon\sigma T_*^3 (1 + v) + \Lambda + C_c/\Delta t}

    with all fluxes at the start of the step, :math:`v` the fraction under leaves and :math:`\Lambda` the conductance to the soil.

    Parameters
    ----------
    tstar : Tensor, shape (tile, ...)
        Surface temperature at the start of the step [K].
    forcing : Forcing
        Weather over the step, shape (...) each.
    surface : SurfaceProperties
        Shape (tile, ...) each.
    air : AirExchange
        From :func:`~jules_ml.physics.surface_exchange.air_exchange`.
    resft : Tensor, shape (tile, ...)
        Resistance factor of evaporation [1].
    depth : Tensor, shape (tile, ...)
        Snow depth [m].
    soil : SurfaceSoil
        Soil layers, of which the top one matters.
    height : float or Tensor, shape (column,)
        Height of the forcing [m].
    timestep : float
        Length of the step [s].
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.

    Returns
    -------
    EnergyBalance

    References
    ----------
    Best et al. (2011), section 2; Essery et al. (2003).
    """
    albedo = snow_albedo(surface.albedo, surface.albedo_snow, depth, tstar)
    radiance = surface.emis * SBCON * tstar * tstar * tstar
    sw_net = (1.0 - albedo) * forcing.sw_down
    rad_net = sw_net + surface.emis * forcing.lw_down - radiance * tstar
    sensible = CP * air.rhokh * (tstar - forcing.t_air - (G / CP) * height)
    evaporation = resft * air.rhokh * air.deficit
    ground = ground_heat(tstar, radiance, surface, air, depth, soil, soilhc_method=soilhc_method)
    stiffness = (
        CP * air.rhokh
        + air.latent * resft * air.rhokh * air.slope
        + 4.0 * radiance * (1.0 + surface.vfrac)
        + ground.canopy
        + ground.bare
        + surface.canhc * (1.0 / timestep)
    )
    softness = torch.reciprocal(stiffness)
    dtstar = (rad_net - sensible - air.latent * evaporation - ground.flux) * softness
    return EnergyBalance(
        sw_net=sw_net,
        rad_net=rad_net,
        sensible=sensible,
        evaporation=evaporation + resft * air.rhokh * air.slope * dtstar,
        dtstar=dtstar,
        radiance=radiance,
        stiffness=stiffness,
        softness=softness,
    )
