r"""Soil hydraulics: water retention and hydraulic conductivity as JULES computes them.

Two forms, chosen in JULES by ``l_vg_soil``: van Genuchten (1980) and Clapp and Hornberger (1978), each with JULES's
own treatment of the wet and dry ends. Suction is positive and in metres of water. ``sthu`` is unfrozen water as a
fraction of saturation; in the van Genuchten form JULES's water content excludes residual water, so that it is the
effective saturation.

JULES's van Genuchten parameters are :math:`b = 1/(n-1)` and ``sathh`` :math:`= 1/\alpha`.

References
----------
van Genuchten (1980), Soil Sci. Soc. Am. J. 44, 892-898; Clapp and Hornberger (1978), Water Resour. Res. 14, 601-604;
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

#: Range of ``sthu`` of van Genuchten's curves; outside it JULES continues both curves as straight lines [1].
VG_STHU_MIN = 0.05
VG_STHU_MAX = 0.95
#: ``sthu`` below which Clapp and Hornberger's suction is constant [1].
CH_STHU_MIN = 0.01
#: Range of wetness between two layers in which the slope of suction varies [1].
STHU_SLOPE_MIN = 0.01
STHU_SLOPE_MAX = 0.999
#: Suction at the wilting and the critical point [m of water]: 1.5 MPa and 33 kPa, as in the Met Office's soil
#: ancillaries.
SUCTION_WILT = 152.9
SUCTION_CRIT = 3.364


class Suction(NamedTuple):
    """Suction ``psi`` [m] and its derivative ``dpsi`` by ``sthu`` [m]."""

    psi: Tensor
    dpsi: Tensor


class Conductivity(NamedTuple):
    """Hydraulic conductivity ``k`` [kg m-2 s-1] and its derivative ``dk`` by ``sthu`` [kg m-2 s-1]."""

    k: Tensor
    dk: Tensor


def suction_vg(sthu: Tensor, b: Tensor, sathh: Tensor) -> Suction:
    r"""Van Genuchten's suction, with JULES's linear ends.

    .. math:: \psi = \psi_s \, (S^{-(b+1)} - 1)^{b/(b+1)}

    for :math:`0.05 \le S \le 0.95`. Below, a line with the slope of the curve at 0.05; above, a line from the value at
    0.95 to zero at saturation.

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water as a fraction of saturation [1].
    b : Tensor, broadcastable to ``sthu``
        :math:`1/(n-1)` [1].
    sathh : Tensor, broadcastable to ``sthu``
        :math:`1/\alpha` [m].

    Returns
    -------
    Suction
        ``psi`` [m] and ``dpsi`` [m]; ``dpsi`` is zero outside 0 to 1.

    References
    ----------
    van Genuchten (1980); Best et al. (2011), section 5.

    Examples
    --------
    A loam with n = 1.5 and 1/alpha = 0.5 m, half saturated.

    >>> s, b, sathh = torch.tensor(0.5), torch.tensor(2.0), torch.tensor(0.5)
    >>> round(float(suction_vg(s, b, sathh).psi), 4)  # 0.5 * 7 ** (2 / 3)
    1.8297
    """
    s = sthu.clamp(VG_STHU_MIN, VG_STHU_MAX)
    inverse = torch.reciprocal(b + 1.0)
    u = torch.exp(-(b + 1.0) * torch.log(s))
    bracket = u - 1.0
    # psi and its slope share bracket^(-1/(b+1)), which saves one power
    root = torch.exp(-inverse * torch.log(bracket))
    psi = sathh * bracket * root
    curve_slope = -sathh * b * root * u / s
    wet_slope = psi * (-1.0 / (1.0 - VG_STHU_MAX))
    slope = torch.where(sthu > VG_STHU_MAX, wet_slope, curve_slope)
    psi = psi + slope * (sthu.clamp(0.0, 1.0) - s)
    inside = (sthu >= 0.0) & (sthu <= 1.0)
    return Suction(psi=psi.clamp(min=0.0), dpsi=torch.where(inside, slope, 0.0))


def conductivity_vg(sthu: Tensor, b: Tensor, satcon: Tensor) -> Conductivity:
    r"""Van Genuchten's conductivity (Mualem, :math:`\ell = 1/2`), with JULES's linear ends.

    .. math:: K = K_s \, S^{1/2} \left[1 - (1 - S^{b+1})^{1/(b+1)}\right]^2

    for :math:`0.05 \le S \le 0.95`; lines to zero at :math:`S = 0` and to :math:`K_s` at saturation.

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water as a fraction of saturation [1].
    b : Tensor, broadcastable to ``sthu``
        :math:`1/(n-1)` [1].
    satcon : Tensor, broadcastable to ``sthu``
        Saturated conductivity [kg m-2 s-1].

    Returns
    -------
    Conductivity
        ``k`` and ``dk`` [kg m-2 s-1]; ``dk`` is zero outside 0 to 1.

    References
    ----------
    van Genuchten (1980); Best et al. (2011), section 5.

    Examples
    --------
    >>> s, b, satcon = torch.tensor([0.5, 1.0]), torch.tensor(2.0), torch.tensor(0.005)
    >>> [round(k, 7) for k in conductivity_vg(s, b, satcon).k.tolist()]
    [6.7e-06, 0.005]
    """
    s = sthu.clamp(VG_STHU_MIN, VG_STHU_MAX)
    u = torch.exp((b + 1.0) * torch.log(s))
    bracket = 1.0 - u
    root = torch.exp(torch.log(bracket) * torch.reciprocal(b + 1.0))
    reduced = satcon * torch.sqrt(s)
    open_fraction = 1.0 - root
    k = reduced * open_fraction * open_fraction
    curve_slope = (0.5 * k + 2.0 * reduced * open_fraction * root * u / bracket) / s
    slope = torch.where(sthu > VG_STHU_MAX, (satcon - k) * (1.0 / (1.0 - VG_STHU_MAX)), curve_slope)
    slope = torch.where(sthu < VG_STHU_MIN, k * (1.0 / VG_STHU_MIN), slope)
    k = k + slope * (sthu.clamp(0.0, 1.0) - s)
    inside = (sthu >= 0.0) & (sthu <= 1.0)
    # rounding can take the line slightly below zero or above satcon
    return Conductivity(k=torch.minimum(k.clamp(min=0.0), satcon), dk=torch.where(inside, slope, 0.0))


def suction_ch(sthu: Tensor, b: Tensor, sathh: Tensor) -> Suction:
    r"""Clapp and Hornberger's suction, constant below ``sthu`` = 0.01.

    .. math:: \psi = \psi_s \, S^{-b}

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water as a fraction of saturation [1].
    b : Tensor, broadcastable to ``sthu``
        Exponent [1].
    sathh : Tensor, broadcastable to ``sthu``
        Suction at saturation [m].

    Returns
    -------
    Suction
        ``psi`` [m] and ``dpsi`` [m].

    References
    ----------
    Clapp and Hornberger (1978); Best et al. (2011), section 5.

    Examples
    --------
    >>> round(float(suction_ch(torch.tensor(0.5), torch.tensor(6.0), torch.tensor(0.05)).psi), 4)  # 0.05 * 2 ** 6
    3.2
    """
    s = sthu.clamp(min=CH_STHU_MIN)
    psi = sathh * torch.exp(-b * torch.log(s))
    return Suction(psi=psi, dpsi=torch.where(sthu > CH_STHU_MIN, -b * psi / s, 0.0))


def conductivity_ch(sthu: Tensor, b: Tensor, satcon: Tensor) -> Conductivity:
    r"""Clapp and Hornberger's conductivity.

    .. math:: K = K_s \, S^{2b+3}

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water as a fraction of saturation [1].
    b : Tensor, broadcastable to ``sthu``
        Exponent [1].
    satcon : Tensor, broadcastable to ``sthu``
        Saturated conductivity [kg m-2 s-1].

    Returns
    -------
    Conductivity
        ``k`` and ``dk`` [kg m-2 s-1]; ``dk`` is zero at and above saturation, and ``k`` where there is no liquid water.

    References
    ----------
    Clapp and Hornberger (1978); Best et al. (2011), section 5.

    Examples
    --------
    >>> s, b, satcon = torch.tensor([0.5, 1.0]), torch.tensor(6.0), torch.tensor(0.005)
    >>> [round(1e6 * k, 3) for k in conductivity_ch(s, b, satcon).k.tolist()]  # 0.005 / 2 ** 15 at half saturation
    [0.153, 5000.0]
    """
    eps = torch.finfo(sthu.dtype).eps
    s = sthu.clamp(eps, 1.0)
    k = satcon * torch.exp((2.0 * b + 3.0) * torch.log(s))
    wet = sthu >= eps
    slope = (2.0 * b + 3.0) * k / s
    return Conductivity(k=torch.where(wet, k, 0.0), dk=torch.where(wet & (sthu < 1.0), slope, 0.0))


def wetness_at_suction_vg(suction: Tensor | float, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Effective saturation at a suction, by van Genuchten's curve.

    .. math:: S = \left[1 + (\psi/\psi_s)^{(b+1)/b}\right]^{-1/(b+1)}

    The linear ends of :func:`suction_vg` are left out, as in the ancillaries of ``sm_wilt`` and ``sm_crit`` that JULES reads.

    Parameters
    ----------
    suction : Tensor or float
        Suction [m], positive.
    b, sathh : Tensor
        As in :func:`suction_vg`.

    Returns
    -------
    Tensor
        Fraction of saturation [1].

    References
    ----------
    van Genuchten (1980), eq. 3.

    Examples
    --------
    >>> round(float(wetness_at_suction_vg(1.8297, torch.tensor(2.0), torch.tensor(0.5))), 4)
    0.5
    """
    ratio = suction / sathh
    return torch.exp(-torch.log1p(torch.exp((b + 1.0) / b * torch.log(ratio))) / (b + 1.0))


