"""JULES's interpolation flags."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.weather.interpolation import NEEDED, interpolated

#: Records 0 to 5, four time steps apart; the steps are those of records 2 and 3.
RECORDS = np.array([1.0, 2.0, 4.0, 3.0, 0.0, 6.0])
INDEX = np.repeat([2, 3], 4)
STEP = np.tile(np.arange(4.0), 2)
STEPS = np.full(6, 4)


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("nf", [4.0] * 4 + [3.0] * 4),
        ("nb", [3.0] * 4 + [0.0] * 4),
        ("nc", [4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0]),
        ("i", [3.75, 3.5, 3.25, 3.0, 2.25, 1.5, 0.75, 0.0]),
    ],
)
def test_values_that_are_not_averages(flag: str, expected: list[float]) -> None:
    np.testing.assert_allclose(interpolated(RECORDS, INDEX, flag, STEPS, STEP), expected)


@pytest.mark.parametrize(("flag", "record"), [("f", 2), ("b", 3)])
def test_averages_keep_the_mean_of_their_period(flag: str, record: int) -> None:
    values = interpolated(RECORDS, INDEX, flag, STEPS, STEP)
    assert values[:4].mean() == pytest.approx(RECORDS[record])
    assert np.ptp(values[:4]) > 0.1


def test_centred_averages_keep_the_mean_of_their_period() -> None:
    # the period of record 3 is from two steps before it to two steps after it
    values = interpolated(RECORDS, INDEX, "c", STEPS, STEP)
    assert values[:2].mean() > values[2:6].mean() > values[6:].mean()
    # JULES compares the step with half the number of steps: step 2 of 4 still counts as the period before
    scaled = [RECORDS[2] * 4.0 / (0.5 * (2.0 + 3.0) + 3.0 * 4.0), RECORDS[3] * 4.0 / (0.5 * (4.0 + 0.0) + 9.0)]
    weights = (2.0 * STEP[:4] + 1.0) / 8.0
    mean = 4.0 * (1.0 - weights) + 3.0 * weights
    np.testing.assert_allclose(values[:4], mean * [scaled[0], scaled[0], scaled[0], scaled[1]])


def test_periods_without_rain_stay_dry() -> None:
    values = interpolated(np.zeros(6), INDEX, "b", STEPS, STEP)
    np.testing.assert_array_equal(values, 0.0)


def test_records_may_have_several_values() -> None:
    two = np.stack([RECORDS, 2.0 * RECORDS], axis=1)
    for flag in NEEDED:
        values = interpolated(two, INDEX, flag, STEPS, STEP)
        np.testing.assert_allclose(values[:, 1], 2.0 * values[:, 0])
