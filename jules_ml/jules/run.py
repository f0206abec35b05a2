"""``jules-ml run`` with ``model = "jules"``: the user's run folder, with modules swapped in, through the user's executable."""

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
from jules_ml.learned.store import MODULE_FILES
from jules_ml.learned.uses import ways
from jules_ml.support.files import whole_file
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

#: A run of a year writes some megabytes; with less than this it would only fill the disk.
LEAST_FREE = 20 * 1024**2
_FORMAT = "%Y-%m-%d %H:%M:%S"
#: Files up to this size are known again by their content, larger ones by size and time.
_HASHED = 64 * 1024**2


@dataclass(frozen=True)
class JulesRun:
    """A run of JULES that has ended well.

    Attributes
    ----------
    folder : Path
        The new run folder.
    output : tuple of Path
        netCDF files of output, without dumps.
    dumps : tuple of Path
        In the order of time.
    notes : tuple of str
        What was swapped in, and what the user should know of it.
    warnings : tuple of str
        What JULES warned of.
    wall_seconds : float
    """

    folder: Path
    output: tuple[Path, ...]
    dumps: tuple[Path, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    wall_seconds: float

    @property
    def files(self) -> tuple[Path, ...]:
        """What a user looks for: output, dumps, summary, log, changes."""
        return (*self.output, *self.dumps, *(self.folder / name for name in (SUMMARY, LOG, DIFF)))


def default_folder(experiment: Experiment) -> Path:
    """The new run folder, unless another is asked for: beside the user's, named after both."""
    section = experiment.required(experiment.jules, "jules")
    folder = section.folder.resolve()
    return folder.with_name(f"{folder.name}_{experiment.file.stem}")


def run_jules(experiment: Experiment, out: Path, *, progress: Progress | None = None) -> JulesRun:
    """Run JULES as an experiment says.

    Parameters
    ----------
    experiment : Experiment
        With ``[jules]`` and ``[run]``, and what its ways of swapping need.
    out : Path
        New run folder; the user's is never written to.
    progress : callable, optional
        Called with a stage, the steps done in it and the steps it has.

    Returns
    -------
    JulesRun

    Raises
    ------
    BadInput
        If the run folder, the executable, or what is to be swapped in will not do: before anything is run.
    RunFailed
        If JULES stops or dies. Its folder stays, with its log and the output that it had finished.
    """
    section = experiment.required(experiment.jules, "jules")
    executable = jules_executable(section, experiment.file)
    original = read_run_folder(section.folder, section.namelists)
    with stage(original, out) as staged:
        as_it_was = staged.namelists.copy()
        try:
            notes = prepare(experiment, staged, executable)
            staged.namelists.write(staged.folder / staged.directory)
            _write_text(staged.folder / DIFF, namelist_diff(original.namelists, staged.namelists))
            _write_text(staged.folder / EXPERIMENT, experiment.text)
            if original.rose:
                files = _swapped_files(staged)
                _write_text(staged.folder / OPT / OPTION, optional_configuration(as_it_was, staged.namelists, files))
            record = {
                "experiment": experiment.file.name,
                **_provenance(experiment, original, staged, executable, notes),
            }
            # a run that is killed with its watcher is known again by this
            _write_text(staged.folder / SUMMARY, _json({**record, "status": "unfinished"}))
        except OSError as error:
            raise RunFailed(f"the run folder {staged.folder} cannot be written ({error.strerror})") from error
        free = shutil.disk_usage(staged.folder).free
        if free < LEAST_FREE:
            raise RunFailed(
                f"the disk is full: {free / 1024**2:.0f} MB free at {staged.folder}; make room, or run elsewhere with --out"
            )
    log = staged.log(progress)
    try:
        done = run_jules_executable(
            executable, launcher=section.launcher, folder=staged.folder, namelists=staged.directory, log=log
        )
    except RunFailed as error:
        _write_summary(staged.folder, {**record, "status": "failed", "failure": str(error), **_reached(log)})
        raise
    except KeyboardInterrupt:
        _write_summary(staged.folder, {**record, "status": "interrupted", **_reached(log)})
        raise
    output, dumps = _gather(staged)
    _write_summary(staged.folder, {**record, "status": "done", **_reached(log), **_written(done, output, dumps)})
    return JulesRun(staged.folder, output, dumps, tuple(notes), tuple(log.warnings), done.wall_seconds)


def jules_executable(section: JulesSection, file: Path) -> Path:
    """Give the executable of an experiment.

    Raises
    ------
    BadInput
        If none is named, or it is none of JULES.
    """
    named = section.executable or (Path(os.environ["JULES_EXE"]) if os.environ.get("JULES_EXE") else None)
    if named is None:
        raise BadInput(
            "no executable of JULES is named",
            where=f"{file}, jules.executable",
            remedy="give [jules] executable, or set the variable JULES_EXE",
        )
    check_jules(named)
    return named


def prepare(experiment: Experiment, staged: RunFolder, executable: Path) -> list[str]:
    """Swap into a staged run what an experiment says.

    Parameters
    ----------
    experiment : Experiment
    staged : RunFolder
        Whose namelists are changed, and into whose folder files are written.
    executable : Path
        For the way ``hooks``.

    Returns
    -------
    list of str
        What was done.

    Raises
    ------
    BadInput
        If a way lacks its source, or does not fit the run.
    """
    section, run = experiment.required(experiment.jules, "jules"), experiment.required(experiment.run, "run")
    notes = []
    # the user's own entries come first: they may switch something off that a way cannot go along with
    for group, entries in section.set.items():
        _refuse_entries(experiment, staged, group, entries)
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in entries.items()}
        staged.namelists.set(group, plain)
        notes.append(f"{group}: {', '.join(f'{name} = {value}' for name, value in plain.items())}")
    times = {"main_run_start": run.start, "main_run_end": run.end}
    given = {name: f"{moment:{_FORMAT}}" for name, moment in times.items() if moment is not None}
    if given:
        staged.namelists.set("jules_time", given)
    for name, way in ways().items():
        if name in run.via:
            notes += way.swap(experiment, staged, executable)
    return notes + _idle(experiment, section, run.via)


