"""Series of a record, one for each variable and sensor, and their summaries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.physics.constants import SECONDS_PER_YEAR

#: Dimensions of which each element has a summary of its own; others are summarised together.
_SENSORS = ("depth", "port", "soil")
_MOST_SENSORS = 60
_PRECIPITATION = ("precip", "tot_rain", "tot_snow", "rainfall", "snowfall")
_NEARLY_A_YEAR = pd.Timedelta(days=330)
_YEAR_SECONDS = SECONDS_PER_YEAR


@dataclass(frozen=True, eq=False)
class Series:
    """Values of a variable, or of one of its sensors.

    Attributes
    ----------
    variable, units, long_name : str
        Name in the record, unit and description.
    column : str
        Column of the file; empty if it is not known.
    depth : float or None
        Depth of the sensor [m], NaN if unknown; None for variables without depth.
    label : str
        Name for messages: variable, depth and column.
    sensor : dict of str to int
        Index along the dimensions of sensors.
    values : array, shape (time,) or (time, n)
        NaN where missing.
    measured : array of bool, shape of ``values``, or None
        Whether each value was measured; None if the record has no quality codes of the variable.
    layers : int or None
        Number of soil layers whose depths are not known, which are summarised together.
    """

    variable: str
    units: str
    long_name: str
    column: str
    depth: float | None
    label: str
    sensor: Mapping[str, int]
    values: NDArray[np.float64]
    measured: NDArray[np.bool_] | None
    layers: int | None = None


@dataclass(frozen=True)
class Summary:
    """Summary of a series.

    Attributes
    ----------
    variable, units, long_name, column, depth
        As of :class:`Series`.
    n_values : int
        Number of values.
    missing : float
        Fraction of the steps from the first to the last of the record without a value [1].
    n_gaps, longest_gap_days
        Number of gaps, and the length of the longest [d].
    minimum, median, maximum : float
        NaN if there are no values.
    measured : float or None
        Fraction of the values that was measured [1]; None if the record has no quality codes of the variable.
    layers : int or None
        As of :class:`Series`.
    annual : float or None
        Mean precipitation of a record of nearly a year or more [kg m-2 a-1]; None for other variables.
    """

    variable: str
    units: str
    long_name: str
    column: str
    depth: float | None
    n_values: int
    missing: float
    n_gaps: int
    longest_gap_days: float
    minimum: float
    median: float
    maximum: float
    measured: float | None
    layers: int | None = None
    annual: float | None = None


def series_of(ds: xr.Dataset) -> Iterator[Series]:
    """Return the series of a record, those without a sensor left out."""
    for name in map(str, ds.data_vars):
        if name.endswith("_qc") or "time" not in ds[name].dims or ds[name].dtype.kind not in "iufb":
            continue
        values = ds[name].transpose("time", ...)
        dims = [str(dim) for dim in values.dims if dim != "time"]
        layers = ds.sizes["soil"] if "soil" in dims and "depth" not in ds.coords else None
        sensors = [dim for dim in dims if dim in _SENSORS and (dim != "soil" or layers is None)]
        if math.prod(ds.sizes[dim] for dim in sensors) > _MOST_SENSORS:
            sensors = []
        for place in product(*(range(ds.sizes[dim]) for dim in sensors)):
            at = dict(zip(sensors, place, strict=True))
            if f"sensor_{name}" in ds.coords and int(ds[f"sensor_{name}"][at["depth"]]) == 0:
                continue
            one = values.isel(at).to_numpy().astype(np.float64).reshape(ds.sizes["time"], -1)
            if "port" in at and not np.isfinite(one).any():
                continue
            series = _series(ds, name, at, one[:, 0] if one.shape[1] == 1 else one)
            yield replace(series, layers=layers)


def _series(ds: xr.Dataset, name: str, at: Mapping[str, int], values: NDArray[np.float64]) -> Series:
    depth = float(ds["depth"][at["depth"]]) if "depth" in at and "depth" in ds.coords else None
    if "soil" in at:
        depth = float(ds["depth"][at["soil"]]) if "depth" in ds.coords else None
    column = _column(ds, name, at)
    parts = [name]
    if depth is not None and math.isfinite(depth):
        parts.append(f"at {depth:g} m")
    if "soil" in at:
        parts.append(f"layer {at['soil'] + 1}")
    if "port" in at:
        parts.append(f"port {ds['port'].to_numpy()[at['port']]}")
    if column:
        parts.append(f"(column {column})")
    measured = None
    if f"{name}_qc" in ds:
        codes = (
            ds[f"{name}_qc"]
            .transpose("time", ...)
            .isel({dim: i for dim, i in at.items() if dim in ds[f"{name}_qc"].dims})
        )
        by_step = float(ds.attrs.get("interval_seconds", 0.0)) <= 3600.0
        good = (codes == 0.0) if by_step else (codes >= 0.8)
        measured = good.to_numpy().reshape(values.shape) if good.size == values.size else None
    attrs = ds[name].attrs
    return Series(
        variable=name,
        units=str(attrs.get("units", "")),
        long_name=str(attrs.get("long_name", "")),
        column=column,
        depth=depth,
        label=" ".join(parts),
        sensor=at,
        values=values,
        measured=measured,
    )


def _column(ds: xr.Dataset, name: str, at: Mapping[str, int]) -> str:
    if f"column_{name}" in ds.coords and "depth" in at:
        return str(ds[f"column_{name}"].to_numpy()[at["depth"]])
    columns = str(ds[name].attrs.get("column", "")).split()
    if "depth" not in at:
        # names of columns may contain spaces
        return columns[0] if columns and name == "nee_ustar" else str(ds[name].attrs.get("column", ""))
    if f"sensor_{name}" not in ds.coords:
        return ", ".join(columns[:3])
    numbers = ds[f"sensor_{name}"].to_numpy()
    # sensors are numbered in the order of their columns, unless the source numbers them
    order = sorted(int(number) for number in numbers if number > 0)
    position = order.index(int(numbers[at["depth"]]))
    return columns[position] if len(columns) == len(order) else ""


def summary_of(series: Series, time: pd.DatetimeIndex, interval: pd.Timedelta) -> Summary:
    """Return the summary of a series."""
    present = np.asarray(np.isfinite(series.values).reshape(len(time), -1).any(axis=1))
    n_steps, gaps = gaps_of(present, time, interval)
    finite = series.values[np.isfinite(series.values)]
    quantiles = (finite.min(), np.median(finite), finite.max()) if finite.size else (np.nan,) * 3
    measured = None
    if series.measured is not None and finite.size:
        measured = float(series.measured[np.isfinite(series.values)].mean())
    return Summary(
        variable=series.variable,
        units=series.units,
        long_name=series.long_name,
        column=series.column,
        depth=series.depth,
        n_values=int(present.sum()),
        missing=max(0.0, 1.0 - int(present.sum()) / max(n_steps, 1)),
        n_gaps=len(gaps),
        longest_gap_days=max((gap / pd.Timedelta(days=1) for gap in gaps), default=0.0),
        minimum=float(quantiles[0]),
        median=float(quantiles[1]),
        maximum=float(quantiles[2]),
        measured=measured,
        layers=series.layers,
        annual=_annual(series, finite, interval),
    )


def _annual(series: Series, finite: NDArray[np.float64], interval: pd.Timedelta) -> float | None:
    is_rate = series.variable in _PRECIPITATION and series.units == "kg m-2 s-1"
    if not is_rate or finite.size * interval < _NEARLY_A_YEAR:
        return None
    return float(finite.mean()) * _YEAR_SECONDS


def gaps_of(
    present: NDArray[np.bool_], time: pd.DatetimeIndex, interval: pd.Timedelta
) -> tuple[int, list[pd.Timedelta]]:
    """Return the number of steps from the first to the last stamp, and the length of each gap, missing rows included.

    Parameters
    ----------
    present : array of bool, shape (time,)
        Whether there is a value.
    time : DatetimeIndex, shape (time,)
        Stamps in ascending order.
    interval : Timedelta
        Length of a step; 0 if it is not known.
    """
    step = (
        interval if interval > pd.Timedelta(0) else pd.Timedelta(np.median(np.diff(time.asi8)) if len(time) > 1 else 1)
    )
    n_steps = round((time[-1] - time[0]) / step) + 1
    # the record is bounded by two values that are assumed to be present
    edges = pd.DatetimeIndex([time[0] - step, *time[present], time[-1] + step])
    distances = edges[1:] - edges[:-1]
    return n_steps, list(distances[distances > 1.5 * step] - step)
