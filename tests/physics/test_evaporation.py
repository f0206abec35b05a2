"""Evaporation: FAO-56's worked examples, JULES's own stress and conductance, and gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from helpers.tensors import finite_gradients
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.physics import evaporation
from jules_ml.physics.constants import LC, VKMAN

f64 = torch.float64
DAY, HOUR = 86400.0, 3600.0


def tensor(value: float) -> Tensor:
    return torch.tensor(value, dtype=f64)


@pytest.mark.parametrize(
    ("interval", "seconds", "rad_net", "g_soil", "celsius", "wind", "vpd", "pressure", "expected", "digits"),
    # Allen et al. (1998), chapter 4: MJ m-2, MJ m-2, degC, m s-1, kPa, kPa; mm in the interval, to the digits they give
    [
        pytest.param("day", DAY, 14.33, 0.14, 30.2, 2.0, 1.57, 101.3, 5.72, 0.01, id="example 17, Bangkok, April"),
        pytest.param("day", DAY, 13.28, 0.0, 16.9, 2.078, 0.589, 100.1, 3.88, 0.01, id="example 18, Uccle, 6 July"),
        pytest.param(
            "hour", HOUR, -0.100, -0.050, 28.0, 1.9, 0.378, 101.2, 0.00, 0.005, id="example 19, N'Diaye, 2-3 h"
        ),
        pytest.param(
            "hour", HOUR, 1.749, 0.175, 38.0, 3.3, 3.180, 101.2, 0.63, 0.005, id="example 19, N'Diaye, 14-15 h"
        ),
    ],
)
def test_reference_evaporation_of_fao56_examples(
    interval: Any,
    seconds: float,
    rad_net: float,
    g_soil: float,
    celsius: float,
    wind: float,
    vpd: float,
    pressure: float,
    expected: float,
    digits: float,
) -> None:
    rate = evaporation.reference_evaporation_fao56(
        tensor(rad_net * 1e6 / seconds),
        tensor(g_soil * 1e6 / seconds),
        tensor(celsius + 273.15),
        tensor(wind),
        tensor(vpd * 1000.0),
        tensor(pressure * 1000.0),
        interval=interval,
    )
    assert float(rate) * seconds == pytest.approx(expected, abs=digits)


def test_aerodynamic_resistance_of_the_reference_crop() -> None:
    """Allen et al. (1998), box 4: 208 / u for grass of 0.12 m, with their von Karman constant of 0.41."""
    resistance = evaporation.aerodynamic_resistance(
        tensor(1.0), 2.0, 2.0, tensor(0.123 * 0.12), tensor(0.0123 * 0.12), displacement=0.12 * 2 / 3
    )
    assert float(resistance) * (VKMAN / 0.41) ** 2 == pytest.approx(208.0, abs=0.5)


def test_penman_monteith_of_the_reference_crop_is_reference_evaporation() -> None:
    """FAO-56's formula is Penman-Monteith with 70 s m-1 and 208 / u, and rounded constants."""
    rad_net, t_air, wind, vpd, pstar = (tensor(x) for x in (153.7, 290.05, 2.078, 589.0, 100100.0))
    latent_heat = evaporation.latent_heat_penman_monteith(rad_net, vpd, t_air, pstar, 208.0 / wind, tensor(70.0))
    reference = evaporation.reference_evaporation_fao56(rad_net, tensor(0.0), t_air, wind, vpd, pstar, interval="day")
    assert float(latent_heat) / LC == pytest.approx(float(reference), rel=0.03)


def test_closed_stomata_stop_penman_monteith() -> None:
    latent_heat = evaporation.latent_heat_penman_monteith(
        tensor(300.0), tensor(1000.0), tensor(293.0), tensor(1e5), tensor(50.0), tensor(1e9)
    )
    assert float(latent_heat) == pytest.approx(0.0, abs=1e-3)


