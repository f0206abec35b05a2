"""Running a JULES executable: watched while it runs, stopped early when it has failed."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from jules_ml.errors import BadInput, RunFailed
from jules_ml.jules.log import JulesLog
from jules_ml.jules.run_folder import LOG

#: A fatal message ends JULES itself; what hangs after one, as ranks of MPI may, is ended after this many seconds.
GRACE = 10.0
_LAST_LINES = 12
_EXECUTABLE_REMEDY = "give the executable of a stand-alone JULES in [jules] executable, or in the variable JULES_EXE"


@dataclass(frozen=True)
class Finished:
    """How a run of the executable ended: seconds it took, its exit status, and its log's file."""

    wall_seconds: float
    status: int
    log: Path


def check_jules(executable: Path) -> None:
    """Refuse what cannot be a JULES executable.

    A script, as one that loads libraries first, is believed; :func:`run_jules_executable` sees whether it speaks as JULES does.

    Raises
    ------
    BadInput
        If there is no such file, it may not be executed, or nothing in it is of JULES.
    """
    if not executable.is_file():
        raise BadInput("there is no such executable", where=executable, remedy=_EXECUTABLE_REMEDY)
    if not os.access(executable, os.X_OK):
        raise BadInput(
            "this file may not be executed", where=executable, remedy=f"chmod +x it, or {_EXECUTABLE_REMEDY}"
        )
    with executable.open("rb") as file:
        if file.read(2) == b"#!":
            return
        file.seek(0)
        if executable.stat().st_size == 0:
            raise BadInput("the executable is empty", where=executable, remedy=_EXECUTABLE_REMEDY)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"JULES_TIME") < 0 and content.find(b"jules_time") < 0:
                raise BadInput(
                    "this is not a stand-alone JULES: it reads no namelist JULES_TIME",
                    where=executable,
                    remedy=_EXECUTABLE_REMEDY,
                )


def run_jules_executable(
    executable: Path, *, launcher: Sequence[str], folder: Path, namelists: str, log: JulesLog
) -> Finished:
    """Run JULES to its end, good or bad.

    Parameters
    ----------
    executable : Path
    launcher : sequence of str
        What stands before it, as ``mpiexec -n 4``.
    folder : Path
        Where it is started; its output to the terminal goes to ``jules.log`` there.
    namelists : str
        Folder of namelists, as its argument.
    log : JulesLog
        Follows the run.

    Returns
    -------
    Finished
        If it came to its end.

    Raises
    ------
    RunFailed
        If it could not be started, stopped with a fatal message, crashed, or did not speak as JULES does. What it had
        written stays.
    """
    path = folder / LOG
    command = [*launcher, str(executable.resolve()), namelists]
    environment = {
        **os.environ,
        # gfortran else keeps lines back until it has many, and there is no progress to be seen
        "GFORTRAN_UNBUFFERED_PRECONNECTED": "y",
    }
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise RunFailed(f"{command[0]} cannot be started ({error.strerror}): {_EXECUTABLE_REMEDY}") from error
    last, disk_full = _follow(process, log, path)
    status = process.wait()
    log.close(done=status == 0 and log.fatal is None)
    _refuse_failure(status, log, last, path, disk_full)
    return Finished(time.monotonic() - began, status, path)


def _follow(process: subprocess.Popen[str], log: JulesLog, path: Path) -> tuple[deque[str], bool]:
    """Read the log to its end, writing it to a file; give its last lines, and whether the file could not be written."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    disk_full = False
    killer: Timer | None = None
    assert process.stdout is not None
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                log.line(line)
                if log.fatal is not None and killer is None:
                    killer = Timer(GRACE, end_process, (process,))
                    killer.daemon = True
                    killer.start()
                if not disk_full:
                    try:
                        file.write(line)
                    except OSError:
                        # the run may still go well, and says itself when it cannot write either
                        disk_full = True
        finally:
            try:
                file.close()
            except OSError:
                disk_full = True
    except BaseException:
        end_process(process)
        raise
    finally:
        process.stdout.close()
        if killer is not None:
            killer.cancel()
    return last, disk_full


def end_process(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    for how, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def _refuse_failure(status: int, log: JulesLog, last: deque[str], path: Path, disk_full: bool) -> None:
    reached = "before its first step" if log.reached is None else f"at model time {log.reached:%Y-%m-%d %H:%M:%S}"
    if log.fatal is not None:
        raise RunFailed(f"JULES stopped {reached}: {log.fatal}{_hint(log.fatal)} (log: {path})")
    tail = " | ".join(line for line in last if line)[-600:]
    if status != 0:
        what = f"signal {signal.Signals(-status).name}" if -status in set(signal.Signals) else f"exit status {status}"
        crash = f": {log.crash}" if log.crash else f"; its last lines: {tail}" if tail else ", and said nothing"
        full = "; the disk is full" if disk_full else ""
        raise RunFailed(f"JULES died {reached} ({what}){crash}{full}; what it had written is kept (log: {path})")
    if not log.is_jules:
        raise RunFailed(
            f"the executable ended without a line as JULES writes them, and is none: {_EXECUTABLE_REMEDY}"
            + (f"; it said: {tail}" if tail else "")
        )
    if disk_full:
        raise RunFailed(f"the disk is full: {path} could not be written, and the output may be cut short")


def _hint(fatal: str) -> str:
    for word, remedy in (
        ("No space left", "; make room, or run elsewhere with --out"),
        ("error opening namelist file", "; the namelists are for another version of JULES, or incomplete"),
        ("cannot match namelist object", "; this JULES does not know that entry, and is of another version"),
    ):
        if word.lower() in fatal.lower():
            return remedy
    return ""
