"""Namelist files of a Rose application, and the sections that their groups come from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose.app import APP, RoseApp
from jules_ml.jules.rose.files import RoseFile, install_root, installed_files
from jules_ml.jules.rose.sources import NamelistPart, Part
from jules_ml.support.namelist_text import scan

_SUFFIX = ".nml"
#: File by which the folder of the namelists is recognised.
_TIMES = "timesteps.nml"


def rose_namelists(app: RoseApp) -> NamelistFolder:
    """Return the namelist files that Rose would generate from an application.

    Parameters
    ----------
    app : RoseApp

    Returns
    -------
    NamelistFolder

    Raises
    ------
    BadInput
        If a file needs a source that is missing or not supported, or an environment variable is not set.
    """
    files = installed_files(app)
    texts = {
        name: files[_followed(app, path, files)].contents().decode("utf-8", "surrogateescape")
        for name, path in namelist_paths(app, files).items()
    }
    if not texts:
        raise BadInput(
            "the application has no namelist file ([file:….nml])",
            where=app.folder / APP,
            remedy="give an application of JULES",
        )
    namelists = NamelistFolder(texts, app.folder)
    places = {
        key: f"{app.folder / APP}, [{part.section}]" if isinstance(part, NamelistPart) else f"{part}, &{key[1].upper()}"
        for key, part in _group_parts(app, files)
    }
    namelists.generated_from(app.folder / APP, places)
    return namelists


def namelist_paths(app: RoseApp, files: Mapping[str, RoseFile]) -> dict[str, str]:
    """Return the paths of the namelist files that JULES reads, by file name.

    They are in the folder of ``timesteps.nml``, if there is one such folder, and otherwise where relative paths lead.

    Parameters
    ----------
    app : RoseApp
    files : mapping of str to RoseFile
        Installed files by path.

    Returns
    -------
    dict of str to str
        Paths in ``files``.
    """
    folders = [posixpath.dirname(path) for path in files if posixpath.basename(path) == _TIMES]
    folder = folders[0] if len(folders) == 1 else posixpath.normpath(install_root(app) or ".")
    folder = "" if folder == "." else folder
    return {
        posixpath.basename(path): path
        for path, file in files.items()
        if path.endswith(_SUFFIX) and posixpath.dirname(path) == folder and file.kind != "folder"
    }


def _followed(app: RoseApp, path: str, files: Mapping[str, RoseFile]) -> str:
    """Return the path of the file that a link to another installed file leads to; any other path is returned as it is."""
    seen = {path}
    while files[path].kind == "link" and not (link := str(files[path].parts[0])).startswith("/"):
        link = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
        if link not in files or link in seen:
            raise BadInput(
                f"{path} is a link to {link}, which the application does not install",
                where=app.folder / APP,
                remedy="give the absolute path of the source",
            )
        seen.add(link)
        path = link
    return path


def group_sections(app: RoseApp) -> dict[tuple[str, str, int], str]:
    """Return the section that each group of the namelist files comes from.

    Returns
    -------
    dict of tuple to str
        By name of the file, name of the group in lower case, and its index among the groups of that name in the file. Groups of files
        that are sources are left out.
    """
    parts = _group_parts(app, installed_files(app))
    return {key: part.section for key, part in parts if isinstance(part, NamelistPart)}


def _group_parts(app: RoseApp, files: Mapping[str, RoseFile]) -> Iterator[tuple[tuple[str, str, int], Part]]:
    """Yield file, name and index of each group, and the part of its file that defines it."""
    for name, path in namelist_paths(app, files).items():
        counts: dict[str, int] = {}
        for part in files[_followed(app, path, files)].parts:
            text = part.text if isinstance(part, NamelistPart) else part.read_text("utf-8", "surrogateescape")
            for group in scan(text):
                index = counts.get(group.name, 0)
                counts[group.name] = index + 1
                yield (name, group.name, index), part
