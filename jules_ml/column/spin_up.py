"""Spin-up of the column: the first years repeated until the state of the soil converges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd
import torch

from jules_ml.experiment.sections import SpinUpSection
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.integration import integrate
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing


@dataclass(frozen=True)
class SpinUp:
    """Cycles of a spin-up and their convergence.

    Attributes
    ----------
    cycles : int
        Number of cycles.
    steps : int
        Time steps of one cycle.
    reached : bool
        Whether the changes of water and temperature fell below their tolerances.
    change_water : float or None
        Largest change of a layer's water over the last cycle [kg m-2]; ``None`` without a cycle.
    change_temperature : float or None
        Largest change of a layer's temperature over the last cycle [K]; ``None`` without a cycle.
    """

    cycles: int
    steps: int
    reached: bool
    change_water: float | None
    change_temperature: float | None

    def __str__(self) -> str:
        """Sentence for the user and for the attributes of the output."""
        if self.cycles == 0:
            return "none"
        verdict = "converged" if self.reached else "NOT converged"
        return (
            f"{verdict} after {self.cycles} cycles: the last one changed the water of a layer by up to {self.change_water:.2g} kg m-2 and "
            f"its temperature by up to {self.change_temperature:.2g} K"
        )

    def to_json(self) -> dict[str, object]:
        """Entry of ``run_summary.json``; without a cycle there is no convergence to state."""
        return asdict(self) if self.cycles else {"cycles": 0}


def steps_of_a_cycle(stamps: pd.DatetimeIndex, timestep: float, section: SpinUpSection) -> int:
    """Count the time steps of one cycle of spin-up.

    Parameters
    ----------
    stamps : DatetimeIndex, shape (step,)
        End of each step of the run.
    timestep : float
        Length of a step [s].
    section : SpinUpSection
        ``[run.spin_up]`` of the experiment.

    Returns
    -------
    int
    """
    start = stamps[0] - pd.Timedelta(seconds=timestep)
    return int((stamps <= start + pd.DateOffset(years=section.years)).sum())


def spin_up(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing | LandForcing,
    section: SpinUpSection,
    *,
    outputs: Sequence[str],
    compiled: bool,
    on_steps: Callable[[int], None] | None = None,
) -> tuple[ColumnState, SpinUp]:
    """Repeat a period of weather until water and temperature of every layer converge.

    Parameters
    ----------
    column : SoilColumn
        With a surface.
    state : ColumnState
        At the start.
    forcing : Forcing or LandForcing
        Weather of one cycle, shape (time, column) each.
    section : SpinUpSection
        ``[run.spin_up]`` of the experiment.
    outputs : sequence of str
        Outputs of the run that follows: with the same ones the step is compiled only once.
    compiled : bool
        Compile the step.
    on_steps : callable, optional
        Called with the number of steps done since the last call.

    Returns
    -------
    ColumnState
        At the end of the last cycle.
    SpinUp
        Cycles and their convergence.
    """
    steps = forcing.t_air.shape[0]
    water: float | None = None
    temperature: float | None = None
    reached = False
    cycles = 0
    while cycles < section.cycles and not reached:
        after = integrate(
            column, state, forcing, outputs=outputs, mean_over=steps, compiled=compiled, on_steps=on_steps
        ).state
        water = float(torch.max(torch.abs(after.smcl - state.smcl)))
        temperature = float(torch.max(torch.abs(after.t_soil - state.t_soil)))
        reached = water <= section.water and temperature <= section.temperature
        state = after
        cycles += 1
    return state, SpinUp(cycles, steps, reached, water, temperature)
