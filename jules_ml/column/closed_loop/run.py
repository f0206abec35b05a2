"""``jules-ml run`` with ``[closed_loop]``: an experiment through decades of its weather."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.column.closed_loop.loop import KEPT, LoopRun, closed_loop
from jules_ml.column.closed_loop.parts import first_carbon, followed_moisture, following_soil
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import counting, to_be_compiled
from jules_ml.column.setup import experiment_column, initial_state
from jules_ml.column.spin_up import spin_up
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.physics.column import SoilColumn, jules_one_pool_factors
from jules_ml.physics.constants import SECONDS_PER_DAY, SECONDS_PER_YEAR
from jules_ml.physics.surface import Forcing
from jules_ml.support.files import whole_file
from jules_ml.support.provenance import software
from jules_ml.weather import site_weather

#: Called with a stage, the steps done in it, and the steps it has at most.
Progress = Callable[[str, int, int], None]
#: Water that learned moisture moves, of what falls as rain and snow, from which on the user is warned [1].
_MUCH_MOVED = 0.1
#: Years by which a pass may miss a whole number of them.
_OUT_OF_SEASON = 0.02
_LAYERED = ("smcl", "sthf", "t_soil")


@dataclass(frozen=True, eq=False)
class ClosedLoopRun:
    """A closed loop of an experiment.

    Attributes
    ----------
    experiment : Experiment
    loop : LoopRun
    output : xarray.Dataset
        By ``time`` [years since the start] and ``soil``.
    years : float
        That it covers.
    wall_seconds : float
    notes : tuple of str
        What closes and what does not.
    warnings : tuple of str
        What the user should be told.
    """

    experiment: Experiment
    loop: LoopRun
    output: xr.Dataset
    years: float
    wall_seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def run_closed_loop(experiment: Experiment, *, progress: Progress | None = None) -> ClosedLoopRun:
    """Run the closed loop of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[closed_loop]``, and all that a run of the column needs.
    progress : callable, optional
        Called with a stage, the steps done in it and the steps it has at most.

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
    weather = site_weather(
        experiment.record(),
        experiment.forcing,
        timestep=run.timestep,
        start=None if run.start is None else pd.Timestamp(run.start),
        end=None if run.end is None else pd.Timestamp(run.end),
    )
    dtype = torch.float32 if run.precision == "float32" else torch.float64
    period = round(section.period_days * SECONDS_PER_DAY / run.timestep)
    given = weather.series.sizes["time"]
    n_steps = given // period * period
    if n_steps == 0:
        raise BadInput(
            f"the weather has {given} steps, and a period of carbon {period}",
            where=f"{experiment.file}, closed_loop.period_days",
            remedy="give a smaller period_days, or a longer record",
        )
    forcing = Forcing(*(x[:n_steps] for x in weather.tensors(dtype)))
    passes = max(1, round(section.years * SECONDS_PER_YEAR / (n_steps * run.timestep)))
    if section.moisture is not None and section.moisture_level == "matched" and passes < 2:
        raise BadInput(
            "there is one pass over the weather, and learned moisture is matched to a first one that is free: it would have no part",
            where=f"{experiment.file}, closed_loop.years",
            remedy="give years for two passes or more, or moisture_level = 'learned'",
        )
    factors = experiment.modules.respiration
    column, soil = experiment_column(
        experiment,
        timestep=run.timestep,
        dtype=dtype,
        factors=jules_one_pool_factors if factors is None else learned_factors(factors),
    )
    first = first_carbon(experiment, section, dtype)
    cs, notes = first.cs, first.notes
    if n_steps < given:
        notes.append(
            f"the last {given - n_steps} steps of the weather do not make a whole period of carbon and are left out"
        )
    soil_of_carbon, theta_r = following_soil(experiment, section, column, forcing, first, notes)
    if soil_of_carbon is not None:
        column.soil = soil_of_carbon(cs)
    moisture = followed_moisture(
        experiment, section, column, forcing, soil.theta_r if theta_r is None else theta_r, cs, notes
    )
    state = initial_state(column, run.initial, t_air_mean=float(weather.series["t_air"].mean()))
    column.cs = torch.ones_like(cs)  # as the loop has it, so that the step is compiled once
    n_spin = min(n_steps, round(run.spin_up.years * SECONDS_PER_YEAR / run.timestep))
    most = n_spin * run.spin_up.cycles
    compiled = to_be_compiled(run, most + passes * n_steps, notes)
    began = time.perf_counter()
    state, spun = spin_up(
        column,
        state,
        Forcing(*(x[:n_spin] for x in forcing)),
        run.spin_up,
        outputs=KEPT,
        compiled=compiled,
        progress=counting(progress, "spin-up", most),
    )
    notes.append(f"spin-up: {spun}")
    loop = closed_loop(
        column,
        state,
        forcing,
        cs,
        passes=passes,
        period=period,
        litter=None if section.litter is None else torch.full_like(cs, section.litter / SECONDS_PER_YEAR),
        moves=section.carbon_moves,
        soil_of_carbon=soil_of_carbon,
        moisture=moisture,
        compiled=compiled,
        progress=counting(progress, "loop", passes * n_steps),
    )
    years = passes * n_steps * run.timestep / SECONDS_PER_YEAR
    warnings = [] if moisture is None else _said_of_water(loop, years, passes, notes, matched=moisture.matched)
    a_pass = years / passes
    if abs(a_pass - max(1, round(a_pass))) > _OUT_OF_SEASON:
        warnings.append(
            f"the weather that is repeated covers {a_pass:.2f} years: seasons do not come round as they should; give whole years by "
            "start and end in [run]"
        )
    if spun.cycles and not spun.reached:
        warnings.append("the soil had not settled at the end of spin-up: raise run.spin_up.cycles")
    return ClosedLoopRun(
        experiment,
        loop,
        _dataset(loop, column, years, with_analysis=moisture is not None),
        years,
        time.perf_counter() - began,
        tuple(notes),
        tuple(warnings),
    )


