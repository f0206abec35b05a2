r"""JULES's zero-layer snow: a store that hides the ground, insulates it, and melts.

The store has a fixed density; heat reaches the soil through it, and its own heat content is neglected.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 4; Essery et al. (2003), J. Hydrometeorol. 4, 530-543.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import LF, RHO_SNOW_CONST, SNOW_HCON, TM

#: How fast snow hides the ground with depth [m-1] (``maskd``).
MASKD = 50.0
#: Below this many degrees under melting snow keeps its cold albedo [K], and how much brightness melting takes (``dtland``, ``kland``).
DTLAND, KLAND = 2.0, 0.3


def snow_depth(snow: Tensor) -> Tensor:
    """Depth [m] of a snow store [kg m-2] of JULES's constant density; a negative store, left by rounding, has none."""
    return snow.clamp(min=0.0) * (1.0 / RHO_SNOW_CONST)


def snow_albedo(albedo_snow_free: Tensor, albedo_snow_cold: Tensor, depth: Tensor, tstar: Tensor) -> Tensor:
    r"""Albedo of a surface under snow.

    .. math::

        \alpha = \alpha_0 + (\alpha_s - \alpha_0)(1 - e^{-50 d}), \qquad
        \alpha_s = \alpha_{cold} + 0.3\,(\alpha_0 - \alpha_{cold})\,\min(1, \max(0, T_* - T_m + 2) / 2)

    Parameters
    ----------
    albedo_snow_free, albedo_snow_cold : Tensor
        :math:`\alpha_0`, and of deep cold snow on that surface [1].
    depth : Tensor
        :math:`d` [m].
    tstar : Tensor
        Surface temperature [K].

    Returns
    -------
    Tensor
        [1].

    References
    ----------
    Best et al. (2011), section 2.5, diagnostic scheme.
    """
    softness = ((tstar - TM + DTLAND) * (1.0 / DTLAND)).clamp(0.0, 1.0)
    snow = albedo_snow_cold + KLAND * (albedo_snow_free - albedo_snow_cold) * softness
    return albedo_snow_free + (snow - albedo_snow_free) * (1.0 - torch.exp(-MASKD * depth))


def insulated_conductance(conductance: Tensor, hcon_top: Tensor, depth: Tensor, dz_top: Tensor) -> Tensor:
    r"""Conductance between surface and top soil layer, reduced by snow.

    .. math::

        A' = \frac{A}{1 + \frac{2d}{\Delta z_1}\left(\frac{\lambda_1}{\lambda_s} - 1\right)} \;(2d \le \Delta z_1), \qquad
        A' = A\,\lambda_s/\lambda_1 \;\text{else}

    Parameters
    ----------
    conductance : Tensor
        Without snow [W m-2 K-1].
    hcon_top : Tensor
        Thermal conductivity of the top layer :math:`\lambda_1` [W m-1 K-1].
    depth : Tensor
        :math:`d` [m].
    dz_top : Tensor
        Thickness of the top layer [m].

    Returns
    -------
    Tensor
        [W m-2 K-1].

    References
    ----------
    Best et al. (2011), section 4.
    """
    ratio = (2.0 * depth / dz_top).clamp(max=1.0)
    return conductance / (1.0 + ratio * (hcon_top * (1.0 / SNOW_HCON) - 1.0))


def snow_insulation(depth: Tensor, hcon_top: Tensor, dzsoil: Tensor) -> Tensor:
    r"""Factor by which snow reduces conduction between the two top soil layers.

    .. math::

        f = \frac{1}{1 + 2 d/(\Delta z_1+\Delta z_2)} \;(d \le \Delta z_1/2), \qquad
        f = \frac{\Delta z_1+\Delta z_2}{(2d-\Delta z_1)\,\lambda_1/\lambda_s + 2\Delta z_1 + \Delta z_2}\;\text{else}

    Parameters
    ----------
    depth : Tensor, shape (...)
        :math:`d` [m].
    hcon_top : Tensor, shape (...)
        Thermal conductivity between the two top layers :math:`\lambda_1` [W m-1 K-1].
    dzsoil : Tensor, shape (layer, ...)
        Layer thicknesses [m].

    Returns
    -------
    Tensor, shape (...)
        Factor [1], 1 without snow.

    References
    ----------
    Best et al. (2011), sections 4 and 5.2.
    """
    dz1, dz2 = dzsoil[0], dzsoil[1]
    thin = 1.0 / (1.0 + 2.0 * depth / (dz1 + dz2))
    deep = (dz1 + dz2) / (hcon_top * (2.0 * depth - dz1).clamp(min=0.0) / SNOW_HCON + 2.0 * dz1 + dz2)
    return torch.where(depth <= 0.5 * dz1, thin, deep)


class Melt(NamedTuple):
    """``rate`` [kg m-2 s-1] and the cooling ``dtstar`` [K, negative or 0] of the surface that pays for it."""

    rate: Tensor
    dtstar: Tensor


def snow_melt(tstar: Tensor, snow: Tensor, heat_per_degree: Tensor, *, timestep: float) -> Melt:
    r"""Melt as much snow as the surface's excess over the melting point pays for.

    .. math:: M = \min\left(\frac{B\,(T_* - T_m)}{L_f},\; \frac{S}{\Delta t}\right)

    Parameters
    ----------
    tstar : Tensor
        Surface temperature had there been no melt [K].
    snow : Tensor
        Snow that lies [kg m-2].
    heat_per_degree : Tensor
        :math:`B`, the change of the surface's heat balance a degree [W m-2 K-1].
    timestep : float
        [s].

    Returns
    -------
    Melt

    References
    ----------
    Essery et al. (2003), section 2c.
    """
    wanted = heat_per_degree * (tstar - TM).clamp(min=0.0) * (1.0 / LF)
    rate = torch.minimum(wanted, snow.clamp(min=0.0) * (1.0 / timestep))
    return Melt(rate=rate, dtstar=-LF * rate / heat_per_degree)
