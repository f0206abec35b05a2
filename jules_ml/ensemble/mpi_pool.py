"""Worker pool of MPI ranks: rank 0 distributes units and also runs some, the other ranks run units; no process is spawned.

Only the main thread of each rank calls MPI. Ranks poll for messages with pauses, because a blocking MPI call would occupy a processor that
another thread needs.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jules_ml.ensemble.schedule import WorkerPool
from jules_ml.ensemble.work import Outcome, Unit, Work, run_unit

#: Shortest and longest pause between two polls [s]. Each poll of rank 0 interrupts the computation in its other thread, so it polls about a
#: hundred times per unit.
_PAUSE, _LONGEST_PAUSE = 0.5e-3, 50e-3
_SETUP, _UNIT, _OUTCOME, _STOP = 1, 2, 3, 4


def serve(comm: Any) -> None:
    """Run units as a rank other than 0, until rank 0 sends a stop message."""
    from mpi4py import MPI

    work: Work | None = None
    folder = Path()
    status = MPI.Status()
    while True:
        while not comm.iprobe(source=0, tag=MPI.ANY_TAG, status=status):
            time.sleep(_PAUSE)
        message = comm.recv(source=0, tag=status.Get_tag())
        if status.Get_tag() == _STOP:
            return
        if status.Get_tag() == _SETUP:
            work, folder = message
            continue
        assert work is not None
        comm.send(run_unit(work, message, folder), dest=0, tag=_OUTCOME)


def stop_ranks(comm: Any) -> None:
    """Send a stop message to all ranks but 0."""
    for rank in range(1, comm.Get_size()):
        comm.send(None, dest=rank, tag=_STOP)


class _Ranks:
    def __init__(self, comm: Any, work: Work, folder: Path) -> None:
        self._comm = comm
        for rank in range(1, comm.Get_size()):
            comm.send((work, folder), dest=rank, tag=_SETUP)
        self._units: dict[int, Unit | None] = dict.fromkeys(range(comm.Get_size()))
        # other ranks first, because rank 0 also distributes the units
        self._order = [*range(1, comm.Get_size()), 0]
        self._started: dict[int, float] = {}
        self._pause = _PAUSE
        self._own_units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._own_outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run_own_units, args=(work, folder), daemon=True)
        self._thread.start()

    def _run_own_units(self, work: Work, folder: Path) -> None:
        import torch

        torch.set_num_threads(1)
        while (unit := self._own_units.get()) is not None:
            try:
                self._own_outcomes.put(run_unit(work, unit, folder))
            except BaseException as error:
                self._own_outcomes.put(Outcome(unit.number, lost=f"rank 0 could not run it ({error})"))

    @property
    def free(self) -> int:
        return sum(unit is None for unit in self._units.values())

    @property
    def busy(self) -> int:
        return len(self._units) - self.free

    def submit(self, unit: Unit) -> None:
        rank = next(rank for rank in self._order if self._units[rank] is None)
        self._units[rank] = unit
        self._started[rank] = time.monotonic()
        if rank == 0:
            self._own_units.put(unit)
        else:
            self._comm.send(unit, dest=rank, tag=_UNIT)

    def outcomes(self) -> Sequence[Outcome]:
        from mpi4py import MPI

        status = MPI.Status()
        outcomes: list[Outcome] = []
        while not outcomes:
            while self._comm.iprobe(source=MPI.ANY_SOURCE, tag=_OUTCOME, status=status):
                outcomes.append(self._comm.recv(source=status.Get_source(), tag=_OUTCOME))
                self._mark_free(status.Get_source())
            while not self._own_outcomes.empty():
                outcomes.append(self._own_outcomes.get())
                self._mark_free(0)
            if not outcomes:
                time.sleep(self._pause)
        return outcomes

    def _mark_free(self, rank: int) -> None:
        self._units[rank] = None
        seconds = time.monotonic() - self._started[rank]
        self._pause = min(max(0.01 * seconds, _PAUSE), _LONGEST_PAUSE)

    def close(self) -> None:
        self._own_units.put(None)


def ranks(comm: Any) -> Any:
    """Return a function that starts the pool of all ranks; for rank 0."""

    @contextmanager
    def start(work: Work, folder: Path) -> Iterator[WorkerPool]:
        workers = _Ranks(comm, work, folder)
        try:
            yield workers
        finally:
            workers.close()

    return start
