r"""JULES's soil heat step: implicit conduction, advection by water, and freezing.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 5.2; Cox et al. (1999), Clim. Dyn. 15, 183-203, for apparent heat capacity.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.branches import where_any
from jules_ml.physics.constants import DPSIDT, HCAPI, HCAPW, LF, RHO_WATER, ZERODEGC
from jules_ml.physics.increments import accumulated
from jules_ml.physics.layerwise import over_layers, sum_over_layers
from jules_ml.physics.snow import SnowCover, cover_insulation, snow_insulation
from jules_ml.physics.thermal import soil_thermal_conductivity
from jules_ml.physics.tridiagonal import solve_bounded

#: Forward weight of the implicit step (JULES's ``gamma_t``): fully implicit.
GAMMA_T = 1.0
#: Residual of a layer above which JULES solves again [W m-2] (``facur``).
FACUR = 0.01
#: Maximum number of solutions (``mmax``).
MMAX = 3
#: Number with which the residual of every layer is below ``FACUR`` in all steps of the records tested.
SOLUTIONS_TO_CLOSE = 12
#: Smallest power of wetness that the freezing point distinguishes [1].
_DRIEST: Final = 1e-12
#: Temperature just below freezing [degC], at which a power of it and its gradient are finite.
_COLDER = -1e-6


class SoilHeatStep(NamedTuple):
    """Result of a heat step.

    ``t_soil`` [K], shape (layer, ...); ``sthf`` [1], shape (layer, ...), ice as a fraction of saturation; ``heat_gain`` [W m-2], shape
    (...), sensible and latent heat that the layers gained; ``unaccounted`` [W m-2], shape (...), residual of JULES's iteration, at most
    0.01 for each layer after convergence.
    """

    t_soil: Tensor
    sthf: Tensor
    heat_gain: Tensor
    unaccounted: Tensor


def unfrozen_water(t_celsius: Tensor, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Unfrozen water at a temperature below freezing, as a fraction of saturation.

    .. math:: S_u = \left(-\frac{(\mathrm{d}\psi/\mathrm{d}T)\, T}{\psi_s}\right)^{-1/b}

    JULES uses this Clapp-Hornberger form of the freezing curve with either form of the hydraulics.

    Parameters
    ----------
    t_celsius : Tensor
        Soil temperature [degC], below zero.
    b, sathh : Tensor
        Hydraulic parameters [1], [m].

    Returns
    -------
    Tensor
        Fraction of saturation [1]; above 1 where nothing freezes yet.

    References
    ----------
    Best et al. (2011), eq. 69; Williams and Smith (1989), The Frozen Earth.

    Examples
    --------
    >>> t = torch.tensor([-5.0, -1.0], dtype=torch.float64)
    >>> b, sathh = torch.tensor(6.63, dtype=torch.float64), torch.tensor(0.049, dtype=torch.float64)
    >>> [round(x, 3) for x in unfrozen_water(t, b, sathh).tolist()]
    [0.244, 0.31]
    """
    return _on_freezing_curve(t_celsius, 1.0 / b, torch.log(DPSIDT / sathh))


def _on_freezing_curve(t_celsius: Tensor, inverse_b: Tensor, log_scale: Tensor) -> Tensor:
    """Evaluate :func:`unfrozen_water` with the terms of the soil computed in advance, since a step needs it four times."""
    return torch.exp(-inverse_b * (torch.log(-t_celsius.clamp(max=_COLDER)) + log_scale))


def freezing_point(wetness: Tensor, b: Tensor, sathh: Tensor) -> Tensor:
    r"""Temperature above which all water of a layer is liquid.

    .. math:: T_{max} = -\psi_s \, S^{-b} / (\mathrm{d}\psi/\mathrm{d}T)

    Parameters
    ----------
    wetness : Tensor
        All water, liquid and ice, as a fraction of saturation [1].
    b, sathh : Tensor
        Hydraulic parameters [1], [m].

    Returns
    -------
    Tensor
        [degC], between -273.15 and 0.

    References
    ----------
    Best et al. (2011), section 5.2.

    Examples
    --------
    >>> wetness = torch.tensor([0.5, 1.0], dtype=torch.float64)
    >>> b, sathh = torch.tensor(6.63, dtype=torch.float64), torch.tensor(0.049, dtype=torch.float64)
    >>> [round(x, 5) for x in freezing_point(wetness, b, sathh).tolist()]
    [-0.04246, -0.00043]
    """
    smallest = torch.finfo(wetness.dtype).tiny
    power = torch.exp(b * torch.log(wetness.clamp(min=smallest)))
    # a power below this one freezes at absolute zero in any soil, and the square of its inverse would overflow in the gradient
    return (-sathh / (DPSIDT * power.clamp(min=_DRIEST))).clamp(min=-ZERODEGC)


