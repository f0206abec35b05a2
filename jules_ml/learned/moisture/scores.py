"""Scores of soil moisture: all that the field asks for, of the series, its anomalies and its drydowns."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.scoring.scores import agreement

_Array = NDArray[np.float64]


def moisture_scores(modelled: _Array, measured: _Array) -> dict[str, float]:
    """KGE, NSE, RMSE, ubRMSE, r, bias and the number of days, of the days that both have.

    Parameters
    ----------
    modelled, measured : array, shape (day,)
        Water content [m3 m-3]; NaN where missing.

    Returns
    -------
    dict
        ``ubrmse`` [m3 m-3] is the RMSE once the mean difference is taken off (Entekhabi et al. 2010, J. Hydrometeorol. 11, 832-840).
    """
    found = asdict(agreement(modelled, measured))
    found["ubrmse"] = float(np.sqrt(max(found["rmse"] ** 2 - found["bias"] ** 2, 0.0)))
    return found


def anomalies(values: _Array, *, window: int = 35, least: int = 10) -> _Array:
    """Departures from the moving mean of a window of days about each day."""
    mean = pd.Series(values).rolling(window, center=True, min_periods=least).mean().to_numpy()
    return values - mean


def drydown_scale(values: _Array, precip: _Array, *, least: int = 5) -> float:
    r"""Median e-folding time of drydowns [d].

    A drydown is a run of ``least`` days or more without rain (1 kg m-2) on which the water content falls. Its time scale is that of
    :math:`d\theta/dt = -(\theta - \theta_r)/\tau`, by least squares of the daily change on the water content (McColl et al. 2017,
    Geophys. Res. Lett. 44, 11,682-11,690). NaN where there is none.
    """
    falls = np.zeros(len(values), dtype=bool)
    falls[1:] = (np.diff(values) < 0.0) & (np.nan_to_num(precip[1:]) < 1.0)
    scales = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], falls, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= least:
            run = values[start - 1 : end]
            slope = np.polyfit(0.5 * (run[1:] + run[:-1]), np.diff(run), 1)[0]
            if slope < 0.0:
                scales.append(-1.0 / slope)
    return float(np.median(scales)) if scales else float("nan")
