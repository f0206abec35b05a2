"""Choices at sites that are held out: weight of gradient boosting, amplitude, errors of local observations, and intervals."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.moisture_site import QUICK, site

from jules_ml.learned.moisture.combination import Combination
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.inner_folds import HeldOutSite, chosen_combination
from jules_ml.learned.moisture.margin import EQUAL, WEIGHTS, chosen_weight
from jules_ml.learned.moisture.moments import Moments
from jules_ml.learned.moisture.moments_model import LocalErrors, prior_covariance, update_moments
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.training_site import TrainingSite


def guessed(each: HeldOutSite, seed: int) -> HeldOutSite:
    """The same with a predicted mean that is wrong by its standard error."""
    error = 0.05 * np.random.default_rng(100 + seed).standard_normal()
    return replace(each, prior=Moments(float(0.3 + error), 0.05))


def held_out(seed: int, *, noise: float = 0.3, shrunk: float = 1.0, is_long: bool = False) -> HeldOutSite:
    """A site whose anomaly is a smooth wave, seen by both models with errors of their own."""
    random = np.random.default_rng(seed)
    day = np.arange(400.0)
    truth = np.sqrt(2.0) * np.sin(day / 20.0 + seed)
    network, boosted = (shrunk * (truth + noise * random.standard_normal(400)) for _ in range(2))
    return HeldOutSite(
        day, 0.3 + 0.05 * truth, network, boosted, np.full(400, 0.5), Moments(0.25, 0.05), (0.05, 0.3), is_long
    )


def test_another_weight_than_one_half_needs_a_gain_beyond_one_standard_error() -> None:
    random = np.random.default_rng(0)
    alike = 1.0 + 0.1 * random.standard_normal((50, 1)) * np.ones(len(WEIGHTS))
    assert chosen_weight(alike) == EQUAL
    better = alike - np.array([0.0, 0.0, 0.0, 0.0, 0.3]) * random.random((50, 1))
    assert chosen_weight(better) == 1.0
    assert chosen_weight(better[:1]) == EQUAL


def test_amplitude_undoes_the_shrinkage_of_each_kind_of_record() -> None:
    short = [held_out(seed, shrunk=0.9) for seed in range(8)]
    long = [held_out(seed, shrunk=0.7, is_long=True) for seed in range(8, 16)]
    combination = chosen_combination([*short, *long], cover=0.9, trained_weight=0.5)
    # part of the shrinkage remains, because predictions with errors in timing should vary less than observations
    r = 1.0 / np.sqrt(1.0 + 0.5 * 0.3**2)
    for amplitude, shrunk in zip(combination.amplitude, (0.9, 0.7), strict=True):
        assert amplitude == pytest.approx(r**1.5 / shrunk, rel=0.03)
    assert combination.amplitude_of(366) == combination.amplitude[0]
    assert combination.amplitude_of(900) == combination.amplitude[1]


def test_intervals_at_new_sites_cover_what_they_should() -> None:
    sites = [guessed(held_out(seed), seed) for seed in range(60)]
    combination = chosen_combination(sites, cover=0.9, trained_weight=0.5)
    low, high = combination.new_site_quantiles
    covered = []
    for each in sites:
        z = combination.amplitude[0] * each.anomaly(combination.new_site_weight)
        predicted = each.prior.mean + each.prior.spread * z
        scale = np.sqrt((0.05 * 0.5) ** 2 + 0.05**2 + (0.3 * 0.05 * z) ** 2)
        covered.append(np.mean((each.theta >= predicted + low * scale) & (each.theta <= predicted + high * scale)))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_consecutive_days_count_little_more_than_one() -> None:
    prior, errors = Moments(0.2, 0.05), LocalErrors(noise=0.6, time_scale=40.0)
    covariance, z, theta = prior_covariance(prior, (0.06, 0.3)), np.zeros(30), np.full(30, 0.3)
    one, consecutive, spread = (
        update_moments(prior, covariance, z[: len(day)], theta[: len(day)], day, errors=errors)
        for day in (np.zeros(1), np.arange(30.0), 12.0 * np.arange(30.0))
    )
    variances = [each[1][0, 0] for each in (one, consecutive, spread)]
    assert variances[0] > variances[1] > variances[2]
    assert variances[1] > 0.5 * variances[0]
    assert one[0].mean < consecutive[0].mean < spread[0].mean


def test_a_module_of_many_sites_is_combined_by_inner_folds_and_stored() -> None:
    records = [moisture_record(site(400, seed=i, name=f"site {i}"), static={"clay": 0.03 * i}) for i in range(13)]
    sites = [TrainingSite(record, np.ones(400, dtype=bool)) for record in records]
    ensemble = train_moisture(sites, QUICK.model_copy(update={"inner_folds": 3}))
    assert ensemble.combination != Combination()
    combination = ensemble.combination
    assert Combination.from_card(combination.to_card(), combination.new_site_quantiles) == combination


def test_a_module_of_few_sites_has_the_equal_average() -> None:
    record = moisture_record(site(400))
    ensemble = train_moisture([TrainingSite(record, np.ones(400, dtype=bool))], QUICK)
    assert ensemble.combination == Combination()
    assert ensemble.combination.errors == LocalErrors()
    networks = replace(ensemble, boosting=None).sensor_anomalies(record)[0]
    trees = ensemble.boosted_anomalies(record, [0.05])
    np.testing.assert_allclose(ensemble.sensor_anomalies(record)[0], 0.5 * (networks + trees))
