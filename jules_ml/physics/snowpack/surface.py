"""What the snow changes at the surface: depth and roughness, conduction into the ground, and albedo."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import TM
from jules_ml.physics.snow import insulated_conductance
from jules_ml.physics.snowpack.layers import conductivity
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.snowpack.state import SnowState, SnowTiles
from jules_ml.physics.switches import Switches


def has_layers(state: SnowState) -> Tensor:
    """Where the snow has layers (``nsnow`` > 0).

    Parameters
    ----------
    state : SnowState
        Snow.

    Returns
    -------
    Tensor of bool, shape (tile, column)
    """
    return state.ds[0] > 0.0 if state.ds.shape[0] else torch.zeros_like(state.snowdepth, dtype=torch.bool)


def surface_snow_depth(state: SnowState, tiles: SnowTiles, parameters: SnowParameters, switches: Switches) -> Tensor:
    """Depth of snow for albedo and roughness.

    With ``l_snowdep_surf`` that of canopy snow, with the density ``rho_snow_const``, on tiles with canopy snow; elsewhere that on the
    ground.

    Parameters
    ----------
    state : SnowState
        Snow.
    tiles : SnowTiles
        Tiles.
    parameters : SnowParameters
        ``rho_snow_const``.
    switches : Switches
        ``l_snowdep_surf``.

    Returns
    -------
    Tensor, shape (tile, column)
        [m]; JULES's ``snowdep_surft``.

    References
    ----------
    JULES routines ``jules_land_sf_explicit``, ``jules_land_albedo``.
    """
    if not switches.l_snowdep_surf:
        return state.snowdepth
    return torch.where(tiles.canopy, state.snow_tile * (1.0 / parameters.rho_snow_const), state.snowdepth)


def snow_roughness(z0: Tensor, snow_tile: Tensor, depth: Tensor) -> Tensor:
    r"""Roughness length for momentum with snow, :math:`\max(\min(z_0, 0.0005), z_0 - 0.1 d)`.

    Parameters
    ----------
    z0 : Tensor, shape (tile, column)
        Without snow [m].
    snow_tile : Tensor, shape (tile, column)
        Snow mass [kg m-2].
    depth : Tensor, shape (tile, column)
        From :func:`surface_snow_depth` [m].

    Returns
    -------
    Tensor, shape (tile, column)
        [m].

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``jules_land_sf_explicit``.

    Examples
    --------
    Grass under 10 cm and under 1 m of snow.

    >>> snow = torch.tensor([25.0, 250.0])
    >>> snow_roughness(torch.tensor([0.05, 0.05]), snow, snow / 250.0)
    tensor([0.0400, 0.0005])
    """
    return torch.where(snow_tile > 0.0, torch.maximum(z0 - 0.1 * depth, z0.clamp(max=5.0e-4)), z0)


class GroundConduction(NamedTuple):
    """What conducts heat between the surface and the ground, shape (tile, column).

    ``tsurf`` [K], temperature of the top layer of snow or of soil; ``hcons_surf`` [W m-1 K-1] and ``dzsurf`` [m] of that layer; ``ashtf``
    [W m-2 K-1], conductance between the surface and the middle of the layer, with the insulation by snow that has no layers.
    """

    tsurf: Tensor
    hcons_surf: Tensor
    dzsurf: Tensor
    ashtf: Tensor


def ground_conduction(
    state: SnowState, t_soil1: Tensor, hcons: Tensor, dzsoil1: Tensor, parameters: SnowParameters, switches: Switches
) -> GroundConduction:
    """Temperature and conductance of the ground that the surface energy balance sees.

    Parameters
    ----------
    state : SnowState
        Snow.
    t_soil1 : Tensor, shape (column)
        Temperature of the top soil layer [K].
    hcons : Tensor, shape (column)
        Its conductivity [W m-1 K-1].
    dzsoil1 : Tensor, shape (column) or ()
        Its thickness [m].
    parameters : SnowParameters
        ``snow_hcon``.
    switches : Switches
        ``nsmax``, ``i_snow_cond_parm``.

    Returns
    -------
    GroundConduction

    References
    ----------
    Best et al. (2011), section 4; JULES routine ``jules_land_sf_explicit``.
    """
    shape = state.snowdepth
    tsurf, conducts, thickness = t_soil1.expand_as(shape), hcons.expand_as(shape), dzsoil1.expand_as(shape)
    depth = state.snowdepth.clamp(min=0.0)
    ashtf = insulated_conductance(
        2.0 * conducts / thickness, conducts, depth, thickness, snow_hcon=parameters.snow_hcon
    )
    if switches.nsmax:
        layered = has_layers(state)
        top = conductivity(state.ds[0], state.sice[0], state.sliq[0], i_snow_cond_parm=switches.i_snow_cond_parm)
        tsurf = torch.where(layered, state.tsnow[0], tsurf)
        conducts = torch.where(layered, top, conducts)
        thickness = torch.where(layered, state.ds[0], thickness)
        ashtf = torch.where(layered, 2.0 * conducts / thickness, ashtf)
    return GroundConduction(tsurf, conducts, thickness, ashtf)


def diagnostic_albedo(
    snow_free: Tensor, cold: Tensor, depth: Tensor, tstar: Tensor, parameters: SnowParameters, switches: Switches
) -> Tensor:
    r"""Albedo of a surface with snow whose own albedo follows from the surface temperature.

    .. math::

        \alpha = \alpha_0 + (\alpha_s - \alpha_0)(1 - e^{-m d}), \qquad
        \alpha_s = \alpha_{cold} + 0.3\,(\alpha_0 - \alpha_{cold})\,\min(1, \max(0, T_* - T_m + 2) / 2)

    Parameters
    ----------
    snow_free, cold : Tensor, shape (..., tile, column)
        Albedo without snow :math:`\alpha_0`, and under deep cold snow :math:`\alpha_{cold}` [1].
    depth : Tensor, shape (tile, column)
        From :func:`surface_snow_depth` [m].
    tstar : Tensor, shape (tile, column)
        Surface temperature [K].
    parameters : SnowParameters
        ``maskd`` :math:`m`, ``dtland``, ``kland_numerator``.
    switches : Switches
        ``l_fix_snow_frac``: a negative depth counts as 0.

    Returns
    -------
    Tensor, shape (..., tile, column)
        [1].

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``jules_land_albedo`` with ``l_snow_albedo`` F.
    """
    softness = ((tstar - TM + parameters.dtland) * (1.0 / parameters.dtland)).clamp(0.0, 1.0)
    snow = cold + parameters.kland_numerator * (snow_free - cold) * softness
    covered = -torch.expm1(-parameters.maskd * (depth.clamp(min=0.0) if switches.l_fix_snow_frac else depth))
    return snow_free + (snow - snow_free) * covered


def prognostic_albedo(
    snow_free: Tensor,
    snow: Tensor,
    depth: Tensor,
    z0: Tensor,
    canopy: Tensor,
    parameters: SnowParameters,
    switches: Switches,
) -> Tensor:
    r"""Albedo of a surface with snow of a given albedo, weighted by the fraction of the surface that the snow covers.

    .. math:: f = 1 - e^{-m d} \;\text{(l_point_data)}, \qquad f = \frac{d}{d + 10 z_0} \;\text{else and on tiles with canopy snow}

    Parameters
    ----------
    snow_free, snow : Tensor, shape (band, tile, column)
        Albedo without snow, and of the snow from :func:`~jules_ml.physics.snowpack.grains.grain_albedo` [1].
    depth : Tensor, shape (tile, column)
        From :func:`surface_snow_depth` [m].
    z0 : Tensor, shape (tile, column)
        Roughness length without snow [m].
    canopy : Tensor of bool, shape (tile, 1)
        Tiles with canopy snow.
    parameters : SnowParameters
        ``maskd``; JULES has 50 here without ``l_fix_snow_frac``.
    switches : Switches
        ``l_point_data``, ``l_fix_snow_frac``.

    Returns
    -------
    Tensor, shape (band, tile, column)
        [1].

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``jules_land_albedo`` with ``l_snow_albedo`` T.
    """
    depth = depth.clamp(min=0.0)
    cover = depth / (depth + 10.0 * z0)
    if switches.l_point_data:
        maskd = parameters.maskd if switches.l_fix_snow_frac else 50.0
        cover = torch.where(canopy, cover, -torch.expm1(-maskd * depth))
    return snow_free + (snow - snow_free) * cover
