r"""TOPMODEL as in JULES (``l_top``): water table, base flow and saturated fraction of a grid box.

Below the soil layers lies one more store of water, down to ``zw_max``. Groundwater leaves the layers below the water table, and the store,
as base flow, which decreases exponentially with depth there. Where the topographic index of the grid box is above a critical value that
follows from the base flow, the ground is saturated, and all water that would infiltrate runs off.

References
----------
Gedney and Cox (2003), J. Hydrometeorol. 4, 1265-1275; Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 3.3; Clark and Gedney
(2008), J. Geophys. Res. 113, D10111.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import HydraulicForm
from jules_ml.physics.layerwise import over_layers, sum_over_layers

#: Iterations for the depth of the water table in a step (``niter``).
N_ITER = 3
#: Relative precision of JULES's numbers, with which it decides that there is no base flow.
EPSILON_32 = 2.0**-23
#: Iterations after which the water table of an initial state no longer changes.
_UNTIL_EQUILIBRIUM = 200
#: Exponent below which a difference of powers is evaluated by its series.
_SMALL = 1e-2


class Topmodel(NamedTuple):
    """Properties of a grid box for TOPMODEL, tensors of shape (column,) or (1,), and a switch.

    ``fexp`` [m-1] decrease of conductivity below the soil; ``ti_mean`` [1] mean topographic index; ``a_fsat``, ``c_fsat`` [1] parameters of
    the saturated fraction; ``zw_max`` [m] maximum depth of the water table; ``ti_max`` [1] maximum critical topographic index;
    ``l_wetland_unfrozen``, JULES's switch: whether the saturated fraction is that of unfrozen ground.
    """

    fexp: Tensor
    ti_mean: Tensor
    a_fsat: Tensor
    c_fsat: Tensor
    zw_max: Tensor
    ti_max: Tensor
    l_wetland_unfrozen: bool = False


class TopmodelState(NamedTuple):
    """State of TOPMODEL between steps, tensors of shape (column,).

    ``sthzw`` [1] water below the soil layers as a fraction of saturation; ``zw`` [m] depth of the water table; ``fsat`` [1] saturated
    fraction of the grid box, which the next step needs.
    """

    sthzw: Tensor
    zw: Tensor
    fsat: Tensor


class BaseFlow(NamedTuple):
    """Base flow and critical topographic index.

    ``qbase_l`` [kg m-2 s-1] flow out of each layer and out of the store below, shape (layer + 1, ...); ``top_crit`` [1] index above which
    the ground is saturated, relative to its mean, shape (...).
    """

    qbase_l: Tensor
    top_crit: Tensor


def base_flow(
    zw: Tensor, sthf: Tensor, topmodel: Topmodel, *, b: Tensor, satcon: Tensor, dzsoil: Tensor, form: HydraulicForm
) -> BaseFlow:
    r"""Lateral flow of groundwater out of the layers below the water table.

    .. math::

        q_n = K_n e^{-\bar\Lambda} (z_n - \max(z_{n-1}, z_w)), \qquad
        q_{N+1} = \frac{K_N}{f} e^{-\bar\Lambda} \left(e^{-f (\max(z_w, z_N) - z_N)} - e^{-f (z_{max} - z_N)}\right)

    with :math:`K_n` the conductivity of a layer whose pores hold ice and are saturated otherwise. The critical index is
    :math:`\ln(q_{max}/q)`, with :math:`q_{max}` the flow with the water table at the surface.

    Parameters
    ----------
    zw : Tensor, shape (...)
        Depth of the water table [m].
    sthf : Tensor, shape (layer, ...)
        Ice as a fraction of saturation [1].
    topmodel : Topmodel
        Properties of the grid box.
    b, satcon : Tensor, shape (layer, ...) or broadcastable to it
        Hydraulic parameters [1], [kg m-2 s-1].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    form : HydraulicForm
        Van Genuchten or Clapp-Hornberger, with ``l_baseflow_corr``.

    Returns
    -------
    BaseFlow

    References
    ----------
    Gedney and Cox (2003); JULES routine ``calc_baseflow_jules``.
    """
    zdepth = dzsoil.cumsum(0)
    bottom = zdepth[-1]
    reduction = _saturated_with_ice(sthf, b, form) * torch.exp(-topmodel.ti_mean)
    # the top layer's own conductivity counts at the surface, where JULES has one more level
    above = torch.cat([satcon[:1], satcon[:-1]])
    within = 0.5 * (above + satcon) * reduction
    below = satcon[-1] / topmodel.fexp * reduction[-1]
    least = below * torch.exp(-topmodel.fexp * (topmodel.zw_max - bottom))
    flow = within * torch.minimum((zdepth - zw).clamp(min=0.0), dzsoil)
    deep = below * torch.exp(-topmodel.fexp * (zw - bottom).clamp(min=0.0)) - least
    qbase_l = torch.cat([flow, deep.clamp(min=0.0).unsqueeze(0)])
    qbase_max = sum_over_layers(within * dzsoil) + (below - least)
    qbase = torch.minimum(sum_over_layers(qbase_l), qbase_max)
    flows = (qbase_max > EPSILON_32) & (qbase > qbase_max * EPSILON_32)
    ratio = torch.where(flows, qbase_max, 1.0) / torch.where(flows, qbase, 1.0)
    return BaseFlow(qbase_l, torch.where(flows, torch.log(ratio), topmodel.ti_max))


def _saturated_with_ice(sthf: Tensor, b: Tensor, form: HydraulicForm) -> Tensor:
    """Conductivity of soil whose pores hold ice and liquid water only, as a fraction of that at saturation [1]."""
    open_pores = 1.0 - sthf.clamp(0.0, 1.0)
    # the logarithm of the unused branch stays finite
    open_pores = torch.where(open_pores > 0.0, open_pores, 1.0)
    if form.l_vg_soil:
        closed = 1.0 - torch.exp((b + 1.0) * torch.log(open_pores))
        smallest = torch.finfo(sthf.dtype).tiny
        root = torch.exp(torch.log(torch.where(closed > smallest, closed, 1.0)) / (b + 1.0))
        conducting = 1.0 - torch.where(closed > smallest, root, 0.0)
        fraction = torch.sqrt(open_pores) * conducting * conducting
    else:
        fraction = torch.exp((2.0 * b + 3.0) * torch.log(open_pores))
    return torch.where(sthf < 1.0, fraction, 0.0)


def saturated_fraction(top_crit: Tensor, topmodel: Topmodel) -> Tensor:
    r"""Fraction of the grid box with the water table at the surface.

    .. math:: f_{sat} = a\, e^{-c\,\Lambda_c}

    Parameters
    ----------
    top_crit : Tensor, shape (...)
        Critical topographic index above its mean [1].
    topmodel : Topmodel
        Properties of the grid box.

    Returns
    -------
    Tensor, shape (...)
        [1]; 0 at and above ``ti_max``.

    References
    ----------
    Best et al. (2011), section 3.3; Clark and Gedney (2008); JULES name ``fsat``.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> properties = Topmodel(one, 6.0 * one, 0.4 * one, 0.5 * one, 6.0 * one, 10.0 * one)
    >>> [round(float(saturated_fraction(x * one, properties)), 3) for x in (0.0, 2.0, 10.0)]
    [0.4, 0.147, 0.0]
    """
    return torch.where(
        top_crit < topmodel.ti_max, topmodel.a_fsat * torch.exp(-topmodel.c_fsat * top_crit), torch.zeros_like(top_crit)
    )


def water_table(
    zw: Tensor,
    smcl: Tensor,
    smclzw: Tensor,
    topmodel: Topmodel,
    *,
    b: Tensor,
    sathh: Tensor,
    sm_sat: Tensor,
    dzsoil: Tensor,
    iterations: int = N_ITER,
) -> Tensor:
    r"""Depth of the water table at which the water above it, in equilibrium with it, leaves the pores that are empty.

    .. math:: z_w \theta_{sat} - \theta_{sat} \frac{b}{b-1} \psi_s \left[\left(1 + \frac{z_w}{\psi_s}\right)^{1-1/b} - 1\right] = D

    with :math:`D` [m] the water that the soil and the store below lack, and parameters of the layer that holds the water table. JULES takes
    three steps from the depth before. The derivative in them has the opposite sign in its second term, so that they converge slowly; this
    is part of the model.

    Parameters
    ----------
    zw : Tensor, shape (...)
        Depth before [m].
    smcl : Tensor, shape (layer, ...)
        Water in each layer, liquid and ice [kg m-2].
    smclzw : Tensor, shape (...)
        Water in the store below the layers [kg m-2].
    topmodel : Topmodel
        Properties of the grid box.
    b, sathh, sm_sat : Tensor, shape (layer, ...) or broadcastable to it
        Hydraulic parameters [1], [m], [m3 m-3].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    iterations : int
        Number of steps; JULES takes three.

    Returns
    -------
    Tensor, shape (...)
        [m], between 0 and ``zw_max``.

    References
    ----------
    Gedney and Cox (2003); JULES routine ``calc_zw``.
    """
    zdepth = dzsoil.cumsum(0)
    pores = sm_sat * dzsoil
    deep_pores = sm_sat[-1] * (topmodel.zw_max - zdepth[-1])
    deficit = sum_over_layers(pores - smcl / RHO_WATER) + (deep_pores - smclzw / RHO_WATER)
    zero = torch.zeros_like(deficit)
    depth = torch.minimum(torch.maximum(zw, zero), topmodel.zw_max)
    for _ in range(iterations):
        v, exponent, head = (_at_depth(x, depth, zdepth) for x in (sm_sat, b, sathh))
        log_ratio = torch.log1p(depth / head)
        unsaturated = depth * v - v * head * _power_difference(1.0 - 1.0 / exponent, log_ratio)
        slope = v + v * torch.exp(-log_ratio / exponent)
        depth = torch.minimum(torch.maximum(depth - (unsaturated - deficit) / slope, zero), topmodel.zw_max)
    return depth


def _at_depth(x: Tensor, depth: Tensor, zdepth: Tensor) -> Tensor:
    """Property of the layer that holds a depth, the last one's below the layers."""
    layers = x.unbind(0)
    found = layers[-1]
    for n in range(len(layers) - 2, -1, -1):
        found = torch.where(depth <= zdepth[n], layers[n], found)
    return found


