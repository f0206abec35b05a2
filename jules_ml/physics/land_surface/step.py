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
from jules_ml.physics.land_surface.conductance import SoilBelow, surface_conductance
from jules_ml.physics.land_surface.evaporation import SurfaceSolution
from jules_ml.physics.land_surface.ground import tile_albedo
from jules_ml.physics.land_surface.outputs import Plants, TileHeat, fluxes_of_step, tile_heat
from jules_ml.physics.land_surface.presence import of_present_tiles
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.saturation import saturation_humidity
from jules_ml.physics.land_surface.state import LandForcing, LandSurfaceFluxes, LandSurfaceState
from jules_ml.physics.land_surface.tile_exchange import LEAST_WIND, evaporate, exchange_with_air, unloading
from jules_ml.physics.land_surface.water import tile_water
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snow import SnowCover
from jules_ml.physics.snowpack.state import SnowFluxes, SnowInputs, SnowSoil, SnowState, SnowTiles
from jules_ml.physics.snowpack.step import snow_step
from jules_ml.physics.snowpack.surface import has_layers, surface_snow_depth

#: Fraction of shortwave radiation that plants can use [1].
PAR_FRACTION: Final = 0.5


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
    new, boundary, fluxes = exchange_step(state, forcing, soil, surface, plants, timestep=timestep)
    new, fluxes = of_present_tiles(surface.frac, state, new, fluxes)
    return new, boundary, fluxes


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
    albedo = tile_albedo(state.tstar, depth, state.snow.rgrain, forcing.cosz, surface)
    sw_net = (1.0 - albedo) * forcing.sw_down
    conductance = surface_conductance(plants.fluxes.gc, plants.stress, soil, surface)
    exchange = exchange_with_air(state, forcing, soil, surface, conductance.gc, sw_net, depth, timestep=timestep)
    solution = evaporate(state, surface, conductance, exchange, timestep=timestep)
    heat = tile_heat(solution, state.tstar, sw_net, forcing.lw_down, exchange.ground, timestep=timestep)
    unload = unloading(exchange.wind_10m, surface)
    snow, from_snow = _snow(state, forcing, soil, surface, snow_tiles, solution, heat, unload, timestep=timestep)
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
    outputs = fluxes_of_step(new, surface, solution, heat, water, from_snow, plants, exchange, albedo, ext)
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


def _snow(
    state: LandSurfaceState,
    forcing: LandForcing,
    soil: SoilBelow,
    surface: LandSurface,
    snow_tiles: SnowTiles,
    solution: SurfaceSolution,
    heat: TileHeat,
    unload: Tensor,
    *,
    timestep: float,
) -> tuple[SnowState, SnowFluxes]:
    """Step the snow with the fluxes of the surface."""
    inputs = SnowInputs(
        snowfall=forcing.tot_snow,
        rain=forcing.tot_rain,
        ei=solution.sources.ei,
        melt=solution.melt,
        snowinc=solution.snowinc,
        surf_htf=heat.surf_ht_flux,
        tstar=solution.tstar,
        unload_backgrnd=unload,
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
    return snow_step(state.snow, inputs, below, snow_tiles, surface.snow, surface.switches, timestep=timestep)
