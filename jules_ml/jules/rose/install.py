"""Installation of the files of a Rose application in a new run folder, with links in place of copies."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Container, Mapping
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.rose.app import RoseApp
from jules_ml.jules.rose.files import RoseFile, installed_files
from jules_ml.jules.rose.namelists import namelist_paths
from jules_ml.support.files import atomic_write


def install_files(app: RoseApp, out: Path, own: Container[str], namelists: Path) -> None:
    """Install the files of an application, without the namelists that JULES reads.

    Parameters
    ----------
    app : RoseApp
    out : Path
        Working directory of JULES. Files that are copies in Rose are links to their sources.
    own : container of str
        Names in ``out`` that are used otherwise; nothing is installed there.
    namelists : Path
        Folder of the namelists, where other files next to the application's namelists are linked too.

    Raises
    ------
    BadInput
        If a source cannot be read.
    OSError
        If a file cannot be written.
    """
    files = installed_files(app)
    read_as_namelists = set(namelist_paths(app, files).values())
    namelist_folders = {posixpath.dirname(path) for path in read_as_namelists}
    for path, file in sorted(files.items()):
        if is_outside(path) or path.split("/")[0] in own or path in read_as_namelists:
            continue
        _install(file, out, path)
        if posixpath.dirname(path) in namelist_folders and file.kind != "folder":
            # relative, so that the run folder can be moved
            (namelists / posixpath.basename(path)).symlink_to(os.path.relpath(out / path, namelists))


def is_outside(path: str) -> bool:
    """Whether an installed path is outside the working directory of JULES."""
    return path.startswith(("/", "../"))


def source_path(files: Mapping[str, RoseFile], value: str, own: Container[str]) -> str:
    """Return the source of a file in place of a path that :func:`install_files` leaves out; any other value is returned as it is.

    Parameters
    ----------
    files : mapping of str to RoseFile
        Installed files by path.
    value : str
        Path in a namelist.
    own : container of str
        Names in the working directory where nothing is installed.

    Returns
    -------
    str

    Raises
    ------
    BadInput
        If the file is put together from several sources.
    """
    path = posixpath.normpath(value)
    if path not in files or not (is_outside(path) or path.split("/")[0] in own) or files[path].kind == "folder":
        return value
    original = files[path].original
    if original is None:
        raise BadInput(
            "the file is put together from several sources, outside the folder of the run or where jules_ml has files of its own",
            where=f"[file:{path}] of the Rose application",
            remedy="install it in another folder, relative to the working directory of JULES",
        )
    return str(original)


def _install(file: RoseFile, out: Path, path: str) -> None:
    _make_folders(out, Path(path).parent)
    place = out / path
    if file.kind == "folder":
        _make_folders(out, Path(path))
        return
    if place.is_symlink():
        place.unlink()
    original = file.original
    if original is not None:
        place.symlink_to(original)
    else:
        with atomic_write(place) as part:
            part.write_bytes(file.contents())


def _make_folders(out: Path, folder: Path) -> None:
    """Create a folder; where a link to a folder is in its path, it becomes a folder of links, so that the original is not changed."""
    for parent in (*reversed(folder.parents), folder):
        place = out / parent
        if place.is_symlink():
            linked = sorted(place.resolve().iterdir())
            place.unlink()
            place.mkdir()
            for entry in linked:
                (place / entry.name).symlink_to(entry)
        else:
            place.mkdir(exist_ok=True)
