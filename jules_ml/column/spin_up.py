"""Repeating the first years until the soil comes round to itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from jules_ml.experiment.sections import SpinUpSection
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing


@dataclass(frozen=True)
class SpinUp:
    """How a spin-up went.

    Attributes
    ----------
    cycles : int
        Repetitions that were run.
    steps : int
        Time steps of one repetition.
    reached : bool
        Whether water and temperature had stopped changing.
    change_water : float or None
        Greatest change of a layer's water over the last repetition [kg m-2]; ``None`` without one.
    change_temperature : float or None
        The same of temperature [K].
    """

    cycles: int
    steps: int
    reached: bool
    change_water: float | None
    change_temperature: float | None

    def __str__(self) -> str:
        if self.cycles == 0:
            return "none"
        verdict = "settled" if self.reached else "NOT settled"
        return (
            f"{verdict} after {self.cycles} cycles: the last changed water by {self.change_water:.2g} kg m-2 and temperature by "
            f"{self.change_temperature:.2g} K at most in any layer"
        )


def steps_of_a_cycle(stamps: pd.DatetimeIndex, timestep: float, section: SpinUpSection) -> int:
    """How many of a run's steps one repetition goes over.

    Parameters
    ----------
    stamps : DatetimeIndex, shape (step,)
        End of each step.
    timestep : float
        [s].
    section : SpinUpSection

    Returns
    -------
    int
    """
    start = stamps[0] - pd.Timedelta(seconds=timestep)
    return int((stamps <= start + pd.DateOffset(years=section.years)).sum())


def spin_up(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing,
    section: SpinUpSection,
    *,
    outputs: Sequence[str],
    compiled: bool,
    progress: Callable[[int], None] | None = None,
) -> tuple[ColumnState, SpinUp]:
    """Repeat a stretch of weather until no layer's water and temperature change from one end to the next.

    Parameters
    ----------
    column : SoilColumn
    state : ColumnState
        To start from.
    forcing : Forcing
        The stretch, shape (time, column) each.
    section : SpinUpSection
        ``[run.spin_up]`` of the experiment.
    outputs : sequence of str
        Outputs of the run that follows; the same, so that the step is compiled once.
    compiled : bool
        Compile the step.
    progress : callable, optional
        Called with the number of steps done since the last call.

    Returns
    -------
    ColumnState, SpinUp
    """
    steps = forcing.t_air.shape[0]
    water: float | None = None
    temperature: float | None = None
    reached = False
    cycles = 0
    while cycles < section.cycles and not reached:
        after = integrate(
            column, state, forcing, outputs=outputs, mean_over=steps, compiled=compiled, progress=progress
        ).state
        water = float(torch.max(torch.abs(after.smcl - state.smcl)))
        temperature = float(torch.max(torch.abs(after.t_soil - state.t_soil)))
        reached = water <= section.water and temperature <= section.temperature
        state = after
        cycles += 1
    return state, SpinUp(cycles, steps, reached, water, temperature)
