"""Check of the clock of a record against the sun."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.record import end_of_interval, interval, place, position, variable
from jules_ml.data.sun import hour_angle
from jules_ml.errors import BadInput

#: Threshold of radiation that is crossed once at dawn and once at dusk: about 5 W m-2, in the unit of each variable.
_TWILIGHT = {"ppfd": 10.0, "sw_down": 5.0}
#: Monthly clock error above which a note is written [minutes]: half an hour minus the scatter.
#: The error of no month at CH-Dav or 16 NEON towers exceeds 13 minutes.
_TOLERANCE = 27.0
#: Clock error from which the middle of all light of a month is used [minutes]: if the clock is wrong by a quarter of a day or more, dawn or
#: dusk is on another solar day. Hills and clouds shift the middle by less than two hours.
_COARSE = 210.0
#: Minimum number of days without gaps in a month.
_LEAST_DAYS = 10


def clock_notes(ds: xr.Dataset) -> list[str]:
    """Describe the months in which a record's clock disagrees with the sun by half an hour or more.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.

    Returns
    -------
    list of str
        At most one note; none if the clock agrees or cannot be checked, because there is no radiation, no position, or the interval exceeds
        an hour.
    """
    name = next((name for name in ("sw_down", "ppfd") if name in ds and bool(ds[name].notnull().any())), None)
    if name is None:
        return []
    try:
        coarse = _noon_of_months(ds, name)
        error = (
            pd.Series(dtype=np.float64) if (coarse.abs() > _COARSE).any() else solar_noon_error(ds, name).to_series()
        )
    except BadInput:  # the record has no position, or no day without gaps
        return []
    by_month = error.groupby(pd.DatetimeIndex(error.index).to_period("M"))
    median = coarse if error.empty else by_month.median()[by_month.count() >= _LEAST_DAYS]
    wrong = median[median.abs() > _TOLERANCE]
    if wrong.empty:
        return []
    first, last = wrong.index.min(), wrong.index.max()
    months = f"{first}" if first == last else f"{first} to {last}"
    if len(wrong) < len(median[first:last]):
        months = f"{len(wrong)} months from {months}"
    typical = 10.0 * round(float(wrong.median()) / 10.0)
    return [
        f"{place(ds)}: by '{name}' and the sun, time stamps are about {abs(typical):.0f} minutes too {'late' if typical > 0 else 'early'} "
        f"in {months}; correct utc_offset_hours, stamp_at or the longitude, or leave these months out"
    ]


def solar_noon_error(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Daily delay of the clock of a record, from the middle between dawn and dusk.

    Light at twilight comes from the whole sky. Hills do not shift it, and clouds shift dawn and dusk on single days only, so the median
    over a season distinguishes the start of an interval from its middle, and one time zone from the next.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site with its position, of an hour's interval or less.
    name : {'ppfd', 'sw_down'}
        Radiation variable to use.

    Returns
    -------
    xarray.DataArray, dims ('day',)
        Error [minutes] on each day without gaps that has one dawn and one dusk: 15 if the stamps of half-hours are read as their start and
        are their middle, 60 if summer time was not removed, 0 if the clock is correct.

    Raises
    ------
    BadInput
        If the radiation or the position is missing, intervals are longer than an hour, or no day has one dawn and one dusk without gaps.
    """
    light = variable(ds, name).to_numpy()
    _, longitude = position(ds)
    step = interval(ds)
    if step > pd.Timedelta(hours=1):
        raise BadInput(
            f"twilight cannot be determined from intervals of {step}",
            where=place(ds, name),
            remedy="give a half-hourly or hourly record",
        )
    middle = end_of_interval(ds) - step / 2
    angle = hour_angle(middle, longitude)
    day = np.concatenate([[0], np.cumsum(np.diff(angle) < 0)])  # counts solar midnights
    level = _TWILIGHT[name]
    same_day = day[:-1] == day[1:]
    dawn = same_day & (light[:-1] < level) & (light[1:] >= level)
    dusk = same_day & (light[:-1] >= level) & (light[1:] < level)
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = angle[:-1] + np.diff(angle) * (level - light[:-1]) / np.diff(light)
    n_days = int(day[-1]) + 1
    sums = np.zeros(n_days)
    for edge in (dawn, dusk):
        sums += np.bincount(day[:-1][edge], weights=crossing[edge], minlength=n_days)
    clean = np.bincount(day, weights=np.isnan(light), minlength=n_days) == 0
    clean &= np.bincount(day[:-1][dawn], minlength=n_days) == 1
    clean &= np.bincount(day[:-1][dusk], minlength=n_days) == 1
    if not clean.any():
        raise BadInput(
            "no day has one dawn and one dusk without gaps",
            where=place(ds, name),
            remedy="give a record of several weeks without gaps, outside polar day and polar night",
        )
    noon = pd.Series(middle).groupby(day).mean().dt.floor("D").to_numpy()
    return xr.DataArray(
        (sums / 2.0 * 720.0 / np.pi)[clean],
        coords={"day": noon[clean]},
        dims=("day",),
        name="solar_noon_error",
        attrs={"units": "minutes", "long_name": "lateness of the clock against the sun"},
    )


def _noon_of_months(ds: xr.Dataset, name: str) -> pd.Series:
    """Clock error of each month with enough values [minutes], from the first harmonic of light over the solar day."""
    light = variable(ds, name).to_numpy()
    _, longitude = position(ds)
    step = interval(ds)
    middle = end_of_interval(ds) - step / 2
    vector = np.where(np.isfinite(light), np.maximum(light, 0.0), 0.0) * np.exp(1j * hour_angle(middle, longitude))
    month = middle.tz_localize(None).to_period("M")
    days = pd.Series(np.isfinite(light), index=month).groupby(level=0).sum() * (step / pd.Timedelta(days=1))
    sums = pd.Series(vector, index=month).groupby(level=0).sum()[days >= _LEAST_DAYS]
    noon = np.angle(sums.to_numpy().astype(np.complex128)) * 720.0 / np.pi
    return pd.Series(noon, index=sums.index)
