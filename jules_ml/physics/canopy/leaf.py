r"""Photosynthesis and stomatal conductance of leaves: Collatz's limits with Jacobs's closure.

The carbon dioxide inside a leaf follows from the humidity deficit at the leaf, which the leaf's own conductance :math:`g` lowers:

.. math::

    \frac{c_i - \Gamma}{c_a - \Gamma} = f_0\left(1 - \frac{D / D_*}{u}\right), \qquad u = 1 + r_a g.

All terms of a layer with this ratio in the denominator share one division (:func:`limits`); terms of temperature are calculated once for a
PFT (:func:`leaf_climate`). Rates are scaled by the coefficients of co-limitation, so that the smoothed minima of :func:`gross_rate` have no
further products: the smaller root of :math:`\beta w^2 - (x + y) w + x y = 0` is :math:`s - \sqrt{s^2 - 4 \beta X Y}` with
:math:`X = x / 2\beta`, :math:`Y = y / 2\beta` and :math:`s = X + Y`.

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
#: Scale of the carboxylation and light limits, whose minimum is then in the scale of the export limit, and that scale.
SCALE, EXPORT_SCALE = 1.0 / (4.0 * BETA1 * BETA2), 1.0 / (2.0 * BETA2)
#: Smallest opening of stomata at which limits are evaluated: dark respiration exceeds photosynthesis there, so that they are closed.
OPENING_MIN = 1e-3
#: Smallest effect of temperature on vcmax: it keeps the gradients of frozen leaves finite in single precision.
_WARMTH_MIN = 1e-8


class LeafClimate(NamedTuple):
    """Terms of leaves that do not depend on their depth in the canopy, tensors of shape (pft, column).

    ``moist``: whether roots find water; ``ra``: aerodynamic resistance [s m-1]; ``closed``: value of :math:`u` at which stomata close
    [1]; ``span``: carbon dioxide of the air above the photorespiratory compensation point [Pa], and ``span_f0`` and ``span_dry``, its
    products with the opening of stomata in moist air and with the part of it that dry air closes; ``c3``: 1 in C3 plants; ``rubisco``:
    constant of carboxylation above the compensation point in C3 plants [Pa], 1 in C4 plants; ``light``: constant of the light limit [Pa];
    ``export``, ``export_of_ratio``: terms of the export limit per vcmax [1], scaled; ``conversion``: conductance per rate and gradient of
    carbon dioxide [Pa m3 mol-1].
    """

    moist: Tensor
    ra: Tensor
    closed: Tensor
    span: Tensor
    span_f0: Tensor
    span_dry: Tensor
    c3: Tensor
    rubisco: Tensor
    light: Tensor
    export: Tensor
    export_of_ratio: Tensor
    conversion: Tensor


class Limits(NamedTuple):
    """Limits of photosynthesis at the humidity deficit of leaves, shape (..., pft, column).

    ``carboxylation`` and ``export``: rates per vcmax [1], scaled; ``light``: rate per quantum yield and absorbed light [1];
    ``conductance``: conductance to water vapour per net rate [m3 mol-1], with soil moisture stress, 0 where stomata are closed; ``open``:
    whether they are open.
    """

    carboxylation: Tensor
    light: Tensor
    export: Tensor
    conductance: Tensor
    open: Tensor


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
    return (q10 * hot / ((1.0 + hot) * (hot + cold_per_hot))).clamp(min=_WARMTH_MIN)


def leaf_climate(
    tstar: Tensor, dq: Tensor, ra: Tensor, fsmc: Tensor, pstar: Tensor, co2: Tensor, plants: PlantTypes
) -> LeafClimate:
    """Terms of photosynthesis that do not depend on the depth of leaves in the canopy.

    Parameters
    ----------
    tstar, dq, ra, fsmc : Tensor, shape (pft, column)
        Temperature of leaves [K], humidity deficit of the air, at least 0 [kg kg-1], aerodynamic resistance [s m-1] and soil moisture
        stress [1].
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
    c3, c4 = plants.c3, 1.0 - plants.c3
    tenth = 0.1 * (tstar - (ZERODEGC + 25.0))
    oxygen = (O2 / EPO2) * pstar
    ccp = c3 * oxygen * (0.5 / 2600.0) * torch.exp(-math.log(0.57) * tenth)
    kc = 30.0 * torch.exp(math.log(2.1) * tenth)
    kc_per_ko = (30.0 / 3.0e4) * torch.exp(math.log(2.1 / 1.2) * tenth)
    # the compensation point exceeds the carbon dioxide of the air only beyond 60 degC, where carboxylation has ceased
    span = ((1.0 / EPCO2) * co2 * pstar - ccp).clamp(min=1e-3)
    dryness = dq / plants.dqcrit
    return LeafClimate(
        moist=fsmc > 0.0,
        ra=ra,
        closed=dryness + OPENING_MIN,
        span=span,
        span_f0=span * plants.f0,
        span_dry=span * plants.f0 * dryness,
        c3=c3,
        rubisco=c3 * (ccp + kc + oxygen * kc_per_ko) + c4,
        light=3.0 * ccp,
        export=(FWE_C3 * EXPORT_SCALE) * c3,
        export_of_ratio=(FWE_C4 * EXPORT_SCALE) / pstar * c4,
        conversion=(RATIO_H2O_CO2 * RMOL) * tstar * fsmc,
    )


