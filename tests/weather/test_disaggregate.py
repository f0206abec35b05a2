"""Disaggregation conserves daily means, and its diurnal courses resemble measured ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
import pytest
import xarray as xr
from _neon_daily import neon_sites
from numpy.typing import NDArray

from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity, vapour_pressure
from jules_ml.data.readers.davos import FILE_NAME, read_davos
from jules_ml.data.readers.fluxnet import read_fluxnet
from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.data.sun import potential_radiation
from jules_ml.errors import BadInput
from jules_ml.weather.disaggregate import disaggregate
from jules_ml.weather.diurnal import mean_preserving_curve, rain_event, shortwave

DAY = pd.Timedelta(days=1)
POSITION = ["utc_offset_hours", "latitude", "longitude", "elevation"]


def days_of(ds: xr.Dataset, name: str) -> NDArray[np.float64]:
    """A variable by day and step."""
    return ds[name].to_numpy().reshape(-1, round(86400 / ds.attrs["interval_seconds"]))


def to_daily(ds: xr.Dataset, *, extremes: bool = False) -> xr.Dataset:
    """Daily means of a record of whole local days."""
    values = {str(name): days_of(ds, str(name)).mean(axis=1) for name in ds}
    if "tot_rain" in values:
        values["precip"] = values.pop("tot_rain") + values.pop("tot_snow")
    if extremes:
        by_step = days_of(ds, "t_air")
        values |= {"t_air_min": by_step.min(axis=1), "t_air_max": by_step.max(axis=1)}
    return daily(
        values, start=pd.Timestamp(ds["time"].to_numpy()[round(86400 / ds.attrs["interval_seconds"]) - 1]), like=ds
    )


def daily(values: dict[str, NDArray[np.float64]], *, start: pd.Timestamp, like: xr.Dataset) -> xr.Dataset:
    n = len(next(iter(values.values())))
    keys = ("site", "source", "licence", "latitude", "longitude", "utc_offset_hours")
    meta = SiteMeta(**{key: like.attrs[key] for key in keys})
    time = pd.date_range(start, periods=n, freq="1D")
    return site_dataset(values, time=time, interval=DAY, meta=meta, where="daily")


def made_up(n: int = 40, *, offset: float = 0.0, latitude: float = 50.0, longitude: float = 0.0) -> xr.Dataset:
    """Days from early April."""
    rng = np.random.default_rng(0)
    meta = SiteMeta("XX-Xxx", "made up", "none", latitude=latitude, longitude=longitude, utc_offset_hours=offset)
    values = {
        "t_air": 275.0 + 3.0 * rng.standard_normal(n),
        "lw_down": rng.uniform(220.0, 350.0, n),
        "precip": np.where(rng.random(n) < 0.5, rng.exponential(5e-5, n), 0.0),
        "q": rng.uniform(0.002, 0.005, n),
        "wind": rng.uniform(0.5, 9.0, n),
        "pstar": rng.uniform(98e3, 102e3, n),
    }
    time = pd.date_range("2020-04-02", periods=n, freq="1D") - pd.Timedelta(hours=offset)
    ds = site_dataset(values, time=time, interval=DAY, meta=meta, where="test")
    return ds.assign(sw_down=potential_radiation(ds) * rng.uniform(0.1, 0.75, n))


def assert_days_kept(steps: xr.Dataset, days: xr.Dataset) -> None:
    for name in set(days) - {"t_air_min", "t_air_max", "vpd", "relative_humidity"}:
        np.testing.assert_allclose(days_of(steps, str(name)).mean(axis=1), days[name], rtol=1e-9, atol=1e-15)
    if "precip" in days:
        np.testing.assert_allclose(steps["tot_rain"] + steps["tot_snow"], steps["precip"], rtol=1e-12)


def skill(ours: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[float, float]:
    """Correlation and root mean square error over all steps."""
    return float(np.corrcoef(ours.ravel(), truth.ravel())[0, 1]), float(np.sqrt(np.mean((ours - truth) ** 2)))


# --- real records


@pytest.mark.parametrize("site", ["KONA", "SRER", "YELL", "OSBS"])
def test_neon_driving_is_disaggregated_again(shared_data: Path, site: str) -> None:
    """The hourly driving is itself disaggregated: the sun is the same, temperature a sine."""
    row = neon_sites(shared_data / "jules" / "neon_daily.nc").loc[site]
    position = {key: float(row[key]) for key in POSITION}
    hourly = read_neon_driving(shared_data / "jules" / "neon_hourly_driving.nc", site, **position)
    days = to_daily(hourly)
    ours = disaggregate(days)
    assert_days_kept(ours, days)
    np.testing.assert_array_equal(ours["time"], hourly["time"])
    assert set(ours) == {"t_air", "sw_down", "lw_down", "precip", "tot_rain", "tot_snow", "q", "wind", "pstar"}
    r, rmse = skill(ours["sw_down"].to_numpy(), hourly["sw_down"].to_numpy())
    assert r > 0.9999
    assert rmse < 1.0
    r, rmse = skill(ours["t_air"].to_numpy(), hourly["t_air"].to_numpy())
    assert r > 0.93
    assert rmse < 3.2


@pytest.mark.parametrize(("code", "site"), [("xKA", "KONA"), ("xGR", "GRSM")])
def test_days_as_ameriflux_publishes_them(shared_data: Path, code: str, site: str) -> None:
    path = next((shared_data / "moisture" / "neon_fluxnet_daily").glob(f"AMF_US-{code}_*"))
    row = neon_sites(shared_data / "jules" / "neon_daily.nc").loc[site]
    position: dict[str, Any] = {key: float(row[key]) for key in POSITION}
    days = read_fluxnet(path, **position)
    steps = disaggregate(days)
    assert_days_kept(steps, days[["t_air", "sw_down", "lw_down", "precip", "wind", "pstar"]])
    vapour = vapour_pressure(steps["q"].to_numpy(), steps["pstar"].to_numpy())
    deficit = (saturation_vapour_pressure(steps["t_air"].to_numpy()) - vapour).reshape(-1, 24).mean(axis=1)
    # at GRSM two days' gap-filled deficit is more than the air can hold
    assert np.isclose(deficit, days["vpd"], rtol=1e-9, atol=1e-6).mean() > 0.998


def complete_days(ds: xr.Dataset) -> xr.Dataset:
    """The longest period of days without gaps."""
    per_day = round(86400 / ds.attrs["interval_seconds"])
    good = np.all([np.isfinite(days_of(ds, str(name))).all(axis=1) for name in ds], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return ds.isel(time=slice(int(starts[longest]) * per_day, int(ends[longest]) * per_day))


def apart_again(measured: xr.Dataset, *, extremes: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Skill of shortwave and temperature that are disaggregated from the daily means of a measured record."""
    days = to_daily(measured, extremes=extremes)
    steps = disaggregate(days, step=pd.Timedelta(seconds=measured.attrs["interval_seconds"]))
    assert_days_kept(steps, days)
    sw, t_air = (skill(steps[name].to_numpy(), measured[name].to_numpy()) for name in ("sw_down", "t_air"))
    return sw, t_air


