r"""Rain on leaves and at the soil surface: throughfall and infiltration excess.

Rain is uniform, as measured at a point (JULES's ``l_point_data``). The canopy store after a step is
``canopy + (rain - throughfall) * timestep``.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699.
"""

from __future__ import annotations

import torch
from torch import Tensor


def throughfall_point(rain: Tensor, canopy: Tensor, catch: Tensor, *, timestep: float) -> Tensor:
    r"""Throughfall of uniform rain.

    .. math::

        T = \begin{cases}
            r\, C/C_m & r\,\Delta t \le C_m \\
            r - (C_m - C)/\Delta t & \text{else}
        \end{cases}

    Parameters
    ----------
    rain : Tensor
        Rain and condensation [kg m-2 s-1].
    canopy : Tensor
        Water on the leaves [kg m-2].
    catch : Tensor
        Capacity of the leaves [kg m-2], zero for bare ground.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor
        Throughfall [kg m-2 s-1].

    References
    ----------
    JULES with ``l_point_data``; name ``tfall``.

    Examples
    --------
    1.8 mm in half an hour on leaves with 0.25 kg m-2 of room.

    >>> rain, canopy, catch = torch.tensor(1e-3), torch.tensor(0.5), torch.tensor(0.75)
    >>> round(1800.0 * float(throughfall_point(rain, canopy, catch, timestep=1800.0)), 4)
    1.55
    """
    light = (rain * timestep <= catch) & (catch > 0.0)
    filled = canopy / torch.where(light, catch, 1.0)
    return torch.where(light, rain * filled, rain - (catch - canopy) / timestep)


def infiltration_excess_point(water: Tensor, infiltration: Tensor) -> Tensor:
    r"""Surface runoff of uniform rain.

    .. math:: Y = \max(w - K, 0)

    Parameters
    ----------
    water : Tensor
        Throughfall and snow melt [kg m-2 s-1].
    infiltration : Tensor
        Infiltration capacity [kg m-2 s-1]: saturated conductivity times JULES's ``infil_f``.

    Returns
    -------
    Tensor
        Surface runoff [kg m-2 s-1].

    References
    ----------
    JULES with ``l_point_data``; name ``surf_roff``.
    """
    return torch.clamp(water - infiltration, min=0.0)
