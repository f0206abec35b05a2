"""From time steps to days: which day a step belongs to, what is missing, sums and means, and derived variables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.daily import (
    calendar_days,
    daily_means,
    daily_series,
    daily_values,
    daily_weather,
    weather_of_mean_forcing,
    whole_days,
    with_derived,
)
from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity, vapour_pressure_deficit
from jules_ml.data.satellite import lst_from_longwave
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

HOUR = pd.Timedelta(hours=1)


def record(
    hours: int = 72, *, first: str = "2020-06-01 01:00", utc_offset_hours: float = 0.0, **values: np.ndarray
) -> xr.Dataset:
    meta = SiteMeta(site="made", source="made", licence="CC0", utc_offset_hours=utc_offset_hours)
    time = pd.date_range(first, periods=hours, freq="h")
    return site_dataset(values or {"t_air": np.full(hours, 280.0)}, time=time, interval=HOUR, meta=meta, where="made")


def wave(hours: int = 72) -> np.ndarray:
    return np.asarray(288.0 + 8.0 * np.sin(2.0 * np.pi * np.arange(hours) / 24.0))


def test_a_step_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    ds = record(t_air=np.repeat([280.0, 281.0, 282.0], 24))
    days = calendar_days(ds)
    assert days.tolist() == [pd.Timestamp(f"2020-06-0{d}") for d in (1, 2, 3)]
    assert daily_values(ds, "t_air", days)[:, 0].tolist() == [280.0, 281.0, 282.0]


def test_days_are_those_of_local_standard_time() -> None:
    ds = record(first="2020-06-01 07:00", utc_offset_hours=-6.0, t_air=np.repeat([280.0, 281.0, 282.0], 24))
    days = calendar_days(ds)
    assert days.tolist() == [pd.Timestamp(f"2020-06-0{d}") for d in (1, 2, 3)]
    assert daily_values(ds, "t_air", days)[:, 0].tolist() == [280.0, 281.0, 282.0]
    # the same days, named by their start in UTC
    utc = days + pd.Timedelta(hours=6)
    assert daily_means(ds["t_air"], utc, step=HOUR)[:, 0].tolist() == [280.0, 281.0, 282.0]


def test_half_a_day_is_enough_for_a_mean() -> None:
    t_air = np.full(72, 280.0)
    t_air[:12], t_air[24:37] = np.nan, np.nan
    ds = record(t_air=t_air)
    means = daily_values(ds, "t_air", calendar_days(ds))[:, 0]
    assert np.isfinite(means).tolist() == [True, False, True]
    all_steps = daily_means(ds["t_air"], calendar_days(ds), step=HOUR, least=1.0)[:, 0]
    assert np.isfinite(all_steps).tolist() == [False, False, True]


def test_days_beyond_the_record_are_missing() -> None:
    ds = record()
    days = pd.date_range("2020-05-31", periods=5, freq="D")
    assert np.isfinite(daily_values(ds, "t_air", days)[:, 0]).tolist() == [False, True, True, True, False]


def test_every_sensor_has_its_column() -> None:
    ds = record(t_air=np.full(72, 280.0))
    theta = xr.DataArray(np.stack([np.full(72, 0.2), np.full(72, 0.3)], 1), dims=("time", "depth"))
    means = daily_values(ds.assign(theta=theta), "theta", calendar_days(ds))
    np.testing.assert_allclose(means, [[0.2, 0.3]] * 3)


def test_precipitation_is_a_sum_and_temperature_a_mean() -> None:
    rain = np.zeros(72)
    rain[3], rain[30] = 2.0 / 3600.0, 5.0 / 3600.0
    weather = daily_weather(ds := record(precip=rain, t_air=wave()), ("precip", "t_air", "wind"), calendar_days(ds))
    assert set(weather) == {"precip", "t_air"}
    np.testing.assert_allclose(weather["precip"], [2.0, 5.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(weather["t_air"], 288.0)


def test_precipitation_follows_from_rain_and_snow() -> None:
    ds = record(tot_rain=np.full(72, 1e-5), tot_snow=np.full(72, 2e-5))
    weather = daily_weather(ds, ("precip",), calendar_days(ds))
    np.testing.assert_allclose(weather["precip"], SECONDS_PER_DAY * 3e-5)


def test_deficit_is_averaged_over_steps() -> None:
    t_air, q, pstar = wave(), np.full(72, 0.006), np.full(72, 9.5e4)
    ds = record(t_air=t_air, q=q, pstar=pstar)
    vpd = daily_weather(ds, ("vpd",), calendar_days(ds))["vpd"]
    by_step = vapour_pressure_deficit(t_air, q, pstar)
    np.testing.assert_allclose(vpd, by_step.reshape(3, 24).mean(1), rtol=1e-12)
    of_means = vapour_pressure_deficit(np.array(288.0), q[0], pstar[0])
    assert (vpd > 1.05 * of_means).all()


def test_deficit_is_the_same_from_either_humidity() -> None:
    t_air, pstar = wave(), np.full(72, 9.5e4)
    humidity = np.linspace(0.4, 1.0, 72)
    q = specific_humidity(humidity * saturation_vapour_pressure(t_air), pstar)
    by_ratio = with_derived(record(t_air=t_air, relative_humidity=humidity), ["vpd"])["vpd"]
    by_content = with_derived(record(t_air=t_air, q=q, pstar=pstar), ["vpd"])["vpd"]
    np.testing.assert_allclose(by_ratio, by_content, rtol=1e-9, atol=1e-9)
    assert by_ratio.attrs["units"] == "Pa"


def test_air_above_saturation_has_no_deficit() -> None:
    ds = record(t_air=wave(), relative_humidity=np.full(72, 1.05))
    assert (with_derived(ds, ["vpd"])["vpd"] == 0.0).all()
    ds = record(t_air=wave(), q=np.full(72, 0.05), pstar=np.full(72, 9.5e4))
    assert (with_derived(ds, ["vpd"])["vpd"] == 0.0).all()


def test_a_measured_variable_takes_precedence_over_a_derived_one() -> None:
    ds = record(t_air=wave(), vpd=np.full(72, 500.0), relative_humidity=np.full(72, 0.5))
    assert (with_derived(ds, ["vpd"])["vpd"] == 500.0).all()


def test_only_what_is_wanted_is_derived() -> None:
    ds = record(t_air=wave(), relative_humidity=np.full(72, 0.5), lw_up=np.full(72, 400.0), lw_down=np.full(72, 300.0))
    assert set(with_derived(ds, ["lst"])) - set(ds) == {"lst"}
    assert set(with_derived(ds, ["precip", "vpd"])) - set(ds) == {"vpd"}
    assert set(with_derived(record(), ["precip", "vpd", "lst"])) == {"t_air"}
    xr.testing.assert_equal(with_derived(ds, ["lst"])["lst"], lst_from_longwave(ds))


def test_mean_forcing_has_the_names_and_units_of_daily_weather() -> None:
    forcing = {
        "rain": 1e-5, "snow": 2e-5, "sw": 150.0, "lw": 300.0, "t": 280.0, "q": 0.006, "wind": 3.0, "pstar": 9e4, "vpd": 400.0,
    }  # fmt: skip
    weather = weather_of_mean_forcing({name: np.full(2, value) for name, value in forcing.items()})
    expected = {"precip": 2.592, "t_air": 280.0, "sw_down": 150.0, "lw_down": 300.0, "vpd": 400.0, "wind": 3.0}
    assert {name: values.tolist() for name, values in weather.items()} == {
        name: pytest.approx([value] * 2) for name, value in expected.items()
    }


def test_a_series_of_days_or_longer_keeps_its_values() -> None:
    values = xr.DataArray([1.0, 2.0], dims="time", coords={"time": pd.DatetimeIndex(["2020-01-11", "2020-01-21"])})
    series = daily_series(values)
    assert series.tolist() == [1.0, 2.0]
    assert series.index.tolist() == [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-11")]


def test_whole_days_are_rows() -> None:
    assert whole_days(np.arange(48), 3600.0).shape == (2, 24)
    assert whole_days(np.arange(96), 1800.0)[1, 0] == 48


def test_means_over_months_are_not_taken_for_single_days() -> None:
    months = pd.date_range("2020-02-01", periods=5, freq="MS")
    values = xr.DataArray(np.arange(5.0), coords={"time": months}, dims="time", name="smcl")
    with pytest.raises(BadInput, match="variable smcl: the values are means over 31 days") as caught:
        daily_means(values, pd.date_range("2020-01-01", periods=150), step=pd.Timedelta(days=31))
    assert "each day" in caught.value.remedy
