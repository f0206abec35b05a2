"""Soil moisture at sites held out in folds: predictions, and paired differences between settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import TrainingSite, learn_moisture
from jules_ml.learned.moisture.level import LEAST_SITES
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import site_folds
from jules_ml.support.progress import Progress, portion

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOutSites:
    """What is predicted at sites when they are held out.

    Attributes
    ----------
    scores : dict
        Of the scored sensor, all usable days, by site.
    quantiles : tuple of float
        Of the errors in units of their spread, each site alike.
    """

    scores: dict[str, dict[str, float]]
    quantiles: tuple[float, float]


def hold_sites_out(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> HeldOutSites:
    """Leave each fold of sites out in turn, learn from the others, and predict it with a guessed level.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
        ``site_folds`` of them; half of the members, and no part of the days for validation.
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    HeldOutSites

    Raises
    ------
    BadInput
        If there are too few sites to guess levels from.
    """
    folds = settings.site_folds
    refuse_few_sites(len(sites), folds)
    fewer = settings.model_copy(update={"members": max(settings.members // 2, 1), "validation_fraction": 0.0})
    scores: dict[str, dict[str, float]] = {}
    z: list[_Array] = []
    for fold, out in enumerate(site_folds(len(sites), folds, seed=settings.seed)):
        part = portion(progress, fold / folds, (fold + 1) / folds)
        ensemble = learn_moisture(
            [sites[i] for i in np.flatnonzero(~out).tolist()], fewer, device=device, progress=part
        )
        for i in np.flatnonzero(out).tolist():
            record = sites[i].record
            main = sites[i].main
            sensor = int(np.argmax(record.usable.sum(0) > 0)) if main is None else main
            days = record.usable[:, sensor]
            if days.sum() < 20:
                continue
            found = ensemble.predict(record)
            scores[record.site] = asdict(score(found.theta[days, sensor], record.theta[days, sensor]))
            z.append((record.theta[days, sensor] - found.theta[days, sensor]) / found.scale[days, sensor])
    number = np.concatenate([np.full(len(of), i) for i, of in enumerate(z)])
    return HeldOutSites(scores, conformal_quantiles(np.concatenate(z), number, settings.interval))


def refuse_few_sites(sites: int, folds: int) -> None:
    """Raise where so many sites cannot be held out in so many folds.

    Raises
    ------
    BadInput
        If a fold leaves too few sites to guess levels from.
    """
    kept = sites - math.ceil(sites / folds) if sites >= folds else 0
    if kept < LEAST_SITES:
        raise BadInput(
            f"{sites} sites held out in {folds} folds leave {kept} to learn from, too few to guess the level of the others",
            where="[moisture] site_folds",
            remedy=f"give more sites, or more folds, so that {LEAST_SITES} remain; or set site_folds = 0",
        )


def paired_difference(
    first: dict[str, dict[str, float]], second: dict[str, dict[str, float]], measure: str, *, seed: int = 0
) -> dict[str, float]:
    """Mean of the second less the first over sites, with the 95 % interval of a bootstrap of sites.

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
