"""Rose applications of JULES: reading one as a run folder, and writing changes as an optional configuration.

The file ``rose-app.conf`` has sections ``[namelist:NAME]`` or ``[namelist:NAME(1)]`` with ``key=value`` in namelist notation, and sections
``[file:NAME.nml]`` whose ``source=`` lists the namelists of each file, optional ones in brackets. ``!`` or ``!!`` before a section or key
means that it is ignored. Rose itself is not needed.
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

#: File names of the application and of the optional configuration.
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
        Folder of ``rose-app.conf``.
    sections : dict of str to dict
        Entries of each section as text, without ignored sections and entries.
    """

    folder: Path
    sections: dict[str, dict[str, str]]

    @property
    def inputs(self) -> Path:
        """Folder of files that Rose installs in the working directory of JULES."""
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
        If the file cannot be read, or a line is not a section, an entry or the continuation of an entry.
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
            # entries of an ignored section go to a dictionary that is discarded
            section = {} if opened[1] else sections.setdefault(opened[2], {})
            key = None
        elif line[0].isspace():
            # without a key the line continues an ignored entry
            if key is not None:
                section[key] += "\n" + line.lstrip().removeprefix("=")
        elif entry := _ENTRY.match(line):
            key = None if entry[1] else entry[2]
            if key is not None:
                section[key] = entry[3]
        else:
            raise BadInput(
                f"the line is not a section or an entry: {line[:40]!r}",
                where=f"{path}, line {number}",
                remedy="write [section] or key=value, as Rose does",
            )
    return RoseApp(folder, sections)


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
        If a file needs a namelist that is missing, or an environment variable is not set.
    """
    texts = {}
    for name, section in app.sections.items():
        file = name.removeprefix("file:")
        if file == name or not file.endswith(".nml"):
            continue
        groups = [
            group for source in _SOURCE.finditer(section.get("source", "")) for group in _groups(app, file, source)
        ]
        texts[file] = "\n".join(groups)
    if not texts:
        raise BadInput(
            "the application has no namelist file ([file:….nml])",
            where=app.folder / APP,
            remedy="give an application of JULES",
        )
    return NamelistFolder(texts, app.folder)


def _groups(app: RoseApp, file: str, source: re.Match[str]) -> list[str]:
    """Return the text of the groups of one item of ``source=``."""
    name, suffix, optional = source[1], source[2] or "", source[0].startswith("(")
    if suffix == "(:)":
        numbered = re.compile(rf"^namelist:{re.escape(name)}(?:\{{[^}}]*\}})?\((\d+)\)$")
        keys = sorted((int(m[1]), key) for key in app.sections if (m := numbered.match(key)))
        return [_group(app, name, key) for _, key in keys]
    key = next((k for k in app.sections if re.sub(r"\{[^}]*\}", "", k) == f"namelist:{name}{suffix}"), None)
    if key is None:
        if optional:
            return []
        raise BadInput(
            f"{file} needs namelist:{name}{suffix}, which is missing or ignored",
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
    """Expand environment variables in a value, as Rose does."""

    def variable(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name not in os.environ:
            raise BadInput(
                f"{entry} contains ${name}, which is not set",
                where=f"{app.folder / APP}, [{section}]",
                remedy=f"set the environment variable {name} as in the suite",
            )
        return os.environ[name]

    return _VARIABLE.sub(variable, value)


def optional_configuration(before: NamelistFolder, after: NamelistFolder, files: Mapping[str, Path]) -> str:
    """Return the differences of two namelist folders as an optional configuration.

    Parameters
    ----------
    before, after : NamelistFolder
        Namelists of the application, without and with modules swapped in.
    files : mapping of str to Path
        Files to install in the working directory of JULES, by their names there.

    Returns
    -------
    str
        Text of ``opt/rose-app-jules_ml.conf``; a suite uses it with ``--opt-conf-key=jules_ml`` or ``opts=jules_ml``.
    """
    old, new = _entries(before), _entries(after)
    counts = {name: sum(key[0] == name for key in new) for name, _ in new}
    repeated = {name for name, number in counts.items() if number > 1} | {
        "jules_output_profile",
        "jules_prescribed_dataset",
        "jules_deposition_species",
    }
    lines = ["# Learned modules swapped in by jules_ml.", ""]
    for (name, occurrence), entries in new.items():
        changed = {k: v for k, v in entries.items() if old.get((name, occurrence), {}).get(k) != v}
        if changed:
            number = f"({occurrence + 1})" if name in repeated else ""
            lines += [f"[namelist:{name}{number}]", *(f"{k}={fortran(v)}" for k, v in changed.items()), ""]
    for name, path in files.items():
        lines += [f"[file:{name}]", f"source={path}", ""]
    return "\n".join(lines)


def _entries(namelists: NamelistFolder) -> dict[tuple[str, int], dict[str, Value]]:
    groups: dict[tuple[str, int], dict[str, Value]] = {}
    for _, name, entries in namelists.groups():
        groups[name, sum(key[0] == name for key in groups)] = entries
    return groups
