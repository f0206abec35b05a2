r"""Evaporation by source, limited by the water there is, and melt of snow, after the energy balance.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, sections 2 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, LC, LF, RHO_WATER, TM
from jules_ml.physics.land_surface.energy import Air, Balance
from jules_ml.physics.land_surface.properties import TileProperties
from jules_ml.physics.land_surface.resistance import Resistance, WetSurface
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches

#: Half of the precision of JULES's numbers.
HALF_EPSILON: Final = 2.0**-24


class Sources(NamedTuple):
    """Evaporation of the tiles [kg m-2 s-1], shape (tile, column): from leaves, soil and plants, snow and lakes."""

    ecan: Tensor
    esoil: Tensor
    ei: Tensor
    elake: Tensor


class SurfaceSolution(NamedTuple):
    """Surface at the end of its energy balance, shape (tile, column).

    ``tstar`` [K]; ``ftl`` [W m-2] sensible heat; ``sources`` evaporation; ``melt`` [kg m-2 s-1] of snow by the surface; ``snowinc``
    [kg m-2] change of snow by melt and sublimation.
    """

    tstar: Tensor
    ftl: Tensor
    sources: Sources
    melt: Tensor
    snowinc: Tensor


def partition_evaporation(
    balance: Balance,
    tstar: Tensor,
    wet: WetSurface,
    resistance: Resistance,
    tiles: TileProperties,
    *,
    timestep: float,
    l_fix_neg_snow: bool,
) -> tuple[Sources, Tensor]:
    """Split evaporation by source, and limit it by the water on leaves and the snow.

    Parameters
    ----------
    balance : Balance
        Solution of the energy balance.
    tstar : Tensor, shape (tile, column)
        Surface temperature of that solution [K].
    wet : WetSurface
        Water and snow at the start of the step.
    resistance : Resistance
        Of evaporation.
    tiles : TileProperties
        Lakes.
    timestep : float
        Length of the step [s].
    l_fix_neg_snow : bool
        JULES's correction of evaporation from little snow.

    Returns
    -------
    Sources
        Evaporation by source.
    Tensor, shape (tile, column)
        Latent heat of the energy balance [W m-2], before the limits.

    References
    ----------
    Best et al. (2011), section 2.2; JULES routine ``sf_evap``.
    """
    fqw, flake, land = balance.fqw, tiles.flake, 1.0 - tiles.flake
    inverse = 1.0 / timestep
    snowy, yields = wet.snow > 0.0, resistance.resft > 0.0
    potential = fqw / torch.where(yields, resistance.resft, 1.0)
    frozen = tstar < TM
    condenses = ~(fqw > 0.0)
    if l_fix_neg_snow:
        wet_part = resistance.fracaero_t - resistance.fracaero_s
        ecan = torch.where(yields, land * wet_part * potential, 0.0)
        ei = torch.where(snowy & yields, land * resistance.fracaero_s * potential, 0.0)
        latent = LC * fqw + LF * ei
        # the rate is that of the snow, not a difference of rates, so that nothing is left of snow that is lost
        rate = wet.snow * inverse
        beyond = snowy & (ei * timestep > wet.snow)
        ecan, ei = torch.where(beyond, ecan + ei - rate, ecan), torch.where(beyond, rate, ei)
    else:
        latent = torch.where(snowy, LC + LF, LC) * fqw
        ei = torch.where(snowy, torch.minimum(fqw, wet.snow * inverse), 0.0)
        remaining = fqw - ei
        potential = remaining / torch.where(yields, resistance.resft, 1.0)
        condenses = ~(remaining > 0.0)
        ecan = torch.where(condenses, 0.0, land * resistance.fracaero_t * potential)
    # leaves give what they hold; soil and plants give part of the rest
    rate = wet.canopy * inverse
    short = ecan * timestep > wet.canopy
    esoil = resistance.resfs * (land * (1.0 - resistance.fracaero_t) * potential + torch.where(short, ecan - rate, 0.0))
    ecan = torch.where(short, rate, ecan)
    # dew, or frost below the melting point
    settles = condenses & ~snowy
    if l_fix_neg_snow:
        settles = settles | ((fqw < 0.0) & snowy)
    frost, dew = settles & frozen, settles & ~frozen
    ecan = torch.where(dew, land * fqw, torch.where(frost, 0.0, ecan))
    ei = torch.where(frost, fqw, torch.where(dew, 0.0, ei))
    elake = torch.where(dew, flake * fqw, torch.where(frost, 0.0, flake * potential))
    return Sources(ecan, torch.where(condenses, 0.0, esoil), ei, elake), latent


def limit_by_soil(esoil: Tensor, frac: Tensor, smc: Tensor, *, timestep: float) -> Tensor:
    """Limit the evaporation of soil and plants by the water that roots and the surface can reach.

    Parameters
    ----------
    esoil : Tensor, shape (tile, column)
        Evaporation from soil and plants [kg m-2 s-1].
    frac : Tensor, shape (tile, column)
        Fractions of the grid box [1].
    smc : Tensor, shape (column,)
        Water that can be extracted [kg m-2].
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (tile, column)
        [kg m-2 s-1].

    References
    ----------
    JULES routine ``sf_evap``, name ``smc``.
    """
    needed = sum_over_layers(frac * esoil) * timestep
    dry = needed > smc
    return esoil * torch.where(dry, smc / torch.where(dry, needed, 1.0), 1.0)


def transpiration(esoil: Tensor, plant_gc: Tensor, resfs: Tensor, conductance: Tensor) -> Tensor:
    r"""Part of the evaporation of soil and plants that passes through stomata.

    .. math:: E_{stom} = \frac{E}{\psi_s} \frac{g_c}{g_c + C_H U}

    Parameters
    ----------
    esoil : Tensor, shape (pft, column)
        Evaporation from soil and plants :math:`E` [kg m-2 s-1].
    plant_gc : Tensor, shape (pft, column)
        Conductance of the canopies without soil :math:`g_c` [m s-1].
    resfs : Tensor, shape (pft, column)
        Resistance factor of soil and plants :math:`\psi_s` [1], which has the conductance of the soil too.
    conductance : Tensor, shape (pft, column)
        Aerodynamic conductance :math:`C_H U` [m s-1].

    Returns
    -------
    Tensor, shape (pft, column)
        [kg m-2 s-1], at most ``esoil``. JULES does not limit it by the water in the soil, as it does ``esoil``; here both are limited.

    References
    ----------
    JULES routines ``sf_resist`` and ``sf_evap``, name ``et_stom_surft``. It is more than the water that roots extract, which is in
    proportion to the conductances of plants and soil.
    """
    conducts = resfs > 0.0
    factor = plant_gc / (plant_gc + conductance) / torch.where(conducts, resfs, 1.0)
    return esoil * torch.where(conducts, factor, 0.0)


def settle_heat(
    sources: Sources, latent: Tensor, tstar: Tensor, balance: Balance, rhokh: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the heat of evaporation that the sources could not give to the surface and the air.

    Parameters
    ----------
    sources : Sources
        Evaporation after its limits.
    latent : Tensor, shape (tile, column)
        Latent heat of the energy balance [W m-2].
    tstar : Tensor, shape (tile, column)
        Surface temperature of the energy balance [K].
    balance : Balance
        Solution of the energy balance.
    rhokh : Tensor, shape (tile, column)
        Density times aerodynamic conductance [kg m-2 s-1].

    Returns
    -------
    tstar, ftl : Tensor, shape (tile, column)
        Surface temperature [K] and sensible heat [W m-2].

    References
    ----------
    JULES routine ``sf_evap``.
    """
    evaporated = (LC + LF) * sources.ei + LC * (sources.ecan + sources.esoil + sources.elake)
    dtstar = (latent - evaporated) / (CP * rhokh + balance.ashtf_prime)
    return tstar + dtstar, balance.ftl + CP * rhokh * dtstar


