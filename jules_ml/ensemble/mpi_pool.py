"""Workers as ranks of MPI: rank 0 hands out and works itself, the others work; nothing is spawned.

Only the main thread of each rank calls MPI. Waiting is done by looking now and then: MPI's own waiting would take a whole processor from a
rank that computes.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jules_ml.ensemble.schedule import Crew
from jules_ml.ensemble.work import Outcome, Unit, Work, carry_out
from jules_ml.errors import BadInput

#: What launchers of MPI tell a process of how many there are.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS")
#: What they leave in the environment, and a JULES that is linked with MPI must not take for its own.
_LEFT_BY_LAUNCHERS = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDRA_", "MPI_LOCAL")
#: Shortest and longest pause between two looks [s]. Rank 0 computes in another thread, which each look interrupts: it looks about a hundred
#: times a unit.
_PAUSE, _LONGEST_PAUSE = 0.5e-3, 50e-3
_SETUP, _UNIT, _OUTCOME, _STOP = 1, 2, 3, 4


def launched_size() -> int:
    """How many processes a launcher of MPI has started; 1 without one."""
    for name in _SIZES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 1


def world() -> Any:
    """MPI's communicator of all ranks.

    Raises
    ------
    BadInput
        If mpi4py is not installed or finds no MPI; if it does not belong to the launcher.
    """
    launched = launched_size()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise BadInput(
            f"{launched} processes were started by a launcher of MPI, and mpi4py cannot be loaded ({error})",
            where="mpiexec",
            remedy="install it (pip install 'jules_ml[mpi]'), or leave mpiexec out and give --workers",
        ) from error
    comm = MPI.COMM_WORLD
    if comm.Get_size() != launched:
        raise BadInput(
            f"a launcher started {launched} processes, and mpi4py sees {comm.Get_size()}: they are of different MPIs",
            where=f"mpi4py with {MPI.Get_library_version().splitlines()[0].strip()}",
            remedy="use the mpiexec of that library (with 'jules_ml[mpi]', the one beside python), or build mpi4py against yours",
        )
    for name in [n for n in os.environ if n.startswith(_LEFT_BY_LAUNCHERS)]:
        del os.environ[name]
    return comm


def serve(comm: Any) -> None:
    """Work as a rank other than 0, until rank 0 says to stop."""
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
        comm.send(carry_out(work, message, folder), dest=0, tag=_OUTCOME)


def dismiss(comm: Any) -> None:
    """Tell all ranks but 0 to stop."""
    for rank in range(1, comm.Get_size()):
        comm.send(None, dest=rank, tag=_STOP)


class _Ranks:
    def __init__(self, comm: Any, work: Work, folder: Path) -> None:
        self._comm = comm
        for rank in range(1, comm.Get_size()):
            comm.send((work, folder), dest=rank, tag=_SETUP)
        self._units: dict[int, Unit | None] = dict.fromkeys(range(comm.Get_size()))
        # the others first: rank 0 has the handing out to do as well
        self._order = [*range(1, comm.Get_size()), 0]
        self._given: dict[int, float] = {}
        self._pause = _PAUSE
        self._here: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work_here, args=(work, folder), daemon=True)
        self._thread.start()

    def _work_here(self, work: Work, folder: Path) -> None:
        import torch

        torch.set_num_threads(1)
        while (unit := self._here.get()) is not None:
            try:
                self._ended.put(carry_out(work, unit, folder))
            except BaseException as error:
                self._ended.put(Outcome(unit.number, lost=f"rank 0 could not run it ({error})"))

    @property
    def free(self) -> int:
        return sum(unit is None for unit in self._units.values())

    @property
    def busy(self) -> int:
        return len(self._units) - self.free

    def give(self, unit: Unit) -> None:
        rank = next(rank for rank in self._order if self._units[rank] is None)
        self._units[rank] = unit
        self._given[rank] = time.monotonic()
        if rank == 0:
            self._here.put(unit)
        else:
            self._comm.send(unit, dest=rank, tag=_UNIT)

    def outcomes(self) -> Sequence[Outcome]:
        from mpi4py import MPI

        status = MPI.Status()
        found: list[Outcome] = []
        while not found:
            while self._comm.iprobe(source=MPI.ANY_SOURCE, tag=_OUTCOME, status=status):
                found.append(self._comm.recv(source=status.Get_source(), tag=_OUTCOME))
                self._ends(status.Get_source())
            while not self._ended.empty():
                found.append(self._ended.get())
                self._ends(0)
            if not found:
                time.sleep(self._pause)
        return found

    def _ends(self, rank: int) -> None:
        self._units[rank] = None
        taken = time.monotonic() - self._given[rank]
        self._pause = min(max(0.01 * taken, _PAUSE), _LONGEST_PAUSE)

    def close(self) -> None:
        self._here.put(None)


def ranks(comm: Any) -> Any:
    """Give the crew of all ranks; to be called on rank 0."""

    @contextmanager
    def start(work: Work, folder: Path) -> Iterator[Crew]:
        made = _Ranks(comm, work, folder)
        try:
            yield made
        finally:
            made.close()

    return start
