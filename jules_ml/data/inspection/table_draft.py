"""Drafted section ``[data]`` of reader ``table``, for a CSV or Parquet file that no other reader recognises."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.inspection.column_names import ColumnGuess, guess_column, split_unit
from jules_ml.data.inspection.draft import Draft
from jules_ml.data.inspection.table_layout import as_numbers, guess_layout, read_texts
from jules_ml.data.inspection.table_site import draft_place, refuse_excel_dates
from jules_ml.data.inspection.table_times import TimeGuess, guess_times, interval_text
from jules_ml.data.missing_codes import isolated_codes
from jules_ml.data.parquetfile import parquet_columns, read_parquet
from jules_ml.errors import BadInput

#: Texts that pandas reads as missing values without being told.
_READ_AS_MISSING: Final = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
        "NAN",
        "-NAN",
    ]
)
#: Least fraction of cells that are numbers in a column of numbers.
_LEAST_NUMBERS: Final = 0.5
_HOUR: Final = pd.Timedelta(hours=1)


def draft_table(path: Path, *, site: str | None, utc_offset_hours: float | None) -> Draft:
    """Draft the section of a table.

    Parameters
    ----------
    path : Path
        Delimited text or Parquet.
    site : str or None
        Site code, if the user gives it.
    utc_offset_hours : float or None
        Local standard time minus UTC [h], if the user gives it.

    Raises
    ------
    BadInput
        If the file is no table, or has no time stamps or no column that is known.
    """
    draft = Draft()
    draft.state("reader", "table")
    draft.state("path", path)
    draft.guess("site", site or path.name.split(".")[0], "code of the site") if site is None else draft.state(
        "site", site
    )
    if parquet_columns(path):
        numbers, units, times = _parquet(path, draft)
    else:
        numbers, units, times = _text(path, draft)
    _draft_times(draft, times, utc_offset_hours)
    _draft_columns(draft, numbers, units, times, path)
    return draft


def _text(path: Path, draft: Draft) -> tuple[pd.DataFrame, dict[str, str], TimeGuess]:
    layout = guess_layout(path)
    if layout is None or len(set(layout.names)) != len(layout.names):
        raise BadInput(
            "the file is not a table with a line of column names"
            if layout is None
            else "the names of the columns are not unique",
            where=path,
            remedy="give a delimited text file with a header, or a file of a format that docs/how_to/data.md lists",
        )
    texts = read_texts(path, layout)
    times = guess_times(texts)
    if times is None:
        refuse_excel_dates(texts, path=path)
        raise BadInput(
            "no column contains time stamps of a known format",
            where=path,
            remedy="write time stamps as 2020-06-01 00:30, or give time.columns and time.format of reader 'table'",
        )
    draft_place(draft, texts, times.stamps, path=path, has_site="site" not in draft.comments)
    numbers = pd.DataFrame({name: as_numbers(texts[name], layout.decimal) for name in layout.names})
    codes = _text_codes(texts, numbers, times.columns)
    if codes:
        draft.guess("missing", codes, "texts that seem to mark missing values")
    for key, value, default in (
        ("delimiter", layout.delimiter, ","),
        ("decimal", layout.decimal, "."),
        ("header_line", layout.header_line, 1),
        ("first_data_line", layout.first_data_line, layout.header_line + 1),
        ("encoding", layout.encoding, "utf-8-sig"),
    ):
        if value != default:
            draft.state(key, value)
    return numbers, dict(zip(layout.names, layout.units, strict=True)), times


def _parquet(path: Path, draft: Draft) -> tuple[pd.DataFrame, dict[str, str], TimeGuess]:
    frame = read_parquet(path)
    frame.columns = frame.columns.map(str)
    stamped = [name for name in frame if pd.api.types.is_datetime64_any_dtype(frame[name])]
    columns: tuple[str, ...]
    if isinstance(frame.index, pd.DatetimeIndex) or stamped:
        index = frame.index if isinstance(frame.index, pd.DatetimeIndex) else pd.DatetimeIndex(frame[stamped[0]])
        columns = () if isinstance(frame.index, pd.DatetimeIndex) else (stamped[0],)
        texts = pd.DataFrame({"time": index.strftime("%Y-%m-%d %H:%M:%S")})
        found = guess_times(texts)
        times = None if found is None else TimeGuess(columns, "", found.stamps, found.interval, *_place(columns, found))
    else:
        times = guess_times(frame.select_dtypes(exclude="number").astype(str))
    if times is None:
        raise BadInput(
            "neither the index nor a column contains regular time stamps",
            where=path,
            remedy="store them as the index or as a column of times",
        )
    numbers = frame.select_dtypes(include="number").astype(float)
    return numbers, {}, times


def _place(columns: Sequence[str], found: TimeGuess) -> tuple[Any, bool, str]:
    name = " ".join(columns).lower()
    stated: dict[str, str] = {"start": "start", "end": "end", "mid": "middle"}
    position = next((place for key, place in stated.items() if key in name), None)
    return position or found.stamp_at, position is not None, ""


def _text_codes(texts: pd.DataFrame, numbers: pd.DataFrame, stamps: Sequence[str]) -> list[str]:
    """Texts that mark missing values: those of columns of numbers that occur twice or more."""
    codes: dict[str, int] = {}
    for name in numbers:
        cells = texts[name]
        if name in stamps or numbers[name].notna().mean() < _LEAST_NUMBERS:
            continue
        other = cells[numbers[name].isna() & ~cells.isin(_READ_AS_MISSING)]
        counts = other[~other.str.contains(r"\d")].value_counts()
        codes |= {str(text): int(n) for text, n in counts.items() if n >= 2}
    return sorted(codes)


def _draft_times(draft: Draft, times: TimeGuess, offset: float | None) -> None:
    draft.state("interval", interval_text(times.interval))
    if times.stated_position:
        draft.state("stamp_at", times.stamp_at)
    else:
        draft.guess("stamp_at", times.stamp_at, "whether time stamps are the start, middle or end of the interval")
    if "%z" not in times.form:
        if offset is not None:
            draft.state("utc_offset_hours", offset)
        else:
            draft.guess("utc_offset_hours", 0.0, "local standard time minus UTC [h], which the file does not contain")
    table: dict[str, Any] = {}
    if times.columns:
        table["columns"] = list(times.columns)
    if times.form:
        table["format"] = times.form
    if table:
        draft.keys["time"] = table
    if times.alternative:
        comment = f"day and month may be exchanged: {times.alternative} fits as well"
        draft.comments["time.format"] = f"check this: {comment}"
        draft.checks.append(f"time.format = '{times.form}': {comment}")


def _draft_columns(draft: Draft, numbers: pd.DataFrame, units: Mapping[str, str], times: TimeGuess, path: Path) -> None:
    columns: dict[str, dict[str, Any]] = {}
    guesses: dict[str, ColumnGuess] = {}
    codes: dict[str, set[float]] = {}
    quality: set[str] = set()
    single: set[str] = set()
    reasons: dict[str, str] = {}
    for name in numbers:
        values, found = without_codes(numbers[name].to_numpy(dtype=np.float64))
        guess = guess_column(str(name), units.get(str(name), ""), values, times.interval.total_seconds())
        if guess is None or name in times.columns or (guess.depth is None and guess.variable in single):
            reasons[str(name)] = _reason(guess, values)
            continue
        single.add(guess.variable)
        guesses[str(name)] = guess
        codes[str(name)] = found
        table = _column(guess)
        flags = _quality(str(name), numbers, times.interval, guess.variable)
        if flags is not None:
            table["quality"] = flags
            quality.add(flags["column"])
        columns[str(name)] = table
        _comment_column(draft, str(name), guess, flags)
    if not columns:
        raise _unknown_columns(numbers, times, path)
    _check_columns(draft, guesses)
    _draft_codes(draft, columns, numbers, codes)
    used = {*columns, *quality, *times.columns}
    left_out = dict.fromkeys(str(name) for name in [*units, *numbers] if str(name) not in used)
    if left_out:
        draft.state("ignore", list(left_out), "columns that are not read")
        draft.left_out = {name: reasons.get(name, "no numbers") for name in left_out}
    draft.keys["columns"] = columns


def _reason(guess: ColumnGuess | None, values: NDArray[np.float64]) -> str:
    """Why a column is not read."""
    if guess is not None:
        return f"another column is read as {guess.variable}"
    return "not the name of a measured variable" if np.isfinite(values).any() else "no numbers"


def _draft_codes(
    draft: Draft, columns: Mapping[str, dict[str, Any]], numbers: pd.DataFrame, codes: Mapping[str, set[float]]
) -> None:
    """Add codes of missing values: to the file, or to their column if the number is a valid value of another one."""
    of_file: set[float] = set()
    for name, found in codes.items():
        others = [other for other in columns if other != name]
        only_here = {
            code
            for code in found
            if any(code not in codes[other] and bool((numbers[other] == code).any()) for other in others)
        }
        of_file |= found - only_here
        if only_here:
            columns[name]["missing"] = sorted(only_here)
            comment = "values that seem to mark missing values here, and are valid in other columns"
            draft.comments[f"columns.{name}.missing"] = f"check this: {comment}"
            draft.checks.append(f"column {name}, missing = {sorted(only_here)}: {comment}")
    # a code of one column must not hide the valid values of another
    of_file -= {code for table in columns.values() for code in table.get("missing", ())}
    if of_file:
        texts = draft.keys.get("missing", [])
        draft.guess("missing", [*texts, *sorted(of_file)], "values that seem to mark missing values")


def without_codes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], set[float]]:
    """Return values without codes of missing values, and the codes."""
    codes = isolated_codes(values)
    return np.where(np.isin(values, sorted(codes)), np.nan, values), codes


def _column(guess: ColumnGuess) -> dict[str, Any]:
    table: dict[str, Any] = {"variable": guess.variable, "unit": guess.unit}
    if guess.is_sum:
        table["is_sum"] = True
    if guess.depth is not None:
        table["depth"] = float(guess.depth)
    return table


def _comment_column(draft: Draft, name: str, guess: ColumnGuess, flags: Mapping[str, Any] | None) -> None:
    key = f"columns.{name}"
    if guess.unit_comment:
        draft.comments[f"{key}.unit"] = f"check this: {guess.unit_comment}"
    if guess.depth is not None and np.isnan(guess.depth):
        draft.placeholders["columns", name, "depth"] = 0.05
    if guess.depth_comment:
        draft.comments[f"{key}.depth"] = f"check this: {guess.depth_comment}"
    if flags is not None:
        comment = "the meaning of the codes is guessed"
        draft.comments[f"{key}.quality"] = f"check this: {comment}"
        draft.checks.append(f"column {flags['column']}: {comment}")
    draft.comments[f"{key}.variable"] = "by the name of the column"


def _check_columns(draft: Draft, guesses: Mapping[str, ColumnGuess]) -> None:
    """Add one check for all columns with the same comment."""
    for attribute in ("unit_comment", "depth_comment"):
        by_comment: dict[str, list[str]] = {}
        for name, guess in guesses.items():
            if comment := str(getattr(guess, attribute)):
                read_as = f"{guess.variable}, {guess.unit}" if attribute == "unit_comment" else guess.variable
                by_comment.setdefault(comment, []).append(f"{name} ({read_as})")
        draft.checks += [f"{comment}: {', '.join(names)}" for comment, names in by_comment.items()]


def _unknown_columns(numbers: pd.DataFrame, times: TimeGuess, path: Path) -> BadInput:
    """Error for a table without a known name, which says what its columns contain."""
    parts = []
    for name in numbers:
        values, codes = without_codes(numbers[name].to_numpy(dtype=np.float64))
        finite = values[np.isfinite(values)]
        if name in times.columns or not finite.size:
            continue
        marks = (
            f", and {', '.join(f'{code:g}' for code in sorted(codes))}, which seem to mark missing values"
            if codes
            else ""
        )
        parts.append(f"{name} with values from {finite.min():g} to {finite.max():g}{marks}")
    return BadInput(
        f"no column has the name of a known variable; the columns are {'; '.join(parts) or 'without numbers'}",
        where=path,
        remedy="rename the columns, for example to NEE, TA or SWC_5cm, or give [data.columns.NAME] of reader 'table' for each that is read",
    )


def _quality(name: str, numbers: pd.DataFrame, interval: pd.Timedelta, variable: str) -> dict[str, Any] | None:
    """Column of quality codes of a column, and the meaning that they seem to have."""
    by_name = {re.sub(r"[ \-]", "_", str(other).lower()): str(other) for other in numbers}
    stem = re.sub(r"[ \-]", "_", split_unit(name)[0].strip().lower())
    wanted = [f"{stem}_{end}" for end in ("qc", "qf", "flag", "ssitc_test", "quality")]
    wanted += [f"{start}_{stem}" for start in ("qc", "qf", "flag")]
    if variable == "nee":
        wanted += ["qc", "qf", "flag"]
    column = next((by_name[key] for key in wanted if key in by_name), None)
    if column is None:
        return None
    codes = sorted(numbers[column].dropna().unique())
    codes = [float(code) for code in codes if code > -900.0]
    if not codes or (len(codes) > 12 and interval <= _HOUR):
        return None
    if any(code % 1.0 for code in codes):
        return (
            {"column": column, "fraction": True}
            if interval > _HOUR and 0.0 <= min(codes) <= max(codes) <= 1.0
            else None
        )
    whole = [int(code) for code in codes]
    is_test = column.lower().endswith("ssitc_test") or column.lower().startswith("qc_")
    measured = [code for code in whole if code in ((0, 1) if is_test else (0,))] or [min(whole)]
    others = [code for code in whole if code not in measured]
    return {"column": column, "measured": measured} | ({"rejected" if is_test else "filled": others} if others else {})
