"""The level R0 of a site that a module has not seen, from its first days."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.site import Rows, moisture_of

#: Length of the windows that a prior is estimated from [d].
LEVEL_DAYS = 30
#: Sites that a prior needs, and rows that a window needs.
PRIOR_SITES = 5
_WINDOW_ROWS = 10


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

    def level(self, alone: float, *, days: int = LEVEL_DAYS) -> float:
        """Base respiration of a new site, from the estimate of some of its days alone [umol m-2 s-1].

        Parameters
        ----------
        alone : float
            Estimate from the site's days [umol m-2 s-1].
        days : int
            Number of days. The variance of the estimate is inversely proportional to it.
        """
        if self.trust <= 0.0:
            return math.exp(self.mean)
        trust = 1.0 / (1.0 + (1.0 / self.trust - 1.0) * LEVEL_DAYS / max(days, 1))
        return math.exp(self.mean + trust * (math.log(alone) - self.mean))


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
    """Estimate the base respiration of a new site from some of its rows, shrunk towards other sites by a prior.

    Parameters
    ----------
    module, settings
        Of the module folder.
    rows : Rows
        Rows of the site.
    prior : LevelPrior, optional
        From the training sites, where there were enough of them.

    Returns
    -------
    float
        Base respiration [umol m-2 s-1].
    """
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        alone = level_of((module.f(moisture) * module.g(t_soil)).numpy(), rows.flux)
    return alone if prior is None else prior.level(alone, days=rows.middle.floor("D").nunique())


def prior_of(card: Mapping[str, Any]) -> LevelPrior | None:
    """Give the prior of base respiration in a card, where there were enough training sites for one."""
    return None if card["level_prior"] is None else LevelPrior(**card["level_prior"])


def base_respiration(
    module: LearnedRespiration, card: Mapping[str, Any], groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the base respiration of groups and the scale of their errors.

    Parameters
    ----------
    module : LearnedRespiration
    card : mapping
        Of the module folder.
    groups : sequence of str
        Site, or site and port of a chamber.

    Returns
    -------
    level : array, shape (group,)
        Base respiration R0 [umol m-2 s-1]: the module's own, or the mean of the training sites where it has none.
    noise : array, shape (group, 2)
        As :attr:`LearnedRespiration.noise`; at a new site, as large relative to R0 as at the training sites.
    """
    names = [str(name) for name in card["groups"]]
    levels, scales = module.level.numpy(), module.noise.numpy()
    prior = prior_of(card)
    elsewhere = math.exp(prior.mean) if prior is not None else float(np.exp(np.log(levels).mean()))
    level = np.array([levels[names.index(name)] if name in names else elsewhere for name in groups])
    noise = np.array(
        [scales[names.index(name)] if name in names else new_site_noise(module, elsewhere) for name in groups]
    )
    return level, noise


def new_site_noise(module: LearnedRespiration, level: float) -> NDArray[np.float64]:
    """Scale of the error at a new site of base respiration ``level`` [umol m-2 s-1], shape (2,)."""
    levels, scales = module.level.numpy(), module.noise.numpy()
    return np.array([float(np.median(scales[:, 0] / levels)) * level, float(np.median(scales[:, 1]))])
