r"""Daily analysis of learned soil moisture: the column is nudged towards it, and the water of the increments is counted.

At the end of each day the liquid water of a layer changes by

.. math:: \Delta w = (1 - e^{-1\,\mathrm{d}/\tau})\,(s\,\rho\,\Delta z\,\theta_{sat} - w), \qquad s = (\theta - \theta_r) / \theta_{sat,0}

with :math:`\theta_{sat,0}` of the soil at the start and :math:`\theta_{sat}` of the present soil: the module predicts the wetness, and
carbon sets the porosity. A layer with ice is not changed, since the module was not trained on frozen soil. Temperature stays, as in JULES's
hooks. The water of the increments belongs to no flux: it is a term of its own in the budget.

The mean of soil moisture differs more between module and column than its variations, and an analysis that corrects the mean adds or removes
water without end. Therefore *matched* wetness is rescaled to the mean and standard deviation of the column in a free first pass, as in the
assimilation of satellite soil moisture: the module then gives the variations, and the soil of the start the level.

References
----------
Reichle and Koster (2004), Geophys. Res. Lett. 31, L19501.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import Analysis

#: Minimum wetness of the analysis [1]: below it the conductivity of a van Genuchten soil vanishes.
DRIEST: Final = 0.02
#: Function of carbon, shape (column,) [kg m-2], that returns the wetness on each day of a pass, shape (day, layer, column) [1]; NaN where a
#: layer is not nudged.
WetnessOfCarbon = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class FollowedMoisture:
    """Learned moisture towards which the column is nudged.

    Attributes
    ----------
    wetness : callable
        See :data:`WetnessOfCarbon`.
    gain : float
        Fraction of the difference that the analysis removes at the end of each day [1].
    day : int
        Steps of a day.
    matched : bool
        Whether wetness is rescaled to the mean and standard deviation of the column in a free first pass.
    """

    wetness: WetnessOfCarbon
    gain: float
    day: int
    matched: bool = False


class Moments(NamedTuple):
    """Mean and standard deviation of wetness over a pass [1], shape (layer, column)."""

    mean: Tensor
    spread: Tensor


def moments(wetness: Tensor) -> Moments:
    """Mean and standard deviation over time of wetness of shape (time, layer, column)."""
    return Moments(wetness.mean(0), wetness.std(0, correction=0))


def matched_wetness(wetness: Tensor, free: Moments, period: int) -> Tensor:
    """Rescale learned wetness to the mean and standard deviation of the column.

    Parameters
    ----------
    wetness : Tensor, shape (day, layer, column)
        Learned wetness, NaN where a layer is not nudged [1].
    free : Moments
        Moments of the column without analysis, of means over ``period`` days.
    period : int
        Averaging period of the moments, which those of ``wetness`` have too [days].

    Returns
    -------
    Tensor, shape of ``wetness``
        Between :data:`DRIEST` and 1.

    References
    ----------
    Reichle and Koster (2004).
    """
    learned = moments(wetness.unflatten(0, (-1, period)).mean(1))
    return (free.mean + (wetness - learned.mean) * free.spread / learned.spread.clamp(min=1e-6)).clamp(DRIEST, 1.0)


class MoistureLedger:
    """Analysis of one pass and the water of its increments.

    Parameters
    ----------
    column : SoilColumn
        Column with the soil of the pass.
    wetness : Tensor, shape (day, layer, column)
        Target on each day, NaN where a layer is not nudged [1].
    followed : FollowedMoisture
        Gain and length of a day.
    """

    def __init__(self, column: SoilColumn, wetness: Tensor, followed: FollowedMoisture) -> None:
        """Start with no increments."""
        self._smclsat = RHO_WATER * column.dzsoil * column.soil.sm_sat
        self._wetness = wetness
        self._gain = followed.gain
        self._day = followed.day
        self._added: list[Tensor] = []

    @property
    def analysis(self) -> Analysis:
        """Analysis for :func:`~jules_ml.physics.integration.integrate`."""
        return Analysis(self._day, self._nudge)

    @property
    def added(self) -> Tensor:
        """Increments of water [kg m-2], negative where removed, shape (day, layer, column)."""
        return torch.stack(self._added)

    def _nudge(self, step: int, state: ColumnState) -> ColumnState:
        """Add the increments of the day that ends after ``step`` steps."""
        target = self._wetness[step // self._day - 1] * self._smclsat
        unchanged = torch.isnan(target) | (state.sthf > 0.0)
        added = torch.where(unchanged, 0.0, self._gain * (target - state.smcl))
        smcl = state.smcl + added
        # the increment in the precision of the state, so that the budget closes to its last bit
        self._added.append(smcl - state.smcl)
        return state._replace(smcl=smcl)
