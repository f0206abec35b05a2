"""Splits of records and of sites into training, validation and test periods and sites.

Neighbouring steps of a record are not independent. All splits therefore consist of whole years, of blocks of months, of one period,
or of whole sites, never of single steps. A *fold* is the part that is left out of one fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Labels = NDArray[np.int64]

#: Meanings of the flags of a split, in the order of their values from 0.
SPLIT_NAMES: Final = ("train", "validation", "test", "unused")
#: Rows that a year needs to be a fold of its own.
_LEAST_ROWS_OF_A_YEAR: Final = 200
#: Years that a record needs to be split by years.
_LEAST_YEARS: Final = 3
#: Blocks of two months that a record needs for validation by such blocks: fewer than five give no stable score.
_LEAST_BLOCKS: Final = 5


@dataclass(frozen=True, eq=False)
class Split:
    """Split of one record, as masks of shape (step,); a step has one mask at most.

    Attributes
    ----------
    train, validation, test : array of bool, shape (step,)
        Steps that weights are fitted to, that choices are made by, and that scores are computed from.
    """

    train: _Mask
    validation: _Mask
    test: _Mask

    @property
    def fitted(self) -> _Mask:
        """Steps that the final module is fitted to: train and validation."""
        return self.train | self.validation

    def flags(self) -> NDArray[np.int8]:
        """Flag of each step: the position of its name in :data:`SPLIT_NAMES`."""
        return np.select([self.train, self.validation, self.test], [0, 1, 2], 3).astype(np.int8)

    def names(self) -> NDArray[np.str_]:
        """Name of each step's part of the split."""
        return np.array(SPLIT_NAMES)[self.flags()]


def split_of(test: _Mask) -> Split:
    """Split into a test period and training steps, without validation."""
    return Split(train=~test, validation=np.zeros_like(test), test=test)


# --- one period


def last_fraction(usable: _Mask, fraction: float, *, rounding: Callable[[float], int] = round) -> _Mask:
    """Mark the last steps of a record, from the first of the last usable ones on.

    Parameters
    ----------
    usable : array of bool, shape (step,)
    fraction : float
        Fraction of the usable steps to mark, 0 to 1; one step at least where it is not 0.
    rounding : callable, optional
        Makes the number of usable steps that remain an integer.

    Returns
    -------
    array of bool, shape (step,)
        All steps from the first marked one on, usable or not.
    """
    steps = np.flatnonzero(usable)
    if len(steps) == 0 or fraction == 0.0:
        return np.zeros(len(usable), dtype=bool)
    first = steps[min(rounding(len(steps) * (1.0 - fraction)), len(steps) - 1)]
    return np.asarray(np.arange(len(usable)) >= first)


def both_ends(steps: NDArray[np.intp], length: int, fraction: float) -> tuple[_Mask, _Mask]:
    """Mark the last and the first steps of a record that contain a fraction of some of its steps.

    Parameters
    ----------
    steps : array of int, shape (training step,)
        Numbers of the training steps, ascending.
    length : int
        Number of steps of the record.
    fraction : float
        Fraction of the training steps at each end.

    Returns
    -------
    late, early : array of bool, shape (step,)
    """
    step, cut = np.arange(length), int(len(steps) * (1.0 - fraction))
    return step >= steps[cut], step <= steps[len(steps) - 1 - cut]


def by_fractions(usable: _Mask, *, validation: float, test: float) -> Split:
    """Split a record in order of time: validation, train, validation, test.

    Parameters
    ----------
    usable : array of bool, shape (step,)
    validation : float
        Fraction of the steps before the test period at each of their two ends; each end is left out of the fit in turn.
    test : float
        Fraction of the usable steps in the test period.

    Returns
    -------
    Split
        Without any step where none is usable.
    """
    steps = np.flatnonzero(usable)
    none = np.zeros(len(usable), dtype=bool)
    if len(steps) == 0:
        return Split(none, none, none)
    tested = last_fraction(usable, test, rounding=int)
    fitted = steps[~tested[steps]]
    ends = both_ends(fitted, len(usable), validation) if validation and len(fitted) else ()
    validated = ~tested & np.logical_or.reduce(ends) if ends else none
    return Split(~tested & ~validated, validated, tested)


# --- years and blocks of months


