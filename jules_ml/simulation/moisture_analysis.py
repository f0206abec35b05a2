r"""Learned soil moisture as a daily analysis of the column: the soil is nudged towards it, and the water that this takes is counted.

At the end of each day the liquid water of a layer goes some way towards what the module says,

.. math:: \Delta w = (1 - e^{-1\,\mathrm{d}/\tau})\,(s\,\rho\,\Delta z\,\theta_{sat} - w), \qquad s = (\theta - \theta_r) / \theta_{sat,0}

with :math:`\theta_{sat,0}` of the soil in which the module was learned and :math:`\theta_{sat}` of the soil as it is: the module says how
full the pores are, and how much pore space there is remains carbon's to say. A layer with ice in it is left alone, since the module has
learned nothing of frost. Temperature stays, as in JULES's hooks. No flux brings this water: it is a term of its own in the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import Analysis

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
    """

    wetness: WetnessOfCarbon
    share: float
    day: int


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
