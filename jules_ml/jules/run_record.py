"""Record of a run of JULES: the file ``run_summary.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.jules.earlier_run import FILES, WRITTEN, files_below, output_files
from jules_ml.jules.log import JulesLog
from jules_ml.jules.outcome import Ended, Files
from jules_ml.jules.run_folder import OUTPUT, SUMMARY, RunFolder
from jules_ml.learned.store import MODULE_FILES
from jules_ml.learned.uses import ways
from jules_ml.support.files import atomic_write
from jules_ml.support.provenance import software

_FORMAT = "%Y-%m-%d %H:%M:%S"
#: Files up to this size [bytes] are identified by their content, larger ones by size and time.
_MAX_HASHED = 64 * 1024**2
#: Entries about the end of a run; the others describe its preparation.
_OUTCOME = (
    "status", "failure", "model_time_reached", "warnings", "hooks", "wall_seconds", "output", "dumps", WRITTEN,
)  # fmt: skip


def described(
    experiment: Experiment,
    original: RunFolder,
    staged: RunFolder,
    *,
    executable: Path | None,
    command: list[str | None],
    notes: list[str],
) -> dict[str, object]:
    """Describe a run that is prepared.

    Parameters
    ----------
    experiment : Experiment
    original, staged : RunFolder
        The user's run folder, and the new one with its final namelists.
    executable : Path or None
        Executable; it may be missing.
    command : list of (str or None)
        Launcher, executable and namelist folder.
    notes : list of str
        Notes on the modules and files that were swapped in.
    """
    section, run = experiment.required(experiment.jules, "jules"), experiment.required(experiment.run, "run")
    modules = {
        name: {
            "name": folder.name,
            "files": [identity(folder / file) for file in MODULE_FILES if (folder / file).is_file()],
        }
        for name, folder in experiment.modules.folders().items()
        if folder and set(ways_of(name)) & set(run.via)
    }
    inputs = {}
    for _, group, entries in staged.namelists.groups():
        for name, value in entries.items():
            path = staged.folder / value if isinstance(value, str) and value else None
            if path is not None and path.is_file():
                inputs[f"{group}:{name}"] = identity(path)
    return {
        "experiment": experiment.file.name,
        "model": "jules",
        "via": list(run.via),
        "modules": modules,
        "run_folder": original.folder.name,
        "start": f"{staged.start:{_FORMAT}}",
        "end": f"{staged.end:{_FORMAT}}",
        "dzsoil": list(staged.dzsoil),
        "executable": None if executable is None or not executable.is_file() else identity(executable),
        "launcher": list(section.launcher),
        "command": command,
        "inputs": inputs,
        "software": software(),
        "notes": notes,
        FILES: files_below(staged.folder),
    }


def ways_of(kind: str) -> tuple[str, ...]:
    """Return the names of the ways that take modules of a kind."""
    return tuple(name for name, way in ways().items() if kind in way.kinds)


def identity(path: Path) -> dict[str, object]:
    """Return name, size and checksum or modification time of a file."""
    stat = path.stat()
    identity: dict[str, object] = {"name": path.name, "bytes": stat.st_size}
    if stat.st_size <= _MAX_HASHED:
        identity["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        identity["modified"] = int(stat.st_mtime)
    return identity


def preparation(summary: Mapping[str, object]) -> dict[str, object]:
    """Return the entries of a summary that describe the preparation of a run, without those on its end."""
    return {name: value for name, value in summary.items() if name not in _OUTCOME}


def reached(log: JulesLog) -> dict[str, object]:
    """Return the entries about how far a run came."""
    entries: dict[str, object] = {
        "model_time_reached": None if log.reached is None else f"{log.reached:{_FORMAT}}",
        "warnings": log.warnings,
    }
    return entries | ({} if log.hooks is None else {"hooks": log.hooks})


def ended(end: Ended, files: Files) -> dict[str, object]:
    """Return the entries about a run that is done."""
    return {
        **reached(end.log),
        "wall_seconds": None if end.wall_seconds is None else round(end.wall_seconds, 2),
        "output": [path.name for path in files.output],
        "dumps": [path.name for path in files.dumps],
        WRITTEN: output_files(end.file.parent / OUTPUT),
    }


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape")


def summary_text(record: Mapping[str, object]) -> str:
    """Return the text of ``run_summary.json``."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def write_summary(folder: Path, record: Mapping[str, object]) -> None:
    """Write the summary of a run that has ended."""
    try:
        write_text(folder / SUMMARY, summary_text(record))
    except (OSError, BadInput):
        # on a full disk the failure of the run is reported, not that of its summary
        return


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run of JULES.

    Raises
    ------
    BadInput
        If the folder is not that of a run of JULES that this package prepared.
    """
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = None
    if not isinstance(summary, dict) or summary.get("model") != "jules":
        raise BadInput(
            "this is not a run folder of JULES that jules-ml prepared",
            where=folder,
            remedy="give the folder that 'jules-ml run EXPERIMENT.toml --prepare' wrote",
        )
    return summary


def unused_notes(experiment: Experiment, section: JulesSection, via: tuple[str, ...]) -> list[str]:
    """Return notes on sources that the experiment gives and no way of ``[run] via`` uses."""
    sources: list[tuple[str, object, tuple[str, ...]]]
    sources = [(f"[modules] {kind}", folder, ways_of(kind)) for kind, folder in experiment.modules.folders().items()]
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
