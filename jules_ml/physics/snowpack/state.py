"""State of the snow of all tiles and its parameters, by JULES's names."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import TM
from jules_ml.physics.snowpack.layers import layer_thicknesses
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches


class SnowState(NamedTuple):
    """Snow of the tiles; tensors of shape (tile, column), and those of the layers (snow layer, tile, column), top layer first.

    A layer that does not exist has thickness and contents 0, temperature ``TM`` and the grain size of fresh snow. With ``nsmax`` = 0 there
    are no layers.

    Attributes
    ----------
    snow_tile : Tensor
        Snow mass [kg m-2]; on a tile with canopy snow, the snow on the canopy.
    snow_grnd : Tensor
        Snow mass on the ground beneath the canopy [kg m-2]; 0 on the other tiles.
    snowdepth : Tensor
        Depth of the snow on the ground [m].
    rgrain : Tensor
        Grain size at the surface of the snow [micrometre].
    rho_snow_grnd : Tensor
        Bulk density of the snow on the ground [kg m-3].
    ds : Tensor
        Thickness of the layers [m].
    sice, sliq : Tensor
        Ice and liquid water of the layers [kg m-2].
    tsnow : Tensor
        Temperature of the layers [K].
    rgrainl : Tensor
        Grain size of the layers [micrometre].
    """

    snow_tile: Tensor
    snow_grnd: Tensor
    snowdepth: Tensor
    rgrain: Tensor
    rho_snow_grnd: Tensor
    ds: Tensor
    sice: Tensor
    sliq: Tensor
    tsnow: Tensor
    rgrainl: Tensor


class SnowTiles(NamedTuple):
    """What the snow needs of the tiles.

    ``frac`` [1] and ``catch_snow`` [kg m-2] (canopy capacity, ``snowloadlai`` times leaf area; counts on tiles with canopy snow only) have
    shape (tile, column). ``canopy`` of shape (tile, 1), bool, is ``cansnowtile`` of the parameters as a tensor.
    """

    frac: Tensor
    catch_snow: Tensor
    canopy: Tensor


class SnowSoil(NamedTuple):
    """Top soil layer, tensors of shape (column).

    ``t_soil1`` [K], ``hcons`` conductivity with its water and ice [W m-1 K-1], ``hcap1`` heat capacity of the dry soil [J m-3 K-1],
    ``smcl1`` water [kg m-2], ``sthf1`` ice relative to saturation [1], ``smvcst1`` saturation [m3 m-3], ``dzsoil1`` thickness [m].
    """

    t_soil1: Tensor
    hcons: Tensor
    hcap1: Tensor
    smcl1: Tensor
    sthf1: Tensor
    smvcst1: Tensor
    dzsoil1: Tensor


class SnowInputs(NamedTuple):
    """Fluxes of the step that act on the snow, from the weather and from the surface.

    ``snowfall`` and ``rain`` [kg m-2 s-1] have shape (column); the others have shape (tile, column): ``ei`` sublimation [kg m-2 s-1],
    negative for frost; ``melt`` of the surface or canopy [kg m-2 s-1]; ``snowinc`` increment by both [kg m-2], JULES's
    ``snowinc_surft``; ``surf_htf`` heat flux into the snow or soil [W m-2]; ``tstar`` [K]; ``unload_backgrnd`` rate at which the canopy
    loses snow without melt [s-1].
    """

    snowfall: Tensor
    rain: Tensor
    ei: Tensor
    melt: Tensor
    snowinc: Tensor
    surf_htf: Tensor
    tstar: Tensor
    unload_backgrnd: Tensor


class SnowFluxes(NamedTuple):
    """Fluxes out of the snow.

    Attributes
    ----------
    melt : Tensor, shape (tile, column)
        Water that leaves the snow, JULES's ``melt_surft`` at the end of the step [kg m-2 s-1].
    snow_melt : Tensor, shape (column)
        The same of the grid box [kg m-2 s-1].
    snow_soil_htf : Tensor, shape (tile, column)
        Heat flux into the soil [W m-2].
    surf_ht_flux : Tensor, shape (column)
        The same of the grid box [W m-2]; JULES's ``surf_ht_flux_ld``.
    snomlt_sub_htf : Tensor, shape (column)
        Heat that melts snow beneath canopies, taken from the top soil layer [W m-2].
    t_soil1 : Tensor, shape (column)
        Temperature of the top soil layer after that melt [K].
    lying_snow : Tensor, shape (column)
        Snow mass of the grid box [kg m-2]; JULES's ``snow_mass_gb``.
    rain : Tensor, shape (column)
        Rain that does not enter the snow [kg m-2 s-1]: all, without ``l_snow_infilt``.
    """

    melt: Tensor
    snow_melt: Tensor
    snow_soil_htf: Tensor
    surf_ht_flux: Tensor
    snomlt_sub_htf: Tensor
    t_soil1: Tensor
    lying_snow: Tensor
    rain: Tensor


def initial_snow(
    snow_tile: Tensor, rgrain: Tensor, t_soil1: Tensor, tiles: SnowTiles, parameters: SnowParameters, switches: Switches
) -> SnowState:
    """State from a snow mass alone, as JULES makes it with ``total_snow = T``.

    All snow lies on the ground, with density ``rho_snow_const``, the temperature of the top soil layer and no liquid water.

    Parameters
    ----------
    snow_tile : Tensor, shape (tile, column)
        Snow mass [kg m-2].
    rgrain : Tensor, shape (tile, column)
        Grain size [micrometre].
    t_soil1 : Tensor, shape (column)
        Temperature of the top soil layer [K].
    tiles : SnowTiles
        Tiles, of which the canopies count.
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``nsmax``.

    Returns
    -------
    SnowState

    References
    ----------
    JULES routine ``total_snow_init``.
    """
    zero = torch.zeros_like(snow_tile)
    fresh = torch.full_like(snow_tile, parameters.rho_snow_fresh)
    constant = torch.full_like(snow_tile, parameters.rho_snow_const)
    thin = snow_tile <= torch.finfo(torch.float32).eps
    density = constant if switches.nsmax == 0 else torch.where(thin, fresh, constant)
    depth = snow_tile / density
    ds = layer_thicknesses(depth, parameters.dzsnow[: switches.nsmax])
    exists = ds > 0.0
    return SnowState(
        snow_tile=torch.where(tiles.canopy, zero, snow_tile),
        snow_grnd=torch.where(tiles.canopy, snow_tile, zero),
        snowdepth=depth,
        rgrain=rgrain.expand_as(snow_tile),
        rho_snow_grnd=density,
        ds=ds,
        sice=snow_tile * ds / torch.where(depth > 0.0, depth, 1.0),
        sliq=torch.zeros_like(ds),
        tsnow=torch.where(exists, t_soil1, TM),
        rgrainl=torch.where(exists, rgrain, parameters.r0),
    )
