"""Files of every reader are read to the value, unit and stamp; a seeded part of the mutations has no silent error and no traceback.

``benchmarks/mutated_files.py`` runs all mutations.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import experiments, records
from fuzz.case import Fault, outcome, start
from fuzz.outcome import CLASSES, Results
from fuzz.sources import Source

from jules_ml.data.record_section import reader_names

#: Mutations of record files and of experiment files in this test.
N_RECORDS, N_EXPERIMENTS = 130, 90


def named(name: str) -> Source:
    return next(source for source in records.SOURCES if source.name == name)


def fault(name: str) -> Fault:
    return next(fault for fault in records.FAULTS if fault.name == name)


def test_every_reader_has_a_file() -> None:
    readers = {
        line.split('"')[1] for source in records.SOURCES for line in source.keys.splitlines() if "reader =" in line
    }
    assert readers == set(reader_names()) - {"toy"}


@pytest.mark.parametrize("source", records.SOURCES, ids=lambda source: source.name)
def test_an_undamaged_file_is_read_to_value_unit_and_stamp(source: Source) -> None:
    if source.name == "ISMN":
        pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")
    undamaged = Fault("none", "table", lambda case: True)
    result = outcome(source, undamaged, 0)
    assert result is not None
    assert result.found == "right"
    assert (
        ("read by reader" in result.text and ";" not in result.text)
        if source.name.endswith("auto")
        else not result.text
    )
    columns = {column for one in (source, *source.beside) for column in one.columns}
    assert len(start(source, 0).expected.values.columns) == len(columns)


def check(results: Results) -> None:
    print(results.table())
    print(results.missing())
    assert not results.of("silent", "traceback"), "\n".join(result.line for result in results.of("silent", "traceback"))


@pytest.mark.slow
def test_a_part_of_the_mutated_record_files() -> None:
    pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")
    check(records.mutations(list(records.plan(N_RECORDS, seed=1))))


@pytest.mark.slow
def test_a_part_of_the_mutated_experiment_files(tmp_path: Path) -> None:
    check(experiments.mutations(list(experiments.plan(N_EXPERIMENTS, seed=1)), tmp_path))


#: Faults that were silent or ended in a traceback, each with the class of the answer.
FAULTS_FIXED = [
    ("table", "time: another zone", ("warned",)),
    ("ASCII driving", "file: last line cut", ("right", "clear error")),
    ("TOA5", "header: units missing", ("clear error",)),
    ("ISMN", "cell: Fortran exponents", ("clear error",)),
    ("ISMN", "cell: decimal comma", ("clear error",)),
    ("ISMN", "time: years of two digits", ("clear error",)),
    ("LST, AppEEARS", "cell: decimal comma", ("clear error",)),
    ("LST, AppEEARS", "file: line of too few cells", ("clear error",)),
    ("LST, AppEEARS", "time: years of two digits", ("clear error",)),
    ("LST, AppEEARS", "time: one stamp in another year", ("clear error",)),
    ("SWI, CSV", "time: doubled row with other values", ("clear error",)),
    ("SWI, netCDF", "netCDF: packed", ("right",)),
    ("FLUXNET", "time: one stamp off the grid", ("clear error",)),
    ("COSORE", "time: one stamp off the grid", ("clear error",)),
    ("USCRN", "time: one stamp off the grid", ("clear error",)),
    ("JULES output", "time: one stamp off the grid", ("clear error",)),
    ("column output", "time: one stamp off the grid", ("clear error",)),
    ("column output", "time: doubled row with other values", ("clear error",)),
    ("NEON driving", "netCDF: unit of time wrong", ("clear error",)),
    ("OzFlux", "netCDF: unit of time wrong", ("clear error",)),
    ("OzFlux", "netCDF: times missing", ("clear error",)),
    ("USCRN", "value: divided by 100", ("clear error", "warned", "unknowable")),
    ("FLUXNET", "value: times 100", ("clear error", "masked", "warned")),
    ("REddyProc", "value: divided by 100", ("clear error", "warned", "unknowable")),
    ("REddyProc", "value: constant", ("masked", "clear error", "warned")),
]


@pytest.mark.parametrize(("source", "kind", "classes"), FAULTS_FIXED)
def test_faults_that_were_silent_are_answered(source: str, kind: str, classes: tuple[str, ...]) -> None:
    if source == "ISMN":
        pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")
    for seed in (2, 3):
        result = outcome(named(source), fault(kind), seed)
        assert result is None or result.found in classes, result.line


def test_the_table_counts_all_classes() -> None:
    results = records.mutations(
        [(named("SWI, CSV"), fault("file: empty"), 0), (named("SWI, CSV"), fault("cell: empty"), 0)]
    )
    last = results.table().splitlines()[-1].split()
    assert last == ["total", *(str(results.count(found)) for found in CLASSES)]
    assert sum(map(int, last[1:])) == 2
