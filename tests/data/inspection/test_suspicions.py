"""Suspicious values are found, and sound records have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.inspection.figures import overview
from jules_ml.data.inspection.series import gaps_of, series_of, summary_of
from jules_ml.data.inspection.suspicions import constant_runs, notes_on, suspicions_of
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.support.figures import save_figure

DAYS = pd.date_range("2020-01-02", periods=400)
HALF_HOURS = pd.date_range("2020-06-01 00:30", periods=480, freq="30min")
RNG = np.random.default_rng(0)
THETA = 0.3 - 0.1 * np.sin(np.arange(400) / 365.0 * 2.0 * np.pi) + 0.002 * RNG.normal(size=400)
SUN = np.maximum(
    0.0, -800.0 * np.cos(2.0 * np.pi * (HALF_HOURS.hour + HALF_HOURS.minute / 60.0 - 0.25).to_numpy() / 24.0)
)


def daily(**values: np.ndarray) -> xr.Dataset:
    columns = {name: one[:, None] if name in ("theta", "t_soil") else one for name, one in values.items()}
    return site_dataset(
        columns, time=DAYS, interval=pd.Timedelta(days=1), meta=SiteMeta("X", "s", "l"), depth=[0.05], where="x"
    )


def half_hourly(offset: float = 0.0, **values: np.ndarray) -> xr.Dataset:
    meta = SiteMeta("X", "s", "l", utc_offset_hours=offset)
    return site_dataset(values, time=HALF_HOURS, interval=pd.Timedelta(minutes=30), meta=meta, where="x")


def problems(ds: xr.Dataset) -> list[str]:
    return [f"{one.series}: {one.problem}" for one in suspicions_of(ds, list(series_of(ds))) if one.problem]


def test_a_sound_record_has_none() -> None:
    assert problems(daily(theta=THETA, precip=1e-5 * (np.arange(400) % 5.0))) == []
    nee = 3.0 - 0.02 * SUN + 0.1 * RNG.normal(size=480)
    assert problems(half_hourly(sw_down=SUN, nee=nee)) == []


def test_a_stuck_sensor_is_found_with_its_length() -> None:
    theta = THETA.copy()
    theta[100:150] = 0.25
    theta[200:220] = 0.26
    (problem,) = problems(daily(theta=theta))
    assert problem == (
        "theta at 0.05 m: constant at 0.25 m3 m-3 for 50 days from 2020-04-11 00:00; 2 such runs with 70 values"
    )


def test_constant_values_with_a_reason_are_not_suspicious() -> None:
    assert problems(half_hourly(sw_down=SUN, relative_humidity=np.full(480, 1.0))) == []
    assert problems(daily(t_soil=np.where(np.arange(400) < 60, 273.15, 280.0 + THETA))) == []


def test_a_step_in_level_is_found() -> None:
    theta = THETA.copy()
    theta[150:] -= 0.15
    (problem,) = problems(daily(theta=theta))
    assert "the level changes by -0.1" in problem
    assert "on 2020-05-30 and stays there" in problem
    up = THETA.copy()
    up[150:] += 0.15
    assert problems(daily(theta=up)) == []  # rain is not known
    assert len(problems(daily(theta=up, precip=1e-4 * (np.arange(400) % 20.0 == 0.0)))) == 1


@pytest.mark.parametrize(("sign", "text"), [(-1.0, "its sign seems to be reversed"), (1.0, "")])
def test_the_sign_of_nee_is_checked_in_the_dark(sign: float, text: str) -> None:
    nee = sign * (3.0 - 0.02 * SUN) + 0.1 * RNG.normal(size=480)
    ds = half_hourly(sw_down=SUN, nee=nee)
    remedies = [one.remedy for one in suspicions_of(ds, list(series_of(ds)))]
    assert [text in remedy for remedy in remedies] == ([True] if text else [])


def test_a_clock_that_is_not_local_is_found() -> None:
    (problem,) = problems(half_hourly(offset=9.0, sw_down=SUN))
    assert "by the clock of the file, sw_down is centred at 21:" in problem


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("precip", 5e-3 * THETA, "kg m-2 a year"),
        ("t_air", 20.0 * THETA + 200.0, "the median is -6"),
    ],
)
def test_levels_of_wrong_units_are_found(name: str, values: np.ndarray, text: str) -> None:
    (problem,) = problems(daily(**{name: values}))
    assert text in problem


def test_values_that_rules_drop_are_named_with_the_rule() -> None:
    theta = THETA.copy()
    theta[100:200] = 0.25
    ds = daily(theta=theta, precip=1e-5 * (np.arange(400) % 5.0), t_air=np.full(400, 290.0) + THETA)
    (found,) = suspicions_of(ds, list(series_of(ds)))
    assert "100 of 400 values from 2020-04-11 to 2020-07-19 are those of a faulty sensor" in found.problem
    assert "stuck = false under [quality]" in found.remedy


def test_values_that_the_reader_left_out_are_notes() -> None:
    ds = daily(theta=THETA)
    ds["theta"].attrs["n_rejected"] = 3
    assert notes_on(ds) == ["theta: 3 values with a flag that rejects them are left out"]


def test_runs_end_at_gaps() -> None:
    assert constant_runs(np.array([1.0, 1.0, np.nan, 1.0, 1.0, 1.0, 2.0]), 3) == [(3, 5)]
    assert constant_runs(np.array([2.0, 2.0]), 3) == []


def test_gaps_are_counted_with_missing_rows() -> None:
    time = DAYS[[0, 1, 5, 6]]
    n_steps, gaps = gaps_of(np.array([True, False, True, True]), time, pd.Timedelta(days=1))
    assert n_steps == 7
    assert gaps == [pd.Timedelta(days=4)]


def test_a_series_is_summarised() -> None:
    theta = THETA.copy()
    theta[10:13] = np.nan
    ds = daily(theta=theta)
    (series,) = series_of(ds)
    summary = summary_of(series, DAYS, pd.Timedelta(days=1))
    assert (summary.n_values, summary.n_gaps, summary.longest_gap_days, summary.depth) == (397, 1, 3.0, 0.05)
    assert summary.missing == pytest.approx(3 / 400)


def test_the_overview_marks_suspicious_stretches(tmp_path: Path) -> None:
    theta = THETA.copy()
    theta[100:150] = 0.2
    ds = daily(theta=theta, wind=2.0 + THETA)
    figure = overview(ds, suspicions_of(ds, list(series_of(ds))), title="x")
    first, second = figure.axes
    marked = {axis.get_title(loc="left"): len(axis.patches) for axis in (first, second)}
    assert marked == {"theta at 0.05 m": 1, "wind": 0}
    assert {axis.get_ylabel() for axis in (first, second)} == {"[m$^{3}$ m$^{-3}$]", "[m s$^{-1}$]"}
    assert save_figure(figure, tmp_path / "x.png").stat().st_size > 5000
