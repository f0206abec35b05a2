"""Which rows are held out to be scored, and which rows each fold of a cross-validation holds out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.training.respiration.rows import MIN_ROWS, Rows

#: Rows that a year must have to be held out as a year.
_YEAR_ROWS = 200


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
