"""Names of the files of a time series of JULES: by date, by variable, or in a list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.moments import Moment
from jules_ml.jules.variable_lists import ListedVariable
from jules_ml.weather.file_names import TOKENS, dated_name


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
    if not any(token in file for tokens in TOKENS.values() for token in tokens):
        return [(file, start)]
    files: dict[str, Moment] = {}
    moment = first
    while moment < last:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if any(token in file for token in TOKENS["day"]):
            begin, following = midnight, midnight + timedelta(days=1)
        elif any(token in file for token in TOKENS["month"]):
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


def listed_files(source: Path, entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Read a list of files and the times of their first data (``read_list = T``).

    Parameters
    ----------
    source : Path
        The list: on each line a name and a time, in quotes or not.
    entries : mapping
        Entries of the group, with ``nfiles``.

    Returns
    -------
    list of tuple of str
        Names and times.

    Raises
    ------
    BadInput
        If there is no such list.
    """
    if not source.is_file():
        raise BadInput("there is no such list of files", where=source, remedy="correct 'file', or set read_list = F")
    lines = [line.strip() for line in source.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    number = entries.get("nfiles")
    return [_name_and_time(line) for line in lines[: number if isinstance(number, int) else 0]]


def _name_and_time(line: str) -> tuple[str, str]:
    quote = line[0] if line[0] in "'\"" else ""
    if quote:
        name, _, rest = line[1:].partition(quote)
    else:
        name, _, rest = line.replace(",", " ").partition(" ")
    return name, rest.strip(" ,'\"")
