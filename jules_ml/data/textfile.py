"""Reading of delimited text, with error messages that name file, line and column.

pandas parses the text. Truncated lines, duplicate columns and wrong delimiters, which pandas ignores silently, are detected first, so
that a damaged file of sensor records is never read as missing values.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
import zlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO, Final

import numpy as np
import pandas as pd

from jules_ml.data.problems import report
from jules_ml.errors import BadInput

#: Texts of missing numbers that pandas does not know: loggers of Campbell Scientific write them.
_NOT_A_NUMBER = ("NAN", "-NAN")
#: Form of time stamps of ISO 8601, such as 2020-06-01 00:30.
ISO_8601: Final = "ISO8601"
_UTC_OFFSET = re.compile(r"(?:[0-9]Z|:[0-9.]+ ?[+-][0-9]{2}:?[0-9]{2})$")
_DECIMAL_COMMA = re.compile("[-+]?[0-9]+,[0-9]+")
#: Delimiters to suggest if the expected one is not in the header.
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}


@contextmanager
def open_text(path: Path, *, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
    """Open a text file, gzipped if its name ends in ``.gz``, and turn read errors into :class:`BadInput`.

    Raises
    ------
    BadInput
        If there is no such file, it is empty, it is an archive, it is not text, or its compression is broken or truncated.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path")
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=path, remedy="download it again")
    with path.open("rb") as start:
        head = start.read(4)
        if head == b"\xd0\xcf\x11\xe0" or (head == b"PK\x03\x04" and path.suffix.lower() in (".xlsx", ".xlsm")):
            raise BadInput(
                "the file is an Excel workbook",
                where=path,
                remedy="save the sheet with the data as CSV, and give that file",
            )
        if head == b"PK\x03\x04":
            raise BadInput(
                "the file is a ZIP archive", where=path, remedy="unpack it, and give the text file of the site in it"
            )
    try:
        with gzip.open(path, "rt", encoding=encoding) if path.suffix == ".gz" else path.open(encoding=encoding) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(
            f"the gzip file is broken or truncated ({error})", where=path, remedy="download it again"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the file is not {encoding} text (byte {error.start})",
            where=path,
            remedy="give the encoding, or save the file as UTF-8 text",
        ) from error