def soil_heat_step(
    t_soil: Tensor,
    smcl: Tensor,
    sthf: Tensor,
    surf_ht_flux: Tensor,
    w_flux: Tensor,
    snow_depth: Tensor | SnowCover,
    *,
    b: Tensor,
    sathh: Tensor,
    sm_sat: Tensor,
    hcap: Tensor,
    hcon: Tensor,
    dzsoil: Tensor,
    timestep: float,
    soilhc_method: int = 2,
    solutions: int = MMAX,
    t_soil1: Tensor | None = None,
) -> SoilHeatStep:
    r"""Solve the heat balance of the soil layers for one time step, with freezing and thawing.

    .. math::

        C_A \Delta z_n \frac{\mathrm{d}T_n}{\mathrm{d}t} = G_{n-1} - G_n + J_n, \qquad
        C_A = C_s + c_w \theta_u + c_i \theta_f + \rho \frac{\partial\theta_u}{\partial T}\left[(c_w-c_i)T + L_f\right]

    As in JULES the step is solved up to three times: each solution distributes the residual of the one before, in columns where that of
    a layer exceeds 0.01 W m-2.

    Parameters
    ----------
    t_soil : Tensor, shape (layer, ...)
        Soil temperature at the start of the step [K].
    smcl : Tensor, shape (layer, ...)
        Water after the Richards step [kg m-2].
    sthf : Tensor, shape (layer, ...)
        Ice as a fraction of saturation [1].
    surf_ht_flux : Tensor, shape (...)
        Heat into the soil [W m-2].
    w_flux : Tensor, shape (layer + 1, ...)
        Water fluxes of the Richards step [kg m-2 s-1].
    snow_depth : Tensor, shape (...), or SnowCover
        Snow depth [m], for insulation, or that of each tile.
    b, sathh, sm_sat, hcap, hcon : Tensor, shape (layer, ...) or broadcastable to it
        [1], [m], [m3 m-3], dry heat capacity [J K-1 m-3], dry thermal conductivity [W m-1 K-1].
    dzsoil : Tensor, shape (layer, 1) or (layer,) with one point
        Layer thicknesses [m].
    timestep : float
        Length of the step [s].
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.
    solutions : int
        Maximum number of solutions. After the three of JULES, up to some 1000 W m-2 can be left where rain falls on frozen soil, which
        JULES drops; with :data:`SOLUTIONS_TO_CLOSE` the budget closes.
    t_soil1 : Tensor, shape (...), optional
        Temperature of the top layer if it has changed since the start of the step by melt of snow [K].

    Returns
    -------
    SoilHeatStep

    References
    ----------
    Best et al. (2011), section 5.2; Cox et al. (1999).
    """
    celsius = t_soil - ZERODEGC
    t = celsius if t_soil1 is None else torch.cat([t_soil1.unsqueeze(0) - ZERODEGC, celsius[1:]])
    smclsat = RHO_WATER * dzsoil * sm_sat
    inverse_smclsat = torch.reciprocal(smclsat)
    wetness = smcl * inverse_smclsat
    smclf = sthf * smclsat
    t_max = freezing_point(wetness, b, sathh)
    fluxes = _explicit_fluxes(
        t,
        wetness - sthf,
        sthf,
        surf_ht_flux,
        w_flux,
        snow_depth,
        sm_sat=sm_sat,
        hcon=hcon,
        dzsoil=dzsoil,
        soilhc_method=soilhc_method,
    )
    heat = timestep * fluxes.convergence
    active = torch.ones_like(surf_ht_flux, dtype=torch.bool)
    inverse_b, log_scale = 1.0 / b, torch.log(DPSIDT / sathh)
    layers = _Layers(smcl, smclsat, t_max, inverse_b, log_scale, sm_sat, hcap, dzsoil)
    # the freezing curve is evaluated once at the start and once after each solution
    state = _Iterate(t=t, allowed=_on_freezing_curve(t, inverse_b, log_scale), smclf=smclf, heat=heat)

    def solve(*operands: Tensor) -> tuple[Tensor, ...]:
        solution, stored = _solve(_Iterate(*operands[:4]), layers, fluxes, timestep)
        return (*solution, operands[4] + sum_over_layers(stored))

    values: tuple[Tensor, ...] = (*state, torch.zeros_like(surf_ht_flux))
    for m in range(solutions):
        if m < MMAX:
            values = tuple(torch.where(active, new, old) for new, old in zip(solve(*values), values, strict=True))
        else:
            values = where_any(active, solve, values, values)
        active = active & (over_layers(torch.maximum, values[3].abs()) > FACUR * timestep)
    state, heat_gain = _Iterate(*values[:4]), values[4]
    return SoilHeatStep(
        # the change of a deep layer in a step is near the resolution of single precision at 280 K
        t_soil=accumulated(t_soil, state.t - celsius),
        sthf=state.smclf * inverse_smclsat,
        heat_gain=heat_gain * (1.0 / timestep),
        unaccounted=sum_over_layers(state.heat) * (1.0 / timestep),
    )


