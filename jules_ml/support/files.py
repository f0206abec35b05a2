"""Atomic writes, checks of output folders, and file names."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput
from jules_ml.support.disk import disk_full_is_failure, not_writable
from jules_ml.support.scratch import remove_stale, scratch_folder

#: Longest name in bytes, so that a suffix and the name of a temporary folder fit into the 255 bytes of common file systems.
_LONGEST: Final = 120
#: Names of devices, which Windows and some network drives do not accept as file names, in any case and with any suffix.
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def safe_file_name(name: str) -> str:
    """Return a name from a file, such as that of a site, as part of a file name. All such names become paths by this function.

    Characters other than letters, digits, ``-`` and ``_`` become ``_``, so that the file stays in its folder. A name that is too long is
    cut and gets a checksum; names of devices and empty names are changed.
    """
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    if len(safe.encode()) > _LONGEST:
        safe = safe.encode()[: _LONGEST - 9].decode(errors="ignore") + _suffix(name)
    if not safe or safe.startswith("-") or safe.lower() in _DEVICES:
        safe = f"_{safe}"
    return safe


def safe_file_names(names: Iterable[str]) -> dict[str, str]:
    """Return file names of several sites by name; those that differ in case or in replaced characters only get a checksum.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to str
        As :func:`safe_file_name`, in the order of the names.
    """
    safe = {name: safe_file_name(name) for name in names}
    count = Counter(each.lower() for each in safe.values())
    return {name: each + _suffix(name) if count[each.lower()] > 1 else each for name, each in safe.items()}


def _suffix(name: str) -> str:
    return f"-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file atomically: the block writes to a temporary file, which then replaces ``path``.

    If the block raises, interrupts included, ``path`` is unchanged and the temporary file is removed. What a killed process left is removed
    by the next write to the folder.

    Parameters
    ----------
    path : Path
        File to write; its folder is created if it does not exist.

    Yields
    ------
    Path
        Temporary file with the same name, in a temporary folder next to ``path``.

    Raises
    ------
    BadInput
        If the folder cannot be created or written to, or ``path`` exists and is not a file.
    RunFailed
        If the disk is full.
    """
    with disk_full_is_failure(path.parent), scratch_folder(path.parent) as scratch:
        part = scratch / path.name
        yield part
        try:
            os.replace(part, path)
        except OSError as error:
            raise BadInput(
                f"the file cannot be replaced ({error.strerror})",
                where=path,
                remedy="remove or rename it, or give another folder with --out",
            ) from error


def writable_folder(folder: Path) -> None:
    """Create an output folder if needed and check that it is writable, before a long computation starts.

    Raises
    ------
    BadInput
        If the folder cannot be created or written to.
    RunFailed
        If the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    remove_stale(folder)
    with scratch_folder(folder):
        pass
