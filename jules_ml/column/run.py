"""``jules-ml run`` with ``model = "column"``: an experiment from its record to its output."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.column.budget import Budgets, column_budgets, water_stored
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.output import OUTPUTS, SOIL_TEMPERATURES, is_sound, output_dataset
from jules_ml.column.setup import Soil, experiment_column, initial_state
from jules_ml.column.spin_up import SpinUp, spin_up, steps_of_a_cycle
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import RunSection
from jules_ml.physics.column import ColumnState, RespirationFactors, SoilColumn, jules_one_pool_factors
from jules_ml.physics.integration import NO_COMPILER, can_compile, integrate
from jules_ml.physics.surface import Forcing
from jules_ml.weather import Weather, site_weather

#: Called with a stage, the steps done in it, and the steps it has at most.
Progress = Callable[[str, int, int], None]

#: Runs of fewer steps are over before they would be compiled.
_WORTH_COMPILING = 8000


@dataclass(frozen=True)
class ColumnRun:
    """A run of the column that has ended.

    Attributes
    ----------
    experiment : Experiment
    output : xarray.Dataset
        See :func:`~jules_ml.column.output.output_dataset`.
    weather : Weather
        What drove it, and what in that was not measured.
    spin_up : SpinUp
    budgets : Budgets
    compiled : bool
        Whether the step was compiled.
    wall_seconds : float
        Of spin-up and run, compilation included.
    record : xarray.Dataset
        The site dataset, for comparison with what was measured.
    notes : tuple of str
        What the user should know of how it went.
    """

    experiment: Experiment
    output: xr.Dataset
    weather: Weather
    spin_up: SpinUp
    budgets: Budgets
    compiled: bool
    wall_seconds: float
    record: xr.Dataset
    notes: tuple[str, ...] = ()


def run_column(
    experiment: Experiment,
    *,
    record: xr.Dataset | None = None,
    factors: RespirationFactors | None = None,
    progress: Progress | None = None,
) -> ColumnRun:
    """Run the column of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]`` or ``[modules] hydraulics``, ``[surface]``, ``[carbon]`` and ``[run]``.
    record : xarray.Dataset, optional
        Site dataset that drives it; read as ``[data]`` says unless given.
    factors : callable, optional
        Respiration factors; those that ``[modules]`` names unless given, or else JULES's.
    progress : callable, optional
        Called with a stage, the steps done in it and the steps it has at most.

    Returns
    -------
    ColumnRun

    Raises
    ------
    BadInput
        If the experiment lacks a section or its parts do not fit; if the record lacks what nothing can stand in for.
    RunFailed
        If the column leaves the range of numbers, or that of temperatures on Earth.
    """
    section = experiment.required(experiment.run, "run")
    _refuse_unknown_outputs(section, experiment.file)
    factors = _factors(experiment) if factors is None else factors
    record = experiment.record() if record is None else record
    weather, notes = run_weather(experiment, section, record)
    dtype = torch.float32 if section.precision == "float32" else torch.float64
    with_soil, said = with_learned_soil(experiment, record=record)
    notes += said
    column, soil = experiment_column(with_soil, timestep=section.timestep, dtype=dtype, factors=factors)
    state = initial_state(column, section.initial, t_air_mean=float(weather.series["t_air"].mean()))

    forcing, stamps = weather.tensors(dtype), pd.DatetimeIndex(weather.series["time"].to_numpy())
    start = stamps[0] - pd.Timedelta(seconds=section.timestep)
    n_spin = steps_of_a_cycle(stamps, section.timestep, section.spin_up)
    most = n_spin * section.spin_up.cycles
    compiled = to_be_compiled(section, len(stamps) + most, notes)
    began = time.perf_counter()
    state, spun = spin_up(
        column,
        state,
        Forcing(*(x[:n_spin] for x in forcing)),
        section.spin_up,
        outputs=tuple(OUTPUTS),
        compiled=compiled,
        progress=counting(progress, "spin-up", most),
    )
    _refuse_broken_spin_up(state, spun, column)
    if progress is not None and spun.cycles:
        progress("spin-up", spun.cycles * n_spin, spun.cycles * n_spin)
    done = integrate(
        column,
        state,
        forcing,
        outputs=tuple(OUTPUTS),
        mean_over=section.mean_over,
        compiled=compiled,
        progress=counting(progress, "run", len(stamps)),
    )
    wall_seconds = time.perf_counter() - began
    if not spun.reached and spun.cycles:
        notes.append("the soil had not settled at the end of spin-up: raise run.spin_up.cycles")

    output = output_dataset(
        {name: values.squeeze(-1).numpy() for name, values in done.outputs.items()},
        weather.series,
        start=start,
        period=pd.Timedelta(seconds=section.timestep * section.mean_over),
        dzsoil=soil.dzsoil.flatten().tolist(),
        soil=_soil_arrays(soil),
    )
    _refuse_broken_column(output, column)
    gained = water_stored(column, done.state) - water_stored(column, state)
    budgets = column_budgets(output, gained=gained, timestep=section.timestep)
    output = output.drop_vars([] if section.outputs is None else set(OUTPUTS) - set(section.outputs))
    output.attrs |= {
        "substitutions": "; ".join(map(str, weather.substitutions)) or "none",
        "spin_up": str(spun),
        "modules": "; ".join(f"{name} {folder.name}" for name, folder in experiment.modules if folder) or "none",
        "history": f"jules-ml run {experiment.file.name}",
    }
    return ColumnRun(experiment, output, weather, spun, budgets, compiled, wall_seconds, record, tuple(notes))


def _factors(experiment: Experiment) -> RespirationFactors:
    folder = experiment.modules.respiration
    return jules_one_pool_factors if folder is None else learned_factors(folder)


def _refuse_unknown_outputs(section: RunSection, file: Path) -> None:
    unknown = [name for name in section.outputs or () if name not in OUTPUTS]
    if unknown:
        raise BadInput(
            f"no output is called {', '.join(unknown)}",
            where=f"{file}, run.outputs",
            remedy=f"choose among {', '.join(OUTPUTS)}",
        )


def run_weather(experiment: Experiment, section: RunSection, record: xr.Dataset) -> tuple[Weather, list[str]]:
    """Weather of the run, cut to whole periods of output, and a note where something was cut off."""
    weather = site_weather(
        record,
        experiment.forcing,
        timestep=section.timestep,
        start=None if section.start is None else pd.Timestamp(section.start),
        end=None if section.end is None else pd.Timestamp(section.end),
    )
    n_steps = weather.series.sizes["time"]
    whole = n_steps - n_steps % section.mean_over
    if whole == n_steps:
        return weather, []
    if whole == 0:
        raise BadInput(
            f"the run has {n_steps} steps, and one period of output {section.mean_over}",
            where=f"{experiment.file}, run.mean_over",
            remedy="give a smaller mean_over, or a later end",
        )
    cut = replace(weather, series=weather.series.isel(time=slice(whole)))
    return cut, [f"the last {n_steps - whole} steps do not make a whole period of output and were left out"]


def to_be_compiled(section: RunSection, steps: int, notes: list[str]) -> bool:
    """Whether to compile the step; notes where that is wanted and cannot be had."""
    wanted = steps >= _WORTH_COMPILING if section.compiled is None else section.compiled
    if wanted and not can_compile():
        notes.append(f"{NO_COMPILER}: the column ran eagerly, some ten times slower")
    return wanted and can_compile()


def counting(progress: Progress | None, stage: str, total: int) -> Callable[[int], None] | None:
    """Turn steps done since the last call into steps done in the stage."""
    if progress is None:
        return None
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        progress(stage, done, total)

    return count


def _soil_arrays(soil: Soil) -> dict[str, NDArray[np.floating]]:
    n_layers = soil.dzsoil.shape[0]
    named = {**soil.properties._asdict(), "theta_r": soil.theta_r}
    return {name: values.flatten().expand(n_layers).numpy() for name, values in named.items()}


def _refuse_broken_spin_up(state: ColumnState, spun: SpinUp, column: SoilColumn) -> None:
    sound = [bool(is_sound(name, getattr(state, name).numpy()).all()) for name in ("smcl", "sthf", "t_soil")]
    if spun.cycles and not all(sound):
        raise RunFailed(
            f"the column broke down in its {spun.cycles} cycles of spin-up, of {spun.steps} steps each; "
            f"check {_what_to_check(column)}"
        )


def _refuse_broken_column(output: xr.Dataset, column: SoilColumn) -> None:
    for name in OUTPUTS:
        sound = is_sound(name, output[name].to_numpy()).reshape(output.sizes["time"], -1).all(axis=1)
        if not sound.all():
            first = pd.Timestamp(output["time"].to_numpy()[~sound][0])
            expected = "between {:g} and {:g} K".format(*SOIL_TEMPERATURES) if name == "t_soil" else "finite"
            raise RunFailed(
                f"the column left the range of numbers: {name} is not {expected} from the period that ends at {first} UTC; "
                f"check the weather about that time, and {_what_to_check(column)}"
            )


def _what_to_check(column: SoilColumn) -> str:
    """Say what the soil is and what can be done: clay as permeable as sand takes heavy rain only in short steps."""
    soil = column.soil
    b, sathh, satcon = (", ".join(f"{value:.3g}" for value in x.flatten().tolist()) for x in soil[:3])
    layers = f"b {b}, sathh {sathh} m and satcon {satcon} kg m-2 s-1"
    return f"the soil, whose layers have {layers}: where b and satcon are both high, give a shorter run.timestep"
