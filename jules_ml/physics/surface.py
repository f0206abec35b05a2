r"""The land surface above the soil column: energy balance, evaporation, interception and snow, tile by tile.

JULES's scheme in its essentials: each tile (a plant type or bare soil) has its own skin temperature, canopy water and snow; its energy
balance is linearised about the last skin temperature and solved implicitly; what leaves the soil is drawn from the layers by roots and
bare soil. Two things are simpler than in JULES, and said here: the stability correction is the explicit one of MOSES 2 in place of
Monin-Obukhov iteration, and the canopy is sampled at three depths in place of ten.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Clark et al. (2011), Geosci. Model Dev. 4, 701-722;
Essery et al. (2003), J. Hydrometeorol. 4, 530-543, for MOSES 2's surface exchange.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, LC, LF, REPSILON, RHO_WATER, SBCON, TM, VKMAN, G, R
from jules_ml.physics.evaporation import bare_soil_conductance, soil_moisture_stress
from jules_ml.physics.humidity import specific_humidity_saturation
from jules_ml.physics.interception import infiltration_excess_point, throughfall_point
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.photosynthesis import LeafParameters, canopy_conductance
from jules_ml.physics.snow import insulated_conductance, snow_albedo, snow_depth, snow_melt
from jules_ml.physics.thermal import soil_thermal_conductivity

#: Share of shortwave radiation that plants can use.
PAR_FRACTION = 0.5
#: Least wind speed [m s-1]: turbulence does not cease in calm air.
WIND_MIN = 0.1
#: Resistance of the air within a canopy, times friction velocity [1].
CANOPY_AIR_RESISTANCE = 43.0


class Forcing(NamedTuple):
    """Weather over one step, tensors of shape (...), under JULES's driving names.

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
    """What a tile carries from step to step, tensors of shape (tile, ...).

    ``tstar`` [K] skin temperature; ``canopy`` [kg m-2] water on leaves; ``snow`` [kg m-2]; ``gc`` [m s-1] canopy conductance, which
    sets the humidity at the leaf in the next step.
    """

    tstar: Tensor
    canopy: Tensor
    snow: Tensor
    gc: Tensor


class SurfaceProperties(NamedTuple):
    """What a tile is, tensors of shape (tile, ...): see :func:`jules_ml.physics.tiles.surface_properties`, which makes them.

    ``frac`` [1]; ``lai`` [1]; ``albedo``, ``albedo_snow`` [1]; ``emis`` [1]; ``z0`` [m]; ``log_m``, ``log_h`` neutral profiles' logarithms
    [1]; ``catch`` [kg m-2]; ``canhc`` [J m-2 K-1]; ``vfrac`` [1] share of the ground under leaves; ``fsoil`` [1] share of bare-soil
    evaporation; ``infil`` [1] of the soil's conductivity; ``f_root`` [1], shape (tile, layer, ...); ``leaf``.
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


class SurfaceFluxes(NamedTuple):
    """Gridbox means over one step, tensors of shape (...), but for ``ext`` of shape (layer, ...); JULES's output names.

    Water [kg m-2 s-1]: ``ext``, ``ecan_gb``, ``esoil_gb``, ``ei_gb`` (sublimation), ``fqw_gb`` (their sum), ``tfall``, ``snow_melt_gb``,
    ``infiltration`` (what reaches the soil), ``surf_roff`` (infiltration excess). Heat [W m-2]: ``surf_ht_flux_gb`` into the soil,
    ``ftl_gb``, ``latent_heat``, ``rad_net``. ``gpp_gb`` [kg C m-2 s-1]; ``fsmc_gb`` [1]; ``tstar_gb`` [K]; ``canopy_gb``,
    ``snow_mass_gb`` [kg m-2]; ``snow_depth_gb`` [m].
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
    gpp_gb: Tensor
    fsmc_gb: Tensor
    tstar_gb: Tensor
    canopy_gb: Tensor
    snow_mass_gb: Tensor
    snow_depth_gb: Tensor


