"""A step of the multilayer snow: agreement with JULES, budgets and gradients."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from helpers.paths import REPOSITORY
from torch import Tensor

from jules_ml.physics.constants import HCAPI, HCAPW, LF, TM
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.snowpack.state import SnowFluxes, SnowInputs, SnowSoil, SnowState, SnowTiles, initial_snow
from jules_ml.physics.snowpack.step import snow_step
from jules_ml.physics.switches import Switches

TIMESTEP = 1800.0
#: Inputs and results of JULES 7.6's routine ``snow`` in single steps at Loobos in 1997, 8 K colder, for three settings of ``jules_snow``.
GOLDEN = json.loads((REPOSITORY / "tests" / "golden" / "snow_steps.json").read_text(encoding="utf-8"))
CANOPY = (False, True, False, False)
OPTIONS = Switches(
    l_snow_albedo=True,
    i_snow_cond_parm=1,
    i_grain_growth_opt=1,
    i_relayer_opt=1,
    i_basal_melting_opt=1,
    l_et_metamorph=True,
    l_snow_infilt=True,
)
OPTION_PARAMETERS = SnowParameters(
    cansnowtile=CANOPY,
    dzsnow=(0.04, 0.12, 0.34),
    rho_snow_fresh=109.0,
    a_snow_et=2.8e-6,
    b_snow_et=0.042,
    c_snow_et=0.046,
    rho_snow_et_crit=150.0,
)
SETTINGS = {
    "default": (Switches(), SnowParameters(cansnowtile=CANOPY)),
    "options": (OPTIONS, OPTION_PARAMETERS),
    "no_layers": (Switches(nsmax=0), SnowParameters(cansnowtile=CANOPY)),
}


class Case:
    """Inputs of a step."""

    def __init__(self, name: str, dtype: torch.dtype = torch.float64) -> None:
        self.values = {key: torch.tensor(x, dtype=dtype) for key, x in GOLDEN[name].items()}
        self.switches, self.parameters = SETTINGS[name]
        x = self.values
        shape = x["snow_tile"].shape
        empty = torch.zeros((0, *shape), dtype=dtype)
        self.state = SnowState(*(x[key] if x[key].numel() else empty for key in SnowState._fields))
        self.inputs = SnowInputs(
            x["ls"] + x["con"], x["rain"], x["ei"], x["melt"], x["inc"], x["htf"], x["tstar"], torch.zeros_like(x["ei"])
        )
        top = torch.full_like(x["t1"], 0.1)
        self.soil = SnowSoil(x["t1"], x["hcons"], x["hcap"], x["smcl"], x["sthf"], x["smvcst"], top)
        self.tiles = SnowTiles(x["frac"], x["catch"], torch.tensor(CANOPY).unsqueeze(1))

    def step(self) -> tuple[SnowState, SnowFluxes]:
        return snow_step(
            self.state, self.inputs, self.soil, self.tiles, self.parameters, self.switches, timestep=TIMESTEP
        )


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_is_that_of_jules(name: str, dtype: torch.dtype) -> None:
    case = Case(name, dtype)
    new, fluxes = case.step()
    # JULES drops up to 0.0001 kg m-2 of snowfall in a step, which stays here
    tolerance = {"sice": 2e-4, "rgrain": 0.01, "rgrainl": 0.2, "tsnow": 1e-3, "ds": 1e-6}
    unused = ("rgrain", "rgrainl") if not case.switches.l_snow_albedo else ()
    for key in SnowState._fields:
        expected = case.values[f"{key}_o"]
        if expected.numel() and key not in unused:
            torch.testing.assert_close(getattr(new, key), expected, rtol=2e-6, atol=tolerance.get(key, 2e-5), msg=key)
    fields = {"melt": ("melt", 2e-8), "snow_soil_htf": ("htf", 2e-3), "snow_melt": ("snow_melt", 2e-8)}
    fields |= {"surf_ht_flux": ("surf_ht_flux", 1e-3), "t_soil1": ("t1", 1e-4), "lying_snow": ("lying", 3e-5)}
    for key, (golden, atol) in fields.items():
        expected = case.values[f"{golden}_o"]
        torch.testing.assert_close(getattr(fluxes, key), expected, rtol=2e-5, atol=atol, msg=key)


def water(state: SnowState, tiles: SnowTiles) -> Tensor:
    """Water of the tiles, by layers where there are any [kg m-2]."""
    ground = torch.where(tiles.canopy, state.snow_grnd, state.snow_tile)
    if state.ds.shape[0]:
        ground = torch.where(state.ds[0] > 0.0, sum_over_layers(state.sice + state.sliq), ground)
    return ground + torch.where(tiles.canopy, state.snow_tile, 0.0)


@pytest.mark.parametrize("name", SETTINGS)
def test_water_is_conserved(name: str) -> None:
    case = Case(name)
    new, fluxes = case.step()
    change = water(new, case.tiles) - water(case.state, case.tiles)
    layered = case.state.ds[0] > 0.0 if case.switches.nsmax else torch.zeros_like(change, dtype=torch.bool)
    # the surface accounts for the melt that comes with the increment of snow without layers and of canopies
    loss = -case.inputs.snowinc - case.inputs.melt * TIMESTEP
    loss = torch.where(layered & ~case.tiles.canopy, case.inputs.ei * TIMESTEP, loss)
    rain = torch.where(layered, case.inputs.rain, 0.0) if case.switches.l_snow_infilt else 0.0
    into = (case.inputs.snowfall + rain - fluxes.melt) * TIMESTEP - loss
    torch.testing.assert_close(change, into, rtol=0.0, atol=1e-10)


def heat(state: SnowState) -> Tensor:
    """Heat of the layers relative to ice at the melting point [J m-2]."""
    sensible = (state.sice * HCAPI + state.sliq * HCAPW) * (state.tsnow - TM)
    return sum_over_layers(sensible + LF * state.sliq)


def test_heat_of_layers_is_conserved() -> None:
    """Without sublimation, snowfall at the temperature of the top layer brings no more than its own cold."""
    case = Case("default")
    layered = case.state.ds[0] > 0.0
    case.inputs = case.inputs._replace(
        ei=torch.zeros_like(case.inputs.ei), snowfall=torch.zeros_like(case.inputs.snowfall)
    )
    new, fluxes = case.step()
    still = (
        layered
        & (new.ds[0] > 0.0)
        & (fluxes.melt == torch.where(case.tiles.canopy, case.inputs.melt, 0.0))
        & ~case.tiles.canopy
    )
    assert int(still.sum()) >= 10
    gain = (case.inputs.surf_htf + LF * case.inputs.melt - fluxes.snow_soil_htf) * TIMESTEP
    torch.testing.assert_close((heat(new) - heat(case.state))[still], gain[still], rtol=1e-9, atol=1e-3)


def test_snow_of_all_amounts_has_finite_gradients() -> None:
    amounts = torch.tensor([0.0, 1e-6, 1.0, 9.0, 11.0, 100.0, 400.0], dtype=torch.float64)
    for name in ("default", "options"):
        case = Case(name)
        switches, parameters = case.switches, case.parameters
        mass = amounts.expand(4, -1).clone().requires_grad_()
        tiles = SnowTiles(torch.full_like(mass, 0.25).detach(), torch.full_like(mass, 17.6).detach(), case.tiles.canopy)
        column = torch.ones_like(amounts)
        soil = SnowSoil(
            (274.0 * column).requires_grad_(),
            column,
            1.2e6 * column,
            30.0 * column,
            0.1 * column,
            0.4 * column,
            0.1 * column,
        )
        flux = torch.full_like(mass, 40.0).detach().requires_grad_()
        state = initial_snow(mass, torch.full_like(mass, 50.0), soil.t_soil1, tiles, parameters, switches)
        for _ in range(4):
            inputs = SnowInputs(
                1e-4 * column, 0.0 * column, *(torch.zeros_like(mass),) * 3, flux, flux * 0.0 + 272.0, flux * 0.0
            )
            state, fluxes = snow_step(state, inputs, soil, tiles, parameters, switches, timestep=TIMESTEP)
        total = sum((x * x).sum() for x in (*state, *fluxes))
        assert isinstance(total, Tensor)
        for gradient in torch.autograd.grad(total, (mass, flux, soil.t_soil1)):
            assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("name", SETTINGS)
def test_gradcheck_of_a_step(name: str) -> None:
    case = Case(name)
    # shift contents off the kinks of thresholds that single-precision values lie on
    floats = [
        x.clone().requires_grad_() for x in (case.inputs.surf_htf, case.inputs.snowfall + 1e-5, case.soil.t_soil1)
    ]

    def outputs(surf_htf: Tensor, snowfall: Tensor, t_soil1: Tensor) -> tuple[Tensor, ...]:
        inputs = case.inputs._replace(surf_htf=surf_htf, snowfall=snowfall)
        soil = case.soil._replace(t_soil1=t_soil1)
        new, fluxes = snow_step(case.state, inputs, soil, case.tiles, case.parameters, case.switches, timestep=TIMESTEP)
        results: Any = (
            new.snow_tile,
            new.snow_grnd,
            new.snowdepth,
            *new[5:9],
            fluxes.melt,
            fluxes.snow_soil_htf,
            fluxes.t_soil1,
        )
        return tuple(x for x in results if x.numel())

    assert torch.autograd.gradcheck(outputs, floats, eps=1e-7, atol=2e-3, rtol=1e-3, fast_mode=True)


def test_columns_are_independent_of_each_other() -> None:
    case = Case("default", torch.float32)
    together, _ = case.step()
    for i in range(together.snow_tile.shape[-1]):
        alone, _ = snow_step(
            SnowState(*(x[..., i : i + 1] for x in case.state)),
            SnowInputs(*(x[..., i : i + 1] for x in case.inputs)),
            SnowSoil(*(x[..., i : i + 1] for x in case.soil)),
            SnowTiles(case.tiles.frac[:, i : i + 1], case.tiles.catch_snow[:, i : i + 1], case.tiles.canopy),
            case.parameters,
            case.switches,
            timestep=TIMESTEP,
        )
        for a, b in zip(alone, together, strict=True):
            assert torch.equal(a, b[..., i : i + 1])


def test_single_precision_keeps_the_water_of_a_winter() -> None:
    """Rounding is random: that of 500 steps, up to 0.00002 kg m-2, grows to 0.0001 kg m-2 in a year."""
    case = Case("default", torch.float32)
    state, tiles = SnowState(*(x[..., :4] for x in case.state)), case.tiles
    tiles = SnowTiles(tiles.frac[:, :4], tiles.catch_snow[:, :4], tiles.canopy)
    soil = SnowSoil(*(x[:4] for x in case.soil))
    start, gained = water(state, tiles).double(), torch.zeros((4, 4), dtype=torch.float64)
    none, generator = torch.zeros((4, 4)), torch.Generator().manual_seed(0)
    for step in range(500):
        snowfall = 2e-4 * torch.rand(4, generator=generator) * (step % 7 == 0)
        heat_flux = none + (60.0 if step % 48 < 20 else -50.0)
        inputs = SnowInputs(snowfall, none[0], none, none, none, heat_flux, none + 272.0, none)
        state, fluxes = snow_step(state, inputs, soil, tiles, case.parameters, case.switches, timestep=TIMESTEP)
        gained += (snowfall.double() - fluxes.melt.double()) * TIMESTEP
    assert float((water(state, tiles).double() - start - gained).abs().max()) < 2e-5
    assert float(water(state, tiles).max()) > 80.0
