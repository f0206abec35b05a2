"""A full disk as a clear error, whichever library met it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput, RunFailed

#: Errors of a full disk, an exhausted quota, and a limit on the size of files.
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEXTS: Final = tuple(os.strerror(number) for number in DISK_FULL)
#: Bytes that are written to find out whether the disk is full; about what a library buffers before it writes.
_PROBE: Final = 2 * 1024**2
_REMEDY: Final = "free disk space and repeat the command, or give another folder with --out"


@contextmanager
def disk_full_is_failure(folder: Path) -> Iterator[None]:
    """Turn errors of any library into :class:`~jules_ml.errors.RunFailed` if the disk of a folder is full.

    netCDF and HDF5 do not say why a file cannot be written. The folder is then tried.

    Parameters
    ----------
    folder : Path
        Folder that the block writes to.

    Raises
    ------
    RunFailed
        If the block raised because the disk is full; other errors pass.
    """
    try:
        yield
    except (BadInput, RunFailed):
        raise
    except Exception as error:
        if is_disk_full(error, folder):
            raise disk_full(folder) from error
        raise


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an error was raised because the disk of a folder is full."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in DISK_FULL:
            return True
        if any(text in str(chain) for text in _TEXTS):
            return True
        chain = chain.__cause__ or chain.__context__
    # errors of Python and of mistakes in the code have other types
    return isinstance(error, OSError | RuntimeError) and _has_no_room(folder)


def disk_full(folder: Path) -> RunFailed:
    """Return the error for a disk that is full."""
    return RunFailed(f"the disk is full: results cannot be written to {folder}; {_REMEDY}")


def reason_of(error: BaseException, folder: Path) -> str:
    """Why a file in a folder could not be written: a full disk with its remedy, or what the library said."""
    return "the disk is full: free disk space and repeat the command" if is_disk_full(error, folder) else str(error)


def not_writable(folder: Path, error: OSError) -> BadInput | RunFailed:
    """Return the error for a folder that cannot be created or written to."""
    if error.errno in DISK_FULL:
        return disk_full(folder)
    return BadInput(
        f"the folder cannot be written ({error.strerror})", where=folder, remedy="give another folder with --out"
    )


def _has_no_room(folder: Path) -> bool:
    """Whether a file of some megabytes cannot be written to a folder, or to the first of its parents that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE))
            file.flush()
    except OSError as error:
        return error.errno in DISK_FULL
    return False