def _said_of_water(loop: LoopRun, years: float, passes: int, notes: list[str], *, matched: bool) -> list[str]:
    """Note what learned moisture did to the water budget, in the passes that it had a part in, and warn where that is much."""
    water = loop.water
    share_of_passes = (passes - 1) / passes if matched else 1.0
    rain = float(water.precip[0]) / years
    yearly, moved = (float(x[0]) / (years * share_of_passes) for x in (water.analysed, water.moved))
    share = moved / max(rain, 1e-30)
    notes.append(
        f"learned moisture brought {yearly:+.0f} kg m-2 a-1 in all and moved {moved:.0f}, "
        f"{100.0 * share:.0f} % of rain and snow ({rain:.0f})"
    )
    if share <= _MUCH_MOVED:
        return []
    return [
        f"learned moisture moves {100.0 * share:.0f} % as much water as falls, from nowhere and to nowhere: column and module disagree; "
        "see whether the soil's properties and its residual water are the site's, or raise moisture_tau_hours"
    ]


def _dataset(loop: LoopRun, column: SoilColumn, years: float, *, with_analysis: bool) -> xr.Dataset:
    n, passes = len(loop.cs), loop.sm_sat.shape[0]
    units = {"units": "kg m-2 s-1"}
    data: dict[str, object] = {
        "cs": ("time", loop.cs[:, 0].numpy(), {"units": "kg m-2", "long_name": "soil carbon"}),
        "litter": ("time", loop.litter[:, 0].numpy(), units | {"long_name": "litter"}),
    }
    for name, values in loop.outputs.items():
        known = OUTPUTS[name]
        dims = ("time", "soil") if name in _LAYERED else ("time",)
        data[name] = (dims, values[..., 0].numpy(), {"units": known.units, "long_name": known.long_name})
    if with_analysis:
        data["analysis"] = (
            ("time", "soil"),
            loop.added[..., 0].numpy(),
            {"units": "kg m-2", "long_name": "water that learned moisture added over the period, or took"},
        )
    data["sm_sat"] = (
        ("pass", "soil"),
        loop.sm_sat[..., 0].numpy(),
        {"units": "m3 m-3", "long_name": "water content at saturation"},
    )
    return xr.Dataset(
        data,
        coords={
            "time": ("time", years * (np.arange(n) + 1.0) / n, {"units": "years", "long_name": "since the start"}),
            "pass": ("pass", years * np.arange(passes) / passes, {"units": "years", "long_name": "start of the pass"}),
            "dzsoil": ("soil", column.dzsoil.flatten().numpy(), {"units": "m"}),
        },
        attrs={"Conventions": "CF-1.10", "title": "closed loop of soil carbon on JULES's column"},
    )


def write_closed_loop(run: ClosedLoopRun, folder: Path) -> list[Path]:
    """Write ``closed_loop.nc``, ``run_summary.json`` and the experiment as it was.

    Parameters
    ----------
    run : ClosedLoopRun
    folder : Path
        Made where it is missing.

    Returns
    -------
    list of Path
    """
    output, summary, experiment = (folder / name for name in ("closed_loop.nc", "run_summary.json", "experiment.toml"))
    with whole_file(output) as part:
        run.output.to_netcdf(part, engine="netcdf4")
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
    with whole_file(summary) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with whole_file(experiment) as part:
        part.write_text(run.experiment.text, encoding="utf-8")
    return [output, summary, experiment]
