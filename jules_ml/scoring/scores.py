"""How well a model agrees with what was measured, by the measures of the package ``scores``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scores.continuous import additive_bias, kge, nse, rmse
from scores.continuous.correlation import pearsonr


@dataclass(frozen=True)
class Agreement:
    """Scores of a model.

    Attributes
    ----------
    n : int
        Pairs.
    r : float
        Correlation [1].
    kge : float
        Kling-Gupta efficiency (Gupta et al. 2009) [1].
    nse : float
        Nash-Sutcliffe efficiency [1]: the share of variance explained, below 0 where the mean of what was measured does better.
    rmse, bias : float
        Root mean square error, and mean of model less measurement, in the unit of the data.
    """

    n: int
    r: float
    kge: float
    nse: float
    rmse: float
    bias: float


def agreement(modelled: NDArray[np.floating], measured: NDArray[np.floating]) -> Agreement:
    """Score a model where both it and the measurement are there.

    Parameters
    ----------
    modelled, measured : array of one shape
        NaN where missing.

    Returns
    -------
    Agreement
        NaN throughout where there are fewer than three pairs.
    """
    both = np.isfinite(modelled) & np.isfinite(measured)
    n = int(both.sum())
    if n < 3:
        return Agreement(n, *[float("nan")] * 5)
    fcst, obs = (xr.DataArray(np.asarray(x, dtype=np.float64)[both], dims="pair") for x in (modelled, measured))
    return Agreement(
        n=n,
        r=float(pearsonr(fcst, obs)),
        kge=float(kge(fcst, obs)),
        nse=float(nse(fcst, obs)),
        rmse=float(rmse(fcst, obs)),
        bias=float(additive_bias(fcst, obs)),
    )
