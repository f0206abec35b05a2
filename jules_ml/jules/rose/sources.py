"""Sources of a file that Rose installs: namelist sections, and files and folders of the file system."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.rose.app import APP, NAMELIST, RoseApp
from jules_ml.jules.rose.configuration import without_brackets
from jules_ml.jules.rose.groups import group_text, named_sections

_REMOTE = re.compile(r"[A-Za-z][\w+.-]*:.*|[\w.-]+@[\w.-]+:.*", re.DOTALL)


@dataclass(frozen=True)
class NamelistPart:
    """Group that a namelist section defines: the section and its text."""

    section: str
    text: str


#: Part of the contents of an installed file: a group, or a file or folder of the file system.
Part = NamelistPart | Path


def source_parts(app: RoseApp, section: str, item: str, bracketed: set[str]) -> list[Part]:
    """Return what one source of a file consists of.

    Parameters
    ----------
    app : RoseApp
    section : str
        Section of the file, for error messages.
    item : str
        One item of ``source``; in brackets if it may be missing.
    bracketed : set of str
        Sources that were in brackets so far, to which this one is added. Rose lets these be missing without brackets too.

    Returns
    -------
    list of NamelistPart or Path
        Empty if the source is in brackets and does not exist.

    Raises
    ------
    BadInput
        If a source does not exist, is on another machine or in a repository, or is relative to the folder of the task.
    """
    source, optional = without_brackets(item)
    optional |= source in bracketed
    if optional:
        bracketed.add(source)
    if source.startswith(NAMELIST):
        return _groups(app, section, source, optional=optional)
    path = os.path.expanduser(source)
    if _scheme(app, source) not in (None, "fs"):
        raise _remote(app, section, source)
    if not os.path.isabs(path):
        if _REMOTE.fullmatch(path):
            raise _remote(app, section, source)
        raise BadInput(
            f"the source {source!r} is relative to the folder of the task, which jules_ml does not know",
            where=_place(app, section),
            remedy="give an absolute path, which may contain environment variables",
        )
    paths = sorted(glob.glob(path))
    if not paths and not optional:
        raise BadInput(
            f"the source {source} does not exist",
            where=_place(app, section),
            remedy=f"install it, or write it in brackets, ({source}), if the file may be missing",
        )
    return [Path(each) for each in paths]


def _groups(app: RoseApp, section: str, source: str, *, optional: bool) -> list[Part]:
    names = named_sections(app, source)
    if not names and not optional:
        raise BadInput(
            f"{section.removeprefix('file:')} needs {source}, which is missing or ignored",
            where=app.folder / APP,
            remedy=f"add [{source.replace('(:)', '(1)')}]",
        )
    return [NamelistPart(name, group_text(app, name)) for name in names]


def _scheme(app: RoseApp, source: str) -> str | None:
    """Return the scheme that the entry ``schemes`` gives to a source, or None."""
    for line in app.root.get("schemes", "").split("\n"):
        pattern, _, scheme = line.rpartition("=")
        if pattern and fnmatch.fnmatchcase(source, pattern.strip()):
            return scheme.strip()
    return None


def _remote(app: RoseApp, section: str, source: str) -> BadInput:
    return BadInput(
        f"the source {source!r} is not a file on this machine; jules_ml does not copy from repositories or other machines",
        where=_place(app, section),
        remedy="copy it to this machine first, and give its absolute path as source",
    )


def _place(app: RoseApp, section: str) -> str:
    return f"{app.folder / APP}, [{section}]"