def transfer_coefficient(
    t_air: Tensor, tstar: Tensor, wind: Tensor, z0: Tensor, log_m: Tensor, log_h: Tensor, *, height: float | Tensor
) -> Tensor:
    r"""Bulk transfer coefficient for heat and vapour, with MOSES 2's explicit stability correction.

    .. math::

        C_H = f_h C_{Hn}, \quad C_{Hn} = \frac{k^2}{\ln(z/z_0)\ln(z/z_{0h})}, \quad
        f_h = \begin{cases}(1 + 10\,Ri/Pr)^{-1} & Ri \ge 0\\ 1 - 10\,Ri\,(1 + 10\,C_{Hn}\sqrt{-Ri}/f_z)^{-1} & Ri < 0\end{cases}

    with :math:`Pr = \ln(z/z_0)/\ln(z/z_{0h})` and :math:`f_z = \tfrac14\sqrt{z_0/z}`; :math:`z` is ``height`` and :math:`z_0` together.

    Parameters
    ----------
    t_air, tstar : Tensor
        Temperature of air and surface [K].
    wind : Tensor
        [m s-1], at least :data:`WIND_MIN`.
    z0, log_m, log_h : Tensor
        Roughness length [m], and the logarithms :math:`\ln(z/z_0)`, :math:`\ln(z/z_{0h})` [1].
    height : float or Tensor, shape (column,)
        Measurement height above the roughness length's origin [m].

    Returns
    -------
    Tensor
        [1].

    References
    ----------
    Essery et al. (2003), eqs 9-13.
    """
    neutral = VKMAN**2 / (log_m * log_h)
    richardson = G * height * (t_air + (G / CP) * height - tstar) / (t_air * wind * wind)
    stable = 1.0 / (1.0 + 10.0 * richardson.clamp(min=0.0) * log_h / log_m)
    # the offset keeps the root's gradient finite in neutral air
    root = torch.sqrt((-richardson).clamp(min=0.0) + 1e-12)
    unstable = 1.0 - 10.0 * richardson / (1.0 + 10.0 * neutral * root * 4.0 * torch.sqrt((height + z0) / z0))
    return neutral * torch.where(richardson >= 0.0, stable, unstable)


#: Depth of soil whose water can evaporate within a step [m] (``zsmc``).
ZSMC = 1.0


