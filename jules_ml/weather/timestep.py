"""A complete record brought to the time step of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.record import interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.weather.disaggregate import disaggregate

_DAY = pd.Timedelta(days=1)
_LONGEST_HELD = pd.Timedelta(hours=3)


def refuse_unfit_step(grid: xr.Dataset, step: pd.Timedelta) -> None:
    """Refuse a time step that the record's interval cannot be brought to.

    Raises
    ------
    BadInput
        With what would fit.
    """
    length = interval(grid)
    fits = (
        (length == _DAY and not _DAY % step)
        or (length <= _LONGEST_HELD and not length % step)
        or (length < step and not step % length and not grid.sizes["time"] % (step // length))
    )
    if not fits:
        raise BadInput(
            f"a time step of {step} does not go with a record of {length} intervals",
            where=place(grid, "time"),
            remedy="give a timestep that divides the record's interval (a day, or 3 h at most), or a whole number of intervals "
            "that the run is a multiple of",
        )


def at_step(filled: xr.Dataset, step: pd.Timedelta, options: ForcingSection) -> xr.Dataset:
    """Bring a complete record to the run's time step: held, averaged, or a day taken apart."""
    length = interval(filled)
    if length == step:
        return filled
    if length == _DAY:
        return _taken_apart(filled, step, options)
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
    held = {str(name): ("time", np.repeat(column.to_numpy(), each)) for name, column in filled.data_vars.items()}
    return xr.Dataset(held, coords={"time": stamps}, attrs=attrs)


def _taken_apart(daily: xr.Dataset, step: pd.Timedelta, options: ForcingSection) -> xr.Dataset:
    """A daily record at the run's time step; days without ``lw_down`` are without it at each step."""
    if "precip" not in daily:
        daily = daily.assign(precip=daily["tot_rain"] + daily["tot_snow"]).drop_vars(["tot_rain", "tot_snow"])
    unknown = daily["lw_down"].isnull().to_numpy() if "lw_down" in daily else np.ones(daily.sizes["time"], dtype=bool)
    if unknown.all():
        daily = daily.drop_vars("lw_down", errors="ignore")
    elif unknown.any():
        daily = daily.assign(lw_down=daily["lw_down"].fillna(300.0))  # taken out again below
    steps = disaggregate(daily, step=step, seed=options.seed, rain_hours=options.rain_hours)
    if "lw_down" in steps:
        steps["lw_down"] = steps["lw_down"].where(~np.repeat(unknown, round(_DAY / step)))
    return steps
