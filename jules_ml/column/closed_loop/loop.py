r"""The closed loop on the column: carbon sets the soil, the soil sets moisture and temperature, and these set the loss of carbon.

The weather of the record is repeated. Within a pass the soil is constant and the column runs as usual; carbon changes at the end of each
period by respiration and litter; at the end of a pass the soil follows the carbon. When the soil changes, its water stays; water that
exceeds the new saturation runs off and is counted, and ice returns to equilibrium. The heat of the soil's solids and of that ice is not
carried over: it is a few J K-1 for each kg that changes in a year. Learned soil moisture enters as a daily analysis, whose water is a term
of its own in the budget.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722, for carbon in one pool; Adams (1973), J. Soil Sci. 24, 10-17, for bulk density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.column.budget import stored_water
from jules_ml.column.closed_loop.moisture_analysis import (
    FollowedMoisture,
    MoistureLedger,
    Moments,
    matched_wetness,
    moments,
)
from jules_ml.errors import RunFailed
from jules_ml.physics.carbon_pools import step_one_pool
from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties, freeze_soil
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

#: Soil of the columns for carbon of shape (column,) [kg m-2].
SoilOfCarbon = Callable[[Tensor], SoilProperties]

#: Outputs of the column that a loop returns, means over each period, beside carbon.
LOOP_OUTPUTS: Final = ("smcl", "sthf", "t_soil", "resp_s_gb", "gpp_gb", "runoff", "fqw_gb", "water_residual")


class CarbonBudget(NamedTuple):
    """Sums over a run [kg m-2], shape (column,): ``gained`` by the soil, ``litter`` in and ``co2`` out."""

    gained: Tensor
    litter: Tensor
    co2: Tensor

    @property
    def relative(self) -> float:
        """Largest residual over the throughput [1]."""
        return float(((self.gained - self.litter + self.co2).abs() / (self.litter + self.co2).clamp(min=1e-30)).max())


class WaterBudget(NamedTuple):
    """Sums over a run [kg m-2], shape (column,).

    ``gained`` by soil, leaves and snow; ``precip`` in; ``evaporation``, ``runoff`` and ``spilled`` (water above the saturation of a changed
    soil) out; ``analysed`` the net water that learned moisture added, ``moved`` the sum of what it added and removed.
    """

    gained: Tensor
    precip: Tensor
    evaporation: Tensor
    runoff: Tensor
    spilled: Tensor
    analysed: Tensor
    moved: Tensor

    @property
    def relative(self) -> float:
        """Largest residual over the throughput [1]; water that learned moisture moved is not part of the throughput."""
        residual = self.gained - self.precip + self.evaporation + self.runoff + self.spilled - self.analysed
        through = self.precip + self.evaporation.abs() + self.runoff + self.spilled
        return float((residual.abs() / through.clamp(min=1e-30)).max())


@dataclass(frozen=True, eq=False)
class LoopRun:
    """Result of a closed loop.

    Attributes
    ----------
    cs : Tensor, shape (period, column)
        Carbon at the end of each period [kg m-2].
    co2, litter : Tensor, shape (period, column)
        Means over each period [kg m-2 s-1].
    outputs : dict of str to Tensor, shape (period, ...)
        The :data:`LOOP_OUTPUTS`; ``resp_s_gb`` is that of the column's own carbon.
    sm_sat : Tensor, shape (pass, layer, column)
        Water content at saturation in each pass [m3 m-3].
    added : Tensor, shape (period, layer, column)
        Water that learned moisture added in each period, negative where it removed water [kg m-2].
    state : ColumnState
        At the end.
    carbon, water : CarbonBudget, WaterBudget
        Budgets of the whole run.
    """

    cs: Tensor
    co2: Tensor
    litter: Tensor
    outputs: dict[str, Tensor]
    sm_sat: Tensor
    added: Tensor
    state: ColumnState
    carbon: CarbonBudget
    water: WaterBudget


@dataclass(eq=False)
class _History:
    """Series of a loop, one tensor of shape (period, ...) for each pass, and its sums [kg m-2], shape (column,)."""

    moved: Tensor
    spilled: Tensor
    cs: list[Tensor] = field(default_factory=list)
    co2: list[Tensor] = field(default_factory=list)
    litter: list[Tensor] = field(default_factory=list)
    sm_sat: list[Tensor] = field(default_factory=list)
    added: list[Tensor] = field(default_factory=list)
    outputs: dict[str, list[Tensor]] = field(default_factory=lambda: {name: [] for name in LOOP_OUTPUTS})


class _Carbon(NamedTuple):
    """Carbon [kg m-2] at the end of each period of a pass, and the means of ``co2`` and ``litter`` [kg m-2 s-1], shape (period, column)."""

    cs: Tensor
    co2: Tensor
    litter: Tensor


def closed_loop(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing,
    cs: Tensor,
    *,
    passes: int,
    period: int,
    litter: Tensor | None = None,
    moves: bool = True,
    soil_of_carbon: SoilOfCarbon | None = None,
    moisture: FollowedMoisture | None = None,
    compiled: bool | None = None,
    on_steps: Callable[[int], None] | None = None,
) -> LoopRun:
    """Run columns through repeated weather, with carbon, soil, moisture and temperature acting on one another.

    Parameters
    ----------
    column : SoilColumn
        Its ``cs`` is not used. It ends with the soil of the last pass.
    state : ColumnState
        At the start, shape (layer, column).
    forcing : Forcing
        One pass, shape (step, column) each.
    cs : Tensor, shape (column,)
        Carbon at the start [kg m-2].
    passes : int
        Number of passes over the weather.
    period : int
        Steps between two changes of carbon; a pass is a whole number of periods.
    litter : Tensor, shape (column,), optional
        Mean litter [kg m-2 s-1], spread over the year in proportion to assimilation; by default the mean respiration of the first pass.
    moves : bool
        Whether carbon changes.
    soil_of_carbon : callable, optional
        Soil as a function of carbon; by default the soil is constant.
    moisture : FollowedMoisture, optional
        Learned moisture that the column is nudged towards day by day, and after a free first pass where it is rescaled. A period is then
        a whole number of days.
    compiled : bool, optional
        As in :func:`~jules_ml.physics.integration.integrate`.
    on_steps : callable, optional
        Called with the number of steps done since the last call.

    Returns
    -------
    LoopRun

    Raises
    ------
    ValueError
        If a pass is not a whole number of periods, or with ``moisture`` a period not a whole number of days.
    RunFailed
        If an output of a column is not finite.
    """
    if moisture is not None and period % moisture.day:
        raise ValueError(f"a period of {period} steps is not a whole number of days of {moisture.day}")
    column.cs = torch.ones_like(cs)  # so that what it respires is a rate
    seconds = period * column.timestep
    water_at_start, cs_at_start = stored_water(column, state), cs
    history = _History(moved=torch.zeros_like(cs), spilled=torch.zeros_like(cs))
    free: Moments | None = None
    first_assimilation: Tensor | None = None
    for number in range(passes):
        if soil_of_carbon is not None:
            state, excess = changed_soil(column, state, soil_of_carbon(cs))
            history.spilled = history.spilled + excess
        history.sm_sat.append(column.soil.sm_sat.expand(-1, len(cs)))
        ledger = _moisture_ledger(moisture, column, cs, free, period)
        run = integrate(
            column,
            state,
            forcing,
            outputs=LOOP_OUTPUTS,
            mean_over=period,
            analysis=None if ledger is None else ledger.analysis,
            compiled=compiled,
            on_steps=on_steps,
        )
        _refuse_not_finite(run.outputs, number)
        _add_analysis(history, ledger, run.outputs["smcl"])
        if free is None and ledger is None:
            free = moments(run.outputs["smcl"] / (RHO_WATER * column.dzsoil * column.soil.sm_sat))
        state = run.state
        rate, gpp = run.outputs["resp_s_gb"], run.outputs["gpp_gb"]
        if litter is None:
            litter = cs * rate.mean(0) if moves else torch.zeros_like(cs)
        if first_assimilation is None:
            first_assimilation = gpp.mean(0).clamp(min=1e-12)
        carbon = _carbon_of_pass(cs, rate, litter * gpp / first_assimilation, seconds, moves=moves)
        cs = carbon.cs[-1]
        _add_pass(history, run.outputs, carbon)
    return _loop_run(column, state, forcing, history, cs - cs_at_start, water_at_start, seconds)


def _moisture_ledger(
    moisture: FollowedMoisture | None, column: SoilColumn, cs: Tensor, free: Moments | None, period: int
) -> MoistureLedger | None:
    """Ledger of a pass with an analysis; none without learned moisture, or while the moments of a free pass are still missing."""
    if moisture is None or (moisture.matched and free is None):
        return None
    wetness = moisture.wetness(cs)
    if moisture.matched and free is not None:
        wetness = matched_wetness(wetness, free, period // moisture.day)
    return MoistureLedger(column, wetness, moisture)


def _add_analysis(history: _History, ledger: MoistureLedger | None, smcl: Tensor) -> None:
    """Add the water of a pass's analysis to the history; ``smcl`` has the shape (period, layer, column) of its sums over periods."""
    if ledger is None:
        history.added.append(torch.zeros_like(smcl))
        return
    daily = ledger.added
    history.moved = history.moved + daily.abs().sum((0, 1))
    history.added.append(daily.unflatten(0, (len(smcl), -1)).sum(1))


