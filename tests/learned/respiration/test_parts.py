"""Parts of training: errors, concurvity, penalties, baselines and rows of the test period."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.respiration_record import synthetic_record

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_respiration import r0_from_ratio
from jules_ml.learned.respiration.baselines import baselines, fitted_fsth_saturated
from jules_ml.learned.respiration.fit import split_test_rows
from jules_ml.learned.respiration.likelihood import fit_noise, tail_weights
from jules_ml.learned.respiration.penalties import circular_roughness, roughness
from jules_ml.learned.respiration.separability import concurvity
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.spline import fit_spline_product
from jules_ml.physics.respiration import fsth_option_1
from jules_ml.scoring.scores import score

ROWS = select_rows(synthetic_record(), RespirationSettings(target="soil"))


def test_too_few_training_rows() -> None:
    with pytest.raises(
        BadInput, match="remain to train on without the last 50% of the record, and 200 are needed"
    ) as caught:
        split_test_rows(ROWS.take(np.arange(0, len(ROWS), 8)), 0.5)
    assert "test_fraction" in caught.value.remedy


def test_the_scale_of_errors_is_recovered() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(0.2, 8.0, 20000)
    noise = fit_noise(predicted, (0.3 + 0.2 * predicted) * rng.laplace(size=20000))
    # the mean absolute value of Laplace's distribution is its scale
    assert noise.a == pytest.approx(0.3, rel=0.1)
    assert noise.b == pytest.approx(0.2, rel=0.05)


def test_outliers_lose_weight() -> None:
    weight = tail_weights(np.array([0.0, 0.1, -0.1, 50.0]), np.ones(4))
    assert weight[3] < 0.01
    assert weight[0] > 1.0


def test_concurvity() -> None:
    rng = np.random.default_rng(2)
    t = rng.uniform(270.0, 300.0, 2000)
    assert concurvity(rng.uniform(0.1, 0.4, 2000), t) < 0.05
    assert concurvity(0.4 - 0.01 * (t - 270.0) ** 1.5 / 5.0, t) > 0.99
    assert concurvity(np.full(2000, 0.3), t) == 1.0


def test_roughness_is_the_integral_of_the_second_derivative() -> None:
    even = torch.linspace(-1.0, 1.0, 401, dtype=torch.float64)
    z = 0.7 * even + 0.3 * even**3  # unevenly spaced, as a coordinate may be
    c = torch.exp(z)
    exact = 0.25 * (np.exp(2.0) - np.exp(-2.0))  # half the integral of exp(2 z) over -1 to 1
    assert float(c @ roughness(z) @ c) == pytest.approx(exact, rel=0.02)


def test_circular_roughness_is_invariant_to_rotation() -> None:
    wave = torch.sin(torch.arange(73, dtype=torch.float64) * 2.0 * torch.pi / 73)
    rotated = torch.roll(wave, 20)
    matrix = circular_roughness(73)
    assert float(wave @ matrix @ wave) == pytest.approx(float(rotated @ matrix @ rotated))
    assert float(torch.ones(73, dtype=torch.float64) @ matrix @ torch.ones(73, dtype=torch.float64)) == pytest.approx(
        0.0, abs=1e-6
    )


@pytest.mark.parametrize("name", ["JULES", "JULES, Q10 fitted"])
def test_jules_baselines_fit_a_record_from_jules(name: str) -> None:
    """The record was computed with JULES's curves and a porosity of 0.45, which enters the fits through the wetness."""
    wetness = ROWS.theta / 0.45
    predict = baselines(0.3, 0.53)[name](ROWS.t_soil, wetness, ROWS.group, ROWS.flux)
    assert score(predict(ROWS.t_soil, wetness, ROWS.group), ROWS.flux).nse > 0.8
    level = predict(np.array([282.4]), np.array([0.65]), np.array([0]))[0]
    assert level == pytest.approx(3.0, rel=0.03)


def test_fitted_fsth_saturated_is_that_of_the_data() -> None:
    t_soil = np.linspace(270.0, 300.0, 500)
    wetness = np.random.default_rng(1).uniform(0.05, 1.0, 500)
    group = np.zeros(500, dtype=np.int64)
    f = fsth_option_1(*(torch.tensor(x).double() for x in (wetness, 0.3, 0.5, 1.0)), fsth_saturated=0.35)
    flux = 3.0 * f.numpy() * 2.5 ** (0.1 * (t_soil - 282.4))
    assert fitted_fsth_saturated(0.3, 0.5, t_soil, wetness, group, flux) == pytest.approx(0.35, abs=1e-4)


def test_every_other_baseline_is_better_than_the_mean() -> None:
    for name, fit in baselines(0.3, 0.53).items():
        predict = fit(ROWS.t_soil, ROWS.wetness, ROWS.group, ROWS.flux)
        skill = score(predict(ROWS.t_soil, ROWS.wetness, ROWS.group), ROWS.flux).nse
        assert skill == pytest.approx(0.0, abs=1e-9) if name == "constant" else skill > 0.4, name


def test_r0_is_the_ratio_of_sums() -> None:
    assert r0_from_ratio(np.array([1.0, 3.0]), np.array([2.0, 6.0])) == 2.0
    assert r0_from_ratio(np.array([1.0, 1.0]), np.array([-5.0, 1.0])) > 0.0


def test_the_spline_does_not_depend_on_the_unit() -> None:
    predicted = [
        baselines(0.3, 0.53)["spline"](ROWS.t_soil, ROWS.wetness, ROWS.group, unit * ROWS.flux)(
            ROWS.t_soil, ROWS.wetness, ROWS.group
        )
        / unit
        for unit in (0.1, 1.0, 10.0)
    ]
    np.testing.assert_allclose(predicted[0], predicted[1], rtol=1e-3)
    np.testing.assert_allclose(predicted[2], predicted[1], rtol=1e-3)


@pytest.mark.parametrize("name", ["constant", "Lloyd-Taylor", "spline", "boosting"])
def test_a_new_group_has_the_mean_r0_in_a_baseline(name: str) -> None:
    group = (ROWS.middle.year - ROWS.middle.year.min()).to_numpy().astype(np.int64) * 2
    predict = baselines(0.3, 0.53)[name](ROWS.t_soil, ROWS.wetness, group, ROWS.flux)
    for new_group in (1, 7):
        flux = predict(ROWS.t_soil, ROWS.wetness, np.full(len(ROWS), new_group))
        assert flux.mean() == pytest.approx(ROWS.flux.mean(), rel=0.2)


def test_a_spline_is_fitted_to_a_flux_with_a_mean_of_one() -> None:
    """The logarithm of the first guess is then zero but for rounding, which must not be the length of the first step."""
    rng = np.random.default_rng(0)
    t, s = rng.uniform(275.0, 300.0, 400), rng.uniform(0.2, 0.9, 400)
    flux = np.exp(0.07 * (t - 285.0)) * (0.3 + s)
    fitted = fit_spline_product(t, s, np.zeros(400, dtype=np.int64), flux / flux.mean() * (1.0 + 1e-15))
    cold, warm = np.exp(fitted.log_g(np.array([278.0, 298.0])))
    assert warm / cold == pytest.approx(np.exp(0.07 * 20.0), rel=0.1)
