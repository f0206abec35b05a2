r"""Photosynthesis and stomatal conductance of leaves: Collatz's limits with Jacobs's closure.

The carbon dioxide inside a leaf follows from the humidity deficit at the leaf, which the leaf's own conductance :math:`g` lowers:

.. math::

    \frac{c_i - \Gamma}{c_a - \Gamma} = f_0\left(1 - \frac{D / D_*}{u}\right), \qquad u = 1 + r_a g.

All terms of a layer with this ratio in the denominator share one division (:func:`limits`), and terms of temperature are calculated once
for a PFT (:func:`leaf_climate`).

References
----------
Collatz et al. (1991), Agric. For. Meteorol. 54, 107-136; Collatz et al. (1992), Aust. J. Plant Physiol. 19, 519-538;
Jacobs (1994), PhD thesis, Wageningen; Cox et al. (1998), J. Hydrol. 212-213, 79-94; Clark et al. (2011), section 2.1;
JULES routines ``sf_stom``, ``leaf_limits`` and ``leaf``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import ZERODEGC
from jules_ml.physics.surface_types import PlantTypes

#: Universal gas constant [J mol-1 K-1], and ratio of the diffusivities of water vapour and carbon dioxide in air.
RMOL, RATIO_H2O_CO2 = 8.314, 1.6
#: Co-limitation of the carboxylation and light limits, and of both with export (``beta1``, ``beta2``).
BETA1, BETA2 = 0.83, 0.93
#: Export limit as a fraction of vcmax in C3 plants, and its constant in C4 plants (``fwe_c3``, ``fwe_c4``).
FWE_C3, FWE_C4 = 0.5, 2.0e4
#: Mass fraction of oxygen in air [1] and molecular weights of oxygen and carbon dioxide relative to air (``o2``, ``epo2``, ``epco2``).
O2, EPO2, EPCO2 = 0.23, 1.106, 1.5194
#: Smallest opening of stomata for which the limits are evaluated; closed stomata are masked.
_OPENING_MIN = 1e-6


class LeafClimate(NamedTuple):
    """Terms of leaves that do not depend on their depth in the canopy, tensors of shape (pft, column).

    ``ccp``: photorespiratory compensation point [Pa], 0 in C4 plants; ``rubisco``: constant of carboxylation [Pa], 0 in C4 plants;
    ``span``: carbon dioxide of the air above ``ccp`` [Pa]; ``dryness``: humidity deficit of the air as a fraction of the deficit at which
    stomata close [1]; ``ra``: aerodynamic resistance [s m-1]; ``f0``: opening in moist air [1]; ``conversion``: conductance per net
    photosynthesis and carbon dioxide gradient [J mol-1]; ``export``, ``export_per_ci``: export limit per vcmax [1, Pa-1].
    """

    ccp: Tensor
    rubisco: Tensor
    span: Tensor
    dryness: Tensor
    ra: Tensor
    f0: Tensor
    conversion: Tensor
    export: Tensor
    export_per_ci: Tensor


class Limits(NamedTuple):
    """Limits of photosynthesis at a leaf's humidity deficit, shape (..., pft, column).

    ``carboxylation`` and ``export``: rates per vcmax [1]; ``light``: rate per quantum yield and absorbed light [1]; ``conductance``:
    conductance to water vapour per net photosynthesis [m3 mol-1]; ``open``: whether stomata are open.
    """

    carboxylation: Tensor
    light: Tensor
    export: Tensor
    conductance: Tensor
    open: Tensor


class Leaf(NamedTuple):
    """Net photosynthesis ``al`` [mol m-2 s-1] and conductance to water vapour ``gl`` [m s-1] of leaves."""

    al: Tensor
    gl: Tensor


def vcmax_temperature_factor(tstar: Tensor, plants: PlantTypes) -> Tensor:
    r"""Effect of temperature on carboxylation capacity.

    .. math::

        \frac{Q_{10}^{0.1(t - 25)}}{[1 + e^{0.3(t - t_{upp})}][1 + e^{0.3(t_{low} - t)}]}

    with one exponential for both brackets.

    Parameters
    ----------
    tstar : Tensor, shape (pft, column)
        Temperature of leaves [K].
    plants : PlantTypes
        Parameters of the PFTs.

    Returns
    -------
    Tensor, shape (pft, column)
        Factor [1].

    References
    ----------
    Clark et al. (2011), eqs 4 and 5.
    """
    celsius = tstar - ZERODEGC
    hot = torch.exp(0.3 * (celsius - plants.tupp))
    cold_per_hot = torch.exp(0.3 * (plants.tlow - plants.tupp))
    q10 = torch.exp(0.1 * torch.log(plants.q10_leaf) * (celsius - 25.0))
    return q10 * hot / ((1.0 + hot) * (hot + cold_per_hot))


def leaf_climate(tstar: Tensor, dq: Tensor, ra: Tensor, pstar: Tensor, co2: Tensor, plants: PlantTypes) -> LeafClimate:
    """Terms of photosynthesis that do not depend on the depth of leaves in the canopy.

    Parameters
    ----------
    tstar, dq, ra : Tensor, shape (pft, column)
        Temperature of leaves [K], humidity deficit of the air, at least 0 [kg kg-1], and aerodynamic resistance [s m-1].
    pstar, co2 : Tensor, shape (column,)
        Surface pressure [Pa] and mass mixing ratio of carbon dioxide [kg kg-1].
    plants : PlantTypes
        Parameters of the PFTs.

    Returns
    -------
    LeafClimate

    References
    ----------
    Clark et al. (2011), eqs 6-9; Cox (2001), Hadley Centre Technical Note 24, eqs 54 and 55.
    """
    tenth = 0.1 * (tstar - (ZERODEGC + 25.0))
    oxygen = (O2 / EPO2) * pstar
    ccp = plants.c3 * oxygen * (0.5 / 2600.0) * torch.exp(-math.log(0.57) * tenth)
    kc_at_no_oxygen = torch.exp(math.log(2.1) * tenth)
    kc_per_ko = torch.exp(math.log(2.1 / 1.2) * tenth)
    rubisco = plants.c3 * (30.0 * kc_at_no_oxygen + (30.0 / 3.0e4) * oxygen * kc_per_ko)
    # the compensation point exceeds the carbon dioxide of the air only beyond 60 degC, where carboxylation has ceased
    span = ((1.0 / EPCO2) * co2 * pstar - ccp).clamp(min=1e-3)
    return LeafClimate(
        ccp=ccp,
        rubisco=rubisco,
        span=span,
        dryness=dq / plants.dqcrit,
        ra=ra,
        f0=plants.f0 + torch.zeros_like(dq),
        conversion=(RATIO_H2O_CO2 * RMOL) * tstar,
        export=FWE_C3 * plants.c3 + torch.zeros_like(dq),
        export_per_ci=(FWE_C4 / pstar) * (1.0 - plants.c3),
    )


def limits(gl: Tensor, climate: LeafClimate, lit: Tensor) -> Limits:
    """Limits of photosynthesis of leaves, given their conductance in the previous iteration.

    Parameters
    ----------
    gl : Tensor, shape (..., pft, column)
        Conductance to water vapour [m s-1].
    climate : LeafClimate
        Terms that do not depend on depth.
    lit : Tensor of bool, shape (pft, column)
        Whether there is light and soil moisture.

    Returns
    -------
    Limits

    References
    ----------
    Clark et al. (2011), eqs 1-3 and 14; JULES routine ``leaf_limits``.
    """
    u = 1.0 + climate.ra * gl
    opening = u - climate.dryness
    # each of these is multiplied by u
    inside = climate.span * climate.f0 * opening.clamp(min=_OPENING_MIN)
    carboxylation = inside + (climate.ccp + climate.rubisco) * u
    light = inside + 3.0 * climate.ccp * u
    gradient = climate.span * u - inside
    # one division for all
    first, second = carboxylation * light, gradient * u
    inverse = 1.0 / (first * second)
    first, second = first * inverse, second * inverse
    ci = climate.ccp + inside * gradient * first
    return Limits(
        carboxylation=inside * light * second,
        light=inside * carboxylation * second,
        export=climate.export + climate.export_per_ci * ci,
        conductance=climate.conversion * u * u * first,
        open=lit & (opening > 0.0),
    )


def leaf(limit: Limits, vcmax: Tensor, quanta: Tensor, rd: Tensor, fsmc: Tensor, glmin: Tensor) -> Leaf:
    """Net photosynthesis and conductance of leaves.

    Stomata close to ``glmin`` where net photosynthesis is not positive.

    Parameters
    ----------
    limit : Limits
        Limits at the humidity deficit of the leaf.
    vcmax, quanta, rd : Tensor, shape (..., pft, column)
        Carboxylation capacity, quantum yield times absorbed light, and dark respiration [mol m-2 s-1].
    fsmc, glmin : Tensor, shape (pft, column) or (pft, 1)
        Soil moisture stress [1] and conductance of closed stomata [m s-1].

    Returns
    -------
    Leaf

    References
    ----------
    Clark et al. (2011), eqs 10-13; JULES routine ``leaf``.
    """
    rate = _smooth_minimum(limit.carboxylation * vcmax, limit.light * quanta, BETA1)
    rate = _smooth_minimum(rate, limit.export * vcmax, BETA2)
    net = (rate - rd) * fsmc
    gl = net * limit.conductance
    working = limit.open & (gl > glmin)
    return Leaf(al=torch.where(working, net, -rd * fsmc), gl=torch.where(working, gl, glmin))


def _smooth_minimum(x: Tensor, y: Tensor, beta: float) -> Tensor:
    r"""Smaller root of :math:`\beta w^2 - (x+y) w + x y = 0`."""
    total = x + y
    # the discriminant is 0 only where both limits vanish; the floor keeps the gradient of the root finite there
    discriminant = (total * total - (4.0 * beta) * x * y).clamp(min=1e-36)
    return (total - torch.sqrt(discriminant)) * (0.5 / beta)
