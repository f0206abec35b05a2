"""``jules-ml ensemble``: from an experiment to members that are done, by whatever crew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import run_weather
from jules_ml.ensemble.column_batch import ColumnWork
from jules_ml.ensemble.fingerprint import fingerprint
from jules_ml.ensemble.jules_members import JulesWork
from jules_ml.ensemble.manifest import Status, check_folder, is_whole, open_folder, read_status, sole_user
from jules_ml.ensemble.member_experiment import run_namelists, site_experiment, soil_experiment
from jules_ml.ensemble.members import Members, plan_members
from jules_ml.ensemble.parameters import check_parameters
from jules_ml.ensemble.schedule import StartCrew, alone, run_units
from jules_ml.ensemble.work import Unit, Work
from jules_ml.ensemble.zarr_store import refuse_without_zarr
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.run import jules_executable
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.learned.kind import kind_of
from jules_ml.learned.uses import draws_of
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

_TO_DO, _DONE, _FAILED = 0, 1, 2


@dataclass(frozen=True)
class MemberCounts:
    """Members of an ensemble that are done, running and failed, and all of them; seconds left, None where unknown."""

    done: int
    running: int
    failed: int
    total: int
    seconds_left: float | None


@dataclass
class EnsembleRun:
    """An ensemble whose members have all been tried.

    Attributes
    ----------
    folder : Path
    experiment : Experiment
    members : Members
    done, failed : int
        Members.
    kept : int
        Of those done, how many were so before.
    damaged : list of int
        Members whose file was found damaged, and which were run again.
    messages : dict of int to str
        Why the first few of those that failed did so.
    wall_seconds : float
    """

    folder: Path
    experiment: Experiment
    members: Members
    done: int = 0
    failed: int = 0
    kept: int = 0
    damaged: list[int] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What an ensemble would run: its members, the work, and how many members make a unit."""

    members: Members
    work: Work
    unit_size: int


#: Messages that are kept of members that failed.
_MESSAGES = 5


def plan_ensemble(experiment: Experiment) -> Plan:
    """See that an ensemble can be run, and work out its members.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]`` and ``[run]``.

    Returns
    -------
    Plan

    Raises
    ------
    BadInput
        If anything in it cannot be: before anything is run.
    """
    section = experiment.required(experiment.ensemble, "ensemble")
    run = experiment.required(experiment.run, "run")
    if section.sites and (run.start is None or run.end is None) and run.model == "column":
        raise BadInput(
            "members of several sites have one time axis",
            where=f"{experiment.file}, run",
            remedy="give start and end in [run]",
        )
    if experiment.closed_loop is not None:
        raise BadInput(
            "members do not close the loop of carbon, and would be columns with carbon as it is",
            where=f"{experiment.file}, closed_loop",
            remedy="leave [closed_loop] out; 'jules-ml run' closes it",
        )
    if section.format == "zarr":
        refuse_without_zarr()
    if experiment.modules.respiration is not None:
        kind_of("respiration").load(experiment.modules.respiration)
    members = plan_members(experiment)
    for site in section.sites or (None,):
        for forcing in section.forcing or (None,):
            if forcing is not None and not forcing.is_file():
                raise BadInput(
                    "there is no such file", where=forcing, remedy=f"correct ensemble.forcing of {experiment.file}"
                )
            placed = soil_experiment(site_experiment(experiment, site, forcing))
            check_parameters(placed, run_namelists(placed))
            if run.model == "jules":
                _refuse_draws_without_a_way(placed)
                jules_executable(placed.required(placed.jules, "jules"), placed.file)
    _refuse_unlike_times(experiment)
    if run.model == "jules":
        return Plan(members, JulesWork(experiment), 1)
    unknown = [name for name in run.outputs or () if name not in OUTPUTS]
    if unknown:
        raise BadInput(
            f"no output is called {', '.join(unknown)}",
            where=f"{experiment.file}, run.outputs",
            remedy=f"choose among {', '.join(OUTPUTS)}",
        )
    return Plan(members, ColumnWork(experiment, run.outputs or tuple(OUTPUTS)), section.batch)


def _refuse_unlike_times(experiment: Experiment) -> None:
    """Refuse sites and forcing files whose members could not be gathered: before hours of work, not after."""
    section, run = experiment.ensemble, experiment.run
    assert section is not None
    assert run is not None
    if len(section.sites) < 2 and (run.model == "jules" or len(section.forcing) < 2):
        return
    first: tuple[object, ...] | None = None
    for site in section.sites or (None,):
        for forcing in section.forcing or (None,):
            placed = site_experiment(experiment, site, forcing)
            if run.model == "jules":
                jules = placed.required(placed.jules, "jules")
                folder = read_run_folder(jules.folder, jules.namelists)
                span: tuple[object, ...] = (run.start or folder.start, run.end or folder.end)
            else:
                times = run_weather(placed, run, placed.record())[0].series["time"].to_numpy()
                span = (times[0], times[-1], len(times))
            if first is not None and span != first:
                raise BadInput(
                    f"its members run from {span[0]} to {span[1]}, and the first from {first[0]} to {first[1]}: they have one time axis",
                    where=forcing or site,
                    remedy=f"give start and end in [run] of {experiment.file.name}, of a time that all of them cover",
                )
            first = span