def _power_difference(exponent: Tensor, log_ratio: Tensor) -> Tensor:
    """``(ratio ** exponent - 1) / exponent``, with its limit at 0, where van Genuchten's n is 2."""
    y = exponent * log_ratio
    near = y.abs() < _SMALL
    series = log_ratio * (1.0 + y * (0.5 + y * (1.0 / 6.0 + y * (1.0 / 24.0))))
    return torch.where(near, series, (torch.exp(y) - 1.0) / torch.where(near, 1.0, exponent))


def initial_water_table(
    smcl: Tensor,
    sthf: Tensor,
    topmodel: Topmodel,
    *,
    sthzw: Tensor,
    zw: Tensor | None = None,
    b: Tensor,
    sathh: Tensor,
    satcon: Tensor,
    sm_sat: Tensor,
    dzsoil: Tensor,
    form: HydraulicForm,
) -> TopmodelState:
    """State of TOPMODEL at the start of a run.

    Parameters
    ----------
    smcl, sthf : Tensor, shape (layer, ...)
        Water [kg m-2], and ice as a fraction of saturation [1].
    topmodel : Topmodel
        Properties of the grid box.
    sthzw : Tensor, shape (...)
        Water below the layers as a fraction of saturation [1].
    zw : Tensor, shape (...), optional
        Depth of the water table [m]; default: in equilibrium with the water.
    b, sathh, satcon, sm_sat, dzsoil, form
        As for :func:`base_flow` and :func:`water_table`.

    Returns
    -------
    TopmodelState
        Its ``fsat`` is that of the fit; in JULES that of the first step is from the distribution itself.
    """
    if zw is None:
        smclzw = sthzw * deep_saturation(topmodel, sm_sat=sm_sat, dzsoil=dzsoil)
        zw = water_table(
            0.5 * topmodel.zw_max,
            smcl,
            smclzw,
            topmodel,
            b=b,
            sathh=sathh,
            sm_sat=sm_sat,
            dzsoil=dzsoil,
            iterations=_UNTIL_EQUILIBRIUM,
        )
    flow = base_flow(zw, sthf, topmodel, b=b, satcon=satcon, dzsoil=dzsoil, form=form)
    fsat = saturated_fraction(flow.top_crit, topmodel)
    return TopmodelState(sthzw + 0.0 * fsat, zw + 0.0 * fsat, fsat)


def deep_saturation(topmodel: Topmodel, *, sm_sat: Tensor, dzsoil: Tensor) -> Tensor:
    """Water that the store below the layers holds at saturation.

    Parameters
    ----------
    topmodel : Topmodel
        Properties of the grid box.
    sm_sat : Tensor, shape (layer, ...)
        Water content at saturation [m3 m-3].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    Tensor, shape (...)
        [kg m-2]; JULES name ``smclsatzw``.
    """
    return RHO_WATER * sm_sat[-1] * (topmodel.zw_max - over_layers(torch.add, dzsoil))
