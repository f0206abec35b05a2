"""Worker pool of processes on this machine; a worker that dies is replaced, and none outlives the manager."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from jules_ml.ensemble.schedule import StartPool, WorkerPool
from jules_ml.ensemble.work import Outcome, Unit, Work, run_unit
from jules_ml.support.descendants import die_with_parent, end_descendants_with_this_process

#: Time that a worker has to stop its run [s].
_GRACE = 5.0


def _die_with_manager(forked: bool) -> None:
    """Have this worker killed when its manager dies; its parent is the manager if it forks, otherwise the server that forks workers."""
    manager = multiprocessing.parent_process()
    if manager is None or manager.pid is None:
        return
    die_with_parent(manager.pid if forked else os.getppid())

    def watch() -> None:
        wait([manager.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _serve(connection: Connection, work: Work, folder: Path, others: Sequence[Connection]) -> None:
    _die_with_manager(work.forks)
    # a fork inherits the manager's ends of all connections; while they are open, it cannot detect the end of the manager
    for other in others:
        other.close()
    import torch

    torch.set_num_threads(1)
    try:
        while True:
            connection.send(run_unit(work, connection.recv(), folder))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


class _Worker:
    """Process, connection to it, and the unit that it is running."""

    def __init__(self, context: Any, work: Work, folder: Path, others: Sequence[Connection]) -> None:
        self.connection, theirs = context.Pipe()
        inherited = (self.connection, *others) if work.forks else ()
        self.process = context.Process(target=_serve, args=(theirs, work, folder, inherited), daemon=False)
        self.process.start()
        theirs.close()
        self.unit: Unit | None = None

    def stop(self) -> None:
        """Stop the process and its run."""
        self.connection.close()
        if self.unit is not None and self.process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class _Pool:
    def __init__(self, work: Work, folder: Path, size: int) -> None:
        end_descendants_with_this_process()
        self._context: Any = multiprocessing.get_context("fork" if work.forks else "forkserver")
        if not work.forks:
            # workers are forked from a server that has no threads and has already imported what they need
            self._context.set_forkserver_preload([type(work).__module__])
        self._work, self._folder = work, folder
        self.workers: list[_Worker] = []
        for _ in range(size):
            self.workers.append(self._start())

    def _start(self) -> _Worker:
        others = [worker.connection for worker in self.workers if not worker.connection.closed]
        return _Worker(self._context, self._work, self._folder, others)

    @property
    def free(self) -> int:
        return sum(worker.unit is None for worker in self.workers)

    @property
    def busy(self) -> int:
        return len(self.workers) - self.free

    def submit(self, unit: Unit) -> None:
        worker = next(worker for worker in self.workers if worker.unit is None)
        worker.unit = unit
        try:
            worker.connection.send(unit)
        except OSError:
            # it died while idle: outcomes() detects it
            return

    def outcomes(self) -> Sequence[Outcome]:
        busy = {worker.connection: worker for worker in self.workers if worker.unit is not None}
        return [self._receive(busy[ready]) for ready in wait(list(busy)) if isinstance(ready, Connection)]

    def _receive(self, worker: _Worker) -> Outcome:
        assert worker.unit is not None
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            lost = Outcome(worker.unit.number, lost=f"the worker that ran it died ({_exit(worker.process.exitcode)})")
            worker.connection.close()
            self.workers[self.workers.index(worker)] = self._start()
            return lost
        worker.unit = None
        assert isinstance(outcome, Outcome)
        return outcome


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def pool(size: int) -> StartPool:
    """Return a function that starts a pool of ``size`` processes."""

    @contextlib.contextmanager
    def start(work: Work, folder: Path) -> Iterator[WorkerPool]:
        processes = _Pool(work, folder, size)
        try:
            yield processes
        finally:
            for worker in processes.workers:
                worker.stop()

    return start