def _refuse_entries(experiment: Experiment, staged: RunFolder, group: str, entries: Mapping[str, object]) -> None:
    """Refuse entries of ``[jules.set]`` that would not do what they say."""
    where = f"{experiment.file}, jules.set.{group}"
    if group == "jules_output" and "output_dir" in entries:
        raise BadInput(
            "output_dir is another folder than that of the new run, where its output is looked for",
            where=f"{where}.output_dir",
            remedy="leave it out, and name the folder of the run with --out",
        )
    number = len(staged.namelists.all(group))
    if number > 1:
        raise BadInput(
            f"the run has {number} groups &{group.upper()}, and nothing says which is meant",
            where=where,
            remedy="change it in the namelists of the run folder",
        )


def _idle(experiment: Experiment, section: JulesSection, via: tuple[str, ...]) -> list[str]:
    """Notes on what the experiment names and no way of ``[run] via`` takes."""
    named = [(f"[modules] {kind}", folder, _ways_of(kind)) for kind, folder in experiment.modules]
    named += [
        ("[jules] ancillary", section.ancillary, ("ancillary",)),
        ("[jules.prescribed]", section.prescribed, ("prescribed",)),
        ("[jules] hooks", section.hooks, ("hooks",)),
    ]
    return [
        f"{entry} is named and not swapped in: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not in [run] via"
        for entry, value, names in named
        if value is not None and not set(names) & set(via)
    ]


def _ways_of(kind: str) -> tuple[str, ...]:
    """Ways by which modules of a kind get into JULES."""
    return tuple(name for name, way in ways().items() if kind in way.kinds)


def namelist_diff(before: NamelistFolder, after: NamelistFolder) -> str:
    """Give the changes as a unified diff, with the user's file names."""
    lines: list[str] = []
    for file in sorted({*before.files, *after.files}):
        old, new = (
            (folder.text(file).splitlines(keepends=True) if file in folder.files else []) for folder in (before, after)
        )
        lines += [line if line.endswith("\n") else line + "\n" for line in difflib.unified_diff(old, new, file, file)]
    return "".join(lines)


def _swapped_files(staged: RunFolder) -> dict[str, Path]:
    """Files that were swapped in, by where JULES looks for them."""
    files = {f"{SWAPPED}/{path.name}": path for path in sorted((staged.folder / SWAPPED).iterdir())}
    namelists = staged.folder / staged.directory
    beside = {p.name: p for p in sorted(namelists.iterdir()) if p.name not in staged.namelists.files}
    return files | {name: path for name, path in beside.items() if not path.is_symlink()}


def _provenance(
    experiment: Experiment, original: RunFolder, staged: RunFolder, executable: Path, notes: list[str]
) -> dict[str, object]:
    section, what = experiment.jules, experiment.run
    assert section is not None
    assert what is not None
    modules = {
        name: {
            "name": folder.name,
            "files": [_identity(folder / file) for file in MODULE_FILES if (folder / file).is_file()],
        }
        for name, folder in experiment.modules
        if folder and set(_ways_of(name)) & set(what.via)
    }
    inputs = {}
    for _, group, entries in staged.namelists.groups():
        for name, value in entries.items():
            path = staged.folder / value if isinstance(value, str) and value else None
            if path is not None and path.is_file():
                inputs[f"{group}:{name}"] = _identity(path)
    return {
        "model": "jules",
        "via": list(what.via),
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
    """What a file is known again by."""
    stat = path.stat()
    known: dict[str, object] = {"name": path.name, "bytes": stat.st_size}
    if stat.st_size <= _HASHED:
        known["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        known["modified"] = int(stat.st_mtime)
    return known


def _reached(log: JulesLog) -> dict[str, object]:
    return {
        "model_time_reached": None if log.reached is None else f"{log.reached:{_FORMAT}}",
        "warnings": log.warnings,
    }


def _written(done: Finished, output: tuple[Path, ...], dumps: tuple[Path, ...]) -> dict[str, object]:
    return {
        "wall_seconds": round(done.wall_seconds, 2),
        "output": [path.name for path in output],
        "dumps": [path.name for path in dumps],
    }


def _gather(run: RunFolder) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Output and dumps that JULES wrote."""
    files = sorted((run.folder / OUTPUT).glob("*.nc"), key=lambda path: (path.stat().st_mtime, path.name))
    dumps = tuple(path for path in files if ".dump." in path.name)
    return tuple(path for path in files if path not in dumps), dumps


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape")


def _json(record: Mapping[str, object]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _write_summary(folder: Path, record: Mapping[str, object]) -> None:
    try:
        _write_text(folder / SUMMARY, _json(record))
    except (OSError, BadInput):
        # on a full disk the failure itself matters more than its record
        return
