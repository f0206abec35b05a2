"""Heat capacity and conductivity of soil: JULES's own values, JULES's three methods, and gradients."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from helpers.tensors import finite_gradients
from torch import Tensor

from jules_ml.physics import thermal

f64 = torch.float64
METHODS = (1, 2, 3)


def test_dry_values_of_jules_loobos_soil() -> None:
    """``hcap`` and ``hcon`` of the namelists; the soil has 23 % clay."""
    clay, porosity = torch.tensor(0.23, dtype=f64), torch.tensor(0.45815, dtype=f64)
    assert float(thermal.dry_heat_capacity(clay, porosity)) == pytest.approx(1185676.0, rel=1e-6)
    # made with the minerals' conductivities rounded to 1.16 and 1.57
    assert float(thermal.dry_conductivity(clay, porosity)) == pytest.approx(0.226873, rel=1.2e-4)


def test_dry_values_of_the_runs_at_neon_towers(shared_data: Path) -> None:
    with xr.open_dataset(shared_data / "jules" / "neon_daily.nc") as dataset:
        soil = dataset[["clay", "soil_theta_s", "soil_hcap", "soil_hcon"]].load()
    clay = torch.from_numpy(soil["clay"].to_numpy()).double() / 100.0
    porosity = torch.from_numpy(soil["soil_theta_s"].to_numpy()).double()
    hcap, hcon = (torch.from_numpy(soil[name].to_numpy()).double() for name in ("soil_hcap", "soil_hcon"))
    torch.testing.assert_close(thermal.dry_heat_capacity(clay, porosity), hcap, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(thermal.dry_conductivity(clay, porosity), hcon, rtol=1e-6, atol=0.0)


def reference(method: int, hcon: float, sthu: float, sthf: float, sm_sat: float) -> float:
    """The three methods in scalar arithmetic, straight from their definitions."""
    s = sthu + sthf
    ice = sm_sat * sthf / s if s > 0 else 0.0
    water = sm_sat - ice
    if method == 1:
        saturated = hcon * 0.56 ** (water if s > 0 else 0.0) * 2.24**ice / 0.025**sm_sat
        return float((saturated - hcon) * s + hcon)
    if method == 2:
        saturated = min(max(1.58 + 12.4 * (hcon - 0.25), 1.58), 2.2)
    else:
        saturated = min(max((1 - 0.0134 * math.log(hcon)) / (-0.745 - math.log(hcon)), 0.5), 2.2)
    saturated *= 0.56**water * 2.24**ice / 0.56**sm_sat
    kersten = 1 + math.log10(s) if s > 0.1 else 0.0
    return float((saturated - hcon) * kersten + hcon)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("hcon", "sthu", "sthf", "sm_sat"),
    [
        (0.227, 0.6, 0.0, 0.458),
        (0.227, 0.3, 0.4, 0.458),
        (0.28, 0.0, 1.0, 0.4),
        (0.06, 0.9, 0.05, 0.9),
        (0.227, 0.04, 0.01, 0.458),
        (0.227, 0.0, 0.0, 0.458),
    ],
)
def test_moist_conductivity(method: int, hcon: float, sthu: float, sthf: float, sm_sat: float) -> None:
    arguments = (torch.tensor(value, dtype=f64) for value in (hcon, sthu, sthf, sm_sat))
    computed = thermal.soil_thermal_conductivity(*arguments, method=method)
    assert float(computed) == pytest.approx(reference(method, hcon, sthu, sthf, sm_sat), rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_ice_conducts_better_than_water(method: int) -> None:
    hcon, sm_sat = torch.tensor(0.227), torch.tensor(0.458)
    thawed = thermal.soil_thermal_conductivity(hcon, torch.tensor(0.8), torch.tensor(0.0), sm_sat, method=method)
    frozen = thermal.soil_thermal_conductivity(hcon, torch.tensor(0.2), torch.tensor(0.6), sm_sat, method=method)
    assert frozen > thawed


@pytest.mark.parametrize("method", METHODS)
def test_extremes_are_finite_with_finite_gradients(method: int) -> None:
    sthu = torch.tensor([0.0, 0.0, 1.0, 1e-9, 0.05], requires_grad=True)
    sthf = torch.tensor([0.0, 1.0, 0.0, 1e-9, 0.0], requires_grad=True)
    hcon = torch.full((5,), 0.25, requires_grad=True)
    sm_sat = torch.tensor([0.4, 0.4, 0.4, 0.4, 0.9], requires_grad=True)
    conductivity = thermal.soil_thermal_conductivity(hcon, sthu, sthf, sm_sat, method=method)
    conductivity.sum().backward()
    assert bool(torch.isfinite(conductivity).all())
    assert bool((conductivity >= 0.25).all())
    assert finite_gradients(sthu, sthf, hcon, sm_sat)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


def moist() -> tuple[Tensor, ...]:
    return leaf(0.26), leaf(0.5, 0.2, 0.03), leaf(0.1, 0.6, 0.01), leaf(0.45)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda c, p: 1e-6 * thermal.dry_heat_capacity(c, p), (leaf(0.2), leaf(0.45))),
        (thermal.dry_conductivity, (leaf(0.2), leaf(0.45))),
        (thermal.conductivity_cox, moist()),
        (thermal.conductivity_johansen, moist()),
        (thermal.conductivity_chadburn, moist()),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_precision_and_batches_in_one_graph() -> None:
    @torch.compile(backend="eager", fullgraph=True)
    def conductivity(hcon: Tensor, sthu: Tensor, sthf: Tensor, sm_sat: Tensor) -> Tensor:
        return thermal.soil_thermal_conductivity(hcon, sthu, sthf, sm_sat, method=2)

    sthu, sthf = torch.rand(6, 1, 4), 0.3 * torch.rand(3, 4)
    single = conductivity(torch.tensor(0.227), sthu, sthf, torch.full((4,), 0.458))
    assert single.shape == (6, 3, 4)
    assert single.dtype == torch.float32
    double = thermal.conductivity_johansen(
        torch.tensor(0.227, dtype=f64), sthu.double(), sthf.double(), torch.full((4,), 0.458, dtype=f64)
    )
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-6)
