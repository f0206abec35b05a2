"""Run of an ensemble: the plan, its checks, and the run of the members that are not done."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import run_weather
from jules_ml.ensemble.column_batch import ColumnWork
from jules_ml.ensemble.fingerprint import fingerprint
from jules_ml.ensemble.jules_members import JulesWork
from jules_ml.ensemble.locks import folder_lock, opening_lock
from jules_ml.ensemble.manifest import Status, check_folder, is_intact, open_folder, read_status
from jules_ml.ensemble.member_experiment import run_namelists, site_experiment, soil_experiment
from jules_ml.ensemble.members import Members, plan_members
from jules_ml.ensemble.parameters import check_parameters
from jules_ml.ensemble.schedule import StartPool, run_units, serial_pool
from jules_ml.ensemble.shard import Shard, members_of_shard
from jules_ml.ensemble.work import Unit, Work
from jules_ml.ensemble.zarr_store import require_zarr
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.program import jules_executable
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.learned.kind import kind_of
from jules_ml.learned.uses import draws_of
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

_TO_DO, _DONE, _FAILED, _OF_OTHERS = 0, 1, 2, 3


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
    """An ensemble after the run of its members.

    Attributes
    ----------
    folder : Path
    experiment : Experiment
    members : Members
    numbers : sequence of int
        Members that are run: all, or those of a shard.
    missing : tuple of int
        Those of them that are neither done nor failed.
    done, failed : int
        Number of these members.
    done_before : int
        Number of members that earlier runs had done.
    damaged : list of int
        Members whose file was damaged, and which were run again.
    messages : dict of int to str
        Reasons of the first few failures.
    wall_seconds : float
    """

    folder: Path
    experiment: Experiment
    members: Members
    numbers: Sequence[int] = ()
    missing: tuple[int, ...] = ()
    done: int = 0
    failed: int = 0
    done_before: int = 0
    damaged: list[int] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Plan of an ensemble: its members, the work, and the number of members per unit."""

    members: Members
    work: Work
    unit_size: int


#: Greatest number of failures whose messages are saved.
_MESSAGES = 5


def plan_ensemble(experiment: Experiment) -> Plan:
    """Check that an ensemble can be run, and determine its members.

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
        If anything in the experiment is invalid.
    """
    section = experiment.required(experiment.ensemble, "ensemble")
    run = experiment.required(experiment.run, "run")
    if section.sites and (run.start is None or run.end is None) and run.model == "column":
        raise BadInput(
            "members of several sites need a common time axis",
            where=f"{experiment.file}, run",
            remedy="give start and end in [run]",
        )
    if experiment.closed_loop is not None:
        raise BadInput(
            "members of an ensemble cannot run the closed loop of carbon",
            where=f"{experiment.file}, closed_loop",
            remedy="remove [closed_loop], or use 'jules-ml run'",
        )
    if section.format == "zarr":
        require_zarr()
    if experiment.modules.respiration is not None:
        kind_of("respiration").load(experiment.modules.respiration)
    members = plan_members(experiment)
    for site, forcing in itertools.product(section.sites or (None,), section.forcing or (None,)):
        _check_site(experiment, site, forcing)
    _check_common_times(experiment)
    if run.model == "jules":
        return Plan(members, JulesWork(experiment), 1)
    unknown = [name for name in run.outputs or () if name not in OUTPUTS]
    if unknown:
        raise BadInput(
            f"the column has no output {', '.join(unknown)}",
            where=f"{experiment.file}, run.outputs",
            remedy=f"choose from {', '.join(OUTPUTS)}",
        )
    return Plan(members, ColumnWork(experiment, run.outputs or tuple(OUTPUTS)), section.batch)


def _check_site(experiment: Experiment, site: Path | None, forcing: Path | None) -> None:
    """Check that members can run at a site with a forcing file."""
    if forcing is not None and not forcing.is_file():
        raise BadInput("there is no such file", where=forcing, remedy=f"correct ensemble.forcing in {experiment.file}")
    at_site = soil_experiment(site_experiment(experiment, site, forcing))
    check_parameters(at_site, run_namelists(at_site))
    if at_site.required(at_site.run, "run").model == "jules":
        _check_draws_reach_jules(at_site)
        jules_executable(at_site.required(at_site.jules, "jules"), at_site.file)


def _check_common_times(experiment: Experiment) -> None:
    """Refuse sites and forcing files whose members could not be gathered, before any member is run."""
    section, run = experiment.ensemble, experiment.run
    assert section is not None
    assert run is not None
    if len(section.sites) < 2 and (run.model == "jules" or len(section.forcing) < 2):
        return
    first: tuple[object, ...] | None = None
    for site in section.sites or (None,):
        for forcing in section.forcing or (None,):
            at_site = site_experiment(experiment, site, forcing)
            if run.model == "jules":
                jules = at_site.required(at_site.jules, "jules")
                folder = read_run_folder(jules.folder, jules.namelists)
                span: tuple[object, ...] = (run.start or folder.start, run.end or folder.end)
            else:
                times = run_weather(at_site, run, at_site.record())[0].series["time"].to_numpy()
                span = (times[0], times[-1], len(times))
            if first is not None and span != first:
                raise BadInput(
                    f"its members run from {span[0]} to {span[1]}, but the first from {first[0]} to {first[1]}: "
                    "all members need a common time axis",
                    where=forcing or site,
                    remedy=f"set start and end in [run] of {experiment.file.name} to a time that all of them cover",
                )
            first = span


