r"""JULES's zero-layer snow scheme: albedo, insulation and melt.

Snow has a constant density and no heat content of its own.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 4; Essery et al. (2003), J. Hydrometeorol. 4, 530-543.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import LF, RHO_SNOW_CONST, SNOW_HCON, TM
from jules_ml.physics.layerwise import sum_over_layers

#: Masking of the ground by snow depth [m-1] (``maskd``).
MASKD = 50.0
#: Range below the melting point in which the albedo of snow declines [K], and its relative decline [1] (``dtland``, ``kland``).
DTLAND, KLAND = 2.0, 0.3


def snow_depth(snow: Tensor) -> Tensor:
    """Depth of snow of JULES's constant density.

    Parameters
    ----------
    snow : Tensor
        Snow mass [kg m-2]; a negative value, from rounding, counts as 0.

    Returns
    -------
    Tensor, shape of ``snow``
        [m].

    References
    ----------
    Best et al. (2011), section 4; JULES name ``rho_snow_const``.

    Examples
    --------
    >>> round(float(snow_depth(torch.tensor(50.0))), 6)
    0.2
    """
    return snow.clamp(min=0.0) * (1.0 / RHO_SNOW_CONST)


def snow_albedo(albedo_snow_free: Tensor, albedo_snow_cold: Tensor, depth: Tensor, tstar: Tensor) -> Tensor:
    r"""Albedo of a surface with snow.

    .. math::

        \alpha = \alpha_0 + (\alpha_s - \alpha_0)(1 - e^{-50 d}), \qquad
        \alpha_s = \alpha_{cold} + 0.3\,(\alpha_0 - \alpha_{cold})\,\min(1, \max(0, T_* - T_m + 2) / 2)

    Parameters
    ----------
    albedo_snow_free, albedo_snow_cold : Tensor
        Albedo without snow :math:`\alpha_0`, and under deep cold snow :math:`\alpha_{cold}` [1].
    depth : Tensor
        Snow depth :math:`d` [m].
    tstar : Tensor
        Surface temperature [K].

    Returns
    -------
    Tensor
        [1].

    References
    ----------
    Best et al. (2011), section 2.5, diagnostic scheme.

    Examples
    --------
    Grass under 10 cm of cold and of melting snow.

    >>> grass, cold, depth = torch.tensor(0.19), torch.tensor(0.7), torch.tensor(0.1)
    >>> [round(float(snow_albedo(grass, cold, depth, torch.tensor(t))), 3) for t in (263.15, 273.15)]
    [0.697, 0.545]
    """
    softness = ((tstar - TM + DTLAND) * (1.0 / DTLAND)).clamp(0.0, 1.0)
    snow = albedo_snow_cold + KLAND * (albedo_snow_free - albedo_snow_cold) * softness
    return albedo_snow_free + (snow - albedo_snow_free) * (1.0 - torch.exp(-MASKD * depth))


def insulated_conductance(
    conductance: Tensor, hcon_top: Tensor, depth: Tensor, dz_top: Tensor, *, snow_hcon: float = SNOW_HCON
) -> Tensor:
    r"""Conductance between surface and top soil layer, reduced by snow.

    .. math::

        A' = \frac{A}{1 + \frac{2d}{\Delta z_1}\left(\frac{\lambda_1}{\lambda_s} - 1\right)} \;(2d \le \Delta z_1), \qquad
        A' = A\,\lambda_s/\lambda_1 \;\text{else}

    Parameters
    ----------
    conductance : Tensor
        Conductance without snow :math:`A` [W m-2 K-1].
    hcon_top : Tensor
        Thermal conductivity of the top layer :math:`\lambda_1` [W m-1 K-1].
    depth : Tensor
        Snow depth :math:`d` [m].
    dz_top : Tensor
        Thickness of the top layer [m].
    snow_hcon : float
        Thermal conductivity of snow :math:`\lambda_s` [W m-1 K-1].

    Returns
    -------
    Tensor
        [W m-2 K-1].

    References
    ----------
    Best et al. (2011), section 4.
    """
    ratio = (2.0 * depth / dz_top).clamp(max=1.0)
    return conductance / (1.0 + ratio * (hcon_top * (1.0 / snow_hcon) - 1.0))


def snow_insulation(depth: Tensor, hcon_top: Tensor, dzsoil: Tensor, *, snow_hcon: float = SNOW_HCON) -> Tensor:
    r"""Factor by which snow reduces conduction between the two top soil layers.

    .. math::

        f = \frac{1}{1 + 2 d/(\Delta z_1+\Delta z_2)} \;(d \le \Delta z_1/2), \qquad
        f = \frac{\Delta z_1+\Delta z_2}{(2d-\Delta z_1)\,\lambda_1/\lambda_s + 2\Delta z_1 + \Delta z_2}\;\text{else}

    Parameters
    ----------
    depth : Tensor, shape (...)
        Snow depth :math:`d` [m].
    hcon_top : Tensor, shape (...)
        Thermal conductivity between the two top layers :math:`\lambda_1` [W m-1 K-1].
    dzsoil : Tensor, shape (layer, ...)
        Layer thicknesses [m].
    snow_hcon : float
        Thermal conductivity of snow :math:`\lambda_s` [W m-1 K-1].

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
    deep = (dz1 + dz2) / (hcon_top * (2.0 * depth - dz1).clamp(min=0.0) / snow_hcon + 2.0 * dz1 + dz2)
    return torch.where(depth <= 0.5 * dz1, thin, deep)


