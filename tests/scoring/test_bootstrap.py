"""The paired bootstrap of blocks of days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jules_ml.scoring.bootstrap import Difference, Measure, day_blocks, paired_difference
from jules_ml.scoring.scores import score

RNG = np.random.default_rng(3)
DAYS = 720
OBSERVED = RNG.normal(size=DAYS)
GOOD, POOR = (OBSERVED + size * RNG.normal(size=DAYS) for size in (0.5, 0.8))
BLOCK = np.arange(DAYS) // 30


@pytest.mark.parametrize("measure", ["nse", "rmse"])
def test_the_difference_is_that_of_the_scores(measure: Measure) -> None:
    difference = paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure=measure)
    expected = getattr(score(GOOD, OBSERVED), measure) - getattr(score(POOR, OBSERVED), measure)
    assert difference.value == pytest.approx(expected)
    assert difference.lower < difference.value < difference.upper


def test_a_clear_difference_has_an_interval_on_one_side_of_zero() -> None:
    assert paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="nse").lower > 0.0
    assert paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="rmse").upper < 0.0
    assert paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="nse").gain == 1
    assert paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="rmse").gain == 1
    assert paired_difference(POOR, GOOD, OBSERVED, BLOCK, measure="rmse").gain == -1


def test_equal_predictions_have_no_difference() -> None:
    difference = paired_difference(GOOD, GOOD, OBSERVED, BLOCK, measure="nse")
    assert (difference.value, difference.lower, difference.upper) == (0.0, 0.0, 0.0)
    assert difference.gain == 0


def test_the_interval_is_reproducible_and_depends_on_the_seed() -> None:
    first, second, other = (paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="nse", seed=s) for s in (0, 0, 1))
    assert first == second
    assert first != other


def test_the_interval_contains_the_true_difference_as_often_as_stated() -> None:
    # errors that are equal throughout a block: single days would give an interval that is much too narrow
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        block = np.arange(1200) // 30
        observed = rng.normal(size=1200)
        errors = np.repeat(rng.normal(size=(2, 40)), 30, axis=1)
        difference = paired_difference(observed + errors[0], observed + errors[1], observed, block, measure="rmse")
        inside += difference.lower <= 0.0 <= difference.upper
    assert 88 <= inside <= 100


def test_missing_values_are_left_out() -> None:
    observed = np.where(np.arange(DAYS) < 30, np.nan, OBSERVED)
    difference = paired_difference(GOOD, POOR, observed, BLOCK, measure="nse")
    assert difference == paired_difference(GOOD[30:], POOR[30:], OBSERVED[30:], BLOCK[30:], measure="nse")


def test_few_blocks_have_no_interval() -> None:
    difference = paired_difference(GOOD[:100], POOR[:100], OBSERVED[:100], BLOCK[:100], measure="nse")
    assert np.isfinite(difference.value)
    assert np.isnan(difference.lower)
    assert difference.gain is None


def test_blocks_are_of_consecutive_days_of_one_site() -> None:
    middle = pd.DatetimeIndex(np.tile(pd.date_range("2020-01-01", periods=90, freq="D"), 2))
    block = day_blocks(middle, site=np.repeat([0, 1], 90))
    assert not set(block[:90]) & set(block[90:])
    assert np.bincount(block)[np.unique(block)].max() == 30
    assert len(np.unique(day_blocks(middle))) in (3, 4)


def test_a_difference_is_kept_in_scores() -> None:
    difference = paired_difference(GOOD, POOR, OBSERVED, BLOCK, measure="nse")
    assert Difference.from_scores(difference.to_scores()) == difference