def limits(gl: Tensor, climate: LeafClimate) -> Limits:
    """Limits of photosynthesis of leaves, given their conductance in the previous iteration.

    Parameters
    ----------
    gl : Tensor, shape (..., pft, column) or broadcastable
        Conductance to water vapour [m s-1].
    climate : LeafClimate
        Terms that do not depend on depth.

    Returns
    -------
    Limits

    References
    ----------
    Clark et al. (2011), eqs 1-3 and 14; JULES routine ``leaf_limits``.
    """
    u = 1.0 + climate.ra * gl
    is_open = climate.moist & (u > climate.closed)
    u = torch.maximum(u, climate.closed)
    # the carbon dioxide inside the leaf above the compensation point, and three denominators, all multiplied by u
    inside = climate.span_f0 * u - climate.span_dry
    rubisco = climate.c3 * inside + climate.rubisco * u
    light = inside + climate.light * u
    gradient = climate.span * u - inside
    pair = rubisco * light
    inverse = 1.0 / (pair * gradient)
    scaled = inside * gradient * inverse
    # of the denominator of carboxylation in C3 plants, and of u in C4 plants: there the ratio is the carbon dioxide inside the leaf
    ratio = scaled * light
    return Limits(
        carboxylation=SCALE * (1.0 - climate.c3) + (SCALE * climate.c3) * ratio,
        light=scaled * rubisco,
        export=climate.export + climate.export_of_ratio * ratio,
        conductance=torch.where(is_open, climate.conversion * u * (pair * inverse), 0.0),
        open=is_open,
    )


def gross_rate(carboxylation: Tensor, light: Tensor, export: Tensor) -> Tensor:
    """Gross rate of photosynthesis: the smoothed minimum of three limits.

    Parameters
    ----------
    carboxylation, light : Tensor, shape (...)
        Limiting rates times :data:`SCALE` [mol m-2 s-1].
    export : Tensor, shape (...)
        Limiting rate times :data:`EXPORT_SCALE` [mol m-2 s-1].

    Returns
    -------
    Tensor, shape (...)
        Rate [mol m-2 s-1].

    References
    ----------
    Collatz et al. (1991), eq. A4; Clark et al. (2011), eqs 11 and 12; JULES routine ``leaf``.
    """
    return _smooth_minimum(export, _smooth_minimum(carboxylation, light, BETA1), BETA2)


def _smooth_minimum(x: Tensor, y: Tensor, beta: float) -> Tensor:
    # the discriminant exceeds (1 - beta) s^2; the first limit is the one that sunlit and shaded leaves share: its product is needed once
    total = x + y
    return total - torch.sqrt(total * total - (4.0 * beta * x) * y)
