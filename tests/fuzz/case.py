"""A file and its damage, from the table of known values to the bytes that are read."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from fuzz.outcome import Expected, Result, class_of, class_of_error
from fuzz.sources import Document, Source
from fuzz.truth import Column, Table

Stage = Literal["table", "text", "bytes", "netcdf"]


@dataclass
class Case:
    """A file that is being damaged.

    ``table``, ``document``, ``content`` and ``dataset`` are the file at each stage: rows of numbers, parsed text, bytes, and netCDF
    variables with their encoding. ``beside`` is the undamaged table of the other files.
    """

    source: Source
    table: Table
    expected: Expected
    rng: random.Random
    document: Document | None = None
    content: bytes | None = None
    dataset: xr.Dataset | None = None
    encoding: dict[str, dict[str, object]] = field(default_factory=dict)
    keys: str | None = None
    beside: Table | None = None
    is_folder: bool = False

    def column(self, *variables: str) -> Column:
        """Choose a column, of these variables if given and there is one."""
        columns = (
            [c for c in self.source.columns if c.variable in variables] if variables else list(self.source.columns)
        )
        return self.rng.choice(columns or list(self.source.columns))

    def numbers(self, column: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Numbers of a column in the file."""
        return np.array(self.table.numbers[column.name], dtype=np.float64)

    def damage(self, column: Column, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bool:
        """Replace the numbers of a column; those that differ are damaged. Return whether any does."""
        old = self.numbers(column)
        written = np.round(numbers, max(column.decimals, 6))
        changed = ~np.isclose(old, written, rtol=1e-9, atol=0.1 * 10.0**-column.decimals)
        self.table.numbers[column.name] = np.where(changed, written, old)
        self.expected.damaged.loc[changed, [column.key]] = True
        return bool(changed.any())

    def lose(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        """Mark the rows as damaged in every series."""
        self.expected.damaged.loc[rows, :] = True

    def cell(self, column: Column) -> int:
        """Position of the cells of a column in the rows of the document."""
        assert self.document is not None
        names = [name.strip('"') for name in self.document.header]
        return names.index(column.name) if names else self.source.first_cell + self.source.columns.index(column)

    def write(self, folder: Path) -> None:
        """Write the file."""
        path = folder / self.source.file
        for other in self.source.beside:
            assert other.write_document is not None
            assert self.beside is not None
            (folder / other.file).write_text(other.write_document(self.beside, other).text(), encoding="utf-8")
        if self.is_folder:
            path.mkdir()
        elif self.content is not None:
            path.write_bytes(self.content)
        elif self.dataset is not None:
            self.dataset.to_netcdf(path, encoding=self.encoding)
        elif self.source.write_frame is not None:
            self.source.write_frame(self.table, self.source).to_parquet(path)


@dataclass(frozen=True)
class Fault:
    """A kind of damage after what happens to real files.

    ``apply`` damages a case at its stage, and returns False if the damage does not apply to the file.
    """

    name: str
    stage: Stage
    apply: Callable[[Case], bool]


def start(source: Source, seed: int) -> Case:
    """The undamaged file."""
    table, values = source.table(seed)
    return Case(source, table, Expected.of(values), random.Random(seed), beside=table.copy())


def _next_stage(case: Case, stage: Stage) -> bool:
    """Bring the case to a stage; False if the kind of file has no such stage."""
    source = case.source
    if stage == "table":
        return True
    if source.write_document is not None:
        case.document = source.write_document(case.table, source)
        if stage == "bytes":
            case.content = case.document.text().encode()
        return stage in ("text", "bytes")
    if source.write_netcdf is not None:
        case.dataset = source.write_netcdf(case.table, source)
        case.encoding = {str(name): {"_FillValue": None} for name in case.dataset.variables}
    if stage == "netcdf":
        return case.dataset is not None
    if stage == "bytes":
        with tempfile.TemporaryDirectory() as name:
            case.write(Path(name))
            case.content = (Path(name) / source.file).read_bytes()
        return True
    return False


def finished(case: Case) -> None:
    """Bring the case to the stage that is written."""
    source = case.source
    if case.content is not None or case.dataset is not None or case.is_folder:
        return
    if source.write_netcdf is not None:
        _next_stage(case, "netcdf")
    elif source.write_document is not None:
        case.document = case.document or source.write_document(case.table, source)
        case.content = case.document.text().encode()


def outcome(source: Source, fault: Fault, seed: int) -> Result | None:
    """Damage a file, read it and classify what the reader makes of it; None if the damage does not apply."""
    case = start(source, seed)
    if not _next_stage(case, fault.stage) or not fault.apply(case):
        return None
    finished(case)
    names = [source.file, "experiment.toml", *source.data, *(other.file for other in source.beside)]
    keys = case.keys if case.keys is not None else source.keys
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder))
        try:
            read = source.read(Path(folder), keys=keys)
        except Exception as error:  # the kind of exception is what is measured
            found, text = class_of_error(error, names)
        else:
            found, text = class_of(read, case.expected)
    lacks = case.expected.unknowable if found == "unknowable" else ""
    return Result(source.name, fault.name, seed, found, text, lacks)
