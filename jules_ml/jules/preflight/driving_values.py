"""Values of driving data: in the range of their variable, and as many rows as there are periods from ``data_start`` to ``data_end``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf

#: Most values of a netCDF variable that are read; of a larger one, values at regular intervals.
MOST_VALUES: Final = 20_000_000
#: Difference from the expected number of rows that is a few rows: a number, or a part of it.
_FEW_ROWS, _FEW_PART = 3, 0.01
_COMMENT: Final = re.compile(r"^[ \t]*[#!].*$", re.MULTILINE)


def driving_problems(path: Path, variables: Sequence[ListedVariable]) -> Iterator[tuple[str, str]]:
    """Yield problem and remedy of each variable with values outside its range, which are those of another unit or codes.

    Parameters
    ----------
    path : Path
        Driving data of a point or of land points: ASCII with one column for each variable, or netCDF.
    variables : sequence of ListedVariable
        Entries ``var`` and ``var_name`` of JULES_DRIVE, in the order of the columns.
    """
    for problem, remedy in _checked(*_version(path), tuple(variables)).problems:
        yield f"{path.name}: {problem}", remedy


def row_difference(path: Path, variables: Sequence[ListedVariable], expected: int) -> str:
    """Return how many rows an ASCII file has, if these are a few more or less than the periods of its namelist; otherwise empty.

    A file that is much shorter or longer has other times than its namelist says, and JULES reads what the run needs.
    """
    rows = _checked(*_version(path), tuple(variables)).rows
    if not 0 < abs(rows - expected) <= max(_FEW_ROWS, _FEW_PART * expected):
        return ""
    return f"{path.name} has {rows} rows, and from data_start to data_end there are {expected} periods"


class _Checked(NamedTuple):
    """Number of rows of an ASCII file, 0 for netCDF; problem and remedy of each variable with values outside its range."""

    rows: int
    problems: tuple[tuple[str, str], ...]


def _version(path: Path) -> tuple[Path, int, int]:
    """Return the file that a path means, its size and its time, by which results are kept: members of an ensemble share weather."""
    file = path.resolve()
    state = file.stat()
    return file, state.st_size, state.st_mtime_ns


@lru_cache(maxsize=256)
def _checked(path: Path, size: int, modified: int, variables: tuple[ListedVariable, ...]) -> _Checked:
    if is_netcdf(path.name):
        rows, series = 0, _of_netcdf(path, variables)
    else:
        text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
        rows = sum(not line.isspace() for line in StringIO(text))
        series = _of_text(text, [v.name for v in variables])
    found = (MODEL_VARIABLES[name].problem(values) for name, values in series if name in MODEL_VARIABLES)
    return _Checked(rows, tuple(problem for problem in found if problem is not None))


def _of_text(text: str, names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Columns of a text; none if it is not a plain table of numbers, as with repeat counts, which JULES reads too."""
    text = text.replace(",", " ")
    width = min(len(names), len(text.lstrip().partition("\n")[0].split()))
    if not width:
        return
    try:
        table = pd.read_csv(
            StringIO(text),
            sep=r"\s+",
            header=None,
            usecols=range(width),
            dtype=np.float64,
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
            # what Fortran reads as such, and the cells that a short row lacks
            na_values=["NaN", "nan", "NAN", ""],
        )
    except ValueError:
        return
    for position, name in enumerate(names[:width]):
        yield name, table.iloc[:, position].to_numpy()


def _of_netcdf(path: Path, variables: Sequence[ListedVariable]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    import netCDF4

    with netCDF4.Dataset(path) as dataset:
        for variable in variables:
            values = dataset.variables.get(variable.var_name or variable.name)
            if values is None:
                continue
            longest = int(np.argmax(values.shape)) if values.shape else 0
            steps = [slice(None)] * max(len(values.shape), 1)
            steps[longest] = slice(None, None, max(1, -(-values.size // MOST_VALUES)))
            yield variable.name, np.ma.filled(np.ma.asarray(values[tuple(steps)], dtype=np.float64), np.nan)
