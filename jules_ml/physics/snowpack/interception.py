"""Snow on canopies: interception of snowfall and unloading."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches


class CanopySnow(NamedTuple):
    """Snow on the canopy ``snow_can`` and snow that reaches the ground in the step ``snowfall``, both [kg m-2]."""

    snow_can: Tensor
    snowfall: Tensor


def intercept_snow(
    snow_can: Tensor,
    snowfall: Tensor,
    catch_snow: Tensor,
    melt: Tensor,
    unload_backgrnd: Tensor,
    parameters: SnowParameters,
    switches: Switches,
    *,
    timestep: float,
) -> CanopySnow:
    r"""Partition snowfall into interception and snow that reaches the ground, with unloading.

    .. math::

        I = 0.7\,(C - S)\left(1 - e^{-P/C}\right), \qquad U = (0.4\,M + k\,S)\,\Delta t

    with snowfall :math:`P` of the step, canopy capacity :math:`C`, snow on the canopy :math:`S`, its melt :math:`M` and background rate
    :math:`k`. With ``l_fix_neg_snow`` neither is negative, and what exceeds the capacity is unloaded.

    Parameters
    ----------
    snow_can : Tensor, shape (...)
        Snow on the canopy after melt and sublimation [kg m-2].
    snowfall : Tensor, shape (...)
        Snowfall above the canopy in the step [kg m-2].
    catch_snow : Tensor, shape (...)
        Canopy capacity [kg m-2]; nothing is intercepted where it is 0.
    melt : Tensor, shape (...)
        Melt of the snow on the canopy [kg m-2 s-1].
    unload_backgrnd : Tensor, shape (...)
        Rate of unloading without melt [s-1].
    parameters : SnowParameters
        ``snowinterceptfact``, ``snowunloadfact``, ``conserve_water``.
    switches : Switches
        ``l_fix_neg_snow``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    CanopySnow

    References
    ----------
    Essery et al. (2003), J. Climate 16, 1855-1864; JULES routine ``canopysnow``.

    Examples
    --------
    Half of the capacity of 4 kg m-2 is free; 2 kg m-2 fall.

    >>> x = [torch.tensor(v) for v in (2.0, 2.0, 4.0, 0.0, 0.0)]
    >>> canopy = intercept_snow(*x, SnowParameters(), Switches(), timestep=1800.0)
    >>> round(float(canopy.snow_can), 3), round(float(canopy.snowfall), 3)
    (2.551, 1.449)
    """
    capacity = torch.where(catch_snow > 0.0, catch_snow, 1.0)
    free = torch.where(catch_snow > 0.0, catch_snow - snow_can, 0.0)
    intercept = parameters.snowinterceptfact * free * (1.0 - torch.exp(-snowfall / capacity))
    unload = (parameters.snowunloadfact * timestep) * melt + timestep * unload_backgrnd * snow_can
    if switches.l_fix_neg_snow:
        intercept, unload = intercept.clamp(min=0.0), unload.clamp(min=0.0)
        if parameters.conserve_water:
            unload = torch.minimum(unload, snow_can.clamp(min=0.0))
        canopy = snow_can + intercept - unload
        excess = (canopy - catch_snow).clamp(min=0.0)
        canopy, unload = canopy - excess, unload + excess
    else:
        unload = torch.minimum(unload, snow_can).clamp(min=0.0)
        canopy = snow_can + intercept - unload
    return CanopySnow(canopy, snowfall - intercept + unload)
