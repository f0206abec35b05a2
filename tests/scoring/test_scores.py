"""Scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jules_ml.scoring.scores import coverage, interval_score, interval_width, score

MEASURED = np.array([1.0, 2.0, 3.0, 4.0, np.nan])


def test_a_perfect_model() -> None:
    found = score(MEASURED, MEASURED)
    assert found.n == 4
    assert (found.r, found.kge, found.nse) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.rmse, found.bias) == pytest.approx((0.0, 0.0))


def test_bias_is_model_less_measurement() -> None:
    found = score(MEASURED + 0.5, MEASURED)
    assert (found.r, found.rmse, found.bias) == pytest.approx((1.0, 0.5, 0.5))
    # correlation and spread are right, the mean is 1.2 times what it should be
    assert found.kge == pytest.approx(1.0 - 0.2)
    assert found.nse == pytest.approx(1.0 - 0.25 / 1.25)


def test_the_mean_explains_nothing() -> None:
    assert score(np.array([2.4, 2.6, 2.4, 2.6]), MEASURED[:4]).nse < 0.2


def test_too_few_pairs_have_no_score() -> None:
    found = score(np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0, 2.0]))
    assert found.n == 2
    assert math.isnan(found.kge)


def test_scores_by_hand() -> None:
    observed, predicted = np.array([1.0, 2.0, 3.0, 6.0]), np.array([2.0, 2.0, 5.0, 5.0])
    scores = score(predicted, observed)
    assert (scores.bias, scores.mae) == pytest.approx((0.5, 1.0))
    assert scores.rmse == pytest.approx(math.sqrt(6.0 / 4.0))
    assert scores.ubrmse == pytest.approx(math.sqrt(6.0 / 4.0 - 0.5**2))
    assert scores.nse == pytest.approx(1.0 - 6.0 / 14.0)
    assert scores.r == pytest.approx(9.0 / math.sqrt(14.0 * 9.0))
    assert scores.r2 == pytest.approx(9.0**2 / (14.0 * 9.0))


def test_equal_values_leave_errors_alone_defined() -> None:
    varied, equal = np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)
    of_equal = score(varied, equal)
    assert all(math.isnan(value) for value in (of_equal.r, of_equal.r2, of_equal.kge, of_equal.nse))
    assert of_equal.rmse == pytest.approx(math.sqrt(2.0 / 3.0))
    by_equal = score(equal, varied)
    assert all(math.isnan(value) for value in (by_equal.r, by_equal.r2, by_equal.kge))
    assert by_equal.nse == pytest.approx(0.0)
    assert score(varied, varied - 2.0).kge == -math.inf


def test_coverage_counts_both_ends() -> None:
    lower, upper = np.zeros(5), np.array([1.0, 1.0, 1.0, 1.0, np.nan])
    assert coverage(lower, upper, np.array([0.0, 1.0, 1.5, np.nan, 0.5])) == pytest.approx(2.0 / 3.0)
    assert math.isnan(coverage(lower, upper, np.full(5, np.nan)))


def test_interval_score_adds_width_and_penalties() -> None:
    lower, upper, observed = np.zeros(4), np.full(4, 2.0), np.array([1.0, -0.5, 3.0, np.nan])
    # 2 / alpha = 20 at a nominal coverage of 90 %
    assert interval_score(lower, upper, observed, cover=0.9) == pytest.approx(2.0 + 20.0 * (0.5 + 1.0) / 3.0)
    assert math.isnan(interval_score(lower, upper, np.full(4, np.nan), cover=0.9))


def test_width_of_intervals_is_that_of_observed_rows() -> None:
    lower, upper, observed = np.zeros(3), np.array([1.0, 3.0, 100.0]), np.array([0.5, 9.0, np.nan])
    assert interval_width(lower, upper, observed) == 2.0
