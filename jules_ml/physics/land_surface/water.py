r"""Rain on the tiles: interception, throughfall and infiltration excess.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 3.3; Dolman and Gregory (1992), Q. J. R. Meteorol. Soc. 118, 455-476.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.interception import infiltration_excess_point, throughfall_point

#: Rain below which the canopy intercepts nothing [kg m-2 s-1]: the precision of JULES's numbers.
SMALLEST_RAIN: Final = 1.1920929e-07
#: Largest exponent of the distributions of rain, beyond which JULES takes zero.
LARGEST_EXPONENT: Final = 87.0


class TileWater(NamedTuple):
    """Water of the tiles, shape (tile, column): ``canopy`` [kg m-2], ``tfall`` and ``surf_roff`` [kg m-2 s-1]."""

    canopy: Tensor
    tfall: Tensor
    surf_roff: Tensor


def tile_water(
    canopy: Tensor,
    ecan: Tensor,
    rain: Tensor,
    melt: Tensor,
    catch: Tensor,
    infil: Tensor,
    *,
    timestep: float,
    l_point_data: bool,
) -> TileWater:
    """Pass rain through the canopies of the tiles to the soil.

    Parameters
    ----------
    canopy : Tensor, shape (tile, column)
        Water on leaves at the start of the step [kg m-2].
    ecan : Tensor, shape (tile, column)
        Evaporation from leaves, negative for dew [kg m-2 s-1].
    rain : Tensor, shape (column,)
        Rain [kg m-2 s-1].
    melt : Tensor, shape (tile, column)
        Water that leaves the snow [kg m-2 s-1].
    catch : Tensor, shape (tile, column)
        Capacity of the canopy [kg m-2].
    infil : Tensor, shape (tile, column)
        Infiltration capacity [kg m-2 s-1].
    timestep : float
        Length of the step [s].
    l_point_data : bool
        Whether rain is uniform, as measured at a point; else its intensity has an exponential distribution over the grid box.

    Returns
    -------
    TileWater

    References
    ----------
    Best et al. (2011), section 3.3; JULES routines ``surf_hyd``, ``sieve`` and ``frunoff``. All rain is large-scale rain: runs whose
    rain would be convective in JULES are refused where their configuration is read.
    """
    canopy = torch.where(ecan > 0.0, (canopy - ecan * timestep).clamp(min=0.0), canopy)
    dew = (-ecan).clamp(min=0.0)
    if l_point_data:
        supply = rain + dew
        tfall = throughfall_point(supply, canopy, catch, timestep=timestep)
        return TileWater(canopy + (supply - tfall) * timestep, tfall, infiltration_excess_point(tfall + melt, infil))
    # melt, dew and rain one after the other, each with the canopy that the one before left
    roff = runoff_distributed(melt, catch, catch, infil, timestep=timestep)
    from_dew = throughfall_distributed(dew, canopy, catch, timestep=timestep)
    canopy = canopy + (dew - from_dew) * timestep
    roff = roff + runoff_distributed(dew, canopy, catch, infil, timestep=timestep)
    from_rain = throughfall_distributed(rain + 0.0 * dew, canopy, catch, timestep=timestep)
    canopy = canopy + (rain - from_rain) * timestep
    roff = roff + runoff_distributed(rain + 0.0 * dew, canopy, catch, infil, timestep=timestep)
    return TileWater(canopy, from_dew + from_rain, roff)


def throughfall_distributed(rain: Tensor, canopy: Tensor, catch: Tensor, *, timestep: float) -> Tensor:
    r"""Throughfall of rain whose intensity has an exponential distribution.

    .. math:: T = r\left[\left(1 - \frac{C}{C_m}\right)e^{-C_m/(r\Delta t)} + \frac{C}{C_m}\right]

    Parameters
    ----------
    rain : Tensor, shape (...)
        Mean intensity [kg m-2 s-1].
    canopy, catch : Tensor, shape (...)
        Water on leaves and its capacity [kg m-2].
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (...)
        [kg m-2 s-1].

    References
    ----------
    Best et al. (2011), eq. 47; JULES routine ``sieve``.
    """
    intercepts = (catch > 0.0) & (rain > SMALLEST_RAIN)
    amount = torch.where(intercepts, rain * timestep, 1.0)
    capacity = torch.where(intercepts, catch, 1.0)
    filled = (canopy / capacity).clamp(max=1.0)
    reach = torch.exp(-(capacity / amount).clamp(max=LARGEST_EXPONENT))
    return torch.where(intercepts, rain * ((1.0 - filled) * reach + filled), rain)


def runoff_distributed(rain: Tensor, canopy: Tensor, catch: Tensor, infil: Tensor, *, timestep: float) -> Tensor:
    r"""Infiltration excess of rain whose intensity has an exponential distribution.

    Parameters
    ----------
    rain : Tensor, shape (...)
        Mean intensity [kg m-2 s-1].
    canopy, catch : Tensor, shape (...)
        Water on leaves and its capacity [kg m-2].
    infil : Tensor, shape (...)
        Infiltration capacity [kg m-2 s-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (...)
        [kg m-2 s-1].

    References
    ----------
    Best et al. (2011), eqs 49-50; JULES routine ``frunoff``.
    """
    rains = rain > SMALLEST_RAIN
    intensity = torch.where(rains, rain, 1.0)
    small = (infil * timestep <= canopy) & (catch > 0.0)
    filled = (canopy / torch.where(small, catch, 1.0)).clamp(max=1.0)
    drop = torch.where(small, canopy, 1.0)
    slow = torch.exp(-(catch * infil / (intensity * drop.clamp(min=SMALLEST_RAIN))).clamp(max=LARGEST_EXPONENT))
    slow = torch.where(canopy > SMALLEST_RAIN, slow, 0.0)
    fast = torch.exp(-(catch / (intensity * timestep)).clamp(max=LARGEST_EXPONENT))
    room = ((catch - canopy) * (1.0 / timestep)).clamp(min=0.0)
    open_ = torch.exp(-((infil + room) / intensity).clamp(max=LARGEST_EXPONENT))
    fraction = torch.where(small, filled * slow + (1.0 - filled) * fast, open_)
    return torch.where(rains, rain * fraction, 0.0)
