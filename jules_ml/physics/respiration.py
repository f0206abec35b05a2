r"""Soil respiration in JULES's one-pool and four-pool (RothC) schemes.

Respiration of a pool is :math:`R = \kappa\, C\, f(\theta)\, g(T)\, F_v`. JULES's names are ``fsth`` for the moisture modifier
:math:`f`, ``ftemp`` for the temperature modifier :math:`g`, and ``fprf`` for the vegetation modifier :math:`F_v`.

JULES's output under these names follows four rules:

- ``fsth``, ``ftemp`` and ``resp_s`` of a time step are computed from wetness, temperature and carbon at the *end of the
  previous step*.
- Wetness is ``sthu``, or ``sthu + sthf`` with ``l_soil_resp_lev2``. Carbon that is not layered respires at the
  conditions of the first layer, or of the second with ``l_soil_resp_lev2``.
- In the four-pool scheme the output ``resp_s`` is the flux to the atmosphere: :func:`resp_frac` times the respiration
  computed here.
- In the first step after each call of TRIFFID, ``resp_s`` also contains the rounding residual of TRIFFID's carbon budget,
  distributed over the pools in proportion to their carbon.

The pools are in JULES's order: decomposable and resistant plant material (DPM, RPM), microbial biomass (BIO) and
humus (HUM). Their balance is in :mod:`jules_ml.physics.carbon_pools`.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Jenkinson et al. (1990), Phil. Trans. R. Soc. B 329, 361-368;
Burke et al. (2017), Geosci. Model Dev. 10, 959-975, for layered carbon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor

#: Names of the four pools, in JULES's order.
POOLS: Final = ("dpm", "rpm", "bio", "hum")
#: Specific respiration rate at 282.4 K and optimal wetness [s-1]: of the single pool, and of the four.
KAPS: Final = 0.5e-8
KAPS_4POOL: Final = (3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10)
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
#: Wetness below which the moisture modifier has its minimum, as a multiple of that at the wilting point, by number of pools [1].
MIN_FACTOR: Final = {1: 1.0, 4: 1.7}


def fsth(
    wetness: Tensor, sm_wilt: Tensor, sm_sat: Tensor, *, pools: Literal[1, 4], fsth_sat: Tensor | float | None = None
) -> Tensor:
    r"""Moisture modifier of soil respiration.

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
    fsth_sat : Tensor or float, optional
        Moisture modifier at saturation [1]; :math:`f` is linear between the optimum and saturation. By default
        JULES's slope of -0.8, for which :math:`f(1) = 0.6 + 0.4\,w`.

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
    decline = FSTH_DECLINE if fsth_sat is None else (1.0 - fsth_sat) / (1.0 - optimum)
    return torch.where(wetness > optimum, 1.0 - decline * (wetness - optimum), rising)


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


def fprf(veg_frac: Tensor) -> Tensor:
    r"""Vegetation modifier of soil respiration, which is larger for bare soil.

    .. math:: F_v = 0.6 + 0.4\,(1 - v)

    Parameters
    ----------
    veg_frac : Tensor
        Fraction of the ground under vegetation [1].

    Returns
    -------
    Tensor, shape of ``veg_frac``
        Vegetation modifier [1]; JULES applies it in the four-pool scheme only.

    References
    ----------
    Clark et al. (2011); JULES name ``fprf``.

    Examples
    --------
    >>> [round(x, 3) for x in fprf(torch.tensor([0.0, 1.0])).tolist()]
    [1.0, 0.6]
    """
    return 0.6 + 0.4 * (1.0 - veg_frac)


def resp_frac(clay: Tensor) -> Tensor:
    r"""Fraction of the respired carbon that goes to the atmosphere; the rest becomes BIO and HUM.

    .. math:: \frac{3.0895 + 2.672\,e}{4.0895 + 2.672\,e}, \qquad e = \exp(-7.86\,c)

    Parameters
    ----------
    clay : Tensor
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    Tensor, shape of ``clay``
        Fraction to the atmosphere [1]: 0.852 in soil without clay, and less with clay, which protects carbon.

    References
    ----------
    Coleman and Jenkinson (1999), RothC-26.3; Clark et al. (2011), whose :math:`\beta_R` is one minus this; JULES name
    ``resp_frac`` in its surface scheme (TRIFFID uses the same name for the complement).

    Examples
    --------
    >>> [round(x, 5) for x in resp_frac(torch.tensor([0.0, 0.2])).tolist()]
    [0.8521, 0.78468]
    """
    protected = 2.672 * torch.exp(-7.86 * clay)
    return (3.0895 + protected) / (4.0895 + protected)


def depth_factor(layer_thickness: Tensor, tau_resp: Tensor | float) -> Tensor:
    r"""Depth modifier of the respiration of layered carbon.

    .. math:: D_k = \exp(-\tau\, z_k)

    Parameters
    ----------
    layer_thickness : Tensor, shape (..., layer)
        Thickness of each layer [m]; JULES name ``dzsoil``.
    tau_resp : Tensor or float, broadcastable to ``layer_thickness``
        Decay with depth [m-1]; JULES name ``tau_resp``.

    Returns
    -------
    Tensor, shape of ``layer_thickness``
        Depth modifier at the middle of each layer [1].

    References
    ----------
    Burke et al. (2017).

    Examples
    --------
    >>> [round(x, 3) for x in depth_factor(torch.tensor([0.1, 0.25, 0.65, 2.0]), 2.0).tolist()]
    [0.905, 0.638, 0.259, 0.018]
    """
    middle = torch.cumsum(layer_thickness, dim=-1) - 0.5 * layer_thickness
    return torch.exp(-tau_resp * middle)


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
        From :func:`depth_factor` for layered carbon [1].

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
    >>> round(1000.0 * 86400.0 * float(respiration_one_pool(torch.tensor(12.1), one, one)), 3)
    5.227
    """
    return kaps * cs * fsth * ftemp * depth_factor


def respiration_four_pool(
    cs: Tensor,
    fsth: Tensor,
    ftemp: Tensor,
    fprf: Tensor,
    *,
    kaps: Tensor | Sequence[float] = KAPS_4POOL,
    depth_factor: Tensor | float = 1.0,
) -> Tensor:
    r"""Carbon respired by each of RothC's four pools, of which a fraction stays in the soil.

    .. math:: R_i = \kappa_i\, C_i\, f\, g\, F_v\, D

    Parameters
    ----------
    cs : Tensor, shape (..., pool)
        Soil carbon of DPM, RPM, BIO and HUM [kg m-2].
    fsth, ftemp, fprf : Tensor, broadcastable to ``cs`` without its last dimension
        Moisture, temperature and vegetation modifiers [1].
    kaps : Tensor or sequence, shape (pool,)
        Specific rates at 282.4 K and optimal wetness [s-1].
    depth_factor : Tensor or float, broadcastable to ``fsth``
        From :func:`depth_factor` for layered carbon [1].

    Returns
    -------
    Tensor, shape (..., pool)
        Respired carbon [kg m-2 s-1], of which :func:`resp_frac` goes to the atmosphere; for ``cs`` of 1, the decay
        rates [s-1].

    References
    ----------
    Clark et al. (2011); JULES names ``resp_s`` (before its output), ``kaps_4pool``.
    """
    modifier = fsth * ftemp * fprf * depth_factor
    return torch.as_tensor(kaps, dtype=cs.dtype, device=cs.device) * cs * modifier.unsqueeze(-1)
