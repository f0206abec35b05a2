"""Rosetta 3 as prior mean, its correction, the choice on held-out sites, and the soil ensemble."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jules_ml.learned.hydraulics.correction import CorrectedRosetta, network_of_card, rosetta_parameters
from jules_ml.learned.hydraulics.correction_fit import new_network
from jules_ml.learned.hydraulics.held_out_choice import best_choice
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.soil import PARAMETERS, bounded_parameters, organic_fraction
from jules_ml.learned.hydraulics.soil_ensemble import (
    chosen_soils,
    mean_run_error,
    soil_library,
    soils_by_site,
    soils_with_days,
)
from jules_ml.physics.rosetta import van_genuchten_rosetta

NAMES = ("soc_density", "bulk_density", "t_air_mean", "sand", "clay")
NAN = float("nan")


def place(sand: float, clay: float, *, t_air_mean: float = 285.0, soc_density: float = 20.0) -> dict[str, float]:
    return {
        "sand": sand,
        "clay": clay,
        "bulk_density": 1300.0,
        "t_air_mean": t_air_mean,
        "soc_density": soc_density,
    }


PLACES = [place(0.2 + 0.1 * k, 0.35 - 0.05 * k, t_air_mean=280.0 + k) for k in range(6)]


def table(*places: dict[str, float]) -> torch.Tensor:
    return torch.tensor(input_table(places, NAMES))


def test_without_correction_the_soil_is_that_of_rosetta() -> None:
    network = new_network(NAMES, PLACES, members=3, hidden=2, seed=0)
    raw = network(table(*PLACES)).detach()
    organic = organic_fraction(torch.tensor([[20.0], [5.0]], dtype=torch.float64))
    learned = bounded_parameters(raw.movedim(1, 0), organic)
    sand, clay, density = (torch.tensor([each[name] for each in PLACES]) for name in ("sand", "clay", "bulk_density"))
    expected = van_genuchten_rosetta(sand, clay, density)
    for name in PARAMETERS:
        theirs = getattr(expected, name).expand(3, 2, -1)
        np.testing.assert_allclose(learned[name].numpy(), theirs.numpy(), rtol=2e-3)


def test_the_correction_is_shrunk_to_the_prior() -> None:
    network = new_network(NAMES, PLACES, members=3, hidden=2, seed=0)
    with torch.no_grad():
        for weights in (network.level, network.direct, network.outward):
            torch.nn.init.normal_(weights)
    x = table(*PLACES)
    prior, full = network.prior(x), network(x).detach()
    assert float((full - prior).abs().max()) > 0.1
    network.shrink(0.5)
    torch.testing.assert_close(network(x).detach() - prior, 0.5 * (full - prior))
    network.shrink(0.0)
    assert torch.equal(network(x).detach(), prior.expand(3, -1, -1, -1))


def test_unknown_texture_has_a_soil_from_the_other_inputs() -> None:
    network = new_network(NAMES, PLACES, members=2, hidden=2, seed=0)
    unknown = table(place(NAN, NAN, t_air_mean=280.5), place(NAN, NAN, t_air_mean=284.5))
    assert rosetta_parameters(unknown, NAMES).isnan().all()
    soil = network(unknown).detach()
    assert bool(soil.isfinite().all())
    # where it is warm the training sites are sandy, with a smaller b
    assert float(soil[0, 0, 0, 0]) > float(soil[0, 0, 0, 1])
    assert not network.without_texture.level.requires_grad


def test_a_setting_is_used_only_if_its_gain_is_larger_than_a_standard_error() -> None:
    prior = np.array([0.0, 0.0, 0.0, 0.0, np.nan])
    clear = best_choice(prior, {0.5: prior - 0.1, 1.0: prior - np.array([0.4, -0.3, 0.2, -0.1, 0.0])})
    assert (clear.value, clear.used, clear.sites) == (0.5, True, 4)
    assert clear.gain == pytest.approx(0.1)
    by_chance = best_choice(prior, {1.0: prior - np.array([0.5, -0.4, 0.3, -0.3, 9.0])})
    assert not by_chance.used
    assert not best_choice(prior, {1.0: prior + 0.1}).used
    assert not best_choice(prior[:1], {1.0: prior[:1] - 1.0}).used
    assert clear.to_card() == {
        "value": 0.5, "gain": pytest.approx(0.1), "standard_error": pytest.approx(0.0), "sites": 4, "used": True,
    }  # fmt: skip


def moments_of(runs: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Second moments of the anomalies of runs, shape (soil, day, sensor), and observations, shape (day, sensor)."""
    together = np.concatenate([runs, observed[None]])
    anomaly = together - together.mean(1, keepdims=True)
    moments: np.ndarray = np.einsum("ids,jds->sij", anomaly, anomaly) / observed.shape[0]
    return moments


