"""``jules-ml run`` with ``model = "column"``: from the record of an experiment to the output of the column."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.column.antecedent import antecedent_notes, module_antecedent, with_antecedent
from jules_ml.column.budget import Budgets
from jules_ml.column.land_setup import column_forcing
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors, range_notes
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.output import DERIVED, output_dataset, outputs_of, with_types
from jules_ml.column.reference_evapotranspiration import fao_et0
from jules_ml.column.setup import experiment_column, initial_state
from jules_ml.column.simulation import simulate
from jules_ml.column.spin_up import SpinUp, steps_of_a_cycle
from jules_ml.data.notes import notes_of_record
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import RunSection
from jules_ml.learned.hydraulics.soil_section import Soil
from jules_ml.physics.column import ColumnState, RespirationFactors, jules_one_pool_factors
from jules_ml.physics.compilation import NO_COMPILER, can_compile, compilation_obstacle
from jules_ml.physics.integration import Integration
from jules_ml.physics.kernel.trees import mapped
from jules_ml.support.progress import Progress
from jules_ml.weather import Weather, site_weather

#: Number of steps from which on compilation saves time.
_WORTH_COMPILING = 8000


_NO_EQUILIBRIUM: Final = "the soil was not in equilibrium at the end of spin-up: raise run.spin_up.cycles"


@dataclass(frozen=True)
class ColumnRun:
    """Result of a run of the column.

    Attributes
    ----------
    experiment : Experiment
        The experiment that was run.
    output : xarray.Dataset
        See :func:`~jules_ml.column.output.output_dataset`.
    weather : Weather
        Driving variables and substitutions.
    spin_up : SpinUp
        Cycles of spin-up and their convergence.
    budgets : Budgets
        Residuals of water and heat.
    compiled : bool
        Whether the step was compiled.
    wall_seconds : float
        Of spin-up and run, compilation included.
    record : xarray.Dataset
        Site dataset, for comparison with measurements.
    start : ColumnState
        State after spin-up, at the start of the run.
    notes : tuple of str
        Messages for the user.
    """

    experiment: Experiment
    output: xr.Dataset
    weather: Weather
    spin_up: SpinUp
    budgets: Budgets
    compiled: bool
    wall_seconds: float
    record: xr.Dataset
    start: ColumnState
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
        Site dataset that drives the column; by default that of ``[data]``.
    factors : callable, optional
        Modifiers of respiration, at the rate of ``[carbon]``; by default those of the module that ``[modules]`` names, at its rate, or
        else JULES's.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    ColumnRun

    Raises
    ------
    BadInput
        If the experiment lacks a section or its sections contradict each other; if the record lacks a variable that has no substitute.
    RunFailed
        If an output is not finite, or a soil temperature is outside the range on Earth.
    """
    section = experiment.required(experiment.run, "run")
    record = experiment.record() if record is None else record
    experiment, rate_notes = with_learned_rate(experiment, record=record) if factors is None else (experiment, [])
    own_factors = factors is not None
    antecedent = module_antecedent(None if own_factors else experiment.modules.respiration)
    factors = _factors(experiment) if factors is None else factors
    weather, notes = run_weather(experiment, section, record)
    dtype = torch.float32 if section.precision == "float32" else torch.float64
    with_soil, soil_notes = with_learned_soil(experiment, record=record)
    notes += [*notes_of_record(record), *rate_notes, *antecedent_notes(antecedent), *soil_notes]
    column, soil = experiment_column(with_soil, timestep=section.timestep, dtype=dtype, factors=factors)
    mean = float(weather.series["t_air"].mean())
    state = initial_state(column, section.initial, t_air_mean=mean, experiment=with_soil)
    names = outputs_of(column)
    _refuse_unknown_outputs(section, names, experiment.file)
    forcing = column_forcing(experiment, column, weather, record)
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    n_spin = steps_of_a_cycle(stamps, section.timestep, section.spin_up)
    most = n_spin * section.spin_up.cycles
    wanted = to_be_compiled(section, len(stamps) + most, notes)
    simulated = simulate(
        column,
        state,
        forcing,
        section.spin_up,
        cycle=mapped(lambda x: x[:n_spin], forcing),
        outputs=tuple(names),
        mean_over=1 if antecedent else section.mean_over,
        compiled=wanted,
        progress=progress,
    )
    integration, spun, state = simulated.integration, simulated.spin_up, simulated.start
    if antecedent:
        integration = with_antecedent(
            integration, antecedent, column=column, start=state, t_air=forcing.t_air, mean_over=section.mean_over
        )
    notes += [*([] if spun.reached or not spun.cycles else [_NO_EQUILIBRIUM]), *compilation_notes(wanted, integration)]

    output = with_types(_run_output(integration, weather, experiment, section, soil), column)
    budgets = simulated.budgets(column, output)
    notes += range_notes(None if own_factors else experiment.modules.respiration, output)
    output = _selected(output, section, names).assign_attrs(_run_attributes(experiment, weather, spun))
    ran, seconds = integration.compiled, simulated.wall_seconds
    return ColumnRun(experiment, output, weather, spun, budgets, ran, seconds, record, state, tuple(notes))


