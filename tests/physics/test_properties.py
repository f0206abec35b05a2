"""Properties of the equations that hold for any soil and weather."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from jules_ml.physics.carbon_pools import step_one_pool
from jules_ml.physics.column import SoilProperties, freeze_soil
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.evaporation import root_fraction, soil_moisture_stress
from jules_ml.physics.humidity import saturation_vapour_pressure
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.interception import throughfall_point
from jules_ml.physics.respiration import fsth, ftemp_q10, ftemp_rothc
from jules_ml.physics.soil_heat import freezing_point, soil_heat_step, unfrozen_water
from jules_ml.physics.soil_water import richards_step
from jules_ml.physics.thermal import soil_thermal_conductivity

N_LAYERS = 4
DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64)[:, None]
TIMESTEP = 1800.0

#: The same examples in every run, without a time limit for one.
same_examples = settings(deadline=None, derandomize=True, max_examples=60, database=None)

fractions = st.floats(0.0, 1.0)
forms = st.sampled_from([VAN_GENUCHTEN, CLAPP_HORNBERGER])


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def profile(low: float, high: float) -> st.SearchStrategy[Tensor]:
    """One value for each layer, shape (layer, 1)."""
    values = st.lists(st.floats(low, high), min_size=N_LAYERS, max_size=N_LAYERS)
    return values.map(lambda x: torch.tensor(x, dtype=torch.float64)[:, None])


@st.composite
def soils(draw: st.DrawFn) -> SoilProperties:
    """Mineral soils, uniform or layered, within the range of JULES's ancillaries."""
    sm_sat = draw(profile(0.3, 0.6))
    return SoilProperties(
        b=draw(profile(2.0, 12.0)),
        sathh=draw(profile(0.01, 1.0)),
        satcon=draw(profile(1e-5, 0.02)),
        sm_sat=sm_sat,
        sm_crit=0.6 * sm_sat,
        sm_wilt=0.3 * sm_sat,
        hcap=draw(profile(0.5e6, 1.5e6)),
        hcon=draw(profile(0.1, 0.4)),
    )


@same_examples
@given(form=forms, b=st.floats(1.0, 12.0), s=st.floats(0.0, 1.0), t=st.floats(0.0, 1.0))
def test_conductivity_rises_with_wetness_up_to_saturation(form: HydraulicForm, b: float, s: float, t: float) -> None:
    satcon = scalar(0.005)
    drier, wetter = (form.conductivity(scalar(x), scalar(b), satcon) for x in sorted((s, t)))
    assert 0.0 <= float(drier.k) <= float(wetter.k) * (1.0 + 1e-12) <= float(satcon) * (1.0 + 2e-12)
    assert float(drier.dk) >= 0.0


@same_examples
@given(form=forms, b=st.floats(1.0, 12.0), s=st.floats(0.0, 1.0), t=st.floats(0.0, 1.0))
def test_suction_falls_with_wetness(form: HydraulicForm, b: float, s: float, t: float) -> None:
    drier, wetter = (form.suction(scalar(x), scalar(b), scalar(0.2)) for x in sorted((s, t)))
    assert float(drier.psi) >= float(wetter.psi) * (1.0 - 1e-12) >= 0.0
    assert float(wetter.dpsi) <= 0.0


@same_examples
@given(form=forms, b=st.floats(1.0, 12.0), sathh=st.floats(0.01, 1.0), s=st.floats(0.06, 0.94))
def test_wetness_at_suction_inverts_suction(form: HydraulicForm, b: float, sathh: float, s: float) -> None:
    psi = form.suction(scalar(s), scalar(b), scalar(sathh)).psi
    assert float(form.wetness_at_suction(psi, scalar(b), scalar(sathh))) == pytest.approx(s, rel=1e-9)


