"""Conversion of a complete record to the time step of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.record import interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.weather.disaggregate import disaggregate

_DAY = pd.Timedelta(days=1)
_LONGEST_REPEATED = pd.Timedelta(hours=3)


def check_timestep(grid: xr.Dataset, step: pd.Timedelta) -> None:
    """Refuse a time step to which the interval of the record cannot be converted.

    Raises
    ------
    BadInput
        If the time step does not fit.
    """
    length = interval(grid)
    fits = (
        (length == _DAY and not _DAY % step)
        or (length <= _LONGEST_REPEATED and not length % step)
        or (length < step and not step % length and not grid.sizes["time"] % (step // length))
    )
    if not fits:
        raise BadInput(
            f"a time step of {step} does not fit a record with intervals of {length}",
            where=place(grid, "time"),
            remedy="set run.timestep to a value that divides the interval of the record (a day, or up to 3 h), or to a whole number "
            "of intervals of which the run is a multiple",
        )


def to_timestep(filled: xr.Dataset, step: pd.Timedelta, options: ForcingSection) -> xr.Dataset:
    """Convert a complete record to the time step of the run, by repeating, averaging or disaggregating values."""
    length = interval(filled)
    if length == step:
        return filled
    if length == _DAY:
        return _disaggregated(filled, step, options)
    attrs = filled.attrs | {"interval_seconds": step.total_seconds()}
    if length < step:
        several = step // length
        means = {
            str(name): ("time", column.to_numpy().reshape(-1, several).mean(axis=1))
            for name, column in filled.data_vars.items()
        }
        return xr.Dataset(means, coords={"time": filled["time"].to_numpy()[several - 1 :: several]}, attrs=attrs)
    each = length // step
    stamps = pd.date_range(
        pd.Timestamp(filled["time"].to_numpy()[0]) - length + step, periods=filled.sizes["time"] * each, freq=step
    )
    repeated = {str(name): ("time", np.repeat(column.to_numpy(), each)) for name, column in filled.data_vars.items()}
    return xr.Dataset(repeated, coords={"time": stamps}, attrs=attrs)


def _disaggregated(daily: xr.Dataset, step: pd.Timedelta, options: ForcingSection) -> xr.Dataset:
    """Disaggregate a daily record; days without ``lw_down`` have none at any step."""
    if "precip" not in daily:
        daily = daily.assign(precip=daily["tot_rain"] + daily["tot_snow"]).drop_vars(["tot_rain", "tot_snow"])
    missing = daily["lw_down"].isnull().to_numpy() if "lw_down" in daily else np.ones(daily.sizes["time"], dtype=bool)
    if missing.all():
        daily = daily.drop_vars("lw_down", errors="ignore")
    elif missing.any():
        daily = daily.assign(lw_down=daily["lw_down"].fillna(300.0))  # removed again below
    steps = disaggregate(daily, step=step, seed=options.seed, rain_hours=options.rain_hours)
    if "lw_down" in steps:
        steps["lw_down"] = steps["lw_down"].where(~np.repeat(missing, round(_DAY / step)))
    return steps
