"""Names of files of a time series, in which JULES replaces parts by those of a date."""

from __future__ import annotations

from typing import Final

#: Parts of a file name that stand for those of a date, by their length of time.
TOKENS: Final = {"year": ("%y4", "%y2"), "month": ("%m1", "%m2", "%mc"), "day": ("%d2",)}
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
