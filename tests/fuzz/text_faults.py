"""Faults of text files: cells, dates as text, columns, header, lines, encodings and bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fuzz.case import Case, Fault
from fuzz.sources import Document
from fuzz.truth import Column

_DATE: Final = re.compile(r"(20\d\d)([-/])(\d\d)\2(\d\d)")
_EUROPEAN: Final = re.compile(r"(\d\d)([./])(\d\d)\2(20\d\d)")
_COMPACT: Final = re.compile(r"(20\d\d)(\d\d)(\d\d)(\d{4})")


def _document(case: Case) -> Document:
    assert case.document is not None
    return case.document


def _edit(
    case: Case, change: Callable[[str], str], *, rows: int = 3, column: Column | None = None, damages: bool = True
) -> bool:
    """Change cells of a column as text; ``rows`` of 0: all."""
    document = _document(case)
    column = column or case.column()
    position = case.cell(column)
    chosen = case.rng.sample(range(3, len(document.rows) - 3), rows) if rows else range(len(document.rows))
    changed = False
    for row in chosen:
        old = document.rows[row][position]
        new = change(old)
        changed = changed or new != old
        document.rows[row][position] = new
        if damages:
            case.expected.damaged.loc[case.expected.damaged.index[row], [column.key]] = True
    return changed


def _put(*texts: str) -> Callable[[Case], bool]:
    def apply(case: Case) -> bool:
        text = case.rng.choice(texts)
        return _edit(case, lambda _old: text, rows=case.rng.choice((1, 4)))

    return apply


def _same_value(change: Callable[[str], str], *, rows: int = 0) -> Callable[[Case], bool]:
    def apply(case: Case) -> bool:
        return _edit(case, change, rows=rows, damages=False)

    return apply


def _comma(text: str) -> str:
    return text.replace(".", ",") if "." in text else text.replace(",", ".")


def _thousands(text: str) -> str:
    whole, point, rest = text.partition("." if "," not in text else ",")
    return f"{whole[:1]}{',' if point != ',' else '.'}{whole[1:]}{point}{rest}" if len(whole.lstrip("-")) > 3 else text


def _exponent(text: str) -> str:
    return f"{float(text):.9E}" if "," not in text else text


def _fortran_exponent(text: str) -> str:
    return f"{float(text):.9E}".replace("E", "D") if "," not in text else text


def _thousands_separators(case: Case) -> bool:
    columns = [c for c in case.source.columns if c.variable in ("pstar", "sw_down", "lst") and c.factor <= 1.0]
    return bool(columns) and _edit(case, _thousands, rows=0, column=case.rng.choice(columns), damages=False)


def _digit_lost(case: Case) -> bool:
    """The decimal point is lost."""
    return _edit(
        case,
        lambda text: re.sub("[.,]", "", text),
        column=case.column("t_air", "theta", "relative_humidity", "pstar", "t_soil"),
    )


def _stamp_cells(case: Case, change: Callable[[str], str]) -> bool:
    document = _document(case)
    rows = [[*map(change, row[: case.source.first_cell]), *row[case.source.first_cell :]] for row in document.rows]
    changed = rows != document.rows
    document.rows = rows
    return changed


def _day_first(text: str) -> str:
    return _DATE.sub(r"\4/\3/\1", _EUROPEAN.sub(r"\3\2\1\2\4", text) if _EUROPEAN.search(text) else text)


def _two_digits(text: str) -> str:
    text = _EUROPEAN.sub(lambda m: f"{m[1]}{m[2]}{m[3]}{m[2]}{m[4][2:]}", text)
    text = _COMPACT.sub(lambda m: f"{m[1][2:]}{m[2]}{m[3]}{m[4]}", text)
    return _DATE.sub(lambda m: f"{m[1][2:]}{m[2]}{m[3]}{m[2]}{m[4]}", text)


def _impossible_day(text: str) -> str:
    return (
        text.replace("2020-02-29", "2020-02-30")
        .replace("2020/02/29", "2020/02/30")
        .replace("20200229", "20200230")
        .replace("29/02/2020", "30/02/2020")
        .replace("29.02.2020", "30.02.2020")
    )


def _midnight(case: Case) -> bool:
    """Midnight is written as 24:00 of the day before."""
    document = _document(case)
    rows, changed = [list(row) for row in document.rows], False
    for i, row in enumerate(document.rows[1:], start=1):
        for j in range(case.source.first_cell):
            token = next((t for t in ("00:00:00", "00:00") if row[j].strip('"').endswith(t)), None)
            if token is None or (
                len(row[j].strip('"')) > len(token) and row[j].strip('"')[-len(token) - 1] not in " T"
            ):
                continue
            before = document.rows[i - 1]
            if len(row[j].strip('"')) > len(token):
                quote = '"' if row[j].endswith('"') else ""
                rows[i][j] = before[j].strip('"')[: -len(token)].join((quote, "24" + token[2:] + quote))
            else:
                rows[i][:j], rows[i][j] = before[:j], "24" + token[2:]
            changed = True
    document.rows = rows
    return changed


def _column_removed(case: Case) -> bool:
    document, column = _document(case), case.column()
    position = case.cell(column)
    for row in (document.header, *document.below, *document.rows):
        if row:
            del row[position]
    case.expected.damaged[[column.key]] = True
    return True


def _column_renamed(case: Case) -> bool:
    document, column = _document(case), case.column()
    if not document.header:
        return False
    document.header[case.cell(column)] = case.rng.choice(
        ("X1", column.name + "_old", column.name.lower() + " ", "Unnamed: 3", "")
    )
    case.expected.damaged[[column.key]] = True
    return True


def _names_exchanged(case: Case) -> bool:
    document = _document(case)
    if not document.header or len(case.source.columns) < 2:
        return False
    first, second = case.rng.sample(list(case.source.columns), 2)
    i, j = case.cell(first), case.cell(second)
    document.header[i], document.header[j] = document.header[j], document.header[i]
    case.expected.damaged[[first.key, second.key]] = True
    if first.unit == second.unit and (first.factor, first.offset) == (second.factor, second.offset):
        case.expected.unknowable = (
            f"which column is which: {first.variable} and {second.variable} have the same unit and possible values"
        )
    return True


def _columns_moved(case: Case) -> bool:
    """Whole columns are in another order, with their names: nothing is wrong."""
    document = _document(case)
    if not document.header:
        return False
    first = case.source.first_cell
    order = [*range(first), *case.rng.sample(range(first, len(document.header)), len(document.header) - first)]
    for row in (document.header, *document.below, *document.rows):
        row[:] = [row[i] for i in order]
    if document.above and case.source.name == "TOA5":
        return True
    return True


def _column_doubled(case: Case) -> bool:
    document = _document(case)
    position = case.cell(case.column())
    for row in (document.header, *document.below, *document.rows):
        if row:
            row.insert(position, row[position])
    return True


def _index_column(case: Case) -> bool:
    """A first column without a name, as pandas writes its index."""
    document = _document(case)
    if not document.header:
        return False
    for row in (document.header, *document.below):
        row.insert(0, "")
    for i, row in enumerate(document.rows):
        row.insert(0, str(i))
    return True


def _without_header(case: Case) -> bool:
    document = _document(case)
    if not document.header:
        return False
    document.header = []
    return True


def _without_above(case: Case) -> bool:
    document = _document(case)
    has = bool(document.above)
    document.above = []
    return has


def _without_units(case: Case) -> bool:
    document = _document(case)
    has = bool(document.below)
    document.below = document.below[:-1]
    return has


def _wrong_units(case: Case) -> bool:
    """The row of units states another unit of the same dimension."""
    document, column = _document(case), case.column("t_air", "t_soil", "vpd", "pstar", "theta", "relative_humidity")
    row = next((row for row in document.below if any(_unit_of(column) in cell for cell in row)), None)
    if row is None:
        return False
    others = {
        "t_air": "K degC",
        "t_soil": "K degC",
        "vpd": "kPa hPa",
        "pstar": "kPa hPa",
        "theta": "%",
        "relative_humidity": "1",
    }
    other = case.rng.choice(others.get(column.variable, "furlong").split())
    if other == column.unit:
        return False
    position = case.cell(column)
    row[position] = row[position].replace(_unit_of(column), other)
    case.expected.damaged[[column.key]] = True
    return True


def _unit_of(column: Column) -> str:
    return column.unit


def _joined_by(delimiter: str) -> Callable[[Case], bool]:
    def apply(case: Case) -> bool:
        document = _document(case)
        if document.delimiter == delimiter:
            return False
        document.delimiter = delimiter
        return True

    return apply


FAULTS: Final = (
    Fault(
        "cell: text for a missing number",
        "text",
        _put("NaN", "NA", "nan", "null", "N/A", "#N/A", "NULL", "None", "<NA>"),
    ),
    Fault(
        "cell: other text",
        "text",
        _put("-", "--", "missing", "#VALUE!", "#DIV/0!", "x", "?", "1;2", "1 2", "0x10", "²", "..", "1.2.3"),
    ),
    Fault("cell: infinite", "text", _put("Inf", "-inf", "1e400", "Infinity", "1.#INF")),
    Fault("cell: -9999.00", "text", _put("-9999.00", "-9999.000", "-9.999E+03", "-9999.", " -9999")),
    Fault("cell: empty", "text", _put("", " ", '""')),
    Fault("cell: decimal comma", "text", _same_value(_comma, rows=2)),
    Fault("cell: decimal commas in a column", "text", _same_value(_comma)),
    Fault("cell: thousands separators", "text", _thousands_separators),
    Fault("cell: exponents", "text", _same_value(_exponent)),
    Fault("cell: Fortran exponents", "text", _same_value(_fortran_exponent)),
    Fault("cell: quotes", "text", _same_value(lambda text: f'"{text}"')),
    Fault("cell: padded with blanks", "text", _same_value(lambda text: f"  {text} ")),
    Fault("cell: plus signs", "text", _same_value(lambda text: text if text.startswith("-") else f"+{text}")),
    Fault("cell: typographic minus", "text", _same_value(lambda text: text.replace("-", "−"))),
    Fault("cell: decimal point lost", "text", _digit_lost),
    Fault("time: days first", "text", lambda case: _stamp_cells(case, _day_first)),
    Fault("time: years of two digits", "text", lambda case: _stamp_cells(case, _two_digits)),
    Fault("time: 30 February", "text", lambda case: _stamp_cells(case, _impossible_day)),
    Fault("time: 24:00", "text", _midnight),
    Fault(
        "time: zone in the text", "text", lambda case: _stamp_cells(case, lambda t: f"{t}Z" if _DATE.search(t) else t)
    ),
    Fault("time: T between date and hour", "text", lambda case: _stamp_cells(case, lambda t: t.replace(" ", "T"))),
    Fault(
        "time: empty stamps", "text", lambda case: _stamp_cells(case, lambda t: "" if case.rng.random() < 0.02 else t)
    ),
    Fault("column: removed", "text", _column_removed),
    Fault("column: renamed", "text", _column_renamed),
    Fault("column: names exchanged", "text", _names_exchanged),
    Fault("column: in another order", "text", _columns_moved),
    Fault("column: doubled", "text", _column_doubled),
    Fault("column: index of pandas", "text", _index_column),
    Fault("header: missing", "text", _without_header),
    Fault("header: lines above missing", "text", _without_above),
    Fault("header: units missing", "text", _without_units),
    Fault("header: another unit", "text", _wrong_units),
    Fault("text: semicolons", "text", _joined_by(";")),
    Fault("text: commas", "text", _joined_by(",")),
    Fault("text: tabs", "text", _joined_by("\t")),
)
