"""Faults of time: rows missing, doubled or out of order, clocks that are wrong, dates in another form."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from fuzz.case import Case, Fault

_CLOCK_NOTES: Final = ("too late", "too early")


def _clock_unknowable(case: Case) -> str:
    """Information that shows a wrong clock, if the file lacks it: radiation in steps of up to an hour."""
    has_light = any(column.variable in ("sw_down", "ppfd") for column in case.source.columns)
    if has_light and case.source.step <= pd.Timedelta(hours=1):
        return ""
    return "radiation in steps of up to an hour, by which the clock can be compared with the sun"


def _drop(case: Case, rows: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    case.lose(rows)
    case.table = case.table.rows(np.flatnonzero(~rows))
    return True


def _chosen(case: Case, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    n = len(case.table.ends)
    rows = np.zeros(n, dtype=bool)
    rows[case.rng.sample(range(2, n - 2), count)] = True
    return rows


def _missing_rows(case: Case) -> bool:
    return _drop(case, _chosen(case, case.rng.choice((1, 2, 9))))


def _gap(case: Case) -> bool:
    n = len(case.table.ends)
    first = case.rng.randrange(n // 4, n // 2)
    rows = np.zeros(n, dtype=bool)
    rows[first : first + n // 6] = True
    return _drop(case, rows)


def _doubled(case: Case) -> bool:
    n = len(case.table.ends)
    at = case.rng.randrange(2, n - 2)
    order = np.insert(np.arange(n), at, at)
    case.table = case.table.rows(order)
    return True


def _doubled_block(case: Case) -> bool:
    n = len(case.table.ends)
    first = case.rng.randrange(2, n // 2)
    order = np.concatenate([np.arange(first + 40), np.arange(first, n)])
    case.table = case.table.rows(order)
    return True


def _doubled_with_other_values(case: Case) -> bool:
    if not case.source.has_stamps:
        return False
    n = len(case.table.ends)
    at = case.rng.randrange(2, n - 2)
    table = case.table.rows(np.insert(np.arange(n), at, at))
    table.numbers.iloc[at] = case.table.numbers.iloc[(at + n // 2) % n].to_numpy()
    case.table = table
    rows = np.zeros(n, dtype=bool)
    rows[at] = True
    case.lose(rows)
    return True


def _swapped(case: Case) -> bool:
    if not case.source.has_stamps:
        return False
    order = np.arange(len(case.table.ends))
    at = case.rng.randrange(2, len(order) - 3)
    order[[at, at + 1]] = order[[at + 1, at]]
    case.table = case.table.rows(order)
    return True


def _shuffled(case: Case) -> bool:
    if not case.source.has_stamps:
        return False
    order = list(range(len(case.table.ends)))
    case.rng.shuffle(order)
    case.table = case.table.rows(np.array(order))
    return True


def _reversed(case: Case) -> bool:
    if not case.source.has_stamps:
        return False
    case.table = case.table.rows(np.arange(len(case.table.ends))[::-1])
    return True


def _shift(case: Case, hours: float, first: int = 0) -> bool:
    """Move the time stamps from a row on."""
    if not case.source.has_stamps:
        return False
    ends = case.table.ends.to_numpy().copy()
    ends[first:] += np.timedelta64(round(hours * 3600), "s")
    case.table.ends = pd.DatetimeIndex(ends)
    case.expected.notes = _CLOCK_NOTES
    rows = np.zeros(len(ends), dtype=bool)
    rows[first:] = True
    case.lose(rows)
    return True


def _hour(case: Case) -> bool:
    case.expected.unknowable = _clock_unknowable(case)
    return _shift(case, case.rng.choice((-1.0, 1.0))) if case.source.step <= pd.Timedelta(hours=1) else False


def _summer_time(case: Case) -> bool:
    """Summer time begins on 1 March: an hour is missing, and all later stamps are an hour late."""
    if case.source.step > pd.Timedelta(hours=1):
        return False
    case.expected.unknowable = _clock_unknowable(case)
    return _shift(case, 1.0, first=int(4 * pd.Timedelta(days=1) / case.source.step))


def _winter_time(case: Case) -> bool:
    """Summer time ends on 1 March: an hour is there twice."""
    if case.source.step > pd.Timedelta(hours=1):
        return False
    return _shift(case, -1.0, first=int(4 * pd.Timedelta(days=1) / case.source.step))


def _start_for_end(case: Case) -> bool:
    step = case.source.step.total_seconds() / 3600.0
    case.expected.unknowable = _clock_unknowable(case)
    if case.source.name in ("AmeriFlux BASE", "ICOS ETC", "FLUXNET"):
        case.expected.unknowable = ""
    return _shift(case, -step)


def _zone(case: Case) -> bool:
    case.expected.unknowable = _clock_unknowable(case)
    return _shift(case, case.rng.choice((-6.0, 3.0, 10.0))) if case.source.step <= pd.Timedelta(hours=1) else False


def _one_stamp(case: Case, shift: pd.Timedelta) -> bool:
    if not case.source.has_stamps:
        return False
    at = case.rng.randrange(3, len(case.table.ends) - 3)
    ends = case.table.ends.to_numpy().copy()
    ends[at] += shift.to_timedelta64()
    case.table.ends = pd.DatetimeIndex(ends)
    rows = np.zeros(len(ends), dtype=bool)
    rows[at] = True
    case.lose(rows)
    return True


def _backwards(case: Case) -> bool:
    return _one_stamp(case, -3 * case.source.step)


def _off_the_grid(case: Case) -> bool:
    if case.source.step >= pd.Timedelta(days=1) and case.source.kind == "text":
        return False
    return _one_stamp(case, pd.Timedelta(minutes=7))


def _wrong_year(case: Case) -> bool:
    return _one_stamp(case, pd.Timedelta(days=case.rng.choice((-366, 365))))


def _mixed_steps(case: Case) -> bool:
    rows = np.zeros(len(case.table.ends), dtype=bool)
    rows[len(rows) // 2 :: 2] = True
    return _drop(case, rows)


def _no_leap_day(case: Case) -> bool:
    middle = case.table.ends - case.source.step / 2 + pd.Timedelta(hours=case.source.offset_hours)
    return _drop(case, np.asarray((middle.month == 2) & (middle.day == 29)))


FAULTS: Final = (
    Fault("time: missing rows", "table", _missing_rows),
    Fault("time: gap", "table", _gap),
    Fault("time: doubled row", "table", _doubled),
    Fault("time: doubled block", "table", _doubled_block),
    Fault("time: doubled row with other values", "table", _doubled_with_other_values),
    Fault("time: two rows exchanged", "table", _swapped),
    Fault("time: rows shuffled", "table", _shuffled),
    Fault("time: newest row first", "table", _reversed),
    Fault("time: an hour off", "table", _hour),
    Fault("time: summer time begins", "table", _summer_time),
    Fault("time: summer time ends", "table", _winter_time),
    Fault("time: start for end", "table", _start_for_end),
    Fault("time: another zone", "table", _zone),
    Fault("time: one stamp back", "table", _backwards),
    Fault("time: one stamp off the grid", "table", _off_the_grid),
    Fault("time: one stamp in another year", "table", _wrong_year),
    Fault("time: two steps in one file", "table", _mixed_steps),
    Fault("time: leap day missing", "table", _no_leap_day),
)
