"""Scores specific to soil moisture: anomalies and drydowns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def anomalies(values: _Array, *, window: int = 35, least: int = 10) -> _Array:
    """Subtract the centred moving mean over a window of days.

    Parameters
    ----------
    values : array, shape (day,)
    window : int, optional
        Length of the window [d].
    least : int, optional
        Fewest days with a value in the window; NaN where there are fewer.

    Returns
    -------
    array, shape (day,)
    """
    mean: _Array = pd.Series(values).rolling(window, center=True, min_periods=least).mean().to_numpy()
    return values - mean


def drydown_scale(values: _Array, precip: _Array, *, least: int = 5) -> float:
    r"""Compute the median e-folding time of drydowns [d]; NaN where there is none.

    A drydown is a run of ``least`` days or more, each with less than 1 kg m-2 of rain, on which the water content falls. Its time scale
    :math:`\tau` is that of :math:`d\theta/dt = -(\theta - \theta_r)/\tau`, by least squares of the daily change on the water content
    (McColl et al. 2017, Geophys. Res. Lett. 44, 11,682-11,690).

    Parameters
    ----------
    values : array, shape (day,)
        Water content [m3 m-3].
    precip : array, shape (day,)
        [kg m-2 d-1].
    least : int, optional
        Fewest days of a drydown.
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
