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
_Sums = NDArray[np.float64]
_Labels = NDArray[np.int64]

Measure = Literal["nse", "rmse"]
#: Coverage of the interval of a difference [1].
COVER: Final = 0.95
#: Length of a block [d].
BLOCK_DAYS: Final = 30
#: Fewest blocks that give an interval: the draws of fewer repeat each other.
LEAST_BLOCKS: Final = 5
_DRAWS: Final = 2000
#: Rounding errors of sums of squares relative to them, which are no difference.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Difference:
    """Score of a prediction minus the score of another one.

    Attributes
    ----------
    measure : {'nse', 'kge', 'rmse'}
        Score.
    value : float
        Difference.
    lower, upper : float
        Ends of its 95 % interval; NaN with fewer than :data:`LEAST_BLOCKS` blocks.
    """

    measure: Measure | Literal["kge"]
    value: float
    lower: float
    upper: float

    @property
    def gain(self) -> int | None:
        """1 if the first prediction is better, -1 if it is worse, 0 if the interval contains zero; None without an interval."""
        if math.isnan(self.lower) or math.isnan(self.upper):
            return None
        rounding = 0.0 if self.measure == "rmse" else _ROUNDING
        sign = int(self.lower > rounding) - int(self.upper < -rounding)
        return -sign if self.measure == "rmse" else sign

    def to_scores(self) -> dict[str, Any]:
        """Return the entry of ``scores.json``."""
        return asdict(self)

    @classmethod
    def from_scores(cls, entry: Mapping[str, Any]) -> Difference:
        """Read the entry of ``scores.json``, where null is NaN."""
        numbers = {name: float("nan") if entry[name] is None else float(entry[name]) for name in _NUMBERS}
        return cls(entry["measure"], **numbers)


_NUMBERS: Final = ("value", "lower", "upper")
#: Scores of :func:`paired_gain`.
_EFFICIENCIES: Final[tuple[Literal["nse", "kge"], ...]] = ("nse", "kge")


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
    counts = _block_counts(len(names), seed)
    drawn = None if counts is None else _difference(np.asarray(counts @ sums, dtype=np.float64), measure)
    return Difference(measure, value, *_interval(drawn))


def _difference(sums: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    """Difference of the scores from sums over rows: number, observation, its square, squared errors of both; shape (..., 5)."""
    n, total, square, error_first, error_second = np.moveaxis(sums, -1, 0)
    if measure == "rmse":
        return np.asarray(np.sqrt(error_first / n) - np.sqrt(error_second / n))
    variance = square - total**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 0.0, (error_second - error_first) / variance, np.nan))


def paired_gain(
    first: _Array,
    second: _Array,
    observed: _Array,
    block: _Labels,
    *,
    series: _Labels | None = None,
    seed: int = 0,
) -> dict[str, Difference]:
    """Nash-Sutcliffe and Kling-Gupta efficiency of a prediction minus those of another, with intervals.

    Blocks are drawn with replacement, the same ones for both predictions and for all series.

    Parameters
    ----------
    first, second : array, shape (row,)
        Predictions.
    observed : array, shape (row,)
        Observations. Rows where one of the three is NaN are left out.
    block : array of int, shape (row,)
        Label of the block of each row, such as the number of its ten days; blocks are treated as independent.
    series : array of int, shape (row,), optional
        Label of the sensor of each row. NSE is then that of all sensors together, each with its own mean of the observations, and KGE
        the mean over the sensors.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to Difference
        ``nse`` and ``kge``; NaN without rows.
    """
    valid = np.isfinite(first) & np.isfinite(second) & np.isfinite(observed)
    if not valid.any():
        return {measure: Difference(measure, *[float("nan")] * 3) for measure in _EFFICIENCIES}
    blocks, of_block = np.unique(block[valid], return_inverse=True)
    labels = np.zeros(len(observed), dtype=np.int64) if series is None else series
    _, of_series = np.unique(labels[valid], return_inverse=True)
    obs, ours, theirs = (np.asarray(x, dtype=np.float64)[valid] for x in (observed, first, second))
    sums = _block_sums(obs, ours, theirs, of_block, of_series, len(blocks))
    shift = np.bincount(of_series, obs) / np.bincount(of_series)
    values = _differences(sums.sum(axis=0)[np.newaxis], shift)
    counts = _block_counts(len(blocks), seed)
    drawn = None if counts is None else _differences(np.tensordot(counts, sums, axes=1), shift)
    return {
        measure: Difference(measure, float(values[measure][0]), *_interval(None if drawn is None else drawn[measure]))
        for measure in _EFFICIENCIES
    }


def _block_counts(blocks: int, seed: int) -> NDArray[np.int64] | None:
    """How often each block is drawn, shape (draw, block); None with too few blocks."""
    if blocks < LEAST_BLOCKS:
        return None
    return np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1.0 / blocks), size=_DRAWS)


def _interval(drawn: NDArray[np.float64] | None) -> tuple[float, float]:
    """Ends of the interval of the draws, without those in which a score is not defined."""
    finite = None if drawn is None else drawn[np.isfinite(drawn)]
    if finite is None or len(finite) == 0:
        return float("nan"), float("nan")
    lower, upper = np.quantile(finite, [0.5 * (1.0 - COVER), 0.5 * (1.0 + COVER)])
    return float(lower), float(upper)


def _block_sums(
    obs: _Sums, ours: _Sums, theirs: _Sums, block: NDArray[np.intp], series: NDArray[np.intp], blocks: int
) -> _Sums:
    """Sums over the rows of each block and series, from which both scores follow; shape (block, series, sum)."""
    shift = np.bincount(series, obs) / np.bincount(series)
    count = len(shift)
    # departures from the mean of the observations avoid cancellation in the sums of squares
    o, p, q = (x - shift[series] for x in (obs, ours, theirs))
    terms = (np.ones_like(o), o, o * o, p, p * p, p * o, q, q * q, q * o)
    index = block * count + series
    sums = [np.bincount(index, term, minlength=blocks * count).reshape(blocks, count) for term in terms]
    return np.stack(sums, axis=-1)


def _differences(sums: _Sums, shift: _Sums) -> dict[str, _Sums]:
    """Differences of both scores, shape (draw,), from sums of shape (draw, series, sum)."""
    n, o, oo, *predictions = np.moveaxis(sums, -1, 0)
    scores = [_efficiencies((n, o, oo), predictions[k : k + 3], shift) for k in (0, 3)]
    return {name: scores[0][name] - scores[1][name] for name in scores[0]}


def _efficiencies(observed: tuple[_Sums, _Sums, _Sums], predicted: list[_Sums], shift: _Sums) -> dict[str, _Sums]:
    (n, o, oo), (p, pp, po) = observed, predicted
    with np.errstate(divide="ignore", invalid="ignore"):
        variance, variance_p = oo - o * o / n, pp - p * p / n
        errors = pp - 2.0 * po + oo
        nse = 1.0 - np.nansum(errors, axis=1) / np.nansum(variance, axis=1)
        # KGE is not defined for a constant prediction, whose variance is a rounding error
        variance_p = np.where(variance_p > _ROUNDING * variance, variance_p, np.nan)
        r = (po - p * o / n) / np.sqrt(variance * variance_p)
        ratio_of_means = (p / n + shift) / (o / n + shift)
        distance = (r - 1.0) ** 2 + (np.sqrt(variance_p / variance) - 1.0) ** 2 + (ratio_of_means - 1.0) ** 2
        kge = (1.0 - np.sqrt(distance)).mean(axis=1)
    return {"nse": np.asarray(nse), "kge": np.asarray(kge)}
