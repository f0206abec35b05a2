"""Calibration of intervals at training sites, by networks that are not trained on one end of the training days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_setup import LONG_RECORD, training_batches, untrained_ensemble, with_offsets
from jules_ml.learned.moisture.training import train_member
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import both_ends
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Fewest training days of a site that takes part.
_MIN_DAYS = 100


def calibrate_intervals(
    ensemble: MoistureEnsemble,
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Sequence[Progress | None],
) -> MoistureEnsemble:
    """Calibrate intervals on both ends of the training days, each predicted by a network that was not trained on it.

    Both ends are used because the mean of a record drifts: its later part differs from its earlier part systematically.

    Parameters
    ----------
    ensemble : MoistureEnsemble
    sites : sequence of TrainingSite
    settings : MoistureSettings
    device : torch.device or str
    progress : sequence of callable or None
        One for each network.

    Returns
    -------
    MoistureEnsemble
        With quantiles and validation scores; unchanged where all records are too short.
    """
    ends = [
        end
        for part, late in zip(progress, (True, False), strict=True)
        for end in _score_end(sites, settings, device, part, late=late)
    ]
    if not ends:
        return ensemble
    number = np.concatenate([np.full(len(end.errors), i) for i, end in enumerate(ends)])
    quantiles = conformal_quantiles(np.concatenate([end.errors for end in ends]), number, settings.interval)
    validation = {
        "kge": float(np.median([end.kge for end in ends])),
        "rmse_in_spreads": float(np.median([end.rmse for end in ends])),
    }
    return replace(ensemble, trained_quantiles=quantiles, validation=validation)


@dataclass(frozen=True, eq=False)
class _End:
    """Out-of-sample result at one end of a site's training days.

    Attributes
    ----------
    errors : array, shape (day,)
        Errors in units of their predicted standard deviation.
    kge, rmse : float
        Kling-Gupta efficiency, and root mean square error in units of the sensor's standard deviation.
    """

    errors: _Array
    kge: float
    rmse: float


def _score_end(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Progress | None,
    *,
    late: bool,
) -> list[_End]:
    """Train one network without the last, or the first, of each long record's training days, and score it there."""
    training, scored = _split_ends(sites, settings.validation_fraction, late=late)
    if not scored:
        return []
    trial = untrained_ensemble(training, settings)
    batches = training_batches(training, trial)
    network = train_member(batches, settings, seed=settings.seed + 1000 + late, device=device, progress=progress)
    trial = with_offsets(replace(trial, members=(network,)), [site for site, _ in scored])
    ends = []
    for site, test in scored:
        sensor = trial.sites[site.record.site].main
        spread = trial.moments_of(site.record, sensor).spread
        days = test & site.record.usable[:, sensor]
        prediction, theta = trial.predict(site.record), site.record.theta[days, sensor]
        error = (theta - prediction.theta[days, sensor]) / spread
        kge = score(prediction.theta[days, sensor], theta).kge
        ends.append(_End(error / prediction.spread[days, sensor], kge, float(np.sqrt(np.mean(error**2)))))
    return ends


def _split_ends(
    sites: Sequence[TrainingSite], fraction: float, *, late: bool
) -> tuple[list[TrainingSite], list[tuple[TrainingSite, _Mask]]]:
    """Remove one end of the training days of each long record: all sites for training, and the sites to score with their test days."""
    training: list[TrainingSite] = []
    scored: list[tuple[TrainingSite, _Mask]] = []
    for site in sites:
        sensor = site.main if site.main is not None else int(np.argmax(site.record.usable.any(0)))
        days = np.flatnonzero(site.train & site.record.usable[:, sensor])
        if len(site.record) <= LONG_RECORD or len(days) < _MIN_DAYS:
            training.append(site)
            continue
        test = both_ends(days, len(site.record), fraction)[0 if late else 1]
        training.append(replace(site.without(test), main=sensor))
        scored.append((training[-1], site.train & test))
    return training, scored
