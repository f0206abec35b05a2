"""Tables of satellite products for points, as AppEEARS and exports of Copernicus write them, and checks of their times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from jules_ml.data.textfile import read_csv_columns, read_header
from jules_ml.errors import BadInput

_TIME_NAMES = ("time", "date", "datetime", "timestamp")
#: Longest step of a series [d]: products are of days, ten days or a month.
_LONGEST_STEP = pd.Timedelta(days=31)


def read_satellite_table(path: Path, site: str | None, is_number: Callable[[str], bool]) -> pd.DataFrame:
    """Read a table of one point.

    Parameters
    ----------
    path : Path
        Delimited by commas, with a column of time.
    site : str or None
        Name of the point, if the table has several.
    is_number : callable
        Whether a column is one of the product, whose cells must be numbers; the others remain texts.

    Returns
    -------
    DataFrame
        Indexed by time, UTC.

    Raises
    ------
    BadInput
        If the file is damaged, has no column of time, several points and none of this name, or a cell that is not a number or a time.
    """
    names = read_header(path)
    stamp = next((name for name in names if name.lower() in _TIME_NAMES), None)
    if stamp is None:
        raise BadInput("there is no time column", where=path, remedy="name the column time or date")
    numbers = [name for name in names if name != stamp and is_number(name)]
    # a column without a name is the index of a program that wrote the table
    texts = [name for name in names if name and name not in numbers]
    table = _of_one_point(read_csv_columns(path, numbers=numbers, texts=texts), site, path)
    cells = table.pop(stamp)
    times = pd.to_datetime(cells.str.replace("/", "-", regex=False), format="ISO8601", errors="coerce", utc=True)
    short = ~cells.str.fullmatch(re.compile(r"[0-9]{4}[-/]?[0-9]{2}[-/]?[0-9]{2}.*"))
    if (times.isna() | short).any():
        line = int(table.index[times.isna() | short][0])
        raise BadInput("the time stamp cannot be read", where=f"{path}, line {line}", remedy="write it as 2020-07-01")
    return table.set_index(pd.DatetimeIndex(times).tz_localize(None))


def refuse_disorder(times: pd.DatetimeIndex, path: Path) -> None:
    """Raise an error for times of a series that are duplicate, not in order or more than a month apart.

    Raises
    ------
    BadInput
        If there is one; the error names the first.
    """
    for wrong, text in ((times.duplicated(), "duplicate"), (times < pd.Series(times).cummax(), "not in order")):
        if wrong.any():
            raise BadInput(
                f"time {times[wrong][0]} is {text}", where=path, remedy="sort the rows by time, one for each time"
            )
    step = pd.Series(times).diff().median()
    if len(times) > 1 and step > _LONGEST_STEP:
        raise BadInput(
            f"the times are {step} apart", where=path, remedy="correct the unit of time, or give a series of days"
        )


def _of_one_point(table: pd.DataFrame, site: str | None, path: Path) -> pd.DataFrame:
    """Rows of the site, if the table has several points: AppEEARS names them in ``ID``."""
    by_name = {str(name).strip().lower(): name for name in table}
    if "id" in by_name:
        names = table[by_name["id"]].astype(str).str.strip()
        if names.nunique() > 1:
            if site is None or site not in set(names):
                named = "" if site is None else f" '{site}'"
                raise BadInput(
                    f"the file has {names.nunique()} points ({', '.join(names.unique()[:6])}), and none of them is the site{named}",
                    where=f"{path}, column {by_name['id']}",
                    remedy="name the site as its point (site under [data], or name under [site]), or give a file of that point",
                )
            table = table[names == site]
    position = [by_name[name] for name in ("latitude", "longitude") if name in by_name]
    points = table[position].drop_duplicates() if position else table.head(0)
    if len(points) > 1:
        raise BadInput(
            f"the file has {len(points)} points, by latitude and longitude",
            where=path,
            remedy="give the rows of the site alone",
        )
    return table
