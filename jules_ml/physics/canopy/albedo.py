"""Albedo of surface types without snow, and of the same types under deep snow."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy.light import diffuse_light, direct_light
from jules_ml.physics.surface_types import OtherTypes, PlantTypes


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
    open_ = torch.exp(-plants.kext * torch.maximum(lai, least)) + torch.zeros_like(albsoil)
    soil = torch.zeros_like(others.albsnf_nvg * open_[:1]) + albsoil
    other = others.albsnf_nvg + torch.zeros_like(soil)
    return Albedo(
        albsnf=torch.cat(
            (albsoil * open_ + plants.albsnf_max * (1.0 - open_), torch.where(others.albsnf_nvg < 0.0, soil, other))
        ),
        albsnc=torch.cat(
            (plants.albsnc_min * open_ + plants.albsnc_max * (1.0 - open_), others.albsnc_nvg + torch.zeros_like(soil))
        ),
    )


def spectral_albedo(
    plants: PlantTypes, lai: Tensor, cosz: Tensor, beam_albedo: Tensor, diffuse_albedo: Tensor
) -> Tensor:
    """Albedo of vegetation in visible and near-infrared light, above ground of any albedo (``l_spec_albedo`` T).

    Parameters
    ----------
    plants : PlantTypes
        Parameters of the PFTs.
    lai : Tensor, shape (pft, column)
        Leaf area index, above 0: JULES takes at least ``lai_alb_lim``, or ``lai_alb_lim_sn`` where there is snow [1].
    cosz : Tensor, shape (column,)
        Cosine of the solar zenith angle [1].
    beam_albedo, diffuse_albedo : Tensor, shape (2, pft, column) or broadcastable
        Albedo of the ground for the direct beam and for diffuse light, in the visible and the near infrared, above 0 [1].

    Returns
    -------
    Tensor, shape (4, pft, column)
        Albedo for direct visible, diffuse visible, direct near-infrared and diffuse near-infrared light [1], in JULES's order.

    References
    ----------
    Sellers (1985); JULES routine ``albpft``.
    """
    bands = []
    depth = lai * plants.can_struct_a
    for omega, alpl, beam, diffuse in zip(
        (plants.omega, plants.omnir), (plants.alpar, plants.alnir), beam_albedo, diffuse_albedo, strict=True
    ):
        light = diffuse_light(omega, alpl, plants.orient, depth, diffuse, 1)
        direct, _ = direct_light(cosz, light, 1, beam)
        bands += [direct.h1 + direct.h2 + direct.h3, light.c * (light.g1 - light.g3)]
    return torch.stack(torch.broadcast_tensors(*bands))
