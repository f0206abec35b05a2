"""Training of a network ensemble on all sites together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.calibration import calibrate_intervals
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_setup import training_batches, untrained_ensemble, with_offsets
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
    intervals.

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
    count = settings.members + trials

    def part(number: int) -> Progress | None:
        return portion(progress, number / count, (number + 1) / count)

    ensemble = untrained_ensemble(trainable, settings)
    if trials:
        ensemble = calibrate_intervals(ensemble, trainable, settings, device, [part(0), part(1)])
    batches = training_batches(trainable, ensemble)
    members = tuple(
        train_member(batches, settings, seed=settings.seed + i, device=device, progress=part(trials + i))
        for i in range(settings.members)
    )
    return with_offsets(replace(ensemble, members=members), trainable)
