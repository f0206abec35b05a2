"""Start and end of the averaging periods of a netCDF file, from the bounds of its time axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.times import Dates, gregorian_dates, refuse_missing_times
from jules_ml.errors import BadInput

_BOUNDS = "time_bounds"


@dataclass(frozen=True, eq=False)
class Periods:
    """Averaging periods of a file.

    Attributes
    ----------
    start, end : array of datetime64[ns], shape (time,)
    inside : array of bool, shape (time,)
        Whether the period contains the times that were averaged; see :func:`averaging_periods`.
    """

    start: Dates
    end: Dates
    inside: NDArray[np.bool_]

    @property
    def longest(self) -> float:
        """Length of the longest period [s]."""
        return float((self.end - self.start).max() / np.timedelta64(1, "s"))


def bounds_name(ds: xr.Dataset, time: str = "time") -> str | None:
    """Return the variable with the bounds of the time axis; None if there is none."""
    name = str(ds[time].attrs.get("bounds", _BOUNDS)) if time in ds.variables else _BOUNDS
    return name if name in ds.variables and ds[name].ndim == 2 and ds[name].shape[-1] == 2 else None


def averaging_periods(
    ds: xr.Dataset, bounds: str, *, where: str, time: str = "time", decode: Callable[..., Dates] = gregorian_dates
) -> Periods:
    """Read the averaging periods from bounds, which may have units of their own.

    xarray's ``resample(...).mean()`` averages the bounds with the data: they then are as short as one original step, in the middle of the
    new period. Such periods are those between the time stamps; the stamps are their start or end (``label``), whichever encloses the
    averaged bounds. A last period with a single step of the day before, which ``label='left'`` makes of stamps at the end, does not
    enclose them and is marked.

    Parameters
    ----------
    ds : xarray.Dataset
        File with time not decoded.
    bounds : str
        Variable of shape (time, 2).
    where : str
        File, for error messages.
    time : str, optional
        Name of the time axis.
    decode : callable, optional
        As :func:`~jules_ml.data.times.gregorian_dates`.

    Returns
    -------
    Periods

    Raises
    ------
    BadInput
        As ``decode``; or if a time is missing.
    """
    attrs = dict(ds[time].attrs)
    own = {key: value for key, value in ds[bounds].attrs.items() if key in ("units", "calendar")}
    place = f"{where}, variable {time}"
    of_bounds = f"{where}, variable {bounds}" if own else place
    edges = decode(ds[bounds].to_numpy(), attrs | own, where=of_bounds)
    refuse_missing_times(edges, where=of_bounds)
    start, end = edges[:, 0], edges[:, 1]
    everything = np.ones(len(start), dtype=bool)
    if len(start) < 2:
        return Periods(start, end, everything)
    stamps = decode(ds[time].to_numpy(), attrs, where=place)
    refuse_missing_times(stamps, where=place)
    steps = np.diff(stamps)
    short = np.median((end - start).astype(np.int64)) <= 0.5 * np.median(steps.astype(np.int64))
    if not short or (stamps == end).all():
        return Periods(start, end, everything)
    middle = start + (end - start) // 2
    if np.median((middle - stamps).astype(np.int64)) > 0:
        start, end = stamps, np.append(stamps[1:], stamps[-1] + steps[-1])
    else:
        start, end = np.insert(stamps[:-1], 0, stamps[0] - steps[0]), stamps
    return Periods(start, end, (middle >= start) & (middle <= end))


def refuse_overlap(periods: Periods, *, where: str) -> None:
    """Raise an error for a period that begins before the one before it ends.

    Raises
    ------
    BadInput
        If there is one; the error names the first.
    """
    early = np.flatnonzero(periods.start[1:] < periods.end[:-1])
    if early.size:
        row = int(early[0])
        raise BadInput(
            f"the period from {periods.start[row + 1]} begins before the one to {periods.end[row]} ends",
            where=where,
            remedy="give the file as the program wrote it, or correct the times",
        )