@same_examples
@given(
    form=forms,
    soil=soils(),
    sthuf=profile(0.05, 1.0),
    ice=fractions,
    infiltration=st.floats(0.0, 0.02),
    uptake=st.floats(0.0, 1e-4),
    down=st.booleans(),
)
def test_richards_step_closes_the_water_balance(
    form: HydraulicForm,
    soil: SoilProperties,
    sthuf: Tensor,
    ice: float,
    infiltration: float,
    uptake: float,
    down: bool,
) -> None:
    smclsat = RHO_WATER * DZSOIL * soil.sm_sat
    rain, ext = scalar(infiltration)[None], torch.full((N_LAYERS, 1), uptake, dtype=torch.float64)
    step = richards_step(
        sthuf * smclsat,
        0.5 * ice * sthuf,
        rain,
        ext,
        b=soil.b,
        sathh=soil.sathh,
        satcon=soil.satcon,
        sm_sat=soil.sm_sat,
        dzsoil=DZSOIL,
        timestep=TIMESTEP,
        form=form,
        l_soil_sat_down=down,
    )
    gain = (step.smcl - sthuf * smclsat).sum(0)
    supply = TIMESTEP * (rain - step.saturation_excess - ext.sum(0) - step.w_flux[-1])
    torch.testing.assert_close(gain, supply, rtol=0.0, atol=1e-9)
    assert bool((step.smcl >= -1e-9).all())
    assert bool((step.smcl <= smclsat * (1.0 + 1e-12)).all())


@same_examples
@given(soil=soils(), sthuf=profile(0.0, 1.0), t_soil=profile(240.0, 300.0))
def test_freeze_soil_conserves_water(soil: SoilProperties, sthuf: Tensor, t_soil: Tensor) -> None:
    sthf = freeze_soil(sthuf, t_soil, soil)
    assert bool(((sthf >= 0.0) & (sthf <= sthuf)).all())
    assert bool((sthf[t_soil > 273.15] == 0.0).all())
    colder = freeze_soil(sthuf, t_soil - 1.0, soil)
    assert bool((colder >= sthf).all())


@same_examples
@given(b=st.floats(2.0, 12.0), sathh=st.floats(0.01, 1.0), wetness=st.floats(0.1, 1.0))
def test_freezing_point_is_on_the_freezing_curve(b: float, sathh: float, wetness: float) -> None:
    t = freezing_point(scalar(wetness), scalar(b), scalar(sathh))
    assert float(t) <= 0.0
    if -250.0 < float(t) < -1e-5:
        assert float(unfrozen_water(t, scalar(b), scalar(sathh))) == pytest.approx(wetness, rel=1e-9)


@same_examples
@given(soil=soils(), sthuf=profile(0.1, 0.95), t_soil=profile(255.0, 295.0), flux=st.floats(-150.0, 250.0))
def test_soil_heat_step_accounts_for_all_heat(soil: SoilProperties, sthuf: Tensor, t_soil: Tensor, flux: float) -> None:
    smclsat = RHO_WATER * DZSOIL * soil.sm_sat
    nothing = torch.zeros(1, dtype=torch.float64)
    step = soil_heat_step(
        t_soil,
        sthuf * smclsat,
        freeze_soil(sthuf, t_soil, soil),
        nothing + flux,
        torch.zeros(N_LAYERS + 1, 1, dtype=torch.float64),
        nothing,
        b=soil.b,
        sathh=soil.sathh,
        sm_sat=soil.sm_sat,
        hcap=soil.hcap,
        hcon=soil.hcon,
        dzsoil=DZSOIL,
        timestep=TIMESTEP,
    )
    assert float(step.heat_gain + step.unaccounted) == pytest.approx(flux, abs=1e-6)
    assert bool((step.sthf >= -1e-12).all())
    assert bool((step.sthf <= sthuf + 1e-12).all())


