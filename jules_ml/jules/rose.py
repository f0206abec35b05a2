"""A Rose application of JULES as a run folder, and what is swapped in as an optional configuration of it.

The file ``rose-app.conf`` is read as the text that it is: sections ``[namelist:NAME]`` or ``[namelist:NAME(1)]`` with ``key=value``
in namelist notation, ``!`` or ``!!`` before what is ignored, and ``[file:NAME.nml] source=`` with the namelists of each file, optional
ones in brackets. Rose itself is not needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.namelist_text import Value, fortran
from jules_ml.jules.namelists import NamelistFolder

#: Name of the application's file, and of the optional configuration that is written.
APP, OPTION = "rose-app.conf", "rose-app-jules_ml.conf"

_SECTION = re.compile(r"^\[(!{0,2})([^\]]*)\]\s*$")
_ENTRY = re.compile(r"^(!{0,2})([^=\s][^=]*?)\s*=(.*)$")
_SOURCE = re.compile(r"\(?\s*namelist:([\w]+)(?:\{[^}]*\})?(\(:\)|\(\d+\))?\s*\)?")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class RoseApp:
    """A Rose application.

    Attributes
    ----------
    folder : Path
        That holds ``rose-app.conf``.
    sections : dict of str to dict
        Entries of each section that is not ignored, as text, but those that are.
    """

    folder: Path
    sections: dict[str, dict[str, str]]

    @property
    def inputs(self) -> Path:
        """Folder of files that Rose puts where JULES is started."""
        return self.folder / "file" if (self.folder / "file").is_dir() else self.folder


def is_rose_app(folder: Path) -> bool:
    """Whether a folder is a Rose application."""
    return (folder / APP).is_file()


def read_rose_app(folder: Path) -> RoseApp:
    """Read the application in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    RoseApp

    Raises
    ------
    BadInput
        If there is none, or a line is neither a section, an entry, nor the continuation of one.
    """
    path = folder / APP
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadInput(
            f"the file cannot be read ({error.strerror})", where=path, remedy="give a Rose application"
        ) from error
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = sections.setdefault("", {})
    key: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if opened := _SECTION.match(line):
            # what is ignored is read aside, so that its lines have somewhere to go
            section = {} if opened[1] else sections.setdefault(opened[2], {})
            key = None
        elif line[0].isspace():
            # the continuation of an ignored entry belongs to no key
            if key is not None:
                section[key] += "\n" + line.lstrip().removeprefix("=")
        elif entry := _ENTRY.match(line):
            key = None if entry[1] else entry[2]
            if key is not None:
                section[key] = entry[3]
        else:
            raise BadInput(
                f"this is neither a section nor an entry: {line[:40]!r}",
                where=f"{path}, line {number}",
                remedy="write [section] or key=value, as Rose does",
            )
    return RoseApp(folder, sections)


def rose_namelists(app: RoseApp) -> NamelistFolder:
    """Give the namelist files that Rose would make of an application.

    Parameters
    ----------
    app : RoseApp

    Returns
    -------
    NamelistFolder

    Raises
    ------
    BadInput
        If a file asks for a namelist that is not there, or a variable of the environment is not set.
    """
    texts = {}
    for name, section in app.sections.items():
        file = name.removeprefix("file:")
        if file == name or not file.endswith(".nml"):
            continue
        groups = [group for found in _SOURCE.finditer(section.get("source", "")) for group in _groups(app, file, found)]
        texts[file] = "\n".join(groups)
    if not texts:
        raise BadInput(
            "it makes no namelist file ([file:….nml])", where=app.folder / APP, remedy="give an application of JULES"
        )
    return NamelistFolder(texts, app.folder)


def _groups(app: RoseApp, file: str, found: re.Match[str]) -> list[str]:
    """Text of the groups that one source of a file stands for."""
    name, suffix, optional = found[1], found[2] or "", found[0].startswith("(")
    if suffix == "(:)":
        numbered = re.compile(rf"^namelist:{re.escape(name)}(?:\{{[^}}]*\}})?\((\d+)\)$")
        keys = sorted((int(m[1]), key) for key in app.sections if (m := numbered.match(key)))
        return [_group(app, name, key) for _, key in keys]
    key = next((k for k in app.sections if re.sub(r"\{[^}]*\}", "", k) == f"namelist:{name}{suffix}"), None)
    if key is None:
        if optional:
            return []
        raise BadInput(
            f"{file} asks for namelist:{name}{suffix}, which is not there or ignored",
            where=app.folder / APP,
            remedy=f"add [namelist:{name}{suffix}]",
        )
    return [_group(app, name, key)]


def _group(app: RoseApp, name: str, key: str) -> str:
    lines = [
        f"{entry}={_expanded(value, app, key, entry)}," for entry, value in app.sections[key].items() if value.strip()
    ]
    return "\n".join([f"&{name}", *lines, "/", ""])


def _expanded(value: str, app: RoseApp, section: str, entry: str) -> str:
    """Put variables of the environment into a value, as Rose does when it runs."""

    def named(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ:
            raise BadInput(
                f"{entry} holds ${name}, which is not set",
                where=f"{app.folder / APP}, [{section}]",
                remedy=f"set the variable {name} as the suite does",
            )
        return os.environ[name]

    return _VARIABLE.sub(named, value)


def optional_configuration(before: NamelistFolder, after: NamelistFolder, files: Mapping[str, Path]) -> str:
    """Give the differences of two namelist folders as an optional configuration.

    Parameters
    ----------
    before, after : NamelistFolder
        As the application has them, and with modules swapped in.
    files : mapping of str to Path
        Files to be put where JULES is started: name there, and where they lie now.

    Returns
    -------
    str
        ``opt/rose-app-jules_ml.conf``: a suite takes it with ``--opt-conf-key=jules_ml`` or ``opts=jules_ml``.
    """
    old, new = _entries(before), _entries(after)
    counts = {name: sum(key[0] == name for key in new) for name, _ in new}
    several = {name for name, number in counts.items() if number > 1} | {
        "jules_output_profile",
        "jules_prescribed_dataset",
        "jules_deposition_species",
    }
    lines = ["# Learned modules swapped in by jules_ml.", ""]
    for (name, occurrence), entries in new.items():
        changed = {k: v for k, v in entries.items() if old.get((name, occurrence), {}).get(k) != v}
        if changed:
            number = f"({occurrence + 1})" if name in several else ""
            lines += [f"[namelist:{name}{number}]", *(f"{k}={fortran(v)}" for k, v in changed.items()), ""]
    for name, path in files.items():
        lines += [f"[file:{name}]", f"source={path}", ""]
    return "\n".join(lines)


def _entries(namelists: NamelistFolder) -> dict[tuple[str, int], dict[str, Value]]:
    found: dict[tuple[str, int], dict[str, Value]] = {}
    for _, name, entries in namelists.groups():
        found[name, sum(key[0] == name for key in found)] = entries
    return found
