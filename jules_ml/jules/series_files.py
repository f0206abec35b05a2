"""Names of the files of a time series of JULES: by date, by variable, or in a list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from jules_ml.jules.moments import Moment
from jules_ml.jules.variable_lists import ListedVariable
from jules_ml.weather.file_names import ListedFile, dated_name, interval_of_files, read_file_list


def template_files(file: str, first: Moment, last: Moment, start: Moment) -> list[tuple[str, Moment]]:
    """Return the files of a template for a period, and the date from which each has data.

    Parameters
    ----------
    file : str
        Name, with ``%y4``, ``%m2`` and the like where there is a file for each year, month or day.
    first, last : Moment
        Start and end of the period.
    start : Moment
        Start of the data, if there is one file.

    Returns
    -------
    list of tuple of str and Moment
        In order; ``%vv`` is not replaced.
    """
    interval = interval_of_files(file)
    if interval is None:
        return [(file, start)]
    files: dict[str, Moment] = {}
    moment = first
    while moment < last:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if interval == "day":
            begin, following = midnight, midnight + timedelta(days=1)
        elif interval == "month":
            begin = midnight.replace(day=1)
            year, month = moment.year + moment.month // 12, moment.month % 12 + 1
            following = begin.replace(year=year, month=month)
        else:
            begin = midnight.replace(month=1, day=1)
            following = begin.replace(year=moment.year + 1)
        files.setdefault(dated_name(file, year=moment.year, month=moment.month, day=moment.day), begin)
        moment = following
    return list(files.items())


def file_of_variable(file: str, variable: ListedVariable) -> str:
    """Return a file name with that of the variable in its place (``%vv``)."""
    return file.replace("%vv", variable.tpl_name or "")


def listed_files(source: Path, entries: Mapping[str, Any]) -> list[ListedFile]:
    """Read the files of a list that a group uses (``read_list = T``): the first ``nfiles``, which are none by default, as in JULES.

    Parameters
    ----------
    source : Path
        The list.
    entries : mapping
        Entries of the group.

    Returns
    -------
    list of ListedFile

    Raises
    ------
    BadInput
        If there is no such list.
    """
    number = entries.get("nfiles")
    return read_file_list(source, number if isinstance(number, int) else 0)
