r"""The land surface above the soil column: energy balance, evaporation, interception and snow, tile by tile.

Each tile (a plant type or bare soil) has its own surface temperature, canopy water and snow, as in JULES. Its energy balance is linearised
about the last surface temperature and solved implicitly; roots and bare soil draw the water of evaporation from the soil layers. Two parts
are simpler than in JULES: the stability correction is the explicit one of MOSES 2 instead of the Monin-Obukhov iteration, and the canopy is
sampled at three depths instead of ten.

:mod:`~jules_ml.physics.surface_exchange` has the exchange with the air, :mod:`~jules_ml.physics.surface_energy` the energy balance, and
:mod:`~jules_ml.physics.surface_water` the water balance of the tiles.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Clark et al. (2011), Geosci. Model Dev. 4, 701-722;
Essery et al. (2003), J. Hydrometeorol. 4, 530-543, for the surface exchange of MOSES 2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, LF, RHO_WATER
from jules_ml.physics.interception import infiltration_excess_point
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snow import Melt, snow_depth, snow_melt
from jules_ml.physics.surface_energy import energy_balance
from jules_ml.physics.surface_exchange import SurfaceResistance, air_exchange, surface_resistance
from jules_ml.physics.surface_variables import Forcing, SurfaceFluxes, SurfaceProperties, SurfaceSoil, SurfaceState
from jules_ml.physics.surface_water import (
    CanopyWater,
    Evaporation,
    canopy_water,
    partition_evaporation,
)

__all__ = ["Forcing", "SurfaceFluxes", "SurfaceProperties", "SurfaceState", "surface_step"]


class _TileHeat(NamedTuple):
    """Heat fluxes of the tiles at the end of a step [W m-2], shape (tile, ...)."""

    rad_net: Tensor
    sw_net: Tensor
    sensible: Tensor
    surf_ht_flux: Tensor


def surface_step(
    state: SurfaceState,
    forcing: Forcing,
    smcl: Tensor,
    sthf: Tensor,
    t_soil: Tensor,
    *,
    sm_sat: Tensor,
    sm_crit: Tensor,
    sm_wilt: Tensor,
    satcon: Tensor,
    hcon: Tensor,
    dzsoil: Tensor,
    surface: SurfaceProperties,
    co2: float | Tensor,
    height: float | Tensor,
    timestep: float,
    soilhc_method: int = 2,
) -> tuple[SurfaceState, SurfaceFluxes]:
    r"""Solve the energy and water balance of every tile for one step.

    The surface temperature of each tile follows from

    .. math::

        \frac{C_c}{\Delta t}\Delta T_* = (1-\alpha)S_\downarrow + \epsilon(L_\downarrow - \sigma T_*^4) - H - \lambda E - G - L_f M

    linearised about the start of the step. Heat into the soil :math:`G` is the residual of the other terms, so that the balance closes to
    rounding.

    Parameters
    ----------
    state : SurfaceState
        Shape (tile, ...) each.
    forcing : Forcing
        Weather over the step, shape (...) each.
    smcl, sthf, t_soil : Tensor, shape (layer, ...)
        Soil water [kg m-2], ice as a fraction of saturation [1], temperature [K].
    sm_sat, sm_crit, sm_wilt, satcon, hcon : Tensor, shape (layer, ...) or broadcastable
        Soil properties [m3 m-3, kg m-2 s-1, W m-1 K-1].
    dzsoil : Tensor, shape (layer, 1) or (layer,)
        Layer thicknesses [m].
    surface : SurfaceProperties
        Shape (tile, ...) each.
    co2 : float or Tensor, shape (column,)
        Mole fraction of carbon dioxide [1].
    height : float or Tensor, shape (column,)
        Height of the forcing [m].
    timestep : float
        Length of the step [s].
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.

    Returns
    -------
    SurfaceState
        At the end of the step.
    SurfaceFluxes
        Grid-box means over the step.

    References
    ----------
    Best et al. (2011), sections 2-4; Essery et al. (2003).
    """
    snowy = state.snow > 0.0
    depth = snow_depth(state.snow)
    air = air_exchange(forcing, surface, state.tstar, snowy, height=height)
    liquid = smcl / (RHO_WATER * dzsoil) - sthf * sm_sat
    soil = SurfaceSoil(liquid, sthf, t_soil, sm_sat, sm_crit, sm_wilt, hcon, dzsoil)
    resistance = surface_resistance(state, forcing, surface, air, soil, snowy, co2=co2, timestep=timestep)
    balance = energy_balance(
        state.tstar,
        forcing,
        surface,
        air,
        resistance.resft,
        depth,
        soil,
        height=height,
        timestep=timestep,
        soilhc_method=soilhc_method,
    )
    evaporation = partition_evaporation(
        balance.evaporation, state.tstar + balance.dtstar, state, resistance, soil, snowy, timestep=timestep
    )
    # evaporation that a source could not give leaves its heat at the surface
    dtstar = balance.dtstar - (evaporation.latent_heat - air.latent * balance.evaporation) * balance.softness

    snow = state.snow - evaporation.sublimation * timestep
    melt = snow_melt(state.tstar + dtstar, snow, balance.stiffness, timestep=timestep)
    dtstar = dtstar + melt.dtstar
    tstar = state.tstar + dtstar
    rad_net = balance.rad_net - 4.0 * balance.radiance * dtstar
    sensible = balance.sensible + CP * air.rhokh * dtstar
    residual = rad_net - sensible - evaporation.latent_heat - LF * melt.rate
    heat = _TileHeat(
        rad_net, balance.sw_net, sensible, surf_ht_flux=residual - surface.canhc * (1.0 / timestep) * dtstar
    )
    snow = snow + (forcing.tot_snow - melt.rate) * timestep
    canopy = canopy_water(state.canopy, evaporation.leaves, forcing.tot_rain, surface.catch, timestep=timestep)
    new = SurfaceState(tstar=tstar, canopy=canopy.canopy, snow=snow, gc=resistance.gc)
    return new, _gridbox_fluxes(new, surface, resistance, evaporation, heat, melt, canopy, satcon[0])


def _gridbox_fluxes(
    new: SurfaceState,
    surface: SurfaceProperties,
    resistance: SurfaceResistance,
    evaporation: Evaporation,
    heat: _TileHeat,
    melt: Melt,
    canopy: CanopyWater,
    satcon_top: Tensor,
) -> SurfaceFluxes:
    """Means over the tiles of state ``new`` and of the fluxes that led to it; extraction is shared among the layers by root uptake."""

    def gridbox(x: Tensor) -> Tensor:
        return sum_over_layers(surface.frac * x)

    excess = infiltration_excess_point(canopy.tfall + melt.rate, surface.infil * satcon_top)
    transpiration = evaporation.soil * resistance.gc / resistance.gs.clamp(min=1e-12)
    for_each_uptake = transpiration / resistance.fsmc.clamp(min=1e-12)
    ext = [gridbox(for_each_uptake * uptake) for uptake in resistance.uptake]
    ext[0] = ext[0] + gridbox(evaporation.soil - transpiration)
    ecan_gb, esoil_gb, ei_gb = (gridbox(x) for x in (evaporation.leaves, evaporation.soil, evaporation.sublimation))
    melt_gb, tfall_gb, surf_roff = gridbox(melt.rate), gridbox(canopy.tfall), gridbox(excess)
    return SurfaceFluxes(
        ext=torch.stack(ext),
        ecan_gb=ecan_gb,
        esoil_gb=esoil_gb,
        ei_gb=ei_gb,
        fqw_gb=ecan_gb + esoil_gb + ei_gb,
        tfall=tfall_gb,
        snow_melt_gb=melt_gb,
        infiltration=tfall_gb + melt_gb - surf_roff,
        surf_roff=surf_roff,
        surf_ht_flux_gb=gridbox(heat.surf_ht_flux),
        ftl_gb=gridbox(heat.sensible),
        latent_heat=gridbox(evaporation.latent_heat),
        rad_net=gridbox(heat.rad_net),
        sw_net=gridbox(heat.sw_net),
        gpp_gb=gridbox(resistance.gpp),
        fsmc_gb=gridbox(resistance.fsmc),
        tstar_gb=gridbox(new.tstar),
        canopy_gb=gridbox(new.canopy),
        snow_mass_gb=gridbox(new.snow),
        snow_depth_gb=gridbox(snow_depth(new.snow)),
    )
