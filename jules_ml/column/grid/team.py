"""Ranks of MPI that share a run: their progress, their results and their failures."""

from __future__ import annotations

import atexit
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from jules_ml.errors import BadInput, RunFailed

#: Pause between two looks for messages [s]: a blocking call of MPI would occupy a processor that another rank needs.
_PAUSE: Final = 5e-3
_UP, _DOWN = 1, 2


class Team:
    """All ranks of a run; a single process without MPI is a team of one.

    Parameters
    ----------
    comm : communicator of mpi4py, optional
    """

    def __init__(self, comm: Any = None) -> None:
        self._comm = comm
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self._receive: Callable[[int], None] = lambda _: None
        self._done: dict[int, Any] = {}

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which reports, gathers and writes."""
        return self.rank == 0

    def counted(self, receive: Callable[[int], None] | None) -> Callable[[int], None]:
        """Return a function that adds up the steps of all ranks: on rank 0, ``receive`` gets those of every rank."""
        self._receive = receive or (lambda _: None)

        def count(steps: int) -> None:
            if self.leads:
                self._receive(steps)
                self._collect()
            else:
                self._comm.send(("steps", steps), dest=0, tag=_UP)

        return count

    def gathered(self, own: Any) -> list[Any] | None:
        """Wait for all ranks; rank 0 gets what each has, the others None."""
        if self.size == 1:
            return [own]
        if not self.leads:
            self._comm.send(("done", own), dest=0, tag=_UP)
            return None
        while len(self._collect()) < self.size - 1:
            time.sleep(_PAUSE)
        results, self._done = self._done, {}
        return [own, *(results[rank] for rank in range(1, self.size))]

    def follow(self, value: Any = None) -> Any:
        """Wait for rank 0, and get its value."""
        if self.size == 1:
            return value
        if self.leads:
            for rank in range(1, self.size):
                self._comm.send(value, dest=rank, tag=_DOWN)
            return value
        while not self._comm.iprobe(source=0, tag=_DOWN):
            time.sleep(_PAUSE)
        return self._comm.recv(source=0, tag=_DOWN)

    def _collect(self) -> dict[int, Any]:
        """Receive messages; return the results of the ranks that are done so far."""
        for rank in range(1, self.size):
            # what a rank sends after its result belongs to the next gathering
            while rank not in self._done and self._comm.iprobe(source=rank, tag=_UP):
                kind, content = self._comm.recv(source=rank, tag=_UP)
                if kind == "failed":
                    raise content
                if kind == "done":
                    self._done[rank] = content
                else:
                    self._receive(content)
        return self._done

    @contextmanager
    def one_for_all(self) -> Iterator[None]:
        """End all ranks if one fails: an error of the user on any rank is raised on rank 0.

        The launcher would otherwise wait for ranks that wait for each other.
        """
        try:
            yield
        except (BadInput, RunFailed, KeyboardInterrupt) as error:
            if self.size == 1:
                raise
            if self.leads:
                # after the message has been printed
                atexit.register(self._comm.Abort, 2 if isinstance(error, BadInput) else 1)
                raise
            self._comm.send(("failed", error), dest=0, tag=_UP)
            while True:
                time.sleep(_PAUSE)
        except Exception:
            if self.size == 1:
                raise
            traceback.print_exc()
            self._comm.Abort(1)
            raise
