"""Disaggregation of daily forcing to hours or half-hours, which preserves daily means.

A land model needs several time steps per day, but many records are daily. The diurnal variation that is added here (radiation, temperature,
hours of rain) is plausible, not measured. The measured daily means and sums are preserved to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity
from jules_ml.data.record import end_of_interval, interval, place, position, provenance
from jules_ml.data.site import site_dataset
from jules_ml.data.sun import half_day_angle, hour_angle, potential_radiation
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.weather.diurnal import (
    Days,
    Steps,
    diurnal_temperature,
    hargreaves_range,
    rain_event,
    shortwave,
    snow_fraction,
)

_DAY = pd.Timedelta(days=1)
_CONSTANT = ("wind", "pstar")
_HUMIDITY = ("q", "vpd", "relative_humidity")
_FORCING = ("t_air", "t_air_min", "t_air_max", "sw_down", "lw_down", "precip", *_HUMIDITY, *_CONSTANT)

#: Day from which random numbers of rain events are counted, so that a date has the same number in every record.
_FIRST_DRAW = pd.Timestamp("1850-01-01")


#: Minimum vapour pressure as a fraction of saturation, used if the deficit exceeds saturation. Gap-filled records of towers have a
#: few such days in a thousand; more than this fraction of days is an error.
_MIN_HUMIDITY, _MAX_DRY_DAYS = 0.02, 0.01


def disaggregate(
    ds: xr.Dataset,
    *,
    step: str | pd.Timedelta = "1h",
    seed: int = 0,
    rain_hours: float = 5.0,
    hargreaves: float = 0.17,
) -> xr.Dataset:
    """Disaggregate daily forcing to shorter steps.

    - ``sw_down``: in proportion to the mean cosine of the solar zenith angle of each step (:func:`~jules_ml.weather.diurnal.shortwave`).
    - ``t_air``: minimum at sunrise, maximum after noon (:func:`~jules_ml.weather.diurnal.diurnal_temperature`), between ``t_air_min`` and
      ``t_air_max``; without these, with a range that follows from radiation
      (:func:`~jules_ml.weather.diurnal.hargreaves_range`).
    - ``lw_down``: in proportion to the fourth power of ``t_air``.
    - ``precip``: one event of ``rain_hours`` per day with a random start; partitioned into ``tot_snow`` and ``tot_rain`` by the ``t_air``
      of the step: snow at 0 degC and below, rain at 2 degC and above, linear between.
    - humidity, as ``q``: constant through the day. ``vpd`` and ``relative_humidity`` become the constant vapour pressure that has
      their daily mean at the temperatures of the steps; by night it may exceed saturation. If the deficit exceeds saturation, as after
      separate gap-filling of ``vpd`` and ``t_air``, vapour pressure is 2 % of saturation.
    - ``wind``, ``pstar``: constant through the day.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, daily, without gaps, with any of the above. Other variables are ignored. A day ends at its stamp,
        which is midnight of local standard time (attribute ``utc_offset_hours``).
    step : str or Timedelta, optional
        Length of a step, which must divide a day and be 3 hours or less.
    seed : int, optional
        Seed of the random starts of rain.
    rain_hours : float, optional
        Length of a rain event [h], at least one step. JULES's daily disaggregation uses 5 for large-scale rain.
    hargreaves : float, optional
        Coefficient of the diurnal range [K-1/2]: 0.16 inland, 0.19 at the coast.

    Returns
    -------
    xarray.Dataset
        Site dataset at ``step``, UTC, end of interval, with the daily means of ``ds`` to rounding. ``t_air_min`` and ``t_air_max`` are
        met approximately.

    Raises
    ------
    BadInput
        If the record is not daily, has gaps, or lacks a variable that another one needs; if a day does not end at local midnight; or if
        ``sw_down`` exceeds potential radiation.

    References
    ----------
    Williams and Clark (2014), Disaggregation of daily data in JULES, Hadley Centre Technical Note 96, for the same set of choices.
    """
    length = pd.Timedelta(step)
    per_day = _steps_a_day(ds, length)
    event = round(rain_hours * per_day / 24.0)
    if not 1 <= event <= per_day:
        raise BadInput(
            f"a rain event of {rain_hours:g} h does not fit",
            where=place(ds, "precip"),
            remedy=f"give rain_hours between one step ({24.0 / per_day:g}) and 24",
        )
    days = _check_days(ds)
    daily = _daily_forcing(ds, days)
    values: dict[str, Steps] = {}
    if "sw_down" in daily or "t_air" in daily:
        sun = _sun(ds, days, length, per_day)
    if "sw_down" in daily:
        _check_radiation(ds, daily["sw_down"], sun.potential.mean(axis=1), days)
        values["sw_down"] = shortwave(daily["sw_down"], sun.potential)
    if "t_air" in daily:
        low, high = _extremes(ds, daily, sun.potential.mean(axis=1), hargreaves, days)
        values["t_air"] = diurnal_temperature(
            daily["t_air"], low, high, noon=sun.noon, half_day=sun.half_day, per_day=per_day
        )
    if "lw_down" in daily:
        emission = _needed(ds, values, "t_air", "lw_down") ** 4
        values["lw_down"] = daily["lw_down"][:, None] * (emission / emission.mean(axis=1, keepdims=True))
    if "precip" in daily:
        snow = snow_fraction(_needed(ds, values, "t_air", "precip"))
        values["precip"] = rain_event(daily["precip"], _draws(ds, days, seed), per_day=per_day, event=event)
        values["tot_snow"] = values["precip"] * snow
        values["tot_rain"] = values["precip"] - values["tot_snow"]
    for name in _CONSTANT:
        if name in daily:
            values[name] = np.repeat(daily[name][:, None], per_day, axis=1)
    humidity = next((name for name in _HUMIDITY if name in daily), None)
    if humidity is not None:
        values["q"] = _specific_humidity(ds, humidity, daily, values, days, per_day)
    out = site_dataset(
        {name: array.ravel() for name, array in values.items()},
        time=_step_ends(days, length, per_day),
        interval=length,
        meta=provenance(ds),
        where=place(ds),
    )
    return out.assign_attrs(history=f"disaggregated from daily means; rain events of {rain_hours:g} h, seed {seed}")


@dataclass(frozen=True)
class _Sun:
    """Position of the sun: potential radiation by step [W m-2], and for each day solar noon [h after its start] and noon to sunset [h]."""

    potential: Steps
    noon: Days
    half_day: Days


def _sun(ds: xr.Dataset, days: pd.DatetimeIndex, length: pd.Timedelta, per_day: int) -> _Sun:
    latitude, longitude = position(ds)
    steps = xr.Dataset(coords={"time": _step_ends(days, length, per_day)}, attrs=ds.attrs)
    steps.attrs.update(latitude=latitude, longitude=longitude, interval_seconds=length.total_seconds())
    middle = days - _DAY / 2
    return _Sun(
        potential=potential_radiation(steps).to_numpy().reshape(len(days), per_day),
        noon=12.0 - hour_angle(middle, longitude) * 12.0 / np.pi,
        half_day=half_day_angle(middle, latitude) * 12.0 / np.pi,
    )


def _step_ends(days: pd.DatetimeIndex, length: pd.Timedelta, per_day: int) -> pd.DatetimeIndex:
    """Return the ends of all steps of the days that end at ``days``."""
    return pd.date_range(days[0] - _DAY + length, periods=len(days) * per_day, freq=length)


def _steps_a_day(ds: xr.Dataset, length: pd.Timedelta) -> int:
    if interval(ds) != _DAY:
        raise BadInput(
            f"the interval of the record is {interval(ds)}, not one day",
            where=place(ds),
            remedy="give a daily record: average over days of local standard time first",
        )
    if not pd.Timedelta(0) < length <= pd.Timedelta(hours=3) or _DAY % length:
        raise BadInput(
            f"a day is not a whole number of steps of {length}, or they are longer than 3 h",
            where=place(ds),
            remedy="give a step of 3 h or less that divides 24 h, such as '1h' or '30min'",
        )
    return int(_DAY / length)


def _check_days(ds: xr.Dataset) -> pd.DatetimeIndex:
    """Return the ends of the days, and check that the days are consecutive and end at local midnight."""
    if "site" in ds.dims:
        position(ds)  # refuses several sites
    days = end_of_interval(ds)
    breaks = np.flatnonzero(np.diff(days) != _DAY)
    if breaks.size:
        raise BadInput(
            f"days are missing after {days[breaks[0]]} UTC ({breaks.size} gaps)",
            where=place(ds, "time"),
            remedy="fill the gaps, or select a period of consecutive days",
        )
    offset = float(ds.attrs.get("utc_offset_hours", 0.0))
    local = days[0] + pd.Timedelta(hours=offset)
    if local != local.normalize():
        raise BadInput(
            f"the first day ends at {days[0]} UTC, which is {local:%H:%M} and not midnight at an offset of {offset:+g} h",
            where=place(ds, "time"),
            remedy="set utc_offset_hours to that of the local standard time of the daily values",
        )
    return days


def _daily_forcing(ds: xr.Dataset, days: pd.DatetimeIndex) -> dict[str, Days]:
    """Extract the forcing from the dataset, and refuse gaps in it."""
    if "precip" not in ds and ("tot_rain" in ds or "tot_snow" in ds):
        raise BadInput(
            "rain and snow are given separately",
            where=place(ds, "precip"),
            remedy="give their sum as precip; it is partitioned by the temperature of each step",
        )
    daily = {name: ds[name].to_numpy().astype(np.float64) for name in _FORCING if name in ds}
    if not daily:
        raise BadInput(
            "there is no forcing to disaggregate", where=place(ds), remedy=f"give one or more of {', '.join(_FORCING)}"
        )
    for name, column in daily.items():
        missing = np.flatnonzero(np.isnan(column))
        if missing.size:
            raise BadInput(
                f"{missing.size} of {len(days)} days are missing, the first ending at {days[missing[0]]} UTC",
                where=place(ds, name),
                remedy="fill the gaps, drop the variable, or select a period without gaps",
            )
    return daily


def _needed(ds: xr.Dataset, values: dict[str, Steps], name: str, by: str) -> Steps:
    if name not in values:
        raise BadInput(
            f"'{name}' is missing, which the disaggregation of '{by}' needs",
            where=place(ds, name),
            remedy=f"add {name}, or drop {by}",
        )
    return values[name]


def _check_radiation(ds: xr.Dataset, mean: Days, most: Days, days: pd.DatetimeIndex) -> None:
    """Refuse radiation above potential radiation; an excess of up to 20 W m-2 may be twilight or an offset of the sensor."""
    excess = np.flatnonzero(mean > most + 20.0)
    if excess.size:
        i = excess[0]
        raise BadInput(
            f"{mean[i]:.0f} W m-2 on the day ending at {days[i]} UTC exceeds potential radiation, {most[i]:.0f} W m-2 "
            f"({excess.size} days)",
            where=place(ds, "sw_down"),
            remedy="correct the unit, the latitude (north is positive) or the dates",
        )


def _extremes(
    ds: xr.Dataset, daily: dict[str, Days], most: Days, coefficient: float, days: pd.DatetimeIndex
) -> tuple[Days, Days]:
    """Minimum and maximum temperature of each day, from the record or estimated from radiation."""
    mean = daily["t_air"]
    if "t_air_min" in daily and "t_air_max" in daily:
        low, high = daily["t_air_min"], daily["t_air_max"]
        wrong = np.flatnonzero((low > mean) | (high < mean))
        if wrong.size:
            i = wrong[0]
            raise BadInput(
                f"mean {mean[i]:.2f} K is not between minimum {low[i]:.2f} and maximum {high[i]:.2f} on the day ending at "
                f"{days[i]} UTC ({wrong.size} days)",
                where=place(ds, "t_air"),
                remedy="check that the three columns are for the same day and sensor",
            )
        return low, high
    if "sw_down" not in daily:
        raise BadInput(
            "the diurnal range of temperature is unknown",
            where=place(ds, "t_air"),
            remedy="give t_air_min and t_air_max, or sw_down to estimate it",
        )
    half = 0.5 * hargreaves_range(daily["sw_down"], most, coefficient=coefficient)
    return mean - half, mean + half


def _draws(ds: xr.Dataset, days: pd.DatetimeIndex, seed: int) -> Days:
    """Draw a random number from 0 to 1 for each date, the same in every record."""
    first = (days[0] - _FIRST_DRAW) // _DAY
    if first < 0:
        raise BadInput(
            f"the record starts before {_FIRST_DRAW:%Y}",
            where=place(ds, "time"),
            remedy="correct the years of the time stamps",
        )
    return np.asarray(np.random.default_rng(seed).random(first + len(days))[first:])


def _specific_humidity(
    ds: xr.Dataset,
    variable: str,
    daily: dict[str, Days],
    values: dict[str, Steps],
    days: pd.DatetimeIndex,
    per_day: int,
) -> Steps:
    """Specific humidity of each step, from the humidity variable of the record."""
    if variable == "q":
        return np.repeat(daily["q"][:, None], per_day, axis=1)
    saturation = saturation_vapour_pressure(_needed(ds, values, "t_air", variable))
    pressure = _needed(ds, values, "pstar", variable)
    inverse = (1.0 / saturation).mean(axis=1)
    vapour = saturation.mean(axis=1) - daily[variable] if variable == "vpd" else daily[variable] / inverse
    least = _MIN_HUMIDITY * saturation.mean(axis=1)
    dry = np.flatnonzero(vapour < least)
    if dry.size > _MAX_DRY_DAYS * len(days):
        i = dry[0]
        raise BadInput(
            f"{daily[variable][i]:g} {VARIABLES[variable].units} leaves less than 2 % of saturation on the day ending at {days[i]} UTC "
            f"({dry.size} of {len(days)} days)",
            where=place(ds, variable),
            remedy=f"correct the unit of {variable} or of t_air",
        )
    vapour = np.maximum(vapour, least)
    return specific_humidity(vapour[:, None], pressure)
