r"""Exchange of the tiles with the air in one step: coefficients, energy balance, evaporation and melt.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, sections 2 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, SBCON, TM, VKMAN, R
from jules_ml.physics.land_surface.conductance import Conductance, SoilBelow
from jules_ml.physics.land_surface.energy import (
    C_VIRTUAL,
    CANOPY_AIR_RESISTANCE,
    GRCP,
    Air,
    Balance,
    Ground,
    buoyancy_difference,
    saturation_slope,
    solve_balance,
)
from jules_ml.physics.land_surface.evaporation import (
    SurfaceSolution,
    limit_by_soil,
    melt_snow,
    melting_fraction,
    partition_evaporation,
    settle_heat,
)
from jules_ml.physics.land_surface.exchange import Transfer, neutral_profile, stability_functions, transfer_coefficients
from jules_ml.physics.land_surface.ground import ground_of_tiles
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.resistance import RHO_ICE, Resistance, WetSurface, surface_resistance
from jules_ml.physics.land_surface.saturation import saturation_humidity
from jules_ml.physics.land_surface.state import LandForcing, LandSurfaceState
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.surface import snow_roughness

#: Least wind [m s-1] (``vshr``).
LEAST_WIND: Final = 1.0e-3
#: Radius of the grains of snow on a canopy [m].
GRAIN_RADIUS: Final = 5.0e-4


class Exchange(NamedTuple):
    """Solution of the exchange with the air, shape (tile, column)."""

    air: Air
    wet: WetSurface
    gc: Tensor
    rhokh: Tensor
    resistance: Resistance
    balance: Balance
    ground: Ground
    wind_10m: Tensor


def _air(state: LandSurfaceState, forcing: LandForcing, z0m: Tensor, z0h: Tensor, surface: LandSurface) -> Air:
    """Air above the surface at the start of the step."""
    rho = forcing.pstar / (R * sum_over_layers(surface.frac * state.tstar))
    if surface.switches.l_accurate_rho:
        rho = rho / (1.0 + C_VIRTUAL * forcing.q)
    qstar = saturation_humidity(state.tstar, forcing.pstar)
    return Air(
        t=forcing.t_air,
        q=forcing.q,
        rho=rho,
        qstar=qstar,
        alpha1=saturation_slope(state.tstar, qstar, forcing.t_air, forcing.pstar),
        adiabatic=GRCP * (surface.z1_tq + z0m - z0h),
    )


def exchange_with_air(
    state: LandSurfaceState,
    forcing: LandForcing,
    soil: SoilBelow,
    surface: LandSurface,
    gc: Tensor,
    sw_net: Tensor,
    depth: Tensor,
    *,
    timestep: float,
) -> Exchange:
    """Exchange coefficients, and the energy balance that they give."""
    tiles, switches, tstar = surface.tiles, surface.switches, state.tstar
    l_fix_neg_snow = switches.l_fix_neg_snow
    vshr = forcing.wind.clamp(min=LEAST_WIND)
    z0m = snow_roughness(tiles.z0, state.snow.snow_tile, depth)
    z0h = tiles.z0h_z0m * z0m
    air = _air(state, forcing, z0m, z0h, surface)
    wet = WetSurface(state.canopy, state.snow.snow_tile, depth, tstar)
    if any(surface.snow.cansnowtile):
        snow_on_canopy = tiles.cansnow & (wet.snow > 0.0)
        gc = torch.where(snow_on_canopy, _canopy_snow_conductance(wet, tiles.catch_snow, vshr), gc)
    profile = neutral_profile(z0m, z0h, surface.z1_uv, surface.z1_tq)
    dq = air.q - air.qstar
    neutral = VKMAN * VKMAN / (profile.log_m * profile.log_h) * vshr
    maskd = surface.snow.maskd if switches.frac_snow_subl_melt == 1 else None
    first = surface_resistance(dq, 0.0, neutral, gc, wet, tiles, l_fix_neg_snow=l_fix_neg_snow, maskd=maskd)
    transfer = transfer_coefficients(
        buoyancy_difference(air, tstar, first.resft),
        vshr,
        profile,
        z1_uv=surface.z1_uv,
        z1_tq=surface.z1_tq,
        bl_height=surface.bl_height,
        cor_mo_iter=switches.cor_mo_iter,
    )
    conductance = transfer.ch * vshr
    rhokh = air.rho * conductance
    resistance = surface_resistance(
        dq, -rhokh * dq * timestep, conductance, gc, wet, tiles, l_fix_neg_snow=l_fix_neg_snow, maskd=maskd
    )
    canopy_air = air.rho * (CP / CANOPY_AIR_RESISTANCE) * torch.sqrt(transfer.cd) * vshr
    if switches.can_model != 4:
        canopy_air = torch.zeros_like(canopy_air)
    ground = ground_of_tiles(state.snow, soil, torch.where(tiles.cansnow, canopy_air, 0.0), surface)
    squared = tstar * tstar
    balance = solve_balance(
        tstar,
        sw_net + tiles.emis * (forcing.lw_down - SBCON * squared * squared),
        air,
        rhokh,
        resistance,
        ground,
        snowdepth=state.snow.snowdepth,
        timestep=timestep,
        l_fix_neg_snow=l_fix_neg_snow,
    )
    wind_10m = _wind_10m(vshr, z0m, transfer, surface) if surface.wind_unloads else vshr
    return Exchange(air, wet, gc, rhokh, resistance, balance, ground, wind_10m)


def _canopy_snow_conductance(wet: WetSurface, catch_snow: Tensor, vshr: Tensor) -> Tensor:
    """Conductance of snow on a canopy to sublimation [m s-1] (Essery et al. 2003, J. Climate 16, 1855-1864)."""
    held = wet.snow > 0.0
    snow = torch.where(held, wet.snow, 1.0)
    diffusivity = 2.06e-5 * (TM / wet.tstar) ** 1.75
    ventilation = 1.79 + 3.0 * torch.sqrt(vshr)
    grains = 2.0 * RHO_ICE * GRAIN_RADIUS * GRAIN_RADIUS
    capacity = torch.where(held & (catch_snow > 0.0), catch_snow, 1.0)
    return 0.06 * snow**0.6 * capacity**0.4 * diffusivity * ventilation / grains


def _wind_10m(vshr: Tensor, z0m: Tensor, transfer: Transfer, surface: LandSurface) -> Tensor:
    """Mean wind of the grid box at 10 m [m s-1]."""
    phi_m, _ = stability_functions(transfer.recip_l_mo, neutral_profile(z0m, z0m, 10.0, 10.0))
    return vshr * sum_over_layers(surface.frac * phi_m / transfer.phi_m)


def unloading(wind_10m: Tensor, surface: LandSurface) -> Tensor:
    """Rate at which canopies lose snow without melt [s-1]."""
    plants = surface.types.plants
    rate = plants.unload_rate_cnst + plants.unload_rate_u * wind_10m
    return torch.cat([rate + torch.zeros_like(surface.lai), torch.zeros_like(surface.frac[surface.n_pft :])])


def evaporate(
    state: LandSurfaceState, surface: LandSurface, conductance: Conductance, exchange: Exchange, *, timestep: float
) -> SurfaceSolution:
    """Evaporation by source within its limits, and melt of snow."""
    air, wet, resistance, balance = exchange.air, exchange.wet, exchange.resistance, exchange.balance
    tstar, l_fix_neg_snow = state.tstar + balance.dtstar, surface.switches.l_fix_neg_snow
    sources, latent = partition_evaporation(
        balance, tstar, wet, resistance, surface.tiles, timestep=timestep, l_fix_neg_snow=l_fix_neg_snow
    )
    esoil = limit_by_soil(sources.esoil, surface.frac, conductance.smc, timestep=timestep)
    sources = sources._replace(esoil=esoil)
    tstar, ftl = settle_heat(sources, latent, tstar, balance, exchange.rhokh)
    cover: Tensor | float = 1.0
    if surface.switches.frac_snow_subl_melt == 1:
        cover = melting_fraction(wet, sources.ei, surface.snow, surface.switches, timestep=timestep)
    return melt_snow(
        tstar,
        ftl,
        sources,
        wet,
        air,
        resistance,
        balance,
        exchange.rhokh,
        timestep=timestep,
        l_fix_neg_snow=l_fix_neg_snow,
        cover=cover,
    )
