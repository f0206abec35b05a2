"""Training of soil carbon: skill is found where carbon affects soil moisture, and not elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from _carbon import neon

from jules_ml.errors import BadInput
from jules_ml.experiment.carbon_module import Branch
from jules_ml.learned.carbon.assessment import learning_curve, regression_coverage
from jules_ml.learned.carbon.inputs import carbon_inputs
from jules_ml.learned.carbon.network import CarbonNetwork
from jules_ml.learned.carbon.skill import by_soil, carbon_interval, improvement_probability, skill_statement
from jules_ml.learned.carbon.table import CarbonSite, carbon_table, check_carbon, climate_of
from jules_ml.learned.carbon.training import (
    NetworkSettings,
    Target,
    design,
    fit_networks,
    predict_regression,
    soc_target,
)
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import from_left_out, leave_group_out, leave_one_out

DAYS = pd.date_range("2019-01-01", "2020-06-30", freq="D")


def synthetic(k: int, *, dependent: bool = True) -> CarbonSite:
    """A leaky bucket whose capacity increases with carbon, or is independent of it."""
    rng = np.random.default_rng(k)
    soc = float(np.exp(rng.uniform(np.log(5.0), np.log(100.0))))
    precip = np.where(rng.random(len(DAYS)) < 0.1, rng.uniform(6.0, 25.0, len(DAYS)), 0.0)
    store, theta = 0.0, np.empty(len(DAYS))
    for day, rain in enumerate(precip):
        store = min(store * np.exp(-1.0 / 8.0) + 0.006 * rain, 0.06 * np.log(soc if dependent else 20.0))
        theta[day] = 0.1 + store
    t_air = 285.0 + 6.0 * np.sin(2.0 * np.pi * DAYS.day_of_year.to_numpy() / 365.0) + rng.normal(size=len(DAYS))
    return CarbonSite(
        name=f"M{k}", days=DAYS, theta=theta, precip=precip, t_air=t_air, t_soil=t_air, static=climate_of(precip, t_air),
        soc=0.001 * soc, soc_spread=0.1, region=f"R{k % 4}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def dependent_sites() -> list[CarbonSite]:
    return [synthetic(k) for k in range(16)]


def skill(sites: list[CarbonSite], *, moisture: bool) -> tuple[np.ndarray, np.ndarray]:
    table = carbon_table(sites)
    folds = leave_one_out(len(table))
    return from_left_out(
        predict_regression(design(table, moisture=moisture), soc_target(table), folds), folds
    ), table.log_soc


def test_skill_is_found_where_carbon_affects_moisture(dependent_sites: list[CarbonSite]) -> None:
    (with_moisture, observed), (without, _) = (
        skill(dependent_sites, moisture=True),
        skill(dependent_sites, moisture=False),
    )
    scores = score(with_moisture, observed)
    assert scores.nse > 0.7
    p = improvement_probability(with_moisture, without, observed)
    assert p < 0.01
    assert skill_statement(scores, score(without, observed), p).startswith("soil moisture adds skill")


def test_no_skill_is_found_where_carbon_does_not_affect_moisture() -> None:
    sites = [synthetic(k, dependent=False) for k in range(16)]
    (with_moisture, observed), (without, _) = skill(sites, moisture=True), skill(sites, moisture=False)
    p = improvement_probability(with_moisture, without, observed)
    statement = skill_statement(score(with_moisture, observed), score(without, observed), p)
    assert statement.startswith(("no skill", "soil moisture adds no significant skill"))


def test_the_prediction_of_a_site_left_out_does_not_depend_on_its_carbon(dependent_sites: list[CarbonSite]) -> None:
    table = carbon_table(dependent_sites)
    target = soc_target(table)
    x = design(table, moisture=True)
    other = Target(np.where(np.arange(16) == 5, 99.0, target.log_value), target.spread)
    first, second = (predict_regression(x, each, leave_one_out(16))[5, 5] for each in (target, other))
    assert first == pytest.approx(second, abs=1e-9)


def test_regions_are_left_out_together(dependent_sites: list[CarbonSite]) -> None:
    folds = leave_group_out(carbon_table(dependent_sites).regions)
    assert len(folds) == 4
    assert all(fold.sum() == 4 for fold in folds)
    assert bool((np.sum(folds, axis=0) == 1).all())


def test_the_network_is_trained_reproducibly(dependent_sites: list[CarbonSite]) -> None:
    table = carbon_table(dependent_sites)
    inputs = carbon_inputs(dependent_sites, table)
    settings = NetworkSettings(members=2, steps=120)
    folds = [np.zeros(16, dtype=bool)]
    networks, predicted = fit_networks(inputs, soc_target(table), folds, ("season", "event"), settings)
    _, again = fit_networks(inputs, soc_target(table), folds, ("season", "event"), settings)
    assert np.array_equal(predicted, again)
    assert score(predicted[0], table.log_soc).nse > 0.5
    assert isinstance(networks[0], CarbonNetwork)
    assert torch.isfinite(networks[0](inputs)).all()


@pytest.mark.parametrize(
    "branches", [("static",), ("season",), ("event",), ("static", "season"), ("season", "event"), ("static", "event")]
)
def test_any_branches_can_be_combined(dependent_sites: list[CarbonSite], branches: tuple[Branch, ...]) -> None:
    table = carbon_table(dependent_sites)
    inputs = carbon_inputs(dependent_sites, table)
    settings = NetworkSettings(members=1, steps=2)
    (network,), predicted = fit_networks(inputs, soc_target(table), [np.zeros(16, dtype=bool)], branches, settings)
    assert np.isfinite(predicted).all()
    names = set(network.state_dict())
    assert any(name.startswith("season") for name in names) == ("season" in branches)
    assert any(name.startswith("event") for name in names) == ("event" in branches)
    # weights are shared between weeks, days and events: their number does not depend on those
    assert sum(p.numel() for p in network.parameters()) < 200


def test_the_seasonal_branch_is_circular(dependent_sites: list[CarbonSite]) -> None:
    inputs = carbon_inputs(dependent_sites, carbon_table(dependent_sites))
    network = CarbonNetwork(inputs, ("season",))
    with torch.no_grad():
        network.head.fill_(1.0)
    shifted = inputs._replace(season=inputs.season.roll(7, dims=-1))
    torch.testing.assert_close(network(inputs), network(shifted), rtol=1e-4, atol=1e-5)


def test_peat_and_mineral_soils_are_scored_separately() -> None:
    observed = np.log([10.0, 20.0, 40.0, 80.0, 200.0, 300.0, 400.0])
    scores = by_soil(observed + np.array([0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1]), observed)
    assert tuple(scores[soil].logarithm.n for soil in ("all", "mineral", "peat")) == (7, 4, 3)
    assert scores["mineral"].carbon.rmse == pytest.approx(0.0, abs=1e-9)
    assert scores["peat"].logarithm.rmse == pytest.approx(0.1)
    assert scores["peat"].carbon.mae == pytest.approx(300.0 * (np.exp(0.1) - 1.0))


def test_the_permutation_test_is_exact_for_few_sites() -> None:
    observed = np.zeros(10)
    assert improvement_probability(np.full(10, 0.1), np.ones(10), observed) == pytest.approx(2.0**-10)
    assert improvement_probability(np.ones(10), np.ones(10), observed) == 1.0


def test_signs_of_sites_left_out_together_change_together() -> None:
    region = np.repeat(np.arange(5), 2)
    observed = np.zeros(10)
    assert improvement_probability(np.full(10, 0.1), np.ones(10), observed, together=region) == pytest.approx(2.0**-5)


def test_intervals_have_the_nominal_coverage(dependent_sites: list[CarbonSite]) -> None:
    rng = np.random.default_rng(0)
    spread = np.full(400, 0.3)
    error = np.hypot(0.4, 0.3) * rng.standard_normal(400)
    interval = carbon_interval(error, spread, 0.9)
    assert interval.variance == pytest.approx(0.16, rel=0.25)
    assert float(interval.half_width(spread)[0]) == pytest.approx(1.645 * 0.5, rel=0.1)
    table = carbon_table(dependent_sites)
    assert regression_coverage(table, soc_target(table), 0.9) >= 0.75


def test_one_site_of_large_spread_does_not_dominate_the_variance() -> None:
    error, spread = np.array([0.5, -0.6, 0.4, 0.7, -0.5, 0.1]), np.array([0.2, 0.2, 0.2, 0.2, 0.2, 2.0])
    assert carbon_interval(error, spread, 0.9).variance > 0.15


def test_errors_decrease_with_the_number_of_sites(dependent_sites: list[CarbonSite]) -> None:
    table = carbon_table(dependent_sites)
    curve = learning_curve(table, soc_target(table), [8, 12], draws=10)
    assert curve[12][1] < curve[12][0]


@pytest.mark.parametrize(
    ("soc", "message"), [(20.0, "divide by 1000: the value seems to be in g kg-1"), (0.0001, "kilograms of carbon")]
)
def test_carbon_outside_the_valid_range_is_refused(soc: float, message: str) -> None:
    with pytest.raises(BadInput, match=f"here, soc: .*{message}"):
        check_carbon(soc, where="here, soc")


def test_eleven_sound_towers_have_cores_and_moisture(shared_data: Path) -> None:
    sites = neon(shared_data)
    table = carbon_table(sites)
    assert len(table) == 11
    unde = table.names.index("UNDE")
    assert np.exp(table.log_soc[unde]) == pytest.approx(28.0, abs=0.2)
    assert table.spread[unde] > 1.0
