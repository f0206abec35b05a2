"""Scores of predictions, one implementation of each, by the package ``scores``.

Every function takes the prediction first and the observation last, as arrays of one shape, and leaves out pairs of which one is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scores import continuous
from scores.continuous.correlation import pearsonr

_Array = NDArray[np.floating]
#: Fewest pairs that have scores.
_LEAST_PAIRS = 3


@dataclass(frozen=True)
class Scores:
    """Scores of a prediction.

    Attributes
    ----------
    n : int
        Number of pairs.
    r : float
        Pearson's correlation coefficient [1].
    r2 : float
        Its square, the fraction of the variance that a linear regression on the prediction explains [1].
    kge : float
        Kling-Gupta efficiency [1].
    nse : float
        Nash-Sutcliffe efficiency [1]: the fraction of the variance that the prediction itself explains, below 0 where the mean of the
        observations is the better prediction.
    rmse : float
        Root mean square error, in the unit of the data.
    ubrmse : float
        Unbiased root mean square error, in the unit of the data: the root mean square error without the bias.
    bias : float
        Mean of prediction less observation, in the unit of the data.
    mae : float
        Mean absolute error, in the unit of the data.
    """

    n: int
    r: float
    r2: float
    kge: float
    nse: float
    rmse: float
    ubrmse: float
    bias: float
    mae: float


def score(predicted: _Array, observed: _Array) -> Scores:
    r"""Score a prediction by the observations.

    With predictions :math:`p`, observations :math:`o`, their means :math:`\bar p, \bar o` and standard deviations
    :math:`\sigma_p, \sigma_o`:

    .. math::

        \mathrm{KGE} &= 1 - \sqrt{(r - 1)^2 + (\sigma_p / \sigma_o - 1)^2 + (\bar p / \bar o - 1)^2} \\
        \mathrm{NSE} &= 1 - \sum (p - o)^2 / \sum (o - \bar o)^2 \\
        \mathrm{RMSE} &= \sqrt{\overline{(p - o)^2}} \\
        \mathrm{ubRMSE} &= \sqrt{\overline{((p - \bar p) - (o - \bar o))^2}} \\
        \mathrm{bias} &= \bar p - \bar o \\
        \mathrm{MAE} &= \overline{|p - o|}

    Parameters
    ----------
    predicted, observed : array of one shape
        NaN where missing.

    Returns
    -------
    Scores
        NaN throughout where there are fewer than three pairs; ``r``, ``r2``, ``kge`` and ``nse`` are NaN where all observations are equal,
        the first three of them also where all predictions are.

    References
    ----------
    Gupta et al. (2009), J. Hydrol. 377, 80-91, for KGE; Nash and Sutcliffe (1970), J. Hydrol. 10, 282-290, for NSE; Entekhabi et al.
    (2010), J. Hydrometeorol. 11, 832-840, for ubRMSE.
    """
    fcst, obs = _pairs(predicted, observed)
    n = fcst.sizes["pair"]
    if n < _LEAST_PAIRS:
        return Scores(n, *[float("nan")] * 8)
    varies, both_vary = _varies(obs), _varies(obs) and _varies(fcst)
    bias = float(continuous.additive_bias(fcst, obs))
    r = float(pearsonr(fcst, obs)) if both_vary else float("nan")
    with np.errstate(divide="ignore"):  # KGE is minus infinity where the mean of the observations is 0
        kge = float(continuous.kge(fcst, obs)) if both_vary else float("nan")
    return Scores(
        n=n,
        r=r,
        r2=r**2,
        kge=kge,
        nse=float(continuous.nse(fcst, obs)) if varies else float("nan"),
        rmse=float(continuous.rmse(fcst, obs)),
        ubrmse=float(continuous.rmse(fcst - bias, obs)),
        bias=bias,
        mae=float(continuous.mae(fcst, obs)),
    )


def coverage(lower: _Array, upper: _Array, observed: _Array) -> float:
    """Fraction of observations within their interval [1].

    Parameters
    ----------
    lower, upper, observed : array of one shape
        Ends of the interval, and what was observed; NaN where missing.

    Returns
    -------
    float
        NaN where nothing was observed.
    """
    low, high, obs = _pairs(lower, upper, observed)
    return float(((obs >= low) & (obs <= high)).mean()) if obs.size else float("nan")


def interval_width(lower: _Array, upper: _Array, observed: _Array) -> float:
    """Mean width of the intervals of the observations, in the unit of the data; NaN where nothing was observed."""
    low, high, obs = _pairs(lower, upper, observed)
    return float((high - low).mean()) if obs.size else float("nan")


def interval_score(lower: _Array, upper: _Array, observed: _Array, *, cover: float) -> float:
    r"""Mean interval score, in the unit of the data; the smaller, the better.

    .. math:: S = (u - l) + \frac{2}{\alpha} \max(l - o, 0) + \frac{2}{\alpha} \max(o - u, 0), \qquad \alpha = 1 - \mathrm{cover}

    Parameters
    ----------
    lower, upper, observed : array of one shape
        Ends :math:`l, u` of the interval, and observations :math:`o`; NaN where missing.
    cover : float
        Fraction of observations that the interval is meant to cover [1].

    Returns
    -------
    float
        NaN where nothing was observed.

    References
    ----------
    Gneiting and Raftery (2007), J. Am. Stat. Assoc. 102, 359-378, eq. 43.
    """
    low, high, obs = _pairs(lower, upper, observed)
    return float(continuous.interval_score(low, high, obs, cover)["total"]) if obs.size else float("nan")


def _varies(values: xr.DataArray) -> bool:
    return bool(values.max() > values.min())


def _pairs(*arrays: _Array) -> list[xr.DataArray]:
    """Select the elements at which all arrays are finite, as float64."""
    values = np.stack([np.asarray(array, dtype=np.float64).ravel() for array in arrays])
    return [xr.DataArray(row, dims="pair") for row in values[:, np.isfinite(values).all(axis=0)]]
