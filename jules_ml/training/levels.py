"""The level R0 of a site that a module has not seen, from its first days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.modules.respiration import LearnedRespiration
from jules_ml.modules.respiration_settings import RespirationSettings
from jules_ml.training.rows import Rows, moisture_of

#: First days of a new site, from which its level is taken; they are not scored.
LEVEL_DAYS = 30


def first_days(start: pd.Timestamp, rows: Rows, days: int) -> NDArray[np.bool_]:
    """Rows within ``days`` days of ``start``, shape (row,)."""
    return np.asarray(rows.time < start + pd.Timedelta(days=days))


def level_of(shape: NDArray[np.float64], flux: NDArray[np.float64]) -> float:
    """R0 that makes ``shape`` meet ``flux`` on average: the ratio of their sums, above zero [unit of the flux]."""
    return max(float(flux.sum() / max(float(shape.sum()), 1e-12)), 1e-3)


def take_level(module: LearnedRespiration, settings: RespirationSettings, rows: Rows) -> float:
    """R0 of a new site.

    Parameters
    ----------
    module, settings
        What was learned.
    rows : Rows
        First rows of the site.

    Returns
    -------
    float
        Level [umol m-2 s-1].
    """
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        return level_of((module.f(moisture) * module.g(t_soil)).numpy(), rows.flux)
