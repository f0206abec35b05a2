"""Variables of the surface scheme: weather, state, properties and fluxes of the tiles.

Names are JULES's. Tiles come first and columns last in the shape of every tensor.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from jules_ml.physics.photosynthesis import LeafParameters


class Forcing(NamedTuple):
    """Weather over one step, tensors of shape (...), by the names of JULES's driving variables.

    ``sw_down``, ``lw_down`` [W m-2]; ``tot_rain``, ``tot_snow`` [kg m-2 s-1]; ``t_air`` [K]; ``wind`` [m s-1]; ``pstar`` [Pa];
    ``q`` [kg kg-1].
    """

    sw_down: Tensor
    lw_down: Tensor
    tot_rain: Tensor
    tot_snow: Tensor
    t_air: Tensor
    wind: Tensor
    pstar: Tensor
    q: Tensor


class SurfaceState(NamedTuple):
    """State of the tiles between steps, tensors of shape (tile, ...).

    ``tstar`` [K] surface temperature; ``canopy`` [kg m-2] water on leaves; ``snow`` [kg m-2] snow mass; ``gc`` [m s-1] canopy conductance,
    which sets the humidity deficit at the leaf in the next step.
    """

    tstar: Tensor
    canopy: Tensor
    snow: Tensor
    gc: Tensor


class SurfaceProperties(NamedTuple):
    """Properties of the tiles, tensors of shape (tile, ...), from :func:`jules_ml.physics.tiles.surface_properties`.

    ``frac`` [1] fraction of the grid box; ``lai`` [1] leaf area index; ``albedo``, ``albedo_snow`` [1] without snow and under deep cold
    snow; ``emis`` [1] emissivity; ``z0`` [m] roughness length for momentum; ``log_m``, ``log_h`` [1] logarithms of the neutral profiles of
    momentum and heat; ``catch`` [kg m-2] canopy capacity; ``canhc`` [J m-2 K-1] heat capacity of the canopy; ``vfrac`` [1] fraction of the
    ground under leaves; ``fsoil`` [1] fraction of the bare-soil conductance that remains under leaves; ``infil`` [1] infiltration
    capacity as a multiple of the soil's saturated conductivity; ``f_root`` [1] fraction of roots, shape (tile, layer, ...); ``leaf``
    photosynthesis parameters.
    """

    frac: Tensor
    lai: Tensor
    albedo: Tensor
    albedo_snow: Tensor
    emis: Tensor
    z0: Tensor
    log_m: Tensor
    log_h: Tensor
    catch: Tensor
    canhc: Tensor
    vfrac: Tensor
    fsoil: Tensor
    infil: Tensor
    f_root: Tensor
    leaf: LeafParameters


class SurfaceSoil(NamedTuple):
    """Soil layers beneath the surface, tensors of shape (layer, ...) or broadcastable.

    ``liquid`` [m3 m-3] unfrozen water content; ``sthf`` [1] ice as a fraction of saturation; ``t_soil`` [K]; ``sm_sat``, ``sm_crit``,
    ``sm_wilt`` [m3 m-3]; ``hcon`` [W m-1 K-1] of dry soil; ``dzsoil`` [m] thickness.
    """

    liquid: Tensor
    sthf: Tensor
    t_soil: Tensor
    sm_sat: Tensor
    sm_crit: Tensor
    sm_wilt: Tensor
    hcon: Tensor
    dzsoil: Tensor


class SurfaceFluxes(NamedTuple):
    """Grid-box means over one step by JULES's output names, tensors of shape (...); ``ext`` has shape (layer, ...).

    Water [kg m-2 s-1]: ``ext`` extraction from the soil layers, ``ecan_gb`` evaporation from leaves, ``esoil_gb`` from soil and plants,
    ``ei_gb`` sublimation, ``fqw_gb`` the sum of the three, ``tfall`` throughfall, ``snow_melt_gb``, ``infiltration`` into the soil,
    ``surf_roff`` infiltration excess. Heat [W m-2]: ``surf_ht_flux_gb`` into the soil, ``ftl_gb`` sensible heat, ``latent_heat``,
    ``rad_net``, of which ``sw_net`` is shortwave. ``gpp_gb`` [kg C m-2 s-1]; ``fsmc_gb`` [1] soil moisture stress; ``tstar_gb`` [K];
    ``canopy_gb``, ``snow_mass_gb``
    [kg m-2]; ``snow_depth_gb`` [m].
    """

    ext: Tensor
    ecan_gb: Tensor
    esoil_gb: Tensor
    ei_gb: Tensor
    fqw_gb: Tensor
    tfall: Tensor
    snow_melt_gb: Tensor
    infiltration: Tensor
    surf_roff: Tensor
    surf_ht_flux_gb: Tensor
    ftl_gb: Tensor
    latent_heat: Tensor
    rad_net: Tensor
    sw_net: Tensor
    gpp_gb: Tensor
    fsmc_gb: Tensor
    tstar_gb: Tensor
    canopy_gb: Tensor
    snow_mass_gb: Tensor
    snow_depth_gb: Tensor
