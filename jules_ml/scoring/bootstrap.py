"""Interval of the difference between the scores of two predictions of the same observations, by a paired bootstrap of blocks of days.

References
----------
Carlstein (1986), Ann. Stat. 14, 1171-1179, for the bootstrap of blocks that do not overlap; Efron and Tibshirani (1993), An introduction
to the bootstrap, chapter 13, for percentile intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Array = NDArray[np.floating]
_Labels = NDArray[np.int64]

Measure = Literal["nse", "rmse"]
#: Coverage of the interval of a difference [1].
COVER: Final = 0.95
#: Length of a block [d].
BLOCK_DAYS: Final = 30
#: Fewest blocks that give an interval: the draws of fewer repeat each other.
LEAST_BLOCKS: Final = 5
_DRAWS: Final = 2000


@dataclass(frozen=True)
class Difference:
    """Score of a prediction minus the score of another one.

    Attributes
    ----------
    measure : {'nse', 'rmse'}
        Score.
    value : float
        Difference.
    lower, upper : float
        Ends of its 95 % interval; NaN with fewer than :data:`LEAST_BLOCKS` blocks.
    """

    measure: Measure
    value: float
    lower: float
    upper: float

    @property
    def gain(self) -> int | None:
        """1 if the first prediction is better, -1 if it is worse, 0 if the interval contains zero; None without an interval."""
        if math.isnan(self.lower):
            return None
        sign = int(self.lower > 0.0) - int(self.upper < 0.0)
        return sign if self.measure == "nse" else -sign

    def to_scores(self) -> dict[str, Any]:
        """Return the entry of ``scores.json``."""
        return asdict(self)

    @classmethod
    def from_scores(cls, entry: Mapping[str, Any]) -> Difference:
        """Read the entry of ``scores.json``, where null is NaN."""
        numbers = {name: float("nan") if entry[name] is None else float(entry[name]) for name in _NUMBERS}
        return cls(entry["measure"], **numbers)


_NUMBERS: Final = ("value", "lower", "upper")


def day_blocks(middle: pd.DatetimeIndex, *, site: _Labels | None = None, days: int = BLOCK_DAYS) -> _Labels:
    """Label each row with its block of consecutive days, for :func:`paired_difference`.

    Parameters
    ----------
    middle : DatetimeIndex, shape (row,)
        Middle of each interval in local standard time.
    site : array of int, shape (row,), optional
        Number of each row's site; a block has rows of one site.
    days : int
        Length of a block [d]. Weather and its errors are correlated over days to weeks, so that shorter blocks are not independent.

    Returns
    -------
    array of int, shape (row,)
    """
    number = (middle - pd.Timestamp("1900-01-01")).days.to_numpy() // days
    labels = number if site is None else np.unique(np.column_stack([site, number]), axis=0, return_inverse=True)[1]
    return np.asarray(np.ravel(labels), dtype=np.int64)


def paired_difference(
    first: _Array, second: _Array, observed: _Array, block: _Labels, *, measure: Measure, seed: int = 0
) -> Difference:
    """Score of a prediction minus the score of another, with a 95 % interval.

    Blocks are drawn with replacement, the same ones for both predictions.

    Parameters
    ----------
    first, second : array, shape (row,)
        Predictions; rows where one of them or the observation is NaN are left out.
    observed : array, shape (row,)
        Observations.
    block : array of int, shape (row,)
        Label of the block of each row; blocks are treated as independent.
    measure : {'nse', 'rmse'}
        Score. RMSE has the unit of the data.
    seed : int
        Seed of the draws.

    Returns
    -------
    Difference
        NaN throughout without rows.
    """
    valid = np.isfinite(first) & np.isfinite(second) & np.isfinite(observed)
    if not valid.any():
        return Difference(measure, *[float("nan")] * 3)
    names, index = np.unique(block[valid], return_inverse=True)
    obs = observed[valid].astype(np.float64)
    obs_centred = obs - obs.mean()  # avoids cancellation in the sum of squares
    terms = [
        np.ones_like(obs),
        obs_centred,
        obs_centred**2,
        (first[valid] - obs) ** 2,
        (second[valid] - obs) ** 2,
    ]
    sums = np.column_stack([np.bincount(index, term) for term in terms])
    value = float(_difference(sums.sum(0), measure))
    n = len(names)
    if n < LEAST_BLOCKS:
        return Difference(measure, value, float("nan"), float("nan"))
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=_DRAWS)
    drawn = _difference(np.asarray(counts @ sums, dtype=np.float64), measure)
    lower, upper = np.nanquantile(drawn, [0.5 * (1.0 - COVER), 0.5 * (1.0 + COVER)])
    return Difference(measure, value, float(lower), float(upper))


def _difference(sums: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    """Difference of the scores from sums over rows: number, observation, its square, squared errors of both; shape (..., 5)."""
    n, total, square, error_first, error_second = np.moveaxis(sums, -1, 0)
    if measure == "rmse":
        return np.asarray(np.sqrt(error_first / n) - np.sqrt(error_second / n))
    variance = square - total**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 0.0, (error_second - error_first) / variance, np.nan))
