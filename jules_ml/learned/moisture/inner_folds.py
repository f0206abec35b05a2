"""Choices by sites that are held out in turn: weight of boosting, amplitude, errors of adaptation, and intervals.

All of them concern sites that a module was not trained on. They are made at training sites alone, each predicted by a network and by
gradient boosting that were trained without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.combination import LONG_RECORD, NORMAL, Combination
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_setup import trial_ensemble
from jules_ml.learned.moisture.margin import WEIGHTS, chosen_weight
from jules_ml.learned.moisture.moments import MIN_SPREAD, Moments
from jules_ml.learned.moisture.moments_model import MIN_SITES, LocalErrors, prior_covariance, update_moments
from jules_ml.learned.moisture.moments_regression import least_log_spread
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.intervals import quantiles_of_blocks
from jules_ml.scoring.splits import site_folds
from jules_ml.support.progress import Progress, portion

_Array = NDArray[np.float64]
#: Fewest days of a site that is scored.
_MIN_DAYS: Final = 60
#: Fewest sites of a kind of record for an amplitude of its own, and its limits.
_MIN_OF_KIND: Final = 5
_AMPLITUDES: Final = (0.7, 1.6)
#: Days of local observations, and the errors that are tried against them.
_LOCAL_DAYS: Final = 30
_NOISES: Final = (0.4, 0.6, 0.8, 1.1)
_TIME_SCALES: Final = (5.0, 15.0, 40.0, 100.0)


@dataclass(frozen=True, eq=False)
class HeldOutSite:
    """The scored sensor of a site, predicted by models that were trained without it.

    Attributes
    ----------
    day : array, shape (day,)
        Numbers of the days with an observation.
    theta, network, boosted, spread : array, shape (day,)
        Measured water content [m3 m-3]; anomalies predicted by the network and by gradient boosting; standard deviation of the former.
    prior : Moments
        Predicted moments.
    error : tuple of float
        Their standard errors.
    is_long : bool
        Whether the record has more than 500 days.
    """

    day: _Array
    theta: _Array
    network: _Array
    boosted: _Array
    spread: _Array
    prior: Moments
    error: tuple[float, float]
    is_long: bool

    def anomaly(self, weight: float) -> _Array:
        """Combine the network with gradient boosting, shape (day,)."""
        combined: _Array = (1.0 - weight) * self.network + weight * self.boosted
        return combined

    def scale(self, anomaly: _Array, covariance: _Array) -> _Array:
        """Standard error of each day's prediction [m3 m-3]."""
        variance = covariance[0, 0] + 2.0 * anomaly * covariance[0, 1] + anomaly**2 * covariance[1, 1]
        scale: _Array = np.sqrt((self.prior.spread * self.spread) ** 2 + variance)
        return scale


