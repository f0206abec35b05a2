"""Site dataset from the variables of a netCDF file of one site: units, quality codes, soil sensors, steps of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.missing_codes import refuse_old_codes
from jules_ml.data.netcdffile import numbers_along_time
from jules_ml.data.problems import report
from jules_ml.data.profile import RecordColumns, align
from jules_ml.data.regular import most_frequent_step
from jules_ml.data.site import SiteMeta, drop_out_of_range, refuse_missing_codes, site_dataset
from jules_ml.data.units import convert, refuse_fraction_as_percent
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput

_DAY = pd.Timedelta(days=1)
_AMOUNTS = ("mm", "kg m-2", "kg/m2", "kg/m^2")


@dataclass(frozen=True)
class NetcdfColumn:
    """Meaning of a variable of the file.

    Attributes
    ----------
    variable : str
        Name in the site dataset.
    units : str
        Unit that applies where the file states none.
    depth : float or None
        Depth of a soil sensor [m], NaN if unknown; None for other variables.
    """

    variable: str
    units: str
    depth: float | None = None


def time_series(ds: xr.Dataset) -> list[str]:
    """Return the variables along time, without the time axis and its bounds."""
    return [str(name) for name, v in ds.data_vars.items() if "time" in v.dims and "bounds" not in str(name)]


def refuse_unknown(names: Sequence[str], known: Sequence[str], ignore: Sequence[str], *, kind: str, where: str) -> None:
    """Raise an error for variables that are neither known nor ignored.

    Raises
    ------
    BadInput
        If there is one; the error lists them all.
    """
    unknown = [n for n in names if n not in known and not any(fnmatchcase(n, pattern) for pattern in ignore)]
    if unknown:
        report(
            BadInput(
                f"variable {', '.join(unknown)} is not a known variable of {kind}",
                where=where,
                remedy="correct the name, or leave it out with ignore = "
                f"[{', '.join(repr(name) for name in unknown)}]".replace("'", '"'),
                keys={"ignore": unknown},
            )
        )


def steps_of(stamps: pd.DatetimeIndex, *, where: str) -> pd.Timedelta:
    """Return the step of the time stamps, of which all differences are multiples.

    Raises
    ------
    BadInput
        If there are fewer than two, or a difference is not a multiple of the most frequent one.
    """
    steps = pd.Series(stamps).diff().dropna()
    step = most_frequent_step(stamps)
    if step is None:
        raise BadInput("the file has a single time step", where=where, remedy="give a record of many steps")
    if step > _DAY or _DAY % step:
        raise BadInput(
            f"the time stamps are {step} apart, and a day is not a multiple of it",
            where=where,
            remedy="correct the unit of time, or give a record of steps of up to a day",
        )
    odd = np.flatnonzero((steps % step != pd.Timedelta(0)).to_numpy())
    if odd.size:
        raise BadInput(
            f"time stamp {stamps[odd[0] + 1]} is {steps.iloc[odd[0]]} after the previous one, not a multiple of the step {step}",
            where=where,
            remedy="correct the time axis",
        )
    return step


def netcdf_record(
    ds: xr.Dataset,
    columns: Mapping[str, NetcdfColumn],
    *,
    codes: Callable[[str], NDArray[np.float64] | None],
    qc_meaning: str,
    time: pd.DatetimeIndex,
    interval: pd.Timedelta,
    meta: SiteMeta,
    where: str,
) -> xr.Dataset:
    """Build a site dataset from the variables of a file.

    Parameters
    ----------
    ds : xarray.Dataset
        File of one point: variables of the dimension ``time``.
    columns : mapping of str to NetcdfColumn
        Variables to read, by their name in the file.
    codes : callable
        Returns the quality codes of a variable of the file, 0 measured and 1 filled, or None.
    qc_meaning : str
        Meaning of the codes.
    time, interval, meta, where
        See :func:`~jules_ml.data.site.site_dataset`.

    Returns
    -------
    xarray.Dataset
        Site dataset. The attribute ``column`` of a variable lists those of the file, ``n_dropped`` counts values outside the valid range.

    Raises
    ------
    BadInput
        If a unit is unknown, or a value is a missing-value code; as :func:`~jules_ml.data.site.site_dataset`.
    """
    read = RecordColumns()
    dropped: dict[str, int] = {}
    for name, column in columns.items():
        place = f"{where}, variable {name}"
        raw = numbers_along_time(ds, name, where=where)
        array, n = _converted(raw, str(ds[name].attrs.get("units", "")), column, interval, place)
        dropped[column.variable] = dropped.get(column.variable, 0) + n
        read.add(column.variable, array, codes(name), depth=column.depth)
    profile = align(read.sensors)
    result = site_dataset(
        read.values | profile.values,
        qc=read.qc | profile.qc,
        qc_meaning=qc_meaning,
        depth=profile.depth.tolist() if read.sensors else None,
        time=time,
        interval=interval,
        meta=meta,
        where=where,
    )
    for variable, n in dropped.items():
        names = [name for name, column in columns.items() if column.variable == variable]
        result[variable].attrs |= {"column": " ".join(names), "n_dropped": n}
    return profile.label(result)


def _converted(
    raw: NDArray[np.float64], unit: str, column: NetcdfColumn, interval: pd.Timedelta, where: str
) -> tuple[NDArray[np.float64], int]:
    refuse_missing_codes(raw, where=where)
    unit, as_in_file = unit.strip() or column.units, raw
    if unit == "%":
        refuse_fraction_as_percent(raw, where=where)
    if unit in _AMOUNTS and VARIABLES[column.variable].units == "kg m-2 s-1":
        raw, unit = raw / interval.total_seconds(), f"{'mm' if unit == 'mm' else 'kg m-2'} s-1"
    converted = convert(raw, unit, VARIABLES[column.variable].units, where=where)
    refuse_old_codes(as_in_file, converted, column.variable, where=where, has_key=False, drops_outside=True)
    return drop_out_of_range(column.variable, converted)
