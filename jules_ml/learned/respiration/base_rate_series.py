r"""Base respiration that varies slowly in time: R0(t), estimated from the departures of measured from predicted fluxes.

.. math:: y_i = R_0\,(1 + r(t_i))\, f(s_i)\, g(T_i) + \varepsilon_i

The relative departure :math:`r(t)` is an Ornstein-Uhlenbeck process: a Gaussian process of mean zero with the covariance
:math:`\sigma^2 e^{-|t - t'|/\tau}`. It represents phenology and substrate, which f and g do not describe. It is shrunk towards zero: far
from measurements R0(t) is the mean base respiration. Days of few or noisy fluxes have less weight.

scikit-learn is imported in the functions: runs with learned curves import this module, but do not use R0(t).

References
----------
Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, sections 2.2, 4.2.1 and 5.4.1.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Limits of the time scale [d], of the variance of r, and of the variance of a day that r does not explain [1].
_TIMESCALES: Final = (3.0, 200.0)
_VARIANCES: Final = (1e-4, 4.0)
_DAY_VARIANCES: Final = (1e-5, 4.0)
#: Departures of windows are limited to this many median absolute deviations from their median.
_OUTLIER: Final = 6.0
#: Largest number of windows that the hyperparameters are fitted to, and that predictions use: the cost grows with its cube.
_FIT_WINDOWS, _WINDOWS = 300, 1500
#: Least R0(t) relative to the mean base respiration.
_LEAST: Final = 0.05
#: Start of the count of days.
_EPOCH: Final = pd.Timestamp("2000-01-01")

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Departures:
    """Relative departures of measured from predicted fluxes in windows of one group.

    Attributes
    ----------
    day : array, shape (window,)
        Middle of the window [d since 2000-01-01, local standard time].
    departure : array, shape (window,)
        Least-squares estimate of r [1].
    variance : array, shape (window,)
        Variance of that estimate from the random error of single fluxes [1].
    """

    day: _Array
    departure: _Array
    variance: _Array

    def table(self, group: int) -> _Array:
        """Rows of a module's table of R0(t), shape (window, 4): group, day, departure and its variance."""
        return np.column_stack([np.full(len(self.day), group), self.day, self.departure, self.variance])


@dataclass(frozen=True)
class BaseRateSeries:
    """R0(t) of one group relative to its mean base respiration.

    Attributes
    ----------
    departures : Departures
    variance : float
        Variance of r [1].
    timescale : float
        Time over which the correlation falls to 1/e [d].
    day_variance : float
        Variance of the departure of a single window that r does not explain [1].
    """

    departures: Departures
    variance: float
    timescale: float
    day_variance: float

    def relative(self, day: _Array) -> tuple[_Array, _Array]:
        """Estimate R0(t) divided by the mean base respiration.

        Parameters
        ----------
        day : array, shape (row,)
            As :func:`day_number`.

        Returns
        -------
        mean, standard_deviation : array, shape (row,)
            Of R0(t) relative to the mean base respiration [1].
        """
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern

        kernel = ConstantKernel(self.variance) * Matern(self.timescale, nu=0.5)
        error = self.departures.variance + self.day_variance
        process = GaussianProcessRegressor(kernel, alpha=error, optimizer=None)
        process.fit(self.departures.day[:, np.newaxis], self.departures.departure)
        days, index = np.unique(day, return_inverse=True)
        mean, deviation = process.predict(days[:, np.newaxis], return_std=True)
        return np.maximum(1.0 + mean, _LEAST)[index], deviation[index]


def day_number(middle: pd.DatetimeIndex) -> _Array:
    """Days since 2000-01-01 of times in local standard time; nights are dated by the day on which they begin, shape (row,)."""
    return np.asarray(((middle - pd.Timedelta(hours=12)).floor("D") - _EPOCH) / pd.Timedelta("1D") + 0.5, dtype=float)


def departures_of(day: _Array, flux: _Array, predicted: _Array, scale: _Array) -> Departures:
    """Estimate the relative departure of the base respiration in each window.

    Parameters
    ----------
    day : array, shape (row,)
        As :func:`day_number`; a window is one day, or several in a long record.
    flux, predicted : array, shape (row,)
        Measured flux, and that of the mean base respiration [umol m-2 s-1].
    scale : array, shape (row,)
        Mean absolute error of a single flux [umol m-2 s-1].

    Returns
    -------
    Departures
    """
    width = max(int(np.ceil(len(np.unique(day)) / _WINDOWS)), 1)
    frame = pd.DataFrame({"window": np.floor(day / width), "day": day})
    # weighted least squares of flux = (1 + r) predicted
    frame["cross"], frame["square"] = predicted * flux / scale**2, predicted**2 / scale**2
    windows = frame.groupby("window").agg({"day": "mean", "cross": "sum", "square": "sum"})
    departure = (windows["cross"] / windows["square"] - 1.0).to_numpy()
    middle = np.median(departure)
    limit = _OUTLIER * max(float(np.median(np.abs(departure - middle))), 1e-3)
    departure = np.clip(departure, middle - limit, middle + limit)
    # the standard deviation of a Laplace distribution is the square root of 2 times its mean absolute error
    return Departures(windows["day"].to_numpy(), departure, (2.0 / windows["square"]).to_numpy())


def fit_series(departures: Departures, *, seed: int = 0) -> BaseRateSeries:
    """Fit variance and time scale of R0(t) by their marginal likelihood.

    Parameters
    ----------
    departures : Departures
    seed : int
        Seed of the random numbers that select windows of a long record.

    Returns
    -------
    BaseRateSeries
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    chosen = np.arange(len(departures.day))
    if len(chosen) > _FIT_WINDOWS:
        # consecutive windows, since the time scale is seen in differences of near days
        first = np.random.default_rng(seed).integers(0, len(chosen) - _FIT_WINDOWS // 3, 3)
        chosen = np.unique(np.concatenate([np.arange(f, f + _FIT_WINDOWS // 3) for f in first]))
    start = max(float(np.var(departures.departure)) / 2.0, 1e-3)
    kernel = ConstantKernel(min(start, 1.0), _VARIANCES) * Matern(20.0, _TIMESCALES, nu=0.5) + WhiteKernel(
        min(start, 1.0), _DAY_VARIANCES
    )
    process = GaussianProcessRegressor(kernel, alpha=departures.variance[chosen])
    with warnings.catch_warnings():
        # an optimum at a limit is a result: without slow variation in the record, its variance is at the lower limit
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(departures.day[chosen, np.newaxis], departures.departure[chosen])
    variance, timescale, day_variance = np.exp(process.kernel_.theta)
    return BaseRateSeries(departures, float(variance), float(timescale), float(day_variance))
