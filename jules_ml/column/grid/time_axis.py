"""Time axes of driving data, compared with the times that follow from the names of the files and the interval of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import netCDF4
import pandas as pd

from jules_ml.column.grid.files import TIME
from jules_ml.column.grid.series import Piece
from jules_ml.errors import BadInput

_REMEDY: Final = "correct data_start, data_period or the template of grid.drive.file, or the time axis of the file"


def check_times(
    file: netCDF4.Dataset, variable: netCDF4.Variable[Any], path: Path, piece: Piece, period: pd.Timedelta
) -> None:
    """Refuse a file with too few time levels, or whose time axis differs from the expected times.

    Parameters
    ----------
    file : netCDF4.Dataset
    variable : netCDF4.Variable
    path : Path
        File, for messages.
    piece : Piece
        Levels that are needed.
    period : Timedelta
        Interval of the data.

    Raises
    ------
    BadInput
        If levels are missing; if the axis begins at another time, by more than a period, has another interval, or has another time at the
        last level needed, by more than half a period. An axis that cannot be read is not compared, as JULES does not read it either.
    """
    dim = next((dim for dim in TIME if dim in variable.dimensions), variable.dimensions[0])
    axis = file.variables.get(dim)
    begins = _stamp(axis, 0)
    # stamps may be those of the start, the middle or the end of intervals
    if begins is not None and abs(begins - piece.begins) > period:
        raise BadInput(
            f"its time axis begins at {begins}, and by data_start and the name of the file it begins at {piece.begins}",
            where=path,
            remedy=_REMEDY,
        )
    levels, needed = len(file.dimensions[dim]), piece.first + piece.count
    if needed > levels:
        raise BadInput(
            f"the file has {levels} time levels, and {needed} are needed from {piece.begins}",
            where=path,
            remedy="complete the file, or correct data_start, data_end and data_period",
        )
    if begins is None or axis is None:
        return
    following = _stamp(axis, 1) if levels > 1 else None
    if following is not None and abs(following - begins - period) > period / 2:
        raise BadInput(
            f"the interval of its time axis is {following - begins}, and that of the data is {period}",
            where=path,
            remedy=_REMEDY,
        )
    last, expected = _stamp(axis, needed - 1), begins + (needed - 1) * period
    if last is None or abs(last - expected) > period / 2:
        calendar = str(getattr(axis, "calendar", "standard"))
        raise BadInput(
            f"by its time axis, of calendar {calendar}, time level {needed} is {last or 'no date of the Gregorian calendar'}, "
            f"and by data_period it is {expected}",
            where=path,
            remedy=_REMEDY,
        )


def _stamp(axis: netCDF4.Variable[Any] | None, level: int) -> pd.Timestamp | None:
    """Time of a level of an axis; None if it states none that can be read, or no date of the Gregorian calendar."""
    if axis is None or " since " not in str(getattr(axis, "units", "")):
        return None
    try:
        moment: Any = netCDF4.num2date(axis[level], axis.units, getattr(axis, "calendar", "standard"))
        return pd.Timestamp(moment.isoformat())
    except (ValueError, AttributeError):
        return None
