"""Dry run of an ensemble: the members to run, and their cost and disk space."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import run_weather
from jules_ml.ensemble.column_batch import THETA, ColumnWork
from jules_ml.ensemble.fingerprint import fingerprint
from jules_ml.ensemble.manifest import check_folder, read_status
from jules_ml.ensemble.member_experiment import site_experiment
from jules_ml.ensemble.run import Plan, plan_ensemble
from jules_ml.ensemble.shard import Shard, members_of_shard
from jules_ml.ensemble.start_up import StartUp, measure_start_up
from jules_ml.experiment import Experiment
from jules_ml.jules.moments import in_calendar
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.physics.constants import SECONDS_PER_YEAR

#: Years with 30-minute steps that JULES 7.6 simulates at a point in one second on one processor.
_JULES_RATE = 1.0 / 0.26
_STEPS_PER_YEAR = SECONDS_PER_YEAR / 1800.0


@dataclass(frozen=True)
class Estimate:
    """Estimated work of an ensemble.

    Attributes
    ----------
    model : str
    members, done, failed : int
        Number of members, and of those that are done or have failed in earlier runs.
    to_run : int
    units : int
        Groups of members to run; a worker runs one group at a time.
    differ : tuple of str
        Inputs that differ between members, with their ranges.
    cpu_seconds : float
        Processor time of all that is to be done [s]: start-up, members and results.
    start_seconds : float
        Part of it before the first steps of all workers [s].
    seconds : float
        Elapsed time [s], if each worker has a processor.
    compilation : float
        Processor time [s] of the compilation that this estimate has done, which the run does not repeat on this machine.
    workers : int
    measured : bool
        Whether cost and size are measured on members that are done, rather than estimated.
    disk_bytes : float or None
        Size of the members, and of the gathered file if there is one [bytes]; ``None`` if it is unknown until a member is done.
    gathered : bool
        Whether the run writes the gathered file; a shard does not.
    """

    model: str
    members: int
    done: int
    failed: int
    to_run: int
    units: int
    differ: tuple[str, ...]
    cpu_seconds: float
    start_seconds: float
    seconds: float
    compilation: float
    workers: int
    measured: bool
    disk_bytes: float | None
    gathered: bool

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield name and text of each line of the printed table."""
        yield "model", self.model
        yield (
            "members",
            f"{self.members}: {self.done} done, {self.failed} failed, {self.to_run} to run in {self.units} units",
        )
        for text in self.differ:
            yield "differ", text
        source = "measured on members that are done" if self.measured else "estimated"
        yield (
            "cost",
            f"{_duration(self.cpu_seconds)} of processor time ({source}), of which {_duration(self.start_seconds)} to start up",
        )
        if self.compilation >= 1.0:
            yield (
                "compiled",
                f"in {_duration(self.compilation)}, which a machine that has not stored the compiled step needs in addition",
            )
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        yield "time", f"about {_duration(self.seconds)} with {workers}, if each has a processor of its own"
        if self.disk_bytes is None:
            yield "disk", "unknown until a member is done"
        else:
            files = "members and gathered file" if self.gathered else "members of the shard"
            yield "disk", f"{self.disk_bytes / 1024**2:.4g} MB, {files}"


def _duration(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.2g} s" if seconds < 10.0 else f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.3g} h"


