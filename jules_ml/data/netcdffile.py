"""Reading netCDF so that whatever is wrong with the file is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from jules_ml.data.textfile import require_columns
from jules_ml.errors import BadInput

_CLASSIC = (b"CDF\x01", b"CDF\x02")


def read_netcdf(
    path: Path, *, required: Sequence[str] = (), variables: Sequence[str] | None = None, kind: str
) -> xr.Dataset:
    """A netCDF file in memory, fill values as NaN, time as the file has it.

    Parameters
    ----------
    path : Path
        netCDF file, classic or netCDF-4.
    required : sequence of str
        Variables without which the file is not of its kind.
    variables : sequence of str, optional
        Variables to load beside the required ones; all unless given.
    kind : str
        What the file should be, for the error message (``"JULES output"``).

    Raises
    ------
    BadInput
        If the file is missing, empty, cut short or not netCDF; if it is not of its kind; if a variable asked for is not in
        it.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="correct the path")
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=path, remedy="make or download it again")
    with path.open("rb") as file:
        # The netCDF library fills what is cut off a classic file with zeros and says nothing; SciPy's reader notices.
        options = {"engine": "scipy", "mmap": False} if file.read(4) in _CLASSIC else {"engine": "netcdf4"}
    try:
        with xr.open_dataset(path, decode_times=False, **options) as opened:
            names = [str(name) for name in opened.variables]
            missing = [name for name in required if name not in names]
            if missing:
                raise BadInput(
                    f"this is not {kind}: it has no variable {', '.join(missing)}",
                    where=path,
                    remedy="give a file of that kind, as the program that made it wrote it",
                )
            if variables is None:
                return opened.load()
            require_columns(names, variables, where=path)
            return opened[list(dict.fromkeys([*required, *variables]))].load()
    except BadInput:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, EOFError) as error:
        raise BadInput(
            f"the file is cut short or is not netCDF ({error})",
            where=path,
            remedy="make or download it again; a run that was stopped leaves such a file",
        ) from error


def read_cf(path: Path, *, required: Sequence[str], kind: str) -> xr.Dataset:
    """A netCDF file in memory as :func:`read_netcdf` gives it, with scales applied and time as dates, as the CF conventions have them.

    Parameters
    ----------
    path, required, kind
        As there; ``time`` is required too.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    BadInput
        As there; if time is in no unit of time.
    """
    ds = read_netcdf(path, required=("time", *required), kind=kind)
    try:
        decoded = xr.decode_cf(ds)
        if decoded["time"].dtype.kind in "iuf":
            raise ValueError("time has no unit that numbers become dates by")
    except ValueError as error:
        raise BadInput(
            f"time is in '{ds['time'].attrs.get('units', '')}', which is not a unit of time",
            where=f"{path}, variable time",
            remedy="write it as CF does, for example 'hours since 2017-01-01 01:00:00'",
        ) from error
    return decoded