def test_hyytiala_is_disaggregated_again(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet")
    step = pd.Timedelta(minutes=30)
    measured = site_dataset(
        # gaps of three hours are bridged, so that long stretches of days remain; 2.04 umol of daylight a joule
        {
            "t_air": table["TA"].interpolate(limit=6) + 273.15,
            "sw_down": table["PAR"].clip(lower=0.0).interpolate(limit=6) / 2.04,
        },
        time=utc_end_of_interval(table.index, interval=step, stamp_at="start", utc_offset_hours=2.0, where="FI-Hyy"),
        interval=step,
        meta=SiteMeta("FI-Hyy", "SMEAR II", "CC BY 4.0", latitude=61.8474, longitude=24.2948, utc_offset_hours=2.0),
        where="FI-Hyy",
    )
    measured = complete_days(measured)
    assert measured.sizes["time"] > 700 * 48
    (r_sw, rmse_sw), (r_t, rmse_t) = apart_again(measured, extremes=True)
    assert r_sw > 0.95
    assert rmse_sw < 55.0
    assert r_t > 0.985
    assert rmse_t < 1.5
    _, (r_t, rmse_t) = apart_again(measured, extremes=False)
    assert r_t > 0.978
    assert rmse_t < 1.9


def test_davos_is_disaggregated_again() -> None:
    path = Path(os.environ.get("JULES_ML_DAVOS", platformdirs.user_cache_path("jules_ml") / FILE_NAME))
    if not path.is_file():
        pytest.skip(f"no record of Davos at {path}: run 'jules-ml demo' once, or set JULES_ML_DAVOS")
    ds = read_davos(path)[["t_air", "sw_down"]].interpolate_na("time", limit=6, keep_attrs=True)
    measured = complete_days(ds)
    assert measured.sizes["time"] > 1000 * 48
    (r_sw, rmse_sw), (r_t, rmse_t) = apart_again(measured, extremes=True)
    assert r_sw > 0.93
    assert rmse_sw < 90.0
    assert r_t > 0.97
    assert rmse_t < 1.8
    _, (r_t, rmse_t) = apart_again(measured, extremes=False)
    assert r_t > 0.945
    assert rmse_t < 2.7


# --- what each variable does


@pytest.mark.parametrize(("offset", "step", "per_day"), [(0.0, "1h", 24), (5.5, "30min", 48), (-7.0, "3h", 8)])
def test_days_are_local(offset: float, step: str, per_day: int) -> None:
    days = made_up(offset=offset, longitude=15.0 * offset)
    steps = disaggregate(days, step=step)
    assert steps.sizes["time"] == 40 * per_day
    assert steps["time"].to_numpy()[-1] == days["time"].to_numpy()[-1]
    assert steps.attrs["interval_seconds"] == 86400 / per_day
    assert {k: steps.attrs[k] for k in ("site", "utc_offset_hours", "latitude")} == {
        "site": "XX-Xxx",
        "utc_offset_hours": offset,
        "latitude": 50.0,
    }
    assert_days_kept(steps, days)
    # noon is in the middle of a local day, whatever the time zone; in half-hours and hours two steps tie, but for minutes
    brightest = days_of(steps, "sw_down").argmax(axis=1)
    assert set(brightest) <= {per_day // 2 - 1, per_day // 2}
    coldest = days_of(steps, "t_air").argmin(axis=1) * 24 / per_day
    assert 3.0 <= np.median(coldest) <= 6.0


def test_polar_night_and_midnight_sun_keep_their_means() -> None:
    days = made_up(365, latitude=78.2, longitude=15.6, offset=1.0)
    days["sw_down"][:] = np.where(np.arange(365) % 2, 0.3, 0.0)
    steps = disaggregate(days)
    assert_days_kept(steps, days)
    by_step = days_of(steps, "sw_down")
    dark = days_of(steps, "sw_down")[250]  # early December
    np.testing.assert_allclose(dark, days["sw_down"][250])
    assert (by_step >= 0.0).all()


def test_shortwave_above_the_potential_is_uniform() -> None:
    potential = np.array([[0.0, 0.0, 80.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        shortwave(np.array([25.0, 2.0]), potential), [[5.0, 5.0, 85.0, 5.0], [2.0, 2.0, 2.0, 2.0]]
    )
    np.testing.assert_allclose(shortwave(np.array([10.0, -1.0]), potential), [[0, 0, 40, 0], [-1, -1, -1, -1]])


def test_temperature_does_not_jump_at_midnight() -> None:
    days = made_up(200)
    steps = disaggregate(days, step="30min")
    change = np.abs(np.diff(steps["t_air"].to_numpy()))
    assert change[47::48].max() <= change.max() * 1.001
    assert change[47::48].mean() < 1.2 * change.mean()


def test_extremes_of_the_record_are_approximated() -> None:
    days = made_up(200)
    calm = days.assign(
        t_air=days["t_air"] * 0.0 + 280.0, t_air_min=days["t_air"] * 0.0 + 275.0, t_air_max=days["t_air"] * 0.0 + 285.0
    )
    steps = days_of(disaggregate(calm, step="30min"), "t_air")
    np.testing.assert_allclose(steps.max(axis=1) - steps.min(axis=1), 10.0, atol=0.1)
    assert np.abs(steps.min(axis=1) - 275.0).max() < 0.8


def test_mean_keeping_curve_is_continuous() -> None:
    mean = np.random.default_rng(0).standard_normal(30)
    curve = mean_preserving_curve(mean, 2000)
    np.testing.assert_allclose(curve.mean(axis=1), mean, atol=1e-12)
    assert np.abs(np.diff(curve.ravel())).max() < 0.01


def test_rain_falls_in_one_event_a_day() -> None:
    days = made_up(300)
    steps = disaggregate(days, rain_hours=3.0, seed=4)
    wet = days_of(steps, "precip") > 0.0
    np.testing.assert_array_equal(wet.sum(axis=1), np.where(days["precip"] > 0.0, 3, 0))
    starts = wet[wet.any(axis=1)].argmax(axis=1)
    assert (starts.min(), starts.max()) == (0, 21)
    np.testing.assert_allclose(wet[:, 1:-1].sum() / wet.sum(), 22 / 24, atol=0.06)
    assert not steps["precip"].equals(disaggregate(days, rain_hours=3.0, seed=5)["precip"])


def test_a_date_draws_the_same_rain_in_any_record() -> None:
    days = made_up(40)
    whole, later = disaggregate(days), disaggregate(days.isel(time=slice(15, None)))
    xr.testing.assert_equal(whole["precip"].isel(time=slice(15 * 24, None)), later["precip"])


def test_rain_at_the_edges_of_a_day() -> None:
    steps = rain_event(np.array([1.0, 1.0]), np.array([0.0, 0.999]), per_day=8, event=2)
    np.testing.assert_array_equal(steps, [[4, 4, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 4, 4]])


def test_snow_falls_below_two_degrees() -> None:
    steps = disaggregate(made_up(300))
    falls = steps["precip"] > 0.0
    fraction = (steps["tot_snow"] / steps["precip"]).where(falls)
    celsius = steps["t_air"] - 273.15
    assert (fraction.where(celsius <= 0.0, 1.0).fillna(1.0) == 1.0).all()
    assert (fraction.where(celsius >= 2.0, 0.0).fillna(0.0) == 0.0).all()
    middle = falls & (celsius > 0.0) & (celsius < 2.0)
    np.testing.assert_allclose(
        fraction.where(middle).dropna("time"), (1.0 - celsius / 2.0).where(middle).dropna("time")
    )


def test_longwave_follows_the_fourth_power_of_temperature() -> None:
    steps = disaggregate(made_up())
    ratio = days_of(steps, "lw_down") / days_of(steps, "t_air") ** 4
    np.testing.assert_allclose(ratio / ratio[:, :1], 1.0, rtol=1e-12)


@pytest.mark.parametrize("form", ["vpd", "relative_humidity"])
def test_other_forms_of_humidity_conserve_their_daily_mean(form: str) -> None:
    rng = np.random.default_rng(1)
    values = {"vpd": rng.uniform(20.0, 300.0, 40), "relative_humidity": rng.uniform(0.4, 1.0, 40)}[form]
    days = made_up().drop_vars("q").assign({form: ("time", values)})
    steps = disaggregate(days)
    vapour = vapour_pressure(steps["q"].to_numpy(), steps["pstar"].to_numpy())
    saturation = saturation_vapour_pressure(steps["t_air"].to_numpy())
    by_step = saturation - vapour if form == "vpd" else vapour / saturation
    np.testing.assert_allclose(by_step.reshape(-1, 24).mean(axis=1), values, rtol=1e-9)


def test_humidity_conversions() -> None:
    # WMO-No. 8: 23.386 hPa at 20 degC, 2.86 hPa at -10 degC over water
    np.testing.assert_allclose(saturation_vapour_pressure(np.array([293.15, 263.15])), [2333.0, 286.6], rtol=2e-3)
    pressure = np.array([101325.0])
    q = specific_humidity(np.array([2000.0]), pressure)
    assert q[0] == pytest.approx(0.01237, abs=2e-5)
    np.testing.assert_allclose(vapour_pressure(q, pressure), 2000.0)


# --- refusals


def test_record_refusals() -> None:
    ds = made_up()
    half = ds.isel(time=slice(0, 20))
    broken = xr.concat([half, ds.isel(time=slice(23, 40))], dim="time")
    for spoilt, problem, where, remedy in (
        (ds.assign_attrs(interval_seconds=3600.0), "not one day", "site XX-Xxx", "daily record"),
        (broken, "days are missing after 2020-04-21", "site XX-Xxx, variable time", "fill the gaps"),
        (
            ds.assign_attrs(utc_offset_hours=2.0),
            "02:00 and not midnight",
            "site XX-Xxx, variable time",
            "utc_offset_hours",
        ),
        (
            ds.assign(wind=ds["wind"].where(ds["wind"] < 5.0)),
            "of 40 days are missing",
            "site XX-Xxx, variable wind",
            "fill",
        ),
        (ds.expand_dims(site=["A", "B"]), "2 sites", "site XX-Xxx", "select one with ds.sel"),
        (
            ds.drop_attrs().assign_attrs(interval_seconds=86400.0),
            "latitude is unknown",
            "site dataset",
            "give latitude",
        ),
        (ds.drop_vars(list(ds)), "no forcing", "site XX-Xxx", "sw_down"),
        (ds.isel(time=slice(0, 0)), "no time steps", "site XX-Xxx", "one step"),
        (
            ds.drop_vars("t_air"),
            "'t_air' is missing, which the disaggregation of 'lw_down' needs",
            "site XX-Xxx, variable t_air",
            "add t_air",
        ),
        (ds.drop_vars("sw_down"), "range of temperature", "site XX-Xxx, variable t_air", "t_air_min"),
        (
            ds.assign(sw_down=ds["sw_down"] * 36.0),
            "exceeds potential radiation",
            "site XX-Xxx, variable sw_down",
            "unit",
        ),
        (ds.rename(precip="tot_rain"), "given separately", "site XX-Xxx, variable precip", "their sum"),
        (
            ds.drop_vars("q").assign(vpd=ds["q"] * 0.0 + 4000.0),
            "4000 Pa leaves less than 2 % of saturation",
            "site XX-Xxx, variable vpd",
            "unit of vpd",
        ),
        (
            ds.assign(t_air_min=ds["t_air"] + 1.0, t_air_max=ds["t_air"] + 9.0),
            "not between minimum",
            "site XX-Xxx, variable t_air",
            "same day",
        ),
    ):
        with pytest.raises(BadInput, match=problem) as refusal:
            disaggregate(spoilt)
        assert refusal.value.where == where
        assert remedy in refusal.value.remedy


def test_option_refusals() -> None:
    with pytest.raises(BadInput, match="a day is not a whole number of steps") as refusal:
        disaggregate(made_up(), step="7h")
    assert "'1h'" in refusal.value.remedy
    with pytest.raises(BadInput, match=r"rain event of 0\.2 h") as refusal:
        disaggregate(made_up(), rain_hours=0.2)
    assert "between one step" in refusal.value.remedy
