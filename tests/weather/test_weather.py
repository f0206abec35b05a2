"""Weather for a run: rules, counts and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity
from jules_ml.data.readers.cosmos_uk import read_cosmos_uk
from jules_ml.data.readers.jules import read_jules_driving
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.physics.surface import Forcing
from jules_ml.weather import Weather, site_weather

HALF_HOUR = pd.Timedelta(minutes=30)
RULES = ForcingSection()


def record(
    *,
    days: int = 4,
    interval: pd.Timedelta = HALF_HOUR,
    without: tuple[str, ...] = (),
    qc: Mapping[str, np.ndarray] | None = None,
    elevation: float | None = 1639.0,
    **changed: np.ndarray,
) -> xr.Dataset:
    """A site dataset of fair weather, with columns left out or replaced."""
    n = round(days * pd.Timedelta(days=1) / interval)
    hour = (np.arange(n) + 0.5) * (interval / pd.Timedelta(hours=1))
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    values = {
        "t_air": 280.0 + 5.0 * sun,
        "sw_down": 500.0 * sun,
        "lw_down": np.full(n, 300.0),
        "precip": np.full(n, 1e-5),
        "q": np.full(n, 0.005),
        "wind": np.full(n, 3.0),
        "pstar": np.full(n, 84000.0),
    }
    values = {name: column for name, column in (values | changed).items() if name not in without}
    return site_dataset(
        values,
        qc=qc,
        qc_meaning="0 measured, 1 filled",
        time=pd.date_range(pd.Timestamp("2019-06-01") + interval, periods=n, freq=interval),
        interval=interval,
        meta=SiteMeta("Test", "made up", "none", latitude=46.8, longitude=0.0, elevation=elevation),
        where="made up",
    )


def rules(weather: Weather, variable: str) -> dict[str, int]:
    return {s.rule: s.steps for s in weather.substitutions if s.variable == variable}


def missing(n: int, first: int, last: int, fill: float = 280.0) -> np.ndarray:
    column = np.full(n, fill)
    column[first:last] = np.nan
    return column


def test_a_complete_record_is_unchanged() -> None:
    ds = record(without=("precip",), tot_rain=np.full(192, 1e-5), tot_snow=np.zeros(192))
    weather = site_weather(ds, RULES, timestep=1800.0)
    assert weather.substitutions == ()
    for name in Forcing._fields:
        np.testing.assert_array_equal(weather.series[name], ds[name])
    forcing = weather.tensors(torch.float64)
    assert forcing.t_air.shape == (192, 1)
    assert forcing.t_air.dtype == torch.float64


def test_short_gaps_are_interpolated_and_longer_ones_get_the_mean_diurnal_variation() -> None:
    t_air = 280.0 + 5.0 * np.sin(2.0 * np.pi * np.arange(192) / 48.0)
    whole = t_air.copy()
    t_air[10:14] = np.nan
    t_air[60:90] = np.nan
    weather = site_weather(record(t_air=t_air), RULES, timestep=1800.0)
    assert rules(weather, "t_air") == {
        "interpolated over gaps of up to 2 h": 4,
        "mean diurnal variation of 14 days on either side": 30,
    }
    np.testing.assert_allclose(weather.series["t_air"][60:90], whole[60:90])
    np.testing.assert_allclose(weather.series["t_air"][10:14], whole[10:14], atol=0.5)


def test_missing_rows_count_as_gaps() -> None:
    ds = record()
    weather = site_weather(ds.isel(time=np.r_[0:20, 23:192]), RULES, timestep=1800.0)
    assert weather.series.sizes["time"] == 192
    assert rules(weather, "wind") == {"interpolated over gaps of up to 2 h": 3}


def test_missing_wind_is_constant_and_missing_pressure_that_of_the_elevation() -> None:
    weather = site_weather(record(without=("wind", "pstar")), ForcingSection(wind=2.5), timestep=1800.0)
    assert set(weather.series["wind"].to_numpy()) == {2.5}
    assert rules(weather, "wind") == {"fixed at 2.5 m s-1, not measured": 192}
    np.testing.assert_allclose(weather.series["pstar"], 83150.0, rtol=2e-3)  # ICAO standard atmosphere at 1639 m
    assert rules(weather, "pstar") == {"standard atmosphere at the elevation of the site": 192}


def test_missing_pressure_needs_the_elevation() -> None:
    with pytest.raises(BadInput, match="needs the elevation of the site") as caught:
        site_weather(record(without=("pstar",), elevation=None), RULES, timestep=1800.0)
    assert "site.elevation" in caught.value.remedy


def test_missing_longwave_is_estimated() -> None:
    weather = site_weather(record(without=("lw_down",)), RULES, timestep=1800.0)
    longwave = weather.series["lw_down"]
    assert rules(weather, "lw_down") == {
        "clear sky by Dilley and O'Brien (1998), clouds by shortwave radiation": 192,
    }
    assert float(longwave.min()) > 220.0
    assert float(longwave.max()) < 400.0


def test_only_long_gaps_of_longwave_are_estimated() -> None:
    lw_down = np.full(192, 300.0)
    lw_down[5:7], lw_down[50:80] = np.nan, np.nan
    weather = site_weather(record(lw_down=lw_down), ForcingSection(clear_sky="brutsaert"), timestep=1800.0)
    assert list(rules(weather, "lw_down").values()) == [2, 30]
    assert set(weather.series["lw_down"].to_numpy()[80:]) == {300.0}


@pytest.mark.parametrize(
    ("name", "value", "vapour"),
    [("vpd", 400.0, lambda es: es - 400.0), ("relative_humidity", 0.6, lambda es: 0.6 * es)],
)
def test_humidity_in_its_other_forms(name: str, value: float, vapour: object) -> None:
    replaced: dict[str, Any] = {name: np.full(192, value)}
    ds = record(without=("q",), **replaced)
    weather = site_weather(ds, RULES, timestep=1800.0)
    saturation = saturation_vapour_pressure(ds["t_air"].to_numpy())
    expected = specific_humidity(vapour(saturation), ds["pstar"].to_numpy())  # type: ignore[operator]
    np.testing.assert_allclose(weather.series["q"], expected)


def test_one_form_of_humidity_fills_gaps_of_another() -> None:
    vpd = np.full(192, 400.0)
    vpd[:100] = np.nan
    ds = record(without=("q",), vpd=vpd, relative_humidity=np.full(192, 0.5))
    weather = site_weather(ds, RULES, timestep=1800.0)
    assert rules(weather, "q") == {}
    saturation = saturation_vapour_pressure(ds["t_air"].to_numpy())
    np.testing.assert_allclose(
        weather.series["q"][:100], specific_humidity(0.5 * saturation, ds["pstar"].to_numpy())[:100]
    )


def test_precipitation_is_partitioned_by_temperature() -> None:
    t_air = np.repeat([272.0, 274.15, 276.0], 64)
    weather = site_weather(record(t_air=t_air), RULES, timestep=1800.0)
    snow = weather.series["tot_snow"].to_numpy()
    np.testing.assert_allclose(snow[[0, 64, 128]], [1e-5, 0.5e-5, 0.0])
    np.testing.assert_allclose(weather.series["tot_rain"].to_numpy() + snow, 1e-5)
    assert rules(weather, "precip") == {
        "partitioned into rain and snow by air temperature, linearly between 0 and 2 degC": 192
    }


def test_negative_radiation_is_0() -> None:
    sw_down = np.full(192, 100.0)
    sw_down[:10] = -3.0
    weather = site_weather(record(sw_down=sw_down), RULES, timestep=1800.0)
    assert rules(weather, "sw_down") == {"negative values set to 0": 10}
    assert float(weather.series["sw_down"].min()) == 0.0


def test_gap_filling_of_the_source_is_counted() -> None:
    codes = np.zeros(192)
    codes[:7] = 2.0
    weather = site_weather(record(qc={"t_air": codes}), RULES, timestep=1800.0)
    assert rules(weather, "t_air") == {"gap-filled by the source of the record": 7}


def test_hours_are_repeated_over_half_hours() -> None:
    weather = site_weather(record(interval=pd.Timedelta(hours=1)), RULES, timestep=1800.0)
    assert weather.series.sizes["time"] == 192
    t_air = weather.series["t_air"].to_numpy()
    np.testing.assert_array_equal(t_air[::2], t_air[1::2])
    assert pd.Timestamp(weather.series["time"].to_numpy()[0]) == pd.Timestamp("2019-06-01 00:30")


def test_longer_steps_get_means() -> None:
    ds = record()
    weather = site_weather(ds, RULES, timestep=3600.0)
    np.testing.assert_allclose(weather.series["t_air"], ds["t_air"].to_numpy().reshape(-1, 2).mean(axis=1))
    assert pd.Timestamp(weather.series["time"].to_numpy()[0]) == pd.Timestamp("2019-06-01 01:00")


def test_days_are_disaggregated_and_conserve_their_means() -> None:
    day = pd.Timedelta(days=1)
    lw_down = np.array([300.0, np.nan, np.nan, 310.0, 305.0, 300.0])
    ds = record(days=6, interval=day, sw_down=np.full(6, 150.0), lw_down=lw_down)
    weather = site_weather(ds, ForcingSection(interpolate_hours=0.0), timestep=1800.0)
    by_day = weather.series.coarsen(time=48).mean()
    for name in ("t_air", "sw_down", "wind", "q"):
        np.testing.assert_allclose(by_day[name], ds[name], rtol=1e-9)
    np.testing.assert_allclose(by_day["precip"], ds["precip"], rtol=1e-9)
    np.testing.assert_allclose(by_day["lw_down"][[0, 3, 4, 5]], lw_down[[0, 3, 4, 5]], rtol=1e-9)
    assert list(rules(weather, "lw_down").values()) == [96]


@pytest.mark.parametrize(
    ("without", "place", "remedy"),
    [
        (("t_air",), "variable t_air", "name its column"),
        (("precip",), "variable precip", "column of precipitation"),
        (("q",), "variable q", "name the column"),
    ],
)
def test_variables_without_a_substitute_are_refused(without: tuple[str, ...], place: str, remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        site_weather(record(without=without), RULES, timestep=1800.0)
    assert caught.value.where == f"site Test, {place}"
    assert remedy in caught.value.remedy


def test_a_gap_that_is_too_long_is_refused_with_its_start() -> None:
    days = 40
    t_air = missing(48 * days, 48, 48 * 39)
    with pytest.raises(BadInput, match="first at 2019-06-16 00:30:00 UTC") as caught:
        site_weather(record(days=days, t_air=t_air), RULES, timestep=1800.0)
    assert "course_days" in caught.value.remedy


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        ("2019-05-01", None, "but the record from"),
        (None, "2020-01-01", "but the record from"),
        ("2019-06-01 00:10", None, "within an interval"),
        ("2019-06-02", "2019-06-02", "no steps"),
    ],
)
def test_a_run_outside_the_record_is_refused(start: str | None, end: str | None, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        site_weather(
            record(),
            RULES,
            timestep=1800.0,
            start=None if start is None else pd.Timestamp(start),
            end=None if end is None else pd.Timestamp(end),
        )


def test_stamps_off_the_grid_are_refused_and_not_dropped() -> None:
    ds = record()
    stamps = ds["time"].to_numpy().copy()
    stamps[5] += np.timedelta64(7, "m")
    with pytest.raises(BadInput, match="1 time stamps are not a whole number of intervals") as caught:
        site_weather(ds.assign_coords(time=stamps), RULES, timestep=1800.0)
    assert "time" in str(caught.value.where)
    assert "correct or delete" in caught.value.remedy


def test_a_part_of_the_record_can_be_run() -> None:
    weather = site_weather(
        record(), RULES, timestep=1800.0, start=pd.Timestamp("2019-06-02"), end=pd.Timestamp("2019-06-03")
    )
    assert weather.series.sizes["time"] == 48


def test_an_unsuitable_time_step_is_refused() -> None:
    with pytest.raises(BadInput, match="does not fit a record") as caught:
        site_weather(record(), RULES, timestep=700.0)
    assert "divides" in caught.value.remedy


def test_loobos_needs_no_substitution(shared_data: Path) -> None:
    ds = read_jules_driving(
        shared_data / "jules" / "loobos_inputs" / "Loobos_1997.dat", start="1996-12-31 23:00", period_seconds=1800.0
    )
    weather = site_weather(ds, RULES, timestep=1800.0)
    assert weather.substitutions == ()
    np.testing.assert_array_equal(weather.series["q"], ds["q"])


def test_a_station_without_radiation_is_refused(shared_data: Path) -> None:
    ds = read_cosmos_uk(shared_data / "moisture" / "SPENF-2016-11-24-2021-09-05.csv")
    with pytest.raises(BadInput, match="'sw_down' is missing"):
        site_weather(ds, ForcingSection(course_days=60), timestep=1800.0)
