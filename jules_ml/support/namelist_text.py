"""Fortran namelists as text: positions of groups and entries, and edits that leave all other text unchanged.

The text is edited in place, so that comments, order, case and layout are preserved, and an edited file differs from the original only in
the edited lines. ``namelist_values`` reads the values.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jules_ml.support.namelist_values import Assignments, NamelistValueError

#: Scalar of a namelist, or a list of scalars; None is an empty value.
Value = bool | int | float | str | None | Sequence[bool | int | float | str | None]

_KEY = re.compile(r"([A-Za-z_]\w*)((?:\s*\([^()]*\))?(?:\s*%\s*\w+(?:\s*\([^()]*\))?)*)\s*=(?!=)")
_GROUP = re.compile(r"(?<!\w)[&$]([A-Za-z_]\w*)")
_END = re.compile(r"[&$]end\b", re.IGNORECASE)
_WIDTH = 100


class NamelistSyntaxError(ValueError):
    """Text that is not a namelist; ``line`` is the line of the error, from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Entry:
    """Assignment: name in lower case without subscripts, and positions of its start, the start of its value, and its end."""

    name: str
    start: int
    value: int
    end: int


@dataclass(frozen=True)
class Group:
    """Group: name in lower case, its entries, and positions of ``&``, of its end mark, and of its end."""

    name: str
    start: int
    mark: int
    end: int
    entries: tuple[Entry, ...]


def seven_digits(value: float) -> float:
    """Round to seven digits, the precision of JULES's 32 bits."""
    return float(f"{value:.7g}")


def scan(text: str) -> list[Group]:
    """Find groups and their entries.

    Parameters
    ----------
    text : str
        Text of a namelist file.

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
        elif _GROUP.match(text, at):
            break
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
        Text of the file.
    group : Group
        Group from :func:`scan`.

    Returns
    -------
    dict
        Values by name in lower case; arrays are lists from the first element on, with repeats expanded; missing values are None.

    Raises
    ------
    NamelistSyntaxError
        If the values cannot be read.
    """
    assignments = Assignments()
    before = text[group.start : group.entries[0].start] if group.entries else ""
    words = re.sub(r"![^\n]*", "", before).replace(",", " ").split()[1:]
    if words:
        problem = f"'{' '.join(words)[:40]}' is no entry, since it has no '='"
        raise NamelistSyntaxError(problem, text.count("\n", 0, group.start) + 1)
    for entry in group.entries:
        try:
            assignments.add(text[entry.start : entry.value].rstrip("= \t\r\n"), text[entry.value : entry.end])
        except NamelistValueError as error:
            raise NamelistSyntaxError(str(error), text.count("\n", 0, entry.start) + 1) from error
    try:
        return assignments.values()
    except NamelistValueError as error:
        raise NamelistSyntaxError(str(error), text.count("\n", 0, group.start) + 1) from error


def set_entries(text: str, name: str, entries: Mapping[str, Value], *, occurrence: int = 0) -> str:
    """Change entries of a group, or add them; a missing group is added at the end.

    Parameters
    ----------
    text : str
        Text of the file.
    name : str
        Group, in lower case.
    entries : mapping of str to value
        New values by name. They replace all assignments to single elements, such as ``var(2) = …``.
    occurrence : int
        Index of the group among those of the same name, from 0; if it is one past the last, a group is added.

    Returns
    -------
    str
        New text; everything else is unchanged.
    """
    same = [group for group in scan(text) if group.name == name]
    if occurrence >= len(same):
        body = "".join(f"  {_assignment(key, value)},\n" for key, value in entries.items())
        return f"{text.rstrip()}\n\n&{name.upper()}\n{body}/\n" if text.strip() else f"&{name.upper()}\n{body}/\n"
    group = same[occurrence]
    cuts: list[tuple[int, int, str]] = []
    added = []
    for key, value in entries.items():
        present = [entry for entry in group.entries if entry.name == key]
        if not present:
            added.append(f"  {_assignment(key, value)},\n")
            continue
        first, *others = present
        cuts.append((first.start, first.end, _assignment(_written_name(text, first), value)))
        cuts += [(entry.start, _past_comma(text, entry.end), "") for entry in others]
    if added:
        line_start = text.rfind("\n", 0, group.mark) + 1
        # before the line of the end mark, or on a new line if entries precede the mark on its line
        own_line = not text[line_start : group.mark].strip()
        at = line_start if own_line else group.mark
        cuts.append((at, at, ("" if own_line else "\n") + "".join(added)))
    for start, end, new in sorted(cuts, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def remove_entries(text: str, name: str, entries: Sequence[str]) -> str:
    """Remove entries of all groups of a name, with the rest of their line if it is a comment.

    Parameters
    ----------
    text : str
        Text of the file.
    name : str
        Group, in lower case.
    entries : sequence of str
        Names, in lower case.

    Returns
    -------
    str
        New text; everything else is unchanged.
    """
    removed = [entry for group in scan(text) if group.name == name for entry in group.entries if entry.name in entries]
    for entry in sorted(removed, key=lambda entry: entry.start, reverse=True):
        start, end = text.rfind("\n", 0, entry.start) + 1, _past_comma(text, entry.end)
        rest = re.match(r"[ \t]*(![^\n]*|\r)?\n", text[end:])
        if rest and not text[start : entry.start].strip():
            entry_start, end = start, end + rest.end()
        else:
            entry_start = entry.start
        text = text[:entry_start] + text[end:]
    return text


def _written_name(text: str, entry: Entry) -> str:
    """Return the name of an entry in its original case."""
    return text[entry.start : entry.start + len(entry.name)]


def _past_comma(text: str, at: int) -> int:
    rest = re.match(r"[ \t]*,?", text[at:])
    return at + (rest.end() if rest else 0)


def _assignment(key: str, value: Value) -> str:
    lines = textwrap.wrap(
        f"{key} = {fortran(value)}", _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    # a string with blanks must not be wrapped; Fortran reads long lines as well
    return "\n".join(lines) if not _has_string_with_blank(value) else f"{key} = {fortran(value)}"


def _has_string_with_blank(value: Value) -> bool:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return any(isinstance(each, str) and re.search(r"\s", each) for each in values)


def fortran(value: Value) -> str:
    """Format a value in namelist notation; numbers have all digits of 64 bits.

    Parameters
    ----------
    value : value
        Scalar, or sequence of scalars.

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
