"""Runs of JULES with modules swapped in (``jules-ml run`` with ``model = "jules"``)."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.jules.log import JulesLog
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.check import preflight
from jules_ml.jules.process import Finished, check_jules, run_jules_executable
from jules_ml.jules.rose import OPTION, optional_configuration
from jules_ml.jules.run_folder import (
    DIFF,
    EXPERIMENT,
    LOG,
    OPT,
    OUTPUT,
    SUMMARY,
    SWAPPED,
    RunFolder,
    read_run_folder,
    stage,
)
from jules_ml.jules.set_entries import set_entries
from jules_ml.learned.store import MODULE_FILES
from jules_ml.learned.uses import ways
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

#: Minimum free disk space [bytes]; the output of a year takes some megabytes.
MIN_FREE = 20 * 1024**2
_FORMAT = "%Y-%m-%d %H:%M:%S"
#: Files up to this size [bytes] are identified by their content, larger ones by size and time.
_MAX_HASHED = 64 * 1024**2


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
    wall_seconds : float
        Wall-clock time of JULES [s].
    """

    folder: Path
    output: tuple[Path, ...]
    dumps: tuple[Path, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    wall_seconds: float

    @property
    def files(self) -> tuple[Path, ...]:
        """Files for the user: output, dumps, summary, log, differences of the namelists."""
        return (*self.output, *self.dumps, *(self.folder / name for name in (SUMMARY, LOG, DIFF)))


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
        New run folder; the original run folder is never written to.
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
    executable = jules_executable(section, experiment.file)
    original = read_run_folder(section.folder, section.namelists)
    with stage(original, out) as staged:
        namelists_before = staged.namelists.copy()
        try:
            notes = prepare(experiment, staged, executable)
            notes += preflight(experiment, namelists_before, staged)
            staged.namelists.write(staged.folder / staged.directory)
            _write_text(staged.folder / DIFF, namelist_diff(original.namelists, staged.namelists))
            _write_text(staged.folder / EXPERIMENT, experiment.text)
            if original.rose is not None:
                files, written = _swapped_files(staged), staged.folder / staged.directory
                option = optional_configuration(original.rose, namelists_before, staged.namelists, files, written)
                _write_text(staged.folder / OPT / OPTION, option)
            record = {
                "experiment": experiment.file.name,
                **_provenance(experiment, original, staged, executable, notes),
            }
            # this status remains if this process is killed during the run
            _write_text(staged.folder / SUMMARY, _json({**record, "status": "unfinished"}))
        except OSError as error:
            raise RunFailed(f"the run folder {staged.folder} cannot be written ({error.strerror})") from error
        free = shutil.disk_usage(staged.folder).free
        if free < MIN_FREE:
            raise RunFailed(
                f"the disk is full: {free / 1024**2:.0f} MB free at {staged.folder}; free disk space, or give another folder with --out"
            )
    log = staged.log(progress)
    try:
        finished = run_jules_executable(
            executable, launcher=section.launcher, folder=staged.folder, namelists=staged.directory, log=log
        )
    except RunFailed as error:
        _write_summary(staged.folder, {**record, "status": "failed", "failure": str(error), **_reached(log)})
        raise
    except KeyboardInterrupt:
        _write_summary(staged.folder, {**record, "status": "interrupted", **_reached(log)})
        raise
    output, dumps = _gather(staged)
    _write_summary(staged.folder, {**record, "status": "done", **_reached(log), **_written(finished, output, dumps)})
    return JulesRun(staged.folder, output, dumps, tuple(notes), tuple(log.warnings), finished.wall_seconds)


def jules_executable(section: JulesSection, file: Path) -> Path:
    """Return the executable of an experiment, or that of the environment variable JULES_EXE.

    Raises
    ------
    BadInput
        If neither is given, or the file is not an executable of JULES.
    """
    executable = section.executable or (Path(os.environ["JULES_EXE"]) if os.environ.get("JULES_EXE") else None)
    if executable is None:
        raise BadInput(
            "no executable of JULES is given",
            where=f"{file}, jules.executable",
            remedy="give [jules] executable, or set the environment variable JULES_EXE",
        )
    check_jules(executable)
    return executable


def prepare(experiment: Experiment, staged: RunFolder, executable: Path) -> list[str]:
    """Swap the modules and files of an experiment into a staged run.

    Parameters
    ----------
    experiment : Experiment
    staged : RunFolder
        New run folder; its namelists are edited and files are written into it.
    executable : Path
        Executable of JULES, which the way ``hooks`` checks.

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
            notes += way.swap(experiment, staged, executable)
    return notes + _unused_notes(experiment, section, run.via)


def _unused_notes(experiment: Experiment, section: JulesSection, via: tuple[str, ...]) -> list[str]:
    """Return notes on sources that the experiment gives and no way of ``[run] via`` uses."""
    sources: list[tuple[str, object, tuple[str, ...]]]
    sources = [(f"[modules] {kind}", folder, _ways_of(kind)) for kind, folder in experiment.modules.folders().items()]
    sources += [
        ("[jules] ancillary", section.ancillary, ("ancillary",)),
        ("[jules.prescribed]", section.prescribed, ("prescribed",)),
        ("[jules] hooks", section.hooks, ("hooks",)),
    ]
    return [
        f"{entry} is not swapped in: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not in [run] via"
        for entry, value, names in sources
        if value is not None and not set(names) & set(via)
    ]


def _ways_of(kind: str) -> tuple[str, ...]:
    """Return the names of the ways that take modules of a kind."""
    return tuple(name for name, way in ways().items() if kind in way.kinds)


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


def _provenance(
    experiment: Experiment, original: RunFolder, staged: RunFolder, executable: Path, notes: list[str]
) -> dict[str, object]:
    section, run = experiment.jules, experiment.run
    assert section is not None
    assert run is not None
    modules = {
        name: {
            "name": folder.name,
            "files": [_identity(folder / file) for file in MODULE_FILES if (folder / file).is_file()],
        }
        for name, folder in experiment.modules.folders().items()
        if folder and set(_ways_of(name)) & set(run.via)
    }
    inputs = {}
    for _, group, entries in staged.namelists.groups():
        for name, value in entries.items():
            path = staged.folder / value if isinstance(value, str) and value else None
            if path is not None and path.is_file():
                inputs[f"{group}:{name}"] = _identity(path)
    return {
        "model": "jules",
        "via": list(run.via),
        "modules": modules,
        "run_folder": original.folder.name,
        "start": f"{staged.start:{_FORMAT}}",
        "end": f"{staged.end:{_FORMAT}}",
        "dzsoil": list(staged.dzsoil),
        "executable": _identity(executable),
        "launcher": list(section.launcher),
        "inputs": inputs,
        "software": software(),
        "notes": notes,
    }


def _identity(path: Path) -> dict[str, object]:
    """Return name, size and checksum or modification time of a file."""
    stat = path.stat()
    identity: dict[str, object] = {"name": path.name, "bytes": stat.st_size}
    if stat.st_size <= _MAX_HASHED:
        identity["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        identity["modified"] = int(stat.st_mtime)
    return identity


def _reached(log: JulesLog) -> dict[str, object]:
    return {
        "model_time_reached": None if log.reached is None else f"{log.reached:{_FORMAT}}",
        "warnings": log.warnings,
    }


def _written(finished: Finished, output: tuple[Path, ...], dumps: tuple[Path, ...]) -> dict[str, object]:
    return {
        "wall_seconds": round(finished.wall_seconds, 2),
        "output": [path.name for path in output],
        "dumps": [path.name for path in dumps],
    }


def _gather(run: RunFolder) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the output files and the dumps that JULES wrote."""
    files = sorted((run.folder / OUTPUT).glob("*.nc"), key=lambda path: (path.stat().st_mtime, path.name))
    dumps = tuple(path for path in files if ".dump." in path.name)
    return tuple(path for path in files if path not in dumps), dumps


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape")


def _json(record: Mapping[str, object]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _write_summary(folder: Path, record: Mapping[str, object]) -> None:
    try:
        _write_text(folder / SUMMARY, _json(record))
    except (OSError, BadInput):
        # on a full disk the failure of the run is reported, not that of its summary
        return
