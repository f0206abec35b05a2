"""Mutations of record files: every kind of damage on every kind of file that it applies to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from fuzz import (
    binary_sources,
    byte_faults,
    joined_sources,
    netcdf_faults,
    text_faults,
    text_sources,
    time_faults,
    value_faults,
)
from fuzz.case import Fault, outcome
from fuzz.outcome import Results
from fuzz.sources import Source

SOURCES: Final[tuple[Source, ...]] = (*text_sources.SOURCES, *binary_sources.SOURCES, *joined_sources.SOURCES)
FAULTS: Final[tuple[Fault, ...]] = (
    *value_faults.FAULTS,
    *time_faults.FAULTS,
    *text_faults.FAULTS,
    *byte_faults.FAULTS,
    *netcdf_faults.FAULTS,
)


def plan(n: int, *, seed: int = 0) -> Iterator[tuple[Source, Fault, int]]:
    """Pairs of file and damage in random order, each with a seed: all pairs once, then all again, until ``n`` times."""
    rng = random.Random(seed)
    pairs = [(source, fault) for source in SOURCES for fault in FAULTS if applies(source, fault)]
    count = 0
    while True:
        rng.shuffle(pairs)
        for source, fault in pairs:
            yield source, fault, rng.randrange(1_000_000)
            count += 1
            if count >= n:
                return


def applies(source: Source, fault: Fault) -> bool:
    """Whether the kind of file has the stage of the damage."""
    stages = {"text": ("table", "text", "bytes"), "netcdf": ("table", "bytes", "netcdf"), "parquet": ("table", "bytes")}
    return fault.stage in stages[source.kind]


def mutations(pairs: Sequence[tuple[Source, Fault, int]]) -> Results:
    """Classify mutations; those that do not apply to the file are left out."""
    results = Results()
    for source, fault, seed in pairs:
        result = outcome(source, fault, seed)
        if result is not None:
            results.results.append(result)
    return results
