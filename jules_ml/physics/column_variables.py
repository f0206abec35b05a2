"""Properties and state of soil columns, and the modifiers of respiration."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import ZERODEGC
from jules_ml.physics.land_surface.state import LandSurfaceState
from jules_ml.physics.respiration import Q10_SOIL, fsth, ftemp_q10
from jules_ml.physics.soil_carbon import SoilCarbonState
from jules_ml.physics.soil_heat import freezing_point, unfrozen_water
from jules_ml.physics.surface import SurfaceState
from jules_ml.physics.topmodel import TopmodelState


class SoilProperties(NamedTuple):
    """JULES's soil properties, tensors of shape (layer, column) or (layer, 1), by JULES's names.

    ``b`` [1], ``sathh`` [m], ``satcon`` [kg m-2 s-1], ``sm_sat``, ``sm_crit``, ``sm_wilt`` [m3 m-3], ``hcap`` [J K-1 m-3] and ``hcon``
    [W m-1 K-1] of the dry soil.
    """

    b: Tensor
    sathh: Tensor
    satcon: Tensor
    sm_sat: Tensor
    sm_crit: Tensor
    sm_wilt: Tensor
    hcap: Tensor
    hcon: Tensor


class ColumnState(NamedTuple):
    """State of columns between steps.

    ``smcl`` [kg m-2] all water, ``sthf`` [1] ice as a fraction of saturation, ``t_soil`` [K]: shape (layer, column). ``surface``: shape
    (tile, column) each, or ``None`` for prescribed fluxes. ``topmodel``: shape (column,) each, or ``None`` without ``l_top``. ``carbon``:
    pools of soil carbon, or ``None`` with a single constant one.
    """

    smcl: Tensor
    sthf: Tensor
    t_soil: Tensor
    surface: SurfaceState | LandSurfaceState | None
    topmodel: TopmodelState | None = None
    carbon: SoilCarbonState | None = None


class Factors(NamedTuple):
    """Moisture modifier ``fsth`` and temperature modifier ``ftemp`` of respiration [1], shape (layer, column)."""

    fsth: Tensor
    ftemp: Tensor


#: Function of ``sthu``, ``sthf``, ``t_soil`` (shape (layer, column)) and the soil that returns the modifiers of respiration.
#: A learned module replaces it.
RespirationFactors = Callable[[Tensor, Tensor, Tensor, SoilProperties], Factors]


def jules_one_pool_factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
    """Compute the modifiers of JULES's one-pool scheme: f of unfrozen wetness, and the Q10 form of g.

    Parameters
    ----------
    sthu, sthf, t_soil : Tensor, shape (layer, column)
        Liquid water and ice as fractions of saturation [1]; temperature [K].
    soil : SoilProperties
        Shape (layer, column) or (layer, 1) each.

    Returns
    -------
    Factors

    References
    ----------
    Clark et al. (2011), eqs 64-66.
    """
    return Factors(fsth=fsth(sthu, soil.sm_wilt, soil.sm_sat, pools=1), ftemp=ftemp_q10(t_soil, Q10_SOIL))


def freeze_soil(sthuf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Tensor:
    """Ice in equilibrium with temperature and water, as at the start of a JULES run.

    Parameters
    ----------
    sthuf : Tensor, shape (layer, column)
        All water as a fraction of saturation [1].
    t_soil : Tensor, shape (layer, column)
        Soil temperature [K].
    soil : SoilProperties
        Shape (layer, column) or (layer, 1) each.

    Returns
    -------
    Tensor, shape (layer, column)
        Ice as a fraction of saturation [1].

    References
    ----------
    Best et al. (2011), section 5.2.
    """
    celsius = t_soil - ZERODEGC
    frozen = celsius < freezing_point(sthuf, soil.b, soil.sathh)
    return torch.where(frozen, sthuf - unfrozen_water(celsius, soil.b, soil.sathh), 0.0).clamp(min=0.0)
