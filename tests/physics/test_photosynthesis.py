"""Canopy conductance and productivity."""

from __future__ import annotations

import pytest
import torch

from jules_ml.physics.photosynthesis import Canopy, canopy_conductance
from jules_ml.physics.tiles import BARE_SOIL, BROADLEAF_TREE, C4_GRASS, surface_properties

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)
SURFACE = surface_properties(
    [BROADLEAF_TREE, C4_GRASS, BARE_SOIL], [0.4, 0.4, 0.2], albsoil=0.11, dzsoil=DZSOIL, height=10.0
)


def canopy(t: float = 295.0, par: float = 250.0, dq: float = 0.005, fsmc: float = 1.0) -> Canopy:
    def like(value: float) -> torch.Tensor:
        return torch.full((3, 1), value, dtype=torch.float64)

    return canopy_conductance(
        like(t), like(par)[0], like(dq), like(1.0e5)[0], 391e-6, like(fsmc), SURFACE.lai, SURFACE.leaf
    )


def test_magnitudes_of_a_summer_noon() -> None:
    result = canopy()
    assert 0.003 < float(result.gc[0]) < 0.03  # m s-1
    assert 1e-7 < float(result.gpp[0]) < 6e-7  # kg m-2 s-1: 8 to 50 umol m-2 s-1
    assert float(result.gc[2]) == 0.0
    assert float(result.gpp[2]) == 0.0


def test_stomata_close_in_the_dark_in_dry_air_and_in_dry_soil() -> None:
    open_ = canopy().gc[0]
    for closed in (canopy(par=0.0), canopy(dq=0.2), canopy(fsmc=0.0)):
        assert float(closed.gc[0]) == pytest.approx(1e-6 * 5.0)
        assert float(closed.gpp[0]) == 0.0
    assert float(canopy(fsmc=0.5).gc[0]) == pytest.approx(0.5 * float(open_), rel=1e-6)


def test_finite_far_outside_the_range_of_leaves() -> None:
    for t in (200.0, 340.0):
        assert bool(torch.isfinite(canopy(t=t).gc).all())


def test_gradient_is_finite_in_air_too_dry_for_open_stomata() -> None:
    dq = torch.full((3, 1), 0.2, dtype=torch.float64, requires_grad=True)
    co2 = torch.tensor(391e-6, dtype=torch.float64, requires_grad=True)
    t, one = torch.full((3, 1), 310.0, dtype=torch.float64), torch.ones(3, 1, dtype=torch.float64)
    result = canopy_conductance(t, 250.0 * one[0], dq, 1.0e5 * one[0], co2, one, SURFACE.lai, SURFACE.leaf)
    gradients = torch.autograd.grad(result.gc.sum() + result.gpp.sum(), (dq, co2))
    assert all(bool(torch.isfinite(each).all()) for each in gradients)


@pytest.mark.parametrize("par", [250.0, 30.0])
def test_gradcheck(par: float) -> None:
    t = torch.full((3, 1), 293.0, dtype=torch.float64, requires_grad=True)
    light = torch.full((1,), par, dtype=torch.float64, requires_grad=True)
    dq = torch.full((3, 1), 0.006, dtype=torch.float64, requires_grad=True)
    stress = torch.full((3, 1), 0.7, dtype=torch.float64, requires_grad=True)
    pstar = torch.full((1,), 1.0e5, dtype=torch.float64)

    def gc(t: torch.Tensor, light: torch.Tensor, dq: torch.Tensor, stress: torch.Tensor) -> torch.Tensor:
        return 1e3 * canopy_conductance(t, light, dq, pstar, 391e-6, stress, SURFACE.lai, SURFACE.leaf).gc

    assert torch.autograd.gradcheck(gc, (t, light, dq, stress), atol=1e-5)
