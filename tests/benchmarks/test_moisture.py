"""Baselines, local days and the first guess of the benchmark of soil moisture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from _boosting import with_offset
from _figure_distance import skill_against_distance
from _local_days import ADAPTATIONS, days_after, local_days
from _lstm import LstmTraining, best_steps, learn_lstm, predict_lstm
from _moisture import Records
from _moisture_columns import _first_guess
from _moisture_distance import distances
from _moisture_intervals import climatological_interval

from jules_ml.learned.moisture.record import MoistureRecord

DAYS = pd.date_range("2019-03-01", periods=800, freq="D")


def record(site: str, *, clay: float = 0.2, days: pd.DatetimeIndex = DAYS) -> MoistureRecord:
    count = len(days)
    theta = np.linspace(0.1, 0.4, count)[:, None]
    return MoistureRecord(
        site=site,
        days=days,
        dynamic={"precip": np.full(count, 2.0), "t_air": np.full(count, 283.0)},
        jules=np.full((count, 4), np.nan),
        static={"clay": clay},
        theta=theta,
        usable=np.ones_like(theta, dtype=bool),
        depth=np.array([0.05]),
        names=("theta_1",),
    )


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_no_local_day_is_scored(name: str) -> None:
    scored = np.ones(800, dtype=bool)
    scored[5:50] = False
    local, later = local_days(name, DAYS, scored), days_after(name, DAYS, scored)
    assert local is not None
    assert local.sum() == ADAPTATIONS[name][1]
    assert not (local & ~scored).any()
    assert not (local & later).any()


def test_spread_days_are_even_over_the_first_year() -> None:
    scored = np.ones(800, dtype=bool)
    local = local_days("30 days over a year", DAYS, scored)
    assert local is not None
    at = np.flatnonzero(local)
    assert (at[0], at[-1]) == (0, 365)  # 2020 is a leap year
    assert set(np.diff(at)) <= {12, 13}
    assert days_after("30 days over a year", DAYS, scored).sum() == 770


def test_a_site_with_few_days_has_no_local_ones() -> None:
    assert local_days("30 days", DAYS, np.arange(800) < 89) is None


def test_offset_is_the_mean_error_of_local_days() -> None:
    theta = np.array([0.1, 0.2, 0.3, np.nan])
    corrected = with_offset(np.array([0.2, 0.4, 0.3, 0.5]), theta, np.array([True, True, False, False]))
    np.testing.assert_allclose(corrected, [0.05, 0.25, 0.15, 0.35])


def test_climatological_interval_is_that_of_the_season_in_training_days() -> None:
    days = pd.date_range("2018-01-01", periods=730, freq="D")
    wet = np.asarray(days.month.isin([12, 1, 2]))
    theta = np.where(wet, 0.4, 0.1)
    theta[365:] = 9.0  # never in training
    low, high = climatological_interval(days, theta, np.arange(730) < 365)
    winter, summer = 365 + 15, 365 + 200
    assert (low[winter], high[winter]) == (0.4, 0.4)
    assert (low[summer], high[summer]) == (0.1, 0.1)


def test_first_guess_averages_anomalies_of_soils() -> None:
    anomaly = np.sin(np.arange(800) / 20.0)[:, None] * np.ones(4)
    runs = np.stack([0.1 + 0.02 * anomaly, 0.3 + 0.06 * anomaly])
    records = Records({}, {}, {}, record("spen"), {})
    guess = _first_guess(records, record("A"), runs)
    np.testing.assert_allclose(guess, 0.2 + 0.04 * anomaly, atol=1e-12)


def test_distance_is_to_the_nearest_site_outside_the_fold() -> None:
    uscrn = {str(i): record(str(i), clay=0.1 * i) for i in range(8)}
    found = distances(Records({}, {}, uscrn, record("spen"), {}))
    assert found["7"] >= found.median() > 0.0
    alike = {site: replace(each, static={"clay": 0.2}) for site, each in uscrn.items()}
    assert not np.nan_to_num(distances(Records({}, {}, alike, record("spen"), {}))).any()


def test_distance_figure_separates_towers_from_stations() -> None:
    table = pd.DataFrame(
        {"distance": [0.2, 0.5], "rmse": [0.05, 0.06], "difference": [0.01, -0.01], "neon": [True, False]}
    )
    axes = skill_against_distance(table).axes
    assert [line.get_label() for line in axes[0].get_lines()] == ["USCRN stations", "NEON towers"]


def test_lstm_trains_until_the_error_held_back_is_smallest() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 500, 2)
    target, weight = x[..., 0].clone(), torch.ones(4, 500)
    held_back = torch.zeros(4, 500)
    held_back[:2, 400:] = 1.0
    steps = best_steps(x, target, weight, held_back, most=150, main=2)
    assert steps in (100, 150)
    model = learn_lstm(x, target, weight, steps=steps, seed=0, main=2)
    assert float(((predict_lstm(model, x) - target) ** 2).mean()) < 0.8 * float(target.var())


def test_lstm_draws_its_windows_from_training_days() -> None:
    weight = torch.zeros(2, 900)
    weight[0, 700:800], weight[1, :300] = 1.0, 1.0
    training = LstmTraining(torch.randn(2, 900, 1), torch.zeros(2, 900), weight, seed=0, main=1)
    assert training._first.tolist() == [700, 0]
    assert training._starts.tolist() == [1, 300 - 245 + 1]
