"""Guess of the form of a delimited text file: encoding, delimiter, header, row of units, decimal comma."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

import pandas as pd

from jules_ml.data.textfile import open_text
from jules_ml.errors import BadInput

_DELIMITERS = (",", ";", "\t", "|", " ")
_N_LINES = 80
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class TableLayout:
    """Form of a delimited text file; lines are counted from 1.

    Attributes
    ----------
    names, units : tuple of str
        Names of the columns, and their units, empty where the file has no row of units.
    """

    encoding: str
    delimiter: str
    decimal: str
    header_line: int
    first_data_line: int
    names: tuple[str, ...]
    units: tuple[str, ...]


def guess_layout(path: Path) -> TableLayout | None:
    """Guess the form of a text file from its first lines; None if it is no delimited table with a header."""
    encoding = _encoding(path)
    if encoding is None:
        return None
    with open_text(path, encoding=encoding) as file:
        lines = [line.rstrip("\r\n") for line in islice(file, _N_LINES)]
    best: tuple[float, TableLayout] | None = None
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines]
        counts = Counter(len(row) for row in rows if len(row) > 1)
        if not counts:
            continue
        width, n = counts.most_common(1)[0]
        layout = _layout(rows, width, delimiter, encoding)
        score = n * width if delimiter != " " else 0.5 * n
        if layout is not None and (best is None or score > best[0]):
            best = (score, layout)
    return None if best is None else best[1]


def read_texts(path: Path, layout: TableLayout) -> pd.DataFrame:
    """Read all cells as text, by columns; lines of another number of cells are left out. The index is the line number."""
    with open_text(path, encoding=layout.encoding) as file:
        numbered = [
            (number, line)
            for number, line in enumerate(file, start=1)
            if number >= layout.first_data_line
            and line.strip()
            and line.count('"') % 2 == 0
            and (line.count(layout.delimiter) == len(layout.names) - 1 or '"' in line)
        ]
    frame = pd.read_csv(
        StringIO("".join(line for _, line in numbered)),
        sep=layout.delimiter,
        header=None,
        names=list(layout.names),
        dtype=str,
        keep_default_na=False,
        skipinitialspace=True,
        on_bad_lines="skip",
        quoting=csv.QUOTE_MINIMAL,
    )
    if len(frame) == len(numbered):
        frame.index = pd.Index([number for number, _ in numbered], name="line")
    return frame.fillna("").apply(lambda column: column.str.strip())


def as_numbers(texts: pd.Series, decimal: str) -> pd.Series:
    """Return cells as numbers, NaN where they are none."""
    numbers: pd.Series = pd.to_numeric(
        texts.str.replace(decimal, ".", regex=False) if decimal != "." else texts, errors="coerce"
    )
    return numbers.astype(float)


def _layout(rows: Sequence[Sequence[str]], width: int, delimiter: str, encoding: str) -> TableLayout | None:
    header = next((k for k, row in enumerate(rows) if len(row) == width), None)
    if header is None or _fraction_of_numbers(rows[header]) > 0.3 or len(rows) < header + 2:
        return None
    first = next((k for k in range(header + 1, len(rows)) if _is_data(rows[k], width)), None)
    if first is None:
        return None
    unit_row = rows[header + 1] if first > header + 1 and len(rows[header + 1]) == width else [""] * width
    cells = [cell for row in rows[first:] for cell in row]
    commas = sum(_COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    points = sum(_NUMBER.fullmatch(cell) is not None and "." in cell for cell in cells)
    return TableLayout(
        encoding=encoding,
        delimiter=delimiter,
        decimal="," if commas > points else ".",
        header_line=header + 1,
        first_data_line=first + 1,
        names=tuple(name.strip() for name in rows[header]),
        units=tuple(unit.strip() for unit in unit_row),
    )


def _is_data(row: Sequence[str], width: int) -> bool:
    """Whether a row has numbers: a row of units has none, or only the figure of a dimensionless quantity."""
    return len(row) == width and _fraction_of_numbers(row) >= min(0.3, 1.0 / width)


def _fraction_of_numbers(row: Sequence[str]) -> float:
    texts = [cell for cell in row if cell.strip()]
    numbers = [
        cell for cell in texts if (_NUMBER.fullmatch(cell) or _COMMA_NUMBER.fullmatch(cell)) and cell not in ("1", "-1")
    ]
    return len(numbers) / max(len(texts), 1)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []


def _encoding(path: Path) -> str | None:
    """Encoding of a text file; None if it is no text."""
    with path.open("rb") as start:
        if start.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):  # "Unicode text" of Excel
            return "utf-16"
    for encoding in ("utf-8-sig", "latin-1"):
        try:
            with open_text(path, encoding=encoding) as file:
                text = file.read(1_000_000)
        except BadInput as error:
            if "text (byte" in error.problem:
                continue
            raise
        return None if "\0" in text else encoding
    return None
