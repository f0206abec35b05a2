"""Intervals for single observations by split conformal prediction, on blocks that were not trained on, scaled by the error's scale.

References
----------
Lei et al. (2018), J. Am. Stat. Assoc. 113, 1094-1111, for locally scaled split conformal prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def conformal_quantiles(z: _Array, block: NDArray[np.int64], cover: float) -> tuple[float, float]:
    """Lower and upper quantile of held-out errors in units of their scale.

    Parameters
    ----------
    z : array, shape (row,)
        Held-out errors over their scale.
    block : array of int, shape (row,)
        Block that was held out with the row. Blocks have equal weight, because the interval has to cover a new block and errors within a
        block are correlated.
    cover : float
        Fraction of observations to be covered [1].

    Returns
    -------
    lower, upper : float
        Quantiles in units of the error scale.
    """
    names, number, counts = np.unique(block, return_inverse=True, return_counts=True)
    weight = 1.0 / (len(names) * counts[number])
    # the finite-sample correction of conformal prediction, for as many exchangeable units as there are rows
    tail = 0.5 * (1.0 - cover) * len(z) / (len(z) + 1.0)
    return _weighted_quantile(z, weight, tail), _weighted_quantile(z, weight, 1.0 - tail)


def quantiles_of_blocks(errors: Sequence[_Array], cover: float) -> tuple[float, float]:
    """Lower and upper quantile of held-out errors, from one array for each block; see :func:`conformal_quantiles`."""
    block = np.repeat(np.arange(len(errors)), [len(each) for each in errors])
    return conformal_quantiles(np.concatenate(errors), block, cover)


def _weighted_quantile(values: _Array, weight: _Array, q: float) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    return float(values[order][min(np.searchsorted(cumulative, q * cumulative[-1]), len(values) - 1)])