def years_or_blocks(middle: pd.DatetimeIndex, *, single_months: bool = False) -> _Labels:
    """Label each row of one site with its year where the record is long, else with its block of two calendar months.

    Parameters
    ----------
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    single_months : bool, optional
        Use single months in place of fewer than five blocks.

    Returns
    -------
    array of int, shape (row,)
        Years where three of them have 200 rows or more, with -1 for the rows of other years: these are always trained on.
    """
    year = middle.year.to_numpy()
    years, counts = np.unique(year, return_counts=True)
    complete = years[counts >= _LEAST_ROWS_OF_A_YEAR]
    if len(complete) >= _LEAST_YEARS:
        return np.where(np.isin(year, complete), year, -1)
    month = 12 * year + middle.month.to_numpy() - 1
    block = month // 2
    return np.asarray(month if single_months and len(np.unique(block)) < _LEAST_BLOCKS else block)


def inner_folds(site: _Labels, middle: pd.DatetimeIndex, *, most: int) -> _Labels:
    """Deal each site's years, or blocks of months, to folds in turn, for choices made while fitting.

    Parameters
    ----------
    site : array of int, shape (row,)
        Number of each row's site.
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    most : int
        Greatest number of folds.

    Returns
    -------
    array of int, shape (row,)
        Number of the fold; -1 for rows that are always trained on, see :func:`years_or_blocks`.
    """
    fold = np.full(len(site), -1, dtype=np.int64)
    for number in np.unique(site):
        mine = site == number
        block = years_or_blocks(middle[mine], single_months=True)
        names = np.unique(block[block >= 0])
        fold[mine] = np.where(block >= 0, np.searchsorted(names, block) % min(most, max(len(names), 1)), -1)
    return fold


def last_blocks(site: _Labels, middle: pd.DatetimeIndex, fraction: float) -> _Mask:
    """Mark the last years, or blocks of two calendar months, of each site's record.

    Parameters
    ----------
    site : array of int, shape (row,)
        Number of each row's site.
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    fraction : float
        Fraction of the years or blocks to mark, one at least; 0 for none.

    Returns
    -------
    array of bool, shape (row,)
        All rows from the first marked one of the site on, those of incomplete years too: nothing later is trained on.
    """
    test = np.zeros(len(site), dtype=bool)
    if fraction == 0.0:
        return test
    for number in np.unique(site):
        mine = np.flatnonzero(site == number)
        block = years_or_blocks(middle[mine])
        names = np.unique(block[block >= 0])
        last = names[len(names) - max(1, round(fraction * len(names))) :]
        test[mine] = middle[mine] >= middle[mine][np.isin(block, last)].min()
    return test


def bootstrap_weights(
    site: _Labels, middle: pd.DatetimeIndex, members: int, *, days: int, rng: np.random.Generator
) -> _Array:
    """Draw blocks of days with replacement within each site, and count how often each row is drawn.

    Parameters
    ----------
    site : array of int, shape (row,)
        Number of each row's site.
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    members : int
        Number of draws.
    days : int
        Length of a block.
    rng : Generator

    Returns
    -------
    array, shape (member, row)

    References
    ----------
    Carlstein (1986), Ann. Stat. 14, 1171-1179, for the bootstrap of blocks that do not overlap.
    """
    number = (middle - pd.Timestamp("1900-01-01")).days.to_numpy() // days
    weights = np.empty((members, len(site)))
    for each in np.unique(site):
        mine = site == each
        names, block = np.unique(number[mine], return_inverse=True)
        weights[:, mine] = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=members)[:, block]
    return weights


# --- sites


def leave_one_out(n: int) -> list[_Mask]:
    """Folds of one site each, as ``n`` masks of shape (site,)."""
    return list(np.eye(n, dtype=bool))


def leave_group_out(groups: Sequence[str]) -> list[_Mask]:
    """Folds of the sites of one group each, such as a region, as masks of shape (site,) in order of appearance."""
    names = np.asarray(groups)
    return [names == name for name in dict.fromkeys(groups)]


def site_folds(n: int, folds: int, *, seed: int) -> list[_Mask]:
    """Deal sites to folds at random; folds differ by one site at most.

    Parameters
    ----------
    n : int
        Number of sites.
    folds : int
    seed : int

    Returns
    -------
    list of array of bool, shape (site,)
        A mask per fold.
    """
    order = np.random.default_rng(seed).permutation(n)
    return [np.isin(np.arange(n), order[fold::folds]) for fold in range(folds)]


def from_left_out(predicted: _Array, folds: Sequence[_Mask]) -> _Array:
    """Take each site's prediction from the fit that left it out.

    Parameters
    ----------
    predicted : array, shape (fold, site)
        Predictions of all sites with each fold left out.
    folds : sequence of array of bool, shape (site,)

    Returns
    -------
    array, shape (site,)
        NaN for sites of no fold.
    """
    values = np.full(predicted.shape[1], np.nan)
    for row, fold in zip(predicted, folds, strict=True):
        values[fold] = row[fold]
    return values
