r"""Water stress of plants, root fractions and conductance of bare soil.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from jules_ml.errors import BadInput

#: Conductance of bare soil at the critical water content, JULES's ``gs_nvg`` of soil [m s-1].
GS_BARE_SOIL: Final = 0.01
#: Extinction of soil evaporation by leaves [1].
SOIL_EXTINCTION: Final = 0.5


def root_fraction(rootd_ft: Tensor, dzsoil: Tensor) -> Tensor:
    r"""Fraction of roots in each layer, for an exponential decline of root density with depth.

    .. math::

        r_k = \frac{e^{-z_{k-1}/d} - e^{-z_k/d}}{1 - e^{-z_n/d}}

    Parameters
    ----------
    rootd_ft : Tensor, broadcastable to ``dzsoil``
        E-folding depth of roots [m].
    dzsoil : Tensor, shape (..., layer)
        Layer thickness [m].

    Returns
    -------
    Tensor, shape (..., layer)
        Fraction of roots [1]; the sum over the layers is 1.

    References
    ----------
    Best et al. (2011); JULES name ``f_root`` with ``fsmc_mod = 0``.

    Examples
    --------
    >>> dzsoil = torch.tensor([0.1, 0.25, 0.65, 2.0])  # the four layers of JULES
    >>> [round(x, 3) for x in root_fraction(torch.tensor(0.5), dzsoil).tolist()]
    [0.182, 0.323, 0.362, 0.133]
    """
    bottom = torch.cumsum(dzsoil, dim=-1)
    density = torch.exp(-(bottom - dzsoil) / rootd_ft) - torch.exp(-bottom / rootd_ft)
    return density / density.sum(dim=-1, keepdim=True)


def soil_moisture_stress(theta: Tensor, sm_wilt: Tensor, sm_crit: Tensor, fsmc_p0: Tensor | float = 0.0) -> Tensor:
    r"""Piecewise-linear stress factor :math:`\beta` of each soil layer.

    .. math::

        \beta = \operatorname{clip}\!\left(\frac{\theta - \theta_w}{(1 - p_0)\,(\theta_c - \theta_w)},\, 0,\, 1\right)

    Parameters
    ----------
    theta : Tensor
        Unfrozen volumetric water content [m3 m-3].
    sm_wilt, sm_crit : Tensor, broadcastable to ``theta``
        Water content at the wilting and critical points [m3 m-3]; ``sm_wilt < sm_crit``, see
        :func:`check_stress_points`.
    fsmc_p0 : Tensor or float
        Fraction of the range below the critical point without stress [1].

    Returns
    -------
    Tensor, shape of ``theta``
        Stress factor [1]: 0 no transpiration, 1 no stress.

    References
    ----------
    Best et al. (2011); JULES names ``fsmc``, ``fsmc_p0``.

    Examples
    --------
    >>> wilt, crit = torch.tensor(0.136), torch.tensor(0.242)
    >>> [round(float(soil_moisture_stress(torch.tensor(theta), wilt, crit)), 3) for theta in (0.1, 0.189, 0.3)]
    [0.0, 0.5, 1.0]
    """
    width = (1.0 - fsmc_p0) * (sm_crit - sm_wilt)
    return torch.clamp((theta - sm_wilt) / width, 0.0, 1.0)


def check_stress_points(sm_wilt: Tensor, sm_crit: Tensor, sm_sat: Tensor, *, where: str) -> None:
    """Refuse soils whose wilting point, critical point and saturation are out of order.

    Parameters
    ----------
    sm_wilt, sm_crit, sm_sat : Tensor
        Water content at the wilting and critical points and at saturation [m3 m-3].
    where : str
        File or variable that they come from, for the message.

    Raises
    ------
    BadInput
        With the first three values that are out of order.
    """
    wilt, crit, sat = torch.broadcast_tensors(sm_wilt, sm_crit, sm_sat)
    wrong = ~((wilt > 0.0) & (crit > wilt) & (sat >= crit))
    if bool(wrong.any()):
        first = [float(x[wrong].flatten()[0]) for x in (wilt, crit, sat)]
        raise BadInput(
            f"sm_wilt {first[0]:g}, sm_crit {first[1]:g} and sm_sat {first[2]:g} are out of order, or sm_wilt is not above zero",
            where=where,
            remedy="give sm_wilt < sm_crit <= sm_sat in m3 m-3, by layer in the same order",
        )


def bare_soil_conductance(
    theta: Tensor, sm_crit: Tensor, *, gs_soil: Tensor | float = GS_BARE_SOIL, limited: bool = False
) -> Tensor:
    r"""Conductance of the soil surface to evaporation.

    .. math:: g = g_{crit} \left(\frac{\theta_1}{\theta_c}\right)^2

    Parameters
    ----------
    theta : Tensor
        Unfrozen water content of the top layer [m3 m-3].
    sm_crit : Tensor, broadcastable to ``theta``
        Water content at the critical point [m3 m-3].
    gs_soil : Tensor or float
        Conductance at the critical point [m s-1]; JULES name ``gs_nvg``.
    limited : bool
        Whether ``gs_soil`` is the upper limit; JULES name ``l_limit_gsoil``.

    Returns
    -------
    Tensor, shape of ``theta``
        Conductance [m s-1].

    References
    ----------
    Best et al. (2011); JULES name ``gsoil``.

    Examples
    --------
    >>> round(float(bare_soil_conductance(torch.tensor(0.121), torch.tensor(0.242))), 6)  # half of the critical point
    0.0025
    """
    squared = (theta / sm_crit) ** 2
    return gs_soil * (squared.clamp(max=1.0) if limited else squared)