@same_examples
@given(wetness=fractions, w=st.floats(0.05, 0.9), pools=st.sampled_from([1, 4]))
def test_moisture_modifier_is_between_its_minimum_and_1(wetness: float, w: float, pools: Any) -> None:
    f = float(fsth(scalar(wetness), scalar(0.45 * w), scalar(0.45), pools=pools))
    assert 0.2 <= f <= 1.0
    optimum = 0.5 * (1.0 + w)
    if pools == 1:
        assert float(fsth(scalar(optimum), scalar(0.45 * w), scalar(0.45), pools=pools)) == pytest.approx(1.0)


@same_examples
@given(q10=st.floats(1.0, 5.0), t=st.floats(240.0, 320.0), warming=st.floats(0.0, 20.0))
def test_temperature_modifiers_rise_and_are_1_at_the_reference(q10: float, t: float, warming: float) -> None:
    reference = scalar(282.4)
    assert float(ftemp_q10(reference, q10)) == pytest.approx(1.0, abs=1e-14)
    assert float(ftemp_rothc(reference)) == pytest.approx(1.0, abs=2e-3)
    assert float(ftemp_q10(scalar(t) + warming, q10)) >= float(ftemp_q10(scalar(t), q10))
    assert float(ftemp_rothc(scalar(t) + warming)) >= float(ftemp_rothc(scalar(t)))


@same_examples
@given(cs=st.floats(0.0, 50.0), rate=st.floats(0.0, 1e-6), litter=st.floats(0.0, 1e-6), days=st.floats(0.01, 3650.0))
def test_one_pool_step_conserves_carbon(cs: float, rate: float, litter: float, days: float) -> None:
    timestep = 86400.0 * days
    step = step_one_pool(scalar(cs), scalar(rate), scalar(litter), timestep)
    assert float(step.cs) >= 0.0
    residual = float(step.cs) - cs - (litter - float(step.co2)) * timestep
    assert abs(residual) <= 1e-12 * (cs + litter * timestep + float(step.cs))


@same_examples
@given(t=st.floats(180.0, 370.0), warming=st.floats(0.0, 5.0))
def test_saturation_vapour_pressure_rises_with_temperature(t: float, warming: float) -> None:
    # at the melting point the curves over ice and water differ by 0.02 %
    assert float(saturation_vapour_pressure(scalar(t) + warming)) >= 0.9995 * float(
        saturation_vapour_pressure(scalar(t))
    )


@same_examples
@given(depth=st.floats(0.1, 5.0))
def test_root_fractions_add_up_to_1(depth: float) -> None:
    roots = root_fraction(scalar(depth), DZSOIL.flatten())
    assert bool((roots >= 0.0).all())
    assert float(roots.sum()) == pytest.approx(1.0, abs=1e-12)


@same_examples
@given(theta=fractions, more=fractions)
def test_stress_is_a_rising_fraction(theta: float, more: float) -> None:
    drier, wetter = (float(soil_moisture_stress(scalar(x), scalar(0.13), scalar(0.24))) for x in (theta, theta + more))
    assert 0.0 <= drier <= wetter <= 1.0


@same_examples
@given(rain=st.floats(0.0, 0.02), filled=fractions, catch=st.floats(0.1, 1.5))
def test_water_on_leaves_stays_below_their_capacity(rain: float, filled: float, catch: float) -> None:
    canopy = scalar(filled * catch)
    tfall = throughfall_point(scalar(rain), canopy, scalar(catch), timestep=TIMESTEP)
    after = float(canopy) + (rain - float(tfall)) * TIMESTEP
    assert -1e-12 <= after <= catch * (1.0 + 1e-12)
    assert float(tfall) >= -1e-15


@same_examples
@given(method=st.sampled_from([1, 2, 3]), hcon=st.floats(0.05, 0.4), ice=fractions, s=st.floats(0.1, 1.0))
def test_moist_soil_conducts_more_than_dry_soil(method: int, hcon: float, ice: float, s: float) -> None:
    soil = (scalar(hcon), scalar(s * (1.0 - ice)), scalar(s * ice), scalar(0.45))
    assert float(soil_thermal_conductivity(*soil, method=method)) >= hcon * (1.0 - 1e-12)
