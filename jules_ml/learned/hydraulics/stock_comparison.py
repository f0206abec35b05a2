"""Comparison of a calibrated soil with that of ``[soil]`` on days of the training period that were left out of the calibration.

A calibration has the lower error on its own days by construction. Whether it is the better soil shows on other days. The test period must
not decide that, so the training period is divided into parts, each of which is left out of one calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Number of parts of the training period, each left out of one calibration.
PARTS: Final = 2
#: Length of a block of days for the standard error of the gain [d]: errors of soil moisture persist for some weeks.
_BLOCK_DAYS: Final = 30
#: Least number of blocks for a standard error.
_LEAST_BLOCKS: Final = 4


@dataclass(frozen=True)
class StockComparison:
    """Errors of calibrated soils and of the soil of ``[soil]`` on the same days, which were left out of the calibrations.

    Attributes
    ----------
    calibrated, stock : float
        Root mean square errors of the first sensor [m3 m-3].
    gain : float
        Mean square error of the soil of ``[soil]`` less that of the calibrated soils [m6 m-6].
    standard_error : float
        Of ``gain``, from blocks of days [m6 m-6]; NaN where there are too few blocks.
    blocks : int
        Number of blocks.
    """

    calibrated: float
    stock: float
    gain: float
    standard_error: float
    blocks: int

    @property
    def better(self) -> bool | None:
        """Whether the calibrated soil is better by more than one standard error; None where there are too few days to judge."""
        return self.gain > self.standard_error if np.isfinite(self.standard_error) else None

    def card(self) -> dict[str, Any]:
        """Entry of the card of the module."""
        return {
            "rmse_calibrated": self.calibrated,
            "rmse_stock": self.stock,
            "gain": self.gain,
            "standard_error": self.standard_error,
            "blocks": self.blocks,
            "better": self.better,
        }

    def note(self) -> str | None:
        """Message for the user; None where the calibrated soil is better by more than one standard error."""
        errors = f"RMSE {self.calibrated:.3f} against {self.stock:.3f} m3 m-3"
        left_out = "on parts of the training period that were left out of the calibration in turn"
        if self.better is None:
            return "the training period is too short to check whether the calibrated soil is better than that of [soil]"
        if self.gain <= 0.0:
            return (
                f"{left_out}, the calibrated soil is not better than that of [soil] ({errors}): keep the soil of [soil]"
            )
        if not self.better:
            return (
                f"{left_out}, the calibrated soil is better than that of [soil] by less than one standard error ({errors}): "
                "it is not certain that it is better"
            )
        return None


def training_parts(observed: NDArray[np.floating]) -> list[NDArray[np.bool_]]:
    """Divide the days of the training period into consecutive parts with equal numbers of observed days.

    Parameters
    ----------
    observed : array, shape (day, sensor)
        Water content of the training period [m3 m-3]; NaN on other days.

    Returns
    -------
    list of array of bool, shape (day,)
        Days of each part; together all days.
    """
    order = np.cumsum(np.isfinite(observed).any(1))
    part = np.minimum(PARTS * np.maximum(order - 1, 0) // max(int(order[-1]), 1), PARTS - 1)
    return [part == number for number in range(PARTS)]


def compare_with_stock(
    calibrated: NDArray[np.floating], stock: NDArray[np.floating], observed: NDArray[np.floating]
) -> StockComparison:
    r"""Compare the errors of two predictions.

    The gain :math:`G` is the mean of the daily differences :math:`d` of the squared errors. With sums over :math:`B` blocks of :math:`n_b`
    days, its variance is

    .. math:: \frac{B}{B - 1} \sum_b \left(\frac{\sum_{t \in b} d_t - n_b G}{n}\right)^2

    Parameters
    ----------
    calibrated, stock, observed : array, shape (day,)
        Water content [m3 m-3]; observations are NaN on days that are not compared.

    Returns
    -------
    StockComparison
    """
    days = np.flatnonzero(np.isfinite(observed))
    squares = [(x[days] - observed[days]).astype(np.float64) ** 2 for x in (calibrated, stock)]
    if not len(days):
        nan = float("nan")
        return StockComparison(nan, nan, nan, nan, 0)
    difference = squares[1] - squares[0]
    gain = float(difference.mean())
    numbers, block = np.unique(days // _BLOCK_DAYS, return_inverse=True)
    sums = np.bincount(block, difference - gain)
    n_blocks = len(numbers)
    enough = n_blocks >= _LEAST_BLOCKS
    error = float(np.sqrt(n_blocks / (n_blocks - 1) * (sums**2).sum()) / len(days)) if enough else float("nan")
    rmse_calibrated, rmse_stock = (float(np.sqrt(x.mean())) for x in squares)
    return StockComparison(rmse_calibrated, rmse_stock, gain, error, n_blocks)
