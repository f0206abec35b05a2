"""Times of files: CF units and calendars, decoded to dates of the Gregorian calendar.

Observations have Gregorian dates. A calendar of 360 or 365 days is refused wherever its dates would be compared with observations: its
years drift against theirs. Runs and files of one such calendar can be compared with each other by :func:`elapsed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

import cftime
import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

#: Array of dates.
Dates: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]

#: Year, month and day from which :func:`elapsed` counts times of a calendar that is not Gregorian.
ELAPSED_ORIGIN: Final = (2000, 1, 1)
#: Gregorian calendars. ``standard`` is Julian before 15 October 1582.
GREGORIAN: Final = ("standard", "gregorian", "proleptic_gregorian")
#: Calendars by the names that CF allows.
_SAME: Final = {"noleap": "365_day", "gregorian": "standard", "all_leap": "366_day"}
_SECONDS: Final = {
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), 1.0),
    **dict.fromkeys(("minutes", "minute", "mins", "min"), 60.0),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), SECONDS_PER_DAY),
    **dict.fromkeys(("milliseconds", "millisecond", "millisecs", "millisec", "msecs", "msec", "ms"), 1e-3),
}
#: Dates that 64-bit nanoseconds can hold, in whole years.
_FIRST, _LAST = np.datetime64("1678-01-01", "s"), np.datetime64("2262-01-01", "s")
#: Seconds that no calendar holds, such as fill values of netCDF: ten million years.
_FAR: Final = 3e14


def calendar_of(attrs: Mapping[Any, Any]) -> str:
    """Return the calendar of a time axis by one name each, ``standard`` if it states none."""
    name = str(attrs.get("calendar", "")).strip().lower() or "standard"
    return _SAME.get(name, name)


def has_time_units(attrs: Mapping[Any, Any]) -> bool:
    """Whether the attributes are those of a time axis: units such as ``seconds since 2001-01-01``."""
    return " since " in str(attrs.get("units", ""))


def gregorian_dates(numbers: NDArray[np.number], attrs: Mapping[Any, Any], *, where: str, remedy: str = "") -> Dates:
    """Decode numbers of a time axis to dates.

    Parameters
    ----------
    numbers : array, any shape
        Time in the unit of ``attrs``.
    attrs : mapping
        ``units`` and ``calendar`` of the time axis.
    where : str
        File and variable, for error messages.
    remedy : str, optional
        How a program writes the Gregorian calendar, which is named if the calendar is another one.

    Returns
    -------
    array of datetime64[ns], shape of ``numbers``
        Rounded to seconds; NaT where a number is missing.

    Raises
    ------
    BadInput
        If the unit is not one of time, the calendar is not Gregorian, or a date is outside the years 1678 to 2261.
    """
    calendar = calendar_of(attrs)
    if calendar not in GREGORIAN:
        raise BadInput(
            f"the calendar of time is '{attrs.get('calendar')}', which observations do not use",
            where=where,
            remedy=(f"{remedy}, or " if remedy else "")
            + "convert the file with xarray: ds.convert_calendar('standard', align_on='date')",
        )
    seconds, reference = _seconds(numbers, attrs, where)
    origin = np.datetime64(reference.change_calendar("proleptic_gregorian").isoformat(), "s")
    missing = ~np.isfinite(seconds)
    far = ~missing & (np.abs(seconds) > _FAR)
    dates = origin + np.round(np.where(missing | far, 0.0, seconds)).astype("timedelta64[s]")
    dates[missing] = np.datetime64("NaT")
    with np.errstate(invalid="ignore"):
        outside = far | (~missing & ((dates < _FIRST) | (dates >= _LAST)))
    if outside.any():
        first = np.flatnonzero(outside)[0]
        shown = f"{np.ravel(numbers)[first]:g} {attrs.get('units')}" if far.flat[first] else str(dates.flat[first])
        raise BadInput(
            f"time {shown} is outside the years 1678 to 2261",
            where=where,
            remedy="correct the unit of time, or set the years of the file to those of the observations",
        )
    return dates.astype("datetime64[ns]")


def refuse_missing_times(dates: Dates, *, where: str) -> None:
    """Raise an error where a time is missing, or there is none.

    Raises
    ------
    BadInput
        If there is a NaT, or the array is empty.
    """
    missing = int(np.isnat(dates).sum())
    if missing or not dates.size:
        raise BadInput(
            f"{missing} times are missing" if missing else "there are no times",
            where=where,
            remedy="give every value its time",
        )


def elapsed(numbers: NDArray[np.number], attrs: Mapping[Any, Any], *, where: str) -> Dates:
    """Decode numbers of a time axis of any calendar to times that keep their distances.

    Times of a calendar that is not Gregorian are counted in its own days from 2000-01-01 on. They agree with those of another file of
    the same calendar, and with no others.

    Parameters
    ----------
    numbers, attrs, where
        See :func:`gregorian_dates`.

    Returns
    -------
    array of datetime64[ns], shape of ``numbers``

    Raises
    ------
    BadInput
        As :func:`gregorian_dates`, except for the calendar.
    """
    calendar = calendar_of(attrs)
    if calendar in GREGORIAN:
        return gregorian_dates(numbers, attrs, where=where)
    seconds, reference = _seconds(numbers, attrs, where)
    shift = (reference - cftime.datetime(*ELAPSED_ORIGIN, calendar=calendar)).total_seconds()
    units = {"units": f"seconds since {date(*ELAPSED_ORIGIN)}", "calendar": "standard"}
    return gregorian_dates(seconds + shift, units, where=where)


def _seconds(numbers: NDArray[np.number], attrs: Mapping[Any, Any], where: str) -> tuple[NDArray[np.float64], Any]:
    """Seconds since the reference of the unit, and the reference."""
    units = str(attrs.get("units", ""))
    match = re.fullmatch(r"\s*(\w+)\s+since\s+(.+)", units)
    try:
        if match is None or match[1].lower() not in _SECONDS:
            raise ValueError
        reference = cftime.num2date(0, f"seconds since {match[2]}", calendar_of(attrs))
    except (ValueError, KeyError) as error:
        raise BadInput(
            f"time is in '{units}', which is not a unit of time",
            where=where,
            remedy="give CF units, for example 'seconds since 2017-01-01 01:00:00'",
        ) from error
    if numbers.dtype.kind not in "iuf":
        raise BadInput(
            f"time is of the type {numbers.dtype}, not a number",
            where=where,
            remedy="give times as numbers with CF units",
        )
    factor = _SECONDS[match[1].lower()]
    seconds = np.asarray(numbers, dtype=np.float64) * factor
    if numbers.dtype == np.float32 and float(np.nanmax(np.abs(seconds), initial=0.0)) >= 2.0**24:
        # Single precision resolves seconds for 194 days only; steps of models are whole minutes.
        seconds = np.round(seconds / 60.0) * 60.0
    return seconds, reference


def first_moment(numbers: NDArray[np.number], attrs: Mapping[Any, Any], *, where: str) -> Any:
    """Return the first time of an axis in its calendar, as ``cftime.datetime``.

    Raises
    ------
    BadInput
        If the unit is not one of time.
    """
    seconds, reference = _seconds(numbers[:1], attrs, where)
    return reference + timedelta(seconds=float(seconds[0]))


def steps_of_calendar(start: Any, seconds: float, n: int, calendar: str) -> Dates:
    """Return the start of each step of a series that counts its days in a calendar, as dates with the same year, month and day.

    Parameters
    ----------
    start : datetime or cftime.datetime
        Start of the first step, a date of the calendar.
    seconds : float
        Length of a step [s].
    n : int
        Number of steps.
    calendar : str
        ``standard``, ``360_day`` or ``365_day``.

    Returns
    -------
    array of datetime64[ns], shape (n,)
        NaT on 29 and 30 February, where the Gregorian calendar does not have them. In a series of 360 days a year, the 31st days are
        missing between the steps; in one of 365 days, 29 February.

    Raises
    ------
    ValueError
        If the calendar does not have the date of the start, or a date is outside the years 1678 to 2261.
    """
    if calendar in GREGORIAN:
        last = np.datetime64(start, "s") + np.timedelta64(round(seconds * n), "s")
        if np.datetime64(start, "s") < _FIRST or last >= _LAST:
            raise ValueError(f"the series from {start} to {last} is outside the years 1678 to 2261")
        return np.datetime64(start, "ns") + (np.arange(n) * round(seconds * 1e9)).astype("timedelta64[ns]")
    first = cftime.datetime(start.year, start.month, start.day, calendar=calendar)
    after_midnight = 3600.0 * start.hour + 60.0 * start.minute + start.second + seconds * np.arange(n)
    day_numbers, second_of_day = np.divmod(after_midnight, SECONDS_PER_DAY)
    numbers, at = np.unique(day_numbers, return_inverse=True)
    days = [_same_day(first + timedelta(days=int(number))) for number in numbers]
    dates: Dates = np.array(days, dtype="datetime64[D]").astype("datetime64[ns]")[at]
    dates = dates + np.round(second_of_day * 1e9).astype("timedelta64[ns]")
    return dates


def elapsed_between(start: datetime, end: datetime, calendar: str) -> float:
    """Return the time between two dates of a calendar [s].

    Raises
    ------
    ValueError
        If the calendar does not have a date.
    """
    if calendar in GREGORIAN:
        return (end - start).total_seconds()
    first, last = (
        cftime.datetime(*(moment.timetuple()[:6]), calendar=calendar)  # year to second
        for moment in (start, end)
    )
    return float((last - first).total_seconds())


def _same_day(day: Any) -> np.datetime64:
    """Gregorian date with the same year, month and day; NaT if there is none."""
    try:
        return np.datetime64(date(day.year, day.month, day.day), "D")
    except ValueError:
        return np.datetime64("NaT", "D")
