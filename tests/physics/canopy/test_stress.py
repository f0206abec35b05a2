"""Roots and soil moisture stress."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.canopy_cases import PLANTS, of_types

from jules_ml.physics.canopy import WaterStress, root_fractions, water_stress
from jules_ml.physics.surface_types import PlantTypes
from jules_ml.physics.switches import Switches

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64)
OTHER_PLANTS = PLANTS._replace(
    fsmc_mod=of_types([1, 0, 1, 0, 1]),
    psi_close=of_types([-1.5e6, -1e6, -1.5e6, -1.5e6, -2e6]),
    psi_open=of_types([-3e4, -3e4, -1e5, -3e4, -3e3]),
)


def stress(sthu: torch.Tensor, plants: PlantTypes = PLANTS, **switches: Any) -> WaterStress:
    def soil(value: float) -> torch.Tensor:
        return torch.full_like(sthu, value)

    return water_stress(
        sthu,
        root_fractions(plants, DZSOIL),
        plants,
        Switches(**switches),
        sm_sat=soil(0.45815),
        sm_crit=soil(0.242433),
        sm_wilt=soil(0.136328),
        b=soil(6.63),
        sathh=soil(0.04946),
    )


def test_roots_sum_to_one() -> None:
    for plants in (PLANTS, OTHER_PLANTS):
        assert root_fractions(plants, DZSOIL).sum(dim=0).flatten().tolist() == pytest.approx([1.0] * 5)


def test_roots_with_one_stress_for_all_are_uniform_to_their_depth() -> None:
    roots = root_fractions(OTHER_PLANTS, DZSOIL)[:, 2, 0]  # to 0.5 m
    assert roots.tolist() == pytest.approx([0.2, 0.5, 0.3, 0.0])


@pytest.mark.parametrize(
    ("plants", "switches", "sthu", "fsmc"),
    [
        pytest.param(
            PLANTS,
            {},
            (0.24937841, 0.29691571, 0.75151193, 0.75889426),
            (0.82579553, 0.68921494, 0.49533439, 0.49533439, 0.49533439),
            id="by layer",
        ),
        pytest.param(
            OTHER_PLANTS._replace(fsmc_p0=of_types([0.5, 0.0, 0.3, 0.0, 0.2])),
            {},
            (0.25662947, 0.28675684, 0.75064087, 0.75884545),
            (1.0, 0.68921494, 0.75461113, 0.49533439, 0.66028482),
            id="with fsmc_p0, some for all layers together",
        ),
        pytest.param(
            OTHER_PLANTS,
            {"l_use_pft_psi": True},
            (0.25663611, 0.28679067, 0.75068682, 0.7588523),
            (1.0, 0.68921494, 0.81596863, 0.49533439, 0.29140103),
            id="between two potentials",
        ),
        pytest.param(
            OTHER_PLANTS,
            {"l_use_pft_psi": True, "fsmc_shape": 1},
            (0.25663176, 0.28677669, 0.75068074, 0.7588523),
            (1.0, 0.68921494, 0.96239591, 0.49533439, 0.92506474),
            id="linear in potential",
        ),
    ],
)
def test_jules_output(
    plants: PlantTypes, switches: dict[str, Any], sthu: tuple[float, ...], fsmc: tuple[float, ...]
) -> None:
    result = stress(of_types(sthu), plants, **switches)
    assert result.fsmc.flatten().tolist() == pytest.approx(fsmc, rel=1e-6)
    assert result.wt_ext.sum(dim=0).flatten().tolist() == pytest.approx([1.0] * 5)


@pytest.mark.parametrize("fsmc_shape", [0, 1])
def test_no_water_is_drawn_from_dry_soil(fsmc_shape: int) -> None:
    result = stress(of_types([0.1] * 4), OTHER_PLANTS, fsmc_shape=fsmc_shape, l_use_pft_psi=fsmc_shape == 1)
    assert bool(torch.isfinite(result.wt_ext).all())
    if fsmc_shape == 0:
        assert result.fsmc.flatten().tolist() == [0.0] * 5
        assert result.wt_ext.abs().sum().item() == 0.0


@pytest.mark.parametrize("fsmc_shape", [0, 1])
@pytest.mark.parametrize("l_vg_soil", [True, False])
def test_gradcheck(fsmc_shape: int, l_vg_soil: bool) -> None:
    sthu = of_types([0.4, 0.45, 0.35, 0.42]).requires_grad_()
    switches = {"fsmc_shape": fsmc_shape, "l_use_pft_psi": fsmc_shape == 1, "l_vg_soil": l_vg_soil}
    assert torch.autograd.gradcheck(lambda x: tuple(stress(x, OTHER_PLANTS, **switches)), (sthu,))


def test_gradient_is_finite_at_saturation() -> None:
    sthu = of_types([1.0] * 4).requires_grad_()
    stress(sthu, OTHER_PLANTS, fsmc_shape=1, l_use_pft_psi=True).fsmc.sum().backward()
    assert sthu.grad is not None
    assert bool(torch.isfinite(sthu.grad).all())