class _Layers(NamedTuple):
    """Properties of the layers that a heat step does not change, shape (layer, ...).

    ``smcl`` [kg m-2] all water; ``smclsat`` [kg m-2] water at saturation; ``t_max`` [degC] freezing point; ``inverse_b`` [1] and
    ``log_scale`` [1] of the freezing curve; ``sm_sat`` [m3 m-3]; ``hcap`` [J K-1 m-3] of dry soil; ``dzsoil`` [m].
    """

    smcl: Tensor
    smclsat: Tensor
    t_max: Tensor
    inverse_b: Tensor
    log_scale: Tensor
    sm_sat: Tensor
    hcap: Tensor
    dzsoil: Tensor


class _Iterate(NamedTuple):
    """State of the layers between two solutions, shape (layer, ...) each.

    ``t`` [degC]; ``allowed`` [1] liquid water that the freezing curve allows at ``t``; ``smclf`` [kg m-2] ice; ``heat`` [J m-2] not yet
    accounted for.
    """

    t: Tensor
    allowed: Tensor
    smclf: Tensor
    heat: Tensor


def _solve(state: _Iterate, layers: _Layers, fluxes: _Fluxes, timestep: float) -> tuple[_Iterate, Tensor]:
    """Solve the linearised heat balance once.

    Parameters
    ----------
    state : _Iterate
        Before.
    layers : _Layers
        Properties of the layers.
    fluxes : _Fluxes
        Slopes of the heat fluxes at the start of the step.
    timestep : float
        Length of the step [s].

    Returns
    -------
    _Iterate
        After, with the heat that is still not accounted for.
    Tensor, shape (layer, ...)
        Sensible and latent heat that the layers took up [J m-2].

    References
    ----------
    Best et al. (2011), section 5.2; JULES routine ``soil_htc``.
    """
    smcl, t_max, t, smclf, heat = layers.smcl, layers.t_max, state.t, state.smclf, state.heat
    nothing = torch.zeros_like(t[:1])
    smclu = smcl - smclf
    frozen = (t < t_max) | ((t == t_max) & (heat < 0.0))
    # slope of the freezing curve; the clamp keeps the unused branch finite
    slope = torch.where(frozen, -layers.sm_sat * layers.inverse_b * state.allowed / t.clamp(max=_COLDER), 0.0)
    apparent = layers.hcap + RHO_WATER * slope * ((HCAPW - HCAPI) * t + LF)
    c_dz = layers.dzsoil * apparent + (HCAPW - HCAPI) * smclu + HCAPI * smcl
    inverse_c_dz = torch.reciprocal(c_dz)
    gamcon = (GAMMA_T * timestep) * inverse_c_dz
    a, own, c = -gamcon * fluxes.by_above, -gamcon * fluxes.by_own, -gamcon * fluxes.by_below
    dt = solve_bounded(
        a,
        1.0 + own,
        c,
        heat * inverse_c_dz,
        # a layer stops at its freezing point, from either side
        lower=torch.where(t > t_max, t_max - t, -ZERODEGC - t),
        upper=torch.where(frozen, t_max - t, 1.0e4 - t),
    )
    implicit = own * dt + torch.cat([nothing, a[1:] * dt[:-1]]) + torch.cat([c[:-1] * dt[1:], nothing])
    available = heat - c_dz * implicit
    # a layer that stopped at its freezing point is exactly there: rounding would put it on either side
    t_new = torch.where(dt == t_max - t, t_max, t + dt)
    allowed = _on_freezing_curve(t_new, layers.inverse_b, layers.log_scale)
    ice = smcl - torch.where(t_new >= t_max, smcl, layers.smclsat * allowed)
    sensible = (layers.hcap * layers.dzsoil + HCAPW * smclu + HCAPI * smclf) * dt
    stored = sensible + (ice - smclf) * ((HCAPI - HCAPW) * t - LF)
    return _Iterate(t=t_new, allowed=allowed, smclf=ice, heat=available - stored), stored


