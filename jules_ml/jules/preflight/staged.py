"""What the checks of a staged run look at, and what they find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.typed_entries import has_type
from jules_ml.jules.versions import Versions

#: Groups of this package, which JULES does not read.
_OWN_PREFIX = "jules_ml"
_MISSING = object()


@dataclass(frozen=True)
class Finding:
    """Problem of a run.

    Attributes
    ----------
    where : str
        File, group and entry.
    problem, remedy : str
        In one sentence each, without a full stop.
    fatal : bool
        Whether JULES is not started.
    """

    where: str
    problem: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        """Return place, problem and remedy in one line."""
        return f"{self.where}: {self.problem}. Remedy: {self.remedy}"


@dataclass(frozen=True)
class SetEntry:
    """Entry of a namelist: file, group, occurrence of the group, name, value, and whether this package wrote it."""

    file: str
    group: str
    occurrence: int
    name: str
    value: Any
    written: bool


@dataclass(frozen=True, eq=False)
class StagedRun:
    """A staged run.

    Attributes
    ----------
    run : RunFolder
        With its edited namelists.
    before : NamelistFolder
        Namelists of the run before ``[jules.set]`` and the ways.
    versions : Versions
        Versions of JULES that the run may be for.
    experiment : Path
        Experiment file, for messages.
    set : dict
        ``[jules.set]``.
    branch_entries : frozenset of str
        Names of entries that only the executable of a branch has, in lower case.
    """

    run: RunFolder
    before: NamelistFolder
    versions: Versions
    experiment: Path
    set: dict[str, dict[str, Any]]
    branch_entries: frozenset[str] = frozenset()

    @cached_property
    def _read(self) -> tuple[tuple[str, str, dict[str, Any]], ...]:
        """File, name and entries of each group; parsing takes longer than all checks."""
        return tuple(self.run.namelists.groups())

    @cached_property
    def groups(self) -> dict[str, list[dict[str, Any]]]:
        """Entries of each group, by name and in the order of the files."""
        return _by_name(self._read)

    @cached_property
    def entries(self) -> tuple[SetEntry, ...]:
        """All entries of JULES's groups."""
        return tuple(self._entries())

    def _entries(self) -> Iterator[SetEntry]:
        before = _by_name(self.before.groups())
        counts: dict[str, int] = {}
        for file, group, entries in self._read:
            occurrence = counts.get(group, 0)
            counts[group] = occurrence + 1
            if group.startswith(_OWN_PREFIX):
                continue
            earlier = before.get(group, [])
            own = earlier[occurrence] if occurrence < len(earlier) else {}
            for name, value in entries.items():
                written = own.get(name, _MISSING) != value
                yield SetEntry(file, group, occurrence, name, value, written)

    def get(self, group: str, name: str, default: Any = None) -> Any:
        """Return an entry of the first group of a name, or the default if group or entry is missing, or of a type that JULES refuses."""
        value = next(iter(self.groups.get(group, [])), {}).get(name)
        return default if value is None or not has_type(value, default) else value

    def where(self, group: str, name: str = "", occurrence: int = 0) -> str:
        """Return the place of an entry: the experiment, or the file of the group in the original run folder or Rose application."""
        entry = f":{name}" if name else ""
        if name in self.set.get(group, {}):
            return f"{self.experiment}, jules.set, {group}{entry}"
        source = self.before.source(group, occurrence)
        if source is not None:
            return f"{source}, {name}" if name else source
        file = next((f for f, g, _ in self._read if g == group), "")
        return f"{self.before.where / file}, {group}{entry}"


def _by_name(read: Iterable[tuple[str, str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of each group, by name and in the order of the files."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for _, name, entries in read:
        groups.setdefault(name, []).append(entries)
    return groups