def estimate(
    experiment: Experiment, folder: Path, *, retry: bool = False, workers: int = 1, shard: Shard | None = None
) -> Estimate:
    """Estimate the work of an ensemble; nothing is written to its folder.

    The start-up and the speed of a column are measured, see :mod:`jules_ml.ensemble.start_up`. The time of JULES itself is taken from
    members that are done, or else as that of JULES 7.6 with little output.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]`` and ``[run]``.
    folder : Path
        Folder of the ensemble, new or of an earlier run.
    retry : bool
        Whether members that failed would be run again.
    workers : int
        Number of processes.
    shard : Shard, optional
        Estimate the work of this shard.

    Returns
    -------
    Estimate

    Raises
    ------
    BadInput
        As :func:`~jules_ml.ensemble.run.plan_ensemble`, or if the folder contains something else.
    RunFailed
        If the start-up cannot be measured.
    """
    began = time.process_time()
    plan = plan_ensemble(experiment)
    check_folder(folder, {"fingerprint": fingerprint(experiment)})
    planning = time.process_time() - began
    numbers = range(len(plan.members)) if shard is None else members_of_shard(plan.members, plan.unit_size, shard)
    statuses = [read_status(folder, number) for number in numbers]
    done = [s for s in statuses if s is not None and s.state == "done"]
    failed = sum(s is not None and s.state == "failed" for s in statuses)
    finished = {
        s.number for s in statuses if s is not None and (s.state == "done" or (s.state == "failed" and not retry))
    }
    remaining = set(numbers) - finished
    units = sum(1 for unit in plan.members.units(plan.unit_size) if not remaining.isdisjoint(unit))
    steps = _steps(experiment, plan)
    start = measure_start_up(experiment, steps=steps) if remaining else StartUp()
    if done:
        each = float(np.mean([s.seconds for s in done])) * len(remaining) / max(units, 1)
    else:
        each = start.unit + (
            start.step * steps if isinstance(plan.work, ColumnWork) else _jules_seconds(experiment, plan, steps)
        )
    busy = min(workers, max(units, 1))
    manager, worker = start.imports + planning, start.ready + (start.imports if workers > 1 else 0.0)
    results = start.results if shard is None else 0.0
    size = float(np.mean([s.size for s in done])) if done else _bytes(experiment, plan)
    return Estimate(
        model=experiment.required(experiment.run, "run").model,
        members=len(numbers),
        done=len(done),
        failed=failed,
        to_run=len(remaining),
        units=units,
        differ=tuple(_differences(plan)),
        cpu_seconds=manager + busy * worker + units * each + results,
        start_seconds=manager + busy * worker,
        seconds=manager + worker + -(-units // busy) * each + results,
        compilation=start.compilation,
        workers=workers,
        measured=bool(done),
        disk_bytes=None if size is None else size * len(numbers) * (2.0 if shard is None else 1.0),
        gathered=shard is None,
    )


def _differences(plan: Plan) -> Iterator[str]:
    members = plan.members
    for module, draws in zip(members.modules, members.draws.T, strict=True):
        yield f"draws of {module}: {len(set(draws.tolist()))}"
    for name, values in zip(members.names, members.values.T, strict=True):
        yield f"{name}: {values.min():.4g} to {values.max():.4g}"
    for label, paths in (("sites", members.sites), ("forcing", members.forcing)):
        if paths != (None,):
            yield f"{label}: {', '.join(path.name for path in paths if path is not None)}"


def _steps(experiment: Experiment, plan: Plan) -> float:
    """Time steps of one member of the first site, including the longest possible spin-up."""
    first = plan.members[0]
    at_site = site_experiment(experiment, first.site, first.forcing)
    run = at_site.required(at_site.run, "run")
    if run.model == "jules":
        section = at_site.required(at_site.jules, "jules")
        folder = read_run_folder(section.folder, section.namelists)
        start, end = (
            folder_moment if moment is None else in_calendar(moment, folder.calendar)
            for moment, folder_moment in ((run.start, folder.start), (run.end, folder.end))
        )
        return (float((end - start).total_seconds()) + folder.spin_up_seconds) / folder.timestep
    weather = run_weather(at_site, run, at_site.record())[0]
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    spin = int((stamps <= stamps[0] + pd.DateOffset(years=run.spin_up.years)).sum())
    return float(len(stamps) + spin * run.spin_up.cycles)


def _jules_seconds(experiment: Experiment, plan: Plan, steps: float) -> float:
    """Time of JULES for one member of the first site [s]."""
    first = plan.members[0]
    at_site = site_experiment(experiment, first.site, first.forcing)
    section = at_site.required(at_site.jules, "jules")
    grid = read_run_folder(section.folder, section.namelists).grid
    return steps / _STEPS_PER_YEAR / _JULES_RATE * max(grid.nx * grid.ny, 1)


def _bytes(experiment: Experiment, plan: Plan) -> float | None:
    """Size of a member's file [bytes]; ``None`` for JULES, where it depends on the output profiles."""
    work, run = plan.work, experiment.required(experiment.run, "run")
    if not isinstance(work, ColumnWork):
        return None
    spin = run.spin_up.model_copy(update={"cycles": 0})
    steps = _steps(experiment.model_copy(update={"run": run.model_copy(update={"spin_up": spin})}), plan)
    soil = experiment.soil
    layers = 4 if soil is None else len(soil.dzsoil)
    numbers = sum(layers if OUTPUTS[name].layered else 1 for name in work.outputs)
    numbers += layers if "sthu" in work.outputs and THETA not in work.outputs else 0
    return steps / run.mean_over * (numbers * (4 if run.precision == "float32" else 8) + 8)
