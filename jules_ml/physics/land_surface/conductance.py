r"""Conductance of plants and soil to evaporation, and the layers that the water comes from.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, sections 2.2 and 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy import WaterStress
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.evaporation import bare_soil_conductance
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.layerwise import sum_over_layers


class SoilBelow(NamedTuple):
    """Soil under the surface, tensors of shape (layer, column) or broadcastable; ``infil_max`` has shape (column,).

    ``smcl`` [kg m-2] water; ``sthu``, ``sthf`` [1] liquid water and ice as fractions of saturation; ``t_soil`` [K]; ``b`` [1], ``sathh``
    [m], ``sm_sat``, ``sm_crit``, ``sm_wilt`` [m3 m-3], ``satcon`` [kg m-2 s-1], ``hcap`` [J K-1 m-3] of dry soil; ``hcons`` [W m-1 K-1]
    conductivity of the top layer with its water, shape (column,); ``dzsoil`` [m].
    """

    smcl: Tensor
    sthu: Tensor
    sthf: Tensor
    t_soil: Tensor
    b: Tensor
    sathh: Tensor
    sm_sat: Tensor
    sm_crit: Tensor
    sm_wilt: Tensor
    satcon: Tensor
    hcap: Tensor
    hcons: Tensor
    dzsoil: Tensor


class Conductance(NamedTuple):
    """Conductance of the tiles and where their water comes from, by JULES's names.

    ``gc`` [m s-1], shape (tile, column); ``gs`` [m s-1] of the grid box, shape (column,); ``wt_ext`` [1] fraction of evaporation from each
    soil layer, shape (layer, tile, column); ``smc`` [kg m-2] water that can be extracted, shape (column,).
    """

    gc: Tensor
    gs: Tensor
    wt_ext: Tensor
    smc: Tensor


def surface_conductance(plant_gc: Tensor, stress: WaterStress, soil: SoilBelow, surface: LandSurface) -> Conductance:
    r"""Add the evaporation of soil to that of plants, tile by tile.

    .. math:: g_t = g_c + f_s g_{soil}, \qquad f_s = e^{-L/2}

    Parameters
    ----------
    plant_gc : Tensor, shape (pft, column)
        Conductance of the canopies [m s-1].
    stress : WaterStress
        Soil moisture stress, and the layers from which roots draw water.
    soil : SoilBelow
        Soil layers.
    surface : LandSurface
        Tiles.

    Returns
    -------
    Conductance

    References
    ----------
    Best et al. (2011), section 3.2; JULES routines ``soil_evap`` and ``physiol``.
    """
    n_pft, soil_row, frac, tiles = surface.n_pft, surface.types.soil, surface.frac, surface.tiles
    gs_soil = surface.types.others.gs_nvg[soil_row - n_pft]
    liquid = soil.sthu[0] * soil.sm_sat[0]
    gsoil = bare_soil_conductance(liquid, soil.sm_crit[0], gs_soil=gs_soil, limited=surface.switches.l_limit_gsoil)
    under = tiles.fsoil[:n_pft] * gsoil * surface.types.plants.gsoil_f
    total = plant_gc + under
    inverse = torch.reciprocal(total.clamp(min=1e-12))
    by_roots = stress.wt_ext * (plant_gc * inverse)
    by_roots = torch.cat([by_roots[:1] + under * inverse, by_roots[1:]])
    others = tiles.gs_nvg[n_pft:] + 0.0 * gsoil
    is_soil = [n == soil_row for n in range(n_pft, len(surface.types.names))]
    gc = torch.cat(
        [
            total,
            *((gsoil + 0.0 * row if soil_ else row).unsqueeze(0) for soil_, row in zip(is_soil, others, strict=True)),
        ]
    )
    bare = torch.zeros_like(others).expand(by_roots.shape[0], -1, -1)
    top = torch.stack(
        [torch.ones_like(row) if soil_ else torch.zeros_like(row) for soil_, row in zip(is_soil, others, strict=True)]
    )
    bare = torch.cat([top.unsqueeze(0), bare[1:]])
    wt_ext = torch.cat([by_roots, bare], dim=1)
    return Conductance(gc, sum_over_layers(frac * gc), wt_ext, _extractable(wt_ext, liquid, soil, surface))


def _extractable(wt_ext: Tensor, liquid: Tensor, soil: SoilBelow, surface: LandSurface) -> Tensor:
    """Water that evaporation can take in this step [kg m-2], JULES's ``smc``."""
    n_pft, frac = surface.n_pft, surface.frac
    weight = sum_over_layers((frac * wt_ext).transpose(0, 1))  # (layer, column)
    above_wilting = RHO_WATER * soil.dzsoil * (soil.sthu * soil.sm_sat - soil.sm_wilt)
    roots = sum_over_layers((weight * above_wilting).clamp(min=0.0))
    fsoil = frac[surface.types.soil] + sum_over_layers(frac[:n_pft] * surface.tiles.fsoil[:n_pft])
    return (1.0 - fsoil) * roots + fsoil * RHO_WATER * soil.dzsoil[0] * liquid.clamp(min=0.0)
