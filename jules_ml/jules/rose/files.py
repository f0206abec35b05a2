"""Files that Rose installs in the working directory of JULES: those of ``file/`` and of the sections ``[file:NAME]``."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jules_ml.errors import BadInput
from jules_ml.jules.rose.app import APP, RoseApp
from jules_ml.jules.rose.configuration import Section, without_brackets, words
from jules_ml.jules.rose.sources import NamelistPart, Part, source_parts

FILE, _ROOT, _ROOT_VARIABLE = "file:", "file-install-root", "ROSE_FILE_INSTALL_ROOT"


@dataclass(frozen=True)
class RoseFile:
    """File, symbolic link or folder that Rose installs.

    Attributes
    ----------
    kind : {"file", "link", "folder"}
    parts : tuple of NamelistPart or Path
        Contents of a file, one after another; target of a link; empty for a folder.
    """

    kind: Literal["file", "link", "folder"]
    parts: tuple[Part, ...] = ()

    @property
    def original(self) -> Path | None:
        """The only file that the contents come from, or None if they are put together."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Path) else None

    def contents(self) -> bytes:
        """Return the contents of a file."""
        parts = (
            p.text.encode("utf-8", "surrogateescape") if isinstance(p, NamelistPart) else _read(p) for p in self.parts
        )
        return b"".join(parts)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", where=path, remedy="make it readable") from error


def installed_files(app: RoseApp) -> dict[str, RoseFile]:
    """Return what Rose installs for an application.

    Parameters
    ----------
    app : RoseApp

    Returns
    -------
    dict of str to RoseFile
        By path: relative to the working directory of JULES, or absolute. Folders that are sources are listed file by file.

    Raises
    ------
    BadInput
        If a source does not exist or is not supported, or two sections install the same file.
    """
    root = install_root(app)
    files: dict[str, RoseFile] = {}
    sections: dict[str, str] = {}
    bracketed: set[str] = set()
    # as in Rose, the order is that of the sections' names without expansion of variables
    for name, section in sorted(_targets(app).items(), key=lambda item: item[1]):
        target = posixpath.normpath(posixpath.join(root, name))
        if target in sections:
            raise BadInput(
                f"[{sections[target]}] and [{section}] install the same file, {target}",
                where=app.folder / APP,
                remedy="remove one of the sections",
            )
        sections[target] = section
        files |= _installed(app, section, name, target, bracketed)
    _check_folders(app, files)
    return files


def install_root(app: RoseApp) -> str:
    """Return the folder to which relative paths of installed files refer; empty for the working directory of JULES."""
    root = app.expand(app.root.get(_ROOT, ""), "", _ROOT) or app.environment.value(_ROOT_VARIABLE) or ""
    return "" if posixpath.normpath(root) == "." else root


def _targets(app: RoseApp) -> dict[str, str]:
    """Return the sections of files by the name of the file; files of ``file/`` without a section are included."""
    folder = app.folder / "file"
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    targets = {name: FILE + name for name in names if FILE + name not in app.configuration}
    for section in app.sections:
        if section.startswith(FILE):
            name = app.expand(section.removeprefix(FILE), section, "the name of the file")
            if name in targets:
                raise BadInput(
                    f"[{targets[name]}] and [{section}] install the same file, {name}",
                    where=app.folder / APP,
                    remedy="remove one of the sections",
                )
            targets[name] = section
    return targets


def _installed(app: RoseApp, section: str, name: str, target: str, bracketed: set[str]) -> dict[str, RoseFile]:
    """Return what one section installs, by path."""
    entries = app.configuration.get(section, Section())
    place = f"{app.folder / APP}, [{section}]"
    mode = entries.active.get("mode", "") or "auto"
    items = [*_items(app, section, "content"), *_items(app, section, "source")]
    own = app.folder / "file" / name
    # without source, a section is about the file of this name in file/
    own_parts: list[Part] = [own] if "source" not in entries.entries and os.path.lexists(own) else []
    if mode in ("symlink", "symlink+"):
        return {target: _link(items, own_parts, place, must_exist=mode == "symlink+")}
    if mode not in ("auto", "mkdir"):
        raise BadInput(
            f"mode is {mode!r}, which Rose does not have",
            where=place,
            remedy="give auto, mkdir, symlink or symlink+",
        )
    parts = [part for item in items for part in source_parts(app, section, item, bracketed)] + own_parts
    if mode == "mkdir":
        # Rose requires the sources to exist, and does not install them
        return {target: RoseFile("folder")}
    folders = [part for part in parts if isinstance(part, Path) and part.is_dir()]
    if not folders:
        file = RoseFile("file", tuple(parts))
        _check_sum(file, entries.active.get("checksum", ""), place)
        return {target: file}
    if len(folders) < len(parts):
        raise BadInput("the sources are files and folders", where=place, remedy="give either files or folders")
    return {target: RoseFile("folder")} | {path: file for each in folders for path, file in _tree(each, target)}


def _items(app: RoseApp, section: str, key: str) -> list[str]:
    """Return the items of ``source``, or of ``content``, which precede them."""
    value = app.configuration.get(section, Section()).active.get(key, "")
    return words(app.expand(value, section, key), f"{app.folder / APP}, [{section}]", key)


def _link(items: list[str], own: list[Part], place: str, *, must_exist: bool) -> RoseFile:
    paths = [Path(os.path.expanduser(without_brackets(item)[0])) for item in items]
    parts = (*paths, *own)
    if len(parts) != 1:
        raise BadInput(f"a symbolic link has one source, not {len(parts)}", where=place, remedy="give one source")
    path = parts[0]
    if must_exist and isinstance(path, Path) and not (path.is_absolute() and path.exists()):
        raise BadInput(
            f"the source {path} does not exist", where=place, remedy="give the absolute path of a file that exists"
        )
    return RoseFile("link", parts)


def _tree(source: Path, target: str) -> Iterator[tuple[str, RoseFile]]:
    """Yield the contents of a folder by their path; like Rose, without names that start with a dot."""
    for parent, folders, names in os.walk(source):
        inside = posixpath.normpath(posixpath.join(target, os.path.relpath(parent, source)))
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
        for name in folders:
            yield posixpath.normpath(posixpath.join(inside, name)), RoseFile("folder")
        for name in sorted([*names, *links]):
            if not name.startswith("."):
                yield posixpath.normpath(posixpath.join(inside, name)), RoseFile("file", (Path(parent) / name,))


def _check_sum(file: RoseFile, expected: str, place: str) -> None:
    if not expected:
        return
    actual = hashlib.md5(file.contents(), usedforsecurity=False).hexdigest()
    if actual != expected:
        raise BadInput(
            f"the checksum of the file is {actual}, not {expected}",
            where=place,
            remedy="restore the file, or correct checksum",
        )


def _check_folders(app: RoseApp, files: Mapping[str, RoseFile]) -> None:
    """Refuse files below a path that is a file or a link: Rose fails, or writes through the link."""
    for path in files:
        parent = posixpath.dirname(path)
        while parent not in ("", "/"):
            if parent in files and files[parent].kind != "folder":
                raise BadInput(
                    f"{path} would be inside {parent}, which is not a folder of its own",
                    where=app.folder / APP,
                    remedy=f"remove [file:{parent}], or make it a folder with mode=mkdir",
                )
            parent = posixpath.dirname(parent)
