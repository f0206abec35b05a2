"""Skill of soil moisture as a predictor of carbon: cross-validated scores, a paired permutation test, and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.learned.carbon.table import PEAT
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import Scores, coverage, score

_Array = NDArray[np.float64]

#: Significance level of an improvement.
SIGNIFICANT: Final = 0.05
#: Number of sites, or folds, up to which the permutation test is exact.
_EXACT: Final = 14
#: Random permutations for more sites.
_DRAWS: Final = 20000


@dataclass(frozen=True)
class CarbonScores:
    """Cross-validated scores.

    Attributes
    ----------
    logarithm : Scores
        Scores of ln SOC, with errors in ln(g kg-1); ``nse`` is called R² or model efficiency in soil mapping.
    carbon : Scores
        Scores of SOC, with errors in g kg-1.
    """

    logarithm: Scores
    carbon: Scores


def carbon_scores(predicted: _Array, observed: _Array) -> CarbonScores:
    """Score predicted against observed logarithms, each of shape (site,); sites where either is NaN are omitted."""
    return CarbonScores(score(predicted, observed), score(np.exp(predicted), np.exp(observed)))


def by_soil(predicted: _Array, observed: _Array) -> dict[str, CarbonScores]:
    """Score all soils, mineral soils and peat; arguments as in :func:`carbon_scores`."""
    peat = observed >= np.log(PEAT)
    soils = {"all": np.isfinite(observed), "mineral": ~peat, "peat": peat}
    return {
        soil: carbon_scores(np.where(mask, predicted, np.nan), np.where(mask, observed, np.nan))
        for soil, mask in soils.items()
    }


def improvement_probability(
    with_moisture: _Array,
    without_moisture: _Array,
    observed: _Array,
    *,
    together: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> float:
    """Test by a paired permutation test whether soil moisture improves predictions.

    Under the null hypothesis, the two squared errors of a site are exchangeable. The signs of their differences are permuted: in all
    combinations for few sites, at random for many. Sites that were left out together are predicted by the same fit, so their signs change
    together.

    Parameters
    ----------
    with_moisture, without_moisture, observed : array, shape (site,)
        Logarithms predicted with and without soil moisture, and observed.
    together : array of int, shape (site,), optional
        Index of the fold of each site; by default every site is a fold.
    seed : int
        Seed of the random permutations.

    Returns
    -------
    float
        One-sided probability of an improvement as large as the observed one.

    References
    ----------
    Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, Springer.
    """
    gain = (without_moisture - observed) ** 2 - (with_moisture - observed) ** 2
    valid = np.isfinite(gain)
    gain = gain[valid]
    if together is not None:
        folds = np.unique(together[valid])
        gain = np.array([gain[together[valid] == fold].sum() for fold in folds])
    n = len(gain)
    if n <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(signs @ gain >= gain.sum() - 1e-12))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_DRAWS, n))
    return float((1 + np.sum(signs @ gain >= gain.sum() - 1e-12)) / (_DRAWS + 1))


def skill_statement(with_moisture: Scores, without_moisture: Scores, probability: float) -> str:
    """State in a sentence whether soil moisture adds skill.

    Parameters
    ----------
    with_moisture, without_moisture : Scores
        Cross-validated scores of ln SOC predicted from climate and topography, with and without soil moisture.
    probability : float
        Result of :func:`improvement_probability`.
    """
    numbers = (
        f"NSE of ln SOC {with_moisture.nse:.2f} with it and {without_moisture.nse:.2f} without, {with_moisture.n} sites, "
        f"each left out in turn, p = {probability:.3f}"
    )
    if probability < SIGNIFICANT and with_moisture.nse > max(without_moisture.nse, 0.0):
        return f"soil moisture adds skill to climate and topography ({numbers})"
    if with_moisture.nse <= 0.0 and without_moisture.nse <= 0.0:
        return (
            "no skill: neither soil moisture nor climate and topography predict better than the mean of the sites "
            f"({numbers})"
        )
    return f"soil moisture adds no significant skill to climate and topography ({numbers})"


@dataclass(frozen=True)
class CarbonInterval:
    """Width of intervals: half-width = ``quantile`` · sqrt(``variance`` + spread²).

    Attributes
    ----------
    quantile : float
        [1].
    variance : float
        Variance of the prediction error in addition to the spread of the cores [ln²].
    """

    quantile: float
    variance: float

    def half_width(self, spread: _Array) -> _Array:
        """Compute the half-width [ln] for the spread of the cores of each site [ln]."""
        return np.asarray(self.quantile * np.sqrt(self.variance + spread**2))


def carbon_interval(error: _Array, spread: _Array, cover: float) -> CarbonInterval:
    """Estimate the width of intervals from cross-validated errors.

    Parameters
    ----------
    error : array, shape (site,)
        Predicted minus observed [ln].
    spread : array, shape (site,)
        Standard deviation of the cores within each site [ln].
    cover : float
        Nominal coverage.

    Returns
    -------
    CarbonInterval
        Symmetric, since few sites do not determine both tails separately.
    """
    variance = _error_variance(error, spread)
    z = error / np.sqrt(variance + spread**2)
    site = np.arange(len(z))
    _, high = conformal_quantiles(np.concatenate([z, -z]), np.concatenate([site, site]), cover)
    return CarbonInterval(high, variance)


def _error_variance(error: _Array, spread: _Array) -> float:
    """Variance in addition to the spread of the cores, by maximum likelihood, which is robust to one site with a very large spread."""
    candidates = max(float(np.mean(error**2)), 1e-6) * np.geomspace(0.02, 4.0, 80)
    total = candidates[:, None] + spread**2
    return float(candidates[np.argmin((np.log(total) + error**2 / total).sum(1))])


def cross_validated_coverage(
    predicted: _Array, observed: _Array, inner: Sequence[_Array], spread: _Array, cover: float
) -> float:
    """Compute the fraction of sites within intervals that are independent of the site.

    Parameters
    ----------
    predicted, observed : array, shape (site,)
        Logarithms; each site is predicted with the site left out.
    inner : sequence of array, shape (site,)
        For each site, the predictions of the other sites, with both sites left out.
    spread : array, shape (site,)
        Standard deviation of the cores within each site [ln].
    cover : float
        Nominal coverage.
    """
    low, high = np.empty_like(predicted), np.empty_like(predicted)
    for k, others in enumerate(inner):
        rest = np.isfinite(observed) & np.isfinite(others)
        rest[k] = False
        interval = carbon_interval((others - observed)[rest], spread[rest], cover)
        width = interval.half_width(spread[k : k + 1])[0]
        low[k], high[k] = predicted[k] - width, predicted[k] + width
    return coverage(low, high, observed)
