"""The heat step: conservation, freezing, gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jules_ml.physics.constants import DPSIDT, ZERODEGC
from jules_ml.physics.soil_heat import SOLUTIONS_TO_CLOSE, SoilHeatStep, freezing_point, soil_heat_step, unfrozen_water

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)
B, SATHH, SM_SAT = 6.63, 0.049, 0.458


def step(
    celsius: torch.Tensor,
    surf_ht_flux: torch.Tensor,
    *,
    wetness: float = 0.6,
    sthf: torch.Tensor | None = None,
    **more: Any,
) -> tuple[SoilHeatStep, torch.Tensor]:
    like = torch.ones_like(celsius)
    smcl = wetness * SM_SAT * 1000.0 * DZSOIL * like
    arguments: dict[str, Any] = {
        "b": B * like,
        "sathh": SATHH * like,
        "sm_sat": SM_SAT * like,
        "hcap": 1.186e6 * like,
        "hcon": 0.2269 * like,
        "dzsoil": DZSOIL,
        "timestep": 1800.0,
    } | more
    ice = torch.zeros_like(celsius) if sthf is None else sthf
    water = torch.zeros(5, celsius.shape[1], dtype=celsius.dtype)
    depth = torch.zeros_like(surf_ht_flux)
    return soil_heat_step(celsius + ZERODEGC, smcl, ice, surf_ht_flux, water, depth, **arguments), smcl


def test_heat_is_conserved_without_phase_change() -> None:
    celsius = torch.tensor([[8.0, 15.0], [9.0, 14.0], [10.0, 12.0], [10.0, 10.0]], dtype=torch.float64)
    flux = torch.tensor([80.0, -60.0], dtype=torch.float64)
    result, _ = step(celsius, flux)
    torch.testing.assert_close(result.heat_gain, flux, rtol=1e-9, atol=1e-9)
    assert float(result.unaccounted.abs().max()) < 1e-9


def test_freezing_keeps_temperature_near_the_freezing_point_and_forms_ice() -> None:
    celsius = torch.full((4, 1), 0.2, dtype=torch.float64)
    flux = torch.tensor([-100.0], dtype=torch.float64)
    ice = torch.zeros_like(celsius)
    heat = 0.0
    for _ in range(24):
        result, _ = step(celsius, flux, sthf=ice)
        celsius, ice = result.t_soil - ZERODEGC, result.sthf
        heat += float(result.heat_gain + result.unaccounted)
    assert float(ice[0]) > 0.05
    assert float(ice[2]) == 0.0
    # what JULES leaves over at the freezing point is part of the account
    assert heat == pytest.approx(24 * -100.0, rel=1e-6)
    # a dry-run of the same cold without freezing would be many degrees colder: 100 W m-2 for 12 h over a decimetre
    assert float(celsius[0]) > -12.0


def test_liquid_water_follows_the_freezing_curve() -> None:
    celsius = torch.tensor([[-2.0], [-1.0], [-0.5], [0.5]], dtype=torch.float64)
    wet = torch.full_like(celsius, 0.6)
    ice = (
        wet - unfrozen_water(celsius, torch.tensor(B, dtype=torch.float64), torch.tensor(SATHH, dtype=torch.float64))
    ).clamp(min=0.0)
    ice[3] = 0.0
    result, _ = step(celsius, torch.zeros(1, dtype=torch.float64), sthf=ice)
    expected = unfrozen_water(
        result.t_soil[:3] - ZERODEGC, torch.tensor(B, dtype=torch.float64), torch.tensor(SATHH, dtype=torch.float64)
    )
    torch.testing.assert_close(wet[:3] - result.sthf[:3], expected, rtol=1e-9, atol=0.0)


def test_freezing_point_of_dry_soil_has_a_finite_gradient() -> None:
    inputs = [torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (0.0, 5.0, 0.3)]
    t = freezing_point(*inputs)
    assert float(t.detach()) == pytest.approx(-273.15)
    assert all(bool(torch.isfinite(each).all()) for each in torch.autograd.grad(t.sum(), inputs))


def test_freezing_point_is_where_the_curve_meets_the_water_that_is_there() -> None:
    wetness = torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64)
    b, sathh = torch.full_like(wetness, B), torch.full_like(wetness, SATHH)
    t = freezing_point(wetness, b, sathh)
    torch.testing.assert_close(unfrozen_water(t, b, sathh), wetness, rtol=1e-9, atol=0.0)
    assert float(freezing_point(torch.ones(1), torch.full((1,), B), torch.full((1,), SATHH))) == pytest.approx(
        -SATHH / DPSIDT
    )


@pytest.mark.parametrize("celsius", [[8.0, 9.0, 10.0, 10.0], [-2.0, -1.0, 0.8, 3.0]], ids=["warm", "frozen"])
def test_gradcheck(celsius: list[float]) -> None:
    t = torch.tensor(celsius, dtype=torch.float64).unsqueeze(-1).requires_grad_()
    flux = torch.tensor([20.0], dtype=torch.float64, requires_grad=True)
    b = torch.full((4, 1), B, dtype=torch.float64, requires_grad=True)
    hcap = torch.full((4, 1), 1.186e6, dtype=torch.float64, requires_grad=True)
    hcon = torch.full((4, 1), 0.2269, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        below = unfrozen_water(t, b, torch.full_like(t, SATHH))
        ice = torch.where(t < -0.1, 0.6 - below, 0.0).clamp(min=0.0)

    def t_soil(*x: torch.Tensor) -> torch.Tensor:
        return step(x[0], x[1], sthf=ice, b=x[2], hcap=x[3], hcon=x[4])[0].t_soil

    # hcap is of order 1e6: its finite difference needs a larger step than gradcheck's
    assert torch.autograd.gradcheck(lambda t, f, b, k: t_soil(t, f, b, hcap.detach(), k), (t, flux, b, hcon), atol=1e-5)
    (gradient,) = torch.autograd.grad(t_soil(t, flux, b, hcap, hcon)[0].sum(), hcap)
    assert bool(torch.isfinite(gradient).all())


def test_snow_keeps_the_second_layer_from_cooling_the_first() -> None:
    celsius = torch.tensor([[-5.0], [2.0], [4.0], [6.0]], dtype=torch.float64)
    like = torch.ones_like(celsius)
    smcl = 0.3 * SM_SAT * 1000.0 * DZSOIL * like
    properties: dict[str, Any] = {
        "b": B * like,
        "sathh": SATHH * like,
        "sm_sat": SM_SAT * like,
        "hcap": 1.186e6 * like,
        "hcon": 0.2269 * like,
        "dzsoil": DZSOIL,
        "timestep": 1800.0,
    }
    nothing = torch.zeros(1, dtype=torch.float64)
    bare, deep = (
        soil_heat_step(
            celsius + ZERODEGC,
            smcl,
            torch.zeros_like(celsius),
            nothing,
            torch.zeros(5, 1, dtype=torch.float64),
            nothing + depth,
            **properties,
        ).t_soil[1]
        for depth in (0.0, 0.5)
    )
    assert float(deep) > float(bare)


#: Three steps in which rain falls on frozen soil, with what JULES's own routine ``soil_htc`` (7.6, single precision) makes of them.
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "soil_heat.json").read_text())
STATE = ("t_soil", "smcl", "sthf", "surf_ht_flux", "w_flux", "snow_depth")
PROPERTIES = ("b", "sathh", "sm_sat", "hcap", "hcon", "dzsoil")


def rain_on_frozen_soil(case: dict[str, Any], **more: Any) -> tuple[SoilHeatStep, float]:
    """Result of a step, and the heat supplied to its layers [W m-2]."""
    values = {name: torch.tensor(case[name], dtype=torch.float64).unsqueeze(-1) for name in (*STATE, *PROPERTIES)} | {
        name: torch.tensor(case[name], dtype=torch.float64) for name in ("surf_ht_flux", "snow_depth")
    }
    properties: dict[str, Any] = {name: values[name] for name in PROPERTIES}
    t_soil, smcl, sthf, flux, water, depth = (values[name] for name in STATE)
    result = soil_heat_step(t_soil, smcl, sthf, flux, water, depth, **properties, timestep=1800.0, **more)
    return result, float(result.heat_gain + result.unaccounted)


@pytest.mark.parametrize("case", GOLDEN, ids=[case["stamp"] for case in GOLDEN])
def test_jules_leaves_heat_where_rain_falls_on_frozen_soil(case: dict[str, Any]) -> None:
    result, _ = rain_on_frozen_soil(case)
    np.testing.assert_allclose(result.t_soil.squeeze(-1), case["jules_t_soil"], atol=2e-4)
    np.testing.assert_allclose(result.sthf.squeeze(-1), case["jules_sthf"], atol=2e-5)
    assert abs(float(result.unaccounted)) > 200.0


@pytest.mark.parametrize("case", GOLDEN, ids=[case["stamp"] for case in GOLDEN])
def test_more_solutions_close_the_heat_budget(case: dict[str, Any]) -> None:
    result, supplied = rain_on_frozen_soil(case, solutions=SOLUTIONS_TO_CLOSE)
    as_jules, same = rain_on_frozen_soil(case)
    assert abs(float(result.unaccounted)) < 0.04
    assert float(result.heat_gain) == pytest.approx(supplied, abs=0.04)
    assert supplied == pytest.approx(same, rel=0.3, abs=30.0)
    assert float((result.t_soil - as_jules.t_soil).abs().max()) > 0.03


def test_gradcheck_with_more_solutions() -> None:
    case = dict(GOLDEN[0])
    values = [torch.tensor(case[name], dtype=torch.float64).unsqueeze(-1) for name in ("t_soil", "smcl", "sthf")]
    properties: dict[str, Any] = {
        name: torch.tensor(case[name], dtype=torch.float64).unsqueeze(-1) for name in PROPERTIES
    }
    flux, depth = (torch.tensor(case[name], dtype=torch.float64) for name in ("surf_ht_flux", "snow_depth"))
    water = torch.tensor(case["w_flux"], dtype=torch.float64).unsqueeze(-1)

    def t_soil(*x: torch.Tensor) -> torch.Tensor:
        step = soil_heat_step(
            x[0], values[1], values[2], x[1], water, depth, **properties, timestep=1800.0, solutions=SOLUTIONS_TO_CLOSE
        )
        return step.t_soil

    assert torch.autograd.gradcheck(t_soil, (values[0].requires_grad_(), flux.requires_grad_()), atol=1e-4)


def test_solutions_beyond_those_of_jules_change_nothing_in_warm_soil() -> None:
    celsius = torch.tensor([[8.0], [9.0], [10.0], [10.0]], dtype=torch.float64)
    flux = torch.tensor([80.0], dtype=torch.float64)
    three, more = (step(celsius, flux, solutions=n)[0].t_soil for n in (3, SOLUTIONS_TO_CLOSE))
    assert torch.equal(three, more)
