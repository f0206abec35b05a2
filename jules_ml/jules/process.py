"""Run of a JULES executable: its log is followed, and it is ended early after a fatal error."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer

from jules_ml.errors import RunFailed
from jules_ml.jules.log import JulesLog
from jules_ml.jules.outcome import LAST_LINES, Ended
from jules_ml.jules.program import EXECUTABLE_REMEDY
from jules_ml.jules.run_folder import LOG
from jules_ml.jules.submission import ENVIRONMENT, write_status
from jules_ml.support.descendants import descendant_environment

#: Seconds after a fatal message until the process is ended. JULES usually ends itself, but ranks of MPI may hang.
GRACE = 10.0


def run_command(
    command: Sequence[str], folder: Path, log: JulesLog, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run JULES and wait for its end.

    Parameters
    ----------
    command : sequence of str
        Launcher, executable and namelist folder.
    folder : Path
        Working directory; standard output and error are written to ``jules.log`` in it, the exit status to ``jules.status``.
    log : JulesLog
        Parser of the log. JULES is ended after a fatal message, and where it runs without hooks that it needs.
    environment : mapping of str to str, optional
        Further environment variables.

    Returns
    -------
    Ended

    Raises
    ------
    RunFailed
        If the executable cannot be started.
    """
    path = folder / LOG
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, **(environment or {}), **descendant_environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise RunFailed(f"{command[0]} cannot be started ({error.strerror}): {EXECUTABLE_REMEDY}") from error
    last, disk_full = _follow(process, log, path)
    status, seconds = process.wait(), time.monotonic() - began
    log.close(done=status == 0 and log.fatal is None)
    try:
        write_status(folder, status, seconds)
    except OSError:
        disk_full = True
    return Ended(log, path, status, seconds, last, disk_full)


def _follow(process: subprocess.Popen[str], log: JulesLog, path: Path) -> tuple[deque[str], bool]:
    """Read the log to its end and copy it to a file; return its last lines, and whether writing the file failed."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    disk_full = False
    killer: Timer | None = None
    assert process.stdout is not None
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                log.line(line)
                if (log.fatal is not None or log.lacks_hooks) and killer is None:
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
