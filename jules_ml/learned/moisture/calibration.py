"""Calibration at training sites, by networks and gradient boosting that are not trained on one end of the training days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.combination import LONG_RECORD
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_setup import MIN_OFFSET_SPREAD, trial_ensemble
from jules_ml.learned.moisture.margin import WEIGHTS, chosen_weight
from jules_ml.learned.moisture.moments import DEFAULT_MOMENTS
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.intervals import quantiles_of_blocks
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import both_ends
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Fewest training days of a site that takes part.
_MIN_DAYS = 100


def calibrate_at_ends(
    ensemble: MoistureEnsemble,
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Sequence[Progress | None],
) -> MoistureEnsemble:
    """Choose the weight of gradient boosting and calibrate intervals on both ends of the training days.

    Each end is predicted by a network and by gradient boosting that were not trained on it. Both ends are used because the mean of a
    record drifts: its later part differs from its earlier part systematically.

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
        With weight, quantiles, the sites' own scales of intervals and validation scores; unchanged where all records are too short.
    """
    ends = [
        end
        for part, late in zip(progress, (True, False), strict=True)
        for end in _predict_end(sites, settings, device, part, late=late)
    ]
    if not ends:
        return ensemble
    weight = chosen_weight(_errors_of_sites(ends))
    errors = [end.error(weight) / end.spread for end in ends]
    scales, usual = _site_scales([end.site for end in ends], errors)
    relative = [each / scales[end.site] for end, each in zip(ends, errors, strict=True)]
    validation = {
        "kge": float(np.median([end.kge(weight) for end in ends])),
        "rmse_in_spreads": float(np.median([np.sqrt(np.mean(end.error(weight) ** 2)) for end in ends])),
    }
    # a site that is not scored, as one of a single year, has the usual scale
    stored = {name: replace(site, interval_scale=scales.get(name, usual)) for name, site in ensemble.sites.items()}
    return replace(
        ensemble,
        sites=stored,
        combination=replace(ensemble.combination, trained_weight=weight),
        trained_quantiles=quantiles_of_blocks(relative, settings.interval),
        validation=validation,
    )


@dataclass(frozen=True, eq=False)
class _End:
    """Out-of-sample result at one end of a site's training days.

    Attributes
    ----------
    site : str
    observed : array, shape (day,)
        Measured anomaly on the days of the end [1].
    members : tuple of two arrays, shape (day,)
        Anomalies predicted by the network and by gradient boosting, before they are corrected.
    fitted : tuple of two arrays, shape (training day,)
        The same on the other training days, from which the correction comes.
    spread : array, shape (day,)
        Standard deviation predicted by the network [1].
    rescaling : float
        Degree of rescaling; see :meth:`~jules_ml.learned.moisture.stored_site.StoredSite.correct`.
    """

    site: str
    observed: _Array
    members: tuple[_Array, _Array]
    fitted: tuple[_Array, _Array]
    spread: _Array
    rescaling: float

    def predicted(self, weight: float) -> _Array:
        """Corrected anomaly for a weight of gradient boosting, shape (day,)."""
        anomaly, fitted = ((1.0 - weight) * each[0] + weight * each[1] for each in (self.members, self.fitted))
        predicted: _Array = (anomaly - fitted.mean()) / max(float(fitted.std()), MIN_OFFSET_SPREAD) ** self.rescaling
        return predicted

    def error(self, weight: float) -> _Array:
        """Error in units of the sensor's standard deviation, shape (day,)."""
        return self.observed - self.predicted(weight)

    def kge(self, weight: float) -> float:
        """Kling-Gupta efficiency of the anomaly, shifted so that its mean is that of an average soil."""
        mean = DEFAULT_MOMENTS.mean / DEFAULT_MOMENTS.spread
        return score(self.predicted(weight) + mean, self.observed + mean).kge


def _predict_end(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Progress | None,
    *,
    late: bool,
) -> list[_End]:
    """Train without the last, or the first, of each long record's training days, and predict it there."""
    training, scored = _split_ends(sites, settings.validation_fraction, late=late)
    if not scored:
        return []
    seed = settings.seed + 1000 + late
    trial = trial_ensemble(training, settings, seed=seed, boosting_seed=seed, device=device, progress=progress)
    ends = []
    for site, test in scored:
        record = site.record
        sensor = trial.sites[record.site].main
        moments = trial.moments_of(record, sensor)
        network, boosted, spread = trial.scored_members(record, sensor)
        days, train = (mask & record.usable[:, sensor] for mask in (test, site.train))
        ends.append(
            _End(
                record.site,
                (record.theta[days, sensor] - moments.mean) / moments.spread,
                (network[days], boosted[days]),
                (network[train], boosted[train]),
                spread[days],
                settings.match_variance,
            )
        )
    return ends


def _errors_of_sites(ends: Sequence[_End]) -> _Array:
    """Mean square error of each site over both of its ends, with each weight of gradient boosting, shape (site, weight)."""
    by_site: dict[str, list[list[float]]] = {}
    for end in ends:
        by_site.setdefault(end.site, []).append([float(np.mean(end.error(w) ** 2)) for w in WEIGHTS])
    return np.array([np.mean(of_ends, axis=0) for of_ends in by_site.values()])


def _site_scales(sites: Sequence[str], errors: Sequence[_Array]) -> tuple[dict[str, float], float]:
    """Scale of the standardised errors of each site, from both ends of its record, and that of a site that is not scored.

    How far a site's own scale counts follows from how well the two ends of a record agree over all sites (Spearman 1910, Brown 1910).
    """
    by_site: dict[str, list[float]] = {}
    for site, each in zip(sites, errors, strict=True):
        by_site.setdefault(site, []).append(0.5 * float(np.log(np.mean(each**2))))
    pairs = np.array([ends for ends in by_site.values() if len(ends) == 2]).reshape(-1, 2)
    agreement = float(np.corrcoef(pairs.T)[0, 1]) if len(pairs) > 2 else 0.0
    reliability = float(np.clip(2.0 * agreement / (1.0 + max(agreement, 0.0)), 0.0, 1.0))
    middle = float(np.mean([np.mean(ends) for ends in by_site.values()]))
    scales = {site: float(np.exp(middle + reliability * (np.mean(ends) - middle))) for site, ends in by_site.items()}
    return scales, float(np.exp(middle))


def _split_ends(
    sites: Sequence[TrainingSite], fraction: float, *, late: bool
) -> tuple[list[TrainingSite], list[tuple[TrainingSite, _Mask]]]:
    """Remove one end of the training days of each long record: all sites for training, and the sites to score with their test days."""
    training: list[TrainingSite] = []
    scored: list[tuple[TrainingSite, _Mask]] = []
    for site in sites:
        sensor = site.scored_sensor
        days = np.flatnonzero(site.train & site.record.usable[:, sensor])
        if len(site.record) <= LONG_RECORD or len(days) < _MIN_DAYS:
            training.append(site)
            continue
        test = both_ends(days, len(site.record), fraction)[0 if late else 1]
        training.append(replace(site.without(test), main=sensor))
        scored.append((training[-1], site.train & test))
    return training, scored
