"""Flags of COSMOS-UK: values that the archive interpolated or estimated, in a file beside the data since the release of 2013 to 2021.

An empty flag marks a measurement, ``I`` an interpolated, ``E`` an estimated and ``M`` a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jules_ml.data.textfile import read_csv_columns, read_header
from jules_ml.errors import BadInput

#: Flags of values that were not measured.
MASKED = ("E", "I", "M")
_SUFFIX = "_flags"
_LAST_YEAR = re.compile(r"_\d{4}-(?P<last>\d{4})$")
#: Last year of the first release with flags.
_FIRST_WITH_FLAGS = 2021
_MEASURED = ("", "nan", "NaN", "NA")


def is_flags_file(path: Path) -> bool:
    """Whether the name of a file is that of a file of flags."""
    return path.stem.lower().endswith(_SUFFIX)


def flags_beside(path: Path) -> Path | None:
    """Return the file of flags beside a file of data.

    Parameters
    ----------
    path : Path
        File of the archive.

    Returns
    -------
    Path or None
        None for releases without flags.

    Raises
    ------
    BadInput
        If the release has flags, by the years in the name of the file, and there is no such file.
    """
    wanted = f"{path.stem}{_SUFFIX}{path.suffix}".lower()
    beside = next((other for other in sorted(path.parent.glob("*")) if other.name.lower() == wanted), None)
    years = _LAST_YEAR.search(path.stem)
    if beside is None and years is not None and int(years["last"]) >= _FIRST_WITH_FLAGS:
        raise BadInput(
            f"releases up to {years['last']} contain interpolated values, and there is no file of flags beside the data",
            where=path,
            remedy=f"put {path.stem}_Flags{path.suffix} into the same folder, or give it as flags; "
            'flags = "none" takes interpolated values for measured ones',
        )
    return beside


def flagged(
    data: pd.DataFrame, flags: Path, columns: Sequence[str], *, masked: Sequence[str], kept: Sequence[str]
) -> pd.DataFrame:
    """Mark the values whose flag says that they were not measured.

    Parameters
    ----------
    data : DataFrame
        Columns ``DATE_TIME``, ``SITE_ID`` and ``columns``, as text and numbers.
    flags : Path
        File of flags, with the same rows and columns.
    columns : sequence of str
        Columns with values.
    masked, kept : sequence of str
        Flags of values that are left out, and of others that are used.

    Returns
    -------
    DataFrame of bool
        Columns ``columns``, rows of ``data``.

    Raises
    ------
    BadInput
        If the rows or the columns differ from those of the data, or a flag is neither in ``masked`` nor in ``kept``.
    """
    header = read_header(flags)
    table = read_csv_columns(flags, texts=["DATE_TIME", "SITE_ID", *(c for c in columns if c in header)], numbers=[])
    missing = [name for name in columns if name not in header]
    same_rows = len(table) == len(data) and all(
        (table[name].to_numpy() == data[name].to_numpy()).all() for name in ("DATE_TIME", "SITE_ID")
    )
    if missing or not same_rows:
        raise BadInput(
            f"the flags have no column {', '.join(missing)}"
            if missing
            else "the rows of the flags are not those of the data",
            where=flags,
            remedy="give the file of flags of the same site, interval and release",
        )
    result = pd.DataFrame(index=data.index)
    for name in columns:
        codes = table[name].to_numpy(dtype=str)
        known = {*_MEASURED, *masked, *kept}
        unknown = sorted({code for code in set(codes) if code not in known and not set(code.split()) <= known})
        if unknown:
            raise BadInput(
                f"flag '{unknown[0]}' is unknown",
                where=f"{flags}, column {name}",
                remedy="list it in masked_flags (values that are left out) or in kept_flags; the release documents its flags",
            )
        result[name] = [bool(set(code.split()) & set(masked)) for code in codes]
    return result
