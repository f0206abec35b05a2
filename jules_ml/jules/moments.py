"""Dates of a run in its calendar: Gregorian, or of 360 or 365 days (``l_360``, ``l_leap`` of JULES_TIME)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import cftime
import numpy as np

from jules_ml.data.times import ELAPSED_ORIGIN, GREGORIAN

#: Date and time: a ``datetime`` in the Gregorian calendar, otherwise a ``cftime.datetime``. Both are compared, subtracted and formatted
#: alike.
Moment: TypeAlias = Any

_TEXT = re.compile(r"\s*(\d{1,4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)\s*")


def calendar_of_run(jules_time: Mapping[str, Any]) -> str:
    """Return the calendar of a run by its namelist group JULES_TIME: ``standard``, ``360_day`` or ``365_day``."""
    if jules_time.get("l_360", False):
        return "360_day"
    return "standard" if jules_time.get("l_leap", True) else "365_day"


def parse_moment(text: str, calendar: str) -> Moment:
    """Read ``YYYY-MM-DD hh:mm:ss``.

    Raises
    ------
    ValueError
        If the text has another form, or the calendar does not have this date.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not of the form YYYY-MM-DD hh:mm:ss")
    numbers = [int(number) for number in match.groups()]
    if calendar in GREGORIAN:
        return datetime(*numbers)  # type: ignore[arg-type]
    return cftime.datetime(*numbers, calendar=calendar)


def in_calendar(moment: datetime, calendar: str) -> Moment:
    """Take the date and time of an experiment file as those of a run.

    Raises
    ------
    ValueError
        If the calendar does not have this date.
    """
    return parse_moment(f"{moment:%Y-%m-%d %H:%M:%S}", calendar)


def moment_of_elapsed(date: np.datetime64, calendar: str) -> Moment:
    """Return the moment of a time of :func:`~jules_ml.data.times.elapsed`."""
    seconds = float((date - np.datetime64(datetime(*ELAPSED_ORIGIN), "ns")) / np.timedelta64(1, "s"))
    origin = datetime(*ELAPSED_ORIGIN) if calendar in GREGORIAN else cftime.datetime(*ELAPSED_ORIGIN, calendar=calendar)
    return origin + timedelta(seconds=seconds)
