"""Site and position in constant columns of a table, and tables that are not one record."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from jules_ml.data.inspection.draft import Draft
from jules_ml.errors import BadInput

_SITE_NAME = re.compile(r"(site|station)(_?(id|name|code))?", re.IGNORECASE)
_POSITIONS = {
    "latitude": (re.compile(r"lat(itude)?", re.IGNORECASE), 90.0),
    "longitude": (re.compile(r"lon(g|gitude)?", re.IGNORECASE), 180.0),
}
#: Days since 1899-12-30 of the years 1954 to 2064, by which Excel stores dates.
_EXCEL_DAYS = (20000.0, 60000.0)


def draft_place(draft: Draft, texts: pd.DataFrame, stamps: pd.DatetimeIndex, *, path: Path, has_site: bool) -> None:
    """Add the site and the position that constant columns contain.

    Raises
    ------
    BadInput
        If the rows are those of several sites at the same times.
    """
    for name in map(str, texts.columns):
        values = [str(value) for value in texts[name].unique() if value]
        if _SITE_NAME.fullmatch(name):
            if len(values) > 1 and stamps.dropna().has_duplicates:
                shown = ", ".join(values[:5]) + (", ..." if len(values) > 5 else "")
                raise BadInput(
                    f"the file contains {len(values)} sites ({shown})",
                    where=f"{path}, column {name}",
                    remedy="write the rows of each site into a file of its own",
                )
            if len(values) == 1 and not has_site:
                draft.guess("site", values[0], f"by column {name}")
        for key, (pattern, limit) in _POSITIONS.items():
            number = pd.to_numeric(values[0], errors="coerce") if len(values) == 1 else float("nan")
            if pattern.fullmatch(name) and abs(number) <= limit:
                draft.state(key, float(number), f"by column {name}")


def refuse_excel_dates(texts: pd.DataFrame, *, path: Path) -> None:
    """Raise an error if the first column contains dates as numbers of Excel.

    Raises
    ------
    BadInput
        If its numbers rise within the range of such dates; the error gives the first date.
    """
    name = str(texts.columns[0])
    numbers = pd.to_numeric(texts[name].str.replace(",", ".", regex=False), errors="coerce")
    if not numbers.between(*_EXCEL_DAYS).all() or not numbers.is_monotonic_increasing:
        return
    first = pd.Timestamp("1899-12-30") + pd.Timedelta(days=float(numbers.iloc[0]))
    raise BadInput(
        f"the column seems to contain dates as numbers of Excel ({texts[name].iloc[0]} is {first.round('s')})",
        where=f"{path}, column {name}",
        remedy="give the column the format yyyy-mm-dd hh:mm in Excel, and save the sheet as CSV again",
    )
