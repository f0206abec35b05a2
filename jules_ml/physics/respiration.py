r"""Soil respiration in JULES's one-pool and four-pool (RothC) schemes.

Respiration of a pool is :math:`R = \kappa\, C\, f(\theta)\, g(T)\, F_v`, with :math:`f` called ``fsth``, :math:`g`
``ftemp`` and :math:`F_v` ``fprf`` in JULES.

What JULES writes out under these names needs four facts to be matched:

- ``fsth``, ``ftemp`` and ``resp_s`` of a time step follow from the wetness, temperature and carbon at the *end of the
  step before*.
- Wetness is ``sthu``, or ``sthu + sthf`` when ``l_soil_resp_lev2``. Carbon that is not layered respires at the
  conditions of the first layer, or of the second when ``l_soil_resp_lev2``.
- In the four-pool scheme the ``resp_s`` written out is what reaches the atmosphere: :func:`resp_frac` of what is
  computed here.
- In the first step after each call of TRIFFID, ``resp_s`` also holds the rounding residue of TRIFFID's carbon budget,
  shared among the pools in proportion to their carbon.

The pools are in JULES's order: decomposable and resistant plant material (DPM, RPM), microbial biomass (BIO) and
humus (HUM). How they gain and lose carbon is in :mod:`jules_ml.physics.carbon_pools`.

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
#: Factor of respiration for a warming of 10 K.
Q10_SOIL: Final = 2.0
#: Temperature at which the temperature factor is one [K].
T_REFERENCE: Final = 282.4
#: Temperature at and below which RothC's temperature factor is zero [K].
T_ROTHC_MIN: Final = 263.15
#: Least value of the moisture factor, and its rise from there to the optimum.
FSTH_MIN: Final = 0.2
FSTH_RISE: Final = 0.8
#: Decline of the moisture factor for each unit of wetness beyond the optimum.
FSTH_DECLINE: Final = 0.8
#: Driest wetness with a moisture factor above its least value, in units of the wilting point's.
MIN_FACTOR: Final = {1: 1.0, 4: 1.7}


def fsth(
    wetness: Tensor, sm_wilt: Tensor, sm_sat: Tensor, *, pools: Literal[1, 4], fsth_sat: Tensor | float | None = None
) -> Tensor:
    r"""Moisture factor of soil respiration.

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
        Moisture factor at saturation [1], to which :math:`f` falls on a line from one at the optimum. By default
        JULES's slope of -0.8, by which :math:`f(1) = 0.6 + 0.4\,w`.

    Returns
    -------
    Tensor, shape of ``wetness``
        Moisture factor [1].

    Notes
    -----
    In a four-pool soil with :math:`w > 0.417`, :math:`s_{min}` lies beyond :math:`s_{opt}`: JULES's factor, and this
    one, then jumps from 0.2 to 1 at the optimum.

    References
    ----------
    Clark et al. (2011); JULES name ``fsth``.
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
    r"""Temperature factor of soil respiration, exponential form.

    .. math:: g = Q_{10}^{\,0.1\,(T - 282.4)}

    Parameters
    ----------
    t_soil : Tensor
        Soil temperature [K].
    q10 : Tensor or float, broadcastable to ``t_soil``
        Factor for a warming of 10 K [1].

    Returns
    -------
    Tensor, shape of ``t_soil``
        Temperature factor [1].

    References
    ----------
    Clark et al. (2011); JULES names ``ftemp``, ``q10_soil``. JULES's one-pool scheme always has this form.
    """
    # an exponential, since a power has another last bit where a compiler takes it several columns at a time
    rate = torch.log(q10) if isinstance(q10, Tensor) else math.log(q10)
    return torch.exp((0.1 * rate) * (t_soil - T_REFERENCE))


