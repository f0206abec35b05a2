"""``jules-ml run`` with ``[closed_loop]``: an experiment through repeated years of its weather."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.column.antecedent import omitted_drivers
from jules_ml.column.closed_loop.loop import LOOP_OUTPUTS, LoopRun, SoilOfCarbon, closed_loop
from jules_ml.column.closed_loop.moisture_analysis import FollowedMoisture
from jules_ml.column.closed_loop.parts import first_carbon, followed_moisture, following_soil
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import to_be_compiled
from jules_ml.column.setup import experiment_column, initial_state
from jules_ml.column.spin_up import SpinUp, spin_up
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.closed_loop import ClosedLoopSection
from jules_ml.experiment.sections import RunSection
from jules_ml.physics.column import ColumnState, SoilColumn, jules_one_pool_factors
from jules_ml.physics.constants import SECONDS_PER_DAY, SECONDS_PER_YEAR
from jules_ml.physics.surface import Forcing
from jules_ml.support.cf import write_dataset
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress, counted
from jules_ml.support.provenance import software
from jules_ml.weather import site_weather

#: Water that learned moisture moves, as a fraction of precipitation, above which the user is warned [1].
_MOVED_WARNING = 0.1
#: Difference of a pass from a whole number of years above which the user is warned [years].
_SEASON_TOLERANCE = 0.02
_LAYERED = ("smcl", "sthf", "t_soil")


@dataclass(frozen=True, eq=False)
class ClosedLoopRun:
    """Result of the closed loop of an experiment.

    Attributes
    ----------
    experiment : Experiment
        The experiment that was run.
    loop : LoopRun
        Series and budgets.
    output : xarray.Dataset
        By ``time`` [years since the start] and ``soil``.
    years : float
        Length of the run [years].
    wall_seconds : float
        Of spin-up and run, compilation included.
    notes : tuple of str
        Sources of carbon, soil and moisture, and the effect of learned moisture on the water budget.
    warnings : tuple of str
        Results that the user should check.
    """

    experiment: Experiment
    loop: LoopRun
    output: xr.Dataset
    years: float
    wall_seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class _RepeatedWeather(NamedTuple):
    """Weather of one pass in whole periods of carbon.

    ``forcing`` of shape (step, 1) each; ``t_air_mean`` [K]; ``period`` [steps]; ``passes``; ``n_cut``, steps at the end of the weather
    that do not make a whole period.
    """

    forcing: Forcing
    t_air_mean: float
    period: int
    passes: int
    n_cut: int

    @property
    def n_steps(self) -> int:
        """Steps of one pass."""
        return self.forcing.t_air.shape[0]


class _Parts(NamedTuple):
    """Column, initial state, carbon, and what follows carbon and learned moisture."""

    column: SoilColumn
    state: ColumnState
    cs: torch.Tensor
    soil_of_carbon: SoilOfCarbon | None
    moisture: FollowedMoisture | None


def run_closed_loop(experiment: Experiment, *, progress: Progress | None = None) -> ClosedLoopRun:
    """Run the closed loop of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[closed_loop]`` and the sections that a run of the column needs.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    ClosedLoopRun

    Raises
    ------
    BadInput
        If the experiment lacks a section, a module folder cannot be used, or the soil cannot follow carbon.
    """
    section = experiment.required(experiment.closed_loop, "closed_loop")
    run = experiment.required(experiment.run, "run")
    dtype = torch.float32 if run.precision == "float32" else torch.float64
    weather = _repeated_weather(experiment, section, run, dtype)
    notes: list[str] = []
    parts = _loop_parts(experiment, section, run, weather, dtype, notes)
    column = parts.column
    column.cs = torch.ones_like(parts.cs)  # as in the loop, so that the step is compiled once
    n_spin = min(weather.n_steps, round(run.spin_up.years * SECONDS_PER_YEAR / run.timestep))
    most = n_spin * run.spin_up.cycles
    n_loop = weather.passes * weather.n_steps
    compiled = to_be_compiled(run, most + n_loop, notes)
    start_time = time.perf_counter()
    state, spun = spin_up(
        column,
        parts.state,
        Forcing(*(x[:n_spin] for x in weather.forcing)),
        run.spin_up,
        outputs=LOOP_OUTPUTS,
        compiled=compiled,
        on_steps=counted(progress, "spin-up", most),
    )
    if progress is not None and spun.cycles:
        progress("spin-up", spun.cycles * n_spin, spun.cycles * n_spin)
    notes.append(f"spin-up: {spun}")
    loop = closed_loop(
        column,
        state,
        weather.forcing,
        parts.cs,
        passes=weather.passes,
        period=weather.period,
        litter=None if section.litter is None else torch.full_like(parts.cs, section.litter / SECONDS_PER_YEAR),
        moves=section.carbon_moves,
        soil_of_carbon=parts.soil_of_carbon,
        moisture=parts.moisture,
        compiled=compiled,
        on_steps=counted(progress, "loop", n_loop),
    )
    years = n_loop * run.timestep / SECONDS_PER_YEAR
    warnings = _warnings(loop, parts.moisture, spun, years, weather.passes, notes)
    return ClosedLoopRun(
        experiment,
        loop,
        _dataset(loop, column, years, with_analysis=parts.moisture is not None),
        years,
        time.perf_counter() - start_time,
        tuple(notes),
        tuple(warnings),
    )


def _repeated_weather(
    experiment: Experiment, section: ClosedLoopSection, run: RunSection, dtype: torch.dtype
) -> _RepeatedWeather:
    """Weather of one pass, cut to whole periods of carbon.

    Raises
    ------
    BadInput
        If the weather is shorter than a period, or the run too short for moisture that is rescaled to a free first pass.
    """
    weather = site_weather(
        experiment.record(),
        experiment.forcing,
        timestep=run.timestep,
        start=None if run.start is None else pd.Timestamp(run.start),
        end=None if run.end is None else pd.Timestamp(run.end),
    )
    period = round(section.period_days * SECONDS_PER_DAY / run.timestep)
    n_all = weather.series.sizes["time"]
    n_steps = n_all // period * period
    if n_steps == 0:
        raise BadInput(
            f"the weather has {n_all} steps, fewer than the {period} of one period of carbon",
            where=f"{experiment.file}, closed_loop.period_days",
            remedy="give a smaller period_days, or a longer record",
        )
    passes = max(1, round(section.years * SECONDS_PER_YEAR / (n_steps * run.timestep)))
    if section.moisture is not None and section.moisture_level == "matched" and passes < 2:
        raise BadInput(
            "the run has one pass over the weather: learned moisture, rescaled to a free first pass, would have no effect",
            where=f"{experiment.file}, closed_loop.years",
            remedy="give years for two passes or more, or moisture_level = 'learned'",
        )
    return _RepeatedWeather(
        forcing=Forcing(*(x[:n_steps] for x in weather.tensors(dtype))),
        t_air_mean=float(weather.series["t_air"].mean()),
        period=period,
        passes=passes,
        n_cut=n_all - n_steps,
    )


def _loop_parts(
    experiment: Experiment,
    section: ClosedLoopSection,
    run: RunSection,
    weather: _RepeatedWeather,
    dtype: torch.dtype,
    notes: list[str],
) -> _Parts:
    """Make the column of an experiment with the carbon, soil and moisture of its ``[closed_loop]``, and note their sources."""
    experiment.refuse_physics("a closed loop")
    folder = experiment.modules.respiration
    first = first_carbon(experiment, section, dtype)
    experiment, rate_notes = with_learned_rate(experiment, cs=float(first.cs[0]))
    column, soil = experiment_column(
        experiment,
        timestep=run.timestep,
        dtype=dtype,
        factors=jules_one_pool_factors if folder is None else learned_factors(folder),
    )
    cs = first.cs
    notes += [*first.notes, *rate_notes, *omitted_drivers(folder)]
    if weather.n_cut:
        notes.append(
            f"the last {weather.n_cut} steps of the weather do not make a whole period of carbon and are left out"
        )
    soil_of_carbon, theta_r = following_soil(experiment, section, column, weather.forcing, first, notes)
    if soil_of_carbon is not None:
        column.soil = soil_of_carbon(cs)
    moisture = followed_moisture(
        experiment, section, column, weather.forcing, soil.theta_r if theta_r is None else theta_r, cs, notes
    )
    state = initial_state(column, run.initial, t_air_mean=weather.t_air_mean, experiment=experiment)
    return _Parts(column, state, cs, soil_of_carbon, moisture)


def _warnings(
    loop: LoopRun, moisture: FollowedMoisture | None, spun: SpinUp, years: float, passes: int, notes: list[str]
) -> list[str]:
    """Results that the user should check; the effect of learned moisture is noted in any case."""
    warnings = [] if moisture is None else _analysis_warnings(loop, years, passes, notes, matched=moisture.matched)
    pass_years = years / passes
    if abs(pass_years - max(1, round(pass_years))) > _SEASON_TOLERANCE:
        warnings.append(
            f"the repeated weather covers {pass_years:.2f} years, not a whole number: the seasons shift from pass to pass; set start and "
            "end in [run] to whole years"
        )
    if spun.cycles and not spun.reached:
        warnings.append("the soil was not in equilibrium at the end of spin-up: raise run.spin_up.cycles")
    return warnings


def _analysis_warnings(loop: LoopRun, years: float, passes: int, notes: list[str], *, matched: bool) -> list[str]:
    """Note the effect of learned moisture on the water budget of the passes that it acted in, and warn where it is large."""
    water = loop.water
    fraction_of_passes = (passes - 1) / passes if matched else 1.0
    precip = float(water.precip[0]) / years
    net, moved = (float(x[0]) / (years * fraction_of_passes) for x in (water.analysed, water.moved))
    fraction = moved / max(precip, 1e-30)
    notes.append(
        f"learned moisture added a net {net:+.0f} kg m-2 a-1 of water and moved {moved:.0f} kg m-2 a-1, "
        f"{100.0 * fraction:.0f} % of precipitation ({precip:.0f} kg m-2 a-1)"
    )
    if fraction <= _MOVED_WARNING:
        return []
    return [
        f"the water that learned moisture adds and removes is {100.0 * fraction:.0f} % of precipitation: column and module disagree; check "
        "that the soil properties and the residual water are those of the site, or raise moisture_tau_hours"
    ]


def _dataset(loop: LoopRun, column: SoilColumn, years: float, *, with_analysis: bool) -> xr.Dataset:
    """Series of a loop by time, soil layer and pass."""
    n, passes = len(loop.cs), loop.sm_sat.shape[0]
    units = {"units": "kg m-2 s-1"}
    data: dict[str, object] = {
        "cs": ("year", loop.cs[:, 0].numpy(), {"units": "kg m-2", "long_name": "soil carbon"}),
        "litter": ("year", loop.litter[:, 0].numpy(), units | {"long_name": "litter"}),
    }
    for name, values in loop.outputs.items():
        output = OUTPUTS[name]
        dims = ("year", "soil") if name in _LAYERED else ("year",)
        data[name] = (dims, values[..., 0].numpy(), output.attributes)
    if with_analysis:
        data["analysis"] = (
            ("year", "soil"),
            loop.added[..., 0].numpy(),
            {
                "units": "kg m-2",
                "long_name": "water that learned moisture added over the period; negative where removed",
            },
        )
    data["sm_sat"] = (
        ("pass", "soil"),
        loop.sm_sat[..., 0].numpy(),
        {"units": "m3 m-3", "long_name": "water content at saturation"},
    )
    return xr.Dataset(
        data,
        coords={
            "year": ("year", years * (np.arange(n) + 1.0) / n, {"units": "years", "long_name": "time since the start"}),
            "pass": ("pass", years * np.arange(passes) / passes, {"units": "years", "long_name": "start of the pass"}),
            "dzsoil": ("soil", column.dzsoil.flatten().numpy(), {"units": "m", "long_name": "thickness of soil layer"}),
        },
        attrs={"title": "closed loop of soil carbon on JULES's column"},
    )


def write_closed_loop(run: ClosedLoopRun, folder: Path) -> list[Path]:
    """Write ``closed_loop.nc``, ``run_summary.json`` and a copy of the experiment file.

    Parameters
    ----------
    run : ClosedLoopRun
        Result of :func:`run_closed_loop`.
    folder : Path
        Created if it does not exist.

    Returns
    -------
    list of Path
        The files.
    """
    output, summary, experiment = (folder / name for name in ("closed_loop.nc", "run_summary.json", "experiment.toml"))
    write_dataset(run.output, output, history=f"jules-ml run {run.experiment.file.name}")
    content = {
        "experiment": run.experiment.file.name,
        "software": software(),
        "years": run.years,
        "wall_seconds": round(run.wall_seconds, 2),
        "carbon": {
            "first": float(run.loop.cs[0, 0]),
            "last": float(run.loop.cs[-1, 0]),
            "budget_relative": run.loop.carbon.relative,
        },
        "water": {
            "budget_relative": run.loop.water.relative,
            **{name: float(getattr(run.loop.water, name)[0]) for name in ("precip", "spilled", "analysed", "moved")},
        },
        "notes": list(run.notes),
        "warnings": list(run.warnings),
    }
    with atomic_write(summary) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with atomic_write(experiment) as part:
        part.write_text(run.experiment.text, encoding="utf-8")
    return [output, summary, experiment]