class _Fluxes(NamedTuple):
    """Convergence of heat in each layer [W m-2], and its derivatives by the temperatures above, own and below [W m-2 K-1]."""

    convergence: Tensor
    by_above: Tensor
    by_own: Tensor
    by_below: Tensor


def _explicit_fluxes(
    t: Tensor,
    sthu: Tensor,
    sthf: Tensor,
    surf_ht_flux: Tensor,
    w_flux: Tensor,
    snow_depth: Tensor | SnowCover,
    *,
    sm_sat: Tensor,
    hcon: Tensor,
    dzsoil: Tensor,
    soilhc_method: int,
) -> _Fluxes:
    """Conduction and advection of heat at the start of the step; arguments as in :func:`soil_heat_step`, ``t`` in degC."""
    span = dzsoil[:-1] + dzsoil[1:]
    weight_above, weight_below = dzsoil[1:] / span, dzsoil[:-1] / span
    between = soil_thermal_conductivity(
        hcon[:-1],
        weight_above * sthu[:-1] + weight_below * sthu[1:],
        weight_above * sthf[:-1] + weight_below * sthf[1:],
        sm_sat[:-1],
        method=soilhc_method,
    )
    conductance = between * (2.0 / span)  # W m-2 K-1; nothing is conducted out of the bottom
    if isinstance(snow_depth, SnowCover):
        insulation = cover_insulation(snow_depth, between[0], dzsoil)
    else:
        insulation = snow_insulation(snow_depth, between[0], dzsoil)
    conductance = torch.cat([conductance[:1] * insulation, conductance[1:]])
    # heat advected by water between layers, for each kelvin of difference and metre of layer [W m-3 K-1]
    advected = HCAPW * w_flux[1:-1] / span

    nothing = torch.zeros_like(t[:1])
    difference = t[:-1] - t[1:]
    by_above = torch.cat([nothing, conductance + advected * dzsoil[1:]])
    down = torch.cat([conductance, nothing])
    down_advected = torch.cat([advected * dzsoil[:-1], nothing])
    convergence = by_above * torch.cat([nothing, difference]) - (down - down_advected) * torch.cat(
        [difference, nothing]
    )
    # rain has the temperature of the top layer, yet in JULES its heat depends on the change of that layer's temperature
    rain = torch.cat([HCAPW * w_flux[:1], torch.zeros_like(t[1:])])
    return _Fluxes(
        convergence=convergence + torch.cat([surf_ht_flux.unsqueeze(0), torch.zeros_like(t[1:])]),
        by_above=by_above,
        by_own=-by_above - (down - down_advected) - rain,
        # sign of the advected part as in JULES; the true derivative has a minus. Conservation does not depend on it.
        by_below=down + down_advected,
    )
