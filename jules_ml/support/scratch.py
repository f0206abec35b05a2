"""Temporary folders ``.writing-*`` beside results: held by the process that writes them, and removed once it has died.

A folder has a file ``.lock``, which its process locks; the lock ends with the process, however it is killed. Where a file system has no
locks, the file names the host and the process instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jules_ml.support.disk import not_writable

#: Beginning of the names of temporary folders.
PREFIX: Final = ".writing-"
#: Subfolder in which a new result is written, whatever its name.
NEW: Final = "new"
#: Subfolder for the earlier result, where a file system cannot exchange two folders.
EARLIER: Final = "earlier"
_LOCK: Final = ".lock"
#: Age from which on a temporary folder whose lock file is missing or empty is left over [s]; before, its process may be about to write it.
_OLD: Final = 3600.0
#: Processes by device and inode of the lock files that they hold: without locks of open files a process could take its own folder as stale.
#: A fork inherits those of its parent, which are not its own.
_own: Final[dict[tuple[int, int], int]] = {}


@dataclass(frozen=True)
class Lock:
    """A temporary folder that this process holds."""

    path: Path
    handle: int
    identity: tuple[int, int]

    def release(self) -> None:
        """Remove the folder, and give it up."""
        # moved away first: another process may create it again at once
        gone = self.path.with_name(f"{PREFIX}removed-{os.getpid()}-{self.handle}-{time.monotonic_ns()}")
        with suppress(OSError):
            self.path.rename(gone)
            _remove(gone)
        _own.pop(self.identity, None)
        os.close(self.handle)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Create a temporary folder in ``parent``, which is created if needed, for the duration of the block.

    Raises
    ------
    BadInput
        If ``parent`` cannot be created or written to.
    RunFailed
        If the disk is full.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_stale(parent)
        held = None
        while held is None:
            # another process that removes stale folders may take it before this one does
            held = hold(Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX)), create=False)
    except OSError as error:
        raise not_writable(parent, error) from error
    try:
        yield held.path
    finally:
        held.release()


def hold(path: Path, *, create: bool = True) -> Lock | None:
    """Create a temporary folder if needed, and hold it; None if this process or another one that lives holds it.

    Parameters
    ----------
    path : Path
        Folder whose name starts with :data:`PREFIX`; what a dead process left in it stays.
    create : bool
        Whether to create it; otherwise the result is also None if it does not exist.

    Raises
    ------
    OSError
        If it cannot be created.
    """
    while True:
        if create:
            path.mkdir(exist_ok=True)
        if _is_own(path / _LOCK):
            # not even opened: where locks belong to processes, closing it would unlock it
            return None
        try:
            handle = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        except FileNotFoundError:
            if create:
                continue
            return None
        try:
            held = _taken(handle)
            # the folder may have been removed between the two calls
            same = held and os.path.samestat(os.stat(path / _LOCK), os.fstat(handle))
        except FileNotFoundError:
            same = False
        except BaseException:
            os.close(handle)
            raise
        if same:
            state = os.fstat(handle)
            identity = (state.st_dev, state.st_ino)
            _own[identity] = os.getpid()
            # on a full disk the lock alone must do
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{socket.gethostname()} {os.getpid()}\n".encode(), 0)
            return Lock(path, handle, identity)
        os.close(handle)
        if not held:
            return None


def remove_stale(parent: Path) -> None:
    """Remove temporary folders in ``parent`` whose process has died."""
    try:
        names = [entry.path for entry in os.scandir(parent) if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for path in map(Path, names):
        with suppress(OSError):
            if not path.is_dir():
                continue
            lock = path / _LOCK
            has_lock = lock.exists()
            state = (lock if has_lock else path).stat()
            if (not has_lock or state.st_size == 0) and time.time() - state.st_mtime <= _OLD:
                continue
            if not has_lock:
                shutil.rmtree(path)
                continue
            held = hold(path, create=False)
            if held is not None:
                restore(path)
                held.release()


def restore(path: Path) -> None:
    """Give back an earlier result that was moved away, and whose replacement did not follow."""
    for earlier in (path / EARLIER).glob("*"):
        if not os.path.lexists(path.parent / earlier.name):
            earlier.rename(path.parent / earlier.name)


def _is_own(lock: Path) -> bool:
    """Whether this process holds a lock file."""
    try:
        state = lock.stat()
    except OSError:
        return False
    return _own.get((state.st_dev, state.st_ino)) == os.getpid()


def _taken(handle: int) -> bool:
    """Lock a file without waiting; false if another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # some cluster file systems have no locks
        return _owner_is_dead(handle)
    return True


def _owner_is_dead(handle: int) -> bool:
    """Whether the process that a lock file names was on this host and has ended; true for a new file."""
    words = os.pread(handle, 512, 0).decode(errors="replace").split()
    if not words:
        return True
    if len(words) != 2 or words[0] != socket.gethostname() or not words[1].isdigit():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # its own were found before: an earlier process had the same number
    return int(words[1]) == os.getpid()


def _remove(path: Path) -> None:
    """Remove a folder, its lock file last, so that what a kill leaves of it is known to be stale."""
    for entry in path.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
