r"""Water balance of the tiles: the sources of evaporation, the canopy store and infiltration.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Essery et al. (2003), J. Hydrometeorol. 4, 530-543.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import LC, LF, RHO_WATER, TM
from jules_ml.physics.interception import throughfall_point
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.surface_exchange import SurfaceResistance
from jules_ml.physics.surface_variables import SurfaceSoil, SurfaceState

#: Depth of soil whose water can evaporate within a step [m]; JULES name ``zsmc``.
ZSMC: Final = 1.0


class Evaporation(NamedTuple):
    """Evaporation of the tiles by source, tensors of shape (tile, ...).

    ``leaves`` [kg m-2 s-1] from water on leaves, negative for dew; ``soil`` [kg m-2 s-1] from bare soil and plants; ``sublimation``
    [kg m-2 s-1] of snow, negative for frost; ``latent_heat`` [W m-2] that the three take.
    """

    leaves: Tensor
    soil: Tensor
    sublimation: Tensor
    latent_heat: Tensor


class CanopyWater(NamedTuple):
    """Water on leaves ``canopy`` [kg m-2] at the end of the step, and throughfall ``tfall`` [kg m-2 s-1], shape (tile, ...)."""

    canopy: Tensor
    tfall: Tensor


def available_water(soil: SurfaceSoil) -> Tensor:
    r"""Liquid water above the wilting point in the top metre of the soil.

    .. math:: W = \max\left(0, \rho_w \sum_n \Delta z'_n (\theta_n - \theta_{w,n})\right)

    with :math:`\Delta z'` the part of each layer within :data:`ZSMC`.

    Parameters
    ----------
    soil : SurfaceSoil
        Soil layers.

    Returns
    -------
    Tensor, shape (...)
        [kg m-2], not below 0.

    References
    ----------
    JULES name ``smc``.
    """
    bottom = soil.dzsoil.cumsum(0)
    within = torch.minimum(soil.dzsoil, (ZSMC - (bottom - soil.dzsoil)).clamp(min=0.0))
    return RHO_WATER * sum_over_layers(within * (soil.liquid - soil.sm_wilt)).clamp(min=0.0)


def partition_evaporation(
    evaporation: Tensor,
    tstar: Tensor,
    state: SurfaceState,
    resistance: SurfaceResistance,
    soil: SurfaceSoil,
    snowy: Tensor,
    *,
    timestep: float,
) -> Evaporation:
    """Partition evaporation into snow, wet leaves and soil, none of which gives more than it holds.

    Parameters
    ----------
    evaporation : Tensor, shape (tile, ...)
        From the energy balance [kg m-2 s-1]; negative for condensation.
    tstar : Tensor, shape (tile, ...)
        Surface temperature that goes with it [K]: at or above freezing condensation is dew, below it frost.
    state : SurfaceState
        At the start of the step.
    resistance : SurfaceResistance
        From :func:`~jules_ml.physics.surface_exchange.surface_resistance`.
    soil : SurfaceSoil
        Soil layers, which give :func:`available_water` at most.
    snowy : Tensor of bool, shape (tile, ...)
        Whether there is snow on the tile.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Evaporation

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``sf_evap``.
    """
    rate = 1.0 / timestep
    warm = tstar >= TM
    upward = evaporation.clamp(min=0.0)
    condensation = evaporation.clamp(max=0.0)
    sublimation = torch.where(snowy, torch.minimum(upward, state.snow * rate), 0.0)
    # completely dry bare ground has a resistance factor of 0: the clamp avoids 0/0
    demand = torch.where(snowy, 0.0, upward * resistance.fraca / resistance.resft.clamp(min=1e-12))
    leaves = torch.minimum(demand, state.canopy * rate)
    from_soil = torch.where(snowy, 0.0, upward - demand + resistance.resfs * (demand - leaves))
    from_soil = torch.minimum(from_soil, available_water(soil) * rate)
    leaves = leaves + torch.where(warm & ~snowy, condensation, 0.0)
    sublimation = sublimation + torch.where(warm & ~snowy, 0.0, condensation)
    return Evaporation(
        leaves=leaves,
        soil=from_soil,
        sublimation=sublimation,
        latent_heat=LC * (leaves + from_soil) + (LC + LF) * sublimation,
    )


def canopy_water(canopy: Tensor, leaves: Tensor, rain: Tensor, catch: Tensor, *, timestep: float) -> CanopyWater:
    r"""Water on leaves after evaporation, dew, rain and throughfall.

    Parameters
    ----------
    canopy : Tensor, shape (tile, ...)
        Water on leaves at the start of the step [kg m-2].
    leaves : Tensor, shape (tile, ...)
        Evaporation from leaves [kg m-2 s-1], negative for dew.
    rain : Tensor, shape (...)
        Rain above the leaves [kg m-2 s-1].
    catch : Tensor, shape (tile, ...)
        Canopy capacity [kg m-2].
    timestep : float
        Length of the step [s].

    Returns
    -------
    CanopyWater

    References
    ----------
    Best et al. (2011); JULES routine ``sieve`` with ``l_point_data``.
    """
    after_evaporation = canopy - leaves.clamp(min=0.0) * timestep
    wetting = rain - leaves.clamp(max=0.0)
    tfall = throughfall_point(wetting, after_evaporation, catch, timestep=timestep)
    return CanopyWater(canopy=after_evaporation + (wetting - tfall) * timestep, tfall=tfall)
