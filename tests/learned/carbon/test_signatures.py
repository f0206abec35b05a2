"""Signatures of soil moisture on synthetic series of known properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jules_ml.learned.carbon.signatures import SIGNATURES, drydown_time, rain_events, signatures

DAYS = pd.date_range("2018-01-01", "2020-12-31", freq="D")


def leaky_bucket(
    *, tau: float = 8.0, storage: float = 0.004, season: float = 0.0, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Water content and rain of a leaky bucket, which dries exponentially."""
    rng = np.random.default_rng(seed)
    precip = np.where(rng.random(len(DAYS)) < 0.08, rng.uniform(6.0, 20.0, len(DAYS)), 0.0)
    store = 0.0
    theta = np.empty(len(DAYS))
    for k, rain in enumerate(precip):
        store = store * np.exp(-1.0 / tau) + storage * rain
        theta[k] = 0.1 + store
    return theta + season * np.cos(2.0 * np.pi * (DAYS.day_of_year.to_numpy() - 1 - 91.3) / 365.25), precip


def values_of(theta: np.ndarray, precip: np.ndarray, t_soil: np.ndarray | None = None) -> dict[str, float]:
    t_air = 290.0 + np.random.default_rng(0).normal(size=len(DAYS))
    return signatures(DAYS, theta, precip, t_air, t_air if t_soil is None else t_soil).values


@pytest.mark.parametrize("tau", [2.0, 8.0, 20.0])
def test_the_drydown_time_scale_is_recovered(tau: float) -> None:
    assert drydown_time(0.1 + 0.2 * np.exp(-np.arange(15) / tau)) == pytest.approx(tau, rel=0.05)
    theta, precip = leaky_bucket(tau=tau)
    values = values_of(theta, precip)
    assert np.exp(values["drydown_time"]) == pytest.approx(tau, rel=0.1)
    assert values["drydown_spread"] < 0.1


def test_a_soil_that_does_not_dry_has_no_time_scale() -> None:
    assert np.isnan(drydown_time(np.full(10, 0.3)))
    assert np.isnan(drydown_time(np.array([0.3, np.nan, np.nan, 0.2])))


def test_the_wetting_amplitude_is_proportional_to_storage() -> None:
    small, large = (values_of(*leaky_bucket(storage=s)) for s in (0.002, 0.004))
    assert large["wetting_amplitude"] == pytest.approx(2.0 * small["wetting_amplitude"], rel=0.01)
    assert large["storage_slope"] == pytest.approx(0.004, rel=0.15)


def test_the_phase_of_the_season_is_recovered() -> None:
    values = values_of(*leaky_bucket(season=0.1))
    assert values["season_sin"] > 0.95
    assert values["season_amplitude"] == pytest.approx(0.1, abs=0.02)


def test_memory_grows_with_the_time_scale() -> None:
    assert values_of(*leaky_bucket(tau=20.0))["memory"] > values_of(*leaky_bucket(tau=4.0))["memory"] + 0.5


def test_damping_is_the_ratio_of_day_to_day_variability() -> None:
    air = 290.0 + np.random.default_rng(0).normal(size=len(DAYS))
    theta, precip = leaky_bucket()
    values = signatures(DAYS, theta, precip, air, 290.0 + 0.4 * (air - 290.0)).values
    assert values["t_damping_day_to_day"] == pytest.approx(0.4, rel=1e-6)


def test_events_are_consecutive_wet_days_with_enough_rain() -> None:
    events = rain_events(np.array([0.0, 3.0, 4.0, 0.0, 2.0, 0.0, np.nan, 9.0]))
    assert [(e.first, e.last, e.rain) for e in events] == [(1, 2, 7.0), (7, 7, 9.0)]


def test_gaps_change_the_signatures_little() -> None:
    theta, precip = leaky_bucket()
    complete = values_of(theta, precip)
    theta[::97] = np.nan
    with_gaps = values_of(theta, precip)
    assert set(with_gaps) == set(SIGNATURES)
    for name in ("drydown_time", "wet_plateau", "wetting_amplitude"):
        assert with_gaps[name] == pytest.approx(complete[name], rel=0.1)
