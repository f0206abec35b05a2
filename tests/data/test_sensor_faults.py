"""Stuck sensors and steps in their level: found, counted, and nothing that soil does is taken for one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import record_notes
from jules_ml.data.sensor_faults import RULES, runs_of_equal_values, sensor_faults, without_faults
from jules_ml.data.site import SiteMeta, site_dataset

META = SiteMeta(site="S", source="made for the test", licence="none")
DAYS = 1000


def weather(days: int = DAYS, *, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rain [kg m-2 d-1] on a quarter of the days, and a mild air temperature [K]."""
    rng = np.random.default_rng(seed)
    rain = np.where(rng.random(days) < 0.25, rng.gamma(1.0, 8.0, days), 0.0)
    return rain, 287.15 + 8.0 * np.sin(2.0 * np.pi * np.arange(days) / 365.0)


def bucket(rain: NDArray[np.float64], *, seed: int = 1, depth: float = 100.0) -> NDArray[np.float64]:
    """Water content of a layer that rain fills, and that drains and dries [m3 m-3]."""
    theta, water = np.empty(len(rain)), 20.0
    noise = np.random.default_rng(seed).normal(0.0, 0.0005, len(rain))
    for day, fallen in enumerate(rain):
        water = min(water + fallen, 42.0)
        water -= 0.05 * (water - 8.0) + 0.3 * max(water - 30.0, 0.0)
        theta[day] = water / depth
    return np.round(theta + noise, 4)


def record(
    theta: NDArray[np.float64],
    rain: NDArray[np.float64] | None,
    t_air: NDArray[np.float64],
    *,
    depth: tuple[float, ...] = (0.05,),
    **others: NDArray[np.float64],
) -> xr.Dataset:
    """Daily site dataset."""
    time = pd.date_range("2018-01-02", periods=len(t_air), freq="D")
    values = {"theta": theta.reshape(len(t_air), -1), "t_air": t_air, **others}
    if rain is not None:
        values["precip"] = rain / 86400.0
    return site_dataset(values, time=time, interval=pd.Timedelta(days=1), meta=META, depth=depth, where="test")


def rules_of(ds: xr.Dataset) -> list[str]:
    return [fault.rule for fault in sensor_faults(ds)]


def test_a_sound_record_is_unchanged() -> None:
    rain, t_air = weather()
    ds = record(bucket(rain), rain, t_air)
    assert without_faults(ds) is ds
    assert not sensor_faults(ds)


def test_a_stuck_sensor_is_dropped_counted_and_named() -> None:
    rain, t_air = weather()
    theta = bucket(rain)
    theta[300:340] = 0.25
    ds = without_faults(record(theta, rain, t_air))
    assert bool(ds["theta"].isel(time=slice(300, 340)).isnull().all())
    assert int(ds["theta"].notnull().sum()) == DAYS - 40
    (note,) = record_notes(ds)
    assert note.startswith("site S: theta at 0.05 m: 40 of 1000 values dropped by the rule 'stuck'")
    assert "40 days at 0.25 while" in note


def test_a_record_that_is_constant_throughout_is_stuck() -> None:
    rain, t_air = weather(900)
    ds = record(np.full(900, 0.25), rain, t_air)
    assert rules_of(ds) == ["stuck"]
    assert not without_faults(ds)["theta"].notnull().any()


def test_the_rules_can_be_switched_off() -> None:
    rain, t_air = weather()
    theta = bucket(rain)
    theta[300:340] = 0.25
    ds = record(theta, rain, t_air)
    assert without_faults(ds, [rule for rule in RULES if rule != "stuck"]) is ds


def test_half_hours_are_examined_as_days_are() -> None:
    rain, t_air = weather(400)
    theta = bucket(rain)
    steps = np.repeat(theta, 48) + np.random.default_rng(2).normal(0.0, 1e-4, 400 * 48)
    steps[100 * 48 : 130 * 48] = 0.3
    time = pd.date_range("2018-01-01 00:30", periods=400 * 48, freq="30min")
    values = {"theta": steps[:, None], "t_air": np.repeat(t_air, 48), "precip": np.repeat(rain, 48) / 86400.0}
    ds = site_dataset(values, time=time, interval=pd.Timedelta(minutes=30), meta=META, depth=[0.05], where="test")
    (fault,) = sensor_faults(ds)
    assert (fault.rule, fault.values) == ("stuck", 30 * 48)


def test_frozen_soil_is_not_stuck() -> None:
    rain, t_air = weather()
    theta = bucket(rain)
    t_air[300:390], theta[300:390] = 263.15, 0.08
    assert not sensor_faults(record(theta, rain, t_air))


def test_a_dry_season_at_coarse_resolution_is_not_stuck() -> None:
    rain, t_air = weather()
    rain[300:500] = 0.0
    theta = np.round(bucket(rain), 2)
    theta[360:500] = 0.08
    assert not sensor_faults(record(theta, rain, t_air))


def test_a_dry_sensor_of_fine_resolution_that_is_constant_for_a_season_is_stuck() -> None:
    rain, t_air = weather()
    rain[300:500] = 0.0
    theta = bucket(rain)
    theta[310:400] = theta[310]
    assert rules_of(record(theta, rain, t_air)) == ["stuck"]


def test_a_sensor_of_coarse_resolution_is_stuck_after_a_year_with_much_rain() -> None:
    rain, t_air = weather()
    theta = np.round(bucket(rain), 2)
    theta[100:300] = 0.2
    assert not sensor_faults(record(theta, rain, t_air))
    theta[100:600] = 0.2
    assert rules_of(record(theta, rain, t_air)) == ["stuck"]


