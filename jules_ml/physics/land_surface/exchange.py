r"""Turbulent exchange with the air: Monin-Obukhov similarity, iterated as in JULES.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 2; Beljaars and Holtslag (1991), J. Appl. Meteorol. 30, 327-341, for stable
air; Dyer (1974), Boundary-Layer Meteorol. 7, 363-372, for unstable air; Godfrey and Beljaars (1991), J. Geophys. Res. 96, 22043-22048,
for the gusts of free convection.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import VKMAN

#: Smallest number that changes 1 in JULES's single precision, which it uses as a threshold.
EPSILON: Final = 1.1920929e-07
#: Iterations of the Obukhov length.
N_ITS: Final = 8
#: Factor of the convective velocity in the scaling velocity [1], and that of ``cor_mo_iter`` 4 (``beta``, ``beta_cnv_bl``).
BETA: Final = 0.08
BETA_CNV_BL: Final = 0.04
#: Smallest wind for the iteration [m s-1] and its friction velocity squared, as JULES has it (``min_wind``, ``min_ustar``).
MIN_WIND: Final = 1.0e-3
MIN_USTAR: Final = MIN_WIND / 50.0
#: Largest Richardson number (``Ri_m``), for ``cor_mo_iter`` 3 and 4.
RI_M: Final = 10.0
#: Wind below which free convection sets the first guess [m s-1].
CALM: Final = 2.0
#: Coefficients of Beljaars and Holtslag (1991).
_A: Final = 1.0
_B: Final = 2.0 / 3.0
_C: Final = 5.0
_D: Final = 0.35


class Profile(NamedTuple):
    """Heights above the displacement height and roughness lengths [m], and logarithms of the neutral profiles [1].

    ``zm``, ``zh`` heights of wind and of temperature plus ``z0m``; ``z0m``, ``z0h``; ``log_m``, ``log_h``.
    """

    zm: Tensor
    zh: Tensor
    z0m: Tensor
    z0h: Tensor
    log_m: Tensor
    log_h: Tensor


class Transfer(NamedTuple):
    """Transfer coefficients ``cd``, ``ch`` for momentum and heat [1], and what gives the wind at other heights.

    ``recip_l_mo`` is the reciprocal of the Obukhov length [m-1] and ``phi_m`` the integrated stability function of wind [1].
    """

    cd: Tensor
    ch: Tensor
    recip_l_mo: Tensor
    phi_m: Tensor


def neutral_profile(z0m: Tensor, z0h: Tensor, z1_uv: float | Tensor, z1_tq: float | Tensor) -> Profile:
    """Profile of wind and temperature in neutral air.

    Parameters
    ----------
    z0m, z0h : Tensor
        Roughness lengths for momentum and heat [m].
    z1_uv, z1_tq : float or Tensor, broadcastable to ``z0m``
        Heights of wind, and of temperature and humidity [m].

    Returns
    -------
    Profile
    """
    zm, zh = z1_uv + z0m, z1_tq + z0m
    return Profile(zm=zm, zh=zh, z0m=z0m, z0h=z0h, log_m=torch.log(zm / z0m), log_h=torch.log(zh / z0h))


def stability_functions(recip_l_mo: Tensor, profile: Profile) -> tuple[Tensor, Tensor]:
    r"""Integrated stability functions :math:`\Phi_m` and :math:`\Phi_h`.

    Parameters
    ----------
    recip_l_mo : Tensor
        Reciprocal of the Obukhov length [m-1], positive in stable air.
    profile : Profile
        From :func:`neutral_profile`.

    Returns
    -------
    phi_m, phi_h : Tensor
        For momentum and for heat [1]; the logarithms of the profile in neutral air.

    References
    ----------
    Beljaars and Holtslag (1991); Dyer (1974); JULES routine ``phi_m_h``.
    """
    stable = recip_l_mo >= 0.0
    length = recip_l_mo.clamp(min=0.0)
    zm, zh, z0m, z0h = (z * length for z in (profile.zm, profile.zh, profile.z0m, profile.z0h))
    stable_m = _A * (zm - z0m) + _decay(zm) - _decay(z0m)
    top, bottom = torch.sqrt(1.0 + _B * _A * zh), torch.sqrt(1.0 + _B * _A * z0h)
    stable_h = top * top * top - bottom * bottom * bottom + _decay(zh) - _decay(z0h)

    length = -16.0 * recip_l_mo.clamp(max=0.0)
    xx, xx0 = torch.sqrt(1.0 + profile.zm * length), torch.sqrt(1.0 + profile.z0m * length)
    yy, yy0 = torch.sqrt(1.0 + profile.zh * length), torch.sqrt(1.0 + profile.z0h * length)
    x, x0 = torch.sqrt(xx), torch.sqrt(xx0)
    turn = torch.atan((x - x0) / (1.0 + x * x0))  # the difference of two arcs by one
    unstable_m = 2.0 * turn - torch.log(_squared(1.0 + x) * (1.0 + xx) / (_squared(1.0 + x0) * (1.0 + xx0)))
    unstable_h = -2.0 * torch.log((1.0 + yy) / (1.0 + yy0))
    return (
        profile.log_m + torch.where(stable, stable_m, unstable_m),
        profile.log_h + torch.where(stable, stable_h, unstable_h),
    )


def _squared(x: Tensor) -> Tensor:
    return x * x


def _decay(zeta: Tensor) -> Tensor:
    """Term of Beljaars and Holtslag (1991) that decays with stability."""
    return _B * (zeta - _C / _D) * torch.exp(-_D * zeta)


def transfer_coefficients(
    db: Tensor,
    vshr: Tensor,
    profile: Profile,
    *,
    z1_uv: float | Tensor,
    z1_tq: float | Tensor,
    bl_height: float | Tensor,
    cor_mo_iter: int,
) -> Transfer:
    r"""Transfer coefficients for momentum and heat, with the Obukhov length of their own fluxes.

    .. math::

        C_D = \left(\frac{k}{\Phi_m}\right)\frac{v_*}{U}, \quad C_H = \left(\frac{k}{\Phi_h}\right)\frac{v_*}{U}, \quad
        \frac{1}{L} = -\frac{k F_B}{v_*^3}, \quad F_B = -C_H U \Delta B

    with the scaling velocity :math:`v_*` of friction and free convection, solved by eight iterations.

    Parameters
    ----------
    db : Tensor, shape (tile, column)
        Buoyancy difference between air and surface :math:`\Delta B` [m s-2].
    vshr : Tensor, shape (column,)
        Wind speed :math:`U` [m s-1].
    profile : Profile
        From :func:`neutral_profile`.
    z1_uv, z1_tq : float or Tensor, shape (column,)
        Heights of wind, and of temperature and humidity [m].
    bl_height : float or Tensor, shape (column,)
        Height of the boundary layer [m].
    cor_mo_iter : {1, 2, 3, 4}
        JULES's correction of the iteration: 3 limits the Obukhov length, 4 also improves the first guess.

    Returns
    -------
    Transfer
        Shape (tile, column).

    References
    ----------
    Best et al. (2011), section 2.1; JULES routine ``fcdch``.
    """
    beta = BETA_CNV_BL if cor_mo_iter == 4 else BETA
    unstable = db < 0.0
    free = unstable & (vshr < CALM)
    recip_l_mo = torch.where(free, -VKMAN / (beta**3 * bl_height), 0.0 * db)
    phi_m, phi_h = stability_functions(recip_l_mo, profile)
    buoyant = torch.where(free, -db, 1.0) * bl_height
    convective = beta * torch.sqrt(beta * VKMAN / phi_h * buoyant)
    shear = VKMAN / phi_m * vshr
    if cor_mo_iter == 4:
        convective = torch.maximum(convective, shear)
    v_s = torch.where(free, convective, shear)
    limit = RI_M * z1_tq * (vshr / z1_uv) ** 2 if cor_mo_iter >= 3 else None
    # with no wind JULES leaves the length of its first correction: long without, and short with the limit
    calm_length = EPSILON**-0.5 if cor_mo_iter >= 3 else EPSILON**0.5
    blowing = vshr > MIN_WIND
    for _ in range(N_ITS):
        per_phi = VKMAN * v_s / (phi_m * phi_h)  # one division for both
        chv, cdv = per_phi * phi_m, per_phi * phi_h
        b_flux = -chv * db
        u_s2 = torch.where(blowing, cdv * vshr, MIN_USTAR)
        v_s = _scaling_velocity(u_s2, b_flux * bl_height, db < -EPSILON, beta)
        moving = v_s > MIN_WIND
        cubed = torch.where(moving, v_s * v_s * v_s, 1.0)
        recip_l_mo = torch.where(moving, -VKMAN * b_flux / cubed, calm_length)
        if limit is not None:
            recip_l_mo = torch.where(db > limit, 1.5 * RI_M**2 / z1_tq + 0.0 * db, recip_l_mo)
        phi_m, phi_h = stability_functions(recip_l_mo, profile)
    scale = VKMAN * v_s / vshr
    return Transfer(scale / phi_m, scale / phi_h, recip_l_mo, phi_m)


def _scaling_velocity(u_s2: Tensor, buoyancy: Tensor, unstable: Tensor, beta: float) -> Tensor:
    """Velocity of friction (squared: ``u_s2``) and, in unstable air, of free convection by ``buoyancy`` [m3 s-3]; [m s-1]."""
    w_s = torch.where(unstable, buoyancy, 1.0) ** (1.0 / 3.0)
    convection = (beta * beta) * w_s * w_s
    both = 0.5 * (convection + torch.sqrt(convection * convection + 4.0 * u_s2 * u_s2))
    return torch.sqrt(torch.where(unstable, both, u_s2))
