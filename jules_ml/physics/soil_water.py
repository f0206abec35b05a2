r"""JULES's layered Richards step: implicit Darcy fluxes between layers, free drainage at the bottom.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 5.1 (eqs 57-64).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import VG_STHU_MAX, VG_STHU_MIN, HydraulicForm
from jules_ml.physics.increments import accumulated
from jules_ml.physics.tridiagonal import solve_bounded

#: Forward weight of the implicit step (JULES's ``gamma_w``): fully implicit.
GAMMA_W = 1.0
#: Bound of a solution that is not bounded [1].
_UNBOUNDED = 1e30


class DeepStore(NamedTuple):
    """Water below the soil layers with TOPMODEL, and the base flow out of them and out of the layers.

    ``smclzw`` [kg m-2] water, ``smclsatzw`` [kg m-2] water at saturation, shape (...); ``qbase_l`` [kg m-2 s-1], shape (layer + 1, ...).
    """

    smclzw: Tensor
    smclsatzw: Tensor
    qbase_l: Tensor


class SoilWaterStep(NamedTuple):
    """Result of a Richards step.

    ``smcl`` [kg m-2], shape (layer, ...), at the end of the step; ``w_flux`` [kg m-2 s-1], shape (layer + 1, ...), downward, through the
    top of each layer and out of the bottom one; ``saturation_excess`` [kg m-2 s-1], shape (...), water beyond the room in the soil.
    """

    smcl: Tensor
    w_flux: Tensor
    saturation_excess: Tensor


def richards_step(
    smcl: Tensor,
    sthf: Tensor,
    infiltration: Tensor,
    ext: Tensor,
    *,
    b: Tensor,
    sathh: Tensor,
    satcon: Tensor,
    sm_sat: Tensor,
    dzsoil: Tensor,
    timestep: float,
    form: HydraulicForm,
    l_soil_sat_down: bool = True,
    l_holdwater: bool = False,
    l_dpsids_dsdz: bool = False,
    deep: DeepStore | None = None,
) -> SoilWaterStep:
    r"""Move water between the soil layers for one time step.

    .. math::

        W_n = K(S_k)\left(\frac{2(\psi_{n+1}-\psi_n)}{\Delta z_n + \Delta z_{n+1}} + 1\right), \qquad
        \rho\,\Delta z_n\,\theta_{sat}\,\frac{\mathrm{d}S_n}{\mathrm{d}t} = W_{n-1} - W_n - E_n

    with :math:`S_k` between the layers, and the fluxes linearised about the start of the step. Ice does not move, and takes up room.

    Parameters
    ----------
    smcl : Tensor, shape (layer, ...)
        Water in each layer, liquid and ice [kg m-2]. Layers come first, so that columns are contiguous in memory.
    sthf : Tensor, shape (layer, ...)
        Ice as a fraction of saturation [1].
    infiltration : Tensor, shape (...)
        Water that reaches the soil [kg m-2 s-1].
    ext : Tensor, shape (layer, ...)
        Extraction by roots and bare-soil evaporation [kg m-2 s-1].
    b, sathh, satcon, sm_sat : Tensor, shape (layer, ...) or broadcastable to it
        Hydraulic parameters of each layer: [1], [m], [kg m-2 s-1], [m3 m-3].
    dzsoil : Tensor, shape (layer, 1) or (layer,) with one point
        Layer thicknesses [m].
    timestep : float
        Length of the step [s].
    form : HydraulicForm
        Van Genuchten or Clapp-Hornberger.
    l_soil_sat_down : bool
        JULES's switch: water in excess of saturation moves down (true) or up (false).
    l_holdwater : bool
        JULES's switch: the solution is not bounded, and water that a layer has no room for, or lacks, passes to the next one.
    l_dpsids_dsdz : bool
        JULES's switch: the gradient of suction follows from that of wetness, by the slope of the curve between the layers. In the
        Clapp-Hornberger form it changes the derivative of the flux alone, as in JULES.
    deep : DeepStore, optional
        Store below the layers with TOPMODEL (``l_top``), which takes drainage only as long as it has room.

    Returns
    -------
    SoilWaterStep

    References
    ----------
    Best et al. (2011), section 5.1; JULES routine ``soil_hyd``.
    """
    smclsat = RHO_WATER * dzsoil * sm_sat
    inverse_smclsat = torch.reciprocal(smclsat)
    total = smcl * inverse_smclsat
    sthu = (total - sthf).clamp(min=0.0)
    flux, by_above, by_below = _darcy_fluxes(
        sthu, b=b, sathh=sathh, satcon=satcon, dzsoil=dzsoil, form=form, l_dpsids_dsdz=l_dpsids_dsdz
    )
    if deep is not None:
        flux = torch.cat([flux[:-1], (flux[-1] - _beyond_room(flux[-1], deep, timestep)).unsqueeze(0)])
        ext = ext + deep.qbase_l[:-1]
    explicit, w = _saturate(
        smcl,
        smclsat,
        infiltration,
        flux,
        ext,
        timestep=timestep,
        downward=l_soil_sat_down,
        empties=deep is not None,
    )
    gamcon = (GAMMA_W * timestep) * inverse_smclsat
    nothing = torch.zeros_like(smcl[:1])
    dsthu = solve_bounded(
        torch.cat([nothing, -gamcon[1:] * by_above[:-1]]),
        1.0 + gamcon * (by_above - torch.cat([nothing, by_below])),
        torch.cat([gamcon[:-1] * by_below, nothing]),
        explicit * inverse_smclsat,
        lower=torch.full_like(sthu, -_UNBOUNDED) if l_holdwater else -sthu,
        upper=torch.full_like(sthu, _UNBOUNDED) if l_holdwater else 1.0 - total,
    )
    increment = list((dsthu * smclsat).unbind(0))
    if l_holdwater:
        increment = _pass_on(increment, smcl, smclsat, downward=l_soil_sat_down)
    w = _balancing_fluxes(w, increment, ext, timestep=timestep, downward=l_soil_sat_down or not l_holdwater)
    new = accumulated(smcl, torch.stack(increment))
    if deep is not None:
        new, w = _back_up(new, smclsat, w, deep, timestep)
    return SoilWaterStep(smcl=new, w_flux=torch.stack(w), saturation_excess=infiltration - w[0])


def _balancing_fluxes(
    w: list[Tensor], increment: list[Tensor], ext: Tensor, *, timestep: float, downward: bool
) -> list[Tensor]:
    """Fluxes that balance the increments, from the flux into the top layer or from that out of the bottom one."""
    loss = [taken + gained * (1.0 / timestep) for taken, gained in zip(ext.unbind(0), increment, strict=True)]
    if downward:
        fluxes = [w[0]]
        for each in loss:
            fluxes.append(fluxes[-1] - each)
        return fluxes
    fluxes = [w[-1]]
    for each in reversed(loss):
        fluxes.insert(0, fluxes[0] + each)
    return fluxes


def _pass_on(increment: list[Tensor], smcl: Tensor, smclsat: Tensor, *, downward: bool) -> list[Tensor]:
    """Pass what a layer has no room for, or lacks, to the next layer [kg m-2]; at the end it is left to the fluxes."""
    order = range(len(increment)) if downward else range(len(increment) - 1, -1, -1)
    passed = torch.zeros_like(increment[0])
    bounded = list(increment)
    for n in order:
        wanted = increment[n] + passed
        bounded[n] = torch.maximum(torch.minimum(wanted, smclsat[n] - smcl[n]), -smcl[n])
        passed = wanted - bounded[n]
    return bounded


def _darcy_fluxes(
    sthu: Tensor,
    *,
    b: Tensor,
    sathh: Tensor,
    satcon: Tensor,
    dzsoil: Tensor,
    form: HydraulicForm,
    l_dpsids_dsdz: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fluxes through the bottom of each layer, and their derivatives by the wetness above and below it, without the last one's below."""
    suction = form.suction(sthu, b, sathh)

    span = dzsoil[:-1] + dzsoil[1:]
    weight_above, weight_below = dzsoil[1:] / span, dzsoil[:-1] / span
    b_between = weight_above * b[:-1] + weight_below * b[1:] if form.l_vg_soil else b[:-1]
    sthu_between = weight_above * sthu[:-1] + weight_below * sthu[1:]
    between = form.conductivity(sthu_between, b_between, satcon[:-1])
    gradient = (2.0 / span) * (suction.psi[1:] - suction.psi[:-1]) + 1.0
    bottom = form.conductivity(sthu[-1:], b[-1:], satcon[-1:])
    if l_dpsids_dsdz:
        sathh_between = weight_above * sathh[:-1] + weight_below * sathh[1:]
        slope = form.slope_between(sthu_between, b_between, sathh_between)
        of_slope = slope * _difference(sthu, form) * (2.0 / span) + 1.0
        flux = torch.cat([between.k * (of_slope if form.l_vg_soil else gradient), bottom.k])
        gradient = of_slope
    else:
        flux = torch.cat([between.k * gradient, bottom.k])
    # derivatives of the flux through each layer's bottom by the wetness above and below that interface
    by_above = torch.cat(
        [between.dk * weight_above * gradient - (2.0 / span) * between.k * suction.dpsi[:-1], bottom.dk]
    )
    by_below = between.dk * weight_below * gradient + (2.0 / span) * between.k * suction.dpsi[1:]
    return flux, by_above, by_below


