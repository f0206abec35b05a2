"""Times of files: units, calendars, the range of dates, and periods from bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.periods import Periods, averaging_periods
from jules_ml.data.times import elapsed, gregorian_dates
from jules_ml.errors import BadInput


@pytest.mark.parametrize(
    ("number", "units", "expected"),
    [
        (1800.0, "seconds since 2001-01-01 00:00:00", "2001-01-01T00:30"),
        (0.5, "hours since 2001-02-28 23:30", "2001-03-01T00:00"),
        (59.0, "days since 2004-01-01", "2004-02-29T00:00"),
        (1.0, "min since 2001-01-01T00:00:00Z", "2001-01-01T00:01"),
        (0.0, "seconds since 2001-01-01 00:00:00 +01:00", "2000-12-31T23:00"),
    ],
)
def test_numbers_become_dates(number: float, units: str, expected: str) -> None:
    assert gregorian_dates(np.array([number]), {"units": units}, where="f")[0] == np.datetime64(expected)


def test_the_standard_calendar_is_julian_before_1582() -> None:
    # 1 January of the year 1 (Julian) is two days before that of the proleptic Gregorian calendar
    for calendar, expected in (("standard", "1999-12-31"), ("proleptic_gregorian", "2000-01-02")):
        attrs = {"units": "days since 0001-01-01", "calendar": calendar}
        assert gregorian_dates(np.array([730120.0]), attrs, where="f")[0] == np.datetime64(expected)


@pytest.mark.parametrize("calendar", ["360_day", "noleap", "365_day", "all_leap"])
def test_other_calendars_are_refused_with_a_remedy(calendar: str) -> None:
    with pytest.raises(BadInput, match=f"f: the calendar of time is '{calendar}'") as caught:
        gregorian_dates(np.array([0.0]), {"units": "days since 2001-01-01", "calendar": calendar}, where="f")
    assert "convert_calendar" in caught.value.remedy


@pytest.mark.parametrize("year", [1500, 1677, 2262, 2290])
def test_dates_that_would_wrap_are_refused(year: int) -> None:
    with pytest.raises(BadInput, match=f"time {year}-.* is outside the years 1678 to 2261"):
        gregorian_dates(np.array([86400.0 * 40]), {"units": f"seconds since {year}-01-01"}, where="f")


def test_missing_times_stay_missing() -> None:
    dates = gregorian_dates(np.array([0.0, np.nan]), {"units": "days since 2001-01-01"}, where="f")
    assert np.isnat(dates).tolist() == [False, True]


def test_two_files_of_one_calendar_agree() -> None:
    one = elapsed(np.array([59.0]), {"units": "days since 2001-01-01", "calendar": "360_day"}, where="f")
    other = elapsed(np.array([0.0]), {"units": "hours since 2001-02-30", "calendar": "360_day"}, where="f")
    assert one == other
    real = elapsed(np.array([59.0]), {"units": "days since 2001-01-01"}, where="f")
    assert real[0] == np.datetime64("2001-03-01")


def half_hours(days: int) -> xr.Dataset:
    """Half-hours of a model, stamped at their end, with their bounds."""
    end = pd.date_range("2001-01-01 00:30", periods=48 * days, freq="30min")
    bounds = np.column_stack([end - pd.Timedelta(minutes=30), end])
    return xr.Dataset(
        {"t": ("time", np.arange(48.0 * days)), "time_bounds": (("time", "nt"), bounds)},
        coords={"time": ("time", end, {"bounds": "time_bounds"})},
    )


# xarray warns that it writes the bounds with units of their own, which is what these tests are about
pytestmark = pytest.mark.filterwarnings("ignore:Variable time has datetime type and a bounds variable:UserWarning")


def stored(ds: xr.Dataset, folder: object) -> xr.Dataset:
    path = f"{folder}/run.nc"
    ds.to_netcdf(path)
    with xr.open_dataset(path, decode_times=False) as opened:
        return opened.load()


def periods(ds: xr.Dataset) -> Periods:
    return averaging_periods(ds, "time_bounds", where="run.nc")


@pytest.mark.parametrize("options", [{}, {"label": "right", "closed": "right"}, {"label": "right"}])
def test_bounds_that_xarray_averaged_become_those_of_the_days(tmp_path: object, options: dict[str, str]) -> None:
    daily = half_hours(4).resample(time="1D", **options).mean()  # type: ignore[arg-type]
    read = periods(stored(daily, tmp_path))
    assert read.end[0] == np.datetime64("2001-01-02")
    assert read.start[0] == np.datetime64("2001-01-01")
    assert read.longest == 86400.0
    assert int(read.inside.sum()) == 4  # label='left' makes a fifth day of the last half-hour


def test_bounds_of_their_own_unit_are_those_of_the_steps(tmp_path: object) -> None:
    ds = stored(half_hours(1), tmp_path)
    ds["time_bounds"] = (
        ds["time_bounds"].dims,
        np.column_stack([np.arange(48) * 30.0, np.arange(48) * 30.0 + 30.0]),
        {"units": "minutes since 2001-01-01"},
    )
    read = periods(ds)
    assert read.end[0] == np.datetime64("2001-01-01T00:30")
    assert read.longest == 1800.0


@pytest.mark.parametrize("name", ["time", "time_bounds"])
def test_missing_times_and_bounds_are_refused(tmp_path: object, name: str) -> None:
    ds = stored(half_hours(1).resample(time="3h").mean(), tmp_path)
    values = ds[name].to_numpy().astype(np.float64)
    values[1] = np.nan
    ds = (
        ds.assign_coords(time=("time", values, ds["time"].attrs))
        if name == "time"
        else ds.assign({name: (ds[name].dims, values, ds[name].attrs)})
    )
    with pytest.raises(BadInput, match="times are missing"):
        periods(ds)
    with pytest.raises(BadInput, match="there are no times"):
        periods(ds.isel(time=slice(0, 0)))


def test_every_tenth_step_keeps_its_length(tmp_path: object) -> None:
    read = periods(stored(half_hours(2).isel(time=slice(None, None, 10)), tmp_path))
    assert read.longest == 1800.0
    assert bool(read.inside.all())