def _check_draws_reach_jules(experiment: Experiment) -> None:
    """Refuse draws of a module that no entry of ``[run] via`` passes to JULES: all members would be the same."""
    assert experiment.ensemble is not None
    assert experiment.run is not None
    for module in experiment.ensemble.draws:
        draws = draws_of(module)
        draws.check(experiment)
        ways = draws.ways
        if not set(ways) & set(experiment.run.via):
            raise BadInput(
                f"members have draws of {module}, but run.via does not pass them to JULES",
                where=f"{experiment.file}, run.via",
                remedy=f"add {' or '.join(repr(way) for way in ways)} to via",
            )


def run_ensemble(
    experiment: Experiment,
    folder: Path,
    *,
    start_pool: StartPool = serial_pool,
    retry: bool = False,
    shard: Shard | None = None,
    progress: Progress | None = None,
    counts: Callable[[MemberCounts], None] | None = None,
) -> EnsembleRun:
    """Run the members of an ensemble that are not done yet.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]`` and ``[run]``.
    folder : Path
        New folder, or that of the same ensemble, which is continued.
    start_pool : callable
        Starts the workers.
    retry : bool
        Run failed members again.
    shard : Shard, optional
        Run only the members of this shard; other shards of the same split may run at once in the same folder.
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
        If the experiment or the folder is not suitable.
    RunFailed
        If results can no longer be written.
    """
    plan = plan_ensemble(experiment)
    record = plan_record(experiment, plan.members)
    # checked first, so that an unsuitable folder is left unchanged, without a lock file
    check_folder(folder, record)
    with folder_lock(folder, shard):
        with opening_lock(folder):
            open_folder(folder, experiment, record)
        return run_members(
            EnsembleRun(folder, experiment, plan.members),
            plan,
            start_pool,
            numbers=None if shard is None else members_of_shard(plan.members, plan.unit_size, shard),
            retry=retry,
            progress=progress,
            counts=counts,
        )


def plan_record(experiment: Experiment, members: Members) -> dict[str, object]:
    """Return what ``plan.json`` contains: all runs in a folder must have the same fingerprint and samples."""
    return {
        "fingerprint": fingerprint(experiment),
        "samples": members.checksum,
        "experiment": experiment.file.name,
        "experiment_file": str(experiment.file.resolve()),
        "members": len(members),
        "software": software(),
    }


def run_members(
    run: EnsembleRun,
    plan: Plan,
    start_pool: StartPool,
    *,
    numbers: Sequence[int] | None = None,
    retry: bool = False,
    progress: Progress | None = None,
    counts: Callable[[MemberCounts], None] | None = None,
) -> EnsembleRun:
    """Run the members that are not done, in a folder that has been opened; ``numbers`` are those of a shard."""
    began = time.monotonic()
    states = resume_members(run, numbers, retry=retry)
    run.done_before = run.done
    before = run.done + run.failed

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
        with start_pool(plan.work, run.folder) as workers:
            run_units(_units(run.members, plan.unit_size, states), workers, run.folder, report)
    _count_states(run, states)
    run.wall_seconds = time.monotonic() - began
    return run


def resume_members(run: EnsembleRun, numbers: Sequence[int] | None = None, *, retry: bool = False) -> NDArray[np.int8]:
    """Read the states of members from earlier runs, and count them.

    Parameters
    ----------
    run : EnsembleRun
        Receives the counts and the messages of failures.
    numbers : sequence of int, optional
        Members of a shard; by default all.
    retry : bool
        Count failed members as missing.

    Returns
    -------
    array of int, shape (member,)
    """
    run.numbers = range(len(run.members)) if numbers is None else numbers
    states = np.full(len(run.members), _OF_OTHERS, dtype=np.int8)
    states[list(run.numbers)] = _TO_DO
    for number in run.numbers:
        _resume_member(run, states, number, retry)
    _count_states(run, states)
    return states


def _count_states(run: EnsembleRun, states: NDArray[np.int8]) -> None:
    run.done, run.failed = int((states == _DONE).sum()), int((states == _FAILED).sum())
    run.missing = tuple(np.flatnonzero(states == _TO_DO).tolist())


def _resume_member(run: EnsembleRun, states: NDArray[np.int8], number: int, retry: bool) -> None:
    """Read the state of a member from an earlier run."""
    status = read_status(run.folder, number)
    if status is None or status.state == "lost":
        return
    if status.state == "done":
        if is_intact(run.folder, status):
            states[number] = _DONE
        else:
            run.damaged.append(number)
    elif not retry:
        states[number] = _FAILED
        if len(run.messages) < _MESSAGES:
            run.messages[number] = status.message


def _units(members: Members, size: int, states: NDArray[np.int8]) -> Iterator[Unit]:
    # computed before the first unit is run, because states change meanwhile
    remaining = np.flatnonzero(states == _TO_DO)
    for number, group in enumerate(members.units(size)):
        first, last = np.searchsorted(remaining, (group.start, group.stop))
        if first < last:
            yield Unit(number, [members[k] for k in group], frozenset(remaining[first:last].tolist()))


def _counts(states: NDArray[np.int8], running: int, before: int, seconds: float) -> MemberCounts:
    """Count members by state; ``before`` were done or had failed in earlier runs."""
    done, failed = int((states == _DONE).sum()), int((states == _FAILED).sum())
    total = int((states != _OF_OTHERS).sum())
    fresh, left = done + failed - before, total - done - failed
    return MemberCounts(done, running, failed, total, seconds / fresh * left if fresh > 0 else None)
