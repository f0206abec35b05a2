"""Fortran namelists as text: where groups and entries stand, and how one is changed while all else stays as it was.

f90nml reads the values; this module edits the text around them, so that comments, order, case and layout survive, and a
changed file differs from the user's in the changed lines alone.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import f90nml

#: A scalar of a namelist, or a list of them; ``None`` stands for a value left out.
Value = bool | int | float | str | None | Sequence[bool | int | float | str | None]

_KEY = re.compile(r"([A-Za-z_]\w*)((?:\s*\([^()]*\))?(?:\s*%\s*\w+(?:\s*\([^()]*\))?)*)\s*=(?!=)")
_GROUP = re.compile(r"[&$]([A-Za-z_]\w*)")
_END = re.compile(r"[&$]end\b", re.IGNORECASE)
_WIDTH = 100


class NamelistSyntaxError(ValueError):
    """The text is no namelist; ``line`` says where, counted from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Entry:
    """One assignment: name in lower case without subscripts, and where its text begins, its value begins, and it ends."""

    name: str
    start: int
    value: int
    end: int


@dataclass(frozen=True)
class Group:
    """One group: name in lower case, its entries, where ``&`` stands, where its end mark stands, and where it ends."""

    name: str
    start: int
    mark: int
    end: int
    entries: tuple[Entry, ...]


def scan(text: str) -> list[Group]:
    """Find groups and their entries.

    Parameters
    ----------
    text : str
        A namelist file.

    Returns
    -------
    list of Group
        In the order of the file.

    Raises
    ------
    NamelistSyntaxError
        If a group or a string is not closed.
    """
    groups, at = [], 0
    while at < len(text):
        if text[at] == "!":
            at = _line_end(text, at)
        elif opened := _GROUP.match(text, at):
            group = _scan_group(text, opened)
            groups.append(group)
            at = group.end
        else:
            at += 1
    return groups


def _scan_group(text: str, opened: re.Match[str]) -> Group:
    entries: list[Entry] = []
    name: str | None = None
    start = value = end = 0
    at = opened.end()

    def close() -> None:
        if name is not None:
            entries.append(Entry(name, start, value, end))

    while at < len(text):
        character = text[at]
        if character == "!":
            at = _line_end(text, at)
        elif character in "'\"":
            at = end = _string_end(text, at)
        elif character == "/" or _END.match(text, at):
            close()
            length = 1 if character == "/" else 4
            return Group(opened[1].lower(), opened.start(), at, at + length, tuple(entries))
        elif (key := _KEY.match(text, at)) and not (text[at - 1].isalnum() or text[at - 1] in "_.*"):
            close()
            name, start = key[1].lower(), at
            at = end = key.end()
            value = at
        else:
            at += 1
            if not (character.isspace() or character == ","):
                end = at
    raise NamelistSyntaxError(f"group &{opened[1]} is not closed with a slash", text.count("\n", 0, opened.start()) + 1)


def _string_end(text: str, at: int) -> int:
    quote, here = text[at], at + 1
    while (close := text.find(quote, here)) >= 0:
        if text[close + 1 : close + 2] != quote:
            return close + 1
        here = close + 2
    raise NamelistSyntaxError("a string is not closed", text.count("\n", 0, at) + 1)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def read_group(text: str, group: Group) -> dict[str, Any]:
    """Read the values of one group.

    Parameters
    ----------
    text : str
        The file.
    group : Group
        Of :func:`scan`.

    Returns
    -------
    dict
        Names in lower case; arrays as lists from the first element on, repeats written out; None where nothing is given.

    Raises
    ------
    NamelistSyntaxError
        If the values cannot be read.
    """
    try:
        read = f90nml.reads(text[group.start : group.end] + "\n")[group.name]
    except Exception as error:  # the parser lets its own inner errors through
        line = text.count("\n", 0, group.start) + 1
        raise NamelistSyntaxError(f"group &{group.name} cannot be read", line) from error
    return {
        name: _from_one(value, read.start_index.get(name)) for name, value in read.items() if name != "_start_index"
    }


def _from_one(value: Any, first: Sequence[int | None] | None) -> Any:
    """A list whose assignment began at another element, as ``var(3) = …``, from its first element on."""
    if first is None or len(first) != 1 or first[0] is None or first[0] <= 1 or not isinstance(value, list):
        return value
    return [None] * (first[0] - 1) + value


def set_entries(text: str, name: str, entries: Mapping[str, Value], *, occurrence: int = 0) -> str:
    """Change entries of a group, or add them; a group that is not there is added at the end.

    Parameters
    ----------
    text : str
        The file.
    name : str
        Group, in lower case.
    entries : mapping of str to value
        What is to stand there. Assignments to single elements, as ``var(2) = …``, give way to the whole.
    occurrence : int
        Which of several groups of that name, from 0; one past the last is added.

    Returns
    -------
    str
        The new text: all else is as it was.
    """
    same = [group for group in scan(text) if group.name == name]
    if occurrence >= len(same):
        body = "".join(f"  {_assignment(key, value)},\n" for key, value in entries.items())
        return f"{text.rstrip()}\n\n&{name.upper()}\n{body}/\n" if text.strip() else f"&{name.upper()}\n{body}/\n"
    group = same[occurrence]
    cuts: list[tuple[int, int, str]] = []
    added = []
    for key, value in entries.items():
        standing = [entry for entry in group.entries if entry.name == key]
        if not standing:
            added.append(f"  {_assignment(key, value)},\n")
            continue
        first, *others = standing
        cuts.append((first.start, first.end, _assignment(_written_name(text, first), value)))
        cuts += [(entry.start, _past_comma(text, entry.end), "") for entry in others]
    if added:
        line_start = text.rfind("\n", 0, group.mark) + 1
        # on a line of its own where the end mark stands so, else on a new one
        own_line = not text[line_start : group.mark].strip()
        at = line_start if own_line else group.mark
        cuts.append((at, at, ("" if own_line else "\n") + "".join(added)))
    for start, end, new in sorted(cuts, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _written_name(text: str, entry: Entry) -> str:
    """The name of an entry in the case that the user wrote."""
    return text[entry.start : entry.start + len(entry.name)]


def _past_comma(text: str, at: int) -> int:
    rest = re.match(r"[ \t]*,?", text[at:])
    return at + (rest.end() if rest else 0)


def _assignment(key: str, value: Value) -> str:
    lines = textwrap.wrap(
        f"{key} = {fortran(value)}", _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    # a string that holds blanks must not be parted; long lines are as good to Fortran
    return "\n".join(lines) if not _holds_blank_string(value) else f"{key} = {fortran(value)}"


def _holds_blank_string(value: Value) -> bool:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return any(isinstance(each, str) and " " in each for each in values)


def fortran(value: Value) -> str:
    """Write a value as Fortran reads it; a number keeps all the digits that it has in 64 bits.

    Parameters
    ----------
    value : value
        Scalar or list.

    Returns
    -------
    str
    """
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if value is None:
        return ""
    return ", ".join(fortran(each) for each in value)
