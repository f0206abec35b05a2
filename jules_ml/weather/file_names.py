"""Names of files of a time series: with parts that JULES replaces by those of a date, or in a list."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple

import pandas as pd

from jules_ml.errors import BadInput

#: Parts of a file name that stand for those of a date, by their length of time.
TOKENS: Final = {"year": ("%y4", "%y2"), "month": ("%m1", "%m2", "%mc"), "day": ("%d2",)}
Interval = Literal["day", "month", "year"]
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def dated_name(name: str, *, year: int, month: int, day: int) -> str:
    """Replace the parts of a file name that stand for those of a date.

    Parameters
    ----------
    name : str
        Name with :data:`TOKENS`.
    year, month, day : int
        Date.

    Returns
    -------
    str

    Examples
    --------
    >>> dated_name("Tair_%y4%m2.nc", year=1997, month=3, day=1)
    'Tair_199703.nc'
    """
    replacements = {
        "%y4": f"{year:04d}",
        "%y2": f"{year % 100:02d}",
        "%m1": str(month),
        "%m2": f"{month:02d}",
        "%mc": _MONTHS[month - 1],
        "%d2": f"{day:02d}",
    }
    for token, text in replacements.items():
        name = name.replace(token, text)
    return name


def interval_of_files(name: str) -> Interval | None:
    """Length of time for which each file of a template has data: that of its shortest part.

    Parameters
    ----------
    name : str
        Name with :data:`TOKENS`.

    Returns
    -------
    {"day", "month", "year"} or None
        ``None`` if there is one file.

    Examples
    --------
    >>> interval_of_files("Tair_%y4%m2.nc")
    'month'
    """
    intervals: tuple[Interval, ...] = ("day", "month", "year")
    return next((each for each in intervals if any(token in name for token in TOKENS[each])), None)


class ListedFile(NamedTuple):
    """A file of a list, and the time of its first data as the list has it, in any calendar."""

    name: str
    begins: str
    where: str

    def time(self) -> pd.Timestamp:
        """Return the time of the first data in the Gregorian calendar.

        Raises
        ------
        BadInput
            If the line has no such time.
        """
        moment = pd.to_datetime(self.begins, errors="coerce")
        if not isinstance(moment, pd.Timestamp):
            raise BadInput(
                "the line has no time of the first data",
                where=self.where,
                remedy="write 'FILE', 'YYYY-MM-DD hh:mm:ss' on each line",
            )
        return moment


def read_file_list(path: Path, number: int | None = None) -> list[ListedFile]:
    """Read a list of files (``read_list = T``): on each line a name and a time, in quotes or separated by a comma or blanks.

    Parameters
    ----------
    path : Path
        The list.
    number : int, optional
        Number of files to read (``nfiles``); by default all.

    Returns
    -------
    list of ListedFile

    Raises
    ------
    BadInput
        If there is no such list.
    """
    if not path.is_file():
        raise BadInput("there is no such list of files", where=path, remedy="correct 'file', or set read_list = F")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    filled = [(row, line.strip()) for row, line in enumerate(lines, start=1) if line.strip()]
    return [_listed_file(line, f"{path}, line {row}") for row, line in filled[:number]]


def _listed_file(line: str, where: str) -> ListedFile:
    quote = line[0] if line[0] in "'\"" else ""
    name, _, rest = line[1:].partition(quote) if quote else line.replace(",", " ").partition(" ")
    words = rest.replace("'", " ").replace('"', " ").replace(",", " ").split()
    return ListedFile(name, " ".join(words[:2]), where)
