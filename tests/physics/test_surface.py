"""Surface exchange, tile by tile."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from jules_ml.physics.constants import TM
from jules_ml.physics.surface import Forcing, SurfaceFluxes, SurfaceState, surface_step
from jules_ml.physics.surface_exchange import transfer_coefficient
from jules_ml.physics.tiles import BARE_SOIL, BROADLEAF_TREE, C3_GRASS, surface_properties

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)
TILES = [BROADLEAF_TREE, C3_GRASS, BARE_SOIL]
SURFACE = surface_properties(TILES, [0.4, 0.4, 0.2], albsoil=0.11, dzsoil=DZSOIL, height=10.0)
SOIL = {"sm_sat": 0.458, "sm_crit": 0.242, "sm_wilt": 0.136, "satcon": 0.0047, "hcon": 0.227}


def weather(**changed: float) -> Forcing:
    values = {
        "sw_down": 500.0,
        "lw_down": 330.0,
        "tot_rain": 0.0,
        "tot_snow": 0.0,
        "t_air": 293.0,
        "wind": 3.0,
        "pstar": 1.0e5,
        "q": 0.008,
    } | changed
    return Forcing(**{name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()})


def state(tstar: float = 294.0, canopy: float = 0.0, snow: float = 0.0, gc: float = 0.005) -> SurfaceState:
    return SurfaceState(*(torch.full((3, 1), value, dtype=torch.float64) for value in (tstar, canopy, snow, gc)))


def step(
    s: SurfaceState, w: Forcing, wetness: float = 0.6, celsius: float = 12.0
) -> tuple[SurfaceState, SurfaceFluxes]:
    like = torch.ones(4, 1, dtype=torch.float64)
    soil: dict[str, Any] = {name: value * like for name, value in SOIL.items()}
    return surface_step(
        s,
        w,
        wetness * 458.0 * DZSOIL,
        0.0 * like,
        (TM + celsius) * like,
        **soil,
        dzsoil=DZSOIL,
        surface=SURFACE,
        co2=391e-6,
        height=10.0,
        timestep=1800.0,
    )


def test_energy_and_water_balance() -> None:
    old = state(canopy=0.3)
    new, flux = step(old, weather(tot_rain=2e-4))
    stored = (SURFACE.frac * SURFACE.canhc * (new.tstar - old.tstar)).sum(0) / 1800.0
    torch.testing.assert_close(flux.rad_net, flux.ftl_gb + flux.latent_heat + flux.surf_ht_flux_gb + stored)
    intercepted = (SURFACE.frac * (new.canopy - old.canopy)).sum(0) / 1800.0
    torch.testing.assert_close(
        torch.tensor([2e-4], dtype=torch.float64), intercepted + flux.infiltration + flux.surf_roff + flux.ecan_gb
    )
    torch.testing.assert_close(flux.ext.sum(0), flux.esoil_gb)


def test_a_summer_noon_is_plausible() -> None:
    _, flux = step(state(), weather())
    assert 100.0 < float(flux.latent_heat) < 450.0
    assert float(flux.gpp_gb) > 0.0


def test_dry_soil_gives_no_water() -> None:
    _, flux = step(state(), weather(), wetness=0.2)
    assert float(flux.esoil_gb) == pytest.approx(0.0, abs=1e-12)


def test_snow_melts_under_warm_air_and_is_conserved() -> None:
    old = state(tstar=TM, snow=50.0)
    new, flux = step(old, weather(t_air=280.0, tot_snow=1e-4), celsius=1.0)
    assert float(flux.snow_melt_gb) > 0.0
    change = (SURFACE.frac * (new.snow - old.snow)).sum(0) / 1800.0
    torch.testing.assert_close(change, 1e-4 - flux.snow_melt_gb - flux.ei_gb)
    # a thick snow cover holds the skin at the melting point
    assert float(new.tstar.max()) == pytest.approx(TM, abs=1e-6)


def test_frost_forms_on_cold_clear_nights() -> None:
    new, flux = step(
        state(tstar=265.0), weather(sw_down=0.0, lw_down=220.0, t_air=268.0, q=0.0028, wind=1.0), celsius=-3.0
    )
    assert float(flux.ei_gb) < 0.0
    assert float(new.snow.max()) > 0.0


def test_stability_of_the_air_matters_the_right_way() -> None:
    def ch(tstar: float) -> float:
        one = torch.ones(1, dtype=torch.float64)
        return float(
            transfer_coefficient(290.0 * one, tstar * one, 2.0 * one, 0.1 * one, 4.6 * one, 6.9 * one, height=10.0)
        )

    assert ch(280.0) < ch(290.1) < ch(300.0)


def test_gradcheck() -> None:
    # no snow: a store that only just begins to exist is a kink
    tstar, canopy, snow, gc = state(canopy=0.2, gc=0.004)
    inputs = [x.clone().requires_grad_() for x in (tstar, canopy, gc, *weather(tot_rain=1e-4, tot_snow=1e-5))]

    def fluxes(*x: torch.Tensor) -> torch.Tensor:
        _, flux = step(SurfaceState(x[0], x[1], snow, x[2]), Forcing(*x[3:]))
        return torch.cat([flux.latent_heat, flux.surf_ht_flux_gb, 1e6 * flux.infiltration])

    assert torch.autograd.gradcheck(fluxes, inputs, atol=1e-3, rtol=1e-3, eps=1e-6)


def test_tile_fractions_must_add_up() -> None:
    with pytest.raises(ValueError, match="their sum must be 1"):
        surface_properties(TILES, [0.4, 0.4, 0.4], albsoil=0.11, dzsoil=DZSOIL, height=10.0)
