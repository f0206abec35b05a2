"""Properties of the surface from tensors are those from tiles, and have gradients."""

from __future__ import annotations

from dataclasses import fields

import torch

from jules_ml.physics.surface_variables import SurfaceProperties
from jules_ml.physics.tile_surface import tile_surface
from jules_ml.physics.tiles import TILES, Tile, surface_properties

DZSOIL = torch.tensor([[0.1], [0.25], [0.65], [2.0]], dtype=torch.float64)


def _parameters() -> dict[str, torch.Tensor]:
    names = [field.name for field in fields(Tile) if field.name != "name"]
    return {
        name: torch.tensor([[float(getattr(tile, name))] for tile in TILES.values()], dtype=torch.float64)
        for name in names
    }


def _surface(parameters: dict[str, torch.Tensor]) -> SurfaceProperties:
    frac = torch.full((len(TILES), 1), 1.0 / len(TILES), dtype=torch.float64)
    return tile_surface(
        parameters,
        frac,
        albsoil=torch.tensor([0.15], dtype=torch.float64),
        dzsoil=DZSOIL,
        height=torch.tensor([12.0], dtype=torch.float64),
    )


def test_properties_are_those_of_the_tiles() -> None:
    frac = [1.0 / len(TILES)] * len(TILES)
    expected = surface_properties(list(TILES.values()), frac, albsoil=0.15, dzsoil=DZSOIL, height=12.0)
    actual = _surface(_parameters())
    for name in SurfaceProperties._fields[:-1]:
        torch.testing.assert_close(getattr(actual, name), getattr(expected, name), rtol=1e-12, atol=0.0, msg=name)
    for one, other in zip(actual.leaf, expected.leaf, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0.0)


def test_gradient_is_that_of_finite_differences() -> None:
    names = ("lai", "canht_ft", "rootd_ft", "kext", "nl0", "dz0v_dh")
    parameters = _parameters()

    def of_plants(*values: torch.Tensor) -> torch.Tensor:
        changed = {name: torch.cat([value, parameters[name][-1:]]) for name, value in zip(names, values, strict=True)}
        surface = _surface(parameters | changed)
        return torch.stack([x.sum() for x in (*surface[1:-2], *surface.leaf)] + [surface.f_root[:, 0].sum()])

    inputs = [parameters[name][:-1].clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(of_plants, inputs)
