"""Gap-filling."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.weather.gaps import interpolate_short_gaps, mean_diurnal_variation


def test_short_gaps_are_interpolated_and_longer_ones_left() -> None:
    values = np.array([0.0, np.nan, np.nan, 3.0, np.nan, np.nan, np.nan, 7.0])
    filled = interpolate_short_gaps(values, 2)
    assert filled[:4].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(filled[4:7]).all()
    assert interpolate_short_gaps(values, 3).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_gaps_at_either_end_stay() -> None:
    filled = interpolate_short_gaps(np.array([np.nan, 1.0, 2.0, np.nan]), 5)
    assert np.isnan(filled[[0, 3]]).all()


@pytest.mark.parametrize("values", [np.full(4, np.nan), np.arange(4.0)])
def test_complete_and_empty_series_are_unchanged(values: np.ndarray) -> None:
    np.testing.assert_array_equal(interpolate_short_gaps(values, 3), values)


def test_the_input_is_unchanged() -> None:
    values = np.array([0.0, np.nan, 2.0])
    interpolate_short_gaps(values, 1)
    assert np.isnan(values[1])


def test_mean_diurnal_variation_is_that_of_the_adjacent_days() -> None:
    course = np.array([1.0, 2.0, 4.0, 3.0])
    values = np.tile(course, 10) + np.repeat(np.arange(10.0), 4)
    values[16:20] = np.nan
    np.testing.assert_allclose(mean_diurnal_variation(values, per_day=4, days=2)[16:20], course + 4.0)


def test_mean_diurnal_variation_is_limited_to_its_days() -> None:
    values = np.ones(40)
    values[8:32] = np.nan
    filled = mean_diurnal_variation(values, per_day=4, days=2)
    assert np.isfinite(filled[8:16]).all()
    assert np.isnan(filled[16:24]).all()


def test_an_incomplete_last_day_is_allowed() -> None:
    assert len(mean_diurnal_variation(np.ones(10), per_day=4, days=1)) == 10
