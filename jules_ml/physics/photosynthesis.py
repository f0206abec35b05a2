r"""Leaf photosynthesis and stomatal conductance, and their sum over a canopy.

JULES's Collatz scheme (C3 and C4) with Jacobs's closure for the carbon dioxide inside the leaf. The canopy is sampled at three depths
(Gauss quadrature, Goudriaan 1986) instead of JULES's ten layers; nitrogen declines with depth as in JULES.

References
----------
Collatz et al. (1991), Agric. For. Meteorol. 54, 107-136; Collatz et al. (1992), Aust. J. Plant Physiol. 19, 519-538;
Jacobs (1994), PhD thesis, Wageningen; Clark et al. (2011), Geosci. Model Dev. 4, 701-722, section 2;
Goudriaan (1986), Agric. For. Meteorol. 38, 249-255.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import ZERODEGC

#: Universal gas constant [J mol-1 K-1].
RMOL = 8.314
#: Ratio of the diffusivities of water vapour and carbon dioxide in air.
RATIO_H2O_CO2 = 1.6
#: Co-limitation of the carboxylation and light limits, and of both with export (JULES's ``beta1``, ``beta2``).
BETA1, BETA2 = 0.83, 0.93
#: Export limit as a fraction of vcmax in C3 plants, and its constant in C4 plants (``fwe_c3``, ``fwe_c4``).
FWE_C3, FWE_C4 = 0.5, 2.0e4
#: Energy of photosynthetically active radiation [J mol-1] (``conpar``).
CONPAR = 2.19e5
#: Mole fraction of oxygen in air.
O2_MOLE_FRACTION = 0.208
#: Carbon in a mole of carbon dioxide [kg mol-1].
KG_CARBON_PER_MOL = 12.0e-3
#: Abscissae and weights of three-point Gauss quadrature on 0 to 1.
_GAUSS3 = ((0.5 - math.sqrt(0.15), 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.5 + math.sqrt(0.15), 5.0 / 18.0))


class Canopy(NamedTuple):
    """Canopy conductance to water vapour ``gc`` [m s-1] and gross primary productivity ``gpp`` [kg C m-2 s-1]."""

    gc: Tensor
    gpp: Tensor


class LeafParameters(NamedTuple):
    """JULES's photosynthesis parameters of each surface tile, tensors of shape (tile, ...) under their namelist names.

    ``vcmax25`` [mol m-2 s-1] is ``neff * nl0``; ``c3`` 1 or 0; ``alpha`` [mol mol-1]; ``omega`` [1]; ``f0`` [1]; ``dqcrit`` [kg kg-1];
    ``fd`` [1]; ``kpar`` [1]; ``kn`` [1]; ``tlow``, ``tupp`` [degC]; ``q10_leaf`` [1]; ``glmin`` [m s-1].
    """

    vcmax25: Tensor
    c3: Tensor
    alpha: Tensor
    omega: Tensor
    f0: Tensor
    dqcrit: Tensor
    fd: Tensor
    kpar: Tensor
    kn: Tensor
    tlow: Tensor
    tupp: Tensor
    q10_leaf: Tensor
    glmin: Tensor


def canopy_conductance(
    t_leaf: Tensor,
    par: Tensor,
    dq_leaf: Tensor,
    pstar: Tensor,
    co2: Tensor | float,
    fsmc: Tensor,
    lai: Tensor,
    leaf: LeafParameters,
) -> Canopy:
    r"""Conductance and gross primary productivity of a canopy.

    At each depth the gross rate is the smoothed minimum of the carboxylation, light and export limits. The net rate, reduced by soil
    moisture stress, sets the conductance through the carbon dioxide inside the leaf,

    .. math::

        \frac{c_i - \Gamma}{c_a - \Gamma} = f_0\left(1 - \frac{D}{D_*}\right), \qquad g_l = \frac{1.6\,R\,T\,A_l}{c_a - c_i}.

    Parameters
    ----------
    t_leaf : Tensor, shape (tile, ...)
        Temperature of the canopy [K].
    par : Tensor, broadcastable
        Photosynthetically active radiation above the canopy [W m-2].
    dq_leaf : Tensor, shape (tile, ...)
        Humidity deficit at the leaf [kg kg-1].
    pstar : Tensor, broadcastable
        Surface pressure [Pa].
    co2 : Tensor or float
        Mole fraction of carbon dioxide [1].
    fsmc : Tensor, shape (tile, ...)
        Soil moisture stress, 0 (no transpiration) to 1 (no stress).
    lai : Tensor, shape (tile, ...)
        Leaf area index [1]; 0 on tiles without vegetation, whose conductance and productivity are 0.
    leaf : LeafParameters
        Shape (tile, ...) each.

    Returns
    -------
    Canopy

    References
    ----------
    Clark et al. (2011), eqs 1-15.
    """
    celsius = t_leaf - ZERODEGC
    tenth = 0.1 * (celsius - 25.0)
    damping = (1.0 + torch.exp(0.3 * (celsius - leaf.tupp))) * (1.0 + torch.exp(0.3 * (leaf.tlow - celsius)))
    vcmax_top = leaf.vcmax25 * torch.exp(tenth * torch.log(leaf.q10_leaf)) / damping
    kc = 30.0 * torch.exp(tenth * math.log(2.1))
    ko = 3.0e4 * torch.exp(tenth * math.log(1.2))
    tau = 2600.0 * torch.exp(tenth * math.log(0.57))
    oxygen = O2_MOLE_FRACTION * pstar
    ccp = torch.where(leaf.c3 > 0.5, 0.5 * oxygen / tau, 0.0)

    ca = co2 * pstar
    openness = (leaf.f0 * (1.0 - dq_leaf / leaf.dqcrit)).clamp(min=0.0)
    ci = ccp + (ca - ccp) * openness
    carboxylation = torch.where(leaf.c3 > 0.5, (ci - ccp) / (ci + kc * (1.0 + oxygen / ko)), 1.0)
    # without compensation point and openness both vanish in C4 plants, which do not use the ratio; the clamp keeps its gradient finite
    quantum = leaf.alpha * torch.where(leaf.c3 > 0.5, (ci - ccp) / (ci + 2.0 * ccp).clamp(min=1e-20), 1.0)
    export = torch.where(leaf.c3 > 0.5, FWE_C3, FWE_C4 * ci / pstar)
    per_rate = RATIO_H2O_CO2 * RMOL * t_leaf / (ca - ci)

    light = (1.0 - leaf.omega) * leaf.kpar * par * (1.0 / CONPAR)
    gc = torch.zeros_like(vcmax_top)
    gross = torch.zeros_like(vcmax_top)
    for depth, weight in _GAUSS3:
        vcmax = vcmax_top * torch.exp(-leaf.kn * depth)
        absorbed = light * torch.exp(-leaf.kpar * lai * depth)
        rate = _smooth_minimum(carboxylation * vcmax, quantum * absorbed, BETA1)
        rate = _smooth_minimum(rate, export * vcmax, BETA2)
        net = (rate - leaf.fd * vcmax) * fsmc
        working = (net > 0.0) & (openness > 0.0)
        gc = gc + weight * torch.where(working, torch.maximum(net * per_rate, leaf.glmin), leaf.glmin)
        gross = gross + weight * torch.where(working, rate * fsmc, 0.0)
    return Canopy(gc=gc * lai, gpp=KG_CARBON_PER_MOL * gross * lai)


def _smooth_minimum(x: Tensor, y: Tensor, beta: float) -> Tensor:
    r"""Smaller root of :math:`\beta w^2 - (x+y) w + x y = 0`."""
    total = x + y
    # the discriminant is 0 only where both limits vanish; the clamp keeps the gradient of the root finite there
    discriminant = (total * total - 4.0 * beta * x * y).clamp(min=1e-30)
    return (total - torch.sqrt(discriminant)) * (0.5 / beta)
