"""Albedo of the tiles of JULES's land surface, and the switch that makes its snow conserve water."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jules_ml.column.surface_types import read_type_files
from jules_ml.physics.land_surface.ground import tile_albedo
from jules_ml.physics.land_surface.properties import LandSurface, land_surface
from jules_ml.physics.snowpack.interception import intercept_snow
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches
from jules_ml.support.sources import POINT_RUN

#: Broadleaf and needleleaf tree, C3 grass, bare soil: depth of snow [m], its grain size [micrometre] and the diffuse visible and
#: near-infrared albedo, in JULES 7.6 with l_snow_albedo at Loobos, 8 K colder.
TILES = (0, 1, 2, 7)
DEPTH = (0.27030277, 0.05019939, 0.03997421, 0.02172055)
GRAINS = (103.517776, 84.959648, 101.396759, 83.382942)
VISIBLE = (0.97379214, 0.04552011, 0.84829283, 0.68359756)
INFRARED = (0.63450468, 0.17069857, 0.60260081, 0.47035176)
SPECTRAL = Switches(l_spec_albedo=True, l_snow_albedo=True)


def surface(switches: Switches, weights: tuple[float, ...] = (0.0, 0.5, 0.0, 0.5)) -> LandSurface:
    types = read_type_files(POINT_RUN / "pft_params.nml", POINT_RUN / "nveg_params.nml", switches=switches)

    def tensor(*values: float) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).unsqueeze(-1)

    return land_surface(
        types,
        torch.full((9, 1), 1.0 / 9.0, dtype=torch.float64),
        dzsoil=tensor(0.1, 0.25, 0.65, 2.0),
        albsoil=tensor(0.11)[0],
        switches=switches,
        lai=tensor(5.0, 4.0, 2.0, 4.0, 1.0),
        canht=tensor(19.01, 16.38, 0.79, 1.26, 1.0),
        wght_alb=weights,
    )


def all_tiles(values: tuple[float, ...], other: float) -> Tensor:
    row = torch.full((9, 1), other, dtype=torch.float64)
    row[list(TILES), 0] = torch.tensor(values, dtype=torch.float64)
    return row


def albedo(land: LandSurface, depth: Tensor, rgrain: Tensor, cosz: float = 0.3) -> Tensor:
    tstar = torch.full((9, 1), 265.0, dtype=torch.float64)
    return tile_albedo(tstar, depth, rgrain, torch.tensor([cosz], dtype=torch.float64), land)


@pytest.mark.parametrize(("band", "expected"), [(1, VISIBLE), (3, INFRARED)])
def test_albedo_by_grain_size_is_that_of_jules(band: int, expected: tuple[float, ...]) -> None:
    land = surface(SPECTRAL, tuple(float(n == band) for n in range(4)))
    found = albedo(land, all_tiles(DEPTH, 0.0), all_tiles(GRAINS, 50.0))[list(TILES), 0]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0.0, atol=1e-6)


def test_half_of_the_light_is_visible_by_default() -> None:
    depth, grains = all_tiles(DEPTH, 0.0), all_tiles(GRAINS, 50.0)
    mean = albedo(surface(SPECTRAL), depth, grains)[list(TILES), 0]
    expected = 0.5 * (torch.tensor(VISIBLE) + torch.tensor(INFRARED)).double()
    torch.testing.assert_close(mean, expected, rtol=0.0, atol=1e-6)
    direct = albedo(surface(SPECTRAL, (0.5, 0.0, 0.5, 0.0)), depth, grains)[list(TILES), 0]
    assert 0.0 < float((direct - mean).abs().max()) < 0.2


def test_spectral_albedo_with_diagnosed_snow_grows_with_depth() -> None:
    land = surface(Switches(l_spec_albedo=True))
    none, some, deep = (
        albedo(land, torch.full((9, 1), d).double(), torch.full((9, 1), 50.0).double()) for d in (0.0, 0.02, 2.0)
    )
    assert bool((none[:8] < some[:8]).all())
    assert bool((some[:8] < deep[:8]).all())


@pytest.mark.parametrize("switches", [Switches(), Switches(l_spec_albedo=True), SPECTRAL])
def test_gradcheck(switches: Switches) -> None:
    land = surface(switches)
    depth, grains = (x.clone().requires_grad_() for x in (all_tiles(DEPTH, 0.1), all_tiles(GRAINS, 60.0)))
    assert torch.autograd.gradcheck(lambda d, g: albedo(land, d, g), (depth, grains))


def test_a_canopy_unloads_no_more_snow_than_it_holds() -> None:
    """JULES 7.6 does, in a step of strong melt; the surface then makes up for the negative snow with water from nowhere."""
    snow, none, capacity, melt = (torch.tensor([v], dtype=torch.float64) for v in (0.1, 0.0, 17.6, 1e-3))
    jules, conserving = (
        intercept_snow(
            snow, none, capacity, melt, none, SnowParameters(conserve_water=conserve), Switches(), timestep=1800.0
        )
        for conserve in (False, True)
    )
    assert float(jules.snow_can) < -0.5
    assert float(conserving.snow_can) == 0.0
    assert float(conserving.snowfall) == pytest.approx(0.1)
    older = intercept_snow(
        snow, none, capacity, melt, none, SnowParameters(), Switches(l_fix_neg_snow=False), timestep=1800.0
    )
    assert float(older.snow_can) == 0.0
