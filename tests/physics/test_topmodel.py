"""TOPMODEL against JULES, its budget, and its gradients."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import _loobos
import numpy as np
import pytest
import torch

from jules_ml.physics.column import SoilProperties
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.integration import integrate
from jules_ml.physics.soil_carbon import FourPoolCarbon, initial_soil_carbon
from jules_ml.physics.soil_heat import SOLUTIONS_TO_CLOSE
from jules_ml.physics.soil_hydrology import soil_hydrology_step
from jules_ml.physics.soil_respiration import jules_factors
from jules_ml.physics.soil_water import DeepStore, richards_step
from jules_ml.physics.surface import Forcing
from jules_ml.physics.topmodel import (
    Topmodel,
    TopmodelState,
    base_flow,
    deep_saturation,
    initial_water_table,
    saturated_fraction,
    water_table,
)
from jules_ml.physics.topographic_index import saturated_fraction_of_distribution, topmodel_properties
from jules_ml.physics.wetland import unfrozen_wetland

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)
LIKE = torch.ones(4, 1, dtype=torch.float64)
B, SATHH, SATCON, SM_SAT = 6.63 * LIKE, 0.049 * LIKE, 0.0047 * LIKE, 0.458 * LIKE
FORMS = pytest.mark.parametrize("form", [VAN_GENUCHTEN, CLAPP_HORNBERGER], ids=["vg", "ch"])


def scalar(x: float) -> torch.Tensor:
    return torch.tensor([x], dtype=torch.float64)


def properties(ti_mean: float = 6.0) -> Topmodel:
    return topmodel_properties(scalar(1.0), scalar(ti_mean), scalar(2.0), DZSOIL)


def test_fit_of_the_saturated_fraction_is_that_of_jules() -> None:
    # JULES 7.6 with the defaults of the Loobos example: fsat is 0.19376381 at a critical index of 1.425163
    fitted = properties()
    assert float(fitted.c_fsat) == pytest.approx(0.6)
    assert float(fitted.a_fsat) == pytest.approx(0.4556, abs=1e-4)
    assert float(topmodel_properties(scalar(1.0), scalar(0.0), scalar(2.0), DZSOIL).a_fsat) == 0.0


def test_saturated_fraction_falls_with_the_critical_index_and_keeps_its_last_value_outside_the_distribution() -> None:
    top_crit = np.array([[0.0], [1.0], [3.0], [9.0], [11.0], [20.0]])
    fraction = saturated_fraction_of_distribution(top_crit, np.array([6.0]), np.array([2.0]))[:, 0]
    # a gamma distribution of shape 9: half of it is a little below its mean
    assert fraction[0] == pytest.approx(0.4557, abs=1e-3)
    assert (np.diff(fraction[:4]) < 0.0).all()
    assert fraction[-1] == fraction[-2] == fraction[-3]


def test_water_table_in_the_soil_must_be_above_zw_max() -> None:
    with pytest.raises(ValueError, match="zw_max"):
        topmodel_properties(scalar(1.0), scalar(6.0), scalar(2.0), DZSOIL, zw_max=3.0)


@FORMS
def test_base_flow_comes_from_below_the_water_table(form: HydraulicForm) -> None:
    none = torch.zeros_like(LIKE)
    deep, mid, top = (
        base_flow(scalar(zw), none, properties(), b=B, satcon=SATCON, dzsoil=DZSOIL, form=form)
        for zw in (4.0, 0.6, 0.0)
    )
    conductivity = 0.0047 * math.exp(-6.0)
    assert deep.qbase_l[:4].abs().max() == 0.0
    assert float(deep.qbase_l[4]) == pytest.approx(conductivity * (math.exp(-1.0) - math.exp(-3.0)))
    torch.testing.assert_close(mid.qbase_l[:4, 0], conductivity * torch.tensor([0.0, 0.0, 0.4, 2.0]).double())
    assert float(top.top_crit) == pytest.approx(0.0)
    assert float(deep.top_crit) > float(mid.top_crit) > 0.0


@FORMS
def test_ice_stops_base_flow(form: HydraulicForm) -> None:
    flows = [
        base_flow(scalar(0.0), ice * LIKE, properties(), b=B, satcon=SATCON, dzsoil=DZSOIL, form=form)
        for ice in (0.0, 1e-12, 0.5, 1.0)
    ]
    sums = [float(flow.qbase_l.sum()) for flow in flows]
    assert sums[0] >= sums[1] > sums[2] > sums[3] == 0.0
    assert float(flows[3].top_crit) == 10.0
    assert float(saturated_fraction(flows[3].top_crit, properties())) == 0.0


def test_water_table_of_saturated_soil_is_at_the_surface_and_of_dry_soil_at_zw_max() -> None:
    topmodel = properties()
    smclsat = RHO_WATER * SM_SAT * DZSOIL
    soil: dict[str, Any] = {
        "b": B,
        "sathh": SATHH,
        "satcon": SATCON,
        "sm_sat": SM_SAT,
        "dzsoil": DZSOIL,
        "form": VAN_GENUCHTEN,
    }
    depths = [
        float(initial_water_table(wet * smclsat, 0.0 * LIKE, topmodel, sthzw=scalar(wet), **soil).zw)
        for wet in (1.0, 0.9, 0.7, 0.0)
    ]
    assert depths[0] == pytest.approx(0.0, abs=0.01)
    assert depths[0] < depths[1] < depths[2] < depths[3] == 6.0


def test_water_table_is_continuous_where_the_exponent_is_one() -> None:
    topmodel, smcl = properties(), 0.8 * RHO_WATER * SM_SAT * DZSOIL
    deep = 0.8 * deep_saturation(topmodel, sm_sat=SM_SAT, dzsoil=DZSOIL)
    depths = [
        float(water_table(scalar(2.0), smcl, deep, topmodel, b=b * LIKE, sathh=SATHH, sm_sat=SM_SAT, dzsoil=DZSOIL))
        for b in (1.0 - 1e-7, 1.0, 1.0 + 1e-7, 1.0 + 3e-3, 1.0 + 4e-3)
    ]
    np.testing.assert_allclose(depths[:3], depths[1], atol=1e-5)
    assert abs(depths[4] - depths[3]) < 0.01


def test_a_full_store_returns_its_water_to_the_layers_and_the_surface() -> None:
    topmodel = properties()
    smclsat = RHO_WATER * SM_SAT * DZSOIL
    deep = deep_saturation(topmodel, sm_sat=SM_SAT, dzsoil=DZSOIL)
    qbase = torch.full((5, 1), 1e-7, dtype=torch.float64)
    rain = scalar(2e-3)
    water = richards_step(
        0.9999 * smclsat,
        torch.zeros_like(LIKE),
        rain,
        torch.zeros_like(LIKE),
        b=B,
        sathh=SATHH,
        satcon=SATCON,
        sm_sat=SM_SAT,
        dzsoil=DZSOIL,
        timestep=1800.0,
        form=VAN_GENUCHTEN,
        deep=DeepStore(deep, deep, qbase),
    )
    assert float((water.smcl - smclsat).max()) <= 1e-9
    assert float(water.w_flux[-1]) == pytest.approx(1e-7)
    gain = float((water.smcl - 0.9999 * smclsat).sum())
    supplied = 1800.0 * float(rain - water.saturation_excess - qbase[:4].sum() - water.w_flux[-1])
    assert gain == pytest.approx(supplied, abs=1e-9)
    assert float(water.saturation_excess) > 1e-3


@FORMS
@pytest.mark.parametrize("zw", [0.2, 2.0, 4.5])
def test_gradcheck(form: HydraulicForm, zw: float) -> None:
    topmodel = properties()
    smclsat = (RHO_WATER * SM_SAT * DZSOIL).detach()
    ice = torch.tensor([0.2, 0.05, 0.01, 0.01], dtype=torch.float64).unsqueeze(-1)

    def flow_and_fraction(*x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        changed = topmodel._replace(fexp=x[2], ti_mean=x[3])
        flow = base_flow(x[0], x[1], changed, b=x[4], satcon=x[5] * SATCON, dzsoil=DZSOIL, form=form)
        return 1e4 * flow.qbase_l, saturated_fraction(flow.top_crit, changed)

    def depth(*x: torch.Tensor) -> torch.Tensor:
        return water_table(x[0], x[1] * smclsat, 800.0 * x[2], topmodel, b=x[3], sathh=x[4], sm_sat=x[5], dzsoil=DZSOIL)

    start = scalar(zw)
    inputs = (start, ice, scalar(1.0), scalar(6.0), B, LIKE)
    assert torch.autograd.gradcheck(flow_and_fraction, [x.clone().requires_grad_() for x in inputs])
    inputs = (start, 0.8 * LIKE, scalar(1.3), B, SATHH, SM_SAT)
    assert torch.autograd.gradcheck(depth, [x.clone().requires_grad_() for x in inputs])


@pytest.mark.no_cover
def test_column_with_topmodel_follows_jules_through_frost(shared_data: Path) -> None:
    steps = 40 * 48
    column, state, fluxes, jules = _loobos.topmodel_run(shared_data)
    mine = _loobos.free_run(column, state, fluxes, steps)
    assert np.abs(mine["smcl"] - jules.smcl.values[1:steps]).max() < 0.1
    assert np.abs(mine["water_residual"]).max() < 1e-6
    base = mine["sub_surf_roff"]
    np.testing.assert_allclose(base[48:], jules.sub_surf_roff.values[49:steps], rtol=5e-3)
    surface = float(mine["surf_roff"].sum() / jules.surf_roff.values[1:steps].sum())
    assert surface == pytest.approx(1.0, abs=0.02)


def test_gradient_flows_through_days_with_topmodel(shared_data: Path) -> None:
    column, state, fluxes, _ = _loobos.topmodel_run(shared_data)
    satcon = column.soil.satcon.clone().requires_grad_()
    assert column.topmodel is not None
    ti_mean = column.topmodel.ti_mean.clone().requires_grad_()
    column.soil = column.soil._replace(satcon=satcon)
    column.topmodel = column.topmodel._replace(ti_mean=ti_mean)
    for k in range(1, 49):
        state, _ = column.soil_step(state, **{name: series[k] for name, series in fluxes.items()})
    assert state.topmodel is not None
    state.topmodel.zw.sum().backward()
    for gradient in (satcon.grad, ti_mean.grad):
        assert gradient is not None
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) > 0.0


def test_state_and_properties_of_topmodel_go_together(shared_data: Path) -> None:
    column, state, fluxes, _ = _loobos.topmodel_run(shared_data)
    first = {name: series[1] for name, series in fluxes.items()}
    with pytest.raises(ValueError, match="water table"):
        column.soil_step(state._replace(topmodel=None), **first)
    assert isinstance(state.topmodel, TopmodelState)


def test_step_with_weather_starts_from_an_equilibrium_and_closes_its_budget(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    column.topmodel = topmodel_properties(scalar(1.0), scalar(6.0), scalar(2.0), column.dzsoil)
    again = column.initial_state(state.smcl / (RHO_WATER * column.dzsoil * column.soil.sm_sat), state.t_soil)
    assert again.topmodel is not None
    assert 3.0 < float(again.topmodel.zw) < 5.0
    start = float(again.topmodel.zw)
    with torch.no_grad():
        for k in range(5 * 48, 7 * 48):
            again, out = column.step(again, Forcing(*(x[k] for x in forcing)))
            assert abs(float(out["water_residual"])) < 1e-6
    assert float(out["zw"]) == pytest.approx(start, abs=0.05)


def test_saturated_fraction_of_frozen_ground_is_that_of_jules() -> None:
    case = json.loads((Path(__file__).parents[1] / "golden" / "soil_water.json").read_text())[-1]
    assert max(case["sthf"]) > 0.5
    soil = SoilProperties(*(value * LIKE for value in (6.63, 0.04946, 0.004715, 0.45815, 0.24, 0.14, 1.2e6, 0.23)))
    smcl, sthf, ext = (torch.tensor(case[name], dtype=torch.float64).unsqueeze(-1) for name in ("smcl", "sthf", "ext"))
    fsat = {}
    for switch in (True, False):
        step = soil_hydrology_step(
            smcl,
            sthf,
            scalar(case["infiltration"]),
            ext,
            soil=soil,
            dzsoil=DZSOIL,
            timestep=1800.0,
            form=VAN_GENUCHTEN,
            l_holdwater=True,
            l_dpsids_dsdz=True,
            topmodel=properties()._replace(l_wetland_unfrozen=switch),
            topmodel_state=TopmodelState(scalar(case["sthzw"]), scalar(case["zw"]), scalar(case["fsat"])),
        )
        assert step.topmodel is not None
        fsat[switch] = float(step.topmodel.fsat)
        np.testing.assert_allclose(step.smcl.squeeze(-1), case["jules_smcl"], rtol=3e-7)
        assert float(step.topmodel.zw) == pytest.approx(case["jules_zw"], abs=3e-6)
        assert float(step.sub_surf_roff) == pytest.approx(case["jules_sub_surf_roff"], rel=1e-5)
    assert fsat[True] == pytest.approx(case["jules_fsat"], rel=2e-6)
    assert fsat[False] != pytest.approx(case["jules_fsat"], rel=1e-3)


@pytest.mark.parametrize("zw", [0.02, 0.5, 3.2, 5.0])
def test_gradcheck_of_unfrozen_wetland(zw: float) -> None:
    ice = torch.tensor([0.3, 0.2, 0.1, 0.05], dtype=torch.float64).unsqueeze(-1)

    def wetland(*x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        state = TopmodelState(x[0], x[1], scalar(0.1))
        return tuple(unfrozen_wetland(state, x[2], x[3], properties(), b=x[4], sathh=x[5], dzsoil=DZSOIL))

    inputs = (scalar(0.7), scalar(zw), 0.5 * LIKE, ice, B, SATHH)
    assert torch.autograd.gradcheck(wetland, [x.clone().requires_grad_() for x in inputs], atol=1e-4)


def test_without_ice_the_wetland_is_that_of_the_water_table() -> None:
    state = TopmodelState(scalar(0.7), scalar(2.0), scalar(0.1))
    found = unfrozen_wetland(state, 0.6 * LIKE, 0.0 * LIKE, properties(), b=B, sathh=SATHH, dzsoil=DZSOIL)
    assert float(found.zw_inund) == 2.0
    assert float(found.wutot) == 1.0


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
def test_kernel_steps_the_water_table_and_the_pools_of_carbon_as_torch_does(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    column.topmodel = topmodel_properties(scalar(1.0), scalar(6.0), scalar(2.0), column.dzsoil, l_wetland_unfrozen=True)
    column.l_holdwater = column.l_dpsids_dsdz = True
    column.heat_solutions = SOLUTIONS_TO_CLOSE
    column.carbon = FourPoolCarbon(
        veg_frac=scalar(0.9),
        litter=scalar(2e-8),
        dpm_ratio=scalar(0.3),
        clay=scalar(0.1).unsqueeze(0),
        l_layeredc=True,
        triffid_period=1,
    )
    column.factors = jules_factors(4)
    start = column.initial_state(state.smcl / (RHO_WATER * column.dzsoil * column.soil.sm_sat), state.t_soil)
    pools = torch.tensor([0.1, 3.0, 0.2, 5.0], dtype=torch.float64).reshape(4, 1, 1).expand(4, 4, 1).clone()
    start = start._replace(carbon=initial_soil_carbon(pools))
    days = Forcing(*(x[: 2 * 48] for x in forcing))
    names = ("smcl", "t_soil", "zw", "fsat", "sub_surf_roff", "c_dpm", "cs_gb", "resp_s_gb", "heat_residual")
    eager, kernel = (integrate(column, start, days, outputs=names, compiled=x).outputs for x in (False, True))
    assert float(eager["cs_gb"][47]) != float(eager["cs_gb"][46])
    for name in names:
        torch.testing.assert_close(kernel[name], eager[name], rtol=1e-9, atol=1e-9, msg=name)
