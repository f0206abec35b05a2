"""Output folders that are replaced whole or not at all.

A command writes into a temporary folder beside its output folder, and exchanges the two in one step at its end. A command that fails or is
killed leaves the earlier folder as it was; what it left beside it is removed by the next command that writes there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput, RunFailed
from jules_ml.support.disk import disk_full_is_failure, not_writable
from jules_ml.support.scratch import EARLIER, NEW, PREFIX, Lock, hold, remove_stale, restore

_AT_FDCWD: Final = -100
#: Flag of ``renameat2`` that exchanges two paths in one step.
_RENAME_EXCHANGE: Final = 2
#: Attempts to hold a folder, and the pause between them [s]: another command may be removing what a killed one left.
_ATTEMPTS, _PAUSE = 5, 0.05
_REMEDY: Final = "give a new folder with --out"
#: File that marks a module, which only a fit replaces.
_MODULE: Final = "card.json"
#: Files of file systems, file browsers and this package that are no work of anyone.
IGNORED: Final = (f"{PREFIX}*", ".DS_Store", "._*", ".nfs*", ".ipynb_checkpoints")


@dataclass(frozen=True)
class Contents:
    """What a command writes, by which its earlier folder is recognised.

    Attributes
    ----------
    description : str
        What the folder is, with an article.
    marks : tuple of str
        Files of which at least one is in such a folder; empty for files whose names depend on the input: an earlier folder must then have
        no files that the new one lacks.
    names : tuple of str
        Patterns of the names of all its files and folders.
    """

    description: str
    marks: tuple[str, ...]
    names: tuple[str, ...]

    def refuse_others(self, folder: Path, new: Path | None = None) -> None:
        """Refuse an output folder that is not empty and was not written by this command.

        Parameters
        ----------
        folder : Path
            Output folder.
        new : Path, optional
            Folder that is to replace it.

        Raises
        ------
        BadInput
            If it is a file, or contains files of others.
        """
        if not os.path.lexists(folder):
            return
        if not folder.is_dir():
            raise BadInput("it is a file, not a folder", where=folder, remedy="give another folder with --out")
        names = sorted(path.name for path in folder.iterdir())
        present = [name for name in names if not any(fnmatch(name, pattern) for pattern in IGNORED)]
        if not present or (not self.marks and new is None):
            return
        if _MODULE in present and _MODULE not in self.names:
            raise BadInput("the folder contains a module", where=folder, remedy=_REMEDY)
        known = self.names if self.marks or new is None else (*self.names, *(path.name for path in new.iterdir()))
        others = [name for name in present if not any(fnmatch(name, pattern) for pattern in known)]
        marked = not self.marks or any(mark in present for mark in self.marks)
        if others or not marked:
            listed = ", ".join((others or present)[:5])
            raise BadInput(
                f"the output folder already exists and contains other files: it is not {self.description} ({listed})",
                where=folder,
                remedy=_REMEDY,
            )


@dataclass(frozen=True)
class Staged:
    """A temporary folder that replaces an output folder.

    Attributes
    ----------
    path : Path
        Folder to write to, with the name of the output folder.
    out : Path
        Output folder, as the user gave it.
    """

    path: Path
    out: Path

    def final(self, path: Path) -> Path:
        """Path that a file in the temporary folder has in the end; other paths are returned unchanged."""
        return self.out / path.relative_to(self.path) if path.is_relative_to(self.path) else path

    def text(self, text: str) -> str:
        """Return a text in which the temporary folder is replaced by the output folder."""
        return text.replace(str(self.path), str(self.out))


@contextmanager
def replaced_folder(out: Path, contents: Contents) -> Iterator[Staged]:
    """Replace an output folder whole: the block writes to a temporary folder, which then takes its place.

    If the block raises, interrupts included, or the process is killed, the output folder is as it was before.

    Parameters
    ----------
    out : Path
        A new folder, an empty one, or one with earlier ``contents``, which is replaced.
    contents : Contents
        What the block writes.

    Yields
    ------
    Staged
        The temporary folder.

    Raises
    ------
    BadInput
        If the folder contains other files, another command is writing it, or it cannot be written.
    RunFailed
        If the disk is full.
    """
    final = out.resolve()
    contents.refuse_others(final)
    created = _create_parents(final.parent)
    try:
        held = _hold(final, out)
        try:
            # in a folder of its own, as it can have any name
            staged = Staged(held.path / NEW / final.name, out)
            with disk_full_is_failure(final.parent):
                staged.path.mkdir(parents=True)
                try:
                    yield staged
                except (BadInput, RunFailed) as error:
                    raise _with_final_paths(error, staged) from error
                # it may have been filled since
                contents.refuse_others(final, staged.path)
                _exchange(staged.path, final, held.path)
        finally:
            held.release()
    except BaseException:
        for folder in created:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def held_folder(out: Path) -> Iterator[None]:
    """Keep other commands from writing an output folder that this one fills in place.

    Raises
    ------
    BadInput
        If another command is writing it.
    """
    held = _hold(out.resolve(), out)
    try:
        yield
    finally:
        held.release()


@contextmanager
def filled_folder(out: Path, contents: Contents) -> Iterator[None]:
    """Fill an output folder in place, where files contain their own paths; a failure leaves no empty folder.

    Raises
    ------
    BadInput
        As :func:`replaced_folder`.
    """
    contents.refuse_others(out)
    created = _create_parents(out)
    try:
        with disk_full_is_failure(out), held_folder(out):
            yield
    except BaseException:
        for folder in created:
            with suppress(OSError):
                folder.rmdir()
        raise


def _create_parents(folder: Path) -> list[Path]:
    """Create a folder and its parents; return those that did not exist, the innermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    return missing


