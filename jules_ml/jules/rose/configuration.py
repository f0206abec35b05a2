"""Text of Rose configurations: sections and entries with their states, and optional configurations that override them.

The format is that of the Rose documentation. ``[NAME]`` opens a section, ``key=value`` is an entry, an indented line continues the value,
and a line that starts with ``#`` is a comment. ``!`` or ``!!`` before the name of a section or the key of an entry means: ignored.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jules_ml.errors import BadInput

_SECTION = re.compile(r"\[(!{0,2})([^\[\]]*)\]")
_ENTRY = re.compile(r"(!{0,2})([^\s=]+)\s*=(.*)")
_OPTIONAL = re.compile(r"\((.*)\)")


@dataclass(frozen=True)
class Entry:
    """Value of an entry as text, and whether it is ignored."""

    value: str
    ignored: bool = False


@dataclass
class Section:
    """Entries of a section by key, and whether the section is ignored."""

    ignored: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, str]:
        """Values of the entries that are not ignored."""
        return {key: entry.value for key, entry in self.entries.items() if not entry.ignored}


#: Sections by name; entries before the first section are in the section with an empty name.
Configuration = dict[str, Section]


def read_configuration(path: Path) -> Configuration:
    """Read a configuration file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to Section

    Raises
    ------
    BadInput
        If the file cannot be read, or a line is not a section, an entry or the continuation of an entry.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadInput(
            f"the file cannot be read ({error.strerror})", where=path, remedy="give a Rose application"
        ) from error
    configuration: Configuration = {"": Section()}
    section = configuration[""]
    key: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if line[0].isspace() and key is not None:
            entry = section.entries[key]
            section.entries[key] = Entry(f"{entry.value}\n{stripped.removeprefix('=')}", entry.ignored)
        elif not line[0].isspace() and (opened := _SECTION.fullmatch(stripped)):
            section = configuration.setdefault(opened[2].strip(), Section())
            # where a section is given twice, the state of the later one is valid
            section.ignored = bool(opened[1])
            key = None
        elif not line[0].isspace() and (assigned := _ENTRY.fullmatch(stripped)):
            key = assigned[2]
            section.entries[key] = Entry(assigned[3].strip(), bool(assigned[1]))
        else:
            raise BadInput(
                f"the line is not a section or an entry: {stripped[:40]!r}",
                where=f"{path}, line {number}",
                remedy="write [section] or key=value, as Rose does",
            )
    return configuration


def override(configuration: Configuration, optional: Configuration) -> None:
    """Change a configuration by an optional one: entries and states of the optional one are valid.

    Parameters
    ----------
    configuration, optional : dict of str to Section
        The first one is changed.
    """
    for name, section in optional.items():
        changed = configuration.setdefault(name, Section())
        changed.ignored = section.ignored
        changed.entries |= section.entries


def read_with_options(path: Path, keys: Iterable[str]) -> tuple[Configuration, tuple[str, ...]]:
    """Read a configuration file and the optional configurations that override it.

    Parameters
    ----------
    path : Path
        File ``NAME.conf``; the optional configurations are ``opt/NAME-KEY.conf`` next to it.
    keys : iterable of str
        Optional configurations after those of the entry ``opts``, in the order in which they are applied. The file of a key in brackets
        may be missing.

    Returns
    -------
    configuration : dict of str to Section
    used : tuple of str
        Keys of the optional configurations that were applied, in their order.

    Raises
    ------
    BadInput
        If a file is missing or cannot be read.
    """
    configuration = read_configuration(path)
    used = []
    for item in [*words(configuration[""].active.get("opts", ""), path, "opts"), *keys]:
        key, optional = without_brackets(item)
        option = path.parent / "opt" / f"{path.stem}-{key}.conf"
        if option.is_file():
            override(configuration, read_configuration(option))
            used.append(key)
        elif not optional:
            raise BadInput(
                f"the optional configuration {key!r} does not exist",
                where=option,
                remedy=f"add the file, or remove {key!r} from opts or ROSE_APP_OPT_CONF_KEYS, or write it in brackets, ({key})",
            )
    return configuration, tuple(used)


def words(text: str, path: Path | str, name: str) -> list[str]:
    """Split a value at blanks, with quotes and backslashes as in a shell.

    Raises
    ------
    BadInput
        If a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadInput(
            f"{name} cannot be read ({error}): {text!r}", where=path, remedy="close the quotation mark"
        ) from error


def without_brackets(item: str) -> tuple[str, bool]:
    """Return an item without its brackets, and whether it had brackets, which mean that it may be missing."""
    bracketed = _OPTIONAL.fullmatch(item)
    return (bracketed[1], True) if bracketed else (item, False)
