"""Run of a JULES executable: its log is followed, and it is ended early after a fatal error."""

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

#: Seconds after a fatal message until the process is ended. JULES usually ends itself, but ranks of MPI may hang.
GRACE = 10.0
_LAST_LINES = 12
_EXECUTABLE_REMEDY = (
    "give the executable of a stand-alone JULES in [jules] executable, or in the environment variable JULES_EXE"
)


@dataclass(frozen=True)
class Finished:
    """Result of a successful run: wall-clock time [s], exit status and log file."""

    wall_seconds: float
    status: int
    log: Path


def check_jules(executable: Path) -> None:
    """Refuse a file that cannot be a JULES executable.

    Scripts are accepted, since they may load libraries and then start JULES; :func:`run_jules_executable` checks their output.

    Raises
    ------
    BadInput
        If there is no such file, it is not executable, or it does not contain the name of a namelist of JULES.
    """
    if not executable.is_file():
        raise BadInput("there is no such executable", where=executable, remedy=_EXECUTABLE_REMEDY)
    if not os.access(executable, os.X_OK):
        raise BadInput(
            "the file is not executable", where=executable, remedy=f"run 'chmod +x' on it, or {_EXECUTABLE_REMEDY}"
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
                    "this is not a stand-alone JULES: it does not read a namelist JULES_TIME",
                    where=executable,
                    remedy=_EXECUTABLE_REMEDY,
                )


def run_jules_executable(
    executable: Path, *, launcher: Sequence[str], folder: Path, namelists: str, log: JulesLog
) -> Finished:
    """Run JULES and wait for its end.

    Parameters
    ----------
    executable : Path
    launcher : sequence of str
        Command before the executable, e.g. ``mpiexec -n 4``.
    folder : Path
        Working directory; standard output and error are written to ``jules.log`` in it.
    namelists : str
        Folder of namelists, the argument of the executable.
    log : JulesLog
        Parser of the log.

    Returns
    -------
    Finished

    Raises
    ------
    RunFailed
        If the executable cannot be started, stops with a fatal message, crashes, or does not write a log of JULES. Files that it
        has written are kept.
    """
    path = folder / LOG
    command = [*launcher, str(executable.resolve()), namelists]
    environment = {
        **os.environ,
        # without this gfortran buffers standard output, and progress cannot be shown
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
    """Read the log to its end and copy it to a file; return its last lines, and whether writing the file failed."""
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
                        # the run may still succeed; JULES itself reports output that it cannot write
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
    """End a process and its children."""
    for signal_number, timeout in ((signal.SIGTERM, 3.0), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(timeout=timeout)
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
        ending = f"signal {signal.Signals(-status).name}" if -status in set(signal.Signals) else f"exit status {status}"
        crash = f": {log.crash}" if log.crash else f"; last lines of its log: {tail}" if tail else "; its log is empty"
        full = "; the disk is full" if disk_full else ""
        raise RunFailed(f"JULES crashed {reached} ({ending}){crash}{full}; its output up to then is kept (log: {path})")
    if not log.is_jules:
        raise RunFailed(
            f"the executable is not JULES, since its log has no line in the format of JULES: {_EXECUTABLE_REMEDY}"
            + (f"; last lines of its log: {tail}" if tail else "")
        )
    if disk_full:
        raise RunFailed(f"the disk is full: {path} could not be written, and the output may be incomplete")


def _hint(fatal: str) -> str:
    for word, remedy in (
        ("No space left", "; free disk space, or give another folder with --out"),
        ("error opening namelist file", "; the namelists are incomplete or for another version of JULES"),
        ("cannot match namelist object", "; the entry does not exist in this version of JULES"),
    ):
        if word.lower() in fatal.lower():
            return remedy
    return ""