def hold_out_sites(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Progress | None = None,
) -> list[HeldOutSite]:
    """Hold out each of ``settings.inner_folds`` groups of sites in turn, and predict it by one network and by gradient boosting.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
    device : torch.device or str
    progress : callable, optional

    Returns
    -------
    list of HeldOutSite
        Empty where a fold would leave too few sites.
    """
    folds = settings.inner_folds
    if folds < 2 or len(sites) - -(-len(sites) // folds) < MIN_SITES:
        return []
    held_out = []
    for fold, out in enumerate(site_folds(len(sites), folds, seed=settings.seed)):
        training = [sites[i] for i in np.flatnonzero(~out).tolist()]
        trial = trial_ensemble(
            training,
            settings,
            seed=settings.seed + 2000 + fold,
            boosting_seed=settings.seed,
            device=device,
            progress=portion(progress, fold / folds, (fold + 1) / folds),
        )
        held_out += [found for i in np.flatnonzero(out).tolist() if (found := _predicted(trial, sites[i])) is not None]
    return held_out


def _predicted(trial: MoistureEnsemble, site: TrainingSite) -> HeldOutSite | None:
    """Predict the scored sensor of a site on its training days."""
    record, sensor = site.record, site.scored_sensor
    days = np.flatnonzero(record.usable[:, sensor] & site.train)
    if (
        len(days) < _MIN_DAYS
        or trial.moments_model is None
        or not trial.moments_model.usable(trial.static_inputs(record))
    ):
        return None
    network, boosted, spread = trial.scored_members(record, sensor)
    prior, error = trial.predict_moments(record)
    return HeldOutSite(
        days.astype(np.float64),
        record.theta[days, sensor],
        network[days],
        boosted[days],
        spread[days],
        prior,
        error,
        len(record) > LONG_RECORD,
    )


def chosen_combination(sites: Sequence[HeldOutSite], *, cover: float, trained_weight: float) -> Combination:
    """Choose how a module predicts sites that it was not trained on.

    Parameters
    ----------
    sites : sequence of HeldOutSite
    cover : float
        Nominal coverage of the intervals [1].
    trained_weight : float
        Weight of gradient boosting at training sites.

    Returns
    -------
    Combination
    """
    if not sites:
        return Combination(trained_weight=trained_weight)
    errors = np.array([[_timing_error(site, weight) for weight in WEIGHTS] for site in sites])
    weight = chosen_weight(errors)
    amplitude = (_amplitude(sites, weight, is_long=False), _amplitude(sites, weight, is_long=True))
    scaled = [(site, amplitude[site.is_long] * site.anomaly(weight)) for site in sites]
    local = _chosen_errors(scaled)
    return Combination(
        trained_weight,
        weight,
        amplitude,
        local,
        _quantiles([_standardised_at_new_site(site, z) for site, z in scaled], cover),
        _quantiles([each for site, z in scaled for each, _ in _adapted(site, z, local)], cover),
    )


def _timing_error(site: HeldOutSite, weight: float) -> float:
    """Squared error of the anomaly after the best scale and shift, in units of the variance: the part that timing decides."""
    correlation = np.corrcoef(site.anomaly(weight), site.theta)[0, 1]
    return float(1.0 - np.nan_to_num(max(correlation, 0.0)) ** 2)


def _amplitude(sites: Sequence[HeldOutSite], weight: float, *, is_long: bool) -> float:
    """Factor that gives the anomalies the spread that they should have, for records of one kind.

    The ratio of standard deviations would give predictions the variance of observations, and so a larger error the smaller the
    correlation r; least squares would shrink them by r. The factor is the geometric mean of the two, as a median over sites.
    """
    log_spread = np.array([np.log(max(site.theta.std(), MIN_SPREAD)) for site in sites])
    # a dead sensor does not show how much the water content varies
    alive = [site for site, each in zip(sites, log_spread, strict=True) if each >= least_log_spread(log_spread)]
    of_kind = [site for site in alive if site.is_long == is_long]
    factors = []
    for site in of_kind if len(of_kind) >= _MIN_OF_KIND else alive:
        predicted = site.prior.spread * site.anomaly(weight)
        correlation = np.nan_to_num(np.corrcoef(predicted, site.theta)[0, 1])
        factors.append(np.sqrt(max(correlation, 0.0)) * site.theta.std() / max(predicted.std(), 1e-6))
    return float(np.clip(np.median(factors), *_AMPLITUDES))


def _standardised_at_new_site(site: HeldOutSite, anomaly: _Array) -> _Array:
    """Errors in units of their standard error, with predicted moments, shape (day,)."""
    predicted = site.prior.mean + site.prior.spread * anomaly
    standardised: _Array = (site.theta - predicted) / site.scale(anomaly, prior_covariance(site.prior, site.error))
    return standardised


def _adapted(site: HeldOutSite, anomaly: _Array, errors: LocalErrors) -> list[tuple[_Array, float]]:
    """Adapt to the first 30 days, and to 30 days spread over the record: standardised errors and log score of the other days."""
    count = len(site.day)
    if count < 3 * _LOCAL_DAYS:
        return []
    results = []
    for local in (np.arange(_LOCAL_DAYS), np.linspace(0, count - 1, _LOCAL_DAYS).astype(int)):
        other = np.ones(count, dtype=bool)
        other[local] = False
        moments, covariance = update_moments(
            site.prior,
            prior_covariance(site.prior, site.error),
            anomaly[local],
            site.theta[local],
            site.day[local],
            errors=errors,
        )
        scale = site.scale(anomaly, covariance)
        standardised = ((site.theta - moments.mean - moments.spread * anomaly) / scale)[other]
        results.append((standardised, float(np.mean(0.5 * standardised**2 + np.log(scale[other])))))
    return results


def _chosen_errors(scaled: Sequence[tuple[HeldOutSite, _Array]]) -> LocalErrors:
    """Choose the errors with the best mean log score of the days that a site was not adapted to."""
    best, least = LocalErrors(), np.inf
    for noise, time_scale in product(_NOISES, _TIME_SCALES):
        errors = LocalErrors(noise, time_scale)
        scores = [score for site, z in scaled for _, score in _adapted(site, z, errors)]
        if scores and np.mean(scores) < least:
            best, least = errors, float(np.mean(scores))
    return best


def _quantiles(standardised: Sequence[_Array], cover: float) -> tuple[float, float]:
    """Quantiles of standardised errors, with equal weight for each site; those of the normal distribution without any."""
    if not standardised:
        return NORMAL
    return quantiles_of_blocks(standardised, cover)
