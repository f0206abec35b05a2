"""Weather, state and outputs of JULES's land surface."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from jules_ml.physics.snowpack.state import SnowState


class LandForcing(NamedTuple):
    """Weather over one step, tensors of shape (column,), by the names of JULES's driving variables.

    ``sw_down``, ``lw_down`` [W m-2]; ``tot_rain``, ``tot_snow`` [kg m-2 s-1]; ``t_air`` [K]; ``wind`` [m s-1]; ``pstar`` [Pa];
    ``q`` [kg kg-1]; ``cosz`` [1] cosine of the solar zenith angle, 1 without ``l_cosz``; ``diff_frac`` [1] diffuse fraction of shortwave
    radiation. ``lai`` [1] and ``canht`` [m], shape (pft, column), are leaf area and height of this step where they vary in time; without
    them those of the :class:`~jules_ml.physics.land_surface.properties.LandSurface` are used. ``litter`` [kg m-2 s-1], shape (column,), is
    the litter fall where it varies in time.
    """

    sw_down: Tensor
    lw_down: Tensor
    tot_rain: Tensor
    tot_snow: Tensor
    t_air: Tensor
    wind: Tensor
    pstar: Tensor
    q: Tensor
    cosz: Tensor
    diff_frac: Tensor
    lai: Tensor | None = None
    canht: Tensor | None = None
    litter: Tensor | None = None


class LandSurfaceState(NamedTuple):
    """State of the surface between steps.

    ``tstar`` [K] surface temperature and ``canopy`` [kg m-2] water on leaves, shape (tile, column); ``gs`` [m s-1] conductance of the grid
    box to evaporation, shape (column,), with which JULES starts the iteration of leaf conductance; ``snow`` its snow.
    """

    tstar: Tensor
    canopy: Tensor
    gs: Tensor
    snow: SnowState


class LandSurfaceFluxes(NamedTuple):
    """Outputs of one step by JULES's output names.

    Means over the grid box, shape (column,): water [kg m-2 s-1] ``ecan_gb`` evaporation from leaves, ``esoil_gb`` from soil and plants,
    ``et_stom_gb`` the part of it that passes through stomata, ``ei_gb`` sublimation, ``fqw_gb`` all of them and evaporation of lakes,
    ``tfall`` throughfall, ``snow_melt_gb``, ``infiltration`` into the soil, ``surf_roff`` infiltration excess, ``ext`` extraction from the
    soil layers, shape (layer, column). Heat [W m-2] ``surf_ht_flux_gb`` into the surface, ``snow_soil_htf_gb`` into the soil, ``ftl_gb``
    sensible, ``latent_heat``, ``rad_net``, of which ``sw_net`` is shortwave. Carbon
    [kg C m-2 s-1] ``gpp_gb``, ``npp_gb``, ``resp_p_gb``. ``tstar_gb`` [K]; ``canopy_gb``, ``snow_mass_gb`` [kg m-2]; ``snow_depth_gb``
    [m]; ``gs`` [m s-1]; ``fsmc_gb`` [1] mean soil moisture stress over the PFTs.

    Shape (tile, column): ``tstar``, ``ftl``, ``le``, ``fqw``, ``ecan``, ``esoil``, ``ei``, ``elake``, ``gc`` [m s-1], ``rad_net_tile``,
    ``surf_ht_flux``, ``snow_soil_htf`` [W m-2], ``snow_melt``, ``canopy``, ``snow_can``, ``snow_grnd``, ``snow_mass`` [kg m-2],
    ``snow_depth`` [m], ``albedo`` [1]. Shape (pft, column): ``gpp``, ``npp``, ``resp_p``, ``fsmc``.
    """

    ext: Tensor
    ecan_gb: Tensor
    esoil_gb: Tensor
    et_stom_gb: Tensor
    ei_gb: Tensor
    fqw_gb: Tensor
    tfall: Tensor
    snow_melt_gb: Tensor
    infiltration: Tensor
    surf_roff: Tensor
    surf_ht_flux_gb: Tensor
    snow_soil_htf_gb: Tensor
    ftl_gb: Tensor
    latent_heat: Tensor
    rad_net: Tensor
    sw_net: Tensor
    gpp_gb: Tensor
    npp_gb: Tensor
    resp_p_gb: Tensor
    fsmc_gb: Tensor
    tstar_gb: Tensor
    canopy_gb: Tensor
    snow_mass_gb: Tensor
    snow_depth_gb: Tensor
    gs: Tensor
    tstar: Tensor
    ftl: Tensor
    le: Tensor
    fqw: Tensor
    ecan: Tensor
    esoil: Tensor
    ei: Tensor
    elake: Tensor
    gc: Tensor
    rad_net_tile: Tensor
    surf_ht_flux: Tensor
    snow_soil_htf: Tensor
    snow_melt: Tensor
    canopy: Tensor
    snow_can: Tensor
    snow_grnd: Tensor
    snow_mass: Tensor
    snow_depth: Tensor
    albedo: Tensor
    gpp: Tensor
    npp: Tensor
    resp_p: Tensor
    fsmc: Tensor
