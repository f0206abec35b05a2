"""Start-up and speed of a worker, measured in a process of its own on a few time steps."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from jules_ml.column.output import OUTPUTS
from jules_ml.column.run import to_be_compiled
from jules_ml.ensemble.column_batch import ColumnWork
from jules_ml.ensemble.jules_members import JulesWork
from jules_ml.ensemble.members import Members, plan_members
from jules_ml.ensemble.run import EnsembleRun, resume_members
from jules_ml.ensemble.work import Unit, run_unit
from jules_ml.errors import RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import ModulesSection

#: Time of compilers [s] that shows that the step was compiled, rather than loaded.
_COMPILED = 3.0
#: Numbers of output periods of the two runs whose difference gives the time of a step.
_SHORT, _LONG = 1, 5


@dataclass(frozen=True)
class StartUp:
    """Processor times of a worker [s].

    Attributes
    ----------
    imports : float
        Start of Python and of the package, in the manager and in each other worker.
    ready : float
        From there to the first step: record, columns, and loading of the compiled step, in each worker.
    compilation : float
        Compilation of the step that the measurement has done; it is stored on this machine, and not needed again. 0 if it was stored
        before, or the step is not compiled.
    unit : float
        Preparation of a further group of members.
    step : float
        One time step of a group of members; 0 for JULES.
    results : float
        Gathering, statistics and figures of a few members; 0 for JULES.
    """

    imports: float = 0.0
    ready: float = 0.0
    compilation: float = 0.0
    unit: float = 0.0
    step: float = 0.0
    results: float = 0.0


def measure_start_up(experiment: Experiment, *, steps: float) -> StartUp:
    """Measure the start-up of a worker in a new process; nothing is written to the folder of the ensemble.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]`` and ``[run]``, checked by :func:`~jules_ml.ensemble.run.plan_ensemble`.
    steps : float
        Time steps of a member, with spin-up, on which it depends whether the step is compiled.

    Raises
    ------
    RunFailed
        If the process died.
    """
    first = _measured(experiment, steps)
    if first.compilation < _COMPILED:
        return replace(first, compilation=0.0)
    # the next process finds the compiled step on disk, as the run will
    second = _measured(experiment, steps)
    return replace(second, compilation=max(first.ready - second.ready, 0.0))


def _measured(experiment: Experiment, steps: float) -> StartUp:
    """Measure in a new process; ``compilation`` is the time of the compilers alone."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(experiment, steps, theirs))
    process.start()
    theirs.close()
    try:
        measured = ours.recv()
    except EOFError as error:
        process.join()
        raise RunFailed(f"the start-up of a worker could not be measured (exit code {process.exitcode})") from error
    process.join()
    if isinstance(measured, Exception):
        raise measured
    assert isinstance(measured, StartUp)
    return measured


def _measure(experiment: Experiment, steps: float, connection: Connection) -> None:
    imports = _clock()
    torch.set_num_threads(1)
    try:
        members = plan_members(experiment)
        column = experiment.run is None or experiment.run.model == "column"
        measured = _column(experiment, members, steps) if column else _jules(experiment, members)
    except Exception as error:
        connection.send(error)
        return
    connection.send(replace(measured, imports=imports))


def _clock() -> float:
    """Return the processor time of this process and of the compilers that it has started [s]."""
    return time.process_time() + _compilers()


def _compilers() -> float:
    """Return the processor time of the processes that this process has started and that have ended [s]."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _seconds(work: Callable[[], object]) -> float:
    began = _clock()
    work()
    return _clock() - began


def _column(experiment: Experiment, members: Members, steps: float) -> StartUp:
    run, section = experiment.required(experiment.run, "run"), experiment.required(experiment.ensemble, "ensemble")
    numbers = next(members.units(section.batch))
    unit = Unit(0, [members[k] for k in numbers], frozenset(numbers))
    compiled = to_be_compiled(run, int(steps), [])
    began = _clock()
    work = ColumnWork(experiment, run.outputs or tuple(OUTPUTS))
    short, long = (work.shortened(unit.members[0], n, compiled=compiled) for n in (_SHORT, _LONG))
    record = _clock() - began
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, compilers = _seconds(lambda: run_unit(short, unit, folder)), _compilers()
        again, longer = (_seconds(lambda w=w: run_unit(w, unit, folder)) for w in (short, long))  # type: ignore[misc]
        results = _results_seconds(experiment, members, len(numbers), folder)
    n_short, n_long = (w.steps(unit.members[0]) for w in (short, long))
    step = max(longer - again, 0.0) / max(n_long - n_short, 1)
    return StartUp(
        ready=record + max(first - again, 0.0),
        compilation=compilers,
        unit=max(again - step * n_short, 0.0),
        step=step,
        results=results,
    )


def _results_seconds(experiment: Experiment, members: Members, n: int, folder: Path) -> float:
    """Measure the results of the first members, without weights and figures that need observations or modules."""
    section = experiment.required(experiment.ensemble, "ensemble").model_copy(update={"weights": None})
    plain = experiment.model_copy(update={"ensemble": section, "modules": ModulesSection()})
    few = replace(
        members,
        sites=members.sites[:1],
        forcing=members.forcing[:1],
        values=members.values[:n],
        draws=members.draws[:n],
    )
    run = EnsembleRun(folder, plain, few)
    resume_members(run)

    def gathered() -> None:
        from jules_ml.ensemble.results import write_results

        write_results(run)

    return _seconds(gathered) if run.done else 0.0


def _jules(experiment: Experiment, members: Members) -> StartUp:
    work = JulesWork(experiment)
    with tempfile.TemporaryDirectory() as name:
        first, again = (_seconds(lambda k=k: work.prepare(members[0], Path(name) / k)) for k in "ab")  # type: ignore[misc]
    return StartUp(ready=max(first - again, 0.0), unit=again)