def melting_fraction(
    wet: WetSurface, ei: Tensor, snow: SnowParameters, switches: Switches, *, timestep: float
) -> Tensor:
    """Fraction of a tile whose heat melts snow (``frac_snow_subl_melt`` 1): that which the snow covers after sublimation.

    Parameters
    ----------
    wet : WetSurface
        Snow at the start of the step.
    ei : Tensor, shape (tile, column)
        Sublimation [kg m-2 s-1].
    snow : SnowParameters
        ``maskd``, ``rho_snow_const``.
    switches : Switches
        ``l_snowdep_surf``, ``l_fix_snow_frac``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (tile, column)
        [1].

    References
    ----------
    JULES routine ``sf_melt``.
    """
    deep = wet.depth > 0.0
    density = torch.where(deep, wet.snow / torch.where(deep, wet.depth, 1.0), snow.rho_snow_const)
    density = density.clamp(min=snow.rho_snow_const if switches.l_snowdep_surf else 1.0, max=RHO_WATER)
    left = (wet.snow - torch.minimum(wet.snow, ei * timestep)).clamp(min=0.0)
    masked = snow.maskd * left / density
    cover = -torch.expm1(-masked)
    # in JULES's precision, 1 - exp(-x) is 0 for less than this
    return cover if switches.l_fix_snow_frac else torch.where(masked < HALF_EPSILON, 0.0, cover)


