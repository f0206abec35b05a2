"""Files that are there whole or not at all: written beside their place, then moved into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jules_ml.errors import BadInput


def file_name_of(site: str) -> str:
    """Name of a site as a file may bear it: what is neither letter nor digit becomes ``_``."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in site)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file takes the place of ``path`` once the block has ended well.

    Whatever ends the block otherwise, an interrupt included, leaves ``path`` as it was and nothing beside it.

    Parameters
    ----------
    path : Path
        File to be written; its folder is made where it is missing.

    Yields
    ------
    Path
        With the same ending, in a folder beside ``path``.

    Raises
    ------
    BadInput
        If the folder cannot be made or written to, or something other than a file stands at ``path``.
    """
    with _scratch(path.parent) as folder:
        part = Path(folder) / path.name
        yield part
        try:
            os.replace(part, path)
        except OSError as error:
            raise BadInput(
                f"the file cannot be put in place ({error.strerror})",
                where=path,
                remedy="remove what stands there, or give another folder with --out",
            ) from error


def ready_folder(folder: Path) -> None:
    """Make a folder and see that it can be written to: before the long work whose result goes there, not after.

    Raises
    ------
    BadInput
        If it cannot be made or written to.
    """
    with _scratch(folder):
        pass


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=folder, prefix=".writing-")
    except OSError as error:
        raise BadInput(
            f"the folder cannot be written ({error.strerror})",
            where=folder,
            remedy="give another folder with --out",
        ) from error
