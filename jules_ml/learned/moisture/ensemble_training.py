"""Training of a network ensemble on all sites together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.calibration import calibrate_at_ends
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_setup import (
    trained_boosting,
    training_batches,
    untrained_ensemble,
    with_offsets,
)
from jules_ml.learned.moisture.inner_folds import chosen_combination, hold_out_sites
from jules_ml.learned.moisture.training import train_member
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.support.progress import Progress, portion


def train_moisture(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> MoistureEnsemble:
    """Train a network ensemble on sites.

    Two further networks are trained without the last and without the first of the training days. Their errors there calibrate the
    intervals and choose the weight of gradient boosting at these sites. ``settings.inner_folds`` more are trained without a group of the
    sites each, for the choices at other sites; see :mod:`jules_ml.learned.moisture.inner_folds`.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    MoistureEnsemble

    Raises
    ------
    BadInput
        If no site has enough measured water content.
    """
    trainable = [site for site in sites if site.is_trainable]
    if not trainable:
        names = ", ".join(site.record.site for site in sites)
        raise BadInput(
            "there is no measured water content to train on: no sensor has 20 usable days",
            where=f"site {names}",
            remedy="name the columns of water content (theta, or theta_crns), and check that quality codes leave some days",
        )
    trials = 2 * (settings.validation_fraction > 0.0)
    folds = settings.inner_folds
    count = settings.members + trials + folds

    def part(first: int, parts: int = 1) -> Progress | None:
        return portion(progress, first / count, (first + parts) / count)

    ensemble = untrained_ensemble(trainable, settings)
    if trials:
        ensemble = calibrate_at_ends(ensemble, trainable, settings, device, [part(0), part(1)])
    if folds:
        held_out = hold_out_sites(trainable, settings, device, part(trials, folds))
        weight = ensemble.combination.trained_weight
        combination = chosen_combination(held_out, cover=settings.interval, trained_weight=weight)
        ensemble = replace(ensemble, combination=combination)
    batches = training_batches(trainable, ensemble)
    members = tuple(
        train_member(batches, settings, seed=settings.seed + i, device=device, progress=part(trials + folds + i))
        for i in range(settings.members)
    )
    boosting = trained_boosting(trainable, ensemble, seed=settings.seed)
    return with_offsets(replace(ensemble, members=members, boosting=boosting), trainable)