def test_saturated_soil_is_not_stuck() -> None:
    rain, t_air = weather()
    theta = np.minimum(bucket(rain), 0.30)
    theta[600:650] = 0.30
    assert not sensor_faults(record(theta, rain, t_air))


def test_a_deep_sensor_may_ignore_rain() -> None:
    rain, t_air = weather()
    theta = bucket(rain)
    theta[300:340] = 0.25
    assert not sensor_faults(record(theta, rain, t_air, depth=(1.0,)))


def test_without_temperature_only_a_year_of_equal_values_is_stuck() -> None:
    rain, t_air = weather()
    theta = bucket(rain)
    theta[300:400] = 0.2
    assert not sensor_faults(record(theta, rain, t_air).drop_vars("t_air"))
    theta[300:700] = 0.2
    assert rules_of(record(theta, rain, t_air).drop_vars("t_air")) == ["stuck"]


def test_stuck_soil_temperature_is_found_and_the_zero_curtain_is_not() -> None:
    rain, t_air = weather()
    soil = np.round(t_air + np.random.default_rng(3).normal(0.0, 1.0, DAYS), 2)
    curtain, stuck = soil.copy(), soil.copy()
    curtain[300:390], stuck[300:340] = 273.4, 285.15
    theta = bucket(rain)
    assert not sensor_faults(record(theta, rain, t_air, t_soil=curtain[:, None]))
    (fault,) = sensor_faults(record(theta, rain, t_air, t_soil=stuck[:, None]))
    assert (fault.variable, fault.values) == ("t_soil", 40)


def test_filled_fluxes_that_repeat_one_number_are_stuck() -> None:
    rain, t_air = weather()
    nee = np.random.default_rng(4).normal(0.0, 3.0, DAYS)
    nee[500:510] = -2.01543
    (fault,) = sensor_faults(record(bucket(rain), rain, t_air, nee=nee))
    assert (fault.variable, fault.rule, fault.values) == ("nee", "stuck", 10)


@pytest.mark.parametrize("step", [0.12, -0.12])
def test_values_on_the_shorter_side_of_a_step_are_dropped(step: float) -> None:
    rain, t_air = weather()
    rain[690:720] = 0.0
    theta = 0.2 + 0.5 * (bucket(rain) - 0.2)
    theta[705:] += step
    ds = without_faults(record(theta, rain, t_air))
    assert int(ds["theta"].isnull().sum()) == DAYS - 705
    (note,) = record_notes(ds)
    assert "295 of 1000 values dropped by the rule 'level step'" in note
    assert "its level changes on 2019-12-07" in note


def test_a_change_that_other_sensors_confirm_is_no_step() -> None:
    rain, t_air = weather()
    rain[690:720] = 0.0
    theta = 0.2 + 0.5 * (bucket(rain) - 0.2)
    theta[705:] += 0.12
    noise = np.random.default_rng(5).normal(0.0, 0.001, DAYS)
    both = np.column_stack([theta, np.where(np.arange(DAYS) < 705, 0.2, 0.26) + noise])
    assert not sensor_faults(record(both, rain, t_air, depth=(0.05, 0.2)))
    steady = np.column_stack([theta, 0.2 + 0.3 * (bucket(rain, seed=9) - 0.2)])
    assert rules_of(record(steady, rain, t_air, depth=(0.05, 0.2))) == ["level step"]


def test_melting_snow_is_no_step() -> None:
    rain, t_air = weather()
    rain[690:720] = 0.0
    theta = 0.2 + 0.5 * (bucket(rain) - 0.2)
    theta[705:] += 0.12
    t_air[660:700] = 268.15
    assert not sensor_faults(record(theta, rain, t_air))


def test_rain_and_drainage_are_no_steps() -> None:
    rain, t_air = weather()
    rain[600:640], rain[640] = 0.0, 60.0
    assert not sensor_faults(record(bucket(rain), rain, t_air))


def test_without_rain_a_rise_is_no_step_and_a_large_fall_is() -> None:
    rain, t_air = weather()
    theta = 0.2 + 0.5 * (bucket(rain) - 0.2)
    rise, fall = theta.copy(), theta.copy()
    rise[705:] += 0.2
    fall[705:] -= 0.15
    assert not sensor_faults(record(rise, None, t_air))
    assert rules_of(record(np.maximum(fall, 0.0), None, t_air)) == ["level step"]


def test_irrigation_is_no_step() -> None:
    rain, t_air = weather()
    rain[300:600] = 0.0
    theta = bucket(rain)
    for day in range(320, 600, 40):
        theta[day : day + 25] += 0.1
    assert not sensor_faults(record(theta, rain, t_air))


def test_chambers_are_examined_one_by_one() -> None:
    rain, _ = weather()
    theta = bucket(rain)
    stuck = theta.copy()
    stuck[300:700] = 0.25
    time = pd.date_range("2018-01-02", periods=DAYS, freq="D")
    ds = xr.Dataset(
        {"theta": (("time", "port", "depth"), np.stack([theta, stuck], axis=1)[:, :, None])},
        coords={"time": time, "port": [1, 2], "depth": [np.nan]},
        attrs={"interval_seconds": 86400.0, "site": "C"},
    )
    ds = without_faults(ds)
    assert ds["theta"].isnull().sum("time").to_numpy().ravel().tolist() == [0, 400]
    assert "theta of sensor 2, 1" in record_notes(ds)[0]


def test_a_gap_does_not_end_a_run() -> None:
    assert runs_of_equal_values(np.array([1.0, np.nan, 1.0, 2.0, 2.0])).tolist() == [0, -1, 0, 1, 1]
