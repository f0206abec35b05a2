"""Versions of JULES and the namelist entries that each has.

The table ``entries.csv`` has one row for each entry and period of versions: group, entry, type, whether it is a list, allowed
values, range, first and last version. ``scripts/jules_entries.py`` writes it from the Rose metadata of JULES 7.0 to 7.6 and, for later
versions, from the entries that upgrade macros add and remove.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import get_args

from jules_ml.experiment.jules import JulesVersion
from jules_ml.jules.rose import APP
from jules_ml.jules.run_folder import RunFolder

#: Versions in the table, in order.
VERSIONS: tuple[str, ...] = get_args(JulesVersion)
#: Last version whose types, values and ranges were read from its own metadata; later ones have the entries that were added since.
LAST_METADATA = "7.6"
#: Source of versions that the entries of the namelists leave.
BY_ENTRIES = "by the entries of its namelists"
_VERSION = re.compile(r"\d+\.\d+")
_META = re.compile(r"(?:.*/)?jules-standalone/vn(\d+\.\d+)(_t\d+)?/?")


@dataclass(frozen=True)
class Entry:
    """Entry of a namelist in a period of versions.

    Attributes
    ----------
    group, name : str
        In lower case.
    kind : str
        ``character``, ``integer``, ``logical``, ``real``, or empty if unknown.
    is_list : bool
        Whether it is an array.
    values : tuple of str
        Allowed values; empty if any is allowed.
    limits : str
        Allowed numbers in Rose's notation, such as ``0:1`` or ``-1,1:``; empty if any is allowed.
    first, last : str
        Versions.
    """

    group: str
    name: str
    kind: str
    is_list: bool
    values: tuple[str, ...]
    limits: str
    first: str
    last: str

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions that have the entry."""
        return VERSIONS[VERSIONS.index(self.first) : VERSIONS.index(self.last) + 1]


@dataclass(frozen=True)
class Versions:
    """Versions of JULES that a run may be for.

    Attributes
    ----------
    possible : tuple of str
        Consecutive versions; all of the table if the version is unknown.
    source : str
        How they are known, for messages; empty if the version is unknown.
    """

    possible: tuple[str, ...]
    source: str = ""

    def __str__(self) -> str:
        """Return the versions for messages."""
        if not self.source:
            return "an unknown version of JULES"
        ends = (self.possible[0], self.possible[-1])
        return f"JULES {ends[0] if ends[0] == ends[1] else ' to '.join(ends)} ({self.source})"

    @property
    def known(self) -> bool:
        """Whether some versions are excluded."""
        return bool(self.source)

    def since(self, version: str) -> bool:
        """Whether all versions are this one or later ones."""
        return self.known and VERSIONS.index(self.possible[0]) >= VERSIONS.index(version)

    def all_have(self, group: str, name: str) -> bool:
        """Whether all versions have an entry."""
        return {version for entry in periods(group, name) for version in entry.versions} >= set(self.possible)

    def entry(self, group: str, name: str) -> Entry | None:
        """Return the entry in the latest version that has it, or None if no version has it."""
        return next((e for e in reversed(periods(group, name)) if set(e.versions) & set(self.possible)), None)


@cache
def entry_table() -> Mapping[str, Mapping[str, tuple[Entry, ...]]]:
    """Return all entries by group and name."""
    groups: dict[str, dict[str, tuple[Entry, ...]]] = defaultdict(dict)
    with (files("jules_ml.jules") / "entries.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = tuple(value for value in row["values"].split("|") if value)
            entry = Entry(
                row["group"],
                row["entry"],
                row["type"],
                row["length"] == "list",
                values,
                row["range"],
                row["first"],
                row["last"],
            )
            of_group = groups[entry.group]
            of_group[entry.name] = (*of_group.get(entry.name, ()), entry)
    return groups


def periods(group: str, name: str) -> tuple[Entry, ...]:
    """Return the periods of an entry, in order; empty if no version has it."""
    return entry_table().get(group, {}).get(name, ())


def versions_of_run(run: RunFolder, given: str | None = None, *, executable: str | None = None) -> Versions:
    """Return the versions of JULES that a run may be for.

    The version that the experiment gives takes precedence over that of the executable, this over the ``meta`` of a Rose application, and
    this over the entries of the namelists, which exclude versions that lack one of them.

    Parameters
    ----------
    run : RunFolder
    given : str, optional
        ``[jules] version`` of the experiment.
    executable : str, optional
        Version that the stamp of the hooks in the executable names, or several, such as ``7.6 or 7.7``.

    Returns
    -------
    Versions
    """
    for text, source in ((given, "[jules] version"), (executable, "hooks of the executable")):
        named = named_versions(text)
        if named:
            return Versions(named, source)
    meta = rose_versions(run)
    if meta:
        return Versions(meta, f"meta in {APP}")
    possible = _versions_with((group, name) for _, group, entries in run.namelists.groups() for name in entries)
    if possible and len(possible) < len(VERSIONS):
        return Versions(possible, BY_ENTRIES)
    return Versions(VERSIONS)


def named_versions(text: str | None) -> tuple[str, ...]:
    """Return the versions in a text such as ``7.6 or 7.7``; empty if it names none."""
    return tuple(version for version in VERSIONS if version in _VERSION.findall(text or ""))


def rose_versions(run: RunFolder) -> tuple[str, ...]:
    """Return the versions by ``meta=`` of a Rose application; a tag between releases may be either of them."""
    match = None if run.rose is None else _META.fullmatch(run.rose.root.get("meta", "").strip())
    if match is None or match[1] not in VERSIONS:
        return ()
    first = VERSIONS.index(match[1])
    return VERSIONS[first : first + (2 if match[2] else 1)]


def _versions_with(names: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the versions that have all of the entries that some version has; empty if there is none."""
    possible = set(VERSIONS)
    for group, name in names:
        entries = periods(group, name)
        if entries:
            possible &= {version for entry in entries for version in entry.versions}
    return tuple(version for version in VERSIONS if version in possible)