def _available_water(liquid: Tensor, sm_wilt: Tensor, dzsoil: Tensor) -> Tensor:
    """Liquid water above the wilting point in the top metre [kg m-2], none less than 0."""
    bottom = dzsoil.cumsum(0)
    within = torch.minimum(dzsoil, (ZSMC - (bottom - dzsoil)).clamp(min=0.0))
    return RHO_WATER * sum_over_layers(within * (liquid - sm_wilt)).clamp(min=0.0)


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
    co2: float,
    height: float | Tensor,
    timestep: float,
    soilhc_method: int = 2,
) -> tuple[SurfaceState, SurfaceFluxes]:
    r"""Solve the energy balance of every tile for one step, and share out its water.

    The skin temperature of each tile follows from

    .. math::

        \frac{C_c}{\Delta t}\Delta T_* = (1-\alpha)S_\downarrow + \epsilon(L_\downarrow - \sigma T_*^4) - H - \lambda E - G - L_f M

    linearised about the start of the step. Heat into the soil :math:`G` is what remains once the other terms are known, so that the
    balance closes to rounding.

    Parameters
    ----------
    state : SurfaceState
    forcing : Forcing
    smcl, sthf, t_soil : Tensor, shape (layer, ...)
        Soil water [kg m-2], ice as a fraction of saturation [1], temperature [K].
    sm_sat, sm_crit, sm_wilt, satcon, hcon : Tensor, shape (layer, ...) or broadcastable
        Soil properties [m3 m-3, kg m-2 s-1, W m-1 K-1].
    dzsoil : Tensor, shape (layer, 1) or (layer,)
        [m].
    surface : SurfaceProperties
    co2 : float
        Mole fraction of carbon dioxide [1].
    height : float
        Height of the forcing [m].
    timestep : float
        [s].
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.

    Returns
    -------
    SurfaceState, SurfaceFluxes

    References
    ----------
    Best et al. (2011), sections 2-4; Essery et al. (2003).
    """
    wind = forcing.wind.clamp(min=WIND_MIN)
    rho = forcing.pstar / (R * forcing.t_air)
    tstar = state.tstar
    depth = snow_depth(state.snow)
    snowy = state.snow > 0.0

    # --- exchange with the air
    ch = transfer_coefficient(forcing.t_air, tstar, wind, surface.z0, surface.log_m, surface.log_h, height=height)
    rate = 1.0 / timestep
    conductance_air = ch * wind  # m s-1
    rhokh = rho * conductance_air
    qsat = specific_humidity_saturation(tstar, forcing.pstar)
    # Clausius-Clapeyron's slope of saturation humidity
    latent = torch.where(snowy, LC + LF, LC)
    slope = qsat * (REPSILON / R) * latent / (tstar * tstar)
    deficit = qsat - forcing.q

    # --- water that soil and roots yield
    liquid = smcl / (RHO_WATER * dzsoil) - sthf * sm_sat
    stress = soil_moisture_stress(liquid, sm_wilt, sm_crit)
    uptake = [surface.f_root[:, n] * stress[n] for n in range(smcl.shape[0])]
    fsmc = sum_over_layers(uptake)
    dq_leaf = deficit.clamp(min=0.0) / (1.0 + state.gc / conductance_air)
    canopy = canopy_conductance(
        tstar, PAR_FRACTION * forcing.sw_down, dq_leaf, forcing.pstar, co2, fsmc, surface.lai, surface.leaf
    )
    # with no water in reach of the roots there is nothing for even closed stomata to lose
    gc = torch.where(fsmc > 0.0, canopy.gc, 0.0)
    bare = surface.fsoil * bare_soil_conductance(liquid[0], sm_crit[0])
    gs = gc + bare
    dry_share = gs / (gs + conductance_air)
    potential = (rhokh * deficit * timestep).clamp(min=0.0)
    wet = (state.canopy / (potential + surface.catch).clamp(min=1e-6)).clamp(max=1.0)
    condensing = deficit <= 0.0
    wet = torch.where(snowy | condensing, 1.0, wet)
    yielded = wet + (1.0 - wet) * dry_share

    # --- energy balance, linearised about the last skin temperature
    albedo = snow_albedo(surface.albedo, surface.albedo_snow, depth, tstar)
    radiance = surface.emis * SBCON * tstar * tstar * tstar
    rad_net = (1.0 - albedo) * forcing.sw_down + surface.emis * forcing.lw_down - radiance * tstar
    sensible = CP * rhokh * (tstar - forcing.t_air - (G / CP) * height)
    evaporation = yielded * rhokh * deficit
    under = soil_thermal_conductivity(hcon[0], liquid[0] / sm_sat[0], sthf[0], sm_sat[0], method=soilhc_method)
    ground = insulated_conductance(2.0 * under / dzsoil[0], under, depth, dzsoil[0]) * (1.0 - surface.vfrac)
    within = surface.vfrac * rho * wind * (CP * VKMAN / CANOPY_AIR_RESISTANCE) / surface.log_m
    squared = t_soil[0] * t_soil[0]
    soil_radiance = SBCON * squared * squared
    to_soil = (ground + within) * (tstar - t_soil[0]) + surface.vfrac * (
        radiance * tstar - surface.emis * soil_radiance
    )
    stiffness = (
        CP * rhokh
        + latent * yielded * rhokh * slope
        + 4.0 * radiance * (1.0 + surface.vfrac)
        + within
        + ground
        + surface.canhc * rate
    )
    softness = torch.reciprocal(stiffness)
    dtstar = (rad_net - sensible - latent * evaporation - to_soil) * softness
    evaporation = evaporation + yielded * rhokh * slope * dtstar

    # --- who pays for the evaporation: snow, wet leaves, soil; none gives more than it has
    warm = tstar + dtstar >= TM
    upward = evaporation.clamp(min=0.0)
    frost_or_dew = evaporation.clamp(max=0.0)
    sublimation = torch.where(snowy, torch.minimum(upward, state.snow * rate), 0.0)
    # bare ground without a drop of water yields nothing: 0/0 unless the divisor is kept above zero
    off_leaves = torch.where(snowy, 0.0, upward * wet / yielded.clamp(min=1e-12))
    within_reach = torch.minimum(off_leaves, state.canopy * rate)
    from_soil = torch.where(snowy, 0.0, upward - off_leaves + dry_share * (off_leaves - within_reach))
    available = _available_water(liquid, sm_wilt, dzsoil) * rate
    from_soil = torch.minimum(from_soil, available)
    from_leaves = within_reach + torch.where(warm & ~snowy, frost_or_dew, 0.0)
    sublimation = sublimation + torch.where(warm & ~snowy, 0.0, frost_or_dew)
    latent_paid = LC * (from_leaves + from_soil) + (LC + LF) * sublimation
    dtstar = dtstar - (latent_paid - latent * evaporation) * softness

    # --- melt
    lying = state.snow - sublimation * timestep
    melt = snow_melt(tstar + dtstar, lying, stiffness, timestep=timestep)
    dtstar = dtstar + melt.dtstar
    tstar_new = tstar + dtstar
    rad_net = rad_net - 4.0 * radiance * dtstar
    sensible = sensible + CP * rhokh * dtstar
    surf_ht_flux = rad_net - sensible - latent_paid - LF * melt.rate - surface.canhc * rate * dtstar
    snow_new = lying + (forcing.tot_snow - melt.rate) * timestep

    # --- rain through the leaves to the soil
    emptied = state.canopy - from_leaves.clamp(min=0.0) * timestep
    wetting = forcing.tot_rain - from_leaves.clamp(max=0.0)
    tfall = throughfall_point(wetting, emptied, surface.catch, timestep=timestep)
    canopy_new = emptied + (wetting - tfall) * timestep
    reaching = tfall + melt.rate
    excess = infiltration_excess_point(reaching, surface.infil * satcon[0])

    def gridbox(x: Tensor) -> Tensor:
        return sum_over_layers(surface.frac * x)

    transpiration = from_soil * gc / gs.clamp(min=1e-12)
    share = transpiration / fsmc.clamp(min=1e-12)
    ext = [gridbox(share * u) for u in uptake]
    ext[0] = ext[0] + gridbox(from_soil - transpiration)
    ecan_gb, esoil_gb, ei_gb = gridbox(from_leaves), gridbox(from_soil), gridbox(sublimation)
    melt_gb, tfall_gb, surf_roff = gridbox(melt.rate), gridbox(tfall), gridbox(excess)
    return (
        SurfaceState(tstar=tstar_new, canopy=canopy_new, snow=snow_new, gc=gc),
        SurfaceFluxes(
            ext=torch.stack(ext),
            ecan_gb=ecan_gb,
            esoil_gb=esoil_gb,
            ei_gb=ei_gb,
            fqw_gb=ecan_gb + esoil_gb + ei_gb,
            tfall=tfall_gb,
            snow_melt_gb=melt_gb,
            infiltration=tfall_gb + melt_gb - surf_roff,
            surf_roff=surf_roff,
            surf_ht_flux_gb=gridbox(surf_ht_flux),
            ftl_gb=gridbox(sensible),
            latent_heat=gridbox(latent_paid),
            rad_net=gridbox(rad_net),
            gpp_gb=gridbox(canopy.gpp),
            fsmc_gb=gridbox(fsmc),
            tstar_gb=gridbox(tstar_new),
            canopy_gb=gridbox(canopy_new),
            snow_mass_gb=gridbox(snow_new),
            snow_depth_gb=gridbox(snow_depth(snow_new)),
        ),
    )
