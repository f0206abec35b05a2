"""Layers of snow, their thermal properties and division, snow at the surface, and grains."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from jules_ml.physics.constants import TM
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.grains import grain_albedo, growth_rate
from jules_ml.physics.snowpack.interception import intercept_snow
from jules_ml.physics.snowpack.layers import (
    LayerContents,
    compact,
    conductivity,
    heat_capacity,
    layer_thicknesses,
    relayer,
)
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.snowpack.shallow import basal_melt
from jules_ml.physics.snowpack.state import SnowSoil, SnowState, SnowTiles, initial_snow
from jules_ml.physics.snowpack.surface import (
    diagnostic_albedo,
    ground_conduction,
    prognostic_albedo,
    snow_roughness,
    surface_snow_depth,
)
from jules_ml.physics.snowpack.thermodynamics import SnowLayers, conduct, melt_layers, percolate, sublimate_layers
from jules_ml.physics.switches import Switches

PARAMETERS = SnowParameters()
GRAINS = Switches(l_snow_albedo=True)
CANOPY = torch.tensor([[False], [True]])


def tensor(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def column(*values: float) -> Tensor:
    return tensor(*values).unsqueeze(-1)


@pytest.mark.parametrize("depth", [0.0, 0.0999, 0.1, 0.2, 0.2001, 0.45, 0.5, 0.7, 3.0])
def test_layers_add_up_to_the_depth(depth: float) -> None:
    ds = layer_thicknesses(tensor(depth), (0.1, 0.2, 0.2))
    assert float(sum_over_layers(ds)) == pytest.approx(depth if depth >= 0.1 else 0.0)
    assert bool((ds >= 0.0).all())


@pytest.mark.parametrize(
    "old_depth", [(0.0, 0.1, 0.15, 0.0), (0.05, 0.1, 0.2, 0.3), (0.12, 0.0, 0.0, 0.0), (0.0, 0.02, 0.2, 0.01)]
)
@pytest.mark.parametrize("option", [0, 1])
def test_relayering_conserves_mass_and_energy(old_depth: tuple[float, ...], option: int) -> None:
    d0 = column(*old_depth)
    some = (d0 > 0.0).double()
    old = LayerContents(
        some * column(5.0, 20, 60, 90),
        some * column(0.0, 1, 0, 4),
        column(260.0, 265, 270, TM),
        column(50.0, 80, 300, 900),
    )
    ds = layer_thicknesses(sum_over_layers(d0), PARAMETERS.dzsnow)
    new = relayer(d0, old, ds, PARAMETERS, Switches(l_snow_albedo=True, i_relayer_opt=option))
    for a, b in ((new.sice, old.sice), (new.sliq, old.sliq), (energy(new), energy(old))):
        torch.testing.assert_close(sum_over_layers(a), sum_over_layers(b), rtol=1e-12, atol=1e-9)
    assert bool(((new.rgrainl >= 50.0) & (new.rgrainl <= 900.0)).all())
    assert bool((new.sice[ds == 0.0] == 0.0).all())


def energy(x: LayerContents) -> Tensor:
    return heat_capacity(x.sice, x.sliq) * (x.tsnow - TM)


def test_snow_of_a_trace_stays_in_the_top_layer() -> None:
    """JULES drops it."""
    d0 = column(1e-7, 0.1, 0.15, 0.0)
    old = LayerContents(
        column(1e-5, 20, 40, 0), column(0.0, 0, 0, 0), column(260.0, 265, 270, TM), column(50.0, 50, 50, 50)
    )
    new = relayer(d0, old, layer_thicknesses(sum_over_layers(d0), PARAMETERS.dzsnow), PARAMETERS, Switches())
    assert float(new.sice.sum()) == pytest.approx(60.00001, abs=1e-12)


def test_snow_settles_under_its_weight_up_to_ice() -> None:
    ds, sice, dry = column(0.1, 0.2), column(10.0, 40.0), column(0.0, 0.0)
    settled = compact(ds, sice, dry, column(270.0, 270.0), PARAMETERS, Switches(), timestep=1800.0)
    assert bool((settled < ds).all())
    ice = compact(
        column(0.1, 0.2), column(95.0, 190.0), dry, column(270.0, 270.0), PARAMETERS, Switches(), timestep=1800.0
    )
    torch.testing.assert_close(ice, column(95.0, 190.0) / 917.0)


def test_conduction_relaxes_to_a_steady_flux() -> None:
    ds, sice = column(0.1, 0.2, 0.0), column(20.0, 50.0, 0.0)
    csnow, ksnow = heat_capacity(sice, torch.zeros_like(sice)), conductivity(ds, sice, torch.zeros_like(sice))
    t = column(265.0, 270.0, TM)
    for _ in range(2000):
        t, htf = conduct(t, ds, csnow, ksnow, tensor(-10.0), tensor(272.0), tensor(0.1), timestep=1800.0)
    assert float(htf) == pytest.approx(-10.0, abs=1e-6)
    assert float(t[2]) == TM


def test_layers_melt_sublimate_and_pass_water_down() -> None:
    csnow = column(42000.0, 42000.0)
    layers = SnowLayers(column(0.1, 0.2), column(20.0, 20.0), column(0.0, 0.0), column(TM + 1.0, TM - 1.0))
    melted = melt_layers(layers, csnow)
    assert float(melted.sliq[0]) == pytest.approx(42000.0 / 0.334e6)
    gone = sublimate_layers(melted, tensor(25.0))
    assert float(gone.sice[0]) == 0.0 == float(gone.ds[0])
    assert float(gone.sice.sum()) == pytest.approx(float(melted.sice.sum()) - 25.0)
    wet, outflow = percolate(gone, csnow, tensor(30.0), snowliqcap=0.05)
    assert float(wet.sliq[0]) == 0.0
    assert float(wet.tsnow[1]) == pytest.approx(TM)
    total = (wet.sice + wet.sliq).sum() + outflow.sum()
    assert float(total) == pytest.approx(float((gone.sice + gone.sliq).sum()) + 30.0)


def test_warm_soil_melts_shallow_snow_of_one_tile_after_the_other() -> None:
    one = tensor(1.0)
    soil = SnowSoil(tensor(TM + 0.1), one, 1.0e6 * one, 30.0 * one, 0.0 * one, 0.4 * one, 0.1 * one)
    melt = basal_melt(column(5.0, 5.0), torch.ones(2, 1, dtype=torch.bool), (True, True), column(0.5, 0.5), soil)
    assert float(melt.amount[0]) > float(melt.amount[1]) > 0.0
    heat = 0.1 * 1.0e6 + 4180.0 * 30.0
    lost = heat * (TM + 0.1 - float(melt.t_soil1))
    assert lost == pytest.approx(0.334e6 * 0.5 * float(melt.amount.sum()))


def state(depth_ground: float = 0.4) -> SnowState:
    mass = column(250.0 * depth_ground, 20.0)
    tiles = SnowTiles(column(0.5, 0.5), column(17.6, 17.6), CANOPY)
    return initial_snow(mass, torch.full_like(mass, 50.0), tensor(270.0), tiles, PARAMETERS, Switches())


def test_initial_snow_lies_on_the_ground() -> None:
    snow = state()
    assert snow.snow_tile.flatten().tolist() == [100.0, 0.0]
    assert snow.snow_grnd.flatten().tolist() == [0.0, 20.0]
    torch.testing.assert_close(snow.sice.sum(0), column(100.0, 0.0))
    assert snow.ds[:, 0, 0].tolist() == pytest.approx([0.1, 0.3, 0.0])


def test_the_surface_lies_on_snow_with_layers_and_on_insulated_soil_elsewhere() -> None:
    snow = state()
    ground = ground_conduction(snow, tensor(272.0), tensor(1.5), tensor(0.1), PARAMETERS, Switches())
    assert ground.tsurf.flatten().tolist() == [270.0, 272.0]
    assert float(ground.ashtf[0]) == pytest.approx(2.0 * 2.22 * 0.25**1.88 / 0.1)
    assert float(ground.ashtf[1]) == pytest.approx(2.0 * 0.265 / 0.1)
    tiles = SnowTiles(column(0.5, 0.5), column(17.6, 17.6), CANOPY)
    depth = surface_snow_depth(snow._replace(snow_tile=column(100.0, 5.0)), tiles, PARAMETERS, Switches())
    assert depth.flatten().tolist() == pytest.approx([0.4, 0.02])
    on_ground = surface_snow_depth(snow, tiles, PARAMETERS, Switches(l_snowdep_surf=False))
    torch.testing.assert_close(on_ground, snow.snowdepth)


def test_albedo_of_snow() -> None:
    fresh = grain_albedo(column(50.0), tensor(0.65), 0.0, PARAMETERS)
    assert fresh.flatten().tolist() == pytest.approx([0.98, 0.98, 0.7, 0.7])
    old = grain_albedo(column(800.0), tensor(0.65), 0.0, PARAMETERS)
    assert float(old[1]) == pytest.approx(0.98 - 0.002 * (math.sqrt(800.0) - math.sqrt(50.0)))
    assert float(old[3]) == pytest.approx(0.7 - 0.09 * math.log(16.0))
    assert bool((grain_albedo(column(800.0), tensor(0.65), 1e-5, PARAMETERS) < old).all())
    free, cold = column(0.2, 0.2), column(0.8, 0.4)
    deep = diagnostic_albedo(free, cold, column(1.0, 0.0), column(260.0, 260.0), PARAMETERS, Switches())
    assert deep.flatten().tolist() == pytest.approx([0.8, 0.2])
    cover = prognostic_albedo(free, cold, column(0.01, 0.01), column(0.1, 0.1), CANOPY, PARAMETERS, Switches())
    assert cover.flatten().tolist() == pytest.approx([0.2 + 0.6 * (1 - math.exp(-0.5)), 0.2 + 0.2 * 0.01 / 1.01])


@pytest.mark.parametrize("option", [0, 1])
def test_melting_snow_grows_fastest(option: int) -> None:
    switches = Switches(i_grain_growth_opt=option)
    melting, cold = (growth_rate(tensor(100.0), tensor(t), PARAMETERS, switches) for t in (TM, 255.0))
    assert float(melting) == 0.6 > float(cold) > 0.0


def test_gradcheck() -> None:
    def variables(*values: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.clone().requires_grad_() for x in values)

    ds, sice, sliq, t = column(0.1, 0.2), column(20.0, 50.0), column(1.0, 2.0), column(265.0, 271.0)
    switches = Switches()
    check = torch.autograd.gradcheck
    for option in (0, 1):
        assert check(lambda d, s, w, o=option: conductivity(d, s, w, i_snow_cond_parm=o), variables(ds, sice, sliq))
        grains = Switches(i_grain_growth_opt=option)
        assert check(lambda r, x, g=grains: growth_rate(r, x, PARAMETERS, g), variables(column(100.0, 200.0), t))
    assert check(
        lambda d, s, w, x: compact(d, s, w, x, PARAMETERS, switches, timestep=1800.0), variables(ds, sice, sliq, t)
    )
    assert check(
        lambda d, s, w, x: relayer(
            d, LayerContents(s, w, x, x), layer_thicknesses(sum_over_layers(d), PARAMETERS.dzsnow), PARAMETERS, GRAINS
        ),
        variables(
            column(0.03, 0.1, 0.15, 0.13), column(3.0, 20, 30, 30), column(0.0, 1, 2, 3), column(265.0, 266, 267, 268)
        ),
    )
    assert check(
        lambda s, p, c, m, u: intercept_snow(s, p, c, m, u, PARAMETERS, switches, timestep=1800.0),
        variables(*(column(v) for v in (2.0, 1.0, 17.6, 1e-5, 1e-6))),
    )
    assert check(lambda r, c: grain_albedo(r, c, 1e-5, PARAMETERS), variables(column(100.0), tensor(0.4)))
    assert check(
        lambda f, c, d, x: diagnostic_albedo(f, c, d, x, PARAMETERS, switches),
        variables(*(column(v) for v in (0.2, 0.8, 0.03, 272.0))),
    )
    assert check(snow_roughness, variables(column(0.1), column(20.0), column(0.08)))
    snow = state()
    assert check(
        lambda s, x, h: ground_conduction(snow._replace(sice=s), x, h, tensor(0.1), PARAMETERS, switches)[1:],
        variables(snow.sice + 1.0, tensor(272.0), tensor(1.5)),
    )
