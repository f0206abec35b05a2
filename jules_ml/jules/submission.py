"""Start of a prepared run by a batch queue: the script that a job calls, and the exit status that it writes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from jules_ml.jules.program import VARIABLE
from jules_ml.jules.run_folder import LOG, STATUS, SUBMIT, SUMMARY
from jules_ml.support.files import atomic_write

#: Environment of JULES: without it gfortran buffers standard output, and the log ends before the place of a crash.
ENVIRONMENT = {"GFORTRAN_UNBUFFERED_PRECONNECTED": "y"}
#: The script gives whole seconds, and some file systems do too [s].
_ROUNDING = 2.0
#: Start of the line in the log of a job whose executable does not exist.
NOT_FOUND = "jules_ml: the executable "
_CHECK = """\
if ! command -v {executable} >/dev/null; then
    echo {message}{executable}" was not found: set {variable} to the absolute path of JULES, and submit again" | tee {log} >&2
    echo "127 0" >{status}
    exit 127
fi
"""
_SCRIPT = """\
#!/bin/sh
# JULES run of {experiment}. Have a job call this file by its path, from any folder:
#     sh {script}
# and afterwards, in the job or outside it:
#     jules-ml run --collect {folder}
folder=$(dirname "$0")
# some queues start a copy of a script, from a folder of their own
[ -f "$folder/{summary}" ] || folder={folder}
cd "$folder" || exit 1
# a job that does not start must not be taken for the one before it
rm -f {status} {log}
export {environment}
{defaults}{check}began=$(date +%s)
{command} >{log} 2>&1
status=$?
echo "$status $(($(date +%s) - began))" >{status}
exit $status
"""


def write_script(
    folder: Path,
    command: Sequence[str | None],
    experiment: str,
    defaults: Mapping[str, str] | None = None,
    *,
    place: Path | None = None,
) -> None:
    """Write the script that a job calls.

    Parameters
    ----------
    folder : Path
        Run folder.
    command : sequence of (str or None)
        Launcher, executable and namelist folder; None is the executable of the environment variable JULES_EXE when the job starts.
    experiment : str
        Name of the experiment file.
    defaults : mapping of str to str, optional
        Environment variables for jobs that do not set them.
    place : Path, optional
        Run folder when the job starts; by default ``folder``.
    """
    place = folder if place is None else place
    missing = f'"${{{VARIABLE}:?set {VARIABLE} to the executable of JULES}}"'
    words = [missing if word is None else shlex.quote(word) for word in command]
    text = _SCRIPT.format(
        experiment=experiment,
        script=shlex.quote(str(place / SUBMIT)),
        folder=shlex.quote(str(place)),
        summary=SUMMARY,
        status=STATUS,
        environment=" ".join(f"{name}={value}" for name, value in ENVIRONMENT.items()),
        defaults="".join(
            f'[ -n "${{{name}:-}}" ] || export {name}={shlex.quote(value)}\n'
            for name, value in (defaults or {}).items()
        ),
        check=_CHECK.format(
            executable=words[-2], message=shlex.quote(NOT_FOUND), variable=VARIABLE, log=LOG, status=STATUS
        ),
        command=" ".join(words),
        log=LOG,
    )
    with atomic_write(folder / SUBMIT) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o755)


def write_status(folder: Path, status: int, seconds: float) -> None:
    """Write the exit status of JULES and its wall-clock time [s], as the script does."""
    (folder / STATUS).write_text(f"{status} {seconds:.2f}\n", encoding="ascii")


def read_status(folder: Path) -> tuple[int, float] | None:
    """Return the exit status and the wall-clock time [s]; None while JULES runs, or after the job was killed."""
    try:
        status, seconds = (folder / STATUS).read_text(encoding="ascii").split()
        return int(status), float(seconds)
    except (OSError, ValueError):
        return None


def start_of_job(folder: Path) -> float | None:
    """Return the earliest time [s] at which the job may have begun, as file times give it; None if its exit status is unknown."""
    ended = read_status(folder)
    return None if ended is None else (folder / STATUS).stat().st_mtime - ended[1] - _ROUNDING
