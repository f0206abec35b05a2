"""Energy balance, evaporation by source and water of the tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from jules_ml.physics.constants import CP, LC, SBCON, TM
from jules_ml.physics.land_surface.energy import Air, Balance, Ground, saturation_slope, solve_balance
from jules_ml.physics.land_surface.evaporation import (
    SurfaceSolution,
    limit_by_soil,
    melt_snow,
    melting_fraction,
    partition_evaporation,
    settle_heat,
)
from jules_ml.physics.land_surface.properties import TileProperties
from jules_ml.physics.land_surface.resistance import Resistance, WetSurface, surface_resistance
from jules_ml.physics.land_surface.saturation import saturation_humidity
from jules_ml.physics.land_surface.water import runoff_distributed, throughfall_distributed, tile_water
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches

STEP = 1800.0
BOTH = pytest.mark.parametrize("l_fix_neg_snow", [True, False], ids=["corrected", "original"])


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def tiles(n: int, *, flake: float = 0.0, cansnow: bool = False, catch: float = 0.5) -> TileProperties:
    like = torch.ones(n, dtype=torch.float64)
    values = dict.fromkeys(TileProperties._fields, like)
    changed = {"flake": flake * like, "catch": catch * like, "cansnow": torch.full((n,), cansnow)}
    return TileProperties(**(values | changed))


def solve(
    tstar: torch.Tensor, wet: WetSurface, *, q: float = 0.004, radnet: float = 200.0, l_fix_neg_snow: bool = True
) -> tuple[Air, Resistance, Balance, Ground]:
    like = torch.ones_like(tstar)
    pstar, rhokh = tensor(1.0e5), 0.02 * like
    qstar = saturation_humidity(tstar, pstar)
    t_air = 280.0 * like
    air = Air(t_air, q * like, 1.2 * like, qstar, saturation_slope(tstar, qstar, t_air, pstar), 0.1 * like)
    dq = air.q - qstar
    resistance = surface_resistance(
        dq, -rhokh * dq * STEP, rhokh / 1.2, 0.005 * like, wet, tiles(len(tstar)), l_fix_neg_snow=l_fix_neg_snow
    )
    ground = Ground(279.0 * like, 5.0 * like, 1e4 * like, 0.6 * like, 3.0 * like, 0.97 * like, 0.9 * like)
    depth = wet.depth
    balance = solve_balance(
        tstar,
        radnet * like,
        air,
        rhokh,
        resistance,
        ground,
        snowdepth=depth,
        timestep=STEP,
        l_fix_neg_snow=l_fix_neg_snow,
    )
    return air, resistance, balance, ground


def surface(canopy: float = 0.3, snow: float = 0.0, tstar: float = 283.0) -> WetSurface:
    return WetSurface(tensor(canopy), tensor(snow), tensor(snow / 250.0), tensor(tstar))


def finish(wet: WetSurface, *, l_fix_neg_snow: bool = True, **weather: Any) -> tuple[Balance, SurfaceSolution]:
    air, resistance, balance, _ = solve(wet.tstar, wet, l_fix_neg_snow=l_fix_neg_snow, **weather)
    tstar = wet.tstar + balance.dtstar
    sources, latent = partition_evaporation(
        balance, tstar, wet, resistance, tiles(1), timestep=STEP, l_fix_neg_snow=l_fix_neg_snow
    )
    rhokh = 0.02 * torch.ones_like(tstar)
    tstar, ftl = settle_heat(sources, latent, tstar, balance, rhokh)
    solution = melt_snow(
        tstar, ftl, sources, wet, air, resistance, balance, rhokh, timestep=STEP, l_fix_neg_snow=l_fix_neg_snow
    )
    return balance, solution


def test_energy_balance_is_closed_by_the_change_of_temperature() -> None:
    wet = surface(canopy=0.0)
    tstar = wet.tstar
    _, _, balance, ground = solve(tstar, wet)
    new = tstar + balance.dtstar
    linear = SBCON * (tstar**4 + 4.0 * tstar**3 * balance.dtstar)
    rad = 200.0 - ground.emis * (linear - SBCON * tstar**4)
    canopy = ground.vfrac * (
        ground.rhokh_can * (new - ground.tsurf) + ground.emis_soil * ground.emis * (linear - SBCON * ground.tsurf**4)
    )
    heat = (1.0 - ground.vfrac) * ground.ashtf * (new - ground.tsurf) + canopy
    stored = ground.canhc / STEP * balance.dtstar
    residual = rad - balance.ftl - LC * balance.fqw - heat - stored
    assert float(residual) == pytest.approx(0.0, abs=1e-9)


def test_saturation_slope_is_continuous_where_its_formula_changes() -> None:
    t_air, pstar = tensor(285.0), tensor(1.0e5)
    slopes = [
        float(saturation_slope(t, saturation_humidity(t, pstar), t_air, pstar)) for t in (t_air + 0.049, t_air + 0.051)
    ]
    assert slopes[0] == pytest.approx(slopes[1], rel=0.01)


@BOTH
def test_evaporation_by_source_adds_up(l_fix_neg_snow: bool) -> None:
    balance, solution = finish(surface(canopy=0.5), l_fix_neg_snow=l_fix_neg_snow)
    ecan, esoil, ei, elake = (float(x) for x in solution.sources)
    assert ecan > 0.0
    assert esoil > 0.0
    assert (ei, elake) == (0.0, 0.0)
    assert ecan + esoil == pytest.approx(float(balance.fqw))


@BOTH
def test_leaves_give_no_more_than_they_hold(l_fix_neg_snow: bool) -> None:
    _, solution = finish(surface(canopy=0.01), l_fix_neg_snow=l_fix_neg_snow, radnet=600.0)
    assert float(solution.sources.ecan) <= 0.01 / STEP


@BOTH
def test_dew_settles_on_leaves_and_frost_as_ice(l_fix_neg_snow: bool) -> None:
    _, dew = finish(surface(canopy=0.0, tstar=275.5), l_fix_neg_snow=l_fix_neg_snow, q=0.006, radnet=0.0)
    assert float(dew.sources.ecan) < 0.0
    assert float(dew.sources.ei) == 0.0
    _, frost = finish(surface(canopy=0.0, tstar=265.0), l_fix_neg_snow=l_fix_neg_snow, q=0.004, radnet=-200.0)
    assert float(frost.sources.ei) < 0.0
    assert float(frost.sources.ecan) == 0.0
    assert float(frost.snowinc) > 0.0


@BOTH
def test_melt_cools_the_surface_and_takes_no_more_than_the_snow(l_fix_neg_snow: bool) -> None:
    much, little = (
        finish(surface(canopy=0.0, snow=snow, tstar=274.5), l_fix_neg_snow=l_fix_neg_snow)[1] for snow in (50.0, 0.01)
    )
    assert float(much.melt) > 0.0
    # without the correction melt uses two different stiffnesses, and the surface stays above the melting point
    assert float(much.tstar) == pytest.approx(TM, abs=1e-6 if l_fix_neg_snow else 1.0)
    assert float(little.snowinc) == pytest.approx(-0.01)
    assert float(little.tstar) > TM
    # heat that melts snow is lost by the surface and the air
    assert float(much.ftl) < float(little.ftl)


def test_all_snow_of_a_tile_goes_at_once() -> None:
    # JULES gives the last snow as snow / timestep; a difference of rates would leave a remainder, which counts as snow
    _, solution = finish(surface(canopy=0.0, snow=1e-6, tstar=270.0), q=0.001, radnet=400.0)
    assert float(solution.sources.ei) * STEP == pytest.approx(1e-6, rel=1e-12)


def test_snow_on_a_canopy_resists_as_a_whole() -> None:
    wet = surface(snow=1.0)
    like = torch.ones_like(wet.tstar)
    on_canopy = surface_resistance(
        -0.002 * like, 0.1 * like, 0.02 * like, 0.01 * like, wet, tiles(1, cansnow=True), l_fix_neg_snow=True
    )
    assert float(on_canopy.fracaero_t) == 0.0
    assert float(on_canopy.resft) == pytest.approx(1.0 / 3.0)


def test_lakes_evaporate_freely() -> None:
    wet = surface(canopy=0.0)
    like = torch.ones_like(wet.tstar)
    lake = surface_resistance(
        -0.002 * like, 0.1 * like, 0.02 * like, 0.0 * like, wet, tiles(1, flake=1.0), l_fix_neg_snow=True
    )
    assert float(lake.resft) == 1.0


def test_dry_soil_limits_all_tiles_alike() -> None:
    esoil, frac = tensor(2e-5, 4e-5), tensor(0.5, 0.5)
    limited = limit_by_soil(esoil, frac, tensor(0.01), timestep=STEP)
    assert float((frac * limited).sum()) * STEP == pytest.approx(0.01)
    assert float(limited[1] / limited[0]) == pytest.approx(2.0)
    assert torch.equal(limit_by_soil(esoil, frac, tensor(10.0), timestep=STEP), esoil)


@pytest.mark.parametrize("l_point_data", [True, False])
def test_rain_is_intercepted_or_falls_through(l_point_data: bool) -> None:
    canopy, ecan = tensor(0.2, 0.0), tensor(1e-5, -1e-6)
    water = tile_water(
        canopy,
        ecan,
        tensor(5e-4),
        tensor(0.0, 1e-4),
        tensor(0.7, 0.0),
        tensor(2e-4, 2e-4),
        timestep=STEP,
        l_point_data=l_point_data,
    )
    gain = (water.canopy - canopy) / STEP
    rain = 5e-4 - ecan
    torch.testing.assert_close(gain + water.tfall, rain)
    assert (water.surf_roff >= 0.0).all()
    assert (water.surf_roff < water.tfall + 1e-4).all()


def test_intense_rain_runs_off_where_the_canopy_is_full_or_missing() -> None:
    catch, infil, rain = tensor(0.7, 0.7, 0.0), tensor(2e-4, 2e-4, 2e-4), tensor(1e-3, 1e-3, 1e-3)
    roff = runoff_distributed(rain, tensor(0.7, 0.1, 0.0), catch, infil, timestep=STEP)
    assert float(roff[0]) > float(roff[1])
    assert float(roff[2]) == pytest.approx(1e-3 * torch.exp(torch.tensor(-0.2)).item(), rel=1e-6)
    tfall = throughfall_distributed(tensor(0.0), tensor(0.1), tensor(0.7), timestep=STEP)
    assert float(tfall) == 0.0


@BOTH
@pytest.mark.parametrize(("canopy", "snow", "tstar"), [(0.3, 0.0, 283.0), (0.001, 0.0, 283.0), (0.0, 5.0, 274.5)])
def test_gradient_through_balance_evaporation_and_melt(
    canopy: float, snow: float, tstar: float, l_fix_neg_snow: bool
) -> None:
    def function(canopy: torch.Tensor, snow: torch.Tensor, tstar: torch.Tensor) -> tuple[torch.Tensor, ...]:
        wet = WetSurface(canopy, snow, snow / 250.0, tstar)
        _, solution = finish(wet, l_fix_neg_snow=l_fix_neg_snow)
        scaled = (1e5 * solution.sources.ecan, 1e5 * solution.sources.esoil, 1e5 * solution.melt)
        return solution.tstar, solution.ftl / CP, *scaled

    inputs = [tensor(x).requires_grad_() for x in (canopy, snow, tstar)]
    if snow == 0.0:
        inputs[1] = inputs[1].detach()
    if canopy == 0.0:
        inputs[0] = inputs[0].detach()
    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("function", [throughfall_distributed, runoff_distributed])
def test_gradient_of_rain_with_a_distribution(function: Callable[..., torch.Tensor]) -> None:
    def scaled(rain: torch.Tensor, canopy: torch.Tensor, catch: torch.Tensor) -> torch.Tensor:
        if function is runoff_distributed:
            return 1e3 * runoff_distributed(1e-3 * rain, canopy, catch, tensor(2e-4), timestep=STEP)
        return 1e3 * throughfall_distributed(1e-3 * rain, canopy, catch, timestep=STEP)

    inputs = [tensor(x).requires_grad_() for x in (0.8, 0.3, 0.7)]
    assert torch.autograd.gradcheck(scaled, inputs)


def test_latent_heat_of_snow_is_that_of_sublimation() -> None:
    wet = surface(canopy=0.0, snow=5.0, tstar=268.0)
    balance, solution = finish(wet, q=0.001, radnet=0.0)
    assert float(solution.sources.ei) > 0.0
    assert float(solution.melt) == 0.0
    # nothing was limited, so the heat of the sources is that of the energy balance
    assert float(solution.ftl) == pytest.approx(float(balance.ftl))


def test_thin_snow_covers_part_of_a_tile() -> None:
    """With ``frac_snow_subl_melt`` 1 the fraction that sublimates and melts increases with depth."""
    wet = surface(canopy=0.0, snow=2.5)  # 0.01 m
    like = torch.ones_like(wet.tstar)
    part = surface_resistance(
        -0.002 * like, 0.1 * like, 0.02 * like, 0.01 * like, wet, tiles(1), l_fix_neg_snow=True, maskd=50.0
    )
    assert float(part.fracaero_s) == pytest.approx(1.0 - math.exp(-0.5))
    assert float(part.fracaero_t) == float(part.fracaero_s)
    cover = melting_fraction(
        wet, 0.0 * like, SnowParameters(maskd=50.0), Switches(frac_snow_subl_melt=1), timestep=STEP
    )
    assert float(cover) == pytest.approx(1.0 - math.exp(-0.5))
