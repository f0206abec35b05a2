"""Gain of one prediction over another of the same observations, with an interval by a paired bootstrap of blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

#: Coverage of the interval of a gain [1].
COVER: Final = 0.95
#: Fewest blocks that give an interval: the draws of fewer repeat each other.
LEAST_BLOCKS: Final = 5
_DRAWS: Final = 1000
#: Rounding errors of sums, which are no gain.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Gain:
    """Score of a prediction minus that of another.

    Attributes
    ----------
    value : float
        Difference of the scores [1].
    lower, upper : float
        Ends of its 95 % interval; NaN with fewer than :data:`LEAST_BLOCKS` blocks.
    """

    value: float
    lower: float
    upper: float

    @property
    def sign(self) -> int | None:
        """1 for a gain, -1 for a loss, 0 if the interval contains zero; None without an interval."""
        if math.isnan(self.lower) or math.isnan(self.upper):
            return None
        return int(self.lower > _ROUNDING) - int(self.upper < -_ROUNDING)


def paired_gain(
    first: _Array,
    second: _Array,
    observed: _Array,
    block: NDArray[np.int64],
    *,
    series: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> dict[str, Gain]:
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
    dict of str to Gain
        ``nse`` and ``kge``; NaN without rows.

    References
    ----------
    Carlstein (1986), Ann. Stat. 14, 1171-1179, for the bootstrap of blocks that do not overlap; Efron and Tibshirani (1993), An
    introduction to the bootstrap, chapter 13, for percentile intervals.
    """
    valid = np.isfinite(first) & np.isfinite(second) & np.isfinite(observed)
    if not valid.any():
        return {name: Gain(*[float("nan")] * 3) for name in ("nse", "kge")}
    blocks, of_block = np.unique(block[valid], return_inverse=True)
    labels = np.zeros(len(observed), dtype=np.int64) if series is None else series
    _, of_series = np.unique(labels[valid], return_inverse=True)
    obs, ours, theirs = (np.asarray(x, dtype=np.float64)[valid] for x in (observed, first, second))
    sums = _block_sums(obs, ours, theirs, of_block, of_series, len(blocks))
    shift = np.bincount(of_series, obs) / np.bincount(of_series)
    values = _differences(sums.sum(axis=0)[np.newaxis], shift)
    n = len(blocks)
    if n < LEAST_BLOCKS:
        return {name: Gain(float(of[0]), float("nan"), float("nan")) for name, of in values.items()}
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=_DRAWS)
    drawn = _differences(np.tensordot(counts, sums, axes=1), shift)
    return {name: Gain(float(values[name][0]), *_interval(of)) for name, of in drawn.items()}


def _interval(drawn: _Array) -> tuple[float, float]:
    """Ends of the interval of the draws, without those in which a score is not defined."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    lower, upper = np.quantile(finite, [0.5 * (1.0 - COVER), 0.5 * (1.0 + COVER)])
    return float(lower), float(upper)


def _block_sums(
    obs: _Array, ours: _Array, theirs: _Array, block: NDArray[np.intp], series: NDArray[np.intp], blocks: int
) -> _Array:
    """Sums over the rows of each block and series, from which both scores follow; shape (block, series, sum)."""
    shift = np.bincount(series, obs) / np.bincount(series)
    count = len(shift)
    # departures from the mean of the observations avoid cancellation in the sums of squares
    o, p, q = (x - shift[series] for x in (obs, ours, theirs))
    terms = (np.ones_like(o), o, o * o, p, p * p, p * o, q, q * q, q * o)
    index = block * count + series
    sums = [np.bincount(index, term, minlength=blocks * count).reshape(blocks, count) for term in terms]
    return np.stack(sums, axis=-1)


def _differences(sums: _Array, shift: _Array) -> dict[str, _Array]:
    """Differences of both scores, shape (draw,), from sums of shape (draw, series, sum)."""
    n, o, oo, *predictions = np.moveaxis(sums, -1, 0)
    scores = [_efficiencies((n, o, oo), predictions[k : k + 3], shift) for k in (0, 3)]
    return {name: scores[0][name] - scores[1][name] for name in scores[0]}


def _efficiencies(observed: tuple[_Array, _Array, _Array], predicted: list[_Array], shift: _Array) -> dict[str, _Array]:
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
