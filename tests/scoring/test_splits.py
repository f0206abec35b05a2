"""Splits of records and of sites."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from jules_ml.scoring.splits import (
    SPLIT_NAMES,
    Split,
    bootstrap_weights,
    both_ends,
    by_fractions,
    from_left_out,
    inner_folds,
    last_blocks,
    last_fraction,
    leave_group_out,
    leave_one_out,
    site_folds,
    years_or_blocks,
)

LONG = pd.date_range("2001-03-07", periods=2800, freq="12h")
SHORT = pd.date_range("2004-05-20", periods=500, freq="D")
BRIEF = pd.date_range("2010-11-02", periods=300, freq="8h")
#: Rows of three sites one after another.
MIDDLE = LONG.append(SHORT).append(BRIEF)
SITE = np.repeat([0, 1, 2], [len(LONG), len(SHORT), len(BRIEF)])
#: Usable days of two sensors.
USABLE = np.random.default_rng(2).random((137, 2)) < 0.4


def checksum(values: NDArray[np.generic]) -> int:
    """Checksum of a split, so that no row moves from one part to another unnoticed."""
    return zlib.crc32(np.ascontiguousarray(values, dtype=np.int64).tobytes())


def one_site(middle: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.zeros(len(middle), dtype=np.int64)


def test_a_long_record_is_labelled_by_year_but_its_incomplete_years() -> None:
    labels = years_or_blocks(LONG)
    assert set(np.unique(labels)) == {-1, 2001, 2002, 2003, 2004}
    assert set(LONG[labels == -1].year) == {2005}
    assert checksum(labels) == 3791805624


def test_a_short_record_is_labelled_by_blocks_of_two_months() -> None:
    labels = years_or_blocks(SHORT)
    assert set(SHORT[labels == labels[60]].month) == {7, 8}
    assert checksum(labels) == 1625596099


def test_a_brief_record_is_labelled_by_single_months_where_asked() -> None:
    assert len(np.unique(years_or_blocks(BRIEF))) == 2
    assert len(np.unique(years_or_blocks(BRIEF, single_months=True))) == 4


@pytest.mark.parametrize(
    ("middle", "expected"),
    [(LONG, 4088425675), (SHORT, 1153992260), (BRIEF, 1570370066)],
    ids=["long", "short", "brief"],
)
def test_inner_folds_of_one_site(middle: pd.DatetimeIndex, expected: int) -> None:
    assert checksum(inner_folds(one_site(middle), middle, most=4)) == expected


def test_inner_folds_do_not_cut_blocks() -> None:
    fold = inner_folds(one_site(SHORT), SHORT, most=6)
    block = (12 * SHORT.year + SHORT.month - 1) // 2
    assert pd.Series(fold).groupby(np.asarray(block)).nunique().max() == 1
    assert set(fold) == set(range(6))


def test_inner_folds_of_several_sites_are_each_site_s_own() -> None:
    fold = inner_folds(SITE, MIDDLE, most=4)
    assert checksum(fold) == 3010089917
    np.testing.assert_array_equal(fold[SITE == 1], inner_folds(one_site(SHORT), SHORT, most=4))


@pytest.mark.parametrize(
    ("middle", "fraction", "first"), [(LONG, 0.2, 2060), (LONG, 0.5, 1330), (SHORT, 0.2, 407), (SHORT, 0.5, 285)]
)
def test_last_blocks_reach_to_the_end_of_the_record(middle: pd.DatetimeIndex, fraction: float, first: int) -> None:
    test = last_blocks(one_site(middle), middle, fraction)
    np.testing.assert_array_equal(test, np.arange(len(middle)) >= first)


def test_last_blocks_of_several_sites() -> None:
    test = last_blocks(SITE, MIDDLE, 0.2)
    assert test.sum() == 953
    assert checksum(test) == 3502935157
    assert not last_blocks(SITE, MIDDLE, 0.0).any()


def test_the_bootstrap_draws_whole_blocks_as_many_as_there_are() -> None:
    weights = bootstrap_weights(SITE, MIDDLE, 3, days=30, rng=np.random.default_rng(1))
    assert zlib.crc32(weights.tobytes()) == 3331207148
    number = np.asarray((SHORT - pd.Timestamp("1900-01-01")).days // 30)
    by_block = pd.DataFrame(weights[:, SITE == 1].T).groupby(number)
    assert (by_block.nunique() == 1).all().all()
    assert (by_block.first().sum() == by_block.ngroups).all()


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.13, 13), (0.3, 35), (1.0, 137)])
def test_the_last_fraction_is_one_stretch_of_time(fraction: float, count: int) -> None:
    test = last_fraction(np.asarray(USABLE.any(axis=1)), fraction)
    np.testing.assert_array_equal(test, np.arange(137) >= 137 - count)


def test_the_last_fraction_starts_at_a_usable_step() -> None:
    usable = np.zeros(20, dtype=bool)
    usable[2:12] = True
    assert last_fraction(usable, 0.3).tolist() == [False] * 9 + [True] * 11


def test_nothing_is_the_last_fraction_of_no_usable_step() -> None:
    assert not last_fraction(np.zeros(5, dtype=bool), 0.5).any()


def test_both_ends_contain_the_same_fraction_of_the_steps() -> None:
    steps = np.flatnonzero(USABLE[:, 0])
    late, early = both_ends(steps, 137, 1.0 / 3.0)
    assert (late.sum(), early.sum()) == (35, 47)
    assert late[steps].sum() == early[steps].sum()


def test_both_ends_do_not_overlap() -> None:
    steps = np.arange(10, 100, 2)
    late, early = both_ends(steps, 120, 1.0 / 3.0)
    assert late[steps].sum() == early[steps].sum() == 15
    assert not (late & early).any()
    assert late[119]
    assert early[0]


def test_a_split_by_fractions_is_in_order_of_time() -> None:
    split = by_fractions(np.ones(700, dtype=bool), validation=0.2, test=0.3)
    assert split.test.sum() == 211  # 700 * (1 - 0.3) is a little less than 490
    assert split.validation.sum() == 196  # both ends of what is fitted
    assert list(split.names()[[0, 200, 480, 699]]) == ["validation", "train", "validation", "test"]


@pytest.mark.parametrize(
    ("validation", "test", "sensor", "counts", "checksums"),
    [
        (0.2, 0.3, 0, (70, 37, 30), (2482436687, 1454721073, 2965376534)),
        (0.2, 0.3, 1, (55, 46, 36), (3612716968, 1991178719, 3564694047)),
        (0.0, 0.3, 0, (107, 0, 30), (1894128557, 3047533011, 2965376534)),
        (0.2, 0.0, 1, (76, 61, 0), (1112435623, 2187886108, 3047533011)),
        (0.15, 0.13, 0, (99, 26, 12), (4208480139, 309978417, 2636256978)),
        (0.2, 1.0, 0, (0, 0, 137), (3047533011, 3047533011, 1971567720)),
    ],
)
def test_a_split_by_fractions(
    validation: float, test: float, sensor: int, counts: tuple[int, ...], checksums: tuple[int, ...]
) -> None:
    split = by_fractions(USABLE[:, sensor], validation=validation, test=test)
    parts = (split.train, split.validation, split.test)
    assert tuple(int(part.sum()) for part in parts) == counts
    assert tuple(checksum(part) for part in parts) == checksums


def test_a_record_without_usable_steps_is_unused() -> None:
    split = by_fractions(np.zeros(4, dtype=bool), validation=0.2, test=0.3)
    assert list(split.names()) == ["unused"] * 4


def test_flags_are_positions_of_names() -> None:
    train, validation, test = (np.arange(4) == k for k in range(3))
    split = Split(train, validation, test)
    assert split.flags().tolist() == [0, 1, 2, 3]
    assert split.flags().dtype == np.int8
    assert tuple(split.names()) == SPLIT_NAMES
    assert split.fitted.tolist() == [True, True, False, False]


def test_folds_of_sites() -> None:
    assert [np.flatnonzero(fold).tolist() for fold in leave_one_out(3)] == [[0], [1], [2]]
    assert [np.flatnonzero(fold).tolist() for fold in leave_group_out(["x", "y", "x", "z", "y"])] == [
        [0, 2],
        [1, 4],
        [3],
    ]
    order = np.random.default_rng(7).permutation(10)
    folds = site_folds(10, 3, seed=7)
    assert [set(np.flatnonzero(fold)) for fold in folds] == [set(order[k::3]) for k in range(3)]


def test_each_site_is_predicted_by_the_fit_without_it() -> None:
    predicted = np.arange(6.0).reshape(2, 3)
    folds = [np.array([True, False, False]), np.array([False, True, False])]
    np.testing.assert_array_equal(from_left_out(predicted, folds), [0.0, 4.0, np.nan])
