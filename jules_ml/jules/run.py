"""Runs of JULES with modules swapped in (``jules-ml run`` with ``model = "jules"``).

A run is prepared, started and collected. :func:`run_jules` does all three; for a batch queue, :func:`prepare_run` and
:func:`collect_run` are called before and after a job that calls the script in the run folder.
"""

from __future__ import annotations

import difflib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jules_ml.errors import RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.jules.hooks.environment import python_environment
from jules_ml.jules.hooks.stamp import jules_of_hooks
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.outcome import Ended, Unfinished, read_ended, refuse_failure, written_files
from jules_ml.jules.preflight.check import preflight
from jules_ml.jules.process import run_command
from jules_ml.jules.program import check_jules, given_executable, jules_executable, program_of
from jules_ml.jules.rose import OPTION, optional_configuration
from jules_ml.jules.run_folder import (
    DIFF,
    DIRECT,
    EXPERIMENT,
    JULES_RUN,
    LOG,
    OPT,
    SUBMIT,
    SUMMARY,
    SWAPPED,
    RunFolder,
    finished,
    read_run_folder,
    read_staged,
    refuse_place,
    stage,
)
from jules_ml.jules.run_record import (
    described,
    ended,
    identity,
    preparation,
    reached,
    read_summary,
    summary_text,
    unused_notes,
    write_summary,
    write_text,
)
from jules_ml.jules.set_entries import set_entries
from jules_ml.jules.submission import write_script
from jules_ml.learned.uses import ways
from jules_ml.support.output_folder import held_folder, replaced_folder
from jules_ml.support.progress import Progress

