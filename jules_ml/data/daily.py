"""Daily values from time steps, for training, the closed loop and the hook inside JULES.

A step belongs to the day that contains its middle. Days are calendar days in local standard time, unless the caller gives another
start and time zone. A daily mean is NaN if more than half of the day is missing. The vapour pressure deficit is computed in each step
and then averaged: the deficit of the day's mean temperature and humidity is several percent lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.humidity import with_vpd
from jules_ml.data.record import interval, local_middle
from jules_ml.data.satellite import lst_from_longwave
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

DAY: Final = pd.Timedelta(days=1)
#: Minimum fraction of the day's steps for a daily mean.
LEAST_FRACTION: Final = 0.5
#: Fluxes of water [kg m-2 s-1], whose daily values are sums [kg m-2 d-1].
SUMS: Final = ("precip", "tot_rain", "tot_snow")

_Array = NDArray[np.float64]
_Kind = TypeVar("_Kind", bound=np.generic)


def calendar_days(ds: xr.Dataset) -> pd.DatetimeIndex:
    """Return the calendar days of a record in local standard time, from the first to the last, without gaps."""
    middle = local_middle(ds)
    return pd.date_range(middle[0].floor("D"), middle[-1].floor("D"), freq="D")


def daily_means(
    values: xr.DataArray,
    days: pd.DatetimeIndex,
    *,
    step: pd.Timedelta,
    utc_offset_hours: float = 0.0,
    least: float = LEAST_FRACTION,
) -> _Array:
    """Average over days.

    Parameters
    ----------
    values : xarray.DataArray, dims ('time', ...)
        NaN where missing; ``time`` is the end of each step, UTC.
    days : DatetimeIndex, shape (day,)
        Start of each day, in the time zone of ``utc_offset_hours``, without gaps.
    step : Timedelta
        Averaging interval of ``values``, at most a day.
    utc_offset_hours : float, optional
        Time zone of ``days``: local time minus UTC [h].
    least : float, optional
        Minimum fraction of the day's steps for a mean [1].

    Returns
    -------
    array, shape (day, column)
        All other dimensions are stacked into columns; a single column if there are none.

    Raises
    ------
    BadInput
        If the averaging interval is longer than a day.
    """
    if step > DAY:
        raise BadInput(
            f"the values are means over {step / DAY:g} days, from which no daily values can be made",
            where=None if values.name is None else f"variable {values.name}",
            remedy="give a record or a run with values of each day, or of shorter intervals",
        )
    array = values.transpose("time", ...).to_numpy().astype(np.float64)
    middle = pd.DatetimeIndex(values["time"].to_numpy()) - step / 2 + pd.Timedelta(hours=utc_offset_hours)
    grouped = pd.DataFrame(array.reshape(len(array), -1)).groupby(np.asarray((middle - days[0]) // DAY))
    means = grouped.mean().where(grouped.count() >= least * (DAY / step))
    return np.asarray(means.reindex(range(len(days))), dtype=np.float64)


def daily_values(ds: xr.Dataset, name: str, days: pd.DatetimeIndex) -> _Array:
    """Daily values of a record's variable on its calendar days.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.
    name : str
        Variable.
    days : DatetimeIndex, shape (day,)
        Days in local standard time; see :func:`calendar_days`.

    Returns
    -------
    array, shape (day, column)
        Sums [kg m-2 d-1] for :data:`SUMS`, means for all others.
    """
    offset = float(ds.attrs.get("utc_offset_hours", 0.0))
    means = daily_means(ds[name], days, step=interval(ds), utc_offset_hours=offset)
    return SECONDS_PER_DAY * means if name in SUMS else means


def daily_weather(ds: xr.Dataset, names: Sequence[str], days: pd.DatetimeIndex) -> dict[str, _Array]:
    """Daily weather of a record.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.
    names : sequence of str
        Variables without depth, including derived variables; see :func:`with_derived`.
    days : DatetimeIndex, shape (day,)
        Days in local standard time; see :func:`calendar_days`.

    Returns
    -------
    dict of str to array, shape (day,)
        Daily values of the variables in the record; see :func:`daily_values`.

    Raises
    ------
    BadInput
        As :func:`with_derived`.
    """
    ds = with_derived(ds, names)
    return {name: daily_values(ds, name, days)[:, 0] for name in names if name in ds}


def with_derived(ds: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """Add variables that are calculated from others, for each time step.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.
    names : iterable of str
        Variables to add. ``precip`` is the sum of ``tot_rain`` and ``tot_snow``, ``vpd`` is calculated from relative or specific
        humidity (see :func:`~jules_ml.data.humidity.with_vpd`), ``lst`` from ``lw_up`` and ``lw_down`` (see
        :func:`~jules_ml.data.satellite.lst_from_longwave`); other names are ignored.

    Returns
    -------
    xarray.Dataset
        Record with the missing variables that can be calculated.

    Raises
    ------
    BadInput
        If ``lst`` is requested and cannot be calculated from the longwave fluxes.
    """
    missing = set(names) - set(ds)
    if "precip" in missing and {"tot_rain", "tot_snow"} <= set(ds):
        ds = ds.assign(precip=ds["tot_rain"] + ds["tot_snow"])
    if "lst" in missing and {"lw_up", "lw_down"} <= set(ds):
        ds = ds.assign(lst=lst_from_longwave(ds))
    return with_vpd(ds) if "vpd" in missing else ds


def weather_of_mean_forcing(forcing: Mapping[str, NDArray[np.floating]]) -> dict[str, _Array]:
    """Daily weather from the mean forcing of a day, as JULES's moisture hook accumulates it over the time steps.

    Parameters
    ----------
    forcing : mapping of str to array, shape (point,)
        ``rain``, ``snow`` [kg m-2 s-1], ``sw``, ``lw`` [W m-2], ``t`` [K], ``wind`` [m s-1] and ``vpd`` [Pa].

    Returns
    -------
    dict of str to array, shape (point,)
        By the names and in the units of :func:`daily_weather`.
    """
    mean = {name: np.asarray(values, dtype=np.float64) for name, values in forcing.items()}
    return {
        "precip": SECONDS_PER_DAY * (mean["rain"] + mean["snow"]),
        "t_air": mean["t"],
        "sw_down": mean["sw"],
        "lw_down": mean["lw"],
        "vpd": mean["vpd"],
        "wind": mean["wind"],
    }


def daily_series(values: xr.DataArray) -> pd.Series:
    """Daily means of a series for figures and scores.

    Parameters
    ----------
    values : xarray.DataArray, dims ('time',)
        ``time`` is the end of each step, UTC.

    Returns
    -------
    Series
        Values by the start of each day, UTC. A series with steps of a day or longer is returned unchanged, by the start of its steps.
    """
    time = pd.DatetimeIndex(values["time"].to_numpy())
    step = pd.Timedelta(np.diff(time).min()) if len(time) > 1 else DAY
    if step >= DAY:
        return pd.Series(values.to_numpy(), index=time - step)
    middle = time - step / 2
    days = pd.date_range(middle[0].floor("D"), middle[-1].floor("D"), freq="D")
    return pd.Series(daily_means(values, days, step=step)[:, 0], index=days)


def whole_days(values: NDArray[_Kind], timestep: float) -> NDArray[_Kind]:
    """Reshape a complete series of whole days to (day, step).

    Parameters
    ----------
    values : array, shape (step,)
        From the first step of a day to the last of another.
    timestep : float
        Time step [s].

    Returns
    -------
    array, shape (day, step)
    """
    return values.reshape(-1, round(SECONDS_PER_DAY / timestep))
