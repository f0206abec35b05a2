"""Reading of Parquet files, with error messages that name the problem of the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jules_ml.data.textfile import require_columns
from jules_ml.errors import BadInput


def read_parquet(
    path: Path, *, required: Sequence[str] = (), numbers: Sequence[str] = (), times: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a Parquet file as a DataFrame with its index.

    Parameters
    ----------
    path : Path
        Parquet file.
    required : sequence of str
        Columns that the file must contain.
    numbers, times : sequence of str
        Columns that the file must contain, with numbers or time stamps as data type.

    Raises
    ------
    BadInput
        If the file is missing, empty, truncated or not Parquet; if it has no rows, or a column is missing; if a column does not contain
        numbers or time stamps.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path")
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=path, remedy="download it again")
    try:
        frame = pd.read_parquet(path)
    except (
        pa.ArrowException,
        OSError,
        TypeError,
        ValueError,
        KeyError,
    ) as error:  # the last three for damaged metadata
        reason = str(error).splitlines()[0].rstrip(".")
        raise BadInput(
            f"the file is truncated or is not Parquet ({reason})", where=path, remedy="download it again"
        ) from error
    if frame.empty:
        raise BadInput("the file has no rows", where=path, remedy="download it again")
    require_columns([str(name) for name in frame.columns], [*required, *numbers, *times], where=path)
    for kind, names, is_kind in (
        ("numbers", numbers, pd.api.types.is_numeric_dtype),
        ("time stamps", times, pd.api.types.is_datetime64_any_dtype),
    ):
        for name in names:
            if not is_kind(frame[name]):
                raise BadInput(
                    f"the column contains {frame[name].dtype}, not {kind}",
                    where=f"{path}, column {name}",
                    remedy=f"store it as {kind}, or give another column",
                )
    return frame


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Return the columns of a Parquet file; none if the file cannot be read as one."""
    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return ()