def _selected(output: xr.Dataset, section: RunSection, names: Collection[str]) -> xr.Dataset:
    """Output variables that ``run.outputs`` names."""
    return output.drop_vars([] if section.outputs is None else {*names, *DERIVED} - set(section.outputs))


def _run_output(
    integration: Integration,
    weather: Weather,
    experiment: Experiment,
    section: RunSection,
    soil: Soil,
) -> xr.Dataset:
    """Dataset of all outputs, weather and soil properties of a run."""
    start = pd.Timestamp(weather.series["time"].to_numpy()[0]) - pd.Timedelta(seconds=section.timestep)
    period = pd.Timedelta(seconds=section.timestep * section.mean_over)
    outputs = {name: values.squeeze(-1).numpy() for name, values in integration.outputs.items()}
    outputs["fao_et0"] = fao_et0(
        weather.series, timestep=section.timestep, period=period, height=experiment.forcing.height
    )
    return output_dataset(
        outputs,
        weather.series,
        start=start,
        period=period,
        dzsoil=soil.dzsoil.flatten().tolist(),
        soil=_soil_arrays(soil),
    )


def _run_attributes(experiment: Experiment, weather: Weather, spun: SpinUp) -> dict[str, str]:
    """Provenance of a run for the attributes of its output."""
    return {
        "substitutions": "; ".join(map(str, weather.substitutions)) or "none",
        "spin_up": str(spun),
        "modules": "; ".join(f"{name} {folder.name}" for name, folder in experiment.modules.folders().items() if folder)
        or "none",
        "history": f"jules-ml run {experiment.file.name}",
    }


def _factors(experiment: Experiment) -> RespirationFactors:
    """Choose the modifiers of respiration: those of the module that the experiment names, or JULES's."""
    folder = experiment.modules.respiration
    return jules_one_pool_factors if folder is None else learned_factors(folder)


def _refuse_unknown_outputs(section: RunSection, names: Collection[str], file: Path) -> None:
    """Refuse names in ``run.outputs`` that the column does not have."""
    unknown = [name for name in section.outputs or () if name not in {*names, *DERIVED}]
    if unknown:
        raise BadInput(
            f"the column has no output {', '.join(unknown)}",
            where=f"{file}, run.outputs",
            remedy=f"choose among {', '.join((*names, *DERIVED))}",
        )


def run_weather(experiment: Experiment, section: RunSection, record: xr.Dataset) -> tuple[Weather, list[str]]:
    """Prepare the weather of a run, cut to whole periods of output.

    Parameters
    ----------
    experiment : Experiment
        With ``[forcing]``.
    section : RunSection
        ``[run]`` of the experiment.
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    Weather
        A whole number of periods of ``mean_over`` steps.
    list of str
        A note if steps at the end were cut.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.weather.site_weather`, or if the run is shorter than one period of output.
    """
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
            f"the run has {n_steps} steps, fewer than the {section.mean_over} of one period of output",
            where=f"{experiment.file}, run.mean_over",
            remedy="give a smaller mean_over, or a later end",
        )
    cut = replace(weather, series=weather.series.isel(time=slice(whole)))
    return cut, [f"the last {n_steps - whole} steps do not make a whole period of output and were left out"]


def to_be_compiled(section: RunSection, steps: int, notes: list[str]) -> bool:
    """Whether to compile the step for a run of so many steps.

    Parameters
    ----------
    section : RunSection
        ``[run]`` of the experiment, whose ``compiled`` takes precedence.
    steps : int
        Steps of spin-up and run.
    notes : list of str
        Receives a note if compilation is wanted and no compiler is available.

    Returns
    -------
    bool

    Raises
    ------
    BadInput
        If compilation is wanted and not possible, and the run has single precision.
    """
    wanted = steps >= _WORTH_COMPILING if section.compiled is None else section.compiled
    if not wanted or can_compile():
        return wanted
    obstacle = compilation_obstacle() or NO_COMPILER
    if section.precision == "float32":
        # only a kernel keeps what rounding leaves of increments
        raise BadInput(
            f"{obstacle}: in single precision only the compiled step closes the water budget of long runs",
            where="run.precision",
            remedy="install a C++ compiler (g++ or clang++), or choose the precision float64 "
            "(precision in [run]; --precision with --from-jules)",
        )
    notes.append(_uncompiled(obstacle))
    return False


def compilation_notes(wanted: bool, integration: Integration) -> list[str]:
    """Note that a run which was to be compiled was not, because there is no kernel for it or it could not be written.

    Parameters
    ----------
    wanted : bool
        From :func:`to_be_compiled`.
    integration : Integration
        The run.

    Returns
    -------
    list of str
    """
    if not wanted or integration.compiled:
        return []
    single = integration.state.smcl.dtype == torch.float32
    lost = "; in single precision rounding then adds up in its budgets" if single else ""
    return [_uncompiled("no kernel could be made") + lost]


def _uncompiled(reason: str) -> str:
    return f"{reason}: the column ran without compilation, many times slower"


def _soil_arrays(soil: Soil) -> dict[str, NDArray[np.floating]]:
    """Soil properties and residual water by name, shape (soil,) each."""
    n_layers = soil.dzsoil.shape[0]
    named = {**soil.properties._asdict(), "theta_r": soil.theta_r}
    return {name: values.flatten().expand(n_layers).numpy() for name, values in named.items()}
