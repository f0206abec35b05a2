"""Gain of one choice over another, with its standard error: the margin that a choice needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


class Gain(NamedTuple):
    """Mean gain over units, such as sites or blocks of days, and its standard error; infinite for fewer than two units."""

    mean: float
    standard_error: float


def mean_gain(gains: _Array) -> Gain:
    """Average the gains of units.

    Parameters
    ----------
    gains : array, shape (unit,)
        Error of a reference less that of another choice, of each unit; units count alike.

    Returns
    -------
    Gain
        In the unit of the gains; 0 without units.
    """
    count = len(gains)
    return Gain(
        float(gains.mean()) if count else 0.0,
        float(gains.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf"),
    )
