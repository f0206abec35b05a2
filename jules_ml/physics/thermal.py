r"""Heat capacity and thermal conductivity of soil, dry and moist.

JULES reads the dry values ``hcap`` and ``hcon`` from ancillaries and computes the moist conductivity in every step by
one of three methods, chosen with ``soilhc_method``. They are given here for soil points (``sm_sat > 0``), without
branches.

References
----------
Cox et al. (1999), Clim. Dyn. 15, 183-203; Johansen (1975), Thermal conductivity of soils, Trondheim; Dharssi et al.
(2009), Met Office Forecasting Research Technical Report 528; Chadburn et al. (2015), Geosci. Model Dev. 8, 1493-1508;
Best et al. (2011), Geosci. Model Dev. 4, 677-699.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from jules_ml.physics.constants import HCAIR, HCICE, HCWAT

#: Heat capacity of the solid minerals [J m-3 K-1].
HCAP_CLAY: Final = 2.373e6
HCAP_SAND: Final = 2.133e6
#: Thermal conductivity of the solid minerals [W m-1 K-1].
HCON_CLAY: Final = 1.16025
HCON_SAND: Final = 1.57025
#: Range of the saturated conductivity of unfrozen mineral soil, and the minimum of organic soil [W m-1 K-1].
HCSAT_MIN: Final = 1.58
HCSAT_MAX: Final = 2.20
HCSAT_MIN_ORGANIC: Final = 0.5
#: Wetness below which Johansen's interpolation gives the dry conductivity [1].
STH_DRY: Final = 0.1


def dry_heat_capacity(clay: Tensor, porosity: Tensor) -> Tensor:
    r"""Heat capacity of dry soil from that of its minerals.

    .. math:: c = (1 - \theta_s) \left[ f_c\, c_c + (1 - f_c)\, c_s \right]

    Parameters
    ----------
    clay : Tensor
        Clay as a fraction of the mineral soil [1]; sand and silt have the same heat capacity.
    porosity : Tensor, broadcastable to ``clay``
        Porosity [m3 m-3], residual water included.

    Returns
    -------
    Tensor
        Dry heat capacity [J m-3 K-1]; JULES name ``hcap``.

    References
    ----------
    Cox et al. (1999), as used for Met Office ancillaries.

    Examples
    --------
    >>> round(1e-6 * float(dry_heat_capacity(torch.tensor(0.2), torch.tensor(0.45))), 4)
    1.1995
    """
    return (1.0 - porosity) * (clay * HCAP_CLAY + (1.0 - clay) * HCAP_SAND)


def dry_conductivity(clay: Tensor, porosity: Tensor) -> Tensor:
    r"""Thermal conductivity of dry soil: the geometric mean of air and minerals, by volume.

    .. math:: \lambda = \lambda_{air}^{\theta_s} \left( \lambda_c^{f_c} \lambda_s^{1 - f_c} \right)^{1 - \theta_s}

    Parameters
    ----------
    clay : Tensor
        Clay as a fraction of the mineral soil [1]; sand and silt have the same conductivity.
    porosity : Tensor, broadcastable to ``clay``
        Porosity [m3 m-3], residual water included.

    Returns
    -------
    Tensor
        Dry thermal conductivity [W m-1 K-1]; JULES name ``hcon``.

    References
    ----------
    Cox et al. (1999), as used for Met Office ancillaries.

    Examples
    --------
    >>> round(float(dry_conductivity(torch.tensor(0.2), torch.tensor(0.45))), 4)
    0.2357
    """
    minerals = clay * math.log(HCON_CLAY) + (1.0 - clay) * math.log(HCON_SAND)
    return torch.exp(porosity * math.log(HCAIR) + (1.0 - porosity) * minerals)


def soil_thermal_conductivity(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor, *, method: int = 2) -> Tensor:
    """Thermal conductivity of moist soil by JULES's ``soilhc_method``.

    Parameters
    ----------
    hcon, sthu, sthf, sm_sat : Tensor
        As in :func:`conductivity_cox`.
    method : {1, 2, 3}
        1 :func:`conductivity_cox`, 2 :func:`conductivity_johansen`, 3 :func:`conductivity_chadburn`.

    Returns
    -------
    Tensor, shape of ``sthu``
        Thermal conductivity [W m-1 K-1].

    References
    ----------
    JULES names ``soilhc_method``, ``hcons``.

    Examples
    --------
    An unfrozen soil, half saturated, by each method.

    >>> soil = (torch.tensor(0.25), torch.tensor(0.5), torch.tensor(0.0), torch.tensor(0.45))
    >>> [round(float(soil_thermal_conductivity(*soil, method=k)), 3) for k in (1, 2, 3)]
    [0.631, 1.18, 1.185]
    """
    return _BY_METHOD[method](hcon, sthu, sthf, sm_sat)


def conductivity_cox(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor) -> Tensor:
    r"""Thermal conductivity of moist soil, ``soilhc_method`` 1.

    .. math::

        \lambda_s = \lambda\, \lambda_w^{\theta_w} \lambda_i^{\theta_i} \lambda_{air}^{-\theta_s}, \qquad
        \lambda_m = \lambda + (\lambda_s - \lambda)\, S

    with :math:`\theta_w` and :math:`\theta_i` the volumes of water and ice at saturation, and
    :math:`S = S_u + S_f`.

    Parameters
    ----------
    hcon : Tensor, broadcastable to ``sthu``
        Dry thermal conductivity [W m-1 K-1].
    sthu, sthf : Tensor
        Unfrozen and frozen water as fractions of saturation [1].
    sm_sat : Tensor, broadcastable to ``sthu``
        Water content at saturation [m3 m-3], above zero.

    Returns
    -------
    Tensor, shape of ``sthu``
        Thermal conductivity [W m-1 K-1].

    References
    ----------
    Cox et al. (1999); JULES name ``hcons``.
    """
    wetness = sthu + sthf
    ice = _ice_fraction(sthf, wetness)
    filled = ice * math.log(HCICE) + (1.0 - ice) * math.log(HCWAT)
    saturated = hcon * torch.exp(sm_sat * (filled - math.log(HCAIR)))
    return hcon + (saturated - hcon) * wetness


def conductivity_johansen(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor) -> Tensor:
    r"""Thermal conductivity of moist soil, ``soilhc_method`` 2: Johansen's interpolation in Dharssi's short form.

    .. math::

        \lambda_s = \operatorname{clip}\left(1.58 + 12.4\,(\lambda - 0.25),\, 1.58,\, 2.2\right)
                    \left(\lambda_i/\lambda_w\right)^{\theta_i}, \qquad
        \lambda_m = \lambda + (\lambda_s - \lambda)\, K_e

    with the Kersten number :math:`K_e = 1 + \log_{10} S`, not below 0, and :math:`\theta_i` the volume of ice at
    saturation.

    Parameters
    ----------
    hcon, sthu, sthf, sm_sat : Tensor
        As in :func:`conductivity_cox`.

    Returns
    -------
    Tensor, shape of ``sthu``
        Thermal conductivity [W m-1 K-1].

    References
    ----------
    Johansen (1975); Dharssi et al. (2009); JULES name ``hcons``.
    """
    unfrozen = torch.clamp(HCSAT_MIN + 12.4 * (hcon - 0.25), HCSAT_MIN, HCSAT_MAX)
    return _interpolated(hcon, sthu, sthf, sm_sat, unfrozen)


def conductivity_chadburn(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor) -> Tensor:
    r"""Thermal conductivity of moist soil, ``soilhc_method`` 3: as method 2, with a saturated conductivity for organic soil.

    .. math::

        \lambda_s = \operatorname{clip}\left(\frac{1 - 0.0134 \ln\lambda}{-0.745 - \ln\lambda},\, 0.5,\, 2.2\right)
                    \left(\lambda_i/\lambda_w\right)^{\theta_i}

    Parameters
    ----------
    hcon, sthu, sthf, sm_sat : Tensor
        As in :func:`conductivity_cox`.

    Returns
    -------
    Tensor, shape of ``sthu``
        Thermal conductivity [W m-1 K-1].

    Notes
    -----
    The formula has a pole at a dry conductivity of 0.475 W m-1 K-1, beyond which it gives the minimum, in JULES and here.

    References
    ----------
    Chadburn et al. (2015); JULES name ``hcons``.
    """
    ln_hcon = torch.log(hcon)
    unfrozen = torch.clamp((1.0 - 0.0134 * ln_hcon) / (-0.745 - ln_hcon), HCSAT_MIN_ORGANIC, HCSAT_MAX)
    return _interpolated(hcon, sthu, sthf, sm_sat, unfrozen)


def _interpolated(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor, unfrozen: Tensor) -> Tensor:
    """Johansen's interpolation between dry and saturated conductivity, of which ice increases the latter."""
    wetness = sthu + sthf
    ice = sm_sat * _ice_fraction(sthf, wetness)
    saturated = unfrozen * torch.exp(ice * math.log(HCICE / HCWAT))
    kersten = 1.0 + torch.log10(torch.clamp(wetness, min=STH_DRY))
    return hcon + (saturated - hcon) * kersten


def _ice_fraction(sthf: Tensor, wetness: Tensor) -> Tensor:
    """Ice as a fraction of all water; 0 in soil without water."""
    return sthf / wetness.clamp(min=1e-6)


_BY_METHOD: Final[dict[int, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]]] = {
    1: conductivity_cox,
    2: conductivity_johansen,
    3: conductivity_chadburn,
}
