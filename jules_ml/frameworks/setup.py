"""Columns of a component from its experiment: soil, state, places and record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.column.grid.trees import widened
from jules_ml.column.land_setup import column_forcing
from jules_ml.column.run import to_be_compiled
from jules_ml.column.setup import initial_state
from jules_ml.column.spin_up import spin_up, steps_of_a_cycle
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.component import ComponentSection
from jules_ml.experiment.sections import RunSection
from jules_ml.frameworks.columns import Columns, columns_of
from jules_ml.frameworks.land import LandDrivers
from jules_ml.frameworks.places import Places
from jules_ml.frameworks.variables import WEATHER, Array, names_by_alias
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.surface import Forcing
from jules_ml.weather import Weather, site_weather


@dataclass(frozen=True, eq=False)
class Setup:
    """What a component steps.

    Attributes
    ----------
    section : ComponentSection
    column : SoilColumn
    state : ColumnState
        At the start, shape (..., column) each.
    places : Places
    record : array, shape (step, variable), or None
        Weather, in the order of :data:`~jules_ml.frameworks.variables.WEATHER`; None if all inputs are coupled.
    coupled : frozenset of str
        Inputs that other components must set, by CSDMS name.
    start : Timestamp or None
        Start of the run, UTC.
    n_steps : int or None
        None without an end.
    compiled : bool
        Whether steps are compiled.
    notes : tuple of str
        Messages for the user.
    land : LandDrivers or None
        What drives JULES's land surface beside the weather; None for the simple surface.
    """

    section: ComponentSection
    column: SoilColumn = field(repr=False)
    state: ColumnState = field(repr=False)
    places: Places
    record: Array | None = field(repr=False)
    coupled: frozenset[str]
    start: pd.Timestamp | None
    n_steps: int | None
    compiled: bool
    notes: tuple[str, ...] = ()
    land: LandDrivers | None = field(default=None, repr=False)

    @property
    def depths(self) -> Array:
        """Middle of the layers [m]."""
        thickness = self.column.dzsoil.flatten().numpy()
        return np.asarray(np.cumsum(thickness) - thickness / 2.0)


def read_setup(path: Path) -> Setup:
    """Read the experiment file of a component with a surface, and spin up its column.

    Parameters
    ----------
    path : Path
        Experiment file.

    Returns
    -------
    Setup

    Raises
    ------
    BadInput
        As :func:`~jules_ml.column.run.run_column`; and if a coupled run lacks what a record would give.
    """
    experiment = load_experiment(path)
    section = experiment.component or ComponentSection()
    run = experiment.required(experiment.run, "run")
    record = None if section.mode == "coupled" else experiment.record()
    columns = columns_of(experiment, section, record)
    places, notes = columns.places, columns.notes
    if record is None:
        state = state_without_record(columns, run)
        n_steps, start = steps_without_record(run)
        series = None
    else:
        weather = _weather(experiment, run, record)
        state = _spun_up(columns, run, weather, record)
        series = np.stack([weather.series[name].to_numpy() for name in Forcing._fields], axis=1)
        n_steps = len(series)
        start = pd.Timestamp(weather.series["time"].to_numpy()[0]) - pd.Timedelta(seconds=run.timestep)
    return Setup(
        section, columns.column, widened(state, places.size), places, series, coupled_inputs(section, experiment.file),
        start, n_steps, compiled_steps(run, n_steps, places.size, notes), tuple(notes),
        _land_drivers(columns, start, record),
    )  # fmt: skip


def _land_drivers(columns: Columns, start: pd.Timestamp | None, record: xr.Dataset | None) -> LandDrivers | None:
    """What drives JULES's land surface beside the weather."""
    physics, land = columns.experiment.physics, columns.column.surface
    if physics is None or not isinstance(land, LandSurface):
        return None
    return LandDrivers(
        columns.experiment,
        physics,
        land,
        latitude=columns.latitude,
        longitude=columns.longitude,
        columns=columns.places.size,
        start=start,
        record=record,
    )


def coupled_inputs(section: ComponentSection, file: Path) -> frozenset[str]:
    """CSDMS names of the inputs that other components must set.

    Raises
    ------
    BadInput
        If ``coupled`` names something else.
    """
    if section.mode == "coupled":
        return frozenset(WEATHER)
    aliases = names_by_alias(WEATHER)
    unknown = [name for name in section.coupled if name not in {*WEATHER, *aliases}]
    if unknown:
        raise BadInput(
            f"{', '.join(unknown)} is not an input",
            where=f"{file}, component.coupled",
            remedy=f"choose among {', '.join(aliases)}",
        )
    return frozenset(aliases.get(name, name) for name in section.coupled)


def compiled_steps(run: RunSection, n_steps: int | None, columns: int, notes: list[str]) -> bool:
    """Whether to compile the steps of a component: with many columns, or many or unlimited steps, unless the experiment decides."""
    return to_be_compiled(run, (10**9 if n_steps is None else n_steps) * columns, notes)


def _weather(experiment: Experiment, run: RunSection, record: xr.Dataset) -> Weather:
    return site_weather(
        record,
        experiment.forcing,
        timestep=run.timestep,
        start=None if run.start is None else pd.Timestamp(run.start),
        end=None if run.end is None else pd.Timestamp(run.end),
    )


def _spun_up(columns: Columns, run: RunSection, weather: Weather, record: xr.Dataset) -> ColumnState:
    """Spin up the column as :func:`~jules_ml.column.run.run_column` does."""
    column, experiment = columns.column, columns.experiment
    mean = float(weather.series["t_air"].mean())
    state = columns.state or initial_state(column, run.initial, t_air_mean=mean, experiment=experiment)
    if not run.spin_up.cycles:
        return state
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    n_spin = steps_of_a_cycle(stamps, run.timestep, run.spin_up)
    forcing = mapped(lambda x: x[:n_spin], column_forcing(experiment, column, weather, record))
    compiled = to_be_compiled(run, n_spin * run.spin_up.cycles, columns.notes)
    return spin_up(column, state, forcing, run.spin_up, outputs=("smcl",), compiled=compiled)[0]


def state_without_record(columns: Columns, run: RunSection) -> ColumnState:
    """Initial state where no record gives a mean air temperature or weather for spin-up.

    Raises
    ------
    BadInput
        If the experiment has a spin-up, or no initial soil temperature.
    """
    experiment = columns.experiment
    if run.spin_up.cycles:
        raise BadInput(
            "spin-up needs a record, and in the coupled mode the component has none",
            where=f"{experiment.file}, run.spin_up.cycles",
            remedy="set it to 0 and give run.initial, or start from a saved state (component.state)",
        )
    if columns.state is not None:
        return columns.state
    if run.initial.t_soil is None:
        raise BadInput(
            "the initial soil temperature is missing, which is otherwise the mean air temperature of the record",
            where=f"{experiment.file}, run.initial",
            remedy="add t_soil [K] to [run.initial]",
        )
    return initial_state(columns.column, run.initial, t_air_mean=float("nan"), experiment=experiment)


def steps_without_record(run: RunSection) -> tuple[int | None, pd.Timestamp | None]:
    """Steps and start of a run without a record: it has an end if ``[run]`` has both start and end."""
    start = None if run.start is None else pd.Timestamp(run.start)
    if run.start is None or run.end is None:
        return None, start
    return int((run.end - run.start).total_seconds() / run.timestep + 1e-6), start
