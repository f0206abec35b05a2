"""Heat of the tiles at the end of a step, and the outputs by JULES's names."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy import CanopyFluxes, WaterStress
from jules_ml.physics.constants import LC, LF, SBCON
from jules_ml.physics.land_surface.energy import Ground
from jules_ml.physics.land_surface.evaporation import SurfaceSolution, transpiration
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandSurfaceFluxes, LandSurfaceState
from jules_ml.physics.land_surface.tile_exchange import Exchange
from jules_ml.physics.land_surface.water import TileWater
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.state import SnowFluxes


class Plants(NamedTuple):
    """Plants of a step: ``fluxes``, conductance and carbon of the canopies, and ``stress`` of soil moisture."""

    fluxes: CanopyFluxes
    stress: WaterStress


class TileHeat(NamedTuple):
    """Heat fluxes of the tiles at the end of a step [W m-2], shape (tile, column); ``sw_net`` is part of ``rad_net``."""

    rad_net: Tensor
    sw_net: Tensor
    le: Tensor
    surf_ht_flux: Tensor


def tile_heat(
    solution: SurfaceSolution, tstar_old: Tensor, sw_net: Tensor, lw_down: Tensor, ground: Ground, *, timestep: float
) -> TileHeat:
    """Net radiation, latent heat and the heat into the ground, which closes the balance.

    Parameters
    ----------
    solution : SurfaceSolution
        Surface at the end of the step.
    tstar_old : Tensor, shape (tile, column)
        Surface temperature at its start [K].
    sw_net : Tensor, shape (tile, column)
        Absorbed shortwave radiation [W m-2].
    lw_down : Tensor, shape (column,)
        Downward longwave radiation [W m-2].
    ground : Ground
        Heat capacity and emissivity of the surface.
    timestep : float
        Length of the step [s].

    Returns
    -------
    TileHeat

    References
    ----------
    JULES routine ``jules_land_sf_implicit``.
    """
    squared = solution.tstar * solution.tstar
    rad_net = sw_net + ground.emis * lw_down - ground.emis * SBCON * squared * squared
    sources = solution.sources
    le = LC * (sources.ecan + sources.esoil + sources.elake) + (LC + LF) * sources.ei
    stored = ground.canhc * (1.0 / timestep) * (solution.tstar - tstar_old)
    return TileHeat(rad_net, sw_net, le, rad_net - solution.ftl - le - LF * solution.melt - stored)


def fluxes_of_step(
    new: LandSurfaceState,
    surface: LandSurface,
    solution: SurfaceSolution,
    heat: TileHeat,
    water: TileWater,
    from_snow: SnowFluxes,
    plants: Plants,
    exchange: Exchange,
    albedo: Tensor,
    ext: Tensor,
) -> LandSurfaceFluxes:
    """Outputs of a step.

    Parameters
    ----------
    new : LandSurfaceState
        At the end of the step.
    surface : LandSurface
        Tiles.
    solution : SurfaceSolution
        Evaporation and sensible heat.
    heat : TileHeat
        Heat fluxes.
    water : TileWater
        Throughfall and runoff.
    from_snow : SnowFluxes
        Water and heat out of the snow.
    plants : Plants
        Carbon and water stress.
    exchange : Exchange
        Conductance of the surface and of the air.
    albedo : Tensor, shape (tile, column)
        [1].
    ext : Tensor, shape (layer, column)
        Extraction from the soil [kg m-2 s-1].

    Returns
    -------
    LandSurfaceFluxes
    """
    frac, sources, carbon, n_pft = surface.frac, solution.sources, plants.fluxes, surface.n_pft
    fqw = sources.ecan + sources.esoil + sources.ei + sources.elake

    def gridbox(x: Tensor) -> Tensor:
        return sum_over_layers(frac[: x.shape[0]] * x)

    stomata = transpiration(
        sources.esoil[:n_pft],
        carbon.gc,
        exchange.resistance.resfs[:n_pft],
        exchange.rhokh[:n_pft] / exchange.air.rho,
    )
    tfall, surf_roff = gridbox(water.tfall), gridbox(water.surf_roff)
    tiles = _tile_outputs(new, surface, solution, heat, from_snow, fqw)
    return LandSurfaceFluxes(
        ext=ext,
        ecan_gb=gridbox(sources.ecan),
        esoil_gb=gridbox(sources.esoil),
        et_stom_gb=gridbox(stomata),
        ei_gb=gridbox(sources.ei),
        fqw_gb=gridbox(fqw),
        tfall=tfall,
        snow_melt_gb=from_snow.snow_melt,
        infiltration=tfall + from_snow.snow_melt - surf_roff,
        surf_roff=surf_roff,
        surf_ht_flux_gb=gridbox(heat.surf_ht_flux),
        snow_soil_htf_gb=from_snow.surf_ht_flux,
        ftl_gb=gridbox(solution.ftl),
        latent_heat=gridbox(heat.le),
        rad_net=gridbox(heat.rad_net),
        sw_net=gridbox(heat.sw_net),
        gpp_gb=gridbox(carbon.gpp),
        npp_gb=gridbox(carbon.npp),
        resp_p_gb=gridbox(carbon.resp_p),
        fsmc_gb=gridbox(plants.stress.fsmc),
        tstar_gb=gridbox(new.tstar),
        canopy_gb=gridbox(new.canopy),
        snow_mass_gb=from_snow.lying_snow,
        snow_depth_gb=gridbox(new.snow.snowdepth),
        gs=new.gs,
        **tiles,
        gc=exchange.gc,
        albedo=albedo,
        gpp=carbon.gpp,
        npp=carbon.npp,
        resp_p=carbon.resp_p,
        fsmc=plants.stress.fsmc,
    )


def _tile_outputs(
    new: LandSurfaceState,
    surface: LandSurface,
    solution: SurfaceSolution,
    heat: TileHeat,
    from_snow: SnowFluxes,
    fqw: Tensor,
) -> dict[str, Tensor]:
    """Outputs of the tiles, shape (tile, column)."""
    snow, on_canopy = new.snow, surface.tiles.cansnow
    return {
        "tstar": new.tstar,
        "ftl": solution.ftl,
        "le": heat.le,
        "fqw": fqw,
        "ecan": solution.sources.ecan,
        "esoil": solution.sources.esoil,
        "ei": solution.sources.ei,
        "elake": solution.sources.elake,
        "rad_net_tile": heat.rad_net,
        "surf_ht_flux": heat.surf_ht_flux,
        "snow_soil_htf": from_snow.snow_soil_htf,
        "snow_melt": from_snow.melt,
        "canopy": new.canopy,
        "snow_can": torch.where(on_canopy, snow.snow_tile, 0.0),
        "snow_grnd": torch.where(on_canopy, snow.snow_grnd, snow.snow_tile),
        "snow_mass": snow.snow_tile + torch.where(on_canopy, snow.snow_grnd, 0.0),
        "snow_depth": snow.snowdepth,
    }