def test_soils_are_chosen_whose_mean_run_errs_least() -> None:
    rng = np.random.default_rng(0)
    observed = rng.normal(0.0, 0.05, (200, 3))
    noise = rng.normal(0.0, 0.05, (200, 3))
    # each of the first two is worse than the third alone, but their errors cancel
    runs = np.stack([observed + 2.0 * noise, observed - 2.0 * noise, observed + 0.8 * noise, 0.0 * observed])
    moments = moments_of(runs, observed)
    one, two = (chosen_soils(moments, np.ones(3), n) for n in (1, 2))
    assert one.tolist() == [2]
    weights = np.tile(np.bincount(two, minlength=4) / 2.0, (3, 1))
    direct = ((np.einsum("sk,kds->ds", weights, runs) - observed) ** 2).mean(0)
    direct -= (np.einsum("sk,kds->ds", weights, runs) - observed).mean(0) ** 2
    np.testing.assert_allclose(mean_run_error(moments, weights), direct, rtol=1e-8)
    many = chosen_soils(moments, np.ones(3), 8)
    of_many = np.tile(np.bincount(many, minlength=4) / 8.0, (3, 1))
    assert mean_run_error(moments, of_many).mean() < 0.1 * moments[:, 2, 2].mean()


def test_a_place_has_the_soils_of_the_training_site_with_the_nearest_inputs() -> None:
    rng = np.random.default_rng(1)
    observed = rng.normal(0.0, 0.05, (100, 4))
    runs = np.stack([observed, rng.normal(0.0, 0.05, (100, 4)), observed + np.nan])
    runs[0, :, 2:] = runs[1, :, 2:]  # the first soil is right at the first two sites, the second at none
    runs[1, :, 2:] = observed[:, 2:]
    inputs = np.array([[0.0], [0.1], [5.0], [5.1]])
    of_sites = soils_by_site(inputs, moments_of(runs, observed), np.ones(4), np.arange(4), width=0.5, number=2)
    assert of_sites.soils.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]
    assert of_sites.at(np.array([[4.0], [-3.0]])).tolist() == [[1, 1], [0, 0]]


def test_each_month_of_own_days_replaces_a_soil_that_was_chosen_without_them() -> None:
    rng = np.random.default_rng(2)
    observed = rng.normal(0.0, 0.05, (100, 1))
    runs = np.stack([rng.normal(0.0, 0.05, (100, 1)), observed + np.nan, observed])
    moments, prior = moments_of(runs, observed), np.zeros(8, dtype=np.int64)
    for months, replaced in ((1, 0), (2, 1), (5, 4), (9, 8), (40, 8)):
        soils = soils_with_days(moments, np.ones(1), prior, months)
        assert soils.tolist() == [0] * (8 - replaced) + [2] * replaced
    # a soil with which the column overflows is replaced too
    assert soils_with_days(moments, np.ones(1), np.ones(8, dtype=np.int64), 1).tolist() == [2] * 8


def test_the_library_is_the_same_every_time_and_covers_the_range() -> None:
    library = soil_library()
    assert library.shape == (64, 5, 2)
    assert torch.equal(library, soil_library())
    spread = library.mean(2).std(0)
    assert bool(((spread > 0.7) & (spread < 1.4)).all())


def test_draws_are_the_soils_of_the_ensemble_or_the_members() -> None:
    network = new_network(NAMES, PLACES, members=2, hidden=2, seed=0)
    x = table(*PLACES)
    assert torch.equal(network.draws(x), network(x))
    soils = torch.randn(6, 2, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network.set_soils(network.scaled(x), soils)
    assert torch.equal(network.draws(x[[4, 1]]), soils[[4, 1]].permute(1, 2, 3, 0))
    card = {
        "settings": {"members": 2, "hidden": 2},
        "inputs": {name: {} for name in NAMES},
        "prior": "rosetta3",
        "soil_sites": 6,
    }
    again = network_of_card(card)
    assert isinstance(again, CorrectedRosetta)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.draws(x), network.draws(x))
    del card["prior"]
    assert type(network_of_card(card)) is LearnedHydraulics
