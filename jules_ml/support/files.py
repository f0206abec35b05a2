"""Atomic writes, checks of output folders, and file names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.support.disk import disk_full_is_failure, not_writable
from jules_ml.support.scratch import remove_stale, scratch_folder


def safe_file_name(site: str) -> str:
    """Return a site's name as part of a file name: characters other than letters, digits, ``-`` and ``_`` become ``_``."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in site)


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
