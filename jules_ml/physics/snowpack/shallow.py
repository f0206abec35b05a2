"""Snow without layers: less than the first layer's thickness, or all snow with ``nsmax`` = 0."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import HCAPI, HCAPW, LF, RHO_WATER, TM
from jules_ml.physics.snowpack.state import SnowSoil


class BasalMelt(NamedTuple):
    """Melt at the base of shallow snow by the heat of the top soil layer.

    ``amount`` in the step [kg m-2], shape (tile, column). ``t_soil_before`` and ``t_soil_after`` [K], shape (tile, column): temperature of
    the top soil layer before and after the melt on the tile, since JULES takes the tiles one after the other. ``t_soil1`` [K], shape
    (column): temperature after the last.
    """

    amount: Tensor
    t_soil_before: Tensor
    t_soil_after: Tensor
    t_soil1: Tensor


def basal_melt(
    snowmass: Tensor, applies: Tensor, melting_tiles: tuple[bool, ...], frac: Tensor, soil: SnowSoil
) -> BasalMelt:
    r"""Melt shallow snow by the heat of soil above the melting point.

    .. math:: M = \min\left(S,\; (T_1 - T_m)\,C_1 / L_f\right), \qquad C_1 \Delta T_1 = -a\,L_f M

    with the areal heat capacity :math:`C_1` of the top soil layer and the tile's fraction :math:`a`.

    Parameters
    ----------
    snowmass : Tensor, shape (tile, column)
        Snow on the ground [kg m-2].
    applies : Tensor of bool, shape (tile, column)
        Where the snow has no layers.
    melting_tiles : tuple of bool
        Tiles where snow melts at its base: those with canopy snow, or all with ``i_basal_melting_opt`` 1.
    frac : Tensor, shape (tile, column)
        Fractions of the tiles [1].
    soil : SnowSoil
        Top soil layer.

    Returns
    -------
    BasalMelt

    References
    ----------
    JULES routine ``snowpack``.
    """
    frozen = RHO_WATER * soil.dzsoil1 * soil.smvcst1 * soil.sthf1
    heat = soil.dzsoil1 * soil.hcap1 + HCAPW * (soil.smcl1 - frozen) + HCAPI * frozen
    melt_per_kelvin = heat * (1.0 / LF)
    kelvin_per_melt = torch.reciprocal(melt_per_kelvin)
    t_soil, zero = soil.t_soil1.expand_as(snowmass[0]), torch.zeros_like(snowmass[0])
    amounts: list[Tensor] = []
    before: list[Tensor] = []
    after: list[Tensor] = []
    for n, mass in enumerate(snowmass.unbind(0)):
        before.append(t_soil)
        amount = zero
        if n < len(melting_tiles) and melting_tiles[n]:
            potential = (t_soil - TM).clamp(min=0.0) * melt_per_kelvin
            amount = torch.where(applies[n] & (t_soil > TM), torch.minimum(mass, potential), 0.0)
            t_soil = t_soil - frac[n] * kelvin_per_melt * amount
        amounts.append(amount)
        after.append(t_soil)
    return BasalMelt(torch.stack(amounts), torch.stack(before), torch.stack(after), t_soil)
