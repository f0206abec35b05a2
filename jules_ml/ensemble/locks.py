"""Locks of an ensemble's folder: one run of the whole ensemble, or several shards of one split, use it at a time."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jules_ml.ensemble.shard import Shard
from jules_ml.errors import BadInput

#: Beginning of the names of lock files.
LOCK = ".lock"
_SHARD = re.compile(r"\.lock-(\d+)-of-(\d+)")


@contextmanager
def folder_lock(folder: Path, shard: Shard | None = None) -> Iterator[None]:
    """Lock a folder for one run of an ensemble, or of one shard of it; the lock ends with the process.

    Parameters
    ----------
    folder : Path
        Folder of the ensemble; created if it does not exist.
    shard : Shard, optional
        Other shards of the same split may run at once.

    Raises
    ------
    BadInput
        If another run is using it that could run the same members, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from error
    common = _opened(folder / LOCK)
    own: int | None = None
    try:
        if not _taken(common, shared=shard is not None):
            raise _in_use(folder, "another run of the ensemble is using this folder")
        if shard is not None:
            own = _opened(folder / f"{LOCK}-{shard.number}-of-{shard.total}")
            if not _taken(own):
                raise _in_use(folder, f"shard {shard} is running in this folder")
            # looked for after the own lock is taken, so that of two shards at least one sees the other
            _refuse_other_split(folder, shard)
        yield
    finally:
        os.close(common)
        if own is not None:
            os.close(own)


@contextmanager
def opening_lock(folder: Path) -> Iterator[None]:
    """Wait until no other shard is writing the plan of an ensemble, and keep others waiting.

    Raises
    ------
    BadInput
        If the folder cannot be written.
    """
    handle = _opened(folder / f"{LOCK}-plan")
    try:
        # without locks, shards that start at once write the same plan
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def _not_writable(folder: Path, error: OSError) -> BadInput:
    return BadInput(
        f"the folder cannot be written ({error.strerror})", where=folder, remedy="give another folder with --out"
    )


def _taken(handle: int, *, shared: bool = False) -> bool:
    """Take a lock without waiting; false if another process has it."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # some cluster file systems have no locks; there the user must avoid concurrent runs of the same members
        pass
    return True


def _refuse_other_split(folder: Path, shard: Shard) -> None:
    for path in sorted(folder.glob(f"{LOCK}-*-of-*")):
        match = _SHARD.fullmatch(path.name)
        if match is None or int(match[2]) == shard.total:
            continue
        handle = _opened(path)
        try:
            if not _taken(handle, shared=True):
                raise _in_use(
                    folder, f"shard {match[1]}/{match[2]} is running: the ensemble is split into {match[2]} shards"
                )
        finally:
            os.close(handle)


def _in_use(folder: Path, problem: str) -> BadInput:
    return BadInput(problem, where=folder, remedy="wait for that run, stop it, or give another folder with --out")
