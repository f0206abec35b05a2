"""All entries of a namelist folder as compiled Fortran reads them, beside those that are read here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from helpers.fortran_reader import DeclaredGroup, compile_reader, read_by_fortran
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.versions import periods

#: Length of arrays, beyond any in the folders.
_LENGTH = 60
_KINDS: dict[type, str] = {bool: "logical", int: "integer", float: "real", str: "character"}


def compare_folder(folder: Path, build: Path) -> tuple[int, list[str]]:
    """Compare all values of a folder.

    Types and shapes are those of JULES's metadata, and for entries that are not in them those of the values.

    Returns
    -------
    int
        Number of values that are equal.
    list of str
        Differences.
    """
    namelists = NamelistFolder.read(folder)
    read = list(namelists.groups())
    variables: dict[str, dict[str, tuple[str, int]]] = {}
    for _, group, entries in read:
        declared = variables.setdefault(group, {})
        declared |= {name: _declared(group, name, value) for name, value in entries.items() if name not in declared}
    # Fortran has no group without variables
    groups = {n: DeclaredGroup.of(declared or {"unused_": ("integer", 0)}) for n, declared in variables.items()}
    reader = compile_reader(build, groups)
    equal, differences = 0, []
    for file in namelists.files:
        for group in dict.fromkeys(name for f, name, _ in read if f == file):
            here = _by_element([entries for f, name, entries in read if (f, name) == (file, group)])
            fortran = read_by_fortran(reader, groups, group, folder / file)
            if isinstance(fortran, str):
                differences.append(f"{file}, {group}: {fortran}")
                continue
            there = {key[1:]: value for key, value in fortran.items()}
            for key in sorted(here.keys() | there.keys()):
                if same(here.get(key), there.get(key)):
                    equal += 1
                else:
                    differences.append(f"{file}, {group}, {key}: {here.get(key)!r}, Fortran {there.get(key)!r}")
    return equal, differences


def _declared(group: str, name: str, value: Any) -> tuple[str, int]:
    facts = periods(group, name)
    if facts and facts[-1].kind:
        return facts[-1].kind, _LENGTH if facts[-1].is_list else 0
    values = [each for each in (value if isinstance(value, list) else [value]) if each is not None]
    return _KINDS[type(values[0])] if values else "character", _LENGTH if isinstance(value, list) else 0


def _by_element(occurrences: list[dict[str, Any]]) -> dict[tuple[int, str, int], Any]:
    """Return the values by occurrence of the group, name and index."""
    return {
        (occurrence, name, k): each
        for occurrence, entries in enumerate(occurrences, start=1)
        for name, value in entries.items()
        for k, each in enumerate(value if isinstance(value, list) else [value], start=1)
        if each is not None
    }


def same(here: Any, there: Any) -> bool:
    """Whether two values are of the same kind and equal; numbers to the precision of 64 bits."""
    if here is None or there is None or isinstance(here, str | bool) or isinstance(there, str | bool):
        return type(here) is type(there) and bool(here == there)
    return math.isclose(here, there, rel_tol=1e-14, abs_tol=0.0) or (math.isnan(here) and math.isnan(there))