def _refuse_draws_without_a_way(experiment: Experiment) -> None:
    """Refuse draws of a module that would not get into JULES: all members would be alike."""
    assert experiment.ensemble is not None
    assert experiment.run is not None
    for module in experiment.ensemble.draws:
        draws = draws_of(module)
        draws.check(experiment)
        ways = draws.ways
        if not set(ways) & set(experiment.run.via):
            raise BadInput(
                f"members have draws of {module}, which does not get into JULES",
                where=f"{experiment.file}, run.via",
                remedy=f"give via = {' or '.join(repr(way) for way in ways)}",
            )


def run_ensemble(
    experiment: Experiment,
    folder: Path,
    *,
    crew: StartCrew = alone,
    retry: bool = False,
    progress: Progress | None = None,
    counts: Callable[[MemberCounts], None] | None = None,
) -> EnsembleRun:
    """Run the members of an ensemble that are not done yet.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]`` and ``[run]``.
    folder : Path
        New, or that of the same ensemble, which is gone on with.
    crew : callable
        Starts those who do the work.
    retry : bool
        Run members again that have failed.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.
    counts : callable, optional
        Receives how many members are done, running and failed.

    Returns
    -------
    EnsembleRun

    Raises
    ------
    BadInput
        If the experiment or the folder will not do.
    RunFailed
        If nothing more can be written.
    """
    plan = plan_ensemble(experiment)
    record = {
        "fingerprint": fingerprint(experiment),
        "experiment": experiment.file.name,
        "members": len(plan.members),
        "software": software(),
    }
    # a folder that will not do is left as it is, without so much as a lock in it
    check_folder(folder, record)
    with sole_user(folder):
        open_folder(folder, experiment, record)
        return run_members(
            EnsembleRun(folder, experiment, plan.members), plan, crew, retry=retry, progress=progress, counts=counts
        )


def run_members(
    run: EnsembleRun,
    plan: Plan,
    crew: StartCrew,
    *,
    retry: bool = False,
    progress: Progress | None = None,
    counts: Callable[[MemberCounts], None] | None = None,
) -> EnsembleRun:
    """Run what is left to do in a folder that has been opened."""
    began = time.monotonic()
    states = np.zeros(len(run.members), dtype=np.int8)
    for number in range(len(run.members)):
        _take_up(run, states, number, retry)
    run.kept = int((states == _DONE).sum())
    before = int((states != _TO_DO).sum())

    def report(ended: Iterable[Status], running: int) -> None:
        for status in ended:
            states[status.number] = _DONE if status.state == "done" else _FAILED
            if status.state != "done" and len(run.messages) < _MESSAGES:
                run.messages[status.number] = status.message
        now = _counts(states, running, before, time.monotonic() - began)
        if progress is not None:
            progress("members", now.done + now.failed, now.total)
        if counts is not None:
            counts(now)

    report((), 0)
    if (states == _TO_DO).any():
        with crew(plan.work, run.folder) as workers:
            run_units(_units(run.members, plan.unit_size, states), workers, run.folder, report)
    run.done, run.failed = int((states == _DONE).sum()), int((states == _FAILED).sum())
    run.wall_seconds = time.monotonic() - began
    return run


def _take_up(run: EnsembleRun, states: NDArray[np.int8], number: int, retry: bool) -> None:
    """See how far a member has come in an earlier run."""
    status = read_status(run.folder, number)
    if status is None or status.state == "lost":
        return
    if status.state == "done":
        if is_whole(run.folder, status):
            states[number] = _DONE
        else:
            run.damaged.append(number)
    elif not retry:
        states[number] = _FAILED
        if len(run.messages) < _MESSAGES:
            run.messages[number] = status.message


def _units(members: Members, size: int, states: NDArray[np.int8]) -> Iterator[Unit]:
    # which members are left is known before the first is run: states change while units are handed out
    left = np.flatnonzero(states == _TO_DO)
    for number, together in enumerate(members.units(size)):
        first, last = np.searchsorted(left, (together.start, together.stop))
        if first < last:
            yield Unit(number, [members[k] for k in together], frozenset(left[first:last].tolist()))


def _counts(states: NDArray[np.int8], running: int, before: int, seconds: float) -> MemberCounts:
    """``before`` is how many were done or had failed in an earlier run."""
    done, failed = int((states == _DONE).sum()), int((states == _FAILED).sum())
    fresh, left = done + failed - before, len(states) - done - failed
    return MemberCounts(done, running, failed, len(states), seconds / fresh * left if fresh > 0 else None)