class SnowCover(NamedTuple):
    """Snow without layers on the tiles of a grid box, which insulates the soil.

    ``depth`` [m] and ``frac`` [1], shape (tile, column); ``snow_hcon`` thermal conductivity [W m-1 K-1].
    """

    depth: Tensor
    frac: Tensor
    snow_hcon: float


def cover_insulation(cover: SnowCover, hcon_top: Tensor, dzsoil: Tensor) -> Tensor:
    """Mean of :func:`snow_insulation` over the tiles.

    Parameters
    ----------
    cover : SnowCover
        Snow of the tiles.
    hcon_top : Tensor, shape (column,)
        Thermal conductivity between the two top layers [W m-1 K-1].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    Tensor, shape (column,)
        Factor [1].

    References
    ----------
    JULES routine ``soil_htc``, name ``sifact``.
    """
    factor = snow_insulation(cover.depth, hcon_top, dzsoil, snow_hcon=cover.snow_hcon)
    return sum_over_layers(cover.frac * factor)


class Melt(NamedTuple):
    """Melt ``rate`` [kg m-2 s-1], and the change ``dtstar`` [K] of surface temperature by its latent heat, negative or 0."""

    rate: Tensor
    dtstar: Tensor


def snow_melt(tstar: Tensor, snow: Tensor, heat_per_degree: Tensor, *, timestep: float) -> Melt:
    r"""Melt snow with the heat of a surface above the melting point.

    .. math:: M = \min\left(\frac{B\,(T_* - T_m)}{L_f},\; \frac{S}{\Delta t}\right)

    Parameters
    ----------
    tstar : Tensor
        Surface temperature without melt [K].
    snow : Tensor
        Snow mass [kg m-2].
    heat_per_degree : Tensor
        Change of the surface's heat balance for each kelvin :math:`B` [W m-2 K-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    Melt

    References
    ----------
    Essery et al. (2003), section 2c.

    Examples
    --------
    A surface 1 K above melting, with 33.4 W m-2 K-1.

    >>> melt = snow_melt(torch.tensor(274.15), torch.tensor(10.0), torch.tensor(33.4), timestep=1800.0)
    >>> round(float(melt.rate), 7), round(float(melt.dtstar), 4)
    (0.0001, -1.0)
    """
    potential = heat_per_degree * (tstar - TM).clamp(min=0.0) * (1.0 / LF)
    rate = torch.minimum(potential, snow.clamp(min=0.0) * (1.0 / timestep))
    return Melt(rate=rate, dtstar=-LF * rate / heat_per_degree)
