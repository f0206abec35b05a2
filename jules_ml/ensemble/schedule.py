"""Distribution of units to workers: the manager's part, common to one process, several processes and MPI."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from jules_ml.ensemble.manifest import Status, write_status
from jules_ml.ensemble.work import Outcome, Unit, Work, run_unit
from jules_ml.errors import RunFailed


class WorkerPool(Protocol):
    """Pool of workers that run one unit each at a time."""

    @property
    def free(self) -> int:
        """Number of workers without a unit."""
        ...

    @property
    def busy(self) -> int:
        """Number of workers with a unit."""
        ...

    def submit(self, unit: Unit) -> None:
        """Send a unit to a free worker."""
        ...

    def outcomes(self) -> Sequence[Outcome]:
        """Wait until a unit has ended, or for a short time, and return the outcomes."""
        ...


#: Starts a pool of workers for some work in a folder; the workers end with the context.
StartPool = Callable[[Work, Path], AbstractContextManager[WorkerPool]]
#: Receives the statuses of members that have ended, and the number of members that are running.
Report = Callable[[Iterable[Status], int], None]
#: Number of attempts at a unit whose worker dies; a member that kills its workers is then given up.
_ATTEMPTS = 2


def run_units(units: Iterable[Unit], pool: WorkerPool, folder: Path, report: Report) -> None:
    """Run all units.

    Parameters
    ----------
    units : iterable of Unit
    pool : WorkerPool
    folder : Path
        Folder of the ensemble.
    report : callable
        Receives the members that have ended.

    Raises
    ------
    RunFailed
        If results can no longer be written; members that are done remain.
    """
    remaining = iter(units)
    retries: deque[Unit] = deque()
    running: dict[int, Unit] = {}
    attempts: dict[int, int] = {}
    while True:
        while pool.free:
            unit = retries.popleft() if retries else next(remaining, None)
            if unit is None:
                break
            running[unit.number] = unit
            pool.submit(unit)
        if not pool.busy:
            return
        ended: list[Status] = []
        for outcome in pool.outcomes():
            unit = running.pop(outcome.unit)
            ended += outcome.statuses
            if outcome.disk_full:
                report(ended, 0)
                raise RunFailed(
                    f"results can no longer be written ({outcome.disk_full}); free disk space and repeat the command: "
                    "members that are done are not run again"
                )
            if outcome.lost:
                attempts[unit.number] = attempts.get(unit.number, 1) + 1
                if attempts[unit.number] <= _ATTEMPTS:
                    retries.append(unit)
                    continue
                lost = [Status(n, "lost", message=outcome.lost) for n in sorted(unit.pending)]
                for status in lost:
                    write_status(folder, status)
                ended += lost
        report(ended, sum(len(unit.pending) for unit in running.values()))


class _SerialPool:
    """Pool of one worker, this process: :meth:`outcomes` runs the unit."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work, self._folder = work, folder
        self._unit: Unit | None = None

    @property
    def free(self) -> int:
        return int(self._unit is None)

    @property
    def busy(self) -> int:
        return int(self._unit is not None)

    def submit(self, unit: Unit) -> None:
        self._unit = unit

    def outcomes(self) -> Sequence[Outcome]:
        assert self._unit is not None
        unit, self._unit = self._unit, None
        return [run_unit(self._work, unit, self._folder)]


@contextmanager
def serial_pool(work: Work, folder: Path) -> Iterator[WorkerPool]:
    """Start a pool of one worker, in this process."""
    yield _SerialPool(work, folder)
