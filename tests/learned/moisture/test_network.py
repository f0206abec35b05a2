"""The network of soil moisture: causality, masks, and the observation operator of cosmic-ray sensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jules_ml.data.readers.cosmos_uk import read_cosmos_uk
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.crns import d86, footprint_weights, layer_weights
from jules_ml.learned.moisture.inputs import MoistureInputs
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.sensors import Sensors

DAYS = 900


@pytest.fixture(scope="module")
def module() -> LearnedMoisture:
    torch.manual_seed(0)
    return LearnedMoisture(8, 5, MoistureSettings()).eval()


@pytest.fixture(scope="module")
def inputs() -> MoistureInputs:
    return random_inputs(DAYS)


def random_inputs(days: int) -> MoistureInputs:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return MoistureInputs(
        normal(2, 8, days),
        normal(2, days).abs(),
        normal(2, days).abs(),
        normal(2, 4, days),
        normal(2, 5),
        normal(2, 4),
        torch.arange(days, dtype=torch.float32).expand(2, -1),
    )


@pytest.mark.parametrize("day", [1, 250, 699])
def test_inputs_after_a_day_have_no_effect_on_or_before_it(
    module: LearnedMoisture, inputs: MoistureInputs, day: int
) -> None:
    later = replace(
        inputs,
        dynamic=inputs.dynamic.clone(),
        rain=inputs.rain.clone(),
        drying=inputs.drying.clone(),
        jules=inputs.jules.clone(),
    )
    for values in (later.dynamic, later.rain, later.drying, later.jules):
        values[..., day + 1 :] = 9.0
    with torch.no_grad():
        before, after = module(inputs), module(later)
    for a, b in zip(before, after, strict=True):
        assert torch.equal(a[..., : day + 1], b[..., : day + 1])
        assert not torch.equal(a[..., day + 1 :], b[..., day + 1 :])


def test_a_later_start_has_no_effect_after_the_context(module: LearnedMoisture, inputs: MoistureInputs) -> None:
    with torch.no_grad():
        full_run, _ = module(inputs)
        late, _ = module(inputs.windows(torch.full((len(inputs),), 30), DAYS - 30, restarted=True))
    difference = (full_run[..., 30:] - late).abs().amax((0, 1))
    assert float(difference[:30].max()) > 1e-3
    assert float(difference[module.context :].max()) < 1e-5


def test_missing_inputs_differ_from_zero(module: LearnedMoisture, inputs: MoistureInputs) -> None:
    zero, missing = inputs.dynamic.clone(), inputs.dynamic.clone()
    zero[:, 3], missing[:, 3] = 0.0, float("nan")
    with torch.no_grad():
        of_zero, _ = module(replace(inputs, dynamic=zero))
        of_missing, _ = module(replace(inputs, dynamic=missing))
    assert torch.isfinite(of_missing).all()
    assert float((of_zero - of_missing).abs().max()) > 1e-3


def test_a_restarted_run_equals_one_without_earlier_days(module: LearnedMoisture, inputs: MoistureInputs) -> None:
    with torch.no_grad():
        restarted, _ = module(inputs.started_at(torch.tensor([40, 40])))
        cut, _ = module(inputs.windows(torch.full((len(inputs),), 40), DAYS - 40, restarted=True))
    # the first has masked days before its start, the second has no such days: they agree once these are outside the context
    assert float((restarted[..., 40 + module.context :] - cut[..., module.context :]).abs().max()) < 1e-5


def test_the_network_is_small(module: LearnedMoisture) -> None:
    assert sum(p.numel() for p in module.parameters()) < 50_000


def test_the_penetration_depth_is_smaller_in_wet_soil() -> None:
    wet, dry = d86(torch.tensor(0.45), 1200.0), d86(torch.tensor(0.05), 1200.0)
    assert 0.08 < float(wet) < float(dry) < 0.6
    weights = layer_weights(torch.tensor([0.05, 0.45], dtype=torch.float64), 1200.0)
    assert torch.allclose(weights.sum(-1), torch.ones(2, dtype=torch.float64))
    assert weights[1, 0] > weights[0, 0]


def test_the_footprint_has_a_gradient_in_every_layer() -> None:
    profile = torch.tensor([0.2, 0.3, 0.35, 0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: (footprint_weights(p, 1300.0) * p).sum(), (profile,))
    (footprint_weights(profile, 1300.0) * profile).sum().backward()
    assert profile.grad is not None
    assert (profile.grad.abs() > 0).all()


def test_a_wet_footprint_has_less_weight_in_the_second_layer() -> None:
    sensors = Sensors(
        torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]),
        torch.tensor([[False, True]]),
        torch.tensor([[[0.25, 0.1], [0.25, 0.1]]]),
        torch.tensor([1300.0]),
    )
    wet = torch.tensor([[[2.0, -2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]], requires_grad=True)
    observed, spread = sensors.observe(wet, torch.ones_like(wet))
    assert torch.equal(observed[0, 0], wet[0, 0])  # a point sensor in the first layer
    assert float(spread.detach()[0, 1, 0]) == pytest.approx(1.0, abs=1e-6)
    fraction = (observed[0, 1] / wet[0, 0]).detach()
    assert float(fraction[0]) > float(fraction[1]) > 0.3
    observed[0, 1].sum().backward()
    assert wet.grad is not None
    assert (wet.grad[0].abs() > 0).all()
    assert (wet.grad[0, :2] > 0).all()


def test_days_without_a_gauge_are_not_dry_days(module: LearnedMoisture, inputs: MoistureInputs) -> None:
    """A gap in rain leaves the filters at the value of the days around it; dry days would lower them."""
    steady = replace(inputs, rain=torch.full((2, DAYS), 0.3))
    gap, dry = steady.rain.clone(), steady.rain.clone()
    gap[:, 400:460], dry[:, 400:460] = float("nan"), 0.0
    first = 2 * inputs.dynamic.shape[1]
    filtered = [module.features(replace(steady, rain=rain))[:, first : first + 3, 459] for rain in (gap, dry)]
    assert float((filtered[0] - 0.3).abs().max()) < 0.06
    assert float(filtered[1].max()) < 0.1


def test_a_uniform_profile_is_observed_unchanged() -> None:
    profile = torch.full((4,), 0.31)
    assert float((footprint_weights(profile, 1100.0) * profile).sum()) == pytest.approx(0.31, abs=1e-6)


def test_the_penetration_depth_agrees_with_that_of_cosmos_uk(shared_data: Path) -> None:
    """The archive of Spen Farm states D86 at 75 m: it follows from θ, one bulk density, and lattice and organic water."""
    ds = read_cosmos_uk(shared_data / "moisture" / "COSMOS-UK_SPENF_HydroSoil_Daily_2013-2019.csv")
    theta, stated = ds["theta_crns"].to_numpy(), ds["d86"].to_numpy()
    valid = np.isfinite(theta) & np.isfinite(stated)
    best = min(
        float(np.median(np.abs(d86(torch.tensor(theta[valid] + bound), density).numpy() / stated[valid] - 1.0)))
        for density in np.arange(1000.0, 1600.0, 10.0)
        for bound in np.arange(0.0, 0.1, 0.01)
    )
    assert best < 0.01
