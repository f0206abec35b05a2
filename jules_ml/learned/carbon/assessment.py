"""Everything that is asked of learned soil carbon, with sites left out: the ablation, intervals, regions, and the learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.experiment.carbon_module import BRANCHES, Branch
from jules_ml.learned.carbon.network import CarbonInputs
from jules_ml.learned.carbon.skill import (
    by_soil,
    improvement_probability,
    left_out_coverage,
    sentence,
)
from jules_ml.learned.carbon.table import LEAST_SITES, CarbonTable
from jules_ml.learned.carbon.training import (
    LEARNERS,
    Learner,
    NetworkSettings,
    Target,
    design,
    fit_networks,
    predict_forest,
    predict_regression,
)
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import from_left_out, leave_group_out, leave_one_out
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ablation:
    """One learner with sites left out, without soil moisture and with it.

    Attributes
    ----------
    learner : {'regression', 'forest', 'network'}
    without, with_it : array, shape (site,)
        Logarithms predicted from climate, topography and cover, and from soil moisture beside them.
    probability : float
        Of the paired permutation test.
    said : str
        The answer, in a sentence.
    """

    learner: Learner
    without: _Array
    with_it: _Array
    probability: float
    said: str


def predict(
    learner: Learner,
    table: CarbonTable,
    inputs: CarbonInputs | None,
    target: Target,
    folds: Sequence[_Mask],
    *,
    moisture: bool,
    branches: Sequence[Branch] = BRANCHES,
    network: NetworkSettings | None = None,
) -> _Array:
    """Predict all sites with each fold left out, shape (fold, site) [ln]."""
    if learner == "network":
        assert inputs is not None
        used: Sequence[Branch] = branches if moisture else ("static",)
        return fit_networks(inputs, target, folds, used, network or NetworkSettings())[1]
    chosen = predict_regression if learner == "regression" else predict_forest
    return chosen(design(table, moisture=moisture), target, folds)


def ablation(
    table: CarbonTable,
    target: Target,
    *,
    inputs: CarbonInputs | None = None,
    learners: Sequence[Learner] = LEARNERS,
    folds: Sequence[_Mask] | None = None,
    branches: Sequence[Branch] = BRANCHES,
    network: NetworkSettings | None = None,
    progress: Progress | None = None,
) -> list[Ablation]:
    """Ask every learner whether soil moisture adds skill to climate, topography and cover.

    Parameters
    ----------
    table : CarbonTable
    target : Target
    inputs : CarbonInputs, optional
        Needed by the network.
    learners : sequence of {'regression', 'forest', 'network'}
    folds : sequence of array of bool, optional
        One site each unless given.
    branches : sequence of {'static', 'season', 'event'}
        Of the network.
    network : NetworkSettings, optional
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    list of Ablation
    """
    folds = leave_one_out(len(table)) if folds is None else folds
    found = []
    for k, learner in enumerate(learners):
        without, with_it = (
            from_left_out(
                predict(learner, table, inputs, target, folds, moisture=m, branches=branches, network=network), folds
            )
            for m in (False, True)
        )
        together = np.argmax(np.stack(folds), axis=0)
        probability = improvement_probability(with_it, without, target.log_value, together=together)
        said = sentence(score(with_it, target.log_value), score(without, target.log_value), probability)
        found.append(Ablation(learner, without, with_it, probability, said))
        if progress is not None:
            progress("fit", k + 1, len(learners))
    return found


def ablation_scores(found: Sequence[Ablation], target: Target) -> dict[str, Any]:
    """Scores by learner: ``climate`` and ``moisture``, each for all soils, mineral soils and peat; probability and sentence."""
    return {
        each.learner: {
            "climate": {kind: asdict(s) for kind, s in by_soil(each.without, target.log_value).items()},
            "moisture": {kind: asdict(s) for kind, s in by_soil(each.with_it, target.log_value).items()},
            "probability": each.probability,
            "said": each.said,
        }
        for each in found
    }


def regions_left_out(table: CarbonTable, target: Target) -> dict[str, Any]:
    """Scores of the regression with whole regions left out, as :func:`ablation_scores` gives them, and how many ``regions`` there are."""
    folds = leave_group_out(table.regions)
    (found,) = ablation(table, target, learners=["regression"], folds=folds)
    scores = ablation_scores([found], target)["regression"]
    return {"regions": len(folds), **{key: scores[key] for key in ("climate", "moisture", "probability")}}


def regression_coverage(table: CarbonTable, target: Target, cover: float, *, moisture: bool = True) -> float:
    """Share of sites within intervals that were made without them: each pair of sites is left out of a fit of its own."""
    n = len(table)
    x = design(table, moisture=moisture)
    alone = from_left_out(predict_regression(x, target, leave_one_out(n)), leave_one_out(n))
    inner = []
    for k in range(n):
        pairs = []
        for other in range(n):
            fold = np.zeros(n, dtype=bool)
            fold[[k, other]] = True
            pairs.append(fold)
        both = predict_regression(x, target, pairs)
        inner.append(np.diagonal(both).copy())
    return left_out_coverage(alone, target.log_value, inner, target.spread, cover)


def learning_curve(
    table: CarbonTable, target: Target, sizes: Sequence[int], *, draws: int = 20, seed: int = 0
) -> dict[int, tuple[float, float]]:
    """Root mean square error [ln] of the regression at sites that it did not see, by how many it learned from.

    Parameters
    ----------
    table : CarbonTable
    target : Target
    sizes : sequence of int
        From eight to one less than there are.
    draws : int
        Random subsets of each size.
    seed : int
        Of the subsets.

    Returns
    -------
    dict of int to tuple
        Without soil moisture, and with it; medians over the draws.
    """
    rng = np.random.default_rng(seed)
    n = len(table)
    found = {}
    for size in sizes:
        if not LEAST_SITES <= size < n:
            raise ValueError(f"learning from {size} of {n} sites cannot be scored")
        folds = []
        for _ in range(draws):
            fold = np.ones(n, dtype=bool)
            fold[rng.choice(n, size, replace=False)] = False
            folds.append(fold)
        medians = []
        for moisture in (False, True):
            rows = predict_regression(design(table, moisture=moisture), target, folds)
            errors = [np.sqrt(np.mean((r[f] - target.log_value[f]) ** 2)) for r, f in zip(rows, folds, strict=True)]
            medians.append(float(np.median(errors)))
        found[size] = (medians[0], medians[1])
    return found
