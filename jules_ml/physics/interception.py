r"""Rain on leaves and at the soil surface: canopy store, throughfall and infiltration excess.

Rain has one of two distributions, as in JULES: uniform for rain measured at a point (``l_point_data``); for the mean over a grid box,
exponential over a fraction of the area.

The canopy store after a step is ``canopy + (rain - throughfall) * timestep``.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Dolman and Gregory (1992), Q. J. R. Meteorol. Soc.
118, 455-467.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

#: Minimum rain in the distribution of intensities [kg m-2 s-1]: 0.003 mm a year.
RAIN_MIN: Final = 1e-10
#: Minimum water on wet leaves [kg m-2].
CANOPY_MIN: Final = 1e-6


def canopy_capacity(lai: Tensor, catch0: Tensor | float = 0.5, dcatch_dlai: Tensor | float = 0.05) -> Tensor:
    r"""Canopy capacity for intercepted water.

    .. math:: C_m = C_0 + C_L\, L

    Parameters
    ----------
    lai : Tensor
        Leaf area index [1].
    catch0 : Tensor or float
        Capacity without leaves [kg m-2].
    dcatch_dlai : Tensor or float
        Capacity for each unit of leaf area index [kg m-2].

    Returns
    -------
    Tensor, shape of ``lai``
        Capacity [kg m-2]; JULES name ``catch``.

    References
    ----------
    Best et al. (2011).

    Examples
    --------
    >>> float(canopy_capacity(torch.tensor(5.0)))
    0.75
    """
    return catch0 + dcatch_dlai * lai


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


def throughfall_area(
    rain: Tensor, canopy: Tensor, catch: Tensor, *, timestep: float, area: Tensor | float = 1.0
) -> Tensor:
    r"""Throughfall of rain with an exponential distribution over a fraction of the area.

    .. math:: T = r \left[ (1 - C/C_m)\, e^{-\epsilon C_m/(r\,\Delta t)} + C/C_m \right]

    Parameters
    ----------
    rain, canopy, catch : Tensor
        As in :func:`throughfall_point`.
    timestep : float
        Length of the step [s].
    area : Tensor or float
        Fraction of the area with rain :math:`\epsilon` [1]: JULES's ``confrac`` (0.3) for convective rain, else 1.

    Returns
    -------
    Tensor
        Throughfall [kg m-2 s-1].

    References
    ----------
    Best et al. (2011); Dolman and Gregory (1992); JULES name ``tfall``.
    """
    leaves = catch > 0.0
    store = torch.where(leaves, catch, 1.0)
    filled = torch.clamp(canopy / store, max=1.0)
    fallen = rain.clamp(min=RAIN_MIN) * timestep
    passed = (1.0 - filled) * torch.exp(-area * store / fallen) + filled
    return rain * torch.where(leaves, passed, 1.0)


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


def infiltration_excess_area(
    rain: Tensor,
    canopy: Tensor,
    catch: Tensor,
    infiltration: Tensor,
    *,
    timestep: float,
    area: Tensor | float = 1.0,
) -> Tensor:
    r"""Surface runoff of rain with an exponential distribution over a fraction of the area.

    .. math::

        Y = \begin{cases}
            r \left[ \frac{C}{C_m} e^{-\epsilon K C_m/(r C)} + (1 - \frac{C}{C_m})\, e^{-\epsilon C_m/(r\,\Delta t)}
            \right]
                & K\,\Delta t \le C \\
            r\, e^{-\epsilon \left[K + (C_m - C)/\Delta t\right]/r} & \text{else}
        \end{cases}

    Parameters
    ----------
    rain : Tensor
        Rain above the leaves [kg m-2 s-1].
    canopy : Tensor
        Water on the leaves before the rain, as for throughfall [kg m-2].
    catch : Tensor
        Capacity of the leaves [kg m-2].
    infiltration : Tensor
        Infiltration capacity :math:`K` [kg m-2 s-1].
    timestep : float
        Length of the step [s].
    area : Tensor or float
        Fraction of the area with rain :math:`\epsilon` [1].

    Returns
    -------
    Tensor
        Surface runoff [kg m-2 s-1], at most the throughfall of :func:`throughfall_area`.

    Notes
    -----
    JULES calls its routine with the water on the leaves after the rain. Runoff can then exceed throughfall on soil with a very low
    infiltration capacity; with the water before the rain it cannot.

    References
    ----------
    Best et al. (2011); Dolman and Gregory (1992); JULES name ``surf_roff``.
    """
    rate = rain.clamp(min=RAIN_MIN)
    full = (infiltration * timestep <= canopy) & (canopy > CANOPY_MIN) & (catch > 0.0)
    store, water = torch.where(full, catch, 1.0), torch.where(full, canopy, 1.0)
    filled = torch.clamp(water / store, max=1.0)
    from_full = filled * torch.exp(-area * infiltration * store / (rate * water))
    from_filling = (1.0 - filled) * torch.exp(-area * store / (rate * timestep))
    room = torch.clamp((catch - canopy) / timestep, min=0.0)
    from_soil = torch.exp(-area * (infiltration + room) / rate)
    return rain * torch.where(full, from_full + from_filling, from_soil)
