"""Guess of the columns and the format of the time stamps of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from jules_ml.data.regular import most_frequent_step
from jules_ml.data.site import StampAt
from jules_ml.physics.constants import SECONDS_PER_DAY

_DATES: Final = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%Y.%m.%d",
    "%Y-%j",
)
_CLOCKS: Final = ("%H:%M", "%H:%M:%S", "%H%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H.%M")
_WHOLE: Final = (
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M",
    *(f"{date}{mark}{clock}" for date in _DATES for mark in " T" for clock in _CLOCKS if clock != "%H%M"),
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%MZ",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M%z",
)
_TIME_NAME = re.compile(r"time|date|stamp|datum|zeit|uhr|fecha|hora|jour|heure|day|hour|year|doy|t_?utc", re.IGNORECASE)
_SAMPLE: Final = 60
#: Exchange of day and month.
_SWAP: Final = str.maketrans("dm", "md")
#: Least fraction of cells that have the format of time stamps.
_LEAST: Final = 0.9


@dataclass(frozen=True)
class TimeGuess:
    """Time stamps of a table.

    Attributes
    ----------
    columns, form
        Columns, and format of their cells joined with a space.
    stamps : DatetimeIndex
        Time stamps; NaT where a cell has another format.
    interval : Timedelta
        Most frequent difference.
    stamp_at : {'start', 'middle', 'end'}
        Position of the stamps in the interval.
    stated_position : bool
        Whether the name of the column states the position.
    alternative : str
        Format that fits as well, with day and month exchanged; empty if there is none.
    """

    columns: tuple[str, ...]
    form: str
    stamps: pd.DatetimeIndex
    interval: pd.Timedelta
    stamp_at: StampAt
    stated_position: bool
    alternative: str


def guess_times(texts: pd.DataFrame) -> TimeGuess | None:
    """Guess the time stamps of a table from its cells; None if there are none.

    Parameters
    ----------
    texts : DataFrame
        Cells as text.
    """
    options = [
        (score, columns, form, stamps)
        for columns, form in _options(texts)
        if (scored := _scored(texts, columns, form)) is not None
        for score, stamps in (scored,)
    ]
    if not options:
        return None
    score, columns, form, stamps = max(options, key=lambda option: option[0])
    others = [
        other
        for other_score, same, other, other_stamps in options
        if same == columns
        and other != form
        and (
            other_score == score
            # days in one order may be months in the other
            or (other == form.translate(_SWAP) and other_score[0] == score[0] and other_stamps.is_monotonic_increasing)
        )
    ]
    interval = most_frequent_step(stamps)
    if interval is None:
        return None
    stamp_at, is_stated = _position(columns, stamps, interval)
    return TimeGuess(columns, form, stamps, interval, stamp_at, is_stated, others[0] if others else "")


def interval_text(interval: pd.Timedelta) -> str:
    """Return an interval as it is written in TOML: ``30min``, ``1h``, ``1D``."""
    seconds = interval.total_seconds()
    for unit, length in (("D", SECONDS_PER_DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds % length == 0.0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _options(texts: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], str]]:
    """Columns and formats that the first and last rows have."""
    names = list(map(str, texts.columns))
    lower = {name.lower().strip(): name for name in reversed(names)}
    yield from _numbers(lower, texts)
    some = pd.concat([texts.head(_SAMPLE), texts.tail(_SAMPLE)])
    likely = [name for name in names if _TIME_NAME.search(name)] or names[:4]
    dates: list[tuple[str, str]] = []
    for name in likely:
        for form in _WHOLE:
            if _matching(some[name], form):
                yield (name,), form
        dates += [(name, form) for form in _DATES if _matching(some[name], form)]
    for name, form in dates:
        yield (name,), form
        for other in likely:
            if other != name:
                yield from (((name, other), f"{form} {clock}") for clock in _CLOCKS if _matching(some[other], clock))


def _numbers(lower: dict[str, str], texts: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], str]]:
    """Columns of year, day of year or month and day, hour, minute."""
    days = next((form for form in (("doy",), ("month", "day")) if lower.keys() >= {"year", *form}), None)
    if days is None:
        return
    columns = [lower["year"], *(lower[key] for key in days)]
    form = "%Y %j" if days == ("doy",) else "%Y %m %d"
    hour = next((lower[key] for key in ("hour", "hhmm", "time") if key in lower), None)
    if hour is None:
        yield tuple(columns), form
        return
    if "minute" in lower:
        yield (*columns, hour, lower["minute"]), f"{form} %H %M"
    hours = pd.to_numeric(texts[hour], errors="coerce")
    yield (*columns, hour), f"{form} {'%H:%M' if hours.isna().all() else '%H%M' if hours.max() > 24.0 else '%H'}"


def _matching(cells: pd.Series, form: str) -> bool:
    return bool(_parsed(cells, form).notna().mean() >= _LEAST)


def _parsed(cells: pd.Series, form: str) -> pd.Series:
    texts = cells.str.replace(r"(^|[ T])24:00", r"\g<1>00:00", regex=True)
    if form.endswith(" %H") and form.startswith("%Y "):
        parts = texts.str.rsplit(" ", n=1, expand=True)
        days = pd.to_datetime(parts[0], format=form.removesuffix(" %H"), errors="coerce")
        return days + pd.to_timedelta(pd.to_numeric(parts[1], errors="coerce"), unit="h").dt.round("s")
    if form.endswith("%H%M") and form.startswith("%Y "):
        head, _, _clock = form.rpartition(" ")
        parts = texts.str.rsplit(" ", n=1, expand=True)
        number = pd.to_numeric(parts[1], errors="coerce")
        return pd.to_datetime(parts[0], format=head, errors="coerce") + pd.to_timedelta(
            number // 100 * 60 + number % 100, unit="min"
        )
    try:
        stamps = pd.to_datetime(texts, format=form, errors="coerce", exact=True, utc="%z" in form)
    except (ValueError, OverflowError):
        return pd.Series(pd.NaT, index=cells.index)
    return stamps.dt.tz_localize(None) if "%z" in form else stamps


def _scored(
    texts: pd.DataFrame, columns: Sequence[str], form: str
) -> tuple[tuple[float, float, int], pd.DatetimeIndex] | None:
    """Fraction of cells of the format and of regular steps, by which formats are compared; None if there are too few."""
    joined = texts[columns[0]]
    for name in columns[1:]:
        joined = joined + " " + texts[name]
    stamps = pd.DatetimeIndex(_parsed(joined, form))
    valid = stamps.dropna()
    if len(valid) < max(2, _LEAST * len(stamps)):
        return None
    steps, counts = np.unique(np.diff(valid.to_numpy()), return_counts=True)
    if not (steps > np.timedelta64(0)).any():
        return None
    regular = float(counts[steps > np.timedelta64(0)].max() / counts.sum())
    name = columns[0].lower()
    # of equal columns the end of the interval is preferred, then the one with fewer columns
    preference = 2 * ("end" in name) + ("start" not in name)
    return (round(len(valid) / len(stamps), 3), round(regular, 3), preference), stamps


def _position(columns: Sequence[str], stamps: pd.DatetimeIndex, interval: pd.Timedelta) -> tuple[StampAt, bool]:
    """Position of the stamps in the interval, by the name of the column or by the first stamp of the record."""
    name = " ".join(columns).lower()
    for key, position in (("start", "start"), ("end", "end"), ("mid", "middle")):
        if key in name:
            return position, True  # type: ignore[return-value]
    first, last = stamps.dropna()[[0, -1]]
    if interval >= pd.Timedelta(days=1):
        return "start", False
    if interval > pd.Timedelta(minutes=1) and (first - first.floor(interval)) == interval / 2:
        return "middle", False
    begins_at_midnight = first == first.floor("D")
    ends_before_midnight = last != last.floor("D")
    return ("start" if begins_at_midnight and ends_before_midnight else "end"), False
