"""Base respiration R0 of a site outside the training data, estimated from some days of its own observations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.site import Rows, moisture_of

#: Length of the windows of a record that a prior is estimated from [d].
WINDOW_DAYS = 30
#: Minimum number of training sites for a prior, and of rows in a window.
PRIOR_SITES = 5
_WINDOW_ROWS = 10


@dataclass(frozen=True)
class R0Prior:
    """Prior distribution of the base respiration of a new site, estimated from the training sites.

    Attributes
    ----------
    mean : float
        Mean of the logarithm of R0 over sites [ln(umol m-2 s-1)].
    trust : float
        Weight of an estimate from :data:`WINDOW_DAYS` days in the logarithm of R0 [1]: the variance between sites divided by the sum of
        that variance and the variance of estimates from short windows around those of complete records.
    """

    mean: float
    trust: float

    def r0(self, alone: float, *, days: int = WINDOW_DAYS) -> float:
        """Shrink an estimate of the base respiration of a new site towards the training sites [umol m-2 s-1].

        Parameters
        ----------
        alone : float
            Estimate from the observations of the site alone [umol m-2 s-1].
        days : int
            Number of days. The variance of the estimate is inversely proportional to it.
        """
        if self.trust <= 0.0:
            return math.exp(self.mean)
        trust = 1.0 / (1.0 + (1.0 / self.trust - 1.0) * WINDOW_DAYS / max(days, 1))
        return math.exp(self.mean + trust * (math.log(alone) - self.mean))


def fit_r0_prior(rows: Rows, shape: NDArray[np.float64], days: int = WINDOW_DAYS) -> R0Prior:
    """Estimate the prior of R0, and the reliability of an estimate from a short window.

    Parameters
    ----------
    rows : Rows
        Rows of several sites.
    shape : array, shape (row,)
        Product of f and g in each row [1].
    days : int
        Length of the windows [d].

    References
    ----------
    Efron and Morris (1973), J. Am. Stat. Assoc. 68, 117-130, on the shrinkage of means.
    """
    site_means, window_variances = [], []
    for number in range(len(rows.sites)):
        indices = np.flatnonzero((rows.site == number) & np.isfinite(rows.flux))
        flux, site_shape = rows.flux[indices], shape[indices]
        log_r0 = math.log(r0_from_ratio(site_shape, flux))
        window = np.asarray((rows.time[indices] - rows.time[indices].min()).days // days)
        deviations = [
            math.log(r0_from_ratio(site_shape[window == w], flux[window == w])) - log_r0
            for w in np.unique(window)
            if (window == w).sum() >= _WINDOW_ROWS
        ]
        site_means.append(log_r0)
        window_variances.append(float(np.mean(np.square(deviations))) if deviations else 0.0)
    between, within = float(np.var(site_means)), float(np.mean(window_variances))
    return R0Prior(float(np.mean(site_means)), between / max(between + within, 1e-12))


def r0_from_ratio(shape: NDArray[np.float64], flux: NDArray[np.float64]) -> float:
    """Estimate R0 as the sum of ``flux`` divided by the sum of ``shape``; at least 0.001 [unit of the flux]."""
    return max(float(flux.sum() / max(float(shape.sum()), 1e-12)), 1e-3)


def shrunken_r0(module: LearnedRespiration, settings: RespirationSettings, rows: Rows, prior: R0Prior | None) -> float:
    """Estimate the base respiration of a new site from some of its rows, shrunk towards other sites by a prior.

    Parameters
    ----------
    module, settings
        Content of the module folder.
    rows : Rows
        Rows of the site.
    prior : R0Prior, optional
        Prior from the training sites; ``None`` if there were too few of them.

    Returns
    -------
    float
        Base respiration [umol m-2 s-1].
    """
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        shape = (module.f(moisture) * module.g(t_soil)).numpy() * module.antecedent(rows.antecedent, len(rows))
    alone = r0_from_ratio(shape, rows.flux)
    return alone if prior is None else prior.r0(alone, days=rows.middle.floor("D").nunique())


def prior_of(card: Mapping[str, Any]) -> R0Prior | None:
    """Return the prior of base respiration in a card; ``None`` if there were too few training sites."""
    return None if card["level_prior"] is None else R0Prior(**card["level_prior"])


def base_respiration(
    module: LearnedRespiration, card: Mapping[str, Any], groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the base respiration of groups and the scale of their errors.

    Parameters
    ----------
    module : LearnedRespiration
    card : mapping
        Card of the module folder.
    groups : sequence of str
        Names of the groups: sites, or sites with the port of a chamber.

    Returns
    -------
    r0 : array, shape (group,)
        Base respiration R0 [umol m-2 s-1]: that of the module. For a group that it does not contain (another year, another chamber) the
        geometric mean of the site's own groups, and for a new site that of the training sites.
    noise : array, shape (group, 2)
        As :attr:`LearnedRespiration.noise`; at a new site, in proportion to R0 as at the training sites.
    """
    names = [str(name) for name in card["groups"]]
    r0_values, scales = module.level.numpy(), module.noise.numpy()
    prior = prior_of(card)
    elsewhere = math.exp(prior.mean) if prior is not None else float(np.exp(np.log(r0_values).mean()))
    r0 = r0_of_groups(groups, names, r0_values, card["sites"], elsewhere)
    noise = [
        scales[names.index(name)] if name in names else new_site_noise(module, r0[k]) for k, name in enumerate(groups)
    ]
    return r0, np.array(noise)


def r0_of_groups(
    groups: Sequence[str], names: Sequence[str], values: NDArray[np.float64], sites: Iterable[str], elsewhere: float
) -> NDArray[np.float64]:
    """Return the base respiration of groups, some of which were not fitted.

    Parameters
    ----------
    groups : sequence of str
        Names of the groups.
    names : sequence of str
        Names of the fitted groups.
    values : array, shape (fitted group,)
        Their base respiration.
    sites : iterable of str
        Names of the sites of the fitted groups.
    elsewhere : float
        Base respiration of a new site.

    Returns
    -------
    array, shape (group,)
        The fitted value; for another group of a fitted site, the geometric mean of the groups of the site; otherwise ``elsewhere``.
    """
    sites = list(sites)
    r0 = np.full(len(groups), elsewhere)
    for k, name in enumerate(groups):
        own = [names.index(name)] if name in names else _groups_of_same_site(name, names, sites)
        if own:
            r0[k] = np.exp(np.log(values[own]).mean())
    return r0


def _groups_of_same_site(name: str, names: Sequence[str], sites: Iterable[str]) -> list[int]:
    """Numbers of the groups of a module that are of the same site as a group: other years or other chambers."""
    own = [site for site in sites if name == site or name.startswith(f"{site} ")]
    if not own:
        return []
    site = max(own, key=len)
    return [k for k, other in enumerate(names) if other == site or other.startswith(f"{site} ")]


def new_site_noise(module: LearnedRespiration, r0: float) -> NDArray[np.float64]:
    """Scale of the error at a new site of base respiration ``r0`` [umol m-2 s-1], shape (2,)."""
    r0_values, scales = module.level.numpy(), module.noise.numpy()
    return np.array([float(np.median(scales[:, 0] / r0_values)) * r0, float(np.median(scales[:, 1]))])
