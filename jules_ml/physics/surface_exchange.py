r"""Exchange of heat and vapour between the tiles and the air: aerodynamic and surface resistance.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Clark et al. (2011), Geosci. Model Dev. 4, 701-722;
Essery et al. (2003), J. Hydrometeorol. 4, 530-543, for the surface exchange of MOSES 2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import CP, LC, LF, REPSILON, VKMAN, G, R
from jules_ml.physics.evaporation import bare_soil_conductance, soil_moisture_stress
from jules_ml.physics.humidity import specific_humidity_saturation
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.photosynthesis import canopy_conductance
from jules_ml.physics.surface_variables import Forcing, SurfaceProperties, SurfaceSoil, SurfaceState

#: Fraction of shortwave radiation that plants can use [1].
PAR_FRACTION: Final = 0.5
#: Lowest wind speed of the exchange [m s-1]: some turbulence remains in calm air.
WIND_MIN: Final = 0.1


class AirExchange(NamedTuple):
    """Exchange between the surface and the air, tensors of shape (tile, ...) or, for ``wind`` and ``rho``, (...).

    ``wind`` [m s-1], at least :data:`WIND_MIN`; ``rho`` [kg m-3] density of the air; ``conductance`` [m s-1] aerodynamic conductance for
    heat and vapour; ``rhokh`` [kg m-2 s-1] ``rho`` times ``conductance``; ``latent`` [J kg-1] latent heat of evaporation, or of
    sublimation where there is snow; ``slope`` [kg kg-1 K-1] slope of the saturation humidity; ``deficit`` [kg kg-1] saturation humidity at
    the surface minus humidity of the air.
    """

    wind: Tensor
    rho: Tensor
    conductance: Tensor
    rhokh: Tensor
    latent: Tensor
    slope: Tensor
    deficit: Tensor


class SurfaceResistance(NamedTuple):
    """Moisture that the tiles yield to the air, tensors of shape (tile, ...), by JULES's names.

    ``gc``, ``gs`` [m s-1] conductance of the canopy, and of canopy and bare soil together; ``fraca`` [1] fraction of the tile that only
    the air resists (wet leaves, snow, dew); ``resfs`` [1] resistance factor of the rest; ``resft`` [1] that of the whole tile; ``gpp``
    [kg C m-2 s-1] gross primary productivity; ``fsmc`` [1] soil moisture stress; ``uptake`` [1] contribution of each soil layer to
    ``fsmc``.
    """

    gc: Tensor
    gs: Tensor
    fraca: Tensor
    resfs: Tensor
    resft: Tensor
    gpp: Tensor
    fsmc: Tensor
    uptake: list[Tensor]


def transfer_coefficient(
    t_air: Tensor, tstar: Tensor, wind: Tensor, z0: Tensor, log_m: Tensor, log_h: Tensor, *, height: float | Tensor
) -> Tensor:
    r"""Bulk transfer coefficient for heat and vapour, with the explicit stability correction of MOSES 2.

    .. math::

        C_H = f_h C_{Hn}, \quad C_{Hn} = \frac{k^2}{\ln(z/z_0)\ln(z/z_{0h})}, \quad
        f_h = \begin{cases}(1 + 10\,Ri/Pr)^{-1} & Ri \ge 0\\ 1 - 10\,Ri\,(1 + 10\,C_{Hn}\sqrt{-Ri}/f_z)^{-1} & Ri < 0\end{cases}

    with :math:`Pr = \ln(z/z_0)/\ln(z/z_{0h})` and :math:`f_z = \tfrac14\sqrt{z_0/z}`; :math:`z` is the sum of ``height`` and :math:`z_0`.

    Parameters
    ----------
    t_air, tstar : Tensor
        Temperature of air and surface [K].
    wind : Tensor
        Wind speed [m s-1], at least :data:`WIND_MIN`.
    z0, log_m, log_h : Tensor
        Roughness length [m], and the logarithms :math:`\ln(z/z_0)`, :math:`\ln(z/z_{0h})` [1].
    height : float or Tensor, shape (column,)
        Measurement height above the roughness length's origin [m].

    Returns
    -------
    Tensor
        Transfer coefficient :math:`C_H` [1].

    References
    ----------
    Essery et al. (2003), eqs 9-13.

    Examples
    --------
    Stable, neutral and unstable air over one surface; the neutral value is 0.16 / (4.6 * 6.9).

    >>> t, wind, z0, log_m, log_h = (torch.tensor(x, dtype=torch.float64) for x in (290.0, 2.0, 0.1, 4.6, 6.9))
    >>> neutral = 290.0 + G / CP * 10.0
    >>> [
    ...     round(1e3 * float(transfer_coefficient(t, torch.tensor(x), wind, z0, log_m, log_h, height=10.0)), 3)
    ...     for x in (285.0, neutral, 295.0)
    ... ]
    [0.675, 5.041, 14.107]
    """
    neutral = VKMAN**2 / (log_m * log_h)
    richardson = G * height * (t_air + (G / CP) * height - tstar) / (t_air * wind * wind)
    stable = 1.0 / (1.0 + 10.0 * richardson.clamp(min=0.0) * log_h / log_m)
    # the offset keeps the gradient of the root finite in neutral air
    root = torch.sqrt((-richardson).clamp(min=0.0) + 1e-12)
    unstable = 1.0 - 10.0 * richardson / (1.0 + 10.0 * neutral * root * 4.0 * torch.sqrt((height + z0) / z0))
    return neutral * torch.where(richardson >= 0.0, stable, unstable)


def air_exchange(
    forcing: Forcing, surface: SurfaceProperties, tstar: Tensor, snowy: Tensor, *, height: float | Tensor
) -> AirExchange:
    r"""Aerodynamic exchange of the tiles with the air above them.

    .. math::

        \rho K_H = \rho\, C_H\, u, \qquad
        \frac{\partial q_s}{\partial T_*} = \frac{\epsilon L\, q_s(T_*)}{R\, T_*^2}, \qquad D = q_s(T_*) - q

    Parameters
    ----------
    forcing : Forcing
        Weather over the step, shape (...) each.
    surface : SurfaceProperties
        Shape (tile, ...) each.
    tstar : Tensor, shape (tile, ...)
        Surface temperature at the start of the step [K].
    snowy : Tensor of bool, shape (tile, ...)
        Whether there is snow on the tile.
    height : float or Tensor, shape (column,)
        Measurement height [m], see :func:`transfer_coefficient`.

    Returns
    -------
    AirExchange

    References
    ----------
    Best et al. (2011), section 2; JULES routine ``sf_exch``.
    """
    wind = forcing.wind.clamp(min=WIND_MIN)
    rho = forcing.pstar / (R * forcing.t_air)
    ch = transfer_coefficient(forcing.t_air, tstar, wind, surface.z0, surface.log_m, surface.log_h, height=height)
    conductance = ch * wind
    rhokh = rho * conductance
    qsat = specific_humidity_saturation(tstar, forcing.pstar)
    latent = torch.where(snowy, LC + LF, LC)
    slope = qsat * (REPSILON / R) * latent / (tstar * tstar)
    return AirExchange(
        wind=wind,
        rho=rho,
        conductance=conductance,
        rhokh=rhokh,
        latent=latent,
        slope=slope,
        deficit=qsat - forcing.q,
    )


def surface_resistance(
    state: SurfaceState,
    forcing: Forcing,
    surface: SurfaceProperties,
    air: AirExchange,
    soil: SurfaceSoil,
    snowy: Tensor,
    *,
    co2: float | Tensor,
    timestep: float,
) -> SurfaceResistance:
    r"""Resistance of stomata and bare soil to evaporation, and the wet fraction of each tile.

    .. math::

        \psi = f_a + (1 - f_a)\,\psi_s, \qquad \psi_s = \frac{g_s}{g_s + C_H u}, \qquad
        f_a = \min\left(1, \frac{C}{C_m + \max(0, \rho C_H u D\,\Delta t)}\right)

    with :math:`f_a = 1` where there is snow or dew forms.

    Parameters
    ----------
    state : SurfaceState
        Shape (tile, ...) each.
    forcing : Forcing
        Weather over the step, shape (...) each.
    surface : SurfaceProperties
        Shape (tile, ...) each.
    air : AirExchange
        From :func:`air_exchange`.
    soil : SurfaceSoil
        Soil layers.
    snowy : Tensor of bool, shape (tile, ...)
        Whether there is snow on the tile.
    co2 : float or Tensor, shape (column,)
        Mole fraction of carbon dioxide [1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    SurfaceResistance

    References
    ----------
    Best et al. (2011), sections 2-3; JULES routines ``physiol`` and ``sf_resist``.
    """
    stress = soil_moisture_stress(soil.liquid, soil.sm_wilt, soil.sm_crit)
    uptake = [surface.f_root[:, n] * stress[n] for n in range(soil.liquid.shape[0])]
    fsmc = sum_over_layers(uptake)
    dq_leaf = air.deficit.clamp(min=0.0) / (1.0 + state.gc / air.conductance)
    canopy = canopy_conductance(
        state.tstar, PAR_FRACTION * forcing.sw_down, dq_leaf, forcing.pstar, co2, fsmc, surface.lai, surface.leaf
    )
    # roots without water have nothing to lose even through closed stomata
    gc = torch.where(fsmc > 0.0, canopy.gc, 0.0)
    bare = surface.fsoil * bare_soil_conductance(soil.liquid[0], soil.sm_crit[0])
    gs = gc + bare
    resfs = gs / (gs + air.conductance)
    potential = (air.rhokh * air.deficit * timestep).clamp(min=0.0)
    wet = (state.canopy / (potential + surface.catch).clamp(min=1e-6)).clamp(max=1.0)
    condensing = air.deficit <= 0.0
    fraca = torch.where(snowy | condensing, 1.0, wet)
    return SurfaceResistance(
        gc=gc,
        gs=gs,
        fraca=fraca,
        resfs=resfs,
        resft=fraca + (1.0 - fraca) * resfs,
        gpp=canopy.gpp,
        fsmc=fsmc,
        uptake=uptake,
    )
