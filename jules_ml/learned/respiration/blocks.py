"""Blocks of time: what is left out together in validation, and drawn together in the bootstrap.

Errors of neighbouring steps are alike, so that steps drawn one by one would be taken for more evidence than they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.respiration.site import MIN_ROWS, Rows

#: Rows that a year must have to be a fold of its own.
_YEAR_ROWS = 200
#: Blocks of two months below which validation takes single months: from three of them nothing is to be told.
_FEW_BLOCKS = 5


def inner_folds(rows: Rows, most: int) -> NDArray[np.int64]:
    """Fold of each row for choices made while fitting.

    Each site's record is cut into years where it has three or more, else into blocks of two calendar months, or of one where these are
    few; blocks are dealt to the folds in turn.

    Parameters
    ----------
    rows : Rows
        The training part.
    most : int
        Most folds.

    Returns
    -------
    array of int, shape (row,)
        -1 for rows of years that are too poor: always trained on, never validated with.
    """
    fold = np.full(len(rows), -1, dtype=np.int64)
    for number in range(len(rows.sites)):
        mine = rows.site == number
        block = _validation_blocks(rows.middle[mine])
        names = np.unique(block[block >= 0])
        fold[mine] = np.where(block >= 0, np.searchsorted(names, block) % min(most, max(len(names), 1)), -1)
    return fold


def _validation_blocks(middle: pd.DatetimeIndex) -> NDArray[np.int64]:
    year = middle.year.to_numpy()
    names, counts = np.unique(year, return_counts=True)
    rich = names[counts >= _YEAR_ROWS]
    if len(rich) >= 3:
        return np.where(np.isin(year, rich), year, -1)
    month = 12 * year + middle.month.to_numpy() - 1
    return month // 2 if len(np.unique(month // 2)) >= _FEW_BLOCKS else month


def bootstrap_weights(rows: Rows, members: int, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each row is drawn by each member, in blocks of ``days`` days drawn with replacement within each site.

    Returns
    -------
    array, shape (member, row)
    """
    number = (rows.middle - pd.Timestamp("1900-01-01")).days.to_numpy() // days
    weights = np.empty((members, len(rows)))
    for site in range(len(rows.sites)):
        mine = rows.site == site
        names, block = np.unique(number[mine], return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=members) if len(names) else None
        if drawn is not None:
            weights[:, mine] = drawn[:, block]
    return weights


def outer_folds(rows: Rows) -> NDArray[np.int64]:
    """Fold of each row of one site: its year where three years have 200 rows or more, else its block of two calendar months.

    Returns
    -------
    array of int, shape (row,)
        -1 for rows of poorer years: always trained on, never scored.
    """
    year = rows.middle.year.to_numpy()
    names, counts = np.unique(year, return_counts=True)
    rich = names[counts >= _YEAR_ROWS]
    if len(rich) >= 3:
        return np.where(np.isin(year, rich), year, -1)
    return (12 * year + rows.middle.month.to_numpy() - 1) // 2


def scored_part(rows: Rows, fraction: float) -> NDArray[np.bool_]:
    """The last years, or blocks of two calendar months, of each site's record.

    Parameters
    ----------
    rows : Rows
    fraction : float
        Part of the years or blocks to hold out; 0 for none.

    Returns
    -------
    array of bool, shape (row,)

    Raises
    ------
    BadInput
        If too few rows would be left to learn from.
    """
    test = np.zeros(len(rows), dtype=bool)
    if fraction == 0.0:
        return test
    for number in range(len(rows.sites)):
        mine = np.flatnonzero(rows.site == number)
        fold = outer_folds(rows.take(mine))
        names = np.unique(fold[fold >= 0])
        last = names[len(names) - max(1, round(fraction * len(names))) :]
        # what comes after is held out too, be it too poor to be a fold: nothing is learned from the future
        test[mine] = rows.time[mine] >= rows.time[mine][np.isin(fold, last)].min()
    left = int((~test).sum())
    if left < MIN_ROWS:
        raise BadInput(
            f"{left} rows are left to learn from once the last {fraction:.0%} of the record is held out",
            remedy="give a longer record, or set test_fraction = 0 and have no score",
        )
    return test
