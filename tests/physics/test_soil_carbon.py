"""The four pools of soil carbon against JULES, their budget, and their gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import _loobos
import _loobos_carbon
import numpy as np
import pytest
import torch

from jules_ml.physics.soil_carbon import (
    TRIFFID_YEAR,
    FourPoolCarbon,
    SoilCarbonState,
    initial_soil_carbon,
    mixing,
    resp_frac,
    soil_carbon_step,
)
from jules_ml.physics.soil_respiration import jules_factors

DZSOIL = _loobos_carbon.DZSOIL
ONE = torch.ones(1, dtype=torch.float64)
#: One period of TRIFFID of JULES 7.6 at Loobos with layered carbon and without nitrogen: mean of ``fsth * ftemp * fprf`` of the layers,
#: litter [kg m-2 per 360 days] and its decomposable part, the pools before and after (pool, layer) [kg m-2].
GOLDEN_MODIFIER = (0.87540597, 0.67151413, 0.44828421, 0.35895817)
GOLDEN_LITTER, GOLDEN_DPM_RATIO = 0.69755894, 0.31997308
GOLDEN_BEFORE = (
    (0.018175749108195305, 0.02416256070137024, 0.01746719889342785, 0.009801306761801243),
    (1.0015546083450317, 1.0220232009887695, 0.509509265422821, 0.19995534420013428),
    (0.09689623862504959, 0.09820938110351562, 0.05953538045287132, 0.029991598799824715),
    (2.9958276748657227, 3.9999101161956787, 2.9998018741607666, 2.000077724456787),
)
GOLDEN_AFTER = (
    (0.01683122292160988, 0.02405960112810135, 0.01766313798725605, 0.009786529466509819),
    (1.0005038976669312, 1.0243446826934814, 0.5106503963470459, 0.1999524086713791),
    (0.09638907760381699, 0.09800759702920914, 0.059504155069589615, 0.02999085560441017),
    (2.9953534603118896, 3.9997687339782715, 2.9997811317443848, 2.0000810623168945),
)


def settings(**more: Any) -> FourPoolCarbon:
    arguments: dict[str, Any] = {
        "veg_frac": 0.8 * ONE,
        "litter": 2e-8 * ONE,
        "dpm_ratio": 0.3 * ONE,
        "clay": 0.2 * ONE.unsqueeze(0),
    }
    return FourPoolCarbon(**(arguments | more))


def run(carbon: FourPoolCarbon, cs: torch.Tensor, steps: int, modifier: torch.Tensor) -> tuple[SoilCarbonState, float]:
    state, to_atmosphere = initial_soil_carbon(cs), 0.0
    for _ in range(steps):
        state, out = soil_carbon_step(
            state,
            modifier,
            torch.ones_like(modifier),
            torch.full_like(modifier, 280.0),
            carbon.litter,
            carbon=carbon,
            dzsoil=DZSOIL,
            timestep=1800.0,
        )
        to_atmosphere += 1800.0 * float(out["resp_s_gb"])
    return state, to_atmosphere


def test_layered_pools_after_a_period_are_those_of_jules() -> None:
    carbon = settings(
        veg_frac=0.0 * ONE,
        litter=GOLDEN_LITTER / TRIFFID_YEAR * ONE,
        dpm_ratio=GOLDEN_DPM_RATIO * ONE,
        clay=0.0 * ONE.unsqueeze(0),
        l_layeredc=True,
    )
    before, after = (torch.tensor(x, dtype=torch.float64).unsqueeze(-1) for x in (GOLDEN_BEFORE, GOLDEN_AFTER))
    modifier = torch.tensor(GOLDEN_MODIFIER, dtype=torch.float64).unsqueeze(-1)
    state, _ = run(carbon, before, 480, modifier)
    torch.testing.assert_close(state.cs, after, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["trif", "layeredcn"])
def test_pools_follow_jules_at_loobos(shared_data: Path, name: str) -> None:
    pools = _loobos_carbon.run(shared_data, name, periods=6)
    relative = np.abs(pools.own / pools.jules - 1.0)
    # DPM is within a few grams where nitrogen stops growth, which is not part of the scheme here
    assert relative[:, 1:].max() < 2e-5
    if name == "trif":
        assert relative[:, 0].max() < 3e-4
    assert pools.own_resp_s.mean() == pytest.approx(pools.jules_resp_s.mean(), rel=5e-4)


@pytest.mark.parametrize("layered", [False, True])
def test_carbon_is_conserved(layered: bool) -> None:
    carbon = settings(l_layeredc=layered)
    layers = 4 if layered else 1
    cs = torch.tensor([0.1, 3.0, 0.2, 8.0], dtype=torch.float64).reshape(4, 1, 1).expand(4, layers, 1)
    state, to_atmosphere = run(carbon, cs, 960, 0.7 * torch.ones(4, 1, dtype=torch.float64))
    gain = float((state.cs - cs).sum())
    assert gain == pytest.approx(960 * 1800.0 * 2e-8 - to_atmosphere, abs=1e-12)
    assert float(state.resp_s_acc.abs().max()) == 0.0
    assert float(state.asteps_since_triffid) == 0.0


def test_clay_keeps_carbon_in_the_soil() -> None:
    cs = torch.full((4, 1, 1), 2.0, dtype=torch.float64)
    modifier = torch.ones(4, 1, dtype=torch.float64)
    lost = [run(settings(clay=clay * ONE.unsqueeze(0)), cs, 480, modifier)[1] for clay in (0.0, 0.4)]
    assert lost[1] / lost[0] == pytest.approx(float(resp_frac(0.4 * ONE) / resp_frac(0.0 * ONE)))


def test_mixing_moves_carbon_to_the_layer_with_less_and_faster_in_frozen_ground() -> None:
    cs = torch.tensor([1.0, 1.0, 1.0, 1.0], dtype=torch.float64).reshape(1, 4, 1)
    warm, frozen = (mixing(cs, DZSOIL, torch.tensor([x])) for x in (False, True))
    assert float(warm[0, 0]) < 0.0 < float(warm[0, 2])
    assert float(warm.sum()) == pytest.approx(0.0, abs=1e-18)
    torch.testing.assert_close(frozen, 5.0 * warm)


def test_gradcheck_through_a_change_of_the_pools() -> None:
    state = initial_soil_carbon(torch.full((4, 4, 1), 1.0, dtype=torch.float64))
    state = state._replace(asteps_since_triffid=479.0 * ONE, resp_s_acc=0.01 * torch.ones(4, 4, 1).double())

    def pools(*x: torch.Tensor) -> torch.Tensor:
        carbon = settings(veg_frac=x[3], litter=1e-7 * x[4], dpm_ratio=x[5], clay=x[6], l_layeredc=True)
        new, out = soil_carbon_step(
            state._replace(cs=x[0]),
            x[1],
            x[2],
            280.0 * torch.ones(4, 1).double(),
            carbon.litter,
            carbon=carbon,
            dzsoil=DZSOIL,
            timestep=1800.0,
        )
        return torch.cat([new.cs.flatten(), 1e7 * out["resp_s_gb"]])

    layers = torch.ones(4, 1, dtype=torch.float64)
    inputs = (state.cs, 0.6 * layers, 0.9 * layers, 0.5 * ONE, ONE, 0.3 * ONE, 0.2 * layers)
    assert torch.autograd.gradcheck(pools, [x.clone().requires_grad_() for x in inputs])


def test_column_carries_the_pools_through_steps(shared_data: Path) -> None:
    jules = _loobos.jules_output(shared_data, "colvg")
    column, state = _loobos.column(shared_data, "colvg", jules), _loobos.first_state(jules)
    fluxes = {name: series[1] for name, series in _loobos.given_fluxes(jules).items()}
    column.carbon = settings(triffid_period=1)
    column.factors = jules_factors(4)
    cs = torch.tensor([0.1, 3.0, 0.2, 8.0], dtype=torch.float64).reshape(4, 1, 1)
    with pytest.raises(ValueError, match="pools of soil carbon"):
        column.soil_step(state, **fluxes)
    state = state._replace(carbon=initial_soil_carbon(cs))
    lost = 0.0
    with torch.no_grad():
        for _ in range(48):
            state, out = column.soil_step(state, **fluxes, litter=1e-7 * ONE)
            lost += 1800.0 * float(out["resp_s_gb"])
    assert float(out["cs_gb"]) == pytest.approx(11.3 + 86400.0 * 1e-7 - lost, abs=1e-12)
    assert float(out["c_dpm"][0]) != pytest.approx(0.1, abs=1e-4)


def test_modifiers_of_the_second_level_count_ice_as_wetness(shared_data: Path) -> None:
    jules = _loobos.jules_output(shared_data, "colvg")
    soil = _loobos.column(shared_data, "colvg", jules).soil
    ice, t_soil = 0.3 * torch.ones(4, 1).double(), 272.0 * torch.ones(4, 1).double()
    dry, wet = (jules_factors(4, l_soil_resp_lev2=x)(ice, ice, t_soil, soil) for x in (False, True))
    assert bool((wet.fsth > dry.fsth).all())
    assert float(jules_factors(4, l_q10=True)(ice, ice, t_soil, soil).ftemp[0]) > float(dry.ftemp[0])
