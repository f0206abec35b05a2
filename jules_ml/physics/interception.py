r"""Rain on leaves and at the soil surface: canopy store, throughfall and infiltration excess.

Two views of rain, as in JULES: rain measured at a point, which falls evenly (``l_point_data``), and the mean over a
grid box, where rain falls on a part of the area with an exponential spread of intensity.

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

#: Rain below which the spread of intensities is not followed further [kg m-2 s-1]: 0.003 mm a year.
RAIN_MIN: Final = 1e-10
#: Water on leaves below which they count as dry [kg m-2].
CANOPY_MIN: Final = 1e-6


def canopy_capacity(lai: Tensor, catch0: Tensor | float = 0.5, dcatch_dlai: Tensor | float = 0.05) -> Tensor:
    r"""Water that leaves can hold.

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
    """
    return catch0 + dcatch_dlai * lai


def throughfall_point(rain: Tensor, canopy: Tensor, catch: Tensor, *, timestep: float) -> Tensor:
    r"""Water that passes the leaves, for rain that falls evenly.

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
    """
    light = (rain * timestep <= catch) & (catch > 0.0)
    filled = canopy / torch.where(light, catch, 1.0)
    return torch.where(light, rain * filled, rain - (catch - canopy) / timestep)


def throughfall_area(
    rain: Tensor, canopy: Tensor, catch: Tensor, *, timestep: float, area: Tensor | float = 1.0
) -> Tensor:
    r"""Water that passes the leaves, for rain with an exponential spread over a part of the area.

    .. math:: T = r \left[ (1 - C/C_m)\, e^{-\epsilon C_m/(r\,\Delta t)} + C/C_m \right]

    Parameters
    ----------
    rain, canopy, catch : Tensor
        As in :func:`throughfall_point`.
    timestep : float
        Length of the step [s].
    area : Tensor or float
        Part of the area on which it rains :math:`\epsilon` [1]: JULES's ``confrac`` (0.3) for convective rain, else 1.

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
    r"""Surface runoff, for water that arrives evenly.

    .. math:: Y = \max(w - K, 0)

    Parameters
    ----------
    water : Tensor
        Throughfall and snow melt [kg m-2 s-1].
    infiltration : Tensor
        What the soil can take up [kg m-2 s-1]: its saturated conductivity times JULES's ``infil_f``.

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
    r"""Surface runoff, for rain with an exponential spread over a part of the area.

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
        What the soil can take up :math:`K` [kg m-2 s-1].
    timestep : float
        Length of the step [s].
    area : Tensor or float
        Part of the area on which it rains :math:`\epsilon` [1].

    Returns
    -------
    Tensor
        Surface runoff [kg m-2 s-1], never more than the throughfall of :func:`throughfall_area`.

    Notes
    -----
    JULES gives its routine the leaves' water after the rain. Runoff can then exceed throughfall on soil that takes up
    next to nothing; with the water before the rain it cannot.

    References
    ----------
    Best et al. (2011); Dolman and Gregory (1992); JULES name ``surf_roff``.
    """
    rate = rain.clamp(min=RAIN_MIN)
    full = (infiltration * timestep <= canopy) & (canopy > CANOPY_MIN) & (catch > 0.0)
    store, held = torch.where(full, catch, 1.0), torch.where(full, canopy, 1.0)
    filled = torch.clamp(held / store, max=1.0)
    from_full = filled * torch.exp(-area * infiltration * store / (rate * held))
    from_filling = (1.0 - filled) * torch.exp(-area * store / (rate * timestep))
    room = torch.clamp((catch - canopy) / timestep, min=0.0)
    from_soil = torch.exp(-area * (infiltration + room) / rate)
    return rain * torch.where(full, from_full + from_filling, from_soil)
