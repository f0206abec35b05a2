"""Values of driving data: in the range of their variable, and as many rows as there are periods from ``data_start`` to ``data_end``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf

#: Most values of a netCDF variable that are read.
MOST_VALUES: Final = 20_000_000
#: Difference from the expected number of rows that is a few rows: a number, or a part of it.
_FEW_ROWS, _FEW_PART = 3, 0.01


def driving_problems(path: Path, variables: Sequence[ListedVariable]) -> Iterator[tuple[str, str]]:
    """Yield problem and remedy of each variable with values outside its range, which are those of another unit or codes.

    Parameters
    ----------
    path : Path
        Driving data of a point or of land points: ASCII with one column for each variable, or netCDF.
    variables : sequence of ListedVariable
        Entries ``var`` and ``var_name`` of JULES_DRIVE, in the order of the columns.
    """
    series = _of_netcdf(path, variables) if is_netcdf(path.name) else _of_text(path, [v.name for v in variables])
    for name, values in series:
        problem = MODEL_VARIABLES[name].problem(values) if name in MODEL_VARIABLES else None
        if problem is not None:
            yield f"{path.name}: {problem[0]}", problem[1]


def row_difference(path: Path, expected: int) -> str:
    """Return how many rows an ASCII file has, if these are a few more or less than the periods of its namelist; otherwise empty.

    A file that is much shorter or longer has other times than its namelist says, and JULES reads what the run needs.
    """
    rows = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            text = line.strip()
            rows += bool(text) and text[0] not in "#!"
    if not 0 < abs(rows - expected) <= max(_FEW_ROWS, _FEW_PART * expected):
        return ""
    return f"{path.name} has {rows} rows, and from data_start to data_end there are {expected} periods"


def _of_text(path: Path, names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Columns of a text; none if it is not a plain table of numbers, as with repeat counts, which JULES reads too."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        rows = [line.replace(",", " ").split() for line in lines if line.strip()[0] not in "#!"]
        table = pd.DataFrame(rows).iloc[:, : len(names)].astype(np.float64)
    except ValueError:
        return
    for position, name in enumerate(names[: table.shape[1]]):
        yield name, table.iloc[:, position].to_numpy()


def _of_netcdf(path: Path, variables: Sequence[ListedVariable]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    import netCDF4

    with netCDF4.Dataset(path) as dataset:
        for variable in variables:
            values = dataset.variables.get(variable.var_name or variable.name)
            if values is not None and values.size <= MOST_VALUES:
                yield variable.name, np.ma.filled(np.ma.asarray(values[:], dtype=np.float64), np.nan)
