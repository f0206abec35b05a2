"""Canopy store, throughfall and infiltration excess: limits, water conservation, JULES's own throughfall, gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.tensors import finite_gradients
from torch import Tensor

from jules_ml.physics import interception

f64 = torch.float64
STEP = 1800.0


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64)


def test_capacity_grows_with_leaves() -> None:
    torch.testing.assert_close(interception.canopy_capacity(tensor(0.0, 4.0)), tensor(0.5, 0.7))


def test_point_rain_fills_leaves_then_passes() -> None:
    catch = tensor(0.7)
    # dry leaves take a light shower whole; half-full ones pass half; a heavy one fills them and passes the rest
    rain = tensor(0.36, 0.36, 3.6) / STEP
    canopy = tensor(0.0, 0.35, 0.35)
    passed = interception.throughfall_point(rain, canopy, catch, timestep=STEP) * STEP
    torch.testing.assert_close(passed, tensor(0.0, 0.18, 3.6 - 0.35))
    torch.testing.assert_close((canopy + rain * STEP - passed)[2:], catch)


def test_bare_ground_holds_nothing() -> None:
    rain, nothing = tensor(1e-3), tensor(0.0)
    torch.testing.assert_close(interception.throughfall_point(rain, nothing, nothing, timestep=STEP), rain)
    torch.testing.assert_close(interception.throughfall_area(rain, nothing, nothing, timestep=STEP), rain)


def test_area_rain_passes_more_than_nothing_and_less_than_all() -> None:
    rain, canopy, catch = tensor(1e-9, 1e-4, 1e-3, 1.0), tensor(0.2), tensor(0.7)
    passed = interception.throughfall_area(rain, canopy, catch, timestep=STEP)
    share = passed / rain
    assert (share.diff() >= 0).all()
    torch.testing.assert_close(share[0], tensor(0.2 / 0.7)[0])
    torch.testing.assert_close(share[3], tensor(1.0)[0], rtol=1e-3, atol=0.0)
    convective = interception.throughfall_area(rain, canopy, catch, timestep=STEP, area=0.3)
    assert (convective >= passed).all()


def test_area_form_by_hand() -> None:
    # 1.8 mm on leaves that hold 0.35 of 0.7 mm
    passed = interception.throughfall_area(tensor(1e-3), tensor(0.35), tensor(0.7), timestep=STEP)
    torch.testing.assert_close(passed, 1e-3 * (0.5 * torch.exp(tensor(-0.7 / 1.8)) + 0.5))


def test_runoff_never_exceeds_throughfall() -> None:
    generator = torch.Generator().manual_seed(1)
    uniform = torch.rand(5, 20000, generator=generator, dtype=f64)
    rain, catch, infiltration = 10 ** (-7 + 5 * uniform[0]), uniform[1], 10 ** (-6 + 4 * uniform[2])
    before, area = uniform[3] * catch, 0.1 + 0.9 * uniform[4]
    passed = interception.throughfall_area(rain, before, catch, timestep=STEP, area=area)
    runoff = interception.infiltration_excess_area(rain, before, catch, infiltration, timestep=STEP, area=area)
    assert (runoff >= 0).all()
    assert (runoff <= passed * (1 + 1e-9)).all()


def test_area_runoff_by_hand() -> None:
    rain, catch = tensor(1e-3), tensor(0.7)
    # soil that takes more in a step than leaves hold: K dt = 0.9 > 0.35
    filling = interception.infiltration_excess_area(rain, tensor(0.35), catch, tensor(5e-4), timestep=STEP)
    torch.testing.assert_close(filling, 1e-3 * torch.exp(-tensor(5e-4 + 0.35 / STEP) / 1e-3))
    # and less: K dt = 0.18
    full = interception.infiltration_excess_area(rain, tensor(0.35), catch, tensor(1e-4), timestep=STEP)
    expected = 0.5 * torch.exp(-tensor(1e-4 * 0.7 / (1e-3 * 0.35))) + 0.5 * torch.exp(-tensor(0.7 / (1e-3 * STEP)))
    torch.testing.assert_close(full, 1e-3 * expected)


def test_point_runoff_is_what_the_soil_cannot_take() -> None:
    runoff = interception.infiltration_excess_point(tensor(1e-3, 1e-5), tensor(4e-4))
    torch.testing.assert_close(runoff, tensor(6e-4, 0.0))


def test_throughfall_of_a_wet_spell_is_jules_own(shared_data: Path) -> None:
    """Rain on leaves that are full: each type passes all of it, so that JULES's grid-box throughfall is the rain."""
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_colvg_30min.nc") as dataset:
        run = dataset[["rainfall", "tfall", "canopy_gb", "ecan_gb"]].isel(x=0, y=0).load()
    settings = json.loads((shared_data / "jules" / "loobos_settings.json").read_text(encoding="utf-8"))["colvg"]
    plants = settings["pft_params"]["jules_pftparm"]
    cover = np.array(settings["tile_fractions.dat"].split(), dtype=float)
    capacity = interception.canopy_capacity(
        tensor(*plants["lai_io"]), tensor(*plants["catch0_io"]), tensor(*plants["dcatch_dlai_io"])
    )
    # bare soil holds nothing: the leaves of the five types are all of the grid box's store
    full = float((torch.from_numpy(cover[:5]) * capacity).sum())
    assert float(run["canopy_gb"].max()) == pytest.approx(full, rel=1e-5)
    canopy = run["canopy_gb"].to_numpy()
    steps = np.flatnonzero((canopy[1:] > 0.999999 * full) & (canopy[:-1] > 0.999999 * full)) + 1
    assert len(steps) > 10
    # evaporation empties the leaves before rain refills them, condensation adds to rain: both are in ecan
    torch.testing.assert_close(
        torch.from_numpy((run["tfall"] + run["ecan_gb"]).to_numpy()[steps]),
        torch.from_numpy(run["rainfall"].to_numpy()[steps]),
        rtol=2e-3,
        atol=2e-8,
    )


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (interception.canopy_capacity, (leaf(2.0), leaf(0.5), leaf(0.05))),
        (lambda r, c, m: interception.throughfall_point(r, c, m, timestep=0.5), (leaf(0.4, 5.0), leaf(0.3), leaf(0.7))),
        (
            lambda r, c, m, a: interception.throughfall_area(r, c, m, timestep=0.5, area=a),
            (leaf(0.4, 5.0), leaf(0.3), leaf(0.7), leaf(0.3)),
        ),
        (interception.infiltration_excess_point, (leaf(0.4, 5.0), leaf(1.0))),
        (
            lambda r, c, m, k, a: interception.infiltration_excess_area(r, c, m, k, timestep=0.5, area=a),
            (leaf(0.4, 5.0), leaf(0.3), leaf(0.7), leaf(0.2, 2.0), leaf(0.3)),
        ),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_no_rain_and_no_leaves_have_finite_gradients() -> None:
    rain = torch.tensor([0.0, 0.0, 1e-30, 1e3], requires_grad=True)
    canopy = torch.tensor([0.0, 0.5, 0.0, 0.0], requires_grad=True)
    catch = torch.tensor([0.0, 0.7, 0.7, 0.0], requires_grad=True)
    infiltration = torch.tensor(1e-3, requires_grad=True)
    total = (
        interception.throughfall_point(rain, canopy, catch, timestep=STEP)
        + interception.throughfall_area(rain, canopy, catch, timestep=STEP)
        + interception.infiltration_excess_area(rain, canopy, catch, infiltration, timestep=STEP)
    )
    total.sum().backward()
    assert bool(torch.isfinite(total).all())
    assert finite_gradients(rain, canopy, catch, infiltration)
