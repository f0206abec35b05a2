"""Roots, and the stress that dry soil puts on plants."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import RHO_WATER, G
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.surface_types import PlantTypes
from jules_ml.physics.switches import Switches

#: Wetness below which matric potential changes no more [1].
_STHU_MIN = 0.01


class WaterStress(NamedTuple):
    """Moisture availability and the layers from which plants draw water.

    ``fsmc`` (pft, column): 0 (no transpiration) to 1 (no stress). ``wt_ext`` (soil layer, pft, column): fraction of transpiration that
    comes from each soil layer [1].
    """

    fsmc: Tensor
    wt_ext: Tensor


def root_fractions(plants: PlantTypes, dzsoil: Tensor) -> Tensor:
    r"""Fraction of roots in each soil layer.

    Root density declines exponentially with depth with ``rootd_ft`` as e-folding depth, or, with ``fsmc_mod`` 1, is uniform to that depth.

    Parameters
    ----------
    plants : PlantTypes
        Parameters of the PFTs.
    dzsoil : Tensor, shape (soil layer,)
        Thickness of the soil layers [m].

    Returns
    -------
    Tensor, shape (soil layer, pft, column)
        Fraction of roots [1].

    References
    ----------
    Best et al. (2011), section 3.2; JULES routine ``root_frac``.
    """
    bottom = torch.cumsum(dzsoil, dim=0)[:, None, None]
    top = bottom - dzsoil[:, None, None]
    rootd = plants.rootd_ft
    decay = torch.exp(-top / rootd) - torch.exp(-bottom / rootd)
    exponential = decay / (1.0 - torch.exp(-bottom[-1] / rootd))
    uniform = (torch.minimum(bottom, rootd) - top).clamp(min=0.0) / torch.minimum(bottom[-1], rootd)
    return torch.where(plants.fsmc_mod > 0.5, uniform, exponential)


def water_stress(
    sthu: Tensor,
    f_root: Tensor,
    plants: PlantTypes,
    switches: Switches,
    *,
    sm_sat: Tensor,
    sm_crit: Tensor,
    sm_wilt: Tensor,
    b: Tensor,
    sathh: Tensor,
) -> WaterStress:
    r"""Soil moisture stress of each PFT, and the fraction of its transpiration from each soil layer.

    With ``fsmc_mod`` 0, stress is the mean over the root profile of the stress of each layer; with 1, that of the mean water content over
    the root profile. The stress itself rises linearly with water content between the wilting point and
    :math:`\theta_c - p_0(\theta_c - \theta_w)` (``fsmc_shape`` 0; under ``l_use_pft_psi`` between the water contents at ``psi_close`` and
    ``psi_open``), or with matric potential between ``psi_close`` and ``psi_open`` (1).

    Parameters
    ----------
    sthu : Tensor, shape (soil layer, column)
        Unfrozen water as a fraction of saturation [1].
    f_root : Tensor, shape (soil layer, pft, column)
        Fraction of roots [1], see :func:`root_fractions`.
    plants : PlantTypes
        Parameters of the PFTs.
    switches : Switches
        ``fsmc_shape``, ``l_use_pft_psi``, ``l_vg_soil``.
    sm_sat, sm_crit, sm_wilt : Tensor, shape (soil layer, column)
        Water content at saturation, at the critical and at the wilting point [m3 m-3].
    b, sathh : Tensor, shape (soil layer, column)
        Hydraulic parameters [1, m], used under ``l_use_pft_psi``.

    Returns
    -------
    WaterStress

    References
    ----------
    Best et al. (2011), eqs 12-14; JULES routine ``smc_ext``.
    """
    sthu, sm_sat, sm_crit, sm_wilt, b, sathh = (x.unsqueeze(1) for x in (sthu, sm_sat, sm_crit, sm_wilt, b, sathh))
    theta = sthu * sm_sat
    if switches.l_use_pft_psi:
        form = VAN_GENUCHTEN if switches.l_vg_soil else CLAPP_HORNBERGER
        closing, opening = (
            sm_sat * form.wetness_at_suction(-psi / (RHO_WATER * G), b, sathh).clamp(min=_STHU_MIN)
            for psi in (plants.psi_close, plants.psi_open)
        )
    else:
        closing, opening = sm_wilt, sm_crit - plants.fsmc_p0 * (sm_crit - sm_wilt)
    mean_theta, mean_open, mean_close = (sum_over_layers(x * f_root) for x in (theta, opening, closing))
    if switches.fsmc_shape == 1:
        psi = _potential(sthu, b, sathh, l_vg_soil=switches.l_vg_soil)
        # with one value of stress for all roots, JULES takes the soil properties of the top layer
        psi_mean = _potential(mean_theta / sm_sat[0], b[0], sathh[0], l_vg_soil=switches.l_vg_soil)
        of_layer = _availability(psi, plants.psi_close, plants.psi_open)
        of_mean = _availability(psi_mean, plants.psi_close, plants.psi_open)
    else:
        of_layer = _availability(theta, closing, opening)
        of_mean = _availability(mean_theta, mean_close, mean_open)
    by_layer = f_root * of_layer
    sum_of_layers = sum_over_layers(by_layer)
    surplus = (f_root * (theta - closing)).clamp(min=0.0)
    whole = plants.fsmc_mod > 0.5
    fsmc = torch.where(whole, of_mean, sum_of_layers)
    fraction = torch.where(whole, surplus, by_layer)
    total = torch.where(whole, sum_over_layers(surplus), sum_of_layers)
    return WaterStress(fsmc, fraction / torch.where(total > 0.0, total, 1.0))


def _potential(sthu: Tensor, b: Tensor, sathh: Tensor, *, l_vg_soil: bool) -> Tensor:
    """Potential of soil water [Pa], JULES's ``psi_from_sthu``."""
    wetness = sthu.clamp(min=_STHU_MIN)
    if not l_vg_soil:
        return -RHO_WATER * G * sathh * torch.pow(wetness, -b)
    # the floor keeps the gradient finite at saturation
    bracket = (torch.pow(wetness, -b - 1.0) - 1.0).clamp(min=1e-12)
    return -RHO_WATER * G * sathh * torch.pow(bracket, b / (b + 1.0))


def _availability(x: Tensor, closed: Tensor, opened: Tensor) -> Tensor:
    """Rise from 0 to 1 between two values; 0 where they are equal, as in JULES."""
    width = opened - closed
    known = width != 0.0
    return torch.where(known, ((x - closed) / torch.where(known, width, 1.0)).clamp(0.0, 1.0), 0.0)
