"""Regularity of time stamps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jules_ml.errors import BadInput


def refuse_irregular(stamps: pd.DatetimeIndex, interval: pd.Timedelta, *, where: str) -> None:
    """Raise an error for a time stamp that is not a multiple of the interval after the one before it; gaps are allowed.

    Parameters
    ----------
    stamps : DatetimeIndex, shape (time,)
        Time stamps in order.
    interval : Timedelta
        Averaging interval.
    where : str
        File and column, for the error message.

    Raises
    ------
    BadInput
        If there is one; the error names the first.
    """
    odd = np.flatnonzero((np.diff(stamps.to_numpy()) % interval.to_timedelta64()).astype(np.int64))
    if odd.size:
        row = int(odd[0]) + 1
        raise BadInput(
            f"time stamp {stamps[row]} is {stamps[row] - stamps[row - 1]} after the previous one, not a multiple of {interval}",
            where=where,
            remedy="correct the time stamp, or delete the row",
        )


def most_frequent_step(stamps: pd.DatetimeIndex) -> pd.Timedelta | None:
    """Return the most frequent positive difference of time stamps, the shortest of several; None if there is none.

    Parameters
    ----------
    stamps : DatetimeIndex, shape (time,)
        Time stamps in the order of the file; NaT are left out.
    """
    steps, counts = np.unique(np.diff(stamps.dropna().to_numpy()), return_counts=True)
    positive = steps > np.timedelta64(0)
    return pd.Timedelta(steps[positive][counts[positive].argmax()]) if positive.any() else None
