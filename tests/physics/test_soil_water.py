"""Richards' step: conservation, bounds, gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.soil_water import SoilWaterStep, richards_step

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)
#: Steps of JULES 7.6 at Loobos with ``l_holdwater`` and ``l_dpsids_dsdz``, and the soil of these runs: the last one has TOPMODEL with
#: ``l_wetland_unfrozen``, and frozen ground.
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "soil_water.json").read_text())
LOOBOS = {"b": 6.63, "sathh": 0.04946, "satcon": 0.004715, "sm_sat": 0.45815}
FORMS = pytest.mark.parametrize("form", [VAN_GENUCHTEN, CLAPP_HORNBERGER], ids=["vg", "ch"])


def step(
    wetness: torch.Tensor, infiltration: torch.Tensor, ext: torch.Tensor, form: HydraulicForm, **changed: Any
) -> SoilWaterStep:
    like = torch.ones_like(wetness)
    arguments: dict[str, Any] = {
        "b": 6.63 * like,
        "sathh": 0.049 * like,
        "satcon": 0.0047 * like,
        "sm_sat": 0.458 * like,
        "dzsoil": DZSOIL,
        "timestep": 1800.0,
        "form": form,
    } | changed
    smcl = wetness * 1000.0 * arguments["dzsoil"] * arguments["sm_sat"]
    return richards_step(smcl, torch.zeros_like(smcl), infiltration, ext, **arguments)


def some_columns(n: int = 50) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    wetness = 0.1 + 0.9 * torch.rand(4, n, dtype=torch.float64, generator=generator)
    infiltration = 1e-2 * torch.rand(n, dtype=torch.float64, generator=generator) ** 4
    ext = 1e-5 * torch.rand(4, n, dtype=torch.float64, generator=generator)
    return wetness, infiltration, ext


@FORMS
@pytest.mark.parametrize("down", [True, False])
def test_water_is_conserved_and_stays_within_bounds(form: HydraulicForm, down: bool) -> None:
    wetness, infiltration, ext = some_columns()
    smclsat = 458.0 * DZSOIL
    result = step(wetness, infiltration, ext, form, l_soil_sat_down=down)
    gain = (result.smcl - wetness * smclsat).sum(0)
    loss = result.saturation_excess + ext.sum(0) + result.w_flux[-1]
    torch.testing.assert_close(gain, 1800.0 * (infiltration - loss), rtol=0.0, atol=1e-9)
    assert bool((result.smcl >= -1e-12).all())
    assert bool((result.smcl <= smclsat * (1.0 + 1e-12)).all())


@FORMS
def test_rest_is_free_drainage(form: HydraulicForm) -> None:
    even = torch.full((4, 1), 0.6, dtype=torch.float64)
    nothing = torch.zeros(1, dtype=torch.float64)
    result = step(even, nothing, torch.zeros_like(even), form)
    k = form.conductivity(even[0], torch.tensor(6.63).double(), torch.tensor(0.0047).double()).k
    # suction is the same everywhere: gravity alone moves water, and the top layer, which gets none, dries
    torch.testing.assert_close(result.w_flux[1:], k.expand(4, 1), rtol=0.2, atol=0.0)
    assert float(result.smcl[0]) < 0.6 * 45.8


def test_water_above_saturation_runs_off_when_it_may_not_go_down() -> None:
    full = torch.ones(4, 1, dtype=torch.float64)
    rain = torch.full((1,), 5e-3, dtype=torch.float64)
    result = step(full, rain, torch.zeros_like(full), VAN_GENUCHTEN, l_soil_sat_down=False)
    assert float(result.saturation_excess) > 0.0


@FORMS
def test_gradcheck(form: HydraulicForm) -> None:
    wetness = torch.tensor([[0.5, 0.3], [0.6, 0.4], [0.55, 0.5], [0.7, 0.6]], dtype=torch.float64, requires_grad=True)
    infiltration = torch.tensor([1e-4, 2e-5], dtype=torch.float64, requires_grad=True)
    ext = torch.full((4, 2), 2e-6, dtype=torch.float64, requires_grad=True)
    properties = [
        torch.full((4, 2), value, dtype=torch.float64, requires_grad=True) for value in (6.6, 0.05, 0.0047, 0.458)
    ]

    def smcl(w: torch.Tensor, i: torch.Tensor, e: torch.Tensor, *p: torch.Tensor) -> torch.Tensor:
        return step(w, i, e, form, **dict(zip(("b", "sathh", "satcon", "sm_sat"), p, strict=True))).smcl

    assert torch.autograd.gradcheck(smcl, (wetness, infiltration, ext, *properties), atol=1e-4, rtol=1e-3)


@FORMS
def test_differentiable_through_48_steps(form: HydraulicForm) -> None:
    wetness, _, ext = some_columns(3)
    satcon = torch.full((4, 3), 0.0047, dtype=torch.float64, requires_grad=True)
    b = torch.full((4, 3), 6.63, dtype=torch.float64, requires_grad=True)
    smclsat = 458.0 * DZSOIL
    for k in range(48):
        rain = torch.full((3,), 1e-4 if k < 6 else 0.0, dtype=torch.float64)
        wetness = step(0.7 * wetness if k == 0 else wetness, rain, ext, form, satcon=satcon, b=b).smcl / smclsat
    wetness[0].sum().backward()
    for gradient in (satcon.grad, b.grad):
        assert gradient is not None
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) > 0.0


def test_single_precision_conserves_to_its_rounding() -> None:
    wetness, infiltration, ext = (x.float() for x in some_columns())
    result = step(wetness, infiltration, ext, VAN_GENUCHTEN, dzsoil=DZSOIL.float())
    assert result.smcl.dtype == torch.float32
    gain = (result.smcl - wetness * 458.0 * DZSOIL.float()).sum(0)
    loss = result.saturation_excess + ext.sum(0) + result.w_flux[-1]
    torch.testing.assert_close(gain, 1800.0 * (infiltration - loss), rtol=0.0, atol=2e-3)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_saturated_clay_above_clay_without_water_stays_in_range(precision: torch.dtype) -> None:
    # A run came to this under 14 mm of rain an hour. The dry layer's suction makes terms of 1e9, which cancel in a denominator of the
    # elimination: in single precision it came out as zero in 19 of the 64 columns.
    n = 64
    layers = torch.ones(4, n, dtype=precision)
    wetness = torch.tensor([1.0, 1.0, 0.0, 0.977], dtype=precision).unsqueeze(-1) * layers
    satcon = torch.cat([torch.linspace(0.05, 0.1, n).expand(2, n), torch.full((2, n), 0.0117)]).to(precision)
    b, sathh, sm_sat = (
        torch.tensor(values, dtype=precision).unsqueeze(-1) * layers
        for values in (
            [8.737818, 8.737818, 8.440063, 8.440063],
            [0.7463797, 0.7463797, 1.689482, 1.689482],
            [0.4920861, 0.4920861, 0.5108287, 0.5108287],
        )
    )
    dzsoil = DZSOIL.to(precision)
    result = step(
        wetness,
        torch.zeros(n, dtype=precision),
        torch.zeros_like(wetness),
        VAN_GENUCHTEN,
        b=b,
        sathh=sathh,
        satcon=satcon,
        sm_sat=sm_sat,
        dzsoil=dzsoil,
        timestep=3600.0,
    )
    smclsat = 1000.0 * dzsoil * sm_sat
    assert bool((result.smcl >= -1e-4).all())
    assert bool((result.smcl <= smclsat * (1.0 + 1e-6)).all())
    gain = (result.smcl - wetness * smclsat).sum(0)
    torch.testing.assert_close(gain, -3600.0 * result.w_flux[-1], rtol=0.0, atol=2e-3)


def golden_step(case: dict[str, Any], **switches: Any) -> SoilWaterStep:
    smcl, sthf, ext = (torch.tensor(case[name], dtype=torch.float64).unsqueeze(-1) for name in ("smcl", "sthf", "ext"))
    soil: dict[str, Any] = {name: torch.full_like(smcl, value) for name, value in LOOBOS.items()}
    return richards_step(
        smcl,
        sthf,
        torch.tensor([case["infiltration"]], dtype=torch.float64),
        ext,
        **soil,
        dzsoil=DZSOIL,
        timestep=1800.0,
        form=VAN_GENUCHTEN if case["form"] == "vg" else CLAPP_HORNBERGER,
        l_soil_sat_down=case["l_soil_sat_down"],
        **switches,
    )


@pytest.mark.parametrize("case", GOLDEN[:6], ids=[f"{case['run']}-{n}" for n, case in enumerate(GOLDEN[:6])])
def test_step_with_held_water_and_slope_of_suction_is_that_of_jules(case: dict[str, Any]) -> None:
    result = golden_step(case, l_holdwater=True, l_dpsids_dsdz=True)
    np.testing.assert_allclose(result.smcl.squeeze(-1), case["jules_smcl"], rtol=3e-7)
    assert float(result.w_flux[-1]) == pytest.approx(case["jules_drain"], rel=1e-5, abs=1e-9)
    without = golden_step(case).smcl.squeeze(-1).numpy()
    assert np.abs(without - case["jules_smcl"]).max() > 1e-3


@FORMS
@pytest.mark.parametrize("down", [True, False])
def test_held_water_is_conserved_and_stays_within_bounds(form: HydraulicForm, down: bool) -> None:
    wetness, infiltration, ext = some_columns()
    smclsat = 458.0 * DZSOIL
    result = step(wetness, infiltration, ext, form, l_soil_sat_down=down, l_holdwater=True, l_dpsids_dsdz=True)
    gain = (result.smcl - wetness * smclsat).sum(0)
    loss = result.saturation_excess + ext.sum(0) + result.w_flux[-1]
    torch.testing.assert_close(gain, 1800.0 * (infiltration - loss), rtol=0.0, atol=1e-9)
    assert bool((result.smcl >= -1e-12).all())
    assert bool((result.smcl <= smclsat * (1.0 + 1e-12)).all())


@FORMS
def test_gradcheck_of_held_water_and_slope_of_suction(form: HydraulicForm) -> None:
    wetness = torch.tensor([[0.5, 0.93], [0.6, 0.86], [0.7, 0.8], [0.8, 0.3]], dtype=torch.float64, requires_grad=True)
    infiltration = torch.tensor([1e-4, 2e-3], dtype=torch.float64, requires_grad=True)
    b = torch.full((4, 2), 6.63, dtype=torch.float64, requires_grad=True)
    sathh = torch.full((4, 2), 0.049, dtype=torch.float64, requires_grad=True)

    def smcl(*x: torch.Tensor) -> torch.Tensor:
        ext = torch.full_like(x[0], 1e-6)
        return step(x[0], x[1], ext, form, b=x[2], sathh=x[3], l_holdwater=True, l_dpsids_dsdz=True).smcl

    assert torch.autograd.gradcheck(smcl, (wetness, infiltration, b, sathh), atol=1e-4)
