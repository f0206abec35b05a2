r"""Absorption of light in a canopy by two streams (Sellers 1985), by canopy layer, in sunlit and shaded leaves.

What does not depend on the sun is in :class:`DiffuseLight` and is calculated once for a leaf area; :func:`sunlit_and_shaded` and
:func:`absorbed_per_layer` add the direct beam. Profiles follow from powers of the transmission of one layer.

References
----------
Sellers (1985), Int. J. Remote Sens. 6, 1335-1372; Mercado et al. (2007), Tellus B 59, 553-565; Clark et al. (2011), section 2.2;
JULES routine ``albpft``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class DiffuseLight(NamedTuple):
    """Two-stream terms of a canopy that do not depend on the sun, tensors of shape (pft, column), by Sellers's (1985) names.

    ``omega``: scattering by leaves; ``orient``: 1 for horizontal leaves; ``dlai``: effective leaf area of a layer; ``b``, ``c``, ``h``,
    ``u1``, ``u2``: coefficients; ``layer``: transmission of one layer ``exp(-h dlai)``; ``g1`` to ``g7``: coefficients of the upward
    streams (``g1`` to ``g4``) and of the downward streams; ``albsoil``: albedo of the soil.
    """

    omega: Tensor
    orient: Tensor
    dlai: Tensor
    albsoil: Tensor
    b: Tensor
    c: Tensor
    h: Tensor
    u1: Tensor
    u2: Tensor
    layer: Tensor
    g1: Tensor
    g2: Tensor
    g3: Tensor
    g4: Tensor
    g5: Tensor
    g6: Tensor
    g7: Tensor


class DirectLight(NamedTuple):
    """Streams under a direct beam, shape (pft, column): extinction ``k`` and factors of the exponentials, by Sellers's (1985) names.

    ``h1`` and ``h4`` are divided by Sellers's sigma.
    """

    k: Tensor
    h1: Tensor
    h2: Tensor
    h3: Tensor
    h4: Tensor
    h5: Tensor
    h6: Tensor


class LeafLight(NamedTuple):
    """Light of sunlit and shaded leaves in each canopy layer, tensors of shape (canopy layer, pft, column).

    ``fsun``: fraction of leaves in the sun [1]; ``sun`` and ``shade``: light absorbed per leaf area.
    """

    fsun: Tensor
    sun: Tensor
    shade: Tensor


def diffuse_light(
    omega: Tensor, alpl: Tensor, orient: Tensor, dlai: Tensor, albsoil: Tensor, layers: int
) -> DiffuseLight:
    """Two-stream terms that do not depend on the sun.

    Parameters
    ----------
    omega, alpl : Tensor, shape (pft, 1) or (pft, column)
        Scattering and reflection coefficients of leaves in a band [1].
    orient : Tensor, shape (pft, 1)
        Orientation of leaves: 0 spherical, 1 horizontal.
    dlai : Tensor, shape (pft, column)
        Effective leaf area of one layer (with ``can_struct_a``), above 0 [1].
    albsoil : Tensor, shape (column,)
        Albedo of the soil, above 0 [1].
    layers : int
        Number of canopy layers.

    Returns
    -------
    DiffuseLight

    References
    ----------
    Sellers (1985), eqs 1-13.
    """
    omega = omega + torch.zeros_like(dlai)
    transmitted = omega - alpl
    sqcost = (1.0 + 2.0 * orient) / 3.0
    c = 0.5 * (alpl + transmitted + (alpl - transmitted) * sqcost)
    b = 1.0 - (1.0 - c / omega) * omega
    h = torch.sqrt(b * b - c * c)
    u1, u2 = b - c / albsoil, b - c * albsoil
    s1 = torch.exp(-h * dlai * layers)
    p1, p2 = b + h, b - h
    d1 = p1 * (u1 - h) / s1 - p2 * (u1 + h) * s1
    d2 = (u2 + h) / s1 - (u2 - h) * s1
    return DiffuseLight(
        omega=omega,
        orient=orient + torch.zeros_like(dlai),
        dlai=dlai,
        albsoil=albsoil + torch.zeros_like(dlai),
        b=b,
        c=c,
        h=h,
        u1=u1,
        u2=u2,
        layer=torch.exp(-h * dlai),
        g1=(u1 - h) / (s1 * d1),
        g2=p2 / d1,
        g3=(u1 + h) * s1 / d1,
        g4=p1 / d1,
        g5=(u2 + h) / (s1 * d2),
        g6=1.0 / d2,
        g7=(u2 - h) * s1 / d2,
    )


def direct_light(
    cosz: Tensor, canopy: DiffuseLight, layers: int, beam_albedo: Tensor | None = None
) -> tuple[DirectLight, Tensor]:
    """Streams under a direct beam.

    Parameters
    ----------
    cosz : Tensor, shape (column,)
        Cosine of the solar zenith angle [1].
    canopy : DiffuseLight
        Terms that do not depend on the sun.
    layers : int
        Number of canopy layers.
    beam_albedo : Tensor, shape (column,) or (pft, column), optional
        Albedo of the ground for the direct beam [1], by default that for diffuse light.

    Returns
    -------
    DirectLight
    Tensor, shape (canopy layer + 1, pft, column)
        Transmission of the direct beam to the top of each layer, and to the ground [1].

    References
    ----------
    Sellers (1985), eqs 14-21.
    """
    high = cosz > 0.01
    mu = torch.where(high, cosz, 1.0)
    horizontal = canopy.orient > 0.5
    k = torch.where(horizontal, 1.0, torch.where(high, 0.5 / mu, 50.0))
    salb = canopy.omega * torch.where(
        horizontal, 0.25, torch.where(high, 0.5 * (1.0 - mu * torch.log((mu + 1.0) / mu)), 0.5)
    )
    beam = powers(torch.exp(-k * canopy.dlai), layers)
    b, c = canopy.b, canopy.c
    d = (1.0 + k) * salb
    f = canopy.omega * k - d
    sigma = k * k + c * c - b * b
    sigma = torch.where(sigma < 0.0, sigma.clamp(max=-1.0e-4), sigma.clamp(min=1.0e-4))
    h1 = -(d * (b - k) + c * f) / sigma
    h4 = -(f * (b + k) + c * d) / sigma
    up = d - (b + k) * h1
    ca = c if beam_albedo is None else c * beam_albedo / canopy.albsoil
    at_soil = (d - ca - (canopy.u1 + k) * h1) * beam[layers]
    down = (f + c * canopy.albsoil - h4 * (canopy.u2 - k)) * beam[layers]
    direct = DirectLight(
        k=k,
        h1=h1,
        h2=up * canopy.g1 - at_soil * canopy.g2,
        h3=at_soil * canopy.g4 - up * canopy.g3,
        h4=h4,
        h5=-(h4 * canopy.g5 + down * canopy.g6),
        h6=h4 * canopy.g7 + down * canopy.g6,
    )
    return direct, beam


def sunlit_and_shaded(
    cosz: Tensor, diff_frac: Tensor, canopy: DiffuseLight, incident: Tensor, layers: int
) -> LeafLight:
    r"""Light that sunlit and shaded leaves absorb in each layer (``can_rad_mod`` 5 and 6).

    Shaded leaves absorb diffuse light and scattered direct light; sunlit leaves absorb the direct beam in addition,
    :math:`(1 - f_d)(1 - \omega) k`, which does not depend on depth. What shaded leaves absorb is a sum of three powers of the depth.

    Parameters
    ----------
    cosz, diff_frac : Tensor, shape (column,)
        Cosine of the solar zenith angle and diffuse fraction of light [1].
    canopy : DiffuseLight
        Terms that do not depend on the sun.
    incident : Tensor, shape (pft, column)
        Incident light times ``can_struct_a``, in any unit.
    layers : int
        Number of canopy layers.

    Returns
    -------
    LeafLight
        In the unit of ``incident``.

    References
    ----------
    Mercado et al. (2007); Clark et al. (2011), section 2.2; JULES routines ``albpft`` and ``physiol``.
    """
    direct, beam = direct_light(cosz, canopy, layers)
    from_sky, from_beam = diff_frac * incident, (1.0 - diff_frac) * incident
    down_of_sky, up_of_sky = canopy.g5 - canopy.c * canopy.g1, canopy.c * canopy.g3 - canopy.g7
    above, below = canopy.layer, 1.0 / canopy.layer
    per_lai = 1.0 / canopy.dlai
    lost = per_lai * (1.0 - beam[1])
    in_beam = from_beam * (canopy.omega + direct.h4 - direct.h1) * lost
    in_down = (from_sky * down_of_sky + from_beam * (direct.h5 - direct.h2)) * per_lai * (1.0 - above)
    in_up = (from_sky * up_of_sky + from_beam * (direct.h6 - direct.h3)) * per_lai * (1.0 - below)
    shade = in_beam * beam[:-1] + in_down * powers(above, layers - 1) + in_up * powers(below, layers - 1)
    return LeafLight(
        fsun=lost / direct.k * beam[:-1],
        sun=shade + from_beam * (1.0 - canopy.omega) * direct.k,
        shade=shade,
    )


def absorbed_per_layer(cosz: Tensor, diff_frac: Tensor, canopy: DiffuseLight, incident: Tensor, layers: int) -> Tensor:
    """Light that leaves absorb in each layer per leaf area (``can_rad_mod`` 4), from the gradient of the streams in its middle.

    Parameters
    ----------
    cosz, diff_frac, canopy, incident, layers
        As of :func:`sunlit_and_shaded`.

    Returns
    -------
    Tensor, shape (canopy layer, pft, column)
        Light absorbed per leaf area, in the unit of ``incident``.

    References
    ----------
    Clark et al. (2011), section 2.2; JULES routines ``albpft`` and ``physiol``.
    """
    direct, beam = direct_light(cosz, canopy, layers)
    h = canopy.h
    half = torch.exp(-0.5 * h * canopy.dlai)
    down = powers(canopy.layer, layers)[:-1] * half
    up = 1.0 / down
    middle = beam[:-1] * torch.exp(-0.5 * direct.k * canopy.dlai)
    from_beam = direct.k * (direct.h4 + 1.0 - direct.h1) * middle
    from_beam = from_beam + h * (direct.h5 - direct.h2) * down - h * (direct.h6 - direct.h3) * up
    h9_h7, h10_h8 = canopy.g5 - canopy.c * canopy.g1, canopy.c * canopy.g3 - canopy.g7
    from_sky = h * (h9_h7 * down - h10_h8 * up)
    return incident * ((1.0 - diff_frac) * from_beam + diff_frac * from_sky)


def powers(x: Tensor, n: int) -> Tensor:
    """Powers 0 to ``n`` of a tensor, along a new first dimension."""
    result = [torch.ones_like(x)]
    for _ in range(n):
        result.append(result[-1] * x)
    return torch.stack(result)
