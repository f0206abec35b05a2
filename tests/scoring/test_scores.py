"""Scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jules_ml.scoring.scores import agreement

MEASURED = np.array([1.0, 2.0, 3.0, 4.0, np.nan])


def test_a_perfect_model() -> None:
    found = agreement(MEASURED, MEASURED)
    assert found.n == 4
    assert (found.r, found.kge, found.nse) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.rmse, found.bias) == pytest.approx((0.0, 0.0))


def test_bias_is_model_less_measurement() -> None:
    found = agreement(MEASURED + 0.5, MEASURED)
    assert (found.r, found.rmse, found.bias) == pytest.approx((1.0, 0.5, 0.5))
    # correlation and spread are right, the mean is 1.2 times what it should be
    assert found.kge == pytest.approx(1.0 - 0.2)
    assert found.nse == pytest.approx(1.0 - 0.25 / 1.25)


def test_the_mean_explains_nothing() -> None:
    assert agreement(np.array([2.4, 2.6, 2.4, 2.6]), MEASURED[:4]).nse < 0.2


def test_too_few_pairs_have_no_score() -> None:
    found = agreement(np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0, 2.0]))
    assert found.n == 2
    assert math.isnan(found.kge)