def _hold(final: Path, out: Path) -> Lock:
    """Hold the temporary folder of an output folder, which one command at a time can."""
    path = final.parent / f"{PREFIX}{final.name}"
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        remove_stale(final.parent)
        try:
            held = hold(path)
        except OSError as error:
            raise not_writable(final.parent, error) from error
        if held is not None:
            if (path / NEW).exists() or (path / EARLIER).exists():
                # its process died after the stale folders were looked for
                restore(path)
                held.release()
                continue
            return held
    raise BadInput(
        "another command is writing this folder",
        where=out,
        remedy=f"wait for its end, or give another folder with --out; if none runs, remove {path}",
    )


def _with_final_paths(error: BadInput | RunFailed, staged: Staged) -> BadInput | RunFailed:
    """Return an error about the temporary folder as one about the output folder."""
    if isinstance(error, BadInput):
        where = None if error.where is None else staged.text(error.where)
        return BadInput(staged.text(error.problem), where=where, remedy=staged.text(error.remedy), keys=error.keys)
    return type(error)(staged.text(str(error)))


def _exchange(new: Path, final: Path, scratch: Path) -> None:
    """Put a folder in the place of another one, which is empty, missing, or moved to ``scratch``."""
    try:
        if final.is_dir() and final == Path.cwd():
            _fill_working_directory(new, final)
            return
        try:
            # also replaces an empty folder
            os.rename(new, final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if not _exchanged(new, final):
                _exchange_in_two_steps(new, final, scratch / EARLIER / final.name)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.EXDEV):
            raise BadInput(
                "the folder cannot be replaced: it is the root of a file system",
                where=final,
                remedy="give a folder inside it with --out",
            ) from error
        raise not_writable(final, error) from error


def _fill_working_directory(new: Path, final: Path) -> None:
    """Fill the empty working directory: a shell would remain in the folder that is replaced."""
    if any(final.iterdir()):
        raise BadInput(
            "the working directory contains earlier results, and cannot be replaced",
            where=final,
            remedy="give a new folder with --out, or call the command from another folder",
        )
    for path in new.iterdir():
        path.rename(final / path.name)


def _exchange_in_two_steps(new: Path, final: Path, earlier: Path) -> None:
    """Move the earlier folder away, and the new one to its place; a command after a kill between the two gives the earlier one back."""
    earlier.parent.mkdir()
    os.rename(final, earlier)
    try:
        os.rename(new, final)
    except BaseException:
        os.rename(earlier, final)
        raise


def _exchanged(first: Path, second: Path) -> bool:
    """Exchange two folders in one step, where the system and the file system can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)
