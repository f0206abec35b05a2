"""Folder of an ensemble: its plan, and the status of each member.

Each member has a folder with a file ``status.json``, which is renamed to that name after the member's file is complete. A member is
therefore either done or not, whenever a process is killed. Only one run at a time may use a folder, or several shards of one split.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jules_ml.ensemble.locks import LOCK
from jules_ml.ensemble.member_file import NAME as MEMBER_FILE
from jules_ml.ensemble.member_file import file_checksum
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.support.files import atomic_write

State = Literal["done", "failed", "lost"]
PLAN, STATUS, _EXPERIMENT = "plan.json", "status.json", "experiment.toml"
_VERSION = 1


@dataclass(frozen=True)
class Status:
    """Final state of a member.

    Attributes
    ----------
    number : int
    state : {'done', 'failed', 'lost'}
        Lost if its worker died; the next run then repeats it without ``--retry``.
    seconds : float
        Time that it took [s]; in a batch, the mean over the members.
    message : str
        Reason of its failure.
    size, checksum : int
        Size [bytes] and CRC-32 of its file.
    notes : tuple of str
        Notes of its run.
    """

    number: int
    state: State
    seconds: float = 0.0
    message: str = ""
    size: int = 0
    checksum: int = 0
    notes: tuple[str, ...] = ()


def member_folder(folder: Path, number: int) -> Path:
    """Folder of a member."""
    return folder / "members" / f"{number:06d}"


def write_status(folder: Path, status: Status) -> None:
    """Write the status of a member, atomically.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = member_folder(folder, status.number)
    target.mkdir(parents=True, exist_ok=True)
    part = target / f".{STATUS}"
    part.write_text(json.dumps(status.__dict__) + "\n", encoding="utf-8")
    os.replace(part, target / STATUS)


def read_status(folder: Path, number: int) -> Status | None:
    """Read the status of a member; None if there is none, or it is damaged."""
    try:
        raw = json.loads((member_folder(folder, number) / STATUS).read_text(encoding="utf-8"))
        return Status(**{**raw, "notes": tuple(raw["notes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_intact(folder: Path, status: Status) -> bool:
    """Whether the file of a member that is done is unchanged since it was written."""
    path = member_folder(folder, status.number) / MEMBER_FILE
    try:
        return path.stat().st_size == status.size and file_checksum(path) == status.checksum
    except OSError:
        return False


def check_folder(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Check that an ensemble may use a folder; nothing is written.

    Parameters
    ----------
    folder : Path
        New, empty, or used before by the same ensemble.
    plan : mapping
        Plan of the ensemble, with ``fingerprint``.

    Returns
    -------
    bool
        Whether the same ensemble has used it before.

    Raises
    ------
    BadInput
        If the folder contains something else, or another ensemble.
    """
    if (folder / PLAN).is_file():
        earlier = read_plan(folder)
        if earlier.get("fingerprint") != plan["fingerprint"]:
            raise BadInput(
                "the folder contains another ensemble: the experiment, a module or an input file was different",
                where=folder,
                remedy="give a new folder with --out, or restore the experiment (experiment.toml in that folder) and its input files",
            )
        # a dry run draws no samples, and plans of earlier versions have none
        if plan.get("samples", earlier.get("samples")) != earlier.get("samples", plan.get("samples")):
            raise BadInput(
                "the run that started the ensemble drew other samples from the same experiment",
                where=folder,
                remedy="use the same versions of numpy and scipy everywhere (software in plan.json), or give a new folder with --out",
            )
        return True
    if folder.exists() and (not folder.is_dir() or not all(_from_start(p) for p in folder.iterdir())):
        if (folder / PLAN).is_file():
            # another shard has written the plan since
            return check_folder(folder, plan)
        raise BadInput("the folder is not empty", where=folder, remedy="give a new folder with --out")
    return False


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the plan of the ensemble in a folder.

    Raises
    ------
    BadInput
        If the folder contains no ensemble, or its plan is damaged.
    """
    path = folder / PLAN
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            "the folder contains no ensemble", where=folder, remedy="give the folder of 'jules-ml ensemble --out'"
        ) from error
    except ValueError as error:
        raise BadInput("the plan is damaged", where=path, remedy="give a new folder with --out") from error
    return plan


def _from_start(path: Path) -> bool:
    """Whether a run that starts, or was killed while it started, may have written this file."""
    return path.name == _EXPERIMENT or path.name.startswith((LOCK, ".writing-"))


def open_folder(folder: Path, experiment: Experiment, plan: Mapping[str, Any]) -> None:
    """Start an ensemble in a folder, or continue the one in it.

    Parameters
    ----------
    folder : Path
        New, empty, or used before by the same ensemble.
    experiment : Experiment
    plan : mapping
        Plan of the ensemble, with ``fingerprint``.

    Raises
    ------
    BadInput
        As :func:`check_folder`, or if the folder cannot be written.
    """
    if check_folder(folder, plan):
        return
    with atomic_write(folder / _EXPERIMENT) as part:
        part.write_text(experiment.text, encoding="utf-8")
    with atomic_write(folder / PLAN) as part:
        part.write_text(json.dumps({"version": _VERSION, **plan}, indent=2, default=str) + "\n", encoding="utf-8")