def _difference(sthu: Tensor, form: HydraulicForm) -> Tensor:
    """Difference of wetness across each interface [1], within the range of van Genuchten's curves."""
    s = sthu.clamp(VG_STHU_MIN, VG_STHU_MAX) if form.l_vg_soil else sthu
    return s[1:] - s[:-1]


def _beyond_room(drainage: Tensor, deep: DeepStore, timestep: float) -> Tensor:
    """Drainage for which the store below the layers has no room [kg m-2 s-1]."""
    room = (deep.smclsatzw - deep.smclzw) * (1.0 / timestep)
    return (drainage - deep.qbase_l[-1] - room).clamp(min=0.0)


def _back_up(
    smcl: Tensor, smclsat: Tensor, w_flux: list[Tensor], deep: DeepStore, timestep: float
) -> tuple[Tensor, list[Tensor]]:
    """Return water that the store below has no room for to the bottom layer, and what exceeds saturation to the layer above."""
    rejected = _beyond_room(w_flux[-1], deep, timestep)
    w = list(w_flux)
    w[-1] = w[-1] - rejected
    layers = list(smcl.unbind(0))
    layers[-1] = layers[-1] + rejected * timestep
    for n in range(len(layers) - 1, -1, -1):
        excess = (layers[n] - smclsat[n]).clamp(min=0.0)
        layers[n] = layers[n] - excess
        w[n] = w[n] - excess * (1.0 / timestep)
        if n > 0:
            layers[n - 1] = layers[n - 1] + excess
    return torch.stack(layers), w


def _saturate(
    smcl: Tensor,
    smclsat: Tensor,
    infiltration: Tensor,
    flux: Tensor,
    ext: Tensor,
    *,
    timestep: float,
    downward: bool,
    empties: bool,
) -> tuple[Tensor, list[Tensor]]:
    """Explicit increments [kg m-2] up to saturation, and the fluxes [kg m-2 s-1] that balance them.

    With ``empties``, layers do not lose more than they hold either, as in JULES with TOPMODEL.
    """
    room = smclsat - smcl
    w = [infiltration, *flux.unbind(0)]
    order = range(len(w) - 1) if downward else range(len(w) - 2, -1, -1)
    explicit = [infiltration] * (len(w) - 1)
    for n in order:
        potential = (w[n] - w[n + 1] - ext[n]) * timestep
        explicit[n] = torch.minimum(potential, room[n])
        if empties and (downward or n > 0):
            explicit[n] = torch.maximum(explicit[n], -smcl[n])
        excess = (potential - explicit[n]) * (1.0 / timestep)
        if downward:
            w[n + 1] = w[n + 1] + excess
        else:
            w[n] = w[n] - excess
    return torch.stack(explicit), w
