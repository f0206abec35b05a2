"""A drafted section ``[data]``: keys, comments on them, and keys that only the user knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
#: Column at which comments begin, if the line is shorter.
_COMMENTS_AT = 40


@dataclass
class Draft:
    """Keys of a section ``[data]``.

    Attributes
    ----------
    keys : dict
        Keys in the order of the text; a mapping is a table of its own.
    comments : dict of str to str
        Comments by dotted key (``"columns.NEE.unit"``).
    suggestions : dict of str to tuple
        Values and comments, by dotted key, of keys that are written as comments: the file does not contain them, and the record is read
        without.
    checks : list of str
        What the user must check, because it is guessed.
    placeholders : dict of tuple of str to Any
        By the path of a key (``("columns", "SWC", "depth")``): values that are shown in a comment in place of the key, whose own value
        only serves the inspection.
    left_out : dict of str to str
        Columns that are not read, and why.
    """

    keys: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    suggestions: dict[str, tuple[Any, str]] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    placeholders: dict[tuple[str, ...], Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def guess(self, key: str, value: Any, comment: str) -> None:
        """Add a key of the section whose value is guessed, or replace it."""
        self.keys[key] = value
        self.placeholders.pop((key,), None)
        self.comments[key] = f"check this: {comment}"
        self.checks = [check for check in self.checks if not check.startswith(f"{key} = ")]
        self.checks.append(f"{key} = {toml_value(value)}: {comment}")

    def state(self, key: str, value: Any, comment: str = "") -> None:
        """Add a key whose value the file states."""
        self.keys[key] = value
        if comment:
            self.comments[key] = comment

    def for_user(self) -> Draft:
        """Return the draft in which keys that only the user knows are comments."""
        keys, suggestions = deepcopy(self.keys), dict(self.suggestions)
        for path, shown in self.placeholders.items():
            table = keys
            for name in path[:-1]:
                table = table[name]
            del table[path[-1]]
            suggestions[".".join(path)] = (shown, self.comments.get(".".join(path), ""))
        return replace(self, keys=keys, suggestions=suggestions)

    def text(self) -> str:
        """Return the section as TOML, with its comments."""
        tables = {key: value for key, value in self.keys.items() if isinstance(value, Mapping)}
        lines = ["[data]"]
        lines += [self._line(key, value, key) for key, value in self.keys.items() if key not in tables]
        lines += [_suggestion(key, *pair) for key, pair in self.suggestions.items() if "." not in key]
        for key, table in tables.items():
            lines += self._table(key, table)
        lines += self._suggested_tables()
        return "\n".join(lines) + "\n"

    def _table(self, key: str, table: Mapping[str, Any]) -> list[str]:
        if table and all(isinstance(value, Mapping) for value in table.values()):
            return [line for name, one in table.items() for line in self._lines_of(f"{key}.{_key(name)}", one)]
        return self._lines_of(_key(key), table)

    def _lines_of(self, name: str, table: Mapping[str, Any]) -> list[str]:
        dotted = name.replace('"', "")
        head = _commented(f"[data.{name}]", self.comments.get(dotted, ""))
        lines = [self._line(key, value, f"{dotted}.{key}") for key, value in table.items()]
        of_table = {key: pair for key, pair in self.suggestions.items() if key.rpartition(".")[0] == dotted}
        lines += [_suggestion(key.rpartition(".")[2], *pair) for key, pair in of_table.items()]
        return ["", head, *lines]

    def _line(self, key: str, value: Any, dotted: str) -> str:
        return _commented(f"{_key(key)} = {toml_value(value)}", self.comments.get(dotted, ""))

    def _suggested_tables(self) -> list[str]:
        """Tables whose keys are all comments."""
        groups: dict[str, list[str]] = {}
        for dotted, (value, comment) in self.suggestions.items():
            table, _, key = dotted.partition(".")
            if key and table not in self.keys:
                groups.setdefault(table, []).append(_suggestion(key, value, comment))
        return [line for table, rows in groups.items() for line in ("", f"# [data.{table}]", *rows)]


def toml_value(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def toml_line(key: str, value: Any, comment: str = "") -> str:
    """Return a line with a key, its value and a comment; dots in the key are those of tables."""
    return _commented(f"{key} = {toml_value(value)}", comment)


def toml_key(name: str) -> str:
    """Return a name as a key of TOML, in quotation marks if needed."""
    return _key(name)


def _suggestion(key: str, value: Any, comment: str) -> str:
    return _commented(f"# {_key(key)} = {toml_value(value)}", comment)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _commented(line: str, comment: str) -> str:
    return f"{line:<{_COMMENTS_AT}} # {comment}" if comment else line
