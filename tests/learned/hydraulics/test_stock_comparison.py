"""Whether a calibrated soil is better than that of ``[soil]``, from days of the training period that were left out of the calibration."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.learned.hydraulics.stock_comparison import compare_with_stock, training_parts

DAYS = 360


def _series() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    observed = 0.25 + 0.05 * np.sin(np.arange(DAYS) / 20.0)
    return observed, 0.01 * generator.standard_normal(DAYS)


def test_a_soil_that_is_better_in_every_block_gives_no_note() -> None:
    observed, noise = _series()
    comparison = compare_with_stock(observed + noise, observed + 0.05, observed)
    assert comparison.better
    assert comparison.note() is None
    assert comparison.stock == pytest.approx(0.05)
    assert comparison.blocks == DAYS // 30


def test_a_soil_that_is_worse_is_noted_with_both_errors() -> None:
    observed, noise = _series()
    comparison = compare_with_stock(observed + 0.05, observed + noise, observed)
    assert comparison.better is False
    note = comparison.note()
    assert note is not None
    assert "not better than that of [soil] (RMSE 0.050 against 0.010 m3 m-3)" in note


def test_a_gain_within_one_standard_error_is_noted() -> None:
    observed, noise = _series()
    # better in one block of twelve, and a little worse in another
    stock = observed + noise
    stock[:30] = observed[:30] + 0.05
    stock[60:90] = observed[60:90]
    comparison = compare_with_stock(observed + np.roll(noise, 7), stock, observed)
    assert comparison.gain > 0.0
    assert comparison.better is False
    note = comparison.note()
    assert note is not None
    assert "less than one standard error" in note


def test_the_standard_error_is_that_of_the_means_of_equal_blocks() -> None:
    observed, noise = _series()
    comparison = compare_with_stock(observed, observed + noise, observed)
    means = (noise**2).reshape(-1, 30).mean(1)
    assert comparison.standard_error == pytest.approx(means.std(ddof=1) / np.sqrt(len(means)))


def test_a_short_period_cannot_be_judged() -> None:
    observed, noise = _series()
    observed[60:] = np.nan
    comparison = compare_with_stock(observed + noise, observed + 0.05, observed)
    assert comparison.better is None
    assert "too short" in (comparison.note() or "")
    nothing = compare_with_stock(observed, observed, np.full(DAYS, np.nan))
    assert nothing.better is None


def test_parts_have_equal_numbers_of_observed_days_in_order() -> None:
    observed = np.full((50, 2), np.nan)
    observed[10:30:2, 0] = 0.2
    observed[30:40, 1] = 0.2
    first, second = training_parts(observed)
    assert np.array_equal(first, ~second)
    days = np.isfinite(observed).any(1)
    assert (first & days).sum() == (second & days).sum() == 10
    assert np.flatnonzero(first)[-1] < np.flatnonzero(second)[0]