def jules_run(folder: Path, name: str, variables: tuple[str, ...]) -> dict[str, Tensor]:
    with xr.open_dataset(folder / "jules" / f"loobos_1997_{name}_30min.nc") as dataset:
        output = dataset[list(variables)].isel(x=0, y=0).load()
    return {variable: torch.from_numpy(output[variable].to_numpy()) for variable in variables}


@pytest.mark.parametrize("name", ["colvg", "colbc", "gl4", "trif"])
def test_stress_of_every_plant_type_is_jules_own(shared_data: Path, name: str) -> None:
    """``fsmc`` of every plant type that has ground, in every step, from the water at the end of the step before."""
    settings = json.loads((shared_data / "jules" / "loobos_settings.json").read_text(encoding="utf-8"))[name]
    plants = settings["pft_params"]["jules_pftparm"]
    run = jules_run(shared_data, name, ("sthu", "sm_sat", "sm_wilt", "sm_crit", "fsmc"))
    thickness = torch.tensor(settings["jules_soil"]["jules_soil"]["dzsoil_io"])
    roots = evaporation.root_fraction(torch.tensor(plants["rootd_ft_io"])[:, None], thickness)
    torch.testing.assert_close(roots.sum(-1), torch.ones(5))
    stress = evaporation.soil_moisture_stress(run["sthu"] * run["sm_sat"], run["sm_wilt"], run["sm_crit"])
    computed = evaporation.root_zone_stress(stress[:-1, None], roots)
    # a type without ground keeps JULES's initial value of zero
    grown = (run["fsmc"] != 0).any(0)
    assert int(grown.sum()) >= 3
    torch.testing.assert_close(computed[:, grown], run["fsmc"][1:, grown], rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", ["colvg", "trif"])
def test_bare_soil_conductance_is_jules_own(shared_data: Path, name: str) -> None:
    run = jules_run(shared_data, name, ("sthu", "sm_sat", "sm_crit", "gc"))
    soil_tile = 7
    conductance = evaporation.bare_soil_conductance(run["sthu"][:, 0] * run["sm_sat"][:, 0], run["sm_crit"][:, 0])
    torch.testing.assert_close(conductance[:-1], run["gc"][1:, soil_tile], rtol=1e-6, atol=0.0)


def test_bare_soil_conductance_can_be_limited() -> None:
    theta = torch.tensor([0.1, 0.2, 0.4], dtype=f64)
    free = evaporation.bare_soil_conductance(theta, tensor(0.2))
    torch.testing.assert_close(free, torch.tensor([0.0025, 0.01, 0.04], dtype=f64))
    limited = evaporation.bare_soil_conductance(theta, tensor(0.2), limited=True)
    torch.testing.assert_close(limited, torch.tensor([0.0025, 0.01, 0.01], dtype=f64))


def test_stress_has_its_corners_and_its_early_opening() -> None:
    theta = torch.tensor([0.05, 0.1, 0.15, 0.2, 0.3], dtype=f64)
    stress = evaporation.soil_moisture_stress(theta, tensor(0.1), tensor(0.2))
    torch.testing.assert_close(stress, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0], dtype=f64))
    early = evaporation.soil_moisture_stress(theta, tensor(0.1), tensor(0.2), fsmc_p0=0.5)
    torch.testing.assert_close(early, torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0], dtype=f64))


def test_extraction_follows_water_and_roots() -> None:
    roots = torch.tensor([0.5, 0.3, 0.2], dtype=f64)
    weights = evaporation.extraction_weights(torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]), roots)
    torch.testing.assert_close(weights[0], roots)
    torch.testing.assert_close(weights[1], torch.tensor([0.0, 0.15, 0.2], dtype=f64) / 0.35)
    assert weights[2].tolist() == [0.0, 0.0, 0.0]


def test_soil_below_leaves_draws_on_the_top_layer() -> None:
    extraction = torch.tensor([0.5, 0.3, 0.2], dtype=f64)
    weights = evaporation.evaporation_weights(extraction, tensor(0.003), tensor(0.001))
    torch.testing.assert_close(weights, torch.tensor([0.625, 0.225, 0.15], dtype=f64))
    bare = evaporation.evaporation_weights(torch.zeros(3, dtype=f64), tensor(0.0), tensor(0.001))
    torch.testing.assert_close(bare, torch.tensor([1.0, 0.0, 0.0], dtype=f64))


