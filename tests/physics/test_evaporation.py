"""Root fractions, soil moisture stress and conductance of bare soil: JULES's own values, and gradients."""

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

f64 = torch.float64


def tensor(value: float) -> Tensor:
    return torch.tensor(value, dtype=f64)


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
    computed = (roots * stress[:-1, None]).sum(-1)
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


def test_stress_has_its_corners_and_its_range_without_stress() -> None:
    theta = torch.tensor([0.05, 0.1, 0.15, 0.2, 0.3], dtype=f64)
    stress = evaporation.soil_moisture_stress(theta, tensor(0.1), tensor(0.2))
    torch.testing.assert_close(stress, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0], dtype=f64))
    early = evaporation.soil_moisture_stress(theta, tensor(0.1), tensor(0.2), fsmc_p0=0.5)
    torch.testing.assert_close(early, torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0], dtype=f64))


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
    total = (roots * stress).sum() + evaporation.bare_soil_conductance(theta, torch.tensor(0.2)).sum()
    total.backward()
    assert torch.isfinite(stress).all()
    assert finite_gradients(theta, roots)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (evaporation.root_fraction, (leaf(0.5), leaf(0.1, 0.25, 0.65, 2.0))),
        (evaporation.soil_moisture_stress, (leaf(0.05, 0.14, 0.3), leaf(0.1), leaf(0.2), leaf(0.2))),
        (evaporation.bare_soil_conductance, (leaf(0.1, 0.3), leaf(0.2))),
        (lambda t, c: evaporation.bare_soil_conductance(t, c, limited=True), (leaf(0.1, 0.3), leaf(0.2))),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_precision_and_batches() -> None:
    theta, wilt, crit = torch.rand(7, 1, 4), torch.full((4,), 0.1), torch.full((4,), 0.25)
    stress = evaporation.soil_moisture_stress(theta, wilt, crit)
    roots = evaporation.root_fraction(torch.tensor([0.5, 1.0, 3.0])[:, None], torch.tensor([0.1, 0.25, 0.65, 2.0]))
    assert (roots * stress).shape == (7, 3, 4)
    assert stress.dtype == torch.float32
    double = evaporation.soil_moisture_stress(theta.double(), wilt.double(), crit.double())
    torch.testing.assert_close(stress.double(), double, rtol=1e-5, atol=1e-6)
