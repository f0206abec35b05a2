"""Reading of netCDF files, with error messages that name the problem of the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.textfile import require_columns
from jules_ml.data.times import gregorian_dates, has_time_units, refuse_missing_times
from jules_ml.data.unfinished import refuse_unfinished
from jules_ml.errors import BadInput

_CLASSIC = (b"CDF\x01", b"CDF\x02")


def read_netcdf(
    path: Path, *, required: Sequence[str] = (), variables: Sequence[str] | None = None, kind: str
) -> xr.Dataset:
    """Read a netCDF file into memory, with fill values as NaN and time not decoded.

    Parameters
    ----------
    path : Path
        netCDF file, classic or netCDF-4.
    required : sequence of str
        Variables that a file of this kind must contain.
    variables : sequence of str, optional
        Variables to load in addition to the required ones; default: all.
    kind : str
        Expected kind of file, for the error message (for example ``"JULES output"``).

    Raises
    ------
    BadInput
        If the file is missing, empty, truncated or not netCDF; if it is not of the expected kind; if a variable is missing; if
        it is a result of an ensemble without its manifest.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path")
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=path, remedy="create or download it again")
    refuse_unfinished(path)
    with path.open("rb") as file:
        # The netCDF library silently fills the missing part of a truncated classic file with zeros; SciPy's reader reports it.
        options = {"engine": "scipy", "mmap": False} if file.read(4) in _CLASSIC else {"engine": "netcdf4"}
    try:
        with xr.open_dataset(path, decode_times=False, **options) as opened:
            names = [str(name) for name in opened.variables]
            missing = [name for name in required if name not in names]
            if missing:
                raise BadInput(
                    f"this is not {kind}: it has no variable {', '.join(missing)}",
                    where=path,
                    remedy="give a file of that kind, unchanged since the program wrote it",
                )
            if variables is None:
                return opened.load()
            require_columns(names, variables, where=path)
            return opened[list(dict.fromkeys([*required, *variables]))].load()
    except BadInput:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, EOFError) as error:
        raise BadInput(
            f"the file is truncated or is not netCDF ({error})",
            where=path,
            remedy="create or download it again; a run that was stopped leaves such a file",
        ) from error


def read_cf(path: Path, *, required: Sequence[str], kind: str) -> xr.Dataset:
    """Read a netCDF file as :func:`read_netcdf`, with scale factors applied and time decoded by the CF conventions.

    Parameters
    ----------
    path, required, kind
        See :func:`read_netcdf`; ``time`` is always required.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    BadInput
        As :func:`read_netcdf`; or if the unit of time is invalid, its calendar is not Gregorian, a date is outside the years 1678 to
        2261, or a time is missing.
    """
    ds = read_netcdf(path, required=("time", *required), kind=kind)
    decoded = ds.copy()
    for name in [name for name, values in ds.variables.items() if name == "time" or has_time_units(values.attrs)]:
        dates = gregorian_dates(ds[name].to_numpy(), ds[name].attrs, where=f"{path}, variable {name}")
        if name == "time":
            refuse_missing_times(dates, where=f"{path}, variable time")
        kept = {key: value for key, value in ds[name].attrs.items() if key not in ("units", "calendar")}
        decoded[name] = (ds[name].dims, dates, kept)
    return decoded


def numbers_along_time(ds: xr.Dataset, name: str, *, where: str) -> NDArray[np.float64]:
    """Return a variable of a single series as numbers.

    Parameters
    ----------
    ds : xarray.Dataset
        File of one point.
    name : str
        Variable, or its quality codes.
    where : str
        File, for the error message.

    Returns
    -------
    array, shape (time,)

    Raises
    ------
    BadInput
        If the variable has other dimensions than time, or is not numeric.
    """
    values = ds[name]
    if values.dims != ("time",) or values.dtype.kind not in "iufb":
        dims = ", ".join(map(str, values.dims)) or "none"
        raise BadInput(
            f"the variable is not a series of numbers along time (dimensions: {dims}; type: {values.dtype})",
            where=f"{where}, variable {name}",
            remedy="give a file with one number for each time, or leave the variable out",
        )
    return values.to_numpy().astype(np.float64)


def netcdf_names(path: Path) -> tuple[str, ...]:
    """Return the names of all variables of a netCDF file; none if the file cannot be read as one."""
    try:
        with path.open("rb") as file:
            if not file.read(4).startswith((b"CDF", b"\x89HDF")):
                return ()
        with xr.open_dataset(path, decode_times=False) as opened:
            return tuple(map(str, opened.variables))
    except (OSError, RuntimeError, ValueError, TypeError, EOFError):
        return ()