def melt_snow(
    tstar: Tensor,
    ftl: Tensor,
    sources: Sources,
    wet: WetSurface,
    air: Air,
    resistance: Resistance,
    balance: Balance,
    rhokh: Tensor,
    *,
    timestep: float,
    l_fix_neg_snow: bool,
    cover: Tensor | float = 1.0,
) -> SurfaceSolution:
    """Melt snow with the heat of a surface above the melting point.

    Parameters
    ----------
    tstar, ftl : Tensor, shape (tile, column)
        Surface temperature [K] and sensible heat [W m-2] before melt.
    sources : Sources
        Evaporation before melt.
    wet : WetSurface
        Snow at the start of the step.
    air : Air
        Slope of saturation humidity.
    resistance : Resistance
        Of evaporation.
    balance : Balance
        Solution of the energy balance.
    rhokh : Tensor, shape (tile, column)
        Density times aerodynamic conductance [kg m-2 s-1].
    timestep : float
        Length of the step [s].
    l_fix_neg_snow : bool
        JULES's correction of evaporation from little snow.
    cover : Tensor, shape (tile, column), or 1
        Fraction of the tile whose heat melts snow [1]; see :func:`melting_fraction`.

    Returns
    -------
    SurfaceSolution

    References
    ----------
    Best et al. (2011), section 4.2; JULES routine ``sf_melt``.
    """
    sublimed = torch.minimum(wet.snow, sources.ei * timestep)
    left = (wet.snow - sublimed).clamp(min=0.0)
    melts = (left > 0.0) & (tstar > TM)
    resft = resistance.resft
    if l_fix_neg_snow:
        lsmelt = (CP + (LF * resistance.fracaero_s + LC * resft) * air.alpha1) * rhokh + balance.ashtf_prime
        lcmelt = lsmelt
    else:
        lcmelt = (CP + LC * air.alpha1 * resft) * rhokh + balance.ashtf_prime
        lsmelt = lcmelt + LF * air.alpha1 * rhokh
    lost = torch.minimum(wet.snow, (lcmelt * (tstar - TM) * cover * (1.0 / LF) + sources.ei) * timestep)
    melt = torch.where(melts, lost * (1.0 / timestep) - sources.ei, 0.0)
    dtstar = -LF * melt / lsmelt
    # the same snow is lost; it is counted as melt or as sublimation after the surface has cooled, as in JULES
    ei = sources.ei + air.alpha1 * resft * rhokh * dtstar
    return SurfaceSolution(
        tstar=tstar + dtstar,
        ftl=ftl + CP * rhokh * dtstar,
        sources=sources._replace(ei=ei),
        melt=melt,
        snowinc=-torch.where(melts, lost, sublimed),
    )
