"""Input that varies in time, at the time steps of the model: JULES's interpolation flags.

A record is one value of the input; those around a time step are numbered as in JULES: 0 is the last record at or before the step, 1 the
next, and so on.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]
_Scalar = TypeVar("_Scalar", bound=np.generic)

#: Records around a step that each flag needs: first and last.
NEEDED: Final[dict[str, tuple[int, int]]] = {
    "b": (0, 2),
    "c": (-1, 2),
    "f": (-1, 1),
    "i": (0, 1),
    "nb": (1, 1),
    "nc": (0, 1),
    "nf": (0, 0),
}


def interpolated(
    records: _Array, index: NDArray[np.int64], flag: str, steps: NDArray[np.int64], step: _Array
) -> _Array:
    """Values at the time steps.

    Averages are interpolated so that means over a period of equal records are kept (flags ``b``, ``c`` and ``f``).

    Parameters
    ----------
    records : array, shape (record, ...)
        All records that the steps need.
    index : array of int, shape (step,)
        Record 0 of each time step.
    flag : str
        ``interp`` of JULES: a key of :data:`NEEDED`.
    steps : array of int, shape (record,)
        Time steps from each record to the next.
    step : array, shape (step,)
        Time steps since record 0 of each step.

    Returns
    -------
    array, shape (step, ...)

    References
    ----------
    JULES User Guide, section on temporal interpolation of input.
    """

    def record(offset: int) -> _Array:
        return records[index + offset]

    def expanded(weights: NDArray[_Scalar]) -> NDArray[_Scalar]:
        return weights.reshape(-1, *(1 for _ in records.shape[1:]))

    if flag == "nf":
        return record(0)
    if flag == "nb":
        return record(1)
    n = steps[index].astype(np.float64)
    if flag == "nc":
        return np.where(expanded(step < n // 2), record(0), record(1))
    if flag == "i":
        next_weight = expanded((step + 1.0) / n)
        return record(0) * (1.0 - next_weight) + record(1) * next_weight
    if flag == "c":
        next_weight = expanded((2.0 * step + 1.0) / (2.0 * n))
        mean = record(0) * (1.0 - next_weight) + record(1) * next_weight
        later = _conserving(mean, record(0), record(1), record(2))
        return np.where(expanded(step > n / 2.0), later, _conserving(mean, record(-1), record(0), record(1)))
    first = 0 if flag == "b" else -1
    n1, n2 = (steps[index + first + k].astype(np.float64) for k in (0, 1))
    # the time within the pair of periods, in which the middle record counts most
    at = step + (n2 / n1 if flag == "b" else n1 / n2) * step
    middle = 1.0 - np.abs(at - n1 + 1.0) / (n1 + n2)
    before = np.maximum(1.0 - (at + n1 + 1.0) / (n1 + n2), 0.0)
    after = np.maximum(1.0 - (n1 + 2.0 * n2 - at - 1.0) / (n1 + n2), 0.0)
    mean = record(first) * expanded(before) + record(first + 1) * expanded(middle) + record(first + 2) * expanded(after)
    return _conserving(mean, record(first), record(first + 1), record(first + 2))


def _conserving(mean: _Array, before: _Array, current: _Array, after: _Array) -> _Array:
    """Scale an interpolated value so that the mean over the period of ``current`` is that of the record."""
    total = 0.5 * (before + after) + 3.0 * current
    # a period without rain in it and around it has none
    return np.where(total == 0.0, 0.0, mean * 4.0 * current / np.where(total == 0.0, 1.0, total))
