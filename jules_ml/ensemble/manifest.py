"""The folder of an ensemble: what it is of, and how far each member has come.

Each member has a folder, and in it ``status.json``, put there by renaming once its file stands: whatever is killed, and whenever, a member
is done or it is not. Only one ensemble at a time works in a folder.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jules_ml.ensemble.member_file import NAME as MEMBER_FILE
from jules_ml.ensemble.member_file import file_checksum
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.support.files import atomic_write

State = Literal["done", "failed", "lost"]
PLAN, STATUS, _EXPERIMENT, _LOCK = "plan.json", "status.json", "experiment.toml", ".lock"
_VERSION = 1


@dataclass(frozen=True)
class Status:
    """How a member ended.

    Attributes
    ----------
    number : int
    state : {'done', 'failed', 'lost'}
        Lost where whoever ran it died: it is run again without being asked for.
    seconds : float
        It took; of a batch, its share.
    message : str
        Why it failed.
    size, checksum : int
        Of its file.
    notes : tuple of str
        What its run had to say.
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
    """Record how a member ended, by renaming.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    place = member_folder(folder, status.number)
    place.mkdir(parents=True, exist_ok=True)
    part = place / f".{STATUS}"
    part.write_text(json.dumps(status.__dict__) + "\n", encoding="utf-8")
    os.replace(part, place / STATUS)


def read_status(folder: Path, number: int) -> Status | None:
    """How a member ended; None if it did not, or its record is damaged."""
    try:
        raw = json.loads((member_folder(folder, number) / STATUS).read_text(encoding="utf-8"))
        return Status(**{**raw, "notes": tuple(raw["notes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_whole(folder: Path, status: Status) -> bool:
    """Whether the file of a member that is done is as it was written."""
    path = member_folder(folder, status.number) / MEMBER_FILE
    try:
        return path.stat().st_size == status.size and file_checksum(path) == status.checksum
    except OSError:
        return False


def check_folder(folder: Path, plan: Mapping[str, Any]) -> bool:
    """See whether an ensemble may work in a folder; nothing is written.

    Parameters
    ----------
    folder : Path
        New, empty, or one of the same ensemble.
    plan : mapping
        Of the ensemble: with ``fingerprint``.

    Returns
    -------
    bool
        Whether the same ensemble has been begun in it.

    Raises
    ------
    BadInput
        If the folder holds something else, or another ensemble.
    """
    path = folder / PLAN
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput("the plan is damaged", where=path, remedy="give a new folder with --out") from error
        if there.get("fingerprint") != plan["fingerprint"]:
            raise BadInput(
                "the folder holds another ensemble: its experiment, its modules, or a file that it reads was different",
                where=folder,
                remedy="give a new folder with --out, or everything as it was (experiment.toml in that folder)",
            )
        return True
    if folder.exists() and (not folder.is_dir() or not all(_harmless(p) for p in folder.iterdir())):
        raise BadInput("the folder is not empty", where=folder, remedy="give a new folder with --out")
    return False


def _harmless(path: Path) -> bool:
    """Whether it is what a first start that was killed may have left."""
    return path.name in (_LOCK, _EXPERIMENT) or path.name.startswith(".writing-")


def open_folder(folder: Path, experiment: Experiment, plan: Mapping[str, Any]) -> None:
    """Begin an ensemble in a folder, or go on with the one that is there.

    Parameters
    ----------
    folder : Path
        New, empty, or one of the same ensemble.
    experiment : Experiment
    plan : mapping
        What is to be recorded of it: with ``fingerprint``.

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


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Keep a folder to one ensemble run; what held it and was killed holds it no more.

    Raises
    ------
    BadInput
        If another run is at work in it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise BadInput(
            f"the folder cannot be written ({error.strerror})", where=folder, remedy="give another folder with --out"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                "another run of the ensemble is at work in this folder",
                where=folder,
                remedy="wait for it, stop it, or give another folder with --out",
            ) from None
        except OSError:
            # some file systems of clusters know no locks; there it is the user who sees to it
            pass
        yield
    finally:
        os.close(handle)
