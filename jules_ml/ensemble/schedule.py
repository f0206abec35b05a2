"""Handing units out to workers, whoever they are: the manager's part, the same alone, with processes, and over MPI."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from jules_ml.ensemble.manifest import Status, write_status
from jules_ml.ensemble.work import Outcome, Unit, Work, carry_out
from jules_ml.errors import RunFailed


class Crew(Protocol):
    """Workers that take a unit each."""

    @property
    def free(self) -> int:
        """Workers without a unit."""
        ...

    @property
    def busy(self) -> int:
        """Workers with one."""
        ...

    def give(self, unit: Unit) -> None:
        """Hand a unit to a worker that is free."""
        ...

    def outcomes(self) -> Sequence[Outcome]:
        """Wait until something has ended, or a short while, and say what."""
        ...


#: Starts a crew for a piece of work in a folder; workers are gone when the context is left.
StartCrew = Callable[[Work, Path], AbstractContextManager[Crew]]
#: Told of each status as it comes in, and how many members are being run.
Report = Callable[[Iterable[Status], int], None]
#: A unit whose worker died is given to another this often; a member that takes every worker along is not a worker's bad luck.
_TRIES = 2


def run_units(units: Iterable[Unit], crew: Crew, folder: Path, report: Report) -> None:
    """Run units to the end.

    Parameters
    ----------
    units : iterable of Unit
    crew : Crew
    folder : Path
        Of the ensemble.
    report : callable
        Told of what has ended.

    Raises
    ------
    RunFailed
        If nothing more can be written; members that are done stay.
    """
    waiting = iter(units)
    again: deque[Unit] = deque()
    out: dict[int, Unit] = {}
    tries: dict[int, int] = {}
    while True:
        while crew.free:
            unit = again.popleft() if again else next(waiting, None)
            if unit is None:
                break
            out[unit.number] = unit
            crew.give(unit)
        if not crew.busy:
            return
        ended: list[Status] = []
        for outcome in crew.outcomes():
            unit = out.pop(outcome.unit)
            ended += outcome.statuses
            if outcome.no_room:
                report(ended, 0)
                raise RunFailed(
                    f"nothing more can be written ({outcome.no_room}); make room and give the same command again: "
                    "members that are done stay"
                )
            if outcome.lost:
                tries[unit.number] = tries.get(unit.number, 1) + 1
                if tries[unit.number] <= _TRIES:
                    again.append(unit)
                    continue
                lost = [Status(n, "lost", message=outcome.lost) for n in sorted(unit.wanted)]
                for status in lost:
                    write_status(folder, status)
                ended += lost
        report(ended, sum(len(unit.wanted) for unit in out.values()))


class _Alone:
    """A crew of one: whoever asks for outcomes does the work."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work, self._folder = work, folder
        self._unit: Unit | None = None

    @property
    def free(self) -> int:
        return int(self._unit is None)

    @property
    def busy(self) -> int:
        return int(self._unit is not None)

    def give(self, unit: Unit) -> None:
        self._unit = unit

    def outcomes(self) -> Sequence[Outcome]:
        assert self._unit is not None
        unit, self._unit = self._unit, None
        return [carry_out(self._work, unit, self._folder)]


@contextmanager
def alone(work: Work, folder: Path) -> Iterator[Crew]:
    """A crew of one, in this process."""
    yield _Alone(work, folder)
