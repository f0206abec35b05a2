"""Files of every reader in their published layouts, written from known values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from fuzz.truth import ELEVATION, LATITUDE, LONGITUDE, Column, Read, Table, counted_of, flat, table_of
from numpy.typing import NDArray

from jules_ml.data.notes import notes_of_record
from jules_ml.experiment import load_experiment

HALF_HOUR, HOUR, DAY = pd.Timedelta(minutes=30), pd.Timedelta(hours=1), pd.Timedelta(days=1)
Kind = Literal["text", "netcdf", "parquet"]


@dataclass
class Document:
    """A parsed text file: lines above the header, header, lines below it, and rows of cells."""

    above: list[str]
    header: list[str]
    below: list[list[str]]
    rows: list[list[str]]
    delimiter: str
    newline: str = "\n"

    def text(self) -> str:
        """Text of the file."""
        head = [self.delimiter.join(self.header)] if self.header else []
        rows = [self.delimiter.join(row) for row in (*self.below, *self.rows)]
        return "".join(line + self.newline for line in (*self.above, *head, *rows))


@dataclass(frozen=True)
class Source:
    """A kind of file of one reader, and how it is read.

    Attributes
    ----------
    name : str
        Name in the table of results.
    kind : {'text', 'netcdf', 'parquet'}
    file : str
        Name of the file.
    keys : str
        Keys of ``[data]`` beside ``path``, or of ``read``.
    columns : tuple of Column
    write_document, write_netcdf, write_frame : callable, optional
        Layout of the kind.
    read : callable
        Reads the file in a folder.
    first_cell : int
        Number of cells of a row before the columns.
    has_stamps : bool
        Whether rows have time stamps.
    is_model : bool
        Output of a model, which has no sensors.
    beside : tuple of Source
        Files of the same table that are written beside it, undamaged.
    flagged : str
        Variable whose values the files beside mark as not measured in the rows of :func:`is_flagged`.
    data : tuple of str, optional
        Files of ``path`` under ``[data]``; default: the file itself.
    """

    name: str
    kind: Kind
    file: str
    keys: str
    columns: tuple[Column, ...]
    step: pd.Timedelta
    n: int
    offset_hours: float = 0.0
    write_document: Callable[[Table, Source], Document] | None = None
    write_netcdf: Callable[[Table, Source], xr.Dataset] | None = None
    write_frame: Callable[[Table, Source], pd.DataFrame] | None = None
    read_file: Callable[[Path], Read] | None = None
    first_cell: int = 0
    has_stamps: bool = True
    is_model: bool = False
    beside: tuple[Source, ...] = ()
    flagged: str = ""
    data: tuple[str, ...] = ()

    def table(self, seed: int) -> tuple[Table, pd.DataFrame]:
        """Rows of the file, and the values that the reader must return."""
        rng = np.random.default_rng(seed)
        columns = (*self.columns, *(c for other in self.beside for c in other.columns if c not in self.columns))
        table, values = table_of(columns, n=self.n, step=self.step, offset_hours=self.offset_hours, rng=rng)
        if self.flagged:
            values.loc[is_flagged(self.n), [(self.flagged, 0.0)]] = np.nan
        return table, values

    def read(self, folder: Path, *, keys: str | None = None) -> Read:
        """Read the file as a command does, with every warning of Python as an error."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if self.read_file is not None:
                return self.read_file(folder / self.file)
            return _record(folder, self.data or (self.file,), self.keys if keys is None else keys)

    def local(self, table: Table) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
        """Start and end of each interval in local standard time."""
        end = table.ends + pd.Timedelta(hours=self.offset_hours)
        return end - self.step, end


def is_flagged(n: int) -> NDArray[np.bool_]:
    """Rows that a file of flags marks, of ``n``."""
    marked: NDArray[np.bool_] = np.arange(n) % 10 == 5
    return marked


def _record(folder: Path, files: tuple[str, ...], keys: str) -> Read:
    paths = ", ".join(f'"{file}"' for file in files)
    paths = f"[{paths}]" if len(files) > 1 else paths
    path = folder / "experiment.toml"
    path.write_text(
        f'[site]\nname = "XX-Abc"\nelevation = {ELEVATION}\n'
        f"latitude = {LATITUDE}\nlongitude = {LONGITUDE}\n[data]\npath = {paths}\n{keys}\n",
        encoding="utf-8",
    )
    ds = load_experiment(path).record()
    return Read(flat(ds), list(notes_of_record(ds)), counted_of(ds))


def texts(numbers: pd.DataFrame, columns: tuple[Column, ...], missing: str = "-9999") -> list[list[str]]:
    """Numbers as cells, with the decimals of each column."""
    cells = [
        [missing if np.isnan(x) else f"{x:.{c.decimals}f}" for x in numbers[c.name].to_numpy(dtype=np.float64)]
        for c in columns
    ]
    return [list(row) for row in zip(*cells, strict=True)]