def test_points_out_of_order_are_refused() -> None:
    for wilt, crit, sat in ((0.2, 0.1, 0.4), (0.1, 0.5, 0.4), (0.0, 0.2, 0.4)):
        with pytest.raises(BadInput, match=f"sm_wilt {wilt:g}, sm_crit {crit:g} and sm_sat {sat:g}") as refusal:
            evaporation.check_stress_points(tensor(wilt), tensor(crit), tensor(sat), where="soil.nc, sm_crit")
        assert refusal.value.where == "soil.nc, sm_crit"
        assert "sm_wilt < sm_crit <= sm_sat" in refusal.value.remedy
    evaporation.check_stress_points(tensor(0.1), tensor(0.2), tensor(0.4), where="soil.nc, sm_crit")


def test_extremes_are_finite_with_finite_gradients() -> None:
    theta = torch.tensor([[0.0, 0.0], [0.6, 0.0], [1.0, 1.0]], requires_grad=True)
    roots = torch.tensor([0.6, 0.4], requires_grad=True)
    stress = evaporation.soil_moisture_stress(theta, torch.tensor(0.1), torch.tensor(0.2))
    weights = evaporation.extraction_weights(stress, roots)
    total = weights.sum() + evaporation.bare_soil_conductance(theta, torch.tensor(0.2)).sum()
    total.backward()
    assert torch.isfinite(weights).all()
    assert finite_gradients(theta, roots)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (
            lambda *x: 1e5 * evaporation.reference_evaporation_fao56(*x, interval="day"),
            (leaf(150.0, -20.0), leaf(5.0), leaf(290.0, 275.0), leaf(2.0), leaf(600.0, 50.0), leaf(1e5)),
        ),
        (
            lambda u, m, h: evaporation.aerodynamic_resistance(u, 10.0, 2.0, m, h),
            (leaf(2.0, 8.0), leaf(0.1), leaf(0.01)),
        ),
        (
            evaporation.latent_heat_penman_monteith,
            (leaf(300.0, -20.0), leaf(900.0), leaf(290.0), leaf(1e5), leaf(50.0), leaf(70.0)),
        ),
        (evaporation.root_fraction, (leaf(0.5), leaf(0.1, 0.25, 0.65, 2.0))),
        (evaporation.soil_moisture_stress, (leaf(0.05, 0.14, 0.3), leaf(0.1), leaf(0.2), leaf(0.2))),
        (evaporation.root_zone_stress, (leaf(0.2, 0.9), leaf(0.6, 0.4))),
        (evaporation.extraction_weights, (leaf(0.2, 0.9), leaf(0.6, 0.4))),
        (evaporation.bare_soil_conductance, (leaf(0.1, 0.3), leaf(0.2))),
        (lambda t, c: evaporation.bare_soil_conductance(t, c, limited=True), (leaf(0.1, 0.3), leaf(0.2))),
        (evaporation.soil_seen_through_canopy, (leaf(0.0, 4.0),)),
        (
            lambda e, g, b: evaporation.evaporation_weights(e, g.squeeze(), b.squeeze()),
            (leaf(0.5, 0.3, 0.2), leaf(0.3), leaf(0.1)),
        ),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_precision_and_batches() -> None:
    stress = evaporation.soil_moisture_stress(torch.rand(7, 1, 4), torch.full((4,), 0.1), torch.full((4,), 0.25))
    roots = evaporation.root_fraction(torch.tensor([0.5, 1.0, 3.0])[:, None], torch.tensor([0.1, 0.25, 0.65, 2.0]))
    weights = evaporation.extraction_weights(stress, roots)
    assert weights.shape == (7, 3, 4)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(
        weights.double(), evaporation.extraction_weights(stress.double(), roots.double()), rtol=1e-5, atol=1e-7
    )
