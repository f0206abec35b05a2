r"""Learned soil moisture as a daily analysis of the column: the soil is nudged towards it, and the water that this takes is counted.

At the end of each day the liquid water of a layer goes some way towards what the module says,

.. math:: \Delta w = (1 - e^{-1\,\mathrm{d}/\tau})\,(s\,\rho\,\Delta z\,\theta_{sat} - w), \qquad s = (\theta - \theta_r) / \theta_{sat,0}

with :math:`\theta_{sat,0}` of the soil in which the module was learned and :math:`\theta_{sat}` of the soil as it is: the module says how
full the pores are, and how much pore space there is remains carbon's to say. A layer with ice in it is left alone, since the module has
learned nothing of frost. Temperature stays, as in JULES's hooks. No flux brings this water: it is a term of its own in the budget.

A module and a column disagree about the mean of soil moisture more than about its course, and an analysis that has to make up for that
moves water without end. *Matched*, s is brought to the mean and the spread that the column has by itself in a first pass without
analysis, as assimilation of soil moisture does; the module then says when the soil is wet, and the soil of the start says how wet.

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

#: Driest that the pores are nudged to [1]: below, a van Genuchten soil conducts nothing.
DRIEST: Final = 0.02
#: Share of the pores that hold water on each day of a pass, for carbon of shape (column,) [kg m-2]: shape (day, layer, column) [1], NaN
#: where nothing is said.
WetnessOfCarbon = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class FollowedMoisture:
    """What the column is nudged towards.

    Attributes
    ----------
    wetness : callable
        See :data:`WetnessOfCarbon`.
    share : float
        Of the distance that is taken away at the end of each day [1].
    day : int
        Steps of a day.
    matched : bool
        Whether wetness is brought to the column's own mean and spread, found in a first pass that is free.
    """

    wetness: WetnessOfCarbon
    share: float
    day: int
    matched: bool = False


class Moments(NamedTuple):
    """Mean and standard deviation of wetness over a pass [1], shape (layer, column)."""

    mean: Tensor
    spread: Tensor


def moments(wetness: Tensor) -> Moments:
    """Of a series of shape (time, layer, column)."""
    return Moments(wetness.mean(0), wetness.std(0, correction=0))


def matched_wetness(wetness: Tensor, own: Moments, period: int) -> Tensor:
    """Bring learned wetness to the column's mean and spread.

    Parameters
    ----------
    wetness : Tensor, shape (day, layer, column)
        NaN where nothing is said [1].
    own : Moments
        Of the column, of means over ``period`` days.
    period : int
        Days whose mean the moments are of; those of ``wetness`` are found alike.

    Returns
    -------
    Tensor, shape of ``wetness``
        Between a fiftieth and all of the pores.
    """
    learned = moments(wetness.unflatten(0, (-1, period)).mean(1))
    return (own.mean + (wetness - learned.mean) * own.spread / learned.spread.clamp(min=1e-6)).clamp(DRIEST, 1.0)


class MoistureLedger:
    """Counts the water that an analysis brings, day by day.

    Parameters
    ----------
    column : SoilColumn
    wetness : Tensor, shape (day, layer, column)
        Of one pass, NaN where nothing is said [1].
    followed : FollowedMoisture
    """

    def __init__(self, column: SoilColumn, wetness: Tensor, followed: FollowedMoisture) -> None:
        self._full = RHO_WATER * column.dzsoil * column.soil.sm_sat
        self._wetness = wetness
        self._share = followed.share
        self._day = followed.day
        self._added: list[Tensor] = []

    @property
    def analysis(self) -> Analysis:
        """For :func:`~jules_ml.physics.integration.integrate`."""
        return Analysis(self._day, self._nudge)

    @property
    def added(self) -> Tensor:
        """Water that was added, or taken where it is negative [kg m-2], shape (day, layer, column)."""
        return torch.stack(self._added)

    def _nudge(self, step: int, state: ColumnState) -> ColumnState:
        wanted = self._wetness[step // self._day - 1] * self._full
        left_alone = torch.isnan(wanted) | (state.sthf > 0.0)
        added = torch.where(left_alone, 0.0, self._share * (wanted - state.smcl))
        smcl = state.smcl + added
        # what was added as the state holds it, so that the budget closes to the last bit of the state
        self._added.append(smcl - state.smcl)
        return state._replace(smcl=smcl)
