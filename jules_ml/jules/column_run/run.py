"""``jules-ml run --from-jules``: a run folder of JULES, run by the column."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.folder import run_summary, write_results
from jules_ml.column.land_weather import land_forcing
from jules_ml.column.output import DERIVED, OUTPUTS, output_dataset, outputs_of, with_types
from jules_ml.column.reference_evapotranspiration import fao_et0
from jules_ml.column.run import ColumnRun, compilation_notes, to_be_compiled
from jules_ml.column.simulation import simulate
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import RunSection, SiteSection
from jules_ml.jules.column_run.column import folder_column
from jules_ml.jules.column_run.driving import driving, heights, position
from jules_ml.jules.column_run.one_point import refuse_grid
from jules_ml.jules.column_run.prescribed import prescribed
from jules_ml.jules.column_run.profiles import Profile, missing_outputs, output_profile
from jules_ml.jules.column_run.switches import column_switches
from jules_ml.jules.column_run.times import Times, run_times
from jules_ml.jules.run_folder import NAMELISTS, RunFolder, read_run_folder
from jules_ml.physics.column import SoilColumn
from jules_ml.physics.integration import Integration
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.switches import Switches
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress
from jules_ml.weather import Weather


class _Inputs(NamedTuple):
    """Weather of a period of a run, as records and as tensors."""

    weather: Weather
    forcing: LandForcing


def run_folder_as_column(
    folder: str | Path,
    *,
    namelists: str | None = None,
    precision: torch.dtype = torch.float64,
    compiled: bool | None = None,
    progress: Progress | None = None,
) -> tuple[ColumnRun, RunFolder]:
    """Run the column with the configuration and the inputs of a run folder of JULES.

    Parameters
    ----------
    folder : str or Path
        Run folder, or Rose application, of one point.
    namelists : str, optional
        Folder of the namelists; see :func:`~jules_ml.jules.run_folder.read_run_folder`.
    precision : torch.dtype
        Of state and parameters.
    compiled : bool, optional
        Compile the step; default: for long runs, if a compiler is available.
    progress : callable, optional
        Receives how far the work has got.

    Returns
    -------
    ColumnRun
    RunFolder
        The folder as it was read.

    Raises
    ------
    BadInput
        If the folder has physics that the column does not have, several points, or incomplete inputs.
    RunFailed
        If the column becomes unstable, or spin-up does not converge and the run is to end then.
    """
    run = read_run_folder(folder, namelists)
    refuse_grid(run)
    switches = column_switches(run)
    times, profile = run_times(run), output_profile(run)
    column, state = folder_column(run, switches, dtype=precision)
    inputs = _inputs(run, switches, times.start, _whole_periods(times, profile, run), precision)
    cycle = _inputs(run, switches, *times.cycle, precision) if times.spin_up.cycles else inputs
    steps, n_spin = (x.weather.series.sizes["time"] for x in (inputs, cycle))
    notes = list(profile.notes)
    section = _section(run, times, profile, precision, compiled)
    outputs = _outputs(column, profile)
    is_compiled = to_be_compiled(section, steps + n_spin * times.spin_up.cycles, notes)
    simulated = simulate(
        column,
        state,
        inputs.forcing,
        times.spin_up,
        cycle=cycle.forcing,
        outputs=outputs,
        mean_over=profile.mean_over,
        compiled=is_compiled,
        must_converge=times.stop,
        progress=progress,
    )
    spun = simulated.spin_up
    if spun.cycles and not spun.reached:
        notes.append("the soil was not in equilibrium at the end of spin-up: raise max_spinup_cycles")
    output = _output(simulated.integration, inputs.weather, column, run, times, profile)
    budgets = simulated.budgets(column, output)
    output.attrs |= {"spin_up": str(spun), "history": f"jules-ml run --from-jules {run.folder.name}"}
    notes += [*compilation_notes(is_compiled, simulated.integration), *_missing_outputs(profile, output)]
    made = ColumnRun(
        _experiment(run, section),
        output,
        inputs.weather,
        spun,
        budgets,
        simulated.integration.compiled,
        simulated.wall_seconds,
        inputs.weather.series,
        simulated.start,
        tuple(notes),
    )
    return made, run


def write_folder_run(run: ColumnRun, source: RunFolder, folder: Path) -> list[Path]:
    """Write the output, a summary, and the namelists that the column was made of.

    Parameters
    ----------
    run : ColumnRun
        From :func:`run_folder_as_column`.
    source : RunFolder
        The run folder.
    folder : Path
        Created if it does not exist.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BadInput
        If the folder cannot be written.
    """
    contents = run_summary(run) | {"experiment": source.folder.name, "from_jules": str(source.namelists.where)}
    written = write_results(run, contents, folder)
    (folder / NAMELISTS).mkdir(exist_ok=True)
    copies = []
    for name in source.namelists.files:
        with atomic_write(folder / NAMELISTS / name) as part:
            part.write_bytes(source.namelists.text(name).encode("utf-8", errors="surrogateescape"))
        copies.append(folder / NAMELISTS / name)
    return [*written, *copies]


def _outputs(column: SoilColumn, profile: Profile) -> tuple[str, ...]:
    """Outputs of every column, and those of the profiles that this one has besides."""
    available = outputs_of(column)
    return (*OUTPUTS, *(n for n in dict.fromkeys((*profile.variables, "elake")) if n in available and n not in OUTPUTS))


def _whole_periods(times: Times, profile: Profile, run: RunFolder) -> pd.Timestamp:
    """End of the last whole period of output in the main run, which JULES writes."""
    period = pd.Timedelta(seconds=run.timestep * profile.mean_over)
    count = (times.end - times.start) // period
    if count == 0:
        raise BadInput(
            f"the main run is shorter than one period of output of {period}",
            where=run.namelists.place("jules_time"),
            remedy="give a shorter output_period, or a later main_run_end",
        )
    return times.start + count * period


def _inputs(run: RunFolder, switches: Switches, start: pd.Timestamp, end: pd.Timestamp, dtype: torch.dtype) -> _Inputs:
    """Weather of a period, with the sun and prescribed leaf area and height."""
    weather, diff_frac = driving(run, start, end)
    steps = pd.date_range(start, end, freq=pd.Timedelta(seconds=run.timestep), inclusive="left")
    latitude, longitude = position(weather.series, run)
    forcing = land_forcing(
        weather,
        latitude=latitude,
        longitude=longitude,
        l_cosz=switches.l_cosz,
        diff_frac=diff_frac,
        vegetation=prescribed(run, steps),
        dtype=dtype,
    )
    return _Inputs(weather, forcing)


def _section(
    run: RunFolder, times: Times, profile: Profile, precision: torch.dtype, compiled: bool | None
) -> RunSection:
    """``[run]`` of an experiment with the settings of the folder."""
    return RunSection(
        start=times.start.to_pydatetime(),
        end=times.end.to_pydatetime(),
        timestep=run.timestep,
        mean_over=profile.mean_over,
        precision="float32" if precision == torch.float32 else "float64",
        compiled=compiled,
        spin_up=times.spin_up,
    )


def _experiment(run: RunFolder, section: RunSection) -> Experiment:
    """Experiment that stands for the folder in a summary."""
    experiment = Experiment(site=SiteSection(name=run.folder.name), run=section)
    experiment._file = run.namelists.where
    return experiment


def _output(
    integration: Integration,
    weather: Weather,
    column: SoilColumn,
    run: RunFolder,
    times: Times,
    profile: Profile,
) -> xr.Dataset:
    """Dataset of all outputs, weather, soil properties and cover."""
    assert isinstance(column.surface, LandSurface)
    period = pd.Timedelta(seconds=run.timestep * profile.mean_over)
    outputs: dict[str, NDArray[np.floating]] = {n: _array(v) for n, v in integration.outputs.items()}
    if "fao_et0" in profile.variables:
        outputs["fao_et0"] = fao_et0(
            weather.series, timestep=run.timestep, period=period, height=heights(run).temperature
        )
    n_layers = column.dzsoil.shape[0]
    soil = {name: _array(values.expand(n_layers, 1)) for name, values in column.soil._asdict().items()}
    ds = output_dataset(
        outputs,
        weather.series,
        start=times.start,
        period=period,
        dzsoil=column.dzsoil.flatten().tolist(),
        soil=soil | {"theta_r": np.zeros(n_layers)},
    )
    return with_types(ds, column)


def _array(values: Tensor) -> NDArray[np.floating]:
    array: NDArray[np.floating] = values.squeeze(-1).numpy()
    return array


def _missing_outputs(profile: Profile, output: xr.Dataset) -> list[str]:
    """Note the variables of the profiles that the column does not have."""
    return missing_outputs(profile, {*map(str, output.variables), *DERIVED})
