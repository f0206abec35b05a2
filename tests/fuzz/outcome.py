"""Outcome of reading a damaged file: what the reader made of it, compared with the values that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd
from fuzz.truth import Key, Read

from jules_ml.errors import BadInput

Class = Literal["right", "masked", "clear error", "warned", "unknowable", "silent", "traceback"]
CLASSES: Final[tuple[Class, ...]] = ("right", "masked", "clear error", "warned", "unknowable", "silent", "traceback")
_TOLERANCE: Final = 2e-5
#: How notes name a variable. An undamaged file has no notes.
_NOTES: Final = ("'{}'", "variable {},", "variable {}:")


@dataclass
class Expected:
    """What is known about a damaged file.

    Attributes
    ----------
    values : DataFrame
        True values by series, along the true time stamps.
    damaged : DataFrame of bool
        Values whose number in the file is wrong or lost; a reader may leave them out.
    unknowable : str
        Information that the file lacks, if no reader can notice the damage; empty otherwise.
    notes : tuple of str
        Texts of a note that names the damage, any of which is a warning where a reader takes the values; so is a note that names a
        damaged variable.
    """

    values: pd.DataFrame
    damaged: pd.DataFrame
    unknowable: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: pd.DataFrame) -> Expected:
        """Nothing is damaged."""
        return cls(values, pd.DataFrame(False, index=values.index, columns=values.columns))


@dataclass
class Result:
    """Class of a mutation, and what the reader said."""

    source: str
    fault: str
    seed: int
    found: Class
    text: str
    missing: str = ""

    @property
    def line(self) -> str:
        """Text that identifies the mutation and the answer."""
        return f"{self.found}: {self.source} | {self.fault} | seed {self.seed} | {self.text[:300]}"


@dataclass
class Results:
    """Outcomes of many mutations, as a table of kinds by class."""

    results: list[Result] = field(default_factory=list)

    def count(self, found: Class) -> int:
        """Number of mutations of a class."""
        return sum(result.found == found for result in self.results)

    def of(self, *found: Class) -> list[Result]:
        """Mutations of these classes."""
        return [result for result in self.results if result.found in found]

    def table(self, by: Literal["fault", "source"] = "fault") -> str:
        """Table of kinds of damage, or of sources, by class."""
        counts: dict[str, Counter[Class]] = {}
        for result in self.results:
            counts.setdefault(str(getattr(result, by)), Counter())[result.found] += 1
        width = max(map(len, [by, "total", *counts]), default=10)
        lines = [" ".join([f"{by:<{width}}", *(f"{name:>11}" for name in CLASSES)])]
        total: Counter[Class] = Counter()
        for name, of_name in sorted(counts.items()):
            lines.append(_line(name, of_name, width))
            total += of_name
        return "\n".join([*lines, _line("total", total, width)])

    def missing(self) -> str:
        """Kinds of unknowable damage, each with the information that the file lacks."""
        kinds = Counter((result.fault, result.missing) for result in self.of("unknowable"))
        return "\n".join(f"{n:>5} {fault}: {lacks}" for (fault, lacks), n in sorted(kinds.items()))


def _line(name: str, counts: Mapping[Class, int], width: int) -> str:
    return " ".join([f"{name:<{width}}", *(f"{counts.get(found, 0):>11}" for found in CLASSES)])


def class_of(read: Read, expected: Expected) -> tuple[Class, str]:
    """Class of a record, and the first difference from what is known."""
    wrong, lost, masked = _differences(read, expected)
    if wrong:
        names = {key[0] for key in expected.damaged if expected.damaged[key].any()}
        texts = [form.format(name) for name in names for form in _NOTES]
        for note in read.notes:
            if any(text in note for text in (*expected.notes, *texts)):
                return "warned", note
        return ("unknowable" if expected.unknowable else "silent"), f"wrong values: {wrong}"
    if lost:
        return "silent", f"values that were right are missing: {lost}"
    return ("masked" if masked else "right"), "; ".join(read.notes)


def class_of_error(error: Exception, names: Iterable[str]) -> tuple[Class, str]:
    """Class of an exception: a clear error is a :class:`BadInput` that names the file and a remedy."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, BadInput):
        is_clear = error.where is not None and any(name in error.where for name in names) and bool(error.remedy.strip())
        return ("clear error" if is_clear else "traceback"), text
    return "traceback", text


def _differences(read: Read, expected: Expected) -> tuple[str, str, bool]:
    """First wrong value and first right value that is missing, and whether a damaged value is missing."""
    values, damaged = read.values, expected.damaged
    wrong, lost, masked = "", "", False
    for key in values.columns.difference(expected.values.columns):
        if values[key].notna().any():
            wrong = wrong or f"{key} is not in the file"
    outside = ~values.index.isin(expected.values.index)
    if outside.any() and values[outside].notna().any(axis=None):
        wrong = wrong or f"time {values.index[outside][0]} is not in the file"
    for key in expected.values.columns:
        of_key: Key = key
        there = values[key][~values.index.duplicated()] if key in values else pd.Series(np.nan, index=values.index)
        number = there.reindex(expected.values.index).to_numpy(dtype=np.float64)
        truth, bad = expected.values[key].to_numpy(dtype=np.float64), damaged[key].to_numpy()
        differs = np.isfinite(number) & ~np.isclose(number, truth, rtol=_TOLERANCE, atol=1e-9)
        absent = ~np.isfinite(number) & np.isfinite(truth)
        if differs.any():
            row = int(np.flatnonzero(differs)[0])
            at = f"{of_key[0]} at {expected.values.index[row]}"
            wrong = wrong or f"{at} is {number[row]:g}, not {truth[row]:g} ({int(differs.sum())} values)"
        uncounted = absent & ~bad
        if uncounted.any() and not read.counted.get(of_key[0], 0):
            row = int(np.flatnonzero(uncounted)[0])
            lost = lost or f"{of_key[0]} at {expected.values.index[row]} ({int(uncounted.sum())} values)"
        masked = masked or bool(absent.any())
    return wrong, lost, masked
