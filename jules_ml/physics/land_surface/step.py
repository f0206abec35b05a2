r"""One step of JULES's land surface: albedo, plants, exchange with the air, energy balance, evaporation, snow and water of the tiles.

The order is that of the stand-alone JULES, whose air does not respond to the surface within the step.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Clark et al. (2011), Geosci. Model Dev. 4, 701-722.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy import CanopyClimate, canopy_fluxes, water_stress
from jules_ml.physics.canopy.properties import neutral_transfer
from jules_ml.physics.constants import CP, SBCON, TM, VKMAN, R
from jules_ml.physics.land_surface.conductance import Conductance, SoilBelow, surface_conductance
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
    partition_evaporation,
    settle_heat,
)
from jules_ml.physics.land_surface.exchange import Transfer, neutral_profile, stability_functions, transfer_coefficients
from jules_ml.physics.land_surface.ground import ground_of_tiles, tile_albedo
from jules_ml.physics.land_surface.outputs import Plants, fluxes_of_step, tile_heat
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.resistance import RHO_ICE, Resistance, WetSurface, surface_resistance
from jules_ml.physics.land_surface.saturation import saturation_humidity
from jules_ml.physics.land_surface.state import LandForcing, LandSurfaceFluxes, LandSurfaceState
from jules_ml.physics.land_surface.water import tile_water
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snow import SnowCover
from jules_ml.physics.snowpack.state import SnowInputs, SnowSoil, SnowTiles, initial_snow
from jules_ml.physics.snowpack.step import snow_step
from jules_ml.physics.snowpack.surface import has_layers, snow_roughness, surface_snow_depth

#: Least wind [m s-1] (``vshr``).
LEAST_WIND: Final = 1.0e-3
#: Fraction of shortwave radiation that plants can use [1].
PAR_FRACTION: Final = 0.5
#: Radius of the grains of snow on a canopy [m].
GRAIN_RADIUS: Final = 5.0e-4


class SoilBoundary(NamedTuple):
    """What the surface does to the soil in a step.

    ``infiltration`` [kg m-2 s-1] and ``surf_ht_flux`` [W m-2], shape (column,); ``ext`` [kg m-2 s-1] extraction, shape (layer, column);
    ``t_soil1`` [K] temperature of the top layer, from which melt beneath canopies took heat, shape (column,); ``snow`` without layers,
    which insulates the soil.
    """

    infiltration: Tensor
    ext: Tensor
    surf_ht_flux: Tensor
    t_soil1: Tensor
    snow: SnowCover


class _Exchange(NamedTuple):
    """Solution of the exchange with the air, shape (tile, column)."""

    air: Air
    wet: WetSurface
    gc: Tensor
    rhokh: Tensor
    resistance: Resistance
    balance: Balance
    ground: Ground
    wind_10m: Tensor


def land_surface_step(
    state: LandSurfaceState, forcing: LandForcing, soil: SoilBelow, surface: LandSurface, *, timestep: float
) -> tuple[LandSurfaceState, SoilBoundary, LandSurfaceFluxes]:
    """Step the land surface of columns.

    Parameters
    ----------
    state : LandSurfaceState
        At the start of the step.
    forcing : LandForcing
        Weather over the step.
    soil : SoilBelow
        Soil at the start of the step.
    surface : LandSurface
        Tiles, parameters and switches.
    timestep : float
        Length of the step [s].

    Returns
    -------
    LandSurfaceState
        At the end of the step.
    SoilBoundary
        Fluxes into the soil.
    LandSurfaceFluxes
        Outputs.

    References
    ----------
    Best et al. (2011); Clark et al. (2011); JULES routines ``surf_couple_explicit``, ``surf_couple_implicit`` and ``surf_couple_extra``.
    """
    surface = surface.with_vegetation(forcing.lai, forcing.canht)
    plants = plants_step(state, forcing, soil, surface)
    return exchange_step(state, forcing, soil, surface, plants, timestep=timestep)


def plants_step(state: LandSurfaceState, forcing: LandForcing, soil: SoilBelow, surface: LandSurface) -> Plants:
    """Photosynthesis, conductance and water stress of the plants.

    Parameters
    ----------
    state : LandSurfaceState
        At the start of the step.
    forcing : LandForcing
        Weather over the step.
    soil : SoilBelow
        Soil at the start of the step.
    surface : LandSurface
        Tiles, parameters and switches.

    Returns
    -------
    Plants

    References
    ----------
    Clark et al. (2011), sections 2-3; JULES routine ``physiol``.
    """
    n = surface.n_pft
    stress = water_stress(
        soil.sthu,
        surface.f_root,
        surface.types.plants,
        surface.switches,
        sm_sat=soil.sm_sat,
        sm_crit=soil.sm_crit,
        sm_wilt=soil.sm_wilt,
        b=soil.b,
        sathh=soil.sathh,
    )
    tstar = state.tstar[:n]
    wind = forcing.wind.clamp(min=LEAST_WIND)
    z0 = surface.tiles.z0[:n]
    climate = CanopyClimate(
        par=PAR_FRACTION * forcing.sw_down,
        cosz=forcing.cosz,
        diff_frac=forcing.diff_frac,
        pstar=forcing.pstar,
        co2=surface.co2_mmr + 0.0 * forcing.pstar,
        gs=state.gs,
        tstar=tstar,
        dq=(saturation_humidity(tstar, forcing.pstar) - forcing.q).clamp(min=0.0),
        ra=1.0 / (neutral_transfer(z0, surface.z1_uv) * wind),
        fsmc=stress.fsmc,
    )
    return Plants(canopy_fluxes(climate, surface.canopy, surface.types.plants, surface.switches), stress)


def exchange_step(
    state: LandSurfaceState,
    forcing: LandForcing,
    soil: SoilBelow,
    surface: LandSurface,
    plants: Plants,
    *,
    timestep: float,
) -> tuple[LandSurfaceState, SoilBoundary, LandSurfaceFluxes]:
    """Step the surface with plants of known conductance.

    Parameters
    ----------
    state : LandSurfaceState
        At the start of the step.
    forcing : LandForcing
        Weather over the step.
    soil : SoilBelow
        Soil at the start of the step.
    surface : LandSurface
        Tiles, parameters and switches.
    plants : Plants
        From :func:`plants_step`.
    timestep : float
        Length of the step [s].

    Returns
    -------
    LandSurfaceState, SoilBoundary, LandSurfaceFluxes
        As :func:`land_surface_step`.
    """
    tiles, switches = surface.tiles, surface.switches
    snow_tiles = SnowTiles(surface.frac, tiles.catch_snow, tiles.cansnow)
    depth = surface_snow_depth(state.snow, snow_tiles, surface.snow, switches)
    albedo = tile_albedo(state.tstar, depth, surface)
    sw_net = (1.0 - albedo) * forcing.sw_down
    conductance = surface_conductance(plants.fluxes.gc, plants.stress, soil, surface)
    exchange = _exchange(state, forcing, soil, surface, conductance.gc, sw_net, depth, timestep=timestep)
    solution = _evaporate(state, surface, conductance, exchange, timestep=timestep)
    heat = tile_heat(solution, state.tstar, sw_net + tiles.emis * forcing.lw_down, exchange.ground, timestep=timestep)
    inputs = SnowInputs(
        snowfall=forcing.tot_snow,
        rain=forcing.tot_rain,
        ei=solution.sources.ei,
        melt=solution.melt,
        snowinc=solution.snowinc,
        surf_htf=heat.surf_ht_flux,
        tstar=solution.tstar,
        unload_backgrnd=_unloading(exchange.wind_10m, surface),
    )
    below = SnowSoil(
        t_soil1=soil.t_soil[0],
        hcons=soil.hcons,
        hcap1=soil.hcap[0],
        smcl1=soil.smcl[0],
        sthf1=soil.sthf[0],
        smvcst1=soil.sm_sat[0],
        dzsoil1=soil.dzsoil[0],
    )
    snow, from_snow = snow_step(state.snow, inputs, below, snow_tiles, surface.snow, switches, timestep=timestep)
    water = tile_water(
        state.canopy,
        solution.sources.ecan,
        from_snow.rain,
        from_snow.melt,
        tiles.catch,
        tiles.infil_f * soil.satcon[0],
        timestep=timestep,
        l_point_data=switches.l_point_data,
    )
    drawn = surface.frac * solution.sources.esoil
    ext = sum_over_layers((drawn * conductance.wt_ext).transpose(0, 1))
    new = LandSurfaceState(tstar=solution.tstar, canopy=water.canopy, gs=conductance.gs, snow=snow)
    outputs = fluxes_of_step(new, surface, solution, heat, water, from_snow, plants, exchange.gc, albedo, ext)
    boundary = SoilBoundary(
        infiltration=outputs.infiltration,
        ext=ext,
        surf_ht_flux=from_snow.surf_ht_flux,
        t_soil1=from_snow.t_soil1,
        snow=SnowCover(
            torch.where(has_layers(snow), 0.0, snow.snowdepth.clamp(min=0.0)), surface.frac, surface.snow.snow_hcon
        ),
    )
    return new, boundary, outputs


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


def _exchange(
    state: LandSurfaceState,
    forcing: LandForcing,
    soil: SoilBelow,
    surface: LandSurface,
    gc: Tensor,
    sw_net: Tensor,
    depth: Tensor,
    *,
    timestep: float,
) -> _Exchange:
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
    first = surface_resistance(dq, 0.0, neutral, gc, wet, tiles, l_fix_neg_snow=l_fix_neg_snow)
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
        dq, -rhokh * dq * timestep, conductance, gc, wet, tiles, l_fix_neg_snow=l_fix_neg_snow
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
    return _Exchange(air, wet, gc, rhokh, resistance, balance, ground, wind_10m)


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


def _unloading(wind_10m: Tensor, surface: LandSurface) -> Tensor:
    """Rate at which canopies lose snow without melt [s-1]."""
    plants = surface.types.plants
    rate = plants.unload_rate_cnst + plants.unload_rate_u * wind_10m
    return torch.cat([rate + torch.zeros_like(surface.lai), torch.zeros_like(surface.frac[surface.n_pft :])])


def _evaporate(
    state: LandSurfaceState, surface: LandSurface, conductance: Conductance, exchange: _Exchange, *, timestep: float
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
    )


def initial_surface(
    surface: LandSurface,
    t_soil1: Tensor,
    *,
    tstar: Tensor | None = None,
    canopy: Tensor | None = None,
    snow_tile: Tensor | None = None,
    rgrain: Tensor | None = None,
) -> LandSurfaceState:
    """State of the surface at the start of a run.

    Parameters
    ----------
    surface : LandSurface
        Tiles, parameters and switches.
    t_soil1 : Tensor, shape (column,)
        Temperature of the top soil layer [K].
    tstar : Tensor, shape (tile, column), optional
        Surface temperature [K]; default: that of the top soil layer.
    canopy : Tensor, shape (tile, column), optional
        Water on leaves [kg m-2]; default: none.
    snow_tile : Tensor, shape (tile, column), optional
        Snow mass [kg m-2], all on the ground (``total_snow``); default: none.
    rgrain : Tensor, shape (tile, column), optional
        Grain size of snow [micrometre]; default: that of fresh snow.

    Returns
    -------
    LandSurfaceState
    """
    nothing = 0.0 * (surface.frac * t_soil1)
    snow = initial_snow(
        nothing if snow_tile is None else nothing + snow_tile,
        nothing + (surface.snow.r0 if rgrain is None else rgrain),
        t_soil1 + nothing[0],
        SnowTiles(surface.frac, surface.tiles.catch_snow, surface.tiles.cansnow),
        surface.snow,
        surface.switches,
    )
    return LandSurfaceState(
        tstar=nothing + (t_soil1 if tstar is None else tstar),
        canopy=nothing if canopy is None else nothing + canopy,
        gs=nothing[0],
        snow=snow,
    )
