r"""Resistance of the surface to evaporation: wet leaves, snow, soil and lakes.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import TM
from jules_ml.physics.land_surface.properties import TileProperties

#: Density of ice [kg m-3].
RHO_ICE: Final = 917.0


class WetSurface(NamedTuple):
    """Water and snow of the tiles at the start of a step, shape (tile, column).

    ``canopy`` [kg m-2] water on leaves; ``snow`` [kg m-2] snow where it evaporates: on the canopy if it is held there, else on the ground;
    ``depth`` [m] its depth; ``tstar`` [K].
    """

    canopy: Tensor
    snow: Tensor
    depth: Tensor
    tstar: Tensor


class Resistance(NamedTuple):
    """Fractions and resistance factors of evaporation [1], shape (tile, column), by JULES's names.

    ``fracaero_t`` fraction without surface resistance, ``fracaero_s`` the part of it that is snow; ``resfs`` resistance factor of soil and
    plants; ``resft`` of the tile.
    """

    fracaero_t: Tensor
    fracaero_s: Tensor
    resfs: Tensor
    resft: Tensor


def surface_resistance(
    dq: Tensor,
    epdt: Tensor | float,
    conductance: Tensor,
    gc: Tensor,
    wet: WetSurface,
    tiles: TileProperties,
    *,
    l_fix_neg_snow: bool,
    maskd: float | None = None,
) -> Resistance:
    r"""Resistance factors of evaporation.

    .. math:: \psi = f_a + (1 - f_a)\,\psi_s, \qquad \psi_s = \frac{g_c}{g_c + C_H U}

    Parameters
    ----------
    dq : Tensor, shape (tile, column)
        Specific humidity of the air minus that of saturation at the surface [kg kg-1].
    epdt : Tensor, shape (tile, column), or 0
        Potential evaporation of a step [kg m-2].
    conductance : Tensor, shape (tile, column)
        Aerodynamic conductance :math:`C_H U` [m s-1].
    gc : Tensor, shape (tile, column)
        Surface conductance [m s-1].
    wet : WetSurface
        Water and snow.
    tiles : TileProperties
        Capacity of canopies, lakes, and tiles with snow on the canopy.
    l_fix_neg_snow : bool
        JULES's correction of evaporation from little snow.
    maskd : float, optional
        Masking of the ground by snow depth [m-1], with which the fraction that evaporates from snow increases (``frac_snow_subl_melt`` 1);
        without it any snow covers its tile.

    Returns
    -------
    Resistance

    References
    ----------
    Best et al. (2011), section 2.2; JULES routine ``sf_resist``.
    """
    evaporating = dq < 0.0
    holds = tiles.catch > 0.0
    room = torch.where(holds & evaporating, epdt + tiles.catch, 1.0)
    leaves = torch.where(holds & evaporating, wet.canopy / room, 0.0)
    depth = torch.maximum(wet.depth, wet.snow * (1.0 / RHO_ICE)) if l_fix_neg_snow else wet.depth
    covered = (depth > 0.0).to(dq.dtype) if maskd is None else -torch.expm1(-maskd * depth.clamp(min=0.0))
    if l_fix_neg_snow:
        fracaero_t = torch.where(evaporating, covered + (1.0 - covered) * leaves, 1.0)
        fracaero_s = torch.where(evaporating, covered, (wet.tstar <= TM).to(dq.dtype))
    else:
        snow_free = torch.where(evaporating, leaves, 1.0).clamp(max=1.0)
        fracaero_t = torch.where(depth > 0.0, covered, snow_free)
        fracaero_s = torch.zeros_like(dq)
    resfs = gc / (gc + conductance)
    snow_on_canopy = tiles.cansnow & (wet.snow > 0.0)
    fracaero_t = torch.where(snow_on_canopy, 0.0, fracaero_t)
    mixed = tiles.flake + (1.0 - tiles.flake) * (fracaero_t + (1.0 - fracaero_t) * resfs)
    return Resistance(fracaero_t, fracaero_s, resfs, torch.where(snow_on_canopy, resfs, mixed))
