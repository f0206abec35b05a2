"""Outcome of a run of JULES: whether it has ended, has failed, or has run to its end and written output."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jules_ml.errors import RunFailed
from jules_ml.jules.log import JulesLog
from jules_ml.jules.moments import parse_moment
from jules_ml.jules.program import EXECUTABLE_REMEDY
from jules_ml.jules.run_folder import LOG, OUTPUT, SUBMIT, RunFolder
from jules_ml.jules.submission import NOT_FOUND, read_status, start_of_job

#: Number of last lines of the log that an error may show.
LAST_LINES = 12
_FORMAT = "%Y-%m-%d %H:%M:%S"


class Unfinished(RunFailed):
    """A run that has not started, still runs, or was killed with its job."""


@dataclass(frozen=True)
class Ended:
    """A process of JULES that has ended, or its job.

    Attributes
    ----------
    log : JulesLog
        Parser that has read the whole log.
    file : Path
        Log file.
    status : int or None
        Exit status; None if it is unknown, because the job runs or was killed.
    wall_seconds : float or None
        Wall-clock time [s].
    last : sequence of str
        Last lines of the log.
    disk_full : bool
        Whether the log could not be written completely.
    """

    log: JulesLog
    file: Path
    status: int | None
    wall_seconds: float | None
    last: Sequence[str]
    disk_full: bool = False


@dataclass(frozen=True)
class Files:
    """Files that JULES wrote: output without dumps, and dumps, in the order of time."""

    output: tuple[Path, ...]
    dumps: tuple[Path, ...]


def written_files(run: RunFolder) -> Files:
    """Return the files with content that JULES wrote, without those of earlier jobs in the folder; without netCDF it writes text."""
    folder, since = run.folder / OUTPUT, start_of_job(run.folder)
    times = {path: path.stat().st_mtime for suffix in ("nc", "asc") for path in folder.glob(f"*.{suffix}")}
    paths = [path for path, time in times.items() if path.stat().st_size > 0 and (since is None or time >= since)]
    paths.sort(key=lambda path: (times[path], path.name))
    dumps = tuple(path for path in paths if ".dump." in path.name)
    return Files(tuple(path for path in paths if path not in dumps), dumps)


def read_ended(run: RunFolder, log: JulesLog) -> Ended:
    """Read the log and the exit status that a job has written.

    Parameters
    ----------
    run : RunFolder
        Prepared run.
    log : JulesLog
        New parser.

    Raises
    ------
    Unfinished
        If there is no log.
    """
    file = run.folder / LOG
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                last.append(line.rstrip())
                log.line(line)
    except FileNotFoundError as error:
        raise Unfinished(
            f"the run has not started: there is no {LOG} in {run.folder}; have a job call 'sh {run.folder / SUBMIT}'"
        ) from error
    status = read_status(run.folder)
    log.close(done=log.finished and log.fatal is None)
    return Ended(log, file, None if status is None else status[0], None if status is None else status[1], tuple(last))


def refuse_failure(ended: Ended, run: RunFolder, files: Files) -> None:
    """Raise an error unless JULES ran to its end, with the hooks that it needs, and wrote output.

    Raises
    ------
    Unfinished
        If the exit status is unknown and the log has no end.
    RunFailed
        If JULES stopped with a fatal message or crashed, ended before the end of the run, ran without hooks, or wrote no output, or if
        the program is not JULES.
    """
    log, place = ended.log, f"(log: {ended.file})"
    reached = "before its first step" if log.reached is None else f"at model time {log.reached:{_FORMAT}}"
    tail = " | ".join(line for line in ended.last if line)[-600:]
    if log.fatal is not None:
        raise RunFailed(f"JULES stopped {reached}: {log.fatal.rstrip('.')}{_hint(log.fatal)} {place}")
    if log.lacks_hooks:
        raise RunFailed(f"JULES ran without hooks: {_without_hooks(log)} {place}")
    missing = next((line for line in ended.last if line.startswith(NOT_FOUND)), None)
    if ended.status and missing is not None:
        raise RunFailed(missing.removeprefix("jules_ml: "))
    if ended.status or (ended.status is None and log.crash):
        crash = f": {log.crash}" if log.crash else f"; last lines of its log: {tail}" if tail else "; its log is empty"
        full = "; the disk is full" if ended.disk_full else ""
        ending = f" ({_ending(ended.status)})" if ended.status else ""
        raise RunFailed(f"JULES crashed {reached}{ending}{crash}{full}; its output up to then is kept {place}")
    if ended.status is None and not log.finished:
        raise Unfinished(
            f"the run is unfinished: its log ends {reached}. If the job is still running, repeat 'jules-ml run --collect "
            f"{run.folder}' after it; if it was killed (limits of time or memory), submit it again {place}"
        )
    if not log.is_jules:
        raise RunFailed(
            f"the executable is not JULES, since its log has no line in the format of JULES: {EXECUTABLE_REMEDY}"
            + (f"; last lines of its log: {tail}" if tail else "")
        )
    if ended.disk_full:
        raise RunFailed(f"the disk is full: {ended.file} could not be written, and the output may be incomplete")
    if not log.finished:
        raise RunFailed(f"JULES ended {reached}, before the end of the run: {_early_end(log)} {place}")
    _refuse_no_output(run, files, place)


def _ending(status: int) -> str:
    # a shell reports a signal as 128 and its number
    number = -status if status < 0 else status - 128
    return f"signal {signal.Signals(number).name}" if number in set(signal.Signals) else f"exit status {status}"


def _without_hooks(log: JulesLog) -> str:
    if log.hooks is None:
        return (
            "its log has no line 'jules_ml: hooks on:'; relink it with the flags of 'jules-ml hooks --jules-build DIR', and check it with "
            "'jules-ml hooks --check EXE'"
        )
    return "they are linked and off, since jules_ml.nml switches none on; correct it, or remove 'hooks' from [run] via"


def _early_end(log: JulesLog) -> str:
    if any("failed to spin up - terminating" in warning for warning in log.warnings):
        return "the model is not spun up; raise max_spinup_cycles, or set terminate_on_spinup_fail = false"
    return (
        "its exit status is 0, but its log has no line 'Run completed successfully'; a script that starts JULES must end with the exit "
        "status of JULES"
    )


def _refuse_no_output(run: RunFolder, files: Files, place: str) -> None:
    """Refuse a run without output of a profile, or without any dump: JULES writes one at the end of every run."""
    profiles = requested_profiles(run)
    if profiles and not files.output:
        raise RunFailed(
            f"JULES ran to its end and wrote no output: there is no file of the profiles {', '.join(profiles)} in "
            f"{run.folder / OUTPUT} {place}"
        )
    if not files.output and not files.dumps:
        raise RunFailed(
            f"JULES ran to its end and wrote nothing: the namelists ask for no output profile, but every run writes dumps, and "
            f"{run.folder / OUTPUT} has none {place}"
        )


def requested_profiles(run: RunFolder) -> list[str]:
    """Return the names of the output profiles of which a run writes a file."""
    number = int(run.entry("jules_output", "nprofiles", 0))
    profiles = run.namelists.all("jules_output_profile")
    spins_up = int(run.entry("jules_spinup", "max_spinup_cycles", 0)) > 0
    return [
        str(entries.get("profile_name") or f"{k + 1}")
        for k, entries in enumerate(profiles[:number])
        if (entries.get("output_main_run") and _in_main_run(entries, run))
        or (entries.get("output_spinup") and spins_up)
    ]


def _in_main_run(entries: dict[str, Any], run: RunFolder) -> bool:
    """Whether the period of a profile and the main run overlap."""
    start, end = (entries.get(name) for name in ("output_start", "output_end"))
    try:
        return (not start or parse_moment(str(start), run.calendar) < run.end) and (
            not end or parse_moment(str(end), run.calendar) > run.start
        )
    except ValueError:
        # JULES itself reports a wrong time
        return False


def _hint(fatal: str) -> str:
    for word, remedy in (
        ("No space left", "; free disk space, or give another folder with --out"),
        ("error opening namelist file", "; the namelists are incomplete or for another version of JULES"),
        ("cannot match namelist object", "; the entry does not exist in this version of JULES"),
        (
            "Invalid value for",
            "; correct it in [jules.set]. If the executable is of a branch with this entry, list the entry in [jules] branch_entries too",
        ),
    ):
        if word.lower() in fatal.lower():
            return remedy
    return ""
