"""The zero-layer snow scheme."""

from __future__ import annotations

import pytest
import torch

from jules_ml.physics.constants import LF, TM
from jules_ml.physics.snow import insulated_conductance, snow_albedo, snow_depth, snow_insulation, snow_melt


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_depth_of_a_store() -> None:
    torch.testing.assert_close(snow_depth(tensor(-1.0, 0.0, 250.0)), tensor(0.0, 0.0, 1.0))


def test_snow_increases_albedo_and_melting_decreases_it() -> None:
    free, cold = tensor(0.2), tensor(0.8)
    assert float(snow_albedo(free, cold, tensor(0.0), tensor(260.0))) == pytest.approx(0.2)
    assert float(snow_albedo(free, cold, tensor(1.0), tensor(260.0))) == pytest.approx(0.8)
    assert float(snow_albedo(free, cold, tensor(1.0), tensor(TM))) == pytest.approx(0.8 - 0.3 * 0.6)


def test_insulation_is_continuous_where_its_two_forms_meet() -> None:
    dzsoil = tensor(0.1, 0.25, 0.65, 2.0).unsqueeze(-1)
    just = tensor(0.05)
    below = snow_insulation(just - 1e-9, tensor(1.5), dzsoil)
    above = snow_insulation(just + 1e-9, tensor(1.5), dzsoil)
    torch.testing.assert_close(below, above, rtol=1e-6, atol=0.0)
    assert float(snow_insulation(tensor(0.0), tensor(1.5), dzsoil)) == 1.0


def test_deep_snow_conducts_as_snow() -> None:
    assert float(insulated_conductance(tensor(30.0), tensor(1.5), tensor(2.0), tensor(0.1))) == pytest.approx(
        30.0 * 0.265 / 1.5
    )


def test_melt_takes_heat_and_ends_with_the_snow() -> None:
    melt = snow_melt(tensor(TM + 2.0, TM + 2.0, TM - 1.0), tensor(100.0, 0.01, 100.0), tensor(50.0), timestep=1800.0)
    torch.testing.assert_close(melt.rate, tensor(100.0 / LF, 0.01 / 1800.0, 0.0))
    torch.testing.assert_close(-melt.dtstar * 50.0, LF * melt.rate)


def test_gradcheck() -> None:
    x = [tensor(v).requires_grad_() for v in (0.2, 0.8, 0.04, 272.5)]
    assert torch.autograd.gradcheck(snow_albedo, x)
    assert torch.autograd.gradcheck(snow_depth, (tensor(3.0).requires_grad_(),))
    dzsoil = tensor(0.1, 0.25).unsqueeze(-1)
    for depth in (0.02, 0.3):
        y = [tensor(v).requires_grad_() for v in (depth, 1.5)]
        assert torch.autograd.gradcheck(lambda d, h: snow_insulation(d, h, dzsoil), y)
        z = [tensor(v).requires_grad_() for v in (30.0, 1.5, depth)]
        assert torch.autograd.gradcheck(lambda a, h, d: insulated_conductance(a, h, d, tensor(0.1)), z)
    w = [tensor(v).requires_grad_() for v in (274.0, 5.0, 60.0)]
    assert torch.autograd.gradcheck(lambda t, s, h: snow_melt(t, s, h, timestep=1800.0).rate, w)
