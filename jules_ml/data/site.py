"""The site dataset: the common format of all observations.

A site dataset is an :class:`xarray.Dataset` with dimension ``time`` and, if needed, ``depth``; several can be joined along ``site``.
Names, units and plausible ranges are those of :mod:`jules_ml.data.variables`. Time stamps are UTC and mark the *end* of the averaging
interval. Missing values are NaN. The quality code of a variable is ``<name>_qc``, with the coding of the source in its attributes, so
that measured and gap-filled values can be distinguished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jules_ml.data.problems import report
from jules_ml.data.time_order import refuse_disorder
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.cf import CONVENTIONS, TIME

#: Position of the time stamp in its averaging interval.
StampAt = Literal["start", "middle", "end"]

#: Missing-value codes of data centres. If one remains among the values, the code given to the reader is wrong.
_SENTINELS = (-9999.0, -9990.0, -99999.0, -999.0, -6999.0, 1e20, -1e20)
#: Largest value of a record up to which it is a hundredth of the true one: water content of no soil stays below 0.7 %.
_HUNDREDTHS = {"theta": 0.0068, "theta_crns": 0.0068, "relative_humidity": 0.0112, "swi": 0.0101}
#: Fewest values that tell it.
_LEAST_VALUES = 30
#: Radiation that is zero at night, and size from which a value is not of a night in any unit [unit of the variable].
_LIGHT = ("sw_down", "sw_up", "sw_diffuse", "sw_pot", "ppfd", "ppfd_up")
_LEAST_LIGHT = 50.0


@dataclass(frozen=True)
class SiteMeta:
    """Provenance of a record.

    ``utc_offset_hours`` is local standard time minus UTC, which the reader subtracted from the time stamps of the source.
    """

    site: str
    source: str
    licence: str
    latitude: float | None = None
    longitude: float | None = None
    elevation: float | None = None
    utc_offset_hours: float = 0.0


def utc_end_of_interval(
    stamps: ArrayLike,
    *,
    interval: pd.Timedelta,
    stamp_at: StampAt,
    utc_offset_hours: float | None,
    where: str,
    unreadable_are_reported: bool = False,
) -> pd.DatetimeIndex:
    """Convert time stamps of a source to UTC at the end of each interval.

    Parameters
    ----------
    stamps : array of datetime64, shape (time,)
        Time stamps of the source in local standard time.
    interval : Timedelta
        Averaging interval.
    stamp_at : {'start', 'middle', 'end'}
        Position of the time stamp in the interval.
    utc_offset_hours : float or None
        Local standard time minus UTC [h]; ``None`` if unknown.
    where : str
        File and column, for the error message.
    unreadable_are_reported : bool, optional
        Whether missing time stamps have been reported with their line.

    Raises
    ------
    BadInput
        If the offset is unknown, or time stamps are missing, duplicate, not in order, or outside the years 1678 to 2261.
    """
    if utc_offset_hours is None:
        raise BadInput(
            "time stamps are in local time and the offset from UTC is unknown",
            where=where,
            remedy="give utc_offset_hours (local standard time minus UTC, for example -7.0 for US Mountain time)",
        )
    index = pd.DatetimeIndex(stamps)
    if index.hasnans and not unreadable_are_reported:
        row = int(np.flatnonzero(index.isna())[0])
        report(
            BadInput(
                f"time stamp of data row {row + 1} cannot be read", where=where, remedy="correct or delete that row"
            )
        )
    refuse_disorder(index, where=where)
    shift = {"start": interval, "middle": interval / 2, "end": pd.Timedelta(0)}[stamp_at]
    try:
        return (index + shift - pd.Timedelta(hours=utc_offset_hours)).as_unit("ns")
    except pd.errors.OutOfBoundsDatetime as error:
        raise BadInput(
            f"time stamps from {index[0]} to {index[-1]} are outside the years 1678 to 2261",
            where=where,
            remedy="correct the year",
        ) from error


def site_dataset(
    values: Mapping[str, ArrayLike],
    *,
    time: pd.DatetimeIndex,
    interval: pd.Timedelta,
    meta: SiteMeta,
    depth: Sequence[float] | None = None,
    qc: Mapping[str, ArrayLike] | None = None,
    qc_meaning: str | None = None,
    where: str,
) -> xr.Dataset:
    """Build a site dataset from columns in its units, and check all values.

    Parameters
    ----------
    values : mapping of str to array, shape (time,) or (time, depth)
        Columns by their name in :data:`~jules_ml.data.variables.VARIABLES`, in its units; NaN where missing.
    time : DatetimeIndex, shape (time,)
        UTC, end of the averaging interval: see :func:`utc_end_of_interval`.
    interval : Timedelta
        Averaging interval.
    meta : SiteMeta
        Provenance.
    depth : sequence of float, optional
        Depth of the soil sensors [m], positive downward; NaN if the source states only their order.
    qc : mapping of str to array, optional
        Quality codes by the name of their variable.
    qc_meaning : str, optional
        Meaning of the codes, as defined by the source; required with ``qc``.
    where : str
        File, for error messages.

    Returns
    -------
    xarray.Dataset
        Site dataset with ``units``, ``long_name``, ``standard_name`` and ``cell_methods`` for every variable.

    Raises
    ------
    BadInput
        If a name is unknown, or a value is a missing-value code or outside the valid range.
    """
    data: dict[str, tuple[tuple[str, ...], NDArray[np.float64], dict[str, object]]] = {}
    minutes = interval.total_seconds() / 60.0
    for name, column in values.items():
        if name not in VARIABLES:
            raise BadInput(
                f"'{name}' is not a variable of the site dataset",
                where=where,
                remedy=f"use one of {', '.join(sorted(VARIABLES))}",
            )
        array = np.asarray(column, dtype=np.float64)
        check_values(name, array, time=time, where=where)
        variable = VARIABLES[name]
        method = {"min": "minimum", "max": "maximum"}.get(name.rsplit("_", 1)[-1], "mean")
        attrs: dict[str, object] = {
            "units": variable.units,
            "long_name": variable.long_name,
            "cell_methods": f"time: {method} (interval: {minutes:g} minutes comment: stamp at end of interval)",
        }
        if variable.standard_name is not None:
            attrs["standard_name"] = variable.standard_name
        data[name] = (variable.dims, array, attrs)
    for name, codes in (qc or {}).items():
        if qc_meaning is None:
            raise ValueError("qc needs qc_meaning")
        attrs = {"units": "1", "long_name": f"quality code of {name}", "comment": qc_meaning}
        data[f"{name}_qc"] = (VARIABLES[name].dims, np.asarray(codes, dtype=np.float64), attrs)
        data[name][2]["ancillary_variables"] = f"{name}_qc"
    coords: dict[str, object] = {"time": ("time", time.to_numpy(), {**TIME, "long_name": "end of interval, UTC"})}
    if depth is not None:
        coords["depth"] = (
            "depth",
            np.asarray(depth, dtype=np.float64),
            {"units": "m", "positive": "down", "standard_name": "depth"},
        )
    attrs = {
        "Conventions": CONVENTIONS,
        "site": meta.site,
        "source": meta.source,
        "licence": meta.licence,
        "interval_seconds": interval.total_seconds(),
        "utc_offset_hours": meta.utc_offset_hours,
    }
    for key in ("latitude", "longitude", "elevation"):
        value = getattr(meta, key)
        if value is not None:
            attrs[key] = float(value)
    return xr.Dataset(data, coords=coords, attrs=attrs)


def check_values(name: str, array: NDArray[np.float64], *, time: pd.DatetimeIndex, where: str) -> None:
    """Raise an error for missing-value codes, infinite values and values outside the valid range.

    Raises
    ------
    BadInput
        If there is such a value; the error names the first, with its time stamp.
    """
    variable = VARIABLES[name]
    bad = _looks_missing(array)
    place = f"{where}, variable {name}"
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        report(
            BadInput(
                f"{array[first]:g} at {time[first[0]]} looks like a missing-value code ({int(bad.sum())} values)",
                where=place,
                remedy="give the missing-value code to the reader, or replace it by an empty cell",
            )
        )
    _refuse_hundredths(name, array, where=place)
    with np.errstate(invalid="ignore"):
        out = ~bad & ((array < variable.valid_min) | (array > variable.valid_max))
    if out.any():
        first = tuple(int(i) for i in np.argwhere(out)[0])
        report(
            BadInput(
                f"{array[first]:g} at {time[first[0]]} is outside {variable.valid_min:g} to {variable.valid_max:g} {variable.units} "
                f"({int(out.sum())} values)",
                where=place,
                remedy=_remedy_for_range(variable.units, array[~bad]),
            )
        )


def _remedy_for_range(units: str, array: NDArray[np.float64]) -> str:
    """Remedy for values outside the valid range, by the unit that the column seems to have."""
    if units in ("m3 m-3", "1") and float(np.nanmax(array)) > 1.5:
        if float(np.nanmedian(array)) > 1.5:
            return "the column seems to be in %: correct its unit"
        return "correct the unit if the column is in %, otherwise remove the values"
    if units == "K" and abs(float(np.nanmedian(array))) < 60.0:
        return "the column seems to be in degC: correct its unit"
    return "correct the unit, or remove the values"


def _refuse_hundredths(name: str, array: NDArray[np.float64], *, where: str) -> None:
    """Refuse fractions that are a hundredth of possible ones: all of many values are below what the driest place has."""
    finite = array[np.isfinite(array)]
    largest = float(finite.max()) if finite.size else np.inf
    if finite.size >= _LEAST_VALUES and 0.0 < largest <= _HUNDREDTHS.get(name, 0.0):
        report(
            BadInput(
                f"the largest of {finite.size} values is {largest:.3g} {VARIABLES[name].units}: they seem to be a hundredth of the "
                "true ones",
                where=where,
                remedy="correct the unit of the column (not %), or multiply the values by 100",
            )
        )


def refuse_missing_codes(array: NDArray[np.float64], *, where: str) -> None:
    """Raise an error for missing-value codes, before a conversion of units hides them.

    Parameters
    ----------
    array : array
        Values in the unit of the file.
    where : str
        File and column, for the error message.

    Raises
    ------
    BadInput
        If there is a missing-value code; the error gives the code and the number of values.
    """
    bad = _looks_missing(array)
    if bad.any():
        report(
            BadInput(
                f"{array[bad].flat[0]:g} looks like a missing-value code ({int(bad.sum())} values)",
                where=where,
                remedy="give the missing-value code to the reader, or replace it by an empty cell",
            )
        )


def drop_out_of_range(name: str, array: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Set values outside the valid range to NaN and count them, for sources that publish them without a flag.

    Missing-value codes, and columns of which most values are outside the range, are not changed, so that :func:`check_values` raises
    an error: in the latter case the unit is wrong, not the sensor. Of radiation the values by day count.

    Parameters
    ----------
    name : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`, for the valid range.
    array : array
        Values in the unit of the variable.

    Returns
    -------
    values : array, shape of ``array``
        Values, with NaN for those outside the range.
    dropped : int
        Number of values set to NaN.
    """
    variable = VARIABLES[name]
    with np.errstate(invalid="ignore"):
        out = (array < variable.valid_min) | (array > variable.valid_max)
    out &= ~_looks_missing(array)
    # nights are in the range of radiation in any unit
    tell = np.isfinite(array) & (np.abs(array) > _LEAST_LIGHT if name in _LIGHT else True)
    if 2 * int((out & tell).sum()) > max(int(tell.sum()), 1):
        return array, 0
    return np.where(out, np.nan, array), int(out.sum())


def _looks_missing(array: NDArray[np.float64]) -> NDArray[np.bool_]:
    bad = np.isinf(array)
    for sentinel in _SENTINELS:
        bad |= np.isclose(array, sentinel, rtol=1e-6, atol=0.0)
    return bad