def _carbon_of_pass(cs: Tensor, rate: Tensor, litter: Tensor, seconds: float, *, moves: bool) -> _Carbon:
    """Step carbon through the periods of a pass.

    Parameters
    ----------
    cs : Tensor, shape (column,)
        Carbon at the start of the pass [kg m-2].
    rate : Tensor, shape (period, column)
        Decay rate [s-1].
    litter : Tensor, shape (period, column)
        Litter fall [kg m-2 s-1].
    seconds : float
        Length of a period [s].
    moves : bool
        Whether carbon changes; litter equals respiration where it does not.

    Returns
    -------
    _Carbon
    """
    if not moves:
        respired = cs * rate
        return _Carbon(cs.expand_as(rate), respired, respired)
    stock: list[Tensor] = []
    co2: list[Tensor] = []
    for decay, fall in zip(rate, litter, strict=True):
        step = step_one_pool(stock[-1] if stock else cs, decay, fall, seconds)
        stock.append(step.cs)
        co2.append(step.co2)
    return _Carbon(torch.stack(stock), torch.stack(co2), litter)


def _add_pass(history: _History, outputs: dict[str, Tensor], carbon: _Carbon) -> None:
    """Add a pass to the history, with the respiration of the column's own carbon among the outputs."""
    for name in LOOP_OUTPUTS:
        history.outputs[name].append(carbon.co2 if name == "resp_s_gb" else outputs[name])
    history.cs.append(carbon.cs)
    history.co2.append(carbon.co2)
    history.litter.append(carbon.litter)