def ftemp_rothc(t_soil: Tensor) -> Tensor:
    r"""Temperature factor of soil respiration, form of RothC.

    .. math:: g = \frac{47.9}{1 + \exp\left(106/(T - 254.85)\right)} \quad\text{for } T > 263.15, \text{ else } 0

    Parameters
    ----------
    t_soil : Tensor
        Soil temperature [K].

    Returns
    -------
    Tensor, shape of ``t_soil``
        Temperature factor [1].

    References
    ----------
    Jenkinson et al. (1990); Clark et al. (2011); JULES name ``ftemp`` without ``l_q10``.
    """
    dormant = t_soil <= T_ROTHC_MIN
    # the formula overflows towards 254.85 K: evaluate it only where it holds, so that its gradient stays finite
    warm = torch.where(dormant, T_REFERENCE, t_soil)
    return torch.where(dormant, 0.0, 47.9 / (1.0 + torch.exp(106.0 / (warm - 254.85))))


def fprf(veg_frac: Tensor) -> Tensor:
    r"""Vegetation factor of soil respiration: soil decays faster where it lies bare.

    .. math:: F_v = 0.6 + 0.4\,(1 - v)

    Parameters
    ----------
    veg_frac : Tensor
        Fraction of the ground under vegetation [1].

    Returns
    -------
    Tensor, shape of ``veg_frac``
        Vegetation factor [1]; JULES applies it in the four-pool scheme only.

    References
    ----------
    Clark et al. (2011); JULES name ``fprf``.
    """
    return 0.6 + 0.4 * (1.0 - veg_frac)


def resp_frac(clay: Tensor) -> Tensor:
    r"""Fraction of respired carbon that reaches the atmosphere; the rest becomes BIO and HUM.

    .. math:: \frac{3.0895 + 2.672\,e}{4.0895 + 2.672\,e}, \qquad e = \exp(-7.86\,c)

    Parameters
    ----------
    clay : Tensor
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    Tensor, shape of ``clay``
        Fraction to the atmosphere [1]: 0.852 in clay-free soil, less where clay protects carbon.

    References
    ----------
    Coleman and Jenkinson (1999), RothC-26.3; Clark et al. (2011), whose :math:`\beta_R` is one minus this; JULES name
    ``resp_frac`` in its surface scheme (JULES's TRIFFID calls the complement by the same name).
    """
    protected = 2.672 * torch.exp(-7.86 * clay)
    return (3.0895 + protected) / (4.0895 + protected)


def depth_factor(layer_thickness: Tensor, tau_resp: Tensor | float) -> Tensor:
    r"""Decline of respiration with depth in layered carbon.

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
        Depth factor at the middle of each layer [1].

    References
    ----------
    Burke et al. (2017).
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
        Moisture and temperature factor [1].
    kaps : Tensor or float
        Specific rate at 282.4 K and optimal wetness [s-1].
    depth_factor : Tensor or float, broadcastable to ``cs``
        From :func:`depth_factor` for layered carbon [1].

    Returns
    -------
    Tensor
        Respiration, all of it to the atmosphere [kg m-2 s-1]; for ``cs`` of one, the decay rate [s-1].

    References
    ----------
    Clark et al. (2011); JULES name ``resp_s``.
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
    r"""Carbon respired by each of RothC's four pools, before a part of it is kept in the soil.

    .. math:: R_i = \kappa_i\, C_i\, f\, g\, F_v\, D

    Parameters
    ----------
    cs : Tensor, shape (..., pool)
        Soil carbon of DPM, RPM, BIO and HUM [kg m-2].
    fsth, ftemp, fprf : Tensor, broadcastable to ``cs`` without its last dimension
        Moisture, temperature and vegetation factor [1].
    kaps : Tensor or sequence, shape (pool,)
        Specific rates at 282.4 K and optimal wetness [s-1].
    depth_factor : Tensor or float, broadcastable to ``fsth``
        From :func:`depth_factor` for layered carbon [1].

    Returns
    -------
    Tensor, shape (..., pool)
        Respired carbon [kg m-2 s-1], of which :func:`resp_frac` reaches the atmosphere; for ``cs`` of one, the decay
        rates [s-1].

    References
    ----------
    Clark et al. (2011); JULES names ``resp_s`` (before its output), ``kaps_4pool``.
    """
    modifier = fsth * ftemp * fprf * depth_factor
    return torch.as_tensor(kaps, dtype=cs.dtype, device=cs.device) * cs * modifier.unsqueeze(-1)
