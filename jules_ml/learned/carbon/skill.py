"""Whether soil moisture tells of carbon: scores of sites left out, a paired permutation test, and intervals."""

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

#: Probability below which an improvement counts.
SIGNIFICANT: Final = 0.05
#: Sites, or folds, up to which all flips of signs are gone through.
_EXACT: Final = 14
_DRAWS: Final = 20000


@dataclass(frozen=True)
class CarbonScores:
    """Scores of sites that were left out.

    Attributes
    ----------
    logarithm : Scores
        Of ln SOC; the errors are in ln(g kg-1), and ``nse`` is what soil mapping calls R² or model efficiency.
    carbon : Scores
        Of SOC; the errors are in g kg-1.
    """

    logarithm: Scores
    carbon: Scores


def carbon_scores(predicted: _Array, observed: _Array) -> CarbonScores:
    """Score predicted logarithms by the observed ones, shape (site,) each; sites where one is NaN are left out."""
    return CarbonScores(score(predicted, observed), score(np.exp(predicted), np.exp(observed)))


def by_soil(predicted: _Array, observed: _Array) -> dict[str, CarbonScores]:
    """Scores of all soils, and of mineral soils and peat apart."""
    peat = observed >= np.log(PEAT)
    kinds = {"all": np.isfinite(observed), "mineral": ~peat, "peat": peat}
    return {
        kind: carbon_scores(np.where(which, predicted, np.nan), np.where(which, observed, np.nan))
        for kind, which in kinds.items()
    }


def improvement_probability(
    with_it: _Array,
    without: _Array,
    observed: _Array,
    *,
    together: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> float:
    """Probability that a predictor as good as this comes about by chance: a paired permutation test.

    Under the null, which of a site's two squared errors belongs to which predictor is arbitrary: signs of their differences are flipped,
    all combinations for few sites and draws for many. Sites that were left out together come from one fit, and flip together.

    Parameters
    ----------
    with_it, without, observed : array, shape (site,)
        Logarithms predicted with and without soil moisture, and observed.
    together : array of int, shape (site,), optional
        Number of the fold that each was left out with; a site each unless given.
    seed : int
        Of the draws.

    Returns
    -------
    float
        One-sided.

    References
    ----------
    Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, Springer.
    """
    gain = (without - observed) ** 2 - (with_it - observed) ** 2
    known = np.isfinite(gain)
    gain = gain[known]
    if together is not None:
        folds = np.unique(together[known])
        gain = np.array([gain[together[known] == fold].sum() for fold in folds])
    n = len(gain)
    if n <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(signs @ gain >= gain.sum() - 1e-12))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_DRAWS, n))
    return float((1 + np.sum(signs @ gain >= gain.sum() - 1e-12)) / (_DRAWS + 1))


def sentence(with_it: Scores, without: Scores, probability: float) -> str:
    """Say plainly whether soil moisture adds skill.

    Parameters
    ----------
    with_it, without : Scores
        Of ln SOC, by climate and topography with soil moisture, and without.
    probability : float
        From :func:`improvement_probability`.
    """
    numbers = (
        f"NSE of ln SOC {with_it.nse:.2f} with it and {without.nse:.2f} without, {with_it.n} sites left out one by one, "
        f"p = {probability:.3f}"
    )
    if probability < SIGNIFICANT and with_it.nse > max(without.nse, 0.0):
        return f"soil moisture adds skill to climate and topography ({numbers})"
    if with_it.nse <= 0.0 and without.nse <= 0.0:
        return f"no skill: neither soil moisture nor climate and topography do better than the mean of the sites ({numbers})"
    return f"soil moisture adds no skill to climate and topography that could be told from chance ({numbers})"


@dataclass(frozen=True)
class CarbonInterval:
    """How wide an interval is: half-width = ``quantile`` · sqrt(``variance`` + spread²), in ln.

    ``variance`` is that of the error beyond the spread of the cores.
    """

    quantile: float
    variance: float

    def half_width(self, spread: _Array) -> _Array:
        """[ln], shape of ``spread``."""
        return np.asarray(self.quantile * np.sqrt(self.variance + spread**2))


def carbon_interval(error: _Array, spread: _Array, cover: float) -> CarbonInterval:
    """Interval from the errors of sites that were left out.

    Parameters
    ----------
    error : array, shape (site,)
        Predicted less observed [ln].
    spread : array, shape (site,)
        Of the cores within each site [ln].
    cover : float
        Share of sites to be covered.

    Returns
    -------
    CarbonInterval
        Symmetric: from few sites, both tails apart cannot be known.
    """
    variance = _error_variance(error, spread)
    z = error / np.sqrt(variance + spread**2)
    site = np.arange(len(z))
    _, high = conformal_quantiles(np.concatenate([z, -z]), np.concatenate([site, site]), cover)
    return CarbonInterval(high, variance)


def _error_variance(error: _Array, spread: _Array) -> float:
    """Variance beyond the spread of the cores, by maximum likelihood: one site in a bog does not hide the errors of all others."""
    tried = max(float(np.mean(error**2)), 1e-6) * np.geomspace(0.02, 4.0, 80)
    total = tried[:, None] + spread**2
    return float(tried[np.argmin((np.log(total) + error**2 / total).sum(1))])


def left_out_coverage(
    predicted: _Array, observed: _Array, inner: Sequence[_Array], spread: _Array, cover: float
) -> float:
    """Share of sites within an interval that was made without them.

    Parameters
    ----------
    predicted, observed : array, shape (site,)
        Logarithms; each predicted without its site.
    inner : sequence of array, shape (site,)
        For each site, what was predicted for all others with both left out.
    spread : array, shape (site,)
        [ln].
    cover : float
        Nominal.
    """
    low, high = np.empty_like(predicted), np.empty_like(predicted)
    for k, others in enumerate(inner):
        rest = np.isfinite(observed) & np.isfinite(others)
        rest[k] = False
        made = carbon_interval((others - observed)[rest], spread[rest], cover)
        width = made.half_width(spread[k : k + 1])[0]
        low[k], high[k] = predicted[k] - width, predicted[k] + width
    return coverage(low, high, observed)
