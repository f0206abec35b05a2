r"""The closed loop on the column: carbon shapes the soil, the soil its moisture and temperature, and these what becomes of carbon.

The weather of the record is repeated, year upon year. Within a pass the soil stays as it is and the column runs as ever; carbon moves at
the end of each period of days by what was respired and what fell as litter; at the end of a pass the soil follows the carbon. Water
stays where it is when the soil changes, and what no longer fits into a layer runs off and is counted; ice comes into equilibrium again.
The heat of the soil's solids and of that ice is not carried over: a few J per K and kg of what changes in a year. Learned soil moisture
takes part as a daily analysis, whose water stands in the budget as a term of its own.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722, for carbon in one pool; Adams (1973), J. Soil Sci. 24, 10-17, for bulk density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

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

#: What is kept of each period, means, beside carbon.
KEPT: Final = ("smcl", "sthf", "t_soil", "resp_s_gb", "gpp_gb", "runoff", "fqw_gb", "water_residual")


class CarbonBudget(NamedTuple):
    """Sums over a run [kg m-2], shape (column,): ``gained`` by the soil, ``litter`` in and ``co2`` out."""

    gained: Tensor
    litter: Tensor
    co2: Tensor

    @property
    def relative(self) -> float:
        """Greatest residual over what went through."""
        return float(((self.gained - self.litter + self.co2).abs() / (self.litter + self.co2).clamp(min=1e-30)).max())


class WaterBudget(NamedTuple):
    """Sums over a run [kg m-2], shape (column,): ``gained`` by soil, leaves and snow, ``precip`` in, ``evaporation``, ``runoff`` and
    ``spilled`` (what did not fit a changed soil) out; ``analysed`` is what learned moisture added less what it took, ``moved`` both."""

    gained: Tensor
    precip: Tensor
    evaporation: Tensor
    runoff: Tensor
    spilled: Tensor
    analysed: Tensor
    moved: Tensor

    @property
    def relative(self) -> float:
        """Greatest residual over what went through; what learned moisture moved does not make it look smaller."""
        residual = self.gained - self.precip + self.evaporation + self.runoff + self.spilled - self.analysed
        through = self.precip + self.evaporation.abs() + self.runoff + self.spilled
        return float((residual.abs() / through.clamp(min=1e-30)).max())


@dataclass(frozen=True, eq=False)
class LoopRun:
    """A closed loop that has been run.

    Attributes
    ----------
    cs : Tensor, shape (period, column)
        Carbon at the end of each period [kg m-2].
    co2, litter : Tensor, shape (period, column)
        Means over each period [kg m-2 s-1].
    outputs : dict of str to Tensor, shape (period, ...)
        Of :data:`KEPT`; ``resp_s_gb`` of the carbon that there was.
    sm_sat : Tensor, shape (pass, layer, column)
        Water content at saturation of each pass [m3 m-3].
    added : Tensor, shape (period, layer, column)
        Water that learned moisture added in each period, or took where it is negative [kg m-2].
    state : ColumnState
        At the end.
    carbon, water : CarbonBudget, WaterBudget
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
    progress: Callable[[int], None] | None = None,
) -> LoopRun:
    """Run columns through repeated weather with carbon, soil, moisture and temperature bearing on one another.

    Parameters
    ----------
    column : SoilColumn
        Its ``cs`` does not count. It is left with the soil of the last pass.
    state : ColumnState
        At the start, shape (layer, column).
    forcing : Forcing
        One pass, shape (step, column) each.
    cs : Tensor, shape (column,)
        Carbon at the start [kg m-2].
    passes : int
        How often the weather is repeated.
    period : int
        Steps after which carbon moves; a pass has a whole number of such periods.
    litter : Tensor, shape (column,), optional
        Mean litter [kg m-2 s-1], spread over the year as assimilation is; what the first pass respires unless given.
    moves : bool
        Whether carbon moves at all.
    soil_of_carbon : callable, optional
        Soil that follows carbon; the column's own throughout unless given.
    moisture : FollowedMoisture, optional
        Learned moisture that the column is nudged towards day by day, after a first pass without where it is matched; a period is then
        a whole number of days.
    compiled : bool, optional
        As in :func:`~jules_ml.physics.integration.integrate`.
    progress : callable, optional
        Called with the number of steps done since the last call.

    Returns
    -------
    LoopRun

    Raises
    ------
    ValueError
        If a pass is not a whole number of periods, or a period not one of days where moisture is followed.
    RunFailed
        If a column leaves the range of numbers.
    """
    if moisture is not None and period % moisture.day:
        raise ValueError(f"a period of {period} steps is not a whole number of days of {moisture.day}")
    column.cs = torch.ones_like(cs)  # so that what it respires is a rate
    seconds = period * column.timestep
    began, carbon_began = _water(column, state), cs
    kept: dict[str, list[Tensor]] = {name: [] for name in KEPT}
    carbon: list[Tensor] = []
    co2: list[Tensor] = []
    fallen: list[Tensor] = []
    sm_sat: list[Tensor] = []
    added: list[Tensor] = []
    own: Moments | None = None
    moved = torch.zeros_like(cs)
    spilled = torch.zeros_like(cs)
    first_assimilation: Tensor | None = None
    for number in range(passes):
        if soil_of_carbon is not None:
            state, excess = changed_soil(column, state, soil_of_carbon(cs))
            spilled = spilled + excess
        sm_sat.append(column.soil.sm_sat.expand(-1, len(cs)))
        ledger = None
        if moisture is not None and (own is not None or not moisture.matched):
            wetness = moisture.wetness(cs)
            if own is not None:
                wetness = matched_wetness(wetness, own, period // moisture.day)
            ledger = MoistureLedger(column, wetness, moisture)
        run = integrate(
            column,
            state,
            forcing,
            outputs=KEPT,
            mean_over=period,
            analysis=None if ledger is None else ledger.analysis,
            compiled=compiled,
            progress=progress,
        )
        if ledger is not None and moisture is not None:
            daily = ledger.added
            moved = moved + daily.abs().sum((0, 1))
            added.append(daily.unflatten(0, (-1, period // moisture.day)).sum(1))
        else:
            added.append(torch.zeros_like(run.outputs["smcl"]))
            if own is None:
                own = moments(run.outputs["smcl"] / (RHO_WATER * column.dzsoil * column.soil.sm_sat))
        _refuse_not_finite(run.outputs, number)
        state = run.state
        rate, gpp = run.outputs["resp_s_gb"], run.outputs["gpp_gb"]
        if litter is None:
            litter = cs * rate.mean(0) if moves else torch.zeros_like(cs)
        if first_assimilation is None:
            first_assimilation = gpp.mean(0).clamp(min=1e-12)
        rain_of_litter = litter * gpp / first_assimilation
        for name in KEPT:
            kept[name].append(run.outputs[name])
        respired = []
        for now, falling in zip(rate, rain_of_litter, strict=True):
            if moves:
                step = step_one_pool(cs, now, falling, seconds)
                cs, given_off = step.cs, step.co2
            else:
                given_off, falling = cs * now, cs * now
            carbon.append(cs)
            fallen.append(falling)
            respired.append(given_off)
        co2 += respired
        kept["resp_s_gb"][-1] = torch.stack(respired)
    outputs = {name: torch.cat(parts) for name, parts in kept.items()}
    all_co2, all_litter = torch.stack(co2), torch.stack(fallen)
    all_added = torch.cat(added)
    rain = passes * column.timestep * (forcing.tot_rain + forcing.tot_snow).sum(0).expand(len(cs))
    return LoopRun(
        cs=torch.stack(carbon),
        co2=all_co2,
        litter=all_litter,
        outputs=outputs,
        sm_sat=torch.stack(sm_sat),
        added=all_added,
        state=state,
        carbon=CarbonBudget(cs - carbon_began, all_litter.sum(0) * seconds, all_co2.sum(0) * seconds),
        water=WaterBudget(
            gained=_water(column, state) - began,
            precip=rain,
            evaporation=outputs["fqw_gb"].sum(0) * seconds,
            runoff=outputs["runoff"].sum(0) * seconds,
            spilled=spilled,
            analysed=all_added.sum((0, 1)),
            moved=moved,
        ),
    )


def _refuse_not_finite(outputs: dict[str, Tensor], number: int) -> None:
    for name, values in outputs.items():
        if not bool(torch.isfinite(values).all()):
            raise RunFailed(
                f"the column left the range of numbers: {name} is not finite in pass {number + 1}; check the soil properties, the "
                "carbon and the weather"
            )


def changed_soil(column: SoilColumn, state: ColumnState, soil: SoilProperties) -> tuple[ColumnState, Tensor]:
    """Give a column another soil, and keep its water.

    Parameters
    ----------
    column : SoilColumn
        Gets the soil.
    state : ColumnState
    soil : SoilProperties

    Returns
    -------
    ColumnState
        With ice in equilibrium with the new soil.
    Tensor, shape (column,)
        Water that no longer fits [kg m-2].
    """
    most = RHO_WATER * column.dzsoil * soil.sm_sat
    smcl = torch.minimum(state.smcl, most)
    excess = (state.smcl - smcl).sum(0)
    column.soil = SoilProperties(*(p.expand_as(column.soil.b).contiguous() for p in soil))
    return state._replace(smcl=smcl, sthf=freeze_soil(smcl / most, state.t_soil, soil)), excess


def _water(column: SoilColumn, state: ColumnState) -> Tensor:
    """Water of soil, leaves and snow [kg m-2], shape (column,)."""
    assert column.surface is not None
    assert state.surface is not None
    above = (column.surface.frac * (state.surface.canopy + state.surface.snow)).sum(0)
    return state.smcl.sum(0) + above
