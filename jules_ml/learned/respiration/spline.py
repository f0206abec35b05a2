"""Penalised splines of the logarithm of respiration: the f·g product, which is a form of respiration and a baseline, and their fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import block_diag
from scipy.optimize import least_squares

_Array = NDArray[np.float64]
_Groups = NDArray[np.int64]

#: Basis functions of temperature and of moisture, and penalty weights of bends and of size.
_COUNT_T: Final = 6
_COUNT_S: Final = 5
_BEND: Final = 1e-2
_SIZE: Final = 1e-4
#: Limit of the absolute logarithm of the flux during the fit.
_LOG_LIMIT: Final = 30.0
#: Coefficients of the first guess below this are rounding errors of zero.
_NO_START: Final = 1e-9


@dataclass(frozen=True, eq=False)
class SplineProduct:
    """Fitted logarithms of g and f, constant outside the range of the data, and of R0.

    Attributes
    ----------
    t_range, s_range : tuple of float
        Range of temperature [K] and moisture in the fit.
    t_coefficients, s_coefficients : array
        Coefficients of the basis functions.
    log_r0 : array, shape (group,)
        Logarithm of R0 [ln(umol m-2 s-1)]; for a group without rows, the mean of the other groups.
    """

    t_range: tuple[float, float]
    s_range: tuple[float, float]
    t_coefficients: _Array
    s_coefficients: _Array
    log_r0: _Array

    def log_g(self, t_soil: _Array) -> _Array:
        """Logarithm of g at temperatures [K], same shape."""
        return np.asarray(spline_basis(t_soil, self.t_range, _COUNT_T) @ self.t_coefficients)

    def log_f(self, moisture: _Array) -> _Array:
        """Logarithm of f at the moisture, same shape."""
        return np.asarray(spline_basis(moisture, self.s_range, _COUNT_S) @ self.s_coefficients)


def fit_spline_product(
    t_soil: _Array, moisture: _Array, group: _Groups, flux: _Array, weights: _Array | None = None
) -> SplineProduct:
    """Fit penalised cubic splines of temperature (6 basis functions) and moisture (5) by nonlinear least squares.

    Parameters
    ----------
    t_soil : array, shape (row,)
        Temperature [K].
    moisture : array, shape (row,)
        Fraction of saturation [1], or water content [m3 m-3].
    group : array of int, shape (row,)
        Group of each row, with its own R0.
    flux : array, shape (row,)
        Measured respiration [umol m-2 s-1].
    weights : array, shape (row,), optional
        Weights of the squared errors, such as the counts of a bootstrap sample; default: one.

    Returns
    -------
    SplineProduct
    """
    weights = np.ones(len(flux)) if weights is None else weights
    t_range, s_range = (float(t_soil.min()), float(t_soil.max())), (float(moisture.min()), float(moisture.max()))
    n_groups, n = int(group.max()) + 1, _COUNT_T + _COUNT_S
    groups = np.zeros((len(flux), n_groups))
    groups[np.arange(len(flux)), group] = 1.0
    bases = [spline_basis(t_soil, t_range, _COUNT_T), spline_basis(moisture, s_range, _COUNT_S)]
    levels = np.log(group_means(flux, group))
    fitted = fit_log_additive(bases, groups, levels, flux, weights, bend=_BEND, size=_SIZE * _BEND)
    with_rows = np.bincount(group, weights, minlength=n_groups) > 0.0
    log_r0 = np.where(with_rows, fitted[n:], fitted[n:][with_rows].mean())
    return SplineProduct(t_range, s_range, fitted[:_COUNT_T], fitted[_COUNT_T:n], log_r0)


def fit_log_additive(
    bases: Sequence[_Array],
    unpenalised: _Array,
    start: _Array,
    flux: _Array,
    weights: _Array,
    *,
    bend: float,
    size: float,
    log_offset: _Array | float = 0.0,
) -> _Array:
    """Fit the logarithm of a flux as a sum of penalised splines by nonlinear least squares of the flux.

    Parameters
    ----------
    bases : sequence of array, shape (row, function)
        Basis of each spline, see :func:`spline_basis`.
    unpenalised : array, shape (row, column)
        Columns without a penalty, such as those of R0.
    start : array, shape (column,)
        First guess of their coefficients.
    flux, weights : array, shape (row,)
        Measured flux, and weights of the squared errors.
    bend, size : float
        Weights of the penalties on second differences of the coefficients of a spline, and on their size [1].
    log_offset : array, shape (row,), optional
        Logarithm of a factor that is not fitted.

    Returns
    -------
    array
        Coefficients of the splines in their order, then of the other columns.
    """
    counts = [basis.shape[1] for basis in bases]
    n, root = sum(counts), np.sqrt(weights)
    a = np.hstack([*bases, unpenalised])
    bends = block_diag(*(np.diff(np.eye(count), 2, axis=0) for count in counts))
    penalty = np.zeros((len(bends) + n, a.shape[1]))
    penalty[: len(bends), :n] = np.sqrt(bend) * bends
    penalty[len(bends) :, :n] = np.sqrt(size) * np.eye(n)
    # scaled by the spread of the flux, so that the fit does not depend on its unit
    penalty *= float(np.std(flux)) * np.sqrt(weights.sum())

    def mean(b: _Array) -> _Array:
        return np.exp(np.clip(a @ b + log_offset, -_LOG_LIMIT, _LOG_LIMIT))

    # the first step is as long as the first guess, and of unit length only from exactly zero: at 1e-15 the fit would end where it began
    start = np.where(np.abs(start) < _NO_START, 0.0, start)
    fitted: _Array = least_squares(
        lambda b: np.concatenate([root * (mean(b) - flux), penalty @ b]),
        np.concatenate([np.zeros(n), start]),
        lambda b: np.vstack([(root * mean(b))[:, np.newaxis] * a, penalty]),
        max_nfev=100,
    ).x
    return fitted


def spline_basis(x: _Array, span: tuple[float, float], count: int) -> _Array:
    """Cubic B-spline basis with ``count`` functions over ``span``, shape (row, function)."""
    low, high = span
    high = max(high, low + 1e-9)
    knots = np.concatenate([[low] * 3, np.linspace(low, high, count - 2), [high] * 3])
    basis: _Array = BSpline.design_matrix(np.clip(x, low, high), knots, 3).toarray()
    return basis


def group_means(flux: _Array, group: _Groups) -> _Array:
    """Mean flux of each group, at least 0.001, shape (group,)."""
    counts = np.maximum(np.bincount(group), 1)
    return np.maximum(np.bincount(group, flux) / counts, 1e-3)
