"""Cross-validation of soil moisture over sites: scores at held-out sites, and paired differences between settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.moments_model import MIN_SITES
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.intervals import quantiles_of_blocks
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import site_folds
from jules_ml.support.progress import Progress, portion

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOutSites:
    """Result of a cross-validation over sites.

    Attributes
    ----------
    scores : dict
        Scores of the scored sensor on all usable days, by site.
    quantiles : tuple of float
        Quantiles of the errors in units of their standard error, with equal weight for each site.
    """

    scores: dict[str, dict[str, float]]
    quantiles: tuple[float, float]


def cross_validate_sites(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> HeldOutSites:
    """Hold out each fold of sites in turn, train on the others, and predict the fold with predicted moments.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
        ``site_folds`` is the number of folds. Half of the members are trained, and no days are kept for validation.
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    HeldOutSites

    Raises
    ------
    BadInput
        If a fold leaves too few sites to fit the model of moments.
    """
    folds = settings.site_folds
    refuse_few_sites(len(sites), folds)
    of_folds = settings.model_copy(update={"members": max(settings.members // 2, 1), "validation_fraction": 0.0})
    scores: dict[str, dict[str, float]] = {}
    z: list[_Array] = []
    for fold, out in enumerate(site_folds(len(sites), folds, seed=settings.seed)):
        part = portion(progress, fold / folds, (fold + 1) / folds)
        ensemble = train_moisture(
            [sites[i] for i in np.flatnonzero(~out).tolist()], of_folds, device=device, progress=part
        )
        for i in np.flatnonzero(out).tolist():
            record, sensor = sites[i].record, sites[i].scored_sensor
            days = record.usable[:, sensor]
            if days.sum() < 20:
                continue
            prediction = ensemble.predict(record)
            theta, predicted = record.theta[days, sensor], prediction.theta[days, sensor]
            scores[record.site] = asdict(score(predicted, theta))
            z.append((theta - predicted) / prediction.scale[days, sensor])
    return HeldOutSites(scores, quantiles_of_blocks(z, settings.interval))


def refuse_few_sites(sites: int, folds: int) -> None:
    """Refuse a cross-validation whose folds leave too few training sites.

    Raises
    ------
    BadInput
        If a fold leaves too few sites to fit the model of moments.
    """
    training = sites - math.ceil(sites / folds) if sites >= folds else 0
    if training < MIN_SITES:
        raise BadInput(
            f"{sites} sites in {folds} folds leave {training} training sites, too few to predict the mean and spread at the others",
            where="[moisture] site_folds",
            remedy=f"give more sites, or more folds, so that {MIN_SITES} training sites remain; or set site_folds = 0",
        )


def paired_difference(
    first: dict[str, dict[str, float]], second: dict[str, dict[str, float]], measure: str, *, seed: int = 0
) -> dict[str, float]:
    """Compute the mean over sites of the second score minus the first, with a 95 % bootstrap interval over sites.

    Parameters
    ----------
    first, second : dict
        Scores by site and name.
    measure : str
        Name of the score.
    seed : int, optional
        Seed of the bootstrap.

    Returns
    -------
    dict
        ``mean``, ``low``, ``high`` and ``sites``.
    """
    names = [site for site in first if site in second]
    difference = np.array([second[site][measure] - first[site][measure] for site in names])
    means = np.random.default_rng(seed).choice(difference, (5000, len(difference))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(difference.mean()), "low": float(low), "high": float(high), "sites": float(len(names))}
