"""Throughfall and infiltration excess: limits, water conservation, JULES's own throughfall, gradients."""

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


def test_point_runoff_is_rain_above_the_infiltration_capacity() -> None:
    runoff = interception.infiltration_excess_point(tensor(1e-3, 1e-5), tensor(4e-4))
    torch.testing.assert_close(runoff, tensor(6e-4, 0.0))


def test_throughfall_of_a_wet_spell_is_jules_own(shared_data: Path) -> None:
    """Rain on full leaves: the throughfall of every type, and of JULES's grid box, is the rain."""
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_colvg_30min.nc") as dataset:
        run = dataset[["rainfall", "tfall", "canopy_gb", "ecan_gb"]].isel(x=0, y=0).load()
    settings = json.loads((shared_data / "jules" / "loobos_settings.json").read_text(encoding="utf-8"))["colvg"]
    plants = settings["pft_params"]["jules_pftparm"]
    cover = np.array(settings["tile_fractions.dat"].split(), dtype=float)
    capacity = tensor(*plants["catch0_io"]) + tensor(*plants["dcatch_dlai_io"]) * tensor(*plants["lai_io"])
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
        (lambda r, c, m: interception.throughfall_point(r, c, m, timestep=0.5), (leaf(0.4, 5.0), leaf(0.3), leaf(0.7))),
        (interception.infiltration_excess_point, (leaf(0.4, 5.0), leaf(1.0))),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_no_rain_and_no_leaves_have_finite_gradients() -> None:
    rain = torch.tensor([0.0, 0.0, 1e-30, 1e3], requires_grad=True)
    canopy = torch.tensor([0.0, 0.5, 0.0, 0.0], requires_grad=True)
    catch = torch.tensor([0.0, 0.7, 0.7, 0.0], requires_grad=True)
    infiltration = torch.tensor(1e-3, requires_grad=True)
    passed = interception.throughfall_point(rain, canopy, catch, timestep=STEP)
    total = passed + interception.infiltration_excess_point(passed, infiltration)
    total.sum().backward()
    assert bool(torch.isfinite(total).all())
    assert finite_gradients(rain, canopy, catch, infiltration)