def is_number(text: str) -> bool:
    """Whether a text is a number with a decimal point, NaN and infinity included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_lines(path: Path, count: int, *, encoding: str = "utf-8-sig") -> list[str]:
    """First ``count`` lines of a text file, without line ends; fewer if the file is shorter.

    For portals whose headers have several lines.
    """
    with open_text(path, encoding=encoding) as file:
        return [line.rstrip("\r\n") for line, _ in zip(file, range(count), strict=False)]


def read_header(path: Path, *, delimiter: str = ",", header_line: int = 1, encoding: str = "utf-8-sig") -> list[str]:
    """Column names of a delimited file.

    Parameters
    ----------
    path : Path
        Text file, or ``.gz``.
    delimiter : str
        One character.
    header_line : int
        Line of the column names, counted from 1.

    Raises
    ------
    BadInput
        If the file has no such line, it is not delimited by ``delimiter``, or a name is duplicate.
    """
    lines = read_lines(path, header_line, encoding=encoding)
    if len(lines) < header_line or not lines[-1].strip():
        raise BadInput(
            f"line {header_line}, which should contain the column names, is missing or blank",
            where=path,
            remedy="check that the file is complete and of the right kind",
        )
    names = [name.strip() for name in _split(lines[-1], delimiter)]
    place = f"{path}, line {header_line}"
    if len(names) == 1:
        others = {mark: len(_split(lines[-1], mark)) for mark in _DELIMITERS if mark != delimiter}
        best = max(others, key=lambda mark: others[mark])
        if others[best] > 1:
            raise BadInput(
                f"the header is not delimited by {_DELIMITERS.get(delimiter, repr(delimiter))}; "
                f"{_DELIMITERS[best]} would give {others[best]} columns",
                where=place,
                remedy=f"give the delimiter {best!r}, or save the file with {delimiter!r}",
            )
    duplicates = sorted({name for name in names if name and names.count(name) > 1})
    if duplicates:
        raise BadInput(f"duplicate column {duplicates[0]}", where=place, remedy="rename or delete one of the two")
    return names


def require_columns(present: Collection[str], wanted: Sequence[str], *, where: str | Path) -> None:
    """Raise an error if a column is missing.

    Raises
    ------
    BadInput
        If a column is missing; the error lists the missing columns and those of the file.
    """
    missing = [name for name in wanted if name not in present]
    if missing:
        shown = ", ".join(list(present)[:12]) + (", ..." if len(present) > 12 else "")
        raise BadInput(
            f"column {', '.join(missing)} is missing; the file has {shown}",
            where=where,
            remedy=_near_name(missing[0], present)
            + "correct the column's name, or check the delimiter and the kind of file",
        )


def _near_name(name: str, present: Collection[str]) -> str:
    """Suggest the column of the file that a misspelt name means; empty if none is near."""
    near = difflib.get_close_matches(name, list(present), n=1)
    return f"write '{near[0]}' if you meant that; otherwise " if near else ""


def read_csv_columns(
    path: Path,
    *,
    numbers: Sequence[str],
    texts: Sequence[str] = (),
    delimiter: str = ",",
    header_line: int = 1,
    first_data_line: int | None = None,
    missing: Sequence[float | str] = (),
    decimal: str = ".",
    encoding: str = "utf-8-sig",
) -> pd.DataFrame:
    """Read columns of a delimited text file, and check every line.

    Parameters
    ----------
    path : Path
        Text file, or ``.gz``.
    numbers : sequence of str
        Columns read as float64; an empty cell, ``NA`` or ``NaN`` is NaN.
    texts : sequence of str
        Columns read as text (time stamps, names); an empty cell is ``""``.
    delimiter : str
        One character.
    header_line : int
        Line that holds the column names, counted from 1.
    first_data_line : int, optional
        Line at which the data begin; the one after the header unless given.
    missing : sequence of float or str
        Numbers, or texts of whole cells, that stand for a missing value; they become NaN.
    decimal : str
        Decimal separator of the numbers, ``"."`` or ``","``.

    Returns
    -------
    DataFrame, shape (line, len(texts) + len(numbers))
        Its index is the line number in the file, so that a later check can name the line.

    Raises
    ------
    BadInput
        If the file is missing, empty, truncated or has no data; if a column is missing or duplicate; if a line has
        more or fewer cells than the header; if a cell that should hold a number does not; if the last line has no line end and its last
        cell may be truncated.
    """
    names = read_header(path, delimiter=delimiter, header_line=header_line, encoding=encoding)
    wanted = [*texts, *numbers]
    require_columns(names, wanted, where=f"{path}, line {header_line}")
    start = header_line + 1 if first_data_line is None else first_data_line
    lines, ended, is_whole = _data_lines(path, start=start, cells=len(names), delimiter=delimiter, encoding=encoding)
    if not lines:
        raise BadInput("the file has a header and no data", where=path, remedy="download it again")
    if not ended and names[-1] in wanted:
        _refuse_truncated_last_cell(
            path, start=start, name=names[-1], delimiter=delimiter, decimal=decimal, encoding=encoding
        )

    def parse(number_type: type) -> pd.DataFrame:
        with open_text(path, encoding=encoding) as file:
            # skiprows of pandas joins lines at a quotation mark that is not closed
            deque(islice(file, start - 1), maxlen=0)
            return pd.read_csv(
                file if is_whole else StringIO("".join(_only(file, start, lines))),
                sep=delimiter,
                header=None,
                names=names,
                usecols=wanted,
                dtype=dict.fromkeys(texts, str) | dict.fromkeys(numbers, number_type),
                na_values=[*_NOT_A_NUMBER, *(code for code in missing if isinstance(code, str))],
                decimal=decimal,
                skipinitialspace=True,
                skip_blank_lines=True,
                low_memory=False,
            )

    try:
        frame = parse(np.float64)
    except ValueError:
        frame = parse(str)
        n_bad = _report_unreadable_numbers(frame, numbers, lines=lines, path=path, decimal=decimal)
        if not n_bad:
            raise
    frame.index = pd.Index(lines, name="line")
    for name in texts:
        frame[name] = frame[name].fillna("").str.strip()
    for name in numbers:
        frame[name] = frame[name].mask(frame[name].isin([code for code in missing if not isinstance(code, str)]))
    return frame[wanted]


def read_times(texts: pd.Series, formats: str | Sequence[str], *, where: str | Path) -> pd.DatetimeIndex:
    """Time stamps from a text column of :func:`read_csv_columns`.

    Parameters
    ----------
    texts : Series of str
        Time stamps as text; an index called "line" contains the line numbers.
    formats : str or sequence of str
        ``strptime`` format or ``ISO8601``, or several, one of which must match all time stamps. With an offset the result is aware, in UTC.

    Raises
    ------
    BadInput
        If a time stamp matches no format; the error names the first such line.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    attempts = [_times_of(texts, form) for form in formats]
    best = min(attempts, key=lambda stamps: int(stamps.isna().sum()))
    bad = best.isna().to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        line = f"line {texts.index[row]}" if texts.index.name == "line" else f"row {row + 1}"
        more = f" ({int(bad.sum())} time stamps)" if bad.sum() > 1 else ""
        report(
            BadInput(
                f"'{texts.iloc[row]}' is not a time stamp of the form {' or '.join(formats)}{more}",
                where=f"{where}, {line}, column {texts.name}",
                remedy="correct or delete that line, or give the format of the file",
            )
        )
    return pd.DatetimeIndex(best)