#: Minimum free disk space [bytes]; the output of a year takes some megabytes.
MIN_FREE = 20 * 1024**2
_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class JulesRun:
    """A successful run of JULES.

    Attributes
    ----------
    folder : Path
        The new run folder.
    output : tuple of Path
        netCDF files of output, without dumps.
    dumps : tuple of Path
        Dumps, in the order of time.
    notes : tuple of str
        Notes on the modules and files that were swapped in.
    warnings : tuple of str
        Warnings of JULES.
    wall_seconds : float or None
        Wall-clock time of JULES [s]; None if a job did not record it.
    """

    folder: Path
    output: tuple[Path, ...]
    dumps: tuple[Path, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    wall_seconds: float | None

    @property
    def files(self) -> tuple[Path, ...]:
        """Files for the user: output, dumps, summary, log, differences of the namelists."""
        return (*self.output, *self.dumps, *(self.folder / name for name in (SUMMARY, LOG, DIFF)))


@dataclass(frozen=True)
class PreparedRun:
    """A run folder that is ready to start.

    Attributes
    ----------
    run : RunFolder
        New run folder, with its final namelists.
    command : tuple of (str or None)
        Launcher, executable and namelist folder; None is the executable that JULES_EXE names when the run starts.
    record : dict
        Contents of ``run_summary.json``, without those on the end of the run.
    """

    run: RunFolder
    command: tuple[str | None, ...]
    record: dict[str, Any]

    @property
    def folder(self) -> Path:
        """New run folder."""
        return self.run.folder

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the modules and files that were swapped in."""
        return tuple(self.record["notes"])

    @property
    def script(self) -> Path:
        """Script that a job calls."""
        return self.folder / SUBMIT

    @property
    def files(self) -> tuple[Path, ...]:
        """Files for the user: script, summary, differences of the namelists."""
        return (self.script, *(self.folder / name for name in (SUMMARY, DIFF)))

    @property
    def needs_hooks(self) -> bool:
        """Whether the run needs hooks."""
        return "hooks" in self.record["via"]


def default_folder(experiment: Experiment) -> Path:
    """Return the default new run folder: next to the original one, named after it and the experiment."""
    section = experiment.required(experiment.jules, "jules")
    folder = section.folder.resolve()
    return folder.with_name(f"{folder.name}_{experiment.file.stem}")


def run_jules(experiment: Experiment, out: Path, *, progress: Progress | None = None) -> JulesRun:
    """Run JULES with the modules and files of an experiment swapped in.

    Parameters
    ----------
    experiment : Experiment
        With ``[jules]`` and ``[run]``, and the sections that the ways of ``[run] via`` need.
    out : Path
        New run folder; the original run folder is never written to. An earlier run in it that is done stays until JULES has ended.
    progress : callable, optional
        Called with a stage, the number of its steps that are done, and their total.

    Returns
    -------
    JulesRun

    Raises
    ------
    BadInput
        If the run folder, the executable or the modules cannot be used; JULES is not started then.
    RunFailed
        If JULES stops or crashes. Its folder is kept, with the log and the output up to then.
    """
    section = experiment.required(experiment.jules, "jules")
    jules_executable(section, experiment.file)
    if not finished(out):
        return _run(experiment, out, progress)
    refuse_place(read_run_folder(section.folder, section.namelists), out)
    failure: RunFailed | None = None
    with replaced_folder(out, JULES_RUN) as staged:
        try:
            done = _run(experiment, staged.path, progress, place=out.resolve())
        except RunFailed as error:
            if not (staged.path / LOG).exists():
                raise
            failure = type(error)(staged.text(str(error)))
    if failure is not None:
        raise failure
    return replace(
        done,
        folder=out,
        output=tuple(map(staged.final, done.output)),
        dumps=tuple(map(staged.final, done.dumps)),
    )


def _run(experiment: Experiment, out: Path, progress: Progress | None, *, place: Path | None = None) -> JulesRun:
    """Run JULES in a folder, which will be at ``place``."""
    # this status remains if this process is killed during the run
    prepared = prepare_run(experiment, out, status="unfinished", place=place)
    with held_folder(out):
        return _started(prepared, progress)


def _started(prepared: PreparedRun, progress: Progress | None) -> JulesRun:
    """Start JULES in a prepared folder, and wait for its end."""
    log = prepared.run.log(progress)
    log.expects_hooks = prepared.needs_hooks
    try:
        command = [word for word in prepared.command if word is not None]
        environment = python_environment(prepared.folder / prepared.run.directory)
        end = run_command(command, prepared.folder, log, environment)
    except RunFailed as error:
        write_summary(prepared.folder, {**prepared.record, "status": "failed", "failure": str(error), **reached(log)})
        raise
    except KeyboardInterrupt:
        write_summary(prepared.folder, {**prepared.record, "status": "interrupted", **reached(log)})
        raise
    return _conclude(prepared, end)


def prepare_run(
    experiment: Experiment, out: Path, *, status: str = "prepared", place: Path | None = None
) -> PreparedRun:
    """Write a run folder that is ready to start, with a script that a job can call.

    Parameters
    ----------
    experiment : Experiment
        With ``[jules]`` and ``[run]``, and the sections that the ways of ``[run] via`` need. The executable is checked if it is there.
    out : Path
        New run folder; the original run folder is never written to.
    status : str
        Status in its ``run_summary.json``.
    place : Path, optional
        Folder that ``out`` will be moved to; by default it stays.

    Returns
    -------
    PreparedRun

    Raises
    ------
    BadInput
        If the run folder, the executable or the modules cannot be used.
    RunFailed
        If the folder cannot be written, or the disk is full.
    """
    section = experiment.required(experiment.jules, "jules")
    executable, program, executable_notes = _executable(section)
    original = read_run_folder(section.folder, section.namelists)
    place = out.resolve() if place is None else place
    with stage(original, out) as staged:
        namelists_before = staged.namelists.copy()
        command = [*section.launcher, None if executable is None else str(executable.resolve()), staged.directory]
        try:
            notes = swap_in(experiment, staged, program)
            staged.namelists.write(staged.folder / staged.directory)
            notes += preflight(experiment, namelists_before, staged, executable_version=jules_of_hooks(program))
            if "hooks" in experiment.required(experiment.run, "run").via:
                notes += executable_notes
            environment = python_environment(staged.folder / staged.directory)
            write_text(staged.folder / DIFF, namelist_diff(original.namelists, staged.namelists))
            write_text(staged.folder / EXPERIMENT, experiment.text)
            if original.rose is not None:
                files, written = _swapped_files(staged), staged.folder / staged.directory
                option = optional_configuration(original.rose, namelists_before, staged.namelists, files, written)
                write_text(staged.folder / OPT / OPTION, option.replace(str(staged.folder), str(place)))
            notes = [note.replace(str(staged.folder), str(place)) for note in notes]
            record = described(experiment, original, staged, executable=executable, command=command, notes=notes)
            write_script(staged.folder, command, experiment.file.name, environment, place=place)
            direct = {} if status == "prepared" else {DIRECT: True}
            write_text(staged.folder / SUMMARY, summary_text({**record, "status": status, **direct}))
        except OSError as error:
            raise RunFailed(f"the run folder {staged.folder} cannot be written ({error.strerror})") from error
        free = shutil.disk_usage(staged.folder).free
        if free < MIN_FREE:
            raise RunFailed(
                f"the disk is full: {free / 1024**2:.0f} MB free at {staged.folder}; free disk space, or give another folder with --out"
            )
    return PreparedRun(replace(staged, folder=out.resolve()), tuple(command), record)


def collect_run(folder: Path, *, progress: Progress | None = None) -> JulesRun:
    """Collect a prepared run after its job: judge it by its log, exit status and output, and write its summary.

    Parameters
    ----------
    folder : Path
        Run folder that :func:`prepare_run` wrote.
    progress : callable, optional
        As that of :func:`run_jules`.

    Returns
    -------
    JulesRun

    Raises
    ------
    BadInput
        If the folder is not a prepared run.
    RunFailed
        If JULES failed; :class:`~jules_ml.jules.outcome.Unfinished` if it has not started or is unfinished.
    """
    record: dict[str, Any] = preparation(read_summary(folder))
    run = read_staged(folder)
    command: tuple[str | None, ...] = tuple(record.get("command", ()))
    executable = command[-2] if len(command) > 1 else None
    if record.get("executable") is None and executable is not None and Path(executable).is_file():
        # it was built after the preparation
        record["executable"] = identity(Path(executable))
    prepared = PreparedRun(run, command, record)
    log = run.log(progress)
    log.expects_hooks = prepared.needs_hooks
    return _conclude(prepared, read_ended(run, log))


def _conclude(prepared: PreparedRun, end: Ended) -> JulesRun:
    """Judge a run that has ended, and write its summary."""
    files = written_files(prepared.run)
    try:
        refuse_failure(end, prepared.run, files)
    except RunFailed as error:
        status = "unfinished" if isinstance(error, Unfinished) else "failed"
        write_summary(prepared.folder, {**prepared.record, "status": status, "failure": str(error), **reached(end.log)})
        raise
    write_summary(prepared.folder, {**prepared.record, "status": "done", **ended(end, files)})
    return JulesRun(
        prepared.folder, files.output, files.dumps, prepared.notes, tuple(end.log.warnings), end.wall_seconds
    )


def _executable(section: JulesSection) -> tuple[Path | None, Path | None, list[str]]:
    """Return the executable, the program to check for hooks, and notes for a run that needs hooks; None where they are unknown."""
    executable = given_executable(section)
    proof = "the run fails unless its log has the line 'jules_ml: hooks on:'"
    if executable is None or not executable.is_file():
        missing = "JULES_EXE names" if executable is None else f"{executable} is"
        return executable, None, [f"note: {missing} no executable here, so that its hooks are not checked: {proof}"]
    check_jules(executable)
    program = program_of(executable, section.program)
    if program is None:
        note = (
            f"note: {executable.name} is a script that does not contain the path of JULES, so that its hooks are not checked: {proof}; "
            "[jules] program may name the program that it starts"
        )
        return executable, None, [note]
    return executable, program, []


def swap_in(experiment: Experiment, staged: RunFolder, program: Path | None) -> list[str]:
    """Swap the modules and files of an experiment into a staged run.

    Parameters
    ----------
    experiment : Experiment
    staged : RunFolder
        New run folder; its namelists are edited and files are written into it.
    program : Path or None
        Program of JULES, which the way ``hooks`` checks; None if it cannot be checked before the run.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If the source of a way is missing, or does not fit the run.
    """
    section, run = experiment.required(experiment.jules, "jules"), experiment.required(experiment.run, "run")
    # entries of [jules.set] come first: they may switch off a scheme that is incompatible with a way
    notes = set_entries(experiment, staged)
    times = {"main_run_start": run.start, "main_run_end": run.end}
    changed_times = {name: f"{moment:{_FORMAT}}" for name, moment in times.items() if moment is not None}
    if changed_times:
        staged.namelists.set("jules_time", changed_times)
    for name, way in ways().items():
        if name in run.via:
            notes += way.swap(experiment, staged, program)
    return notes + unused_notes(experiment, section, run.via)


def namelist_diff(before: NamelistFolder, after: NamelistFolder) -> str:
    """Return the differences of two namelist folders as a unified diff."""
    lines: list[str] = []
    for file in sorted({*before.files, *after.files}):
        old, new = (
            (folder.text(file).splitlines(keepends=True) if file in folder.files else []) for folder in (before, after)
        )
        lines += [line if line.endswith("\n") else line + "\n" for line in difflib.unified_diff(old, new, file, file)]
    return "".join(lines)


def _swapped_files(staged: RunFolder) -> dict[str, Path]:
    """Return the files that were swapped in, by their path relative to the working directory of JULES."""
    files = {f"{SWAPPED}/{path.name}": path for path in sorted((staged.folder / SWAPPED).iterdir())}
    namelists = staged.folder / staged.directory
    extra = {p.name: p for p in sorted(namelists.iterdir()) if p.name not in staged.namelists.files}
    return files | {name: path for name, path in extra.items() if not path.is_symlink()}