def _loop_run(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing,
    history: _History,
    carbon_gained: Tensor,
    water_at_start: Tensor,
    seconds: float,
) -> LoopRun:
    """Join the passes, and add up the budgets of carbon and water."""
    outputs = {name: torch.cat(parts) for name, parts in history.outputs.items()}
    co2, litter, added = torch.cat(history.co2), torch.cat(history.litter), torch.cat(history.added)
    passes, n_columns = len(history.sm_sat), len(carbon_gained)
    precip = passes * column.timestep * (forcing.tot_rain + forcing.tot_snow).sum(0).expand(n_columns)
    return LoopRun(
        cs=torch.cat(history.cs),
        co2=co2,
        litter=litter,
        outputs=outputs,
        sm_sat=torch.stack(history.sm_sat),
        added=added,
        state=state,
        carbon=CarbonBudget(carbon_gained, litter.sum(0) * seconds, co2.sum(0) * seconds),
        water=WaterBudget(
            gained=stored_water(column, state) - water_at_start,
            precip=precip,
            evaporation=outputs["fqw_gb"].sum(0) * seconds,
            runoff=outputs["runoff"].sum(0) * seconds,
            spilled=history.spilled,
            analysed=added.sum((0, 1)),
            moved=history.moved,
        ),
    )


def _refuse_not_finite(outputs: dict[str, Tensor], number: int) -> None:
    """Stop if an output of a pass is not finite."""
    for name, values in outputs.items():
        if not bool(torch.isfinite(values).all()):
            raise RunFailed(
                f"the column became numerically unstable: {name} is not finite in pass {number + 1}; check the soil properties, the "
                "carbon and the weather"
            )


def changed_soil(column: SoilColumn, state: ColumnState, soil: SoilProperties) -> tuple[ColumnState, Tensor]:
    """Give a column another soil and keep its water.

    Parameters
    ----------
    column : SoilColumn
        Receives the soil.
    state : ColumnState
        Before the change.
    soil : SoilProperties
        New soil.

    Returns
    -------
    ColumnState
        With ice in equilibrium with the new soil.
    Tensor, shape (column,)
        Water above the new saturation [kg m-2].
    """
    smclsat = RHO_WATER * column.dzsoil * soil.sm_sat
    smcl = torch.minimum(state.smcl, smclsat)
    excess = (state.smcl - smcl).sum(0)
    column.soil = SoilProperties(*(p.expand_as(column.soil.b).contiguous() for p in soil))
    return state._replace(smcl=smcl, sthf=freeze_soil(smcl / smclsat, state.t_soil, soil)), excess
