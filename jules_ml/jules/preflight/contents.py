"""Contents of input files: rows and columns of ASCII files, variables and times of netCDF files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from jules_ml.jules.variable_lists import is_netcdf

#: Suffixes by which JULES selects how it reads a file.
SUFFIXES = (".nc", ".cdf", ".asc", ".txt", ".dat")


def suffix_problem(path: Path) -> str:
    """Return why JULES does not read a file of this name; empty if it does."""
    if path.suffix in SUFFIXES:
        return ""
    return f"JULES does not recognise the suffix of {path.name}; it reads {', '.join(SUFFIXES)}"


def column_problem(path: Path, needed: int) -> str:
    """Return how many numbers are missing from the first row of an ASCII file; empty if there are enough.

    Parameters
    ----------
    path : Path
    needed : int
        Number of values that JULES reads from one row.
    """
    row = next(_rows(path), None)
    if row is None:
        return f"{path.name} contains no numbers"
    present = sum(_count(word) for word in row.replace(",", " ").split())
    if present >= needed:
        return ""
    return f"the first row of {path.name} has {present} numbers, and JULES reads {needed} from one row"


def row_problem(path: Path, needed: int) -> str:
    """Return how many rows are missing from an ASCII file; empty if there are enough."""
    present = sum(1 for _ in islice(_rows(path), needed))
    if present >= needed:
        return ""
    return f"{path.name} has {present} rows, and the run needs {needed}"


def netcdf_problem(path: Path, variables: Sequence[str], time: str = "", needed: int = 0) -> str:
    """Return which variables or times are missing from a netCDF file; empty if none are.

    Parameters
    ----------
    path : Path
    variables : sequence of str
        Names of the variables in the file.
    time : str
        Name of the dimension of time.
    needed : int
        Number of times that JULES reads.
    """
    import netCDF4

    try:
        with netCDF4.Dataset(path) as dataset:
            names = set(dataset.variables)
            times = len(dataset.dimensions[time]) if time in dataset.dimensions else None
    except OSError as error:
        return f"{path.name} cannot be read as netCDF ({error.strerror or error})"
    missing = [name for name in dict.fromkeys(variables) if name not in names]
    if missing:
        return f"{path.name} has no variable {', '.join(missing)}; it has {', '.join(sorted(names)[:12])}"
    if time and times is None:
        return f"{path.name} has no dimension {time} (time_dim_name of JULES_INPUT_GRID)"
    if times is not None and times < needed:
        return f"{path.name} has {times} times, and the run needs {needed}"
    return ""


def missing_columns(path: Path, names: Sequence[str], sizes: Mapping[str, int]) -> str:
    """Return what is missing from an ASCII file of one row with the values of several variables; empty if unknown or complete."""
    if is_netcdf(path.name) or any(name not in sizes for name in names):
        return ""
    return column_problem(path, sum(sizes[name] for name in names))


def _rows(path: Path) -> Iterator[str]:
    """Yield lines with data; JULES skips empty lines and those that start with ``#`` or ``!``."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            text = line.strip()
            if text and text[0] not in "#!":
                yield text


def _count(word: str) -> int:
    """Return the number of values of a word in list-directed input, where ``3*0.5`` is three."""
    repeat, star, _ = word.partition("*")
    return int(repeat) if star and repeat.isdigit() else 1
