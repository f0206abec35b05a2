r"""Pedotransfer functions: soil properties from texture, the baselines of learned hydraulics.

Parameters are in JULES's units and conventions. Texture is three fractions of the mineral soil, whose sum is 1.
``sm_wilt`` and ``sm_crit`` follow from a retention curve and a suction: see :mod:`jules_ml.physics.hydraulics`.

References
----------
Cosby et al. (1984), Water Resour. Res. 20, 682-690; Wösten et al. (1999), Geoderma 90, 169-185.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, SUCTION_CRIT, SUCTION_WILT, VAN_GENUCHTEN
from jules_ml.physics.thermal import dry_conductivity, dry_heat_capacity

#: Organic matter over organic carbon (van Bemmelen's factor) [1].
ORGANIC_MATTER_PER_CARBON: Final = 1.724
#: One inch an hour [kg m-2 s-1].
INCH_PER_HOUR: Final = 25.4 / 3600.0
#: Residual water content of the HYPRES functions [m3 m-3].
HYPRES_THETA_R: Final = 0.01
#: Largest organic matter of the HYPRES functions, which were fitted to mineral soils and diverge beyond it [1].
HYPRES_MAX_ORGANIC_MATTER: Final = 0.2


class ClappHornberger(NamedTuple):
    """Parameters of Clapp and Hornberger's curves in JULES's units.

    ``b`` [1], ``sathh`` [m], ``satcon`` [kg m-2 s-1], ``sm_sat`` [m3 m-3].
    """

    b: Tensor
    sathh: Tensor
    satcon: Tensor
    sm_sat: Tensor


class VanGenuchten(NamedTuple):
    r"""Parameters of van Genuchten's curves in JULES's conventions.

    ``b`` :math:`= 1/(n-1)` [1], ``sathh`` :math:`= 1/\alpha` [m], ``satcon`` [kg m-2 s-1]. JULES's water content
    excludes residual water: ``sm_sat`` :math:`= \theta_s - \theta_r` [m3 m-3]. A sensor measures JULES's water content
    plus ``theta_r`` [m3 m-3].
    """

    b: Tensor
    sathh: Tensor
    satcon: Tensor
    sm_sat: Tensor
    theta_r: Tensor


def clapp_hornberger_cosby(sand: Tensor, clay: Tensor, *, base: float = 10.0) -> ClappHornberger:
    r"""Clapp and Hornberger's parameters from texture.

    .. math::

        b &= 3.10 + 15.70\,c - 0.3\,s \\
        \psi_s &= 0.01 \cdot 10^{\,2.17 - 0.63\,c - 1.58\,s} \\
        K_s &= 0.00706 \cdot 10^{\,-0.6 - 0.64\,c + 1.26\,s} \\
        \theta_s &= 0.505 - 0.037\,c - 0.142\,s

    Parameters
    ----------
    sand, clay : Tensor
        Fractions of the mineral soil [1].
    base : float
        Base of the two powers. Cosby et al. use common logarithms. JULES's standard soil at Loobos, and the
        ancillaries made the same way, use ``math.e`` instead: a suction of 0.05 m instead of the paper's 0.40 m.

    Returns
    -------
    ClappHornberger
        Parameters in JULES's units.

    References
    ----------
    Cosby et al. (1984), with silt as the remainder; their units are inches an hour and centimetres.

    Examples
    --------
    A loam of 40 % sand and 20 % clay.

    >>> soil = clapp_hornberger_cosby(torch.tensor(0.4), torch.tensor(0.2))
    >>> [round(float(x), 4) for x in soil]  # b, sathh, satcon, sm_sat
    [6.12, 0.2582, 0.0042, 0.4408]
    """
    return ClappHornberger(
        b=3.10 + 15.70 * clay - 0.3 * sand,
        sathh=0.01 * base ** (2.17 - 0.63 * clay - 1.58 * sand),
        satcon=INCH_PER_HOUR * base ** (-0.6 - 0.64 * clay + 1.26 * sand),
        sm_sat=0.505 - 0.037 * clay - 0.142 * sand,
    )


def van_genuchten_hypres(
    silt: Tensor, clay: Tensor, bulk_density: Tensor, organic_carbon: Tensor, topsoil: Tensor | float = 1.0
) -> VanGenuchten:
    r"""Van Genuchten's parameters from texture, bulk density and organic carbon: the continuous functions of HYPRES.

    Polynomials in percent clay, silt and organic matter and in bulk density, fitted to horizons of European
    mineral soils; :math:`\theta_s` directly, :math:`\ln\alpha`, :math:`\ln(n-1)` and :math:`\ln K_s`. The result is differentiable
    in organic carbon, by which carbon enters the water balance.

    Parameters
    ----------
    silt, clay : Tensor
        Fractions of the mineral soil [1], above 0; particles of 2-50 and below 2 micrometres.
    bulk_density : Tensor
        Dry bulk density [kg m-3].
    organic_carbon : Tensor
        Organic carbon as a fraction of the soil's mass [1], above zero.
    topsoil : Tensor or float
        1 for the plough layer or the A horizon, 0 below [1].

    Returns
    -------
    VanGenuchten
        Parameters in JULES's conventions; :math:`\theta_r` is 0.01.

    References
    ----------
    Wösten et al. (1999).

    Examples
    --------
    A topsoil of 40 % silt and 20 % clay with a bulk density of 1400 kg m-3 and 1.5 % organic carbon.

    >>> inputs = [torch.tensor(x, dtype=torch.float64) for x in (0.4, 0.2, 1400.0, 0.015)]
    >>> soil = van_genuchten_hypres(*inputs)
    >>> [round(float(x), 4) for x in soil]  # b, sathh, satcon, sm_sat, theta_r
    [5.2684, 0.2774, 0.0034, 0.4229, 0.01]
    """
    c, s, d = 100.0 * clay, 100.0 * silt, 0.001 * bulk_density
    om = 100.0 * ORGANIC_MATTER_PER_CARBON * organic_carbon
    ln_s, ln_om, ln_d = torch.log(s), torch.log(om), torch.log(d)
    theta_s = (
        0.7919 + 0.001691 * c - 0.29619 * d - 0.000001491 * s**2 + 0.0000821 * om**2 + 0.02427 / c + 0.01113 / s
        + 0.01472 * ln_s - 0.0000733 * om * c - 0.000619 * d * c - 0.001183 * d * om - 0.0001664 * topsoil * s
    )  # fmt: skip
    ln_alpha = (
        -14.96 + 0.03135 * c + 0.0351 * s + 0.646 * om + 15.29 * d - 0.192 * topsoil - 4.671 * d**2 - 0.000781 * c**2
        - 0.00687 * om**2 + 0.0449 / om + 0.0663 * ln_s + 0.1482 * ln_om - 0.04546 * d * s - 0.4852 * d * om
        + 0.00673 * topsoil * c
    )  # fmt: skip
    ln_n_less_one = (
        -25.23 - 0.02195 * c + 0.0074 * s - 0.1940 * om + 45.5 * d - 7.24 * d**2 + 0.0003658 * c**2 + 0.002885 * om**2
        - 12.81 / d - 0.1524 / s - 0.01958 / om - 0.2876 * ln_s - 0.0709 * ln_om - 44.6 * ln_d - 0.02264 * d * c
        + 0.0896 * d * om + 0.00718 * topsoil * c
    )  # fmt: skip
    ln_satcon = (
        7.755 + 0.0352 * s + 0.93 * topsoil - 0.967 * d**2 - 0.000484 * c**2 - 0.000322 * s**2 + 0.001 / s
        - 0.0748 / om - 0.643 * ln_s - 0.01398 * d * c - 0.1673 * d * om + 0.02986 * topsoil * c
        - 0.03305 * topsoil * s
    )  # fmt: skip
    # alpha is in cm-1 and conductivity in cm d-1
    return VanGenuchten(
        b=torch.exp(-ln_n_less_one),
        sathh=0.01 * torch.exp(-ln_alpha),
        satcon=0.01 * RHO_WATER / SECONDS_PER_DAY * torch.exp(ln_satcon),
        sm_sat=theta_s - HYPRES_THETA_R,
        theta_r=torch.full_like(theta_s, HYPRES_THETA_R),
    )


def check_texture(sand: Tensor, silt: Tensor, clay: Tensor, *, where: str) -> None:
    """Refuse texture that is not three fractions with a sum of 1.

    Parameters
    ----------
    sand, silt, clay : Tensor
        Fractions of the mineral soil [1].
    where : str
        File or variable of the values, for the message.

    Raises
    ------
    BadInput
        With the first value that is out of range, and its probable unit.
    """
    for name, fraction in (("sand", sand), ("silt", silt), ("clay", clay)):
        out = ~((fraction >= 0.0) & (fraction <= 1.0))
        if bool(out.any()):
            value = float(fraction[out].flatten()[0])
            percent = 1.0 < value <= 100.0
            raise BadInput(
                f"{name} of {value:g} is not a fraction of the mineral soil",
                where=f"{where}, {name}",
                remedy="divide by 100, since it seems to be in %" if percent else "give a number from 0 to 1",
            )
    total = sand + silt + clay
    off = (total - 1.0).abs() > 0.02
    if bool(off.any()):
        raise BadInput(
            f"the sum of sand, silt and clay is {float(total[off].flatten()[0]):g}",
            where=where,
            remedy="give fractions of the mineral soil, without stones and organic matter, whose sum is 1",
        )


def check_hypres_range(bulk_density: Tensor, organic_carbon: Tensor, *, where: str) -> None:
    """Refuse soils outside the range that :func:`van_genuchten_hypres` was fitted to.

    Parameters
    ----------
    bulk_density : Tensor
        Dry bulk density [kg m-3].
    organic_carbon : Tensor
        Organic carbon as a fraction of the soil's mass [1].
    where : str
        File or variable of the values, for the message.

    Raises
    ------
    BadInput
        With the first value that is out of range.
    """
    light = ~((bulk_density >= 400.0) & (bulk_density <= 2000.0))
    if bool(light.any()):
        value = float(bulk_density[light].flatten()[0])
        raise BadInput(
            f"bulk density of {value:g} kg m-3 is outside 400 to 2000",
            where=where,
            remedy="multiply by 1000, since it seems to be in g cm-3" if 0.4 <= value <= 2.0 else "leave the soil out",
        )
    most = HYPRES_MAX_ORGANIC_MATTER / ORGANIC_MATTER_PER_CARBON
    organic = ~((organic_carbon > 0.0) & (organic_carbon <= most))
    if bool(organic.any()):
        value = float(organic_carbon[organic].flatten()[0])
        raise BadInput(
            f"organic carbon of {value:g} kg kg-1 is outside 0 to {most:.3f}, the range of mineral soils",
            where=where,
            remedy="give it in kg kg-1; for peat, use parameters measured on peat",
        )


def soil_of_texture(hydraulics: ClappHornberger | VanGenuchten, clay: Tensor) -> SoilProperties:
    """Complete the soil properties of hydraulic parameters from texture.

    Parameters
    ----------
    hydraulics : ClappHornberger or VanGenuchten
        Hydraulic parameters, shape (layer, column) each.
    clay : Tensor, shape (layer, column)
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    SoilProperties
        With critical and wilting points at JULES's suctions, and the heat capacity and conductivity of dry soil.
    """
    form = VAN_GENUCHTEN if isinstance(hydraulics, VanGenuchten) else CLAPP_HORNBERGER
    b, sathh, satcon, sm_sat = hydraulics[:4]
    porosity = sm_sat + hydraulics.theta_r if isinstance(hydraulics, VanGenuchten) else sm_sat
    return SoilProperties(
        b=b,
        sathh=sathh,
        satcon=satcon,
        sm_sat=sm_sat,
        sm_crit=sm_sat * form.wetness_at_suction(SUCTION_CRIT, b, sathh),
        sm_wilt=sm_sat * form.wetness_at_suction(SUCTION_WILT, b, sathh),
        hcap=dry_heat_capacity(clay, porosity),
        hcon=dry_conductivity(clay, porosity),
    )
