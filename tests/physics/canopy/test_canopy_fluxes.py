"""Canopy conductance, photosynthesis and plant respiration."""

from __future__ import annotations

import json

import pytest
import torch
from helpers.canopy_cases import ALBSOIL, PLANTS, climate, fluxes, of_types
from helpers.paths import REPOSITORY

from jules_ml.physics.canopy import (
    CanopyClimate,
    canopy_fluxes,
    canopy_properties,
    neutral_transfer,
    vegetation_properties,
)
from jules_ml.physics.surface_types import PlantTypes
from jules_ml.physics.switches import Switches


@pytest.mark.parametrize("can_rad_mod", [1, 4, 5, 6])
def test_magnitudes_of_a_summer_noon(can_rad_mod: int) -> None:
    result = fluxes(climate(), can_rad_mod)
    assert bool(((result.gc > 0.002) & (result.gc < 0.03)).all())  # m s-1
    assert bool(((result.gpp > 4e-8) & (result.gpp < 4e-7)).all())  # kg m-2 s-1: 3 to 33 umol m-2 s-1
    assert bool(((result.npp > 0.0) & (result.npp < result.gpp)).all())


@pytest.mark.parametrize("can_rad_mod", [1, 4, 5, 6])
def test_stomata_close_in_the_dark_in_dry_air_and_in_dry_soil(can_rad_mod: int) -> None:
    for closed in (climate(par=0.0), climate(dq=0.2), climate(fsmc=0.0)):
        result = fluxes(closed, can_rad_mod)
        assert torch.allclose(result.gpp, torch.zeros_like(result.gpp), atol=1e-20)
        assert bool((result.gc < 1e-5).all())
        assert bool((result.npp <= 0.0).all())


def test_a_column_in_the_dark_is_the_same_beside_one_in_the_light() -> None:
    both = CanopyClimate(*(torch.cat(pair, dim=-1) for pair in zip(climate(par=0.0), climate(), strict=True)))
    for together, alone in zip(fluxes(both, 6), fluxes(climate(par=0.0), 6), strict=True):
        assert torch.allclose(together[:, :1], alone, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("can_rad_mod", [1, 4, 5, 6])
@pytest.mark.parametrize("par", [250.0, 20.0])
def test_gradcheck(can_rad_mod: int, par: float) -> None:
    weather = climate(par=par, diff_frac=0.4)
    inputs = [x.clone().requires_grad_() for x in weather]

    def function(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result = fluxes(CanopyClimate(*values), can_rad_mod)
        return result.gc * 1e3, result.gpp * 1e8, result.npp * 1e8

    assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-4, rtol=1e-3)


def test_gradcheck_of_leaf_area_and_parameters() -> None:
    weather = climate(diff_frac=0.4)
    lai = PLANTS.lai.clone().requires_grad_()
    alpha = PLANTS.alpha.clone().requires_grad_()
    nl0 = PLANTS.nl0.clone().requires_grad_()

    def function(lai: torch.Tensor, alpha: torch.Tensor, nl0: torch.Tensor) -> tuple[torch.Tensor, ...]:
        plants = PLANTS._replace(alpha=alpha, nl0=nl0)
        switches = Switches()
        albsoil = torch.tensor([0.11], dtype=torch.float64)
        properties = canopy_properties(plants, lai, plants.canht_ft, albsoil, switches)
        result = canopy_fluxes(weather, properties, plants, switches)
        return result.gc * 1e3, result.gpp * 1e8, result.npp * 1e8

    assert torch.autograd.gradcheck(function, (lai, alpha, nl0), eps=1e-6, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("can_rad_mod", [1, 4, 5, 6])
def test_finite_values_and_gradients_far_outside_the_range_of_leaves(can_rad_mod: int) -> None:
    for t, par, dq, ra in ((200.0, 1.0, 0.0, 1e4), (340.0, 900.0, 0.3, 1.0), (300.0, 1e-3, 0.0599, 100.0)):
        for dtype in (torch.float32, torch.float64):
            tensors = [x.to(dtype).requires_grad_() for x in climate(t=t, par=par, dq=dq, ra=ra)]
            result = fluxes(CanopyClimate(*tensors), can_rad_mod)
            total = result.gc.sum() + result.npp.sum()
            gradients = torch.autograd.grad(total, tensors, allow_unused=True)
            assert bool(torch.isfinite(total))
            assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("case", ["canopy6", "canopy5", "canopy4", "canopy1", "canopyt"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_jules_output(case: str, dtype: torch.dtype) -> None:
    """Night, dawn, and three noons of the output of JULES with each ``can_rad_mod``, and with ``l_trait_phys`` and its relatives."""
    golden = json.loads((REPOSITORY / "tests" / "golden" / "canopy.json").read_text(encoding="utf-8"))[case]
    switches = Switches(**golden["switches"])
    plants = PLANTS._replace(**{name: of_types(values) for name, values in golden["plants"].items()})
    plants = PlantTypes(*(x.to(dtype) for x in plants))
    lai, canht = plants.lai, plants.canht_ft
    properties = canopy_properties(plants, lai, canht, ALBSOIL.to(dtype), switches)
    chn = neutral_transfer(vegetation_properties(plants, lai, canht, switches).z0, 10.0)
    steps = golden["steps"]

    def series(name: str) -> torch.Tensor:
        return torch.stack([torch.tensor(step[name], dtype=dtype) for step in steps], dim=-1)

    of_column = {name: series(name) for name in ("par", "cosz", "diff_frac", "pstar", "co2", "gs")}
    of_pft = {name: series(name) for name in ("tstar", "dq", "fsmc")}
    result = canopy_fluxes(
        CanopyClimate(**of_column, **of_pft, ra=1.0 / (chn * series("wind"))), properties, plants, switches
    )
    for name in ("gc", "gpp", "npp", "resp_p", "resp_l", "resp_r", "resp_w"):
        # at night JULES's 32-bit differences of respiration leave 1e-16 of GPP
        floor = 1e-7 if name == "gc" else 2e-14
        torch.testing.assert_close(getattr(result, name), series(name), rtol=3e-5, atol=floor)


@pytest.mark.parametrize("can_rad_mod", [1, 4, 5, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_leaf_area_of_zero_and_of_a_few_leaves(can_rad_mod: int, dtype: torch.dtype) -> None:
    switches = Switches(can_rad_mod=can_rad_mod)
    plants = PlantTypes(*(x.to(dtype) for x in PLANTS))
    weather = CanopyClimate(*(x.to(dtype) for x in climate()))
    per_leaf = []
    for leaves in (0.0, 0.01, 0.02):
        lai = torch.full_like(plants.lai, leaves).requires_grad_()
        properties = canopy_properties(plants, lai, plants.canht_ft, ALBSOIL.to(dtype), switches)
        result = canopy_fluxes(weather, properties, plants, switches)
        (gradient,) = torch.autograd.grad(result.gc.sum() + result.npp.sum(), lai)
        assert bool(torch.isfinite(gradient).all())
        assert all(bool(torch.isfinite(x).all()) for x in result)
        if leaves == 0.0:
            assert not bool(result.gpp.any())
        else:
            per_leaf.append(result.gpp.detach() / leaves)
    torch.testing.assert_close(per_leaf[0], per_leaf[1], rtol=0.02, atol=0.0)
