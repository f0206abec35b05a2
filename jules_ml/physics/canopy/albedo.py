"""Albedo of surface types without snow, and of the same types under deep snow."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.land_surface.types import OtherTypes, PlantTypes


class Albedo(NamedTuple):
    """Albedos of the tiles without snow (``albsnf``) and under deep, cold snow (``albsnc``) [1], shape (tile, column)."""

    albsnf: Tensor
    albsnc: Tensor


def broadband_albedo(
    plants: PlantTypes, others: OtherTypes, lai: Tensor, albsoil: Tensor, snowy: Tensor | None = None
) -> Albedo:
    r"""Albedo of each tile over all wavelengths (``l_spec_albedo`` F).

    .. math::

        \alpha = \alpha_{soil}\,e^{-kL} + \alpha_{max}\,(1 - e^{-kL})

    Parameters
    ----------
    plants, others : PlantTypes, OtherTypes
        Parameters of the surface types.
    lai : Tensor, shape (pft, column)
        Leaf area index [1], at least ``lai_alb_lim`` (``lai_alb_lim_sn`` where there is snow) in this function.
    albsoil : Tensor, shape (column,)
        Albedo of the soil [1].
    snowy : Tensor of bool, shape (pft, column), optional
        Where there is snow on or below the canopy.

    Returns
    -------
    Albedo

    References
    ----------
    Best et al. (2011), eq. 3 and table 1; JULES routine ``jules_land_albedo``.
    """
    least = plants.lai_alb_lim if snowy is None else torch.where(snowy, plants.lai_alb_lim_sn, plants.lai_alb_lim)
    open_ = torch.exp(-plants.kext * torch.maximum(lai, least))
    bare = albsoil + torch.zeros_like(lai)
    like = torch.zeros_like(others.albsnf_nvg) + albsoil
    return Albedo(
        albsnf=torch.cat(
            (
                bare * open_ + plants.albsnf_max * (1.0 - open_),
                torch.where(others.albsnf_nvg < 0.0, like, others.albsnf_nvg),
            )
        ),
        albsnc=torch.cat(
            (plants.albsnc_min * open_ + plants.albsnc_max * (1.0 - open_), others.albsnc_nvg + torch.zeros_like(like))
        ),
    )
