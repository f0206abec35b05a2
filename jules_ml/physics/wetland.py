r"""Water table and liquid water of frozen ground, for the saturated fraction with JULES's ``l_wetland_unfrozen``.

In frozen ground the water that TOPMODEL counts is partly ice. The saturated fraction then follows from a deeper water table, which the
suction of the liquid water gives, and only the liquid part of the water at that depth counts.

References
----------
Gedney et al. (2019), Geophys. Res. Lett. 46, 3753-3761; JULES routine ``calc_zw_inund``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.topmodel import EPSILON_32, Topmodel, TopmodelState


class UnfrozenWetland(NamedTuple):
    """Depth of the water table for the saturated fraction ``zw_inund`` [m], and liquid fraction ``wutot`` [1] of the water there, (...)."""

    zw_inund: Tensor
    wutot: Tensor


def unfrozen_wetland(
    state: TopmodelState,
    sthu: Tensor,
    sthf: Tensor,
    topmodel: Topmodel,
    *,
    b: Tensor,
    sathh: Tensor,
    dzsoil: Tensor,
) -> UnfrozenWetland:
    """Find the water table of ground that may be frozen.

    Parameters
    ----------
    state : TopmodelState
        At the start of the step.
    sthu, sthf : Tensor, shape (layer, ...)
        Liquid water and ice as fractions of saturation [1].
    topmodel : Topmodel
        Properties of the grid box.
    b, sathh : Tensor, shape (layer, ...) or broadcastable to it
        Hydraulic parameters [1], [m].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    UnfrozenWetland
        Without ice, the water table itself and 1.

    References
    ----------
    Gedney et al. (2019); JULES routine ``calc_zw_inund``.
    """
    zw, zw_max = state.zw, topmodel.zw_max
    zdepth = dzsoil.cumsum(0)
    middle = zdepth - 0.5 * dzsoil
    deepest = 0.5 * (zw_max + zdepth[-1])
    unfrozen = (1.0 - sthf).clamp(0.0, 1.0)
    thawed = (sum_over_layers(unfrozen * dzsoil) + unfrozen[-1] * (zw_max - zdepth[-1])) / zw_max

    ice, b_at, sathh_at = _at_water_table(zw, sthf, b, sathh, middle)
    at_table = -sathh_at / _power(1.0 - ice, b_at)
    of_layers = -sathh / _power(sthu, b)
    estimates = torch.minimum((at_table - of_layers + middle).clamp(min=0.0), zw_max)
    within = torch.minimum(zw, zdepth[-1])
    weights = torch.minimum((within - (zdepth - dzsoil)).clamp(min=0.0), dzsoil)
    estimate = sum_over_layers(estimates * weights) / torch.where(within > 0.0, within, 1.0)
    deeper = (1.0 - thawed > EPSILON_32) & (zw < zw_max) & (estimate > zw)
    zw_inund = torch.where(deeper, thawed * zw + (1.0 - thawed) * estimate, zw)
    return UnfrozenWetland(zw_inund, _liquid_part(zw_inund, state.sthzw, sthu, sthf, middle, deepest))


def _power(wetness: Tensor, b: Tensor) -> Tensor:
    """Wetness to the power of ``b``, at least JULES's precision."""
    smallest = torch.finfo(wetness.dtype).tiny
    return torch.exp(b * torch.log(wetness.clamp(smallest, 1.0))).clamp(min=EPSILON_32)


def _at_water_table(
    zw: Tensor, sthf: Tensor, b: Tensor, sathh: Tensor, middle: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Ice at the water table, between the middles of two layers, and parameters of the upper one."""
    ice, b_at, sathh_at = sthf[-1], b[-1], sathh[-1]
    for n in range(len(middle) - 2, -1, -1):
        above = zw < middle[n + 1]
        weight = ((zw - middle[n]) / (middle[n + 1] - middle[n])).clamp(0.0, 1.0)
        ice = torch.where(above, sthf[n] + weight * (sthf[n + 1] - sthf[n]), ice)
        b_at, sathh_at = torch.where(above, b[n], b_at), torch.where(above, sathh[n], sathh_at)
    return ice, b_at, sathh_at


def _liquid_part(zw: Tensor, sthzw: Tensor, sthu: Tensor, sthf: Tensor, middle: Tensor, deepest: Tensor) -> Tensor:
    """Liquid fraction of the water at a depth."""
    below = (sthzw - sthf[-1]).clamp(min=0.0)
    weight = ((zw - middle[-1]) / (deepest - middle[-1])).clamp(0.0, 1.0)
    liquid, ice = sthu[-1] + weight * (below - sthu[-1]), sthf[-1]
    for n in range(len(middle) - 2, -1, -1):
        above = zw < middle[n + 1]
        weight = ((zw - middle[n]) / (middle[n + 1] - middle[n])).clamp(0.0, 1.0)
        liquid = torch.where(above, sthu[n] + weight * (sthu[n + 1] - sthu[n]), liquid)
        # the ice of the top layer in place of that of layer n is part of JULES
        ice = torch.where(above, sthf[0] + weight * (sthf[n + 1] - sthf[0]), ice)
    water = liquid + ice
    wet = water > EPSILON_32
    return torch.where(wet, liquid / torch.where(wet, water, 1.0), 1.0)
