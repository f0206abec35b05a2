r"""Soil respiration of JULES: moisture and temperature modifiers, and the one-pool scheme.

Respiration of the pool is :math:`R = \kappa\, C\, f(\theta)\, g(T)`. JULES's names are ``fsth`` for the moisture modifier
:math:`f` and ``ftemp`` for the temperature modifier :math:`g`; both are those of its one-pool and its four-pool (RothC) scheme.

JULES's output under these names follows three rules:

- ``fsth``, ``ftemp`` and ``resp_s`` of a time step are computed from wetness, temperature and carbon at the *end of the
  previous step*.
- Wetness is ``sthu``, or ``sthu + sthf`` with ``l_soil_resp_lev2``. Carbon that is not layered respires at the
  conditions of the first layer, or of the second with ``l_soil_resp_lev2``.
- In the first step after each call of TRIFFID, ``resp_s`` also contains the rounding residual of TRIFFID's carbon budget,
  distributed over the pools in proportion to their carbon.

The balance of the pool is in :mod:`jules_ml.physics.carbon_pools`.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Jenkinson et al. (1990), Phil. Trans. R. Soc. B 329, 361-368.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor

#: Specific respiration rate of the single pool at 282.4 K and optimal wetness [s-1].
KAPS: Final = 0.5e-8
#: Ratio of respiration for a warming of 10 K [1].
Q10_SOIL: Final = 2.0
#: Temperature at which the temperature modifier is 1 [K].
T_REFERENCE: Final = 282.4
#: Temperature at and below which RothC's temperature modifier is 0 [K].
T_ROTHC_MIN: Final = 263.15
#: Minimum of the moisture modifier, and its increase from there to the optimum [1].
FSTH_MIN: Final = 0.2
FSTH_RISE: Final = 0.8
#: Slope of the decline of the moisture modifier beyond the optimum [1].
FSTH_DECLINE: Final = 0.8
#: Moisture modifier of saturated soil with ``cs_decomp_soil_moist_func = 1``, the value that JULES's documentation proposes [1].
FSTH_SATURATED: Final = 0.2
#: Wetness below which the moisture modifier has its minimum, as a multiple of that at the wilting point, by number of pools [1].
MIN_FACTOR: Final = {1: 1.0, 4: 1.7}


def fsth(wetness: Tensor, sm_wilt: Tensor, sm_sat: Tensor, *, pools: Literal[1, 4]) -> Tensor:
    r"""Moisture modifier of soil respiration; ``cs_decomp_soil_moist_func = 0`` in JULES 8.2, the only form of earlier versions.

    .. math::

        f = \begin{cases}
            0.2 & s \le s_{min} \\
            0.2 + 0.8\,(s - s_{min})/(s_{opt} - s_{min}) & s_{min} < s \le s_{opt} \\
            1 - 0.8\,(s - s_{opt}) & s > s_{opt}
        \end{cases}

    with :math:`s_{opt} = (1 + w)/2`, :math:`w = \theta_{wilt}/\theta_{sat}`, and :math:`s_{min} = w` for one pool,
    :math:`1.7\,w` for four.

    Parameters
    ----------
    wetness : Tensor, shape (..., layer)
        Fraction of saturation [1]: ``sthu``, or ``sthu + sthf`` with ``l_soil_resp_lev2``.
    sm_wilt, sm_sat : Tensor, broadcastable to ``wetness``
        Water content at the wilting point and at saturation [m3 m-3]; ``0 < sm_wilt < sm_sat``.
    pools : {1, 4}
        JULES's one-pool or four-pool scheme.

    Returns
    -------
    Tensor, shape of ``wetness``
        Moisture modifier [1].

    Notes
    -----
    In a four-pool soil with :math:`w > 0.417`, :math:`s_{min}` is larger than :math:`s_{opt}`: the modifier then jumps from 0.2 to 1 at
    the optimum, in JULES and here.

    References
    ----------
    Clark et al. (2011); JULES name ``fsth``.

    Examples
    --------
    A soil with w = 0.3, whose optimum is 0.65: at the wilting point, half way, at the optimum and at saturation.

    >>> wetness = torch.tensor([0.3, 0.475, 0.65, 1.0])
    >>> f = fsth(wetness, torch.tensor(0.135), torch.tensor(0.45), pools=1)
    >>> [round(x, 3) for x in f.tolist()]
    [0.2, 0.6, 1.0, 0.72]
    """
    wilting = sm_wilt / sm_sat
    optimum = 0.5 * (1.0 + wilting)
    least = wilting * MIN_FACTOR[pools]
    width = optimum - least
    rises = width > 0.0
    ramp = torch.clamp((wetness - least) / torch.where(rises, width, 1.0), 0.0, 1.0)
    rising = FSTH_MIN + FSTH_RISE * torch.where(rises, ramp, 0.0)
    return torch.where(wetness > optimum, 1.0 - FSTH_DECLINE * (wetness - optimum), rising)


def fsth_option_1(
    wetness: Tensor,
    sm_wilt: Tensor,
    sm_crit: Tensor,
    sm_sat: Tensor,
    *,
    fsth_saturated: Tensor | float = FSTH_SATURATED,
) -> Tensor:
    r"""Moisture modifier of soil respiration with ``cs_decomp_soil_moist_func = 1``, from JULES 8.2.

    .. math::

        f = \begin{cases}
            s/s_l & s \le s_l \\
            1 & s_l < s \le s_{opt} \\
            r + (1 - r)\,(1 - s)/(1 - s_{opt}) & s > s_{opt}
        \end{cases}

    with :math:`s_{opt} = (1 + \theta_{wilt}/\theta_{sat})/2` and :math:`s_l = \min(\theta_{crit}/\theta_{sat}, s_{opt})`: respiration
    stops in dry soil, has a plateau between the critical point and the optimum, and is :math:`r` at saturation. The form is the
    same for one pool and for four.

    Parameters
    ----------
    wetness : Tensor, shape (..., layer)
        Fraction of saturation [1], as for :func:`fsth`.
    sm_wilt, sm_crit, sm_sat : Tensor, broadcastable to ``wetness``
        Water content at the wilting point, at the critical point and at saturation [m3 m-3]; ``0 < sm_wilt < sm_sat``,
        ``0 < sm_crit``.
    fsth_saturated : Tensor or float
        Modifier of saturated soil [1], between 0 and 1. JULES has no default; its documentation proposes 0.2.

    Returns
    -------
    Tensor, shape of ``wetness``
        Moisture modifier [1].

    References
    ----------
    Chadburn et al. (2022), Geosci. Model Dev. 15, 1633-1657; JULES names ``fsth``, ``fsthsat_cs_decomp_opt1``.

    Examples
    --------
    Dry soil, half way to the critical point, the plateau, and saturation.

    >>> wetness = torch.tensor([0.0, 0.25, 0.6, 1.0])
    >>> f = fsth_option_1(wetness, torch.tensor(0.135), torch.tensor(0.225), torch.tensor(0.45))
    >>> [round(x, 3) for x in f.tolist()]
    [0.0, 0.5, 1.0, 0.2]
    """
    optimum = 0.5 * (1.0 + sm_wilt / sm_sat)
    lower = torch.minimum(sm_crit / sm_sat, optimum)
    rising = torch.clamp(wetness / lower, max=1.0)
    falling = fsth_saturated + (1.0 - fsth_saturated) * (1.0 - wetness) / (1.0 - optimum)
    return torch.where(wetness > optimum, falling, rising)


def ftemp_q10(t_soil: Tensor, q10: Tensor | float = Q10_SOIL) -> Tensor:
    r"""Temperature modifier of soil respiration, Q10 form.

    .. math:: g = Q_{10}^{\,0.1\,(T - 282.4)}

    Parameters
    ----------
    t_soil : Tensor
        Soil temperature [K].
    q10 : Tensor or float, broadcastable to ``t_soil``
        Ratio of respiration for a warming of 10 K [1].

    Returns
    -------
    Tensor, shape of ``t_soil``
        Temperature modifier [1].

    References
    ----------
    Clark et al. (2011); JULES names ``ftemp``, ``q10_soil``. JULES's one-pool scheme always has this form.

    Examples
    --------
    >>> [round(x, 4) for x in ftemp_q10(torch.tensor([272.4, 282.4, 292.4])).tolist()]
    [0.5, 1.0, 2.0]
    """
    # an exponential: the last bit of a power depends on whether the compiler vectorises it
    rate = torch.log(q10) if isinstance(q10, Tensor) else math.log(q10)
    return torch.exp((0.1 * rate) * (t_soil - T_REFERENCE))


def ftemp_rothc(t_soil: Tensor) -> Tensor:
    r"""Temperature modifier of soil respiration, RothC form.

    .. math:: g = \frac{47.9}{1 + \exp\left(106/(T - 254.85)\right)} \quad\text{for } T > 263.15, \text{ else } 0

    Parameters
    ----------
    t_soil : Tensor
        Soil temperature [K].

    Returns
    -------
    Tensor, shape of ``t_soil``
        Temperature modifier [1].

    References
    ----------
    Jenkinson et al. (1990); Clark et al. (2011); JULES name ``ftemp`` without ``l_q10``.

    Examples
    --------
    >>> [round(x, 3) for x in ftemp_rothc(torch.tensor([263.0, 282.4, 292.4])).tolist()]
    [0.0, 1.0, 2.687]
    """
    dormant = t_soil <= T_ROTHC_MIN
    # the formula overflows near 254.85 K: evaluate it only within its range, so that its gradient is finite
    warm = torch.where(dormant, T_REFERENCE, t_soil)
    return torch.where(dormant, 0.0, 47.9 / (1.0 + torch.exp(106.0 / (warm - 254.85))))


def respiration_one_pool(
    cs: Tensor, fsth: Tensor, ftemp: Tensor, *, kaps: Tensor | float = KAPS, depth_factor: Tensor | float = 1.0
) -> Tensor:
    r"""Respiration of a single pool of soil carbon.

    .. math:: R = \kappa\, C\, f\, g\, D

    Parameters
    ----------
    cs : Tensor
        Soil carbon [kg m-2].
    fsth, ftemp : Tensor, broadcastable to ``cs``
        Moisture and temperature modifiers [1].
    kaps : Tensor or float
        Specific rate at 282.4 K and optimal wetness [s-1].
    depth_factor : Tensor or float, broadcastable to ``cs``
        Decline of respiration with depth, for layered carbon [1].

    Returns
    -------
    Tensor
        Respiration, all to the atmosphere [kg m-2 s-1]; for ``cs`` of 1, the decay rate [s-1].

    References
    ----------
    Clark et al. (2011); JULES name ``resp_s``.

    Examples
    --------
    12.1 kg m-2 at 282.4 K and optimal wetness, in g m-2 d-1.

    >>> one = torch.tensor(1.0)
    >>> round(8.64e7 * float(respiration_one_pool(torch.tensor(12.1), one, one)), 3)
    5.227
    """
    return kaps * cs * fsth * ftemp * depth_factor
