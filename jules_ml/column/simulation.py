"""Spin-up and run of one column, and the budgets of its output."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from jules_ml.column.budget import Budgets, column_budgets, water_stored
from jules_ml.column.output import OUTPUTS, SOIL_TEMPERATURES, is_sound
from jules_ml.column.spin_up import SpinUp, spin_up
from jules_ml.errors import RunFailed
from jules_ml.experiment.sections import SpinUpSection
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.integration import Integration, integrate
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing
from jules_ml.support.progress import Progress, counted


@dataclass(frozen=True)
class ColumnSimulation:
    """Result of spin-up and run.

    Attributes
    ----------
    start : ColumnState
        State after spin-up, at the start of the run.
    spin_up : SpinUp
        Cycles of spin-up and their convergence.
    integration : Integration
        State at the end, and outputs.
    wall_seconds : float
        Of spin-up and run, compilation included.
    """

    start: ColumnState
    spin_up: SpinUp
    integration: Integration
    wall_seconds: float

    def budgets(self, column: SoilColumn, output: xr.Dataset) -> Budgets:
        """Close the budgets of water and heat.

        Parameters
        ----------
        column : SoilColumn
        output : xarray.Dataset
            From :func:`~jules_ml.column.output.output_dataset`, with all variables.

        Returns
        -------
        Budgets

        Raises
        ------
        RunFailed
            If an output is not finite, or a soil temperature is outside the range on Earth.
        """
        _refuse_unstable_column(output, column)
        gained = water_stored(column, self.integration.state) - water_stored(column, self.start)
        return column_budgets(output, gained=gained, timestep=column.timestep)


def simulate(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing | LandForcing,
    section: SpinUpSection,
    *,
    cycle: Forcing | LandForcing,
    outputs: Sequence[str],
    mean_over: int,
    compiled: bool,
    must_converge: bool = False,
    progress: Progress | None = None,
) -> ColumnSimulation:
    """Spin up a column, and run it.

    Parameters
    ----------
    column : SoilColumn
        With a surface.
    state : ColumnState
        Before spin-up.
    forcing, cycle : Forcing or LandForcing
        Weather of the run and of one cycle of spin-up, shape (step, ..., 1) each.
    section : SpinUpSection
        Most cycles, and tolerances.
    outputs : sequence of str
    mean_over : int
        Time steps in a period of output.
    compiled : bool
        Compile the step.
    must_converge : bool
        Whether the run ends if spin-up does not converge (JULES's ``terminate_on_spinup_fail``).
    progress : callable, optional
        Receives how far the work has got.

    Returns
    -------
    ColumnSimulation

    Raises
    ------
    RunFailed
        If spin-up becomes unstable, or does not converge although it must.
    """
    most = section.cycles * len(cycle.t_air)
    started = time.perf_counter()
    start, spun = spin_up(
        column,
        state,
        cycle,
        section,
        outputs=outputs,
        compiled=compiled,
        on_steps=counted(progress, "spin-up", most),
    )
    _refuse_unstable_spin_up(start, spun, column)
    if must_converge and spun.cycles and not spun.reached:
        raise RunFailed(f"spin-up has {spun}, and terminate_on_spinup_fail = T ends the run")
    if progress is not None and spun.cycles:
        # it may have needed fewer cycles than announced
        progress("spin-up", spun.cycles * spun.steps, spun.cycles * spun.steps)
    integration = integrate(
        column,
        start,
        forcing,
        outputs=outputs,
        mean_over=mean_over,
        compiled=compiled,
        on_steps=counted(progress, "run", len(forcing.t_air)),
    )
    return ColumnSimulation(start, spun, integration, time.perf_counter() - started)


def _refuse_unstable_spin_up(state: ColumnState, spun: SpinUp, column: SoilColumn) -> None:
    """Stop if spin-up ended in a state that is not finite, or outside the range of soil temperatures."""
    sound = [bool(is_sound(name, getattr(state, name).numpy()).all()) for name in ("smcl", "sthf", "t_soil")]
    if spun.cycles and not all(sound):
        raise RunFailed(
            f"the column became numerically unstable in its {spun.cycles} cycles of spin-up of {spun.steps} steps each; "
            f"check {_remedy(column)}"
        )


def _refuse_unstable_column(output: xr.Dataset, column: SoilColumn) -> None:
    """Stop if an output is not finite, or a soil temperature is outside the range on Earth."""
    for name in OUTPUTS:
        sound = is_sound(name, output[name].to_numpy()).reshape(output.sizes["time"], -1).all(axis=1)
        if not sound.all():
            first = pd.Timestamp(output["time"].to_numpy()[~sound][0])
            expected = "between {:g} and {:g} K".format(*SOIL_TEMPERATURES) if name == "t_soil" else "finite"
            raise RunFailed(
                f"the column became numerically unstable: {name} is not {expected} from the period that ends at {first} UTC; "
                f"check the weather at that time, and {_remedy(column)}"
            )


def _remedy(column: SoilColumn) -> str:
    """Soil properties and a shorter time step, which clay as permeable as sand needs under heavy rain."""
    soil = column.soil
    b, sathh, satcon = (", ".join(f"{value:.3g}" for value in x.flatten().tolist()) for x in soil[:3])
    layers = f"b {b}, sathh {sathh} m and satcon {satcon} kg m-2 s-1"
    return f"the soil, whose layers have {layers}: if b and satcon are both high, give a shorter run.timestep"