def _times_of(texts: pd.Series, form: str) -> pd.Series:
    if form != ISO_8601:
        return pd.to_datetime(texts, format=form, errors="coerce", exact=True, utc="%z" in form)
    has_offset = bool(texts.str.contains(_UTC_OFFSET).any())
    return pd.to_datetime(texts, format=form, errors="coerce", utc=has_offset)


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _only(file: IO[str], start: int, lines: Collection[int]) -> Iterator[str]:
    """Lines of a file that has been read up to line ``start``, by their numbers."""
    chosen = set(lines)
    return (line for number, line in enumerate(file, start=start) if number in chosen)


def _data_lines(path: Path, *, start: int, cells: int, delimiter: str, encoding: str) -> tuple[list[int], bool, bool]:
    """Numbers of the data lines, whether the last has a line end, and whether these are all; other lines are reported."""
    lines: list[int] = []
    ended, is_whole = True, True
    with open_text(path, encoding=encoding) as file:
        for number, line in enumerate(file, start=1):
            if number < start or not line.strip():
                continue
            is_open = line.count('"') % 2 == 1
            n_cells = len(_split(line, delimiter)) if '"' in line else line.count(delimiter) + 1
            if is_open or n_cells != cells:
                report(_wrong_line(path, number, n_cells, cells, is_open=is_open))
                is_whole = False
                continue
            lines.append(number)
            ended = line.endswith("\n")
    return lines, ended, is_whole


def _wrong_line(path: Path, number: int, n_cells: int, cells: int, *, is_open: bool) -> BadInput:
    where = f"{path}, line {number}"
    if is_open:
        return BadInput("a quotation mark is not closed", where=where, remedy="delete it, or close it in the same line")
    return BadInput(
        f"the line has {n_cells} cells and the header {cells}",
        where=where,
        remedy="if it is the last line, the file is truncated: download it again; otherwise correct it",
    )


def _refuse_truncated_last_cell(
    path: Path, *, start: int, name: str, delimiter: str, decimal: str, encoding: str
) -> None:
    """Raise an error for a last line without line end whose last cell may be truncated."""
    with open_text(path, encoding=encoding) as file:
        lines = [line for number, line in enumerate(file, start=1) if number >= start and line.strip()]
    cells = [_split(line.rstrip("\n"), delimiter)[-1] for line in lines]
    refuse_truncated_cell(cells, name=name, decimal=decimal, path=path)


def refuse_truncated_cell(cells: Sequence[str], *, name: str, decimal: str, path: Path) -> None:
    """Raise an error for the last cell of a file without a last line end, if it may be truncated.

    Parameters
    ----------
    cells : sequence of str
        Last cell of each row.
    name : str
        Their column.
    decimal : str
        Decimal separator.
    path : Path
        File, for the error message.

    Raises
    ------
    BadInput
        Unless the last cell is as long, or has as many decimals, as all others.
    """
    *others, last = cells
    decimals = {len(cell.partition(decimal)[2]) for cell in others}
    as_many_decimals = decimals == {len(last.partition(decimal)[2])} and decimals != {0}
    if last and len(last) < max(map(len, others), default=0) and not as_many_decimals:
        report(
            BadInput(
                f"the last line has no line end, so its last cell '{last}' may be truncated",
                where=f"{path}, column {name}",
                remedy="download the file again; if it is complete, add a line end to its last line",
            )
        )


def _report_unreadable_numbers(
    frame: pd.DataFrame, numbers: Sequence[str], *, lines: list[int], path: Path, decimal: str
) -> int:
    """Report the first cell of each column that is not a number, and replace the columns by their numbers; return the number of cells."""
    n_bad = 0
    for name in numbers:
        cells = frame[name].str.replace(decimal, ".", regex=False) if decimal != "." else frame[name]
        bad = (pd.to_numeric(cells, errors="coerce").isna() & cells.notna()).to_numpy()
        if decimal != ".":
            bad = bad | frame[name].str.contains(".", regex=False, na=False).to_numpy()
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            cell = str(frame[name].iloc[row])
            separator = {".": "a point", ",": "a comma"}[decimal]
            remedy = (
                f"the decimal separator is {separator}; read a file with decimal commas by reader 'table' with decimal = \",\""
                if decimal == "." and _DECIMAL_COMMA.fullmatch(cell)
                else f"correct the cell (the decimal separator is {separator}); if the value is missing, leave the cell empty or list "
                "its text in 'missing' of reader 'table'"
            )
            more = f" ({int(bad.sum())} cells)" if bad.sum() > 1 else ""
            place = f"{path}, line {lines[row]}, column {name}"
            report(BadInput(f"'{cell}' is not a number{more}", where=place, remedy=remedy))
        n_bad += int(bad.sum())
        frame[name] = pd.to_numeric(cells, errors="coerce").mask(bad)
    return n_bad
