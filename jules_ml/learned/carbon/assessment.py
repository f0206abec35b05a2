"""Cross-validation of learned soil carbon: the ablation, intervals, regions and the learning curve."""

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
    cross_validated_coverage,
    improvement_probability,
    skill_statement,
)
from jules_ml.learned.carbon.table import MIN_SITES, CarbonTable
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
    """Cross-validated predictions of one learner, without and with soil moisture.

    Attributes
    ----------
    learner : {'regression', 'forest', 'network'}
    without_moisture, with_moisture : array, shape (site,)
        ln SOC predicted from climate, topography and land cover, and from these and soil moisture [ln g kg-1].
    probability : float
        One-sided probability of the paired permutation test.
    statement : str
        Whether soil moisture adds skill, in a sentence.
    """

    learner: Learner
    without_moisture: _Array
    with_moisture: _Array
    probability: float
    statement: str


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
    """Predict all sites with each fold left out, shape (fold, site) [ln]; see :func:`ablation`."""
    if learner == "network":
        assert inputs is not None
        active: Sequence[Branch] = branches if moisture else ("static",)
        return fit_networks(inputs, target, folds, active, network or NetworkSettings())[1]
    method = predict_regression if learner == "regression" else predict_forest
    return method(design(table, moisture=moisture), target, folds)


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
    """Cross-validate each learner without and with soil moisture, in addition to climate, topography and land cover.

    Parameters
    ----------
    table : CarbonTable
    target : Target
    inputs : CarbonInputs, optional
        Required by the network.
    learners : sequence of {'regression', 'forest', 'network'}
    folds : sequence of array of bool, optional
        Sites that are left out together; by default one site in each fold.
    branches : sequence of {'static', 'season', 'event'}
        Branches of the network.
    network : NetworkSettings, optional
    progress : callable, optional
        Receives the progress; see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    list of Ablation
    """
    folds = leave_one_out(len(table)) if folds is None else folds
    ablations = []
    for k, learner in enumerate(learners):
        without_moisture, with_moisture = (
            from_left_out(
                predict(learner, table, inputs, target, folds, moisture=m, branches=branches, network=network), folds
            )
            for m in (False, True)
        )
        together = np.argmax(np.stack(folds), axis=0)
        probability = improvement_probability(with_moisture, without_moisture, target.log_value, together=together)
        statement = skill_statement(
            score(with_moisture, target.log_value), score(without_moisture, target.log_value), probability
        )
        ablations.append(Ablation(learner, without_moisture, with_moisture, probability, statement))
        if progress is not None:
            progress("fit", k + 1, len(learners))
    return ablations


def ablation_scores(ablations: Sequence[Ablation], target: Target) -> dict[str, Any]:
    """Compute scores by learner: ``climate`` and ``moisture``, each for all soils, mineral soils and peat, with the probability."""
    return {
        each.learner: {
            "climate": {kind: asdict(s) for kind, s in by_soil(each.without_moisture, target.log_value).items()},
            "moisture": {kind: asdict(s) for kind, s in by_soil(each.with_moisture, target.log_value).items()},
            "probability": each.probability,
            "said": each.statement,
        }
        for each in ablations
    }


def regions_left_out(table: CarbonTable, target: Target) -> dict[str, Any]:
    """Score the regression with each region left out in turn: entries of :func:`ablation_scores`, and the number of ``regions``."""
    folds = leave_group_out(table.regions)
    ablations = ablation(table, target, learners=["regression"], folds=folds)
    scores = ablation_scores(ablations, target)["regression"]
    return {"regions": len(folds), **{key: scores[key] for key in ("climate", "moisture", "probability")}}


def regression_coverage(table: CarbonTable, target: Target, cover: float, *, moisture: bool = True) -> float:
    """Compute the fraction of sites within intervals that are independent of the site.

    Each pair of sites is left out of one fit, so that neither the prediction nor the interval of a site depends on the site.

    Parameters
    ----------
    table : CarbonTable
    target : Target
    cover : float
        Nominal coverage.
    moisture : bool
        Whether the regression uses soil moisture.
    """
    n = len(table)
    x = design(table, moisture=moisture)
    predicted = from_left_out(predict_regression(x, target, leave_one_out(n)), leave_one_out(n))
    inner = []
    for k in range(n):
        pairs = []
        for other in range(n):
            fold = np.zeros(n, dtype=bool)
            fold[[k, other]] = True
            pairs.append(fold)
        without_pairs = predict_regression(x, target, pairs)
        inner.append(np.diagonal(without_pairs).copy())
    return cross_validated_coverage(predicted, target.log_value, inner, target.spread, cover)


def learning_curve(
    table: CarbonTable, target: Target, sizes: Sequence[int], *, draws: int = 20, seed: int = 0
) -> dict[int, tuple[float, float]]:
    """Compute the out-of-sample root mean square error of the regression by the number of training sites [ln].

    Parameters
    ----------
    table : CarbonTable
    target : Target
    sizes : sequence of int
        Numbers of training sites, from eight to one less than the table has.
    draws : int
        Number of random subsets of each size.
    seed : int
        Seed of the subsets.

    Returns
    -------
    dict of int to tuple
        Errors without and with soil moisture; medians over the draws.

    Raises
    ------
    ValueError
        If a size is outside the range.
    """
    rng = np.random.default_rng(seed)
    n = len(table)
    curve = {}
    for size in sizes:
        if not MIN_SITES <= size < n:
            raise ValueError(f"a fit to {size} of {n} sites cannot be scored: sizes are from {MIN_SITES} to {n - 1}")
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
        curve[size] = (medians[0], medians[1])
    return curve
