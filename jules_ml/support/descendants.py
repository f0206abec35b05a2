"""Processes that a command starts end with it, however it ends (on Linux).

A signal that cannot be caught leaves no time to end a JULES, a compiler or a pool of workers. A small process therefore waits for the end
of the command and then ends all processes that inherited a variable of its environment. This file is its program, and imports no other part
of the package.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Environment variable that descendants inherit.
VARIABLE: Final = "JULES_ML_STARTED_BY"
#: Time between a request to end and a kill [s]: launchers of MPI end their ranks in it.
_GRACE: Final = 3.0
_PAUSE: Final = 0.05
#: Option of ``prctl`` that sets the signal sent when the parent dies.
_PR_SET_PDEATHSIG: Final = 1
#: This process and the one that started it, before that can have died unnoticed.
_PROCESS, _PARENT = os.getpid(), os.getppid()


class _Own:
    """Token of this process, for whose end a program waits; a fork has to have its own."""

    is_command = False
    process = 0
    token = ""


_own = _Own()


def end_descendants_with_this_process() -> None:
    """Have all processes that this one starts from now on ended when it has ended, if it is a command or belongs to one.

    In other programs that use the package, processes may be meant to live on; :func:`descendant_environment` is for single ones.
    """
    if _own.is_command or VARIABLE in os.environ:
        os.environ.update(descendant_environment())


def this_is_a_command() -> None:
    """State that this process is a command, and that no process of it may live on."""
    _own.is_command = True


def descendant_environment() -> dict[str, str]:
    """Return the environment variable of processes that end when this process has ended; empty where that cannot be arranged."""
    if sys.platform != "linux" or not Path(sys.executable or "").name.startswith("python"):
        return {}
    if _own.process == os.getpid():
        return {VARIABLE: _own.token}
    token = f"{os.getpid()}-{uuid.uuid4().hex}"
    # the program that waits is no descendant that is ended
    others = {name: value for name, value in os.environ.items() if name != VARIABLE}
    nothing = [(os.POSIX_SPAWN_OPEN, handle, os.devnull, os.O_RDWR, 0) for handle in range(3)]
    words = [sys.executable, "-I", "-S", __file__, str(os.getpid()), token]
    try:
        os.posix_spawn(sys.executable, words, others, file_actions=nothing, setsid=True)
    except (OSError, NotImplementedError):
        # a kill may then leave descendants, and everything else works
        return {}
    _own.process, _own.token = os.getpid(), token
    return {VARIABLE: token}


def parent_at_start() -> int:
    """Return the process that started this program; in a fork, which does not start again, its parent."""
    return _PARENT if os.getpid() == _PROCESS else os.getppid()


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent dies, or if it has died already (on Linux only).

    Parameters
    ----------
    parent : int
        Process that started this one, as that process or the start of this one knows it.
    """
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # it died before
            os.kill(os.getpid(), signal.SIGKILL)


def _wait_for(process: int) -> None:
    """Wait for the end of the process that started this one."""
    try:
        handle = os.pidfd_open(process)
    except (AttributeError, OSError):
        while os.getppid() == process:
            time.sleep(_PAUSE)
        return
    if os.getppid() == process:
        select.select([handle], [], [])


def _descendants(token: str) -> Iterator[int]:
    """Yield the processes whose environment has the token."""
    entry = f"{VARIABLE}={token}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            # empty for processes that have ended
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue


def _end(token: str) -> None:
    """Ask all descendants to end, and kill those that do not."""
    asked: set[int] = set()
    deadline = time.monotonic() + _GRACE
    while remaining := set(_descendants(token)):
        late = time.monotonic() > deadline
        for process in remaining if late else remaining - asked:
            try:
                os.kill(process, signal.SIGKILL if late else signal.SIGTERM)
            except OSError:
                continue
        asked |= remaining
        time.sleep(_PAUSE)


if __name__ == "__main__":
    _wait_for(int(sys.argv[1]))
    _end(sys.argv[2])