def wetness_at_suction_ch(suction: Tensor | float, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Fraction of saturation at a suction, by Clapp and Hornberger's curve.

    .. math:: S = \min\left(1, (\psi_s/\psi)^{1/b}\right)

    Parameters
    ----------
    suction : Tensor or float
        Suction [m], positive.
    b, sathh : Tensor
        As in :func:`suction_ch`.

    Returns
    -------
    Tensor
        Fraction of saturation [1].

    References
    ----------
    Clapp and Hornberger (1978).

    Examples
    --------
    >>> round(float(wetness_at_suction_ch(3.2, torch.tensor(6.0), torch.tensor(0.05))), 4)
    0.5
    """
    return torch.exp(torch.log(sathh / suction) / b).clamp(max=1.0)


def slope_between_vg(sthu: Tensor, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Slope of van Genuchten's suction by wetness, with JULES's limits, for ``l_dpsids_dsdz``.

    .. math:: \frac{\mathrm{d}\psi}{\mathrm{d}S} = -b\,\psi_s\,(S^{-(b+1)} - 1)^{-1/(b+1)}\,S^{-(b+2)}

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water between two layers as a fraction of saturation [1].
    b, sathh : Tensor
        As in :func:`suction_vg`.

    Returns
    -------
    Tensor
        [m]; constant below 0.01, with another power there, and above 0.999.

    References
    ----------
    JULES routine ``darcy_vg``.
    """
    s = sthu.clamp(STHU_SLOPE_MIN, STHU_SLOPE_MAX)
    log_s = torch.log(s)
    bracket = torch.exp(-(b + 1.0) * log_s) - 1.0
    inside = torch.exp(-torch.log(bracket) / (b + 1.0) - (b + 2.0) * log_s)
    dry = torch.exp(-(b + 1.0) * math.log(STHU_SLOPE_MIN))
    return -b * sathh * torch.where(sthu < STHU_SLOPE_MIN, dry, inside)


def slope_between_ch(sthu: Tensor, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Slope of Clapp and Hornberger's suction by wetness, for ``l_dpsids_dsdz``.

    .. math:: \frac{\mathrm{d}\psi}{\mathrm{d}S} = -b\,\psi_s\,S^{-(b+1)}

    Parameters
    ----------
    sthu : Tensor
        Unfrozen water between two layers as a fraction of saturation [1].
    b, sathh : Tensor
        As in :func:`suction_ch`.

    Returns
    -------
    Tensor
        [m]; constant below 0.01.

    References
    ----------
    JULES routine ``darcy_ch``.
    """
    return -b * sathh * torch.exp(-(b + 1.0) * torch.log(sthu.clamp(min=STHU_SLOPE_MIN)))


@dataclass(frozen=True)
class HydraulicForm:
    """Hydraulic curves of one of JULES's two forms: the value of ``l_vg_soil`` and the four functions."""

    l_vg_soil: bool
    suction: Callable[[Tensor, Tensor, Tensor], Suction]
    conductivity: Callable[[Tensor, Tensor, Tensor], Conductivity]
    wetness_at_suction: Callable[[Tensor | float, Tensor, Tensor], Tensor]
    slope_between: Callable[[Tensor, Tensor, Tensor], Tensor]


VAN_GENUCHTEN = HydraulicForm(True, suction_vg, conductivity_vg, wetness_at_suction_vg, slope_between_vg)
CLAPP_HORNBERGER = HydraulicForm(False, suction_ch, conductivity_ch, wetness_at_suction_ch, slope_between_ch)
