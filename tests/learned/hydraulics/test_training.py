"""Calibration recovers known parameters, and a network is trained on several sites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from jules_ml.errors import BadInput
from jules_ml.experiment.soil_processes import TopmodelSection
from jules_ml.learned.hydraulics.calibration import calibrate
from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch, layer_weights
from jules_ml.learned.hydraulics.misfit import Expansion, expanded_errors, misfit, stack_expansions
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.hydraulics.simulation import (
    Response,
    at_sensors,
    batch_soil,
    concatenate_soils,
    response,
    simulate,
)
from jules_ml.learned.hydraulics.training import TrainingColumns, TrainingSettings, train_hydraulics
from jules_ml.physics import tiles
from jules_ml.physics.hydraulics import conductivity_vg, suction_vg
from jules_ml.physics.surface import Forcing

DAYS, STEP = 40, 10800.0
DEPTHS = np.array([0.05, 0.225, 0.675, 2.0])


def weather(days: int = DAYS, *, rain: float = 6e-5) -> Forcing:
    """Dry days, with half a day of rain every fifth day."""
    n = 8 * days
    step = torch.arange(float(n))
    sun = torch.clamp(-torch.cos(2.0 * torch.pi * (step + 0.5) / 8.0), min=0.0)
    return Forcing(
        sw_down=650.0 * sun,
        lw_down=torch.full((n,), 330.0),
        tot_rain=torch.where((step // 4) % 10 == 0, 10.0 * rain, 0.0),
        tot_snow=torch.zeros(n),
        t_air=287.0 + 6.0 * (sun - 0.3),
        wind=torch.full((n,), 3.0),
        pstar=torch.full((n,), 1e5),
        q=torch.full((n,), 0.006),
    )


def site(name: str, *, rain: float = 6e-5, **inputs: float) -> HydraulicSite:
    return HydraulicSite(
        name=name,
        forcing=weather(rain=rain),
        tiles=[tiles.C3_GRASS, tiles.BARE_SOIL],
        frac=[0.8, 0.2],
        observed=np.full((DAYS, 4), np.nan),
        sensor_depth=DEPTHS,
        carbon_density=(20.0, 5.0),
        inputs=dict(inputs),
    )


@pytest.mark.no_cover
def test_known_soils_are_recovered_over_the_simulated_range_of_wetness() -> None:
    batch = column_batch([site("wet", rain=9e-5), site("dry", rain=4e-5)], timestep=STEP, spin_up_days=0)
    true = torch.tensor([-0.4, 0.2, 0.3, -0.2, -0.5])[:, None, None].expand(5, 2, 2).clone()
    true[:, :, 1] += torch.tensor([0.3, -0.3, -0.4, 0.4, 0.0])[:, None]
    with torch.no_grad():
        layers = simulate(batch, batch_soil(batch, true))
    start = torch.zeros_like(true)
    start[4] = true[4]  # residual water only shifts the readings
    calibration = calibrate(batch, start, observed=at_sensors(batch, layers), rounds=7)
    assert bool((calibration.cost[1:] <= calibration.cost[:-1]).all())
    truth, theta_r = batch_soil(batch, true)
    learned, learned_r = batch_soil(batch, calibration.raw)
    for quantile in (0.05, 0.5, 0.95):
        theta = torch.quantile(layers, quantile, dim=0)[:2]  # the subsoil hardly moves in two months
        s, t = ((theta - r[:2]) / p.sm_sat[:2] for p, r in ((truth, theta_r), (learned, learned_r)))
        k = (
            conductivity_vg(t, learned.b[:2], learned.satcon[:2]).k
            / conductivity_vg(s, truth.b[:2], truth.satcon[:2]).k
        )
        psi = suction_vg(t, learned.b[:2], learned.sathh[:2]).psi / suction_vg(s, truth.b[:2], truth.sathh[:2]).psi
        assert float((k - 1.0).abs().max()) < 0.1
        assert float((psi - 1.0).abs().max()) < 0.1


@pytest.mark.no_cover
def test_a_column_does_not_depend_on_the_others_of_its_batch() -> None:
    sites = (site("low"), replace(site("high"), height=40.0), replace(site("rich"), co2=2e-3))
    raw = torch.full((5, 2, 3), -0.3)

    def water(*sites: HydraulicSite) -> torch.Tensor:
        batch = column_batch(sites, timestep=STEP, spin_up_days=0)
        soil = batch_soil(batch, raw[..., : len(sites)])
        return simulate(batch, concatenate_soils([soil, soil]))

    together = water(*sites)
    for k, each in enumerate(sites):
        for copy in (k, k + 3):
            torch.testing.assert_close(together[..., copy], water(each)[..., 0], atol=2e-5, rtol=0.0)
    for k in (1, 2):
        assert float((together[..., 0] - together[..., k]).abs().max()) > 1e-3


def test_switches_that_differ_between_sites_are_refused() -> None:
    with pytest.raises(BadInput, match="soilhc_method is 1 here and 2 at one"):
        column_batch([site("one"), replace(site("two"), soilhc_method=1)], timestep=STEP)


def test_slopes_match_finite_differences() -> None:
    batch = column_batch([site("one")], timestep=STEP, spin_up_days=0)
    raw = torch.full((5, 2, 1), -0.3)
    simulated = response(batch, raw)
    moved = raw.clone()
    moved[:, 0] += 0.02
    with torch.no_grad():
        again = at_sensors(batch, simulate(batch, batch_soil(batch, moved)))
    expected = 0.02 * simulated.slope[::2].sum(0)
    error = (again - simulated.theta - expected)[:, 0]
    assert float(error.norm() / expected[:, 0].norm()) < 0.1


def test_the_misfit_is_a_quadratic_about_where_the_column_was_run() -> None:
    batch = column_batch([site("one")], timestep=STEP, spin_up_days=0)
    raw = torch.zeros(5, 2, 1)
    simulated = response(batch, raw)
    observed = (
        simulated.theta + 0.05 + 0.01 * torch.randn(simulated.theta.shape, generator=torch.Generator().manual_seed(2))
    )
    observed[10:20] = float("nan")
    about = misfit(simulated, observed)
    assert torch.allclose(about.bias, torch.full((4,), -0.05, dtype=torch.float64), atol=5e-3)
    assert torch.allclose(about.anomaly.sqrt(), torch.full((4,), 0.01, dtype=torch.float64), rtol=0.4)
    moved = raw[None].double() + 0.2
    anomaly, bias, nearest = expanded_errors(stack_expansions([Expansion(raw, about)]), moved, batch.sensor_column)
    measured = torch.isfinite(observed)
    error = torch.where(measured, simulated.theta + 0.2 * simulated.slope.sum(0) - observed, 0.0).double()
    mean = error.sum(0) / measured.sum(0)
    square = torch.where(measured, error - mean, 0.0).pow(2).sum(0) / measured.sum(0)
    assert torch.allclose(bias[0], mean, atol=1e-8)
    assert torch.allclose(anomaly[0], square, rtol=1e-6)
    assert float(nearest) == pytest.approx(0.04)
    assert about.days.tolist() == [DAYS - 10] * 4


def test_a_point_where_the_column_overflowed_has_no_weight() -> None:
    raw = torch.zeros(5, 2, 1)
    slope = torch.full((10, 20, 1), 0.01)
    observed = 0.3 + 0.02 * torch.sin(torch.arange(20.0))[:, None]
    finite = Response(torch.full((20, 1), 0.3), slope)
    overflowed = Response(torch.full((20, 1), torch.nan), slope)
    overflowed_copy = Response(finite.theta, torch.where(torch.arange(10)[:, None, None] == 3, torch.nan, slope))
    points = [
        Expansion(raw + k, misfit(each, observed)) for k, each in enumerate((finite, overflowed, overflowed_copy))
    ]
    alone, together = (
        expanded_errors(stack_expansions(some), raw[None].double() + 1.0, torch.tensor([0]))
        for some in (points[:1], points)
    )
    assert torch.equal(alone[0], together[0])
    assert torch.equal(alone[1], together[1])


def test_one_network_is_trained_on_several_sites() -> None:
    rains = (3e-5, 6e-5, 9e-5)
    sites = [
        site(f"s{k}", rain=r, sand=s, clay=0.2) for k, (r, s) in enumerate(zip(rains, (0.7, 0.4, 0.2), strict=True))
    ]
    batch = column_batch(sites, timestep=STEP, spin_up_days=0)
    network = LearnedHydraulics(["sand"], members=2, hidden=3)
    pretrain(network, [s.inputs for s in sites])
    table = torch.tensor(input_table([s.inputs for s in sites], network.inputs))
    with torch.no_grad():
        true = network(table).mean(0) + torch.tensor([0.5, -0.5, 0.4, 0.3, 0.0])[:, None, None]
        observed = at_sensors(batch, simulate(batch, batch_soil(batch, true.float())))
    for k, each in enumerate(sites):
        each.observed[:] = observed[:, 4 * k : 4 * k + 4].numpy()
    costs = train_hydraulics(
        network,
        [TrainingColumns(column_batch(sites, timestep=STEP, spin_up_days=0), np.ones(3, dtype=bool))],
        TrainingSettings(rounds=2, bootstrap=False),
    )
    assert min(costs) < costs[0] - 0.3


def test_a_bone_dry_top_layer_does_not_break_the_column() -> None:
    desert = site("desert", rain=0.0)
    batch = column_batch([desert], timestep=STEP, spin_up_days=0)
    loose = torch.tensor([-5.0, -2.0, 4.0, 0.0, 0.0])[:, None, None].expand(5, 2, 1).clone()
    with torch.no_grad():
        assert bool(torch.isfinite(simulate(batch, batch_soil(batch, loose))).all())


def test_sensors_between_layers_are_interpolated() -> None:
    weights = layer_weights(np.array([0.02, 0.05, 0.1375, 3.0]), [0.1, 0.25, 0.65, 2.0])
    assert weights[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert weights[2].tolist() == pytest.approx([0.5, 0.5, 0.0, 0.0])
    assert weights[3].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_weather_and_observations_of_different_length_are_refused() -> None:
    wrong = site("odd")
    object.__setattr__(wrong, "observed", np.full((DAYS + 1, 4), np.nan))
    with pytest.raises(BadInput, match=r"odd.*320 steps.*41 days") as caught:
        column_batch([wrong], timestep=STEP)
    assert "same whole days" in caught.value.remedy


def test_columns_of_a_batch_have_the_water_table_of_their_sites() -> None:
    top = TopmodelSection(ti_mean=6.0, ti_sig=2.0, fexp=1.0, sthzw=0.98)
    steep = top.model_copy(update={"ti_mean": 3.0})
    raw = torch.zeros(5, 2, 2)
    theta = {}
    for name, sections in {"drains": (None, None), "same": (top, top), "steep": (top, steep)}.items():
        sites = [replace(site(str(n)), topmodel=section) for n, section in enumerate(sections)]
        batch = column_batch(sites, timestep=STEP, spin_up_days=0)
        with torch.no_grad():
            theta[name] = simulate(batch, concatenate_soils([batch_soil(batch, raw)] * 2))
    assert bool(torch.isfinite(theta["steep"]).all())
    assert not torch.equal(theta["drains"], theta["same"])
    torch.testing.assert_close(theta["same"][..., 0], theta["same"][..., 1])
    torch.testing.assert_close(theta["steep"][..., 0], theta["same"][..., 0])
    torch.testing.assert_close(theta["steep"][..., 1], theta["steep"][..., 3])
    assert not torch.equal(theta["steep"][..., 1], theta["same"][..., 1])
    with pytest.raises(BadInput, match="TOPMODEL is not the same"):
        column_batch([site("one"), replace(site("two"), topmodel=top)], timestep=STEP, spin_up_days=0)
