"""The level R0 of a site that a module has not seen, from its first days."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.site import Rows, moisture_of

#: First days of a new site, from which its level is taken; they are not scored.
LEVEL_DAYS = 30
#: Sites that a prior needs, and rows that a window needs.
PRIOR_SITES = 5
_WINDOW_ROWS = 10


def first_days(start: pd.Timestamp, rows: Rows, days: int) -> NDArray[np.bool_]:
    """Rows within ``days`` days of ``start``, shape (row,)."""
    return np.asarray(rows.time < start + pd.Timedelta(days=days))


@dataclass(frozen=True)
class LevelPrior:
    """What the sites learned from say of a new site's level, before and beside its first days.

    Attributes
    ----------
    mean : float
        Mean of the logarithm of R0 over sites [ln(umol m-2 s-1)].
    trust : float
        Share of the first days' say in the logarithm of R0 [1]: variance between sites over that variance and the one of levels
        from short windows about those of whole records.
    """

    mean: float
    trust: float

    def level(self, first: float) -> float:
        """R0 of a new site, from the one of its first days alone [umol m-2 s-1]."""
        return math.exp(self.mean + self.trust * (math.log(first) - self.mean))


def level_prior(rows: Rows, shape: NDArray[np.float64], days: int = LEVEL_DAYS) -> LevelPrior:
    """Learn how far the level of a short window is to be trusted.

    Parameters
    ----------
    rows : Rows
        Of several sites.
    shape : array, shape (row,)
        f g at the rows [1].
    days : int
        Length of the windows.

    References
    ----------
    Efron and Morris (1973), J. Am. Stat. Assoc. 68, 117-130, for the shrinkage of means.
    """
    whole, spread = [], []
    for number in range(len(rows.sites)):
        mine = np.flatnonzero((rows.site == number) & np.isfinite(rows.flux))
        flux, of = rows.flux[mine], shape[mine]
        site = math.log(level_of(of, flux))
        window = np.asarray((rows.time[mine] - rows.time[mine].min()).days // days)
        off = [
            math.log(level_of(of[window == w], flux[window == w])) - site
            for w in np.unique(window)
            if (window == w).sum() >= _WINDOW_ROWS
        ]
        whole.append(site)
        spread.append(float(np.mean(np.square(off))) if off else 0.0)
    between, within = float(np.var(whole)), float(np.mean(spread))
    return LevelPrior(float(np.mean(whole)), between / max(between + within, 1e-12))


def level_of(shape: NDArray[np.float64], flux: NDArray[np.float64]) -> float:
    """R0 that makes ``shape`` meet ``flux`` on average: the ratio of their sums, above zero [unit of the flux]."""
    return max(float(flux.sum() / max(float(shape.sum()), 1e-12)), 1e-3)


def take_level(
    module: LearnedRespiration, settings: RespirationSettings, rows: Rows, prior: LevelPrior | None
) -> float:
    """R0 of a new site from its first rows, drawn to those of other sites as far as a prior says.

    Parameters
    ----------
    module, settings
        What was learned.
    rows : Rows
        First rows of the site.
    prior : LevelPrior, optional
        From the sites learned from, where there were enough of them.

    Returns
    -------
    float
        Level [umol m-2 s-1].
    """
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        first = level_of((module.f(moisture) * module.g(t_soil)).numpy(), rows.flux)
    return first if prior is None else prior.level(first)
