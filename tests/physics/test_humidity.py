"""Saturation humidity against JULES's table, and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.tensors import finite_gradients
from torch import Tensor

from jules_ml.physics import humidity
from jules_ml.physics.constants import REPSILON

f64 = torch.float64

#: JULES's table of saturation vapour pressure, over ice and water [K, Pa].
JULES_TABLE = torch.tensor(
    [
        (223.15, 3.93344),
        (233.15, 12.8290),
        (243.15, 37.9725),
        (253.15, 103.155),
        (263.15, 259.667),
        (273.15, 610.641),
        (283.15, 1227.09),
        (293.15, 2337.08),
        (303.15, 4242.72),
        (313.15, 7377.29),
        (323.15, 12338.9),
    ],
    dtype=f64,
)


def goff_gratch(t: Tensor) -> Tensor:
    """Goff and Gratch's formulas, over ice below 273.15 K, as in the Smithsonian tables [Pa]."""
    steam, triple = 373.16, 273.16
    water = (
        -7.90298 * (steam / t - 1)
        + 5.02808 * torch.log10(steam / t)
        - 1.3816e-7 * (10 ** (11.344 * (1 - t / steam)) - 1)
        + 8.1328e-3 * (10 ** (-3.49149 * (steam / t - 1)) - 1)
        + torch.log10(torch.tensor(1013.246, dtype=t.dtype))
    )
    ice = (
        -9.09718 * (triple / t - 1)
        - 3.56654 * torch.log10(triple / t)
        + 0.876793 * (1 - t / triple)
        + torch.log10(torch.tensor(6.1071, dtype=t.dtype))
    )
    return 100.0 * 10 ** torch.where(t < 273.15, ice, water)


def test_within_0_12_percent_of_jules_table() -> None:
    t, table = JULES_TABLE.unbind(-1)
    torch.testing.assert_close(humidity.saturation_vapour_pressure(t), table, rtol=0.0012, atol=0.0)


def test_within_0_25_percent_of_goff_and_gratch_everywhere() -> None:
    t = torch.linspace(223.0, 323.0, 2001, dtype=f64)
    torch.testing.assert_close(humidity.saturation_vapour_pressure(t), goff_gratch(t), rtol=0.0025, atol=0.0)


def test_ice_and_water_meet_at_the_melting_point() -> None:
    around = humidity.saturation_vapour_pressure(torch.tensor([273.15 - 1e-9, 273.15], dtype=f64))
    torch.testing.assert_close(around[0], around[1], rtol=1e-4, atol=0.0)


def test_specific_humidity_saturation_at_20_degrees() -> None:
    q = humidity.specific_humidity_saturation(torch.tensor(293.15, dtype=f64), torch.tensor(101325.0, dtype=f64))
    e = 2337.08 * (1 + 1e-8 * 101325 * (4.5 + 6e-4 * 400))
    assert float(q) == pytest.approx(REPSILON * e / (101325 - (1 - REPSILON) * e), rel=0.0015)


def test_vapour_pressure_inverts_specific_humidity() -> None:
    e, p = torch.tensor([500.0, 2000.0], dtype=f64), torch.tensor(95000.0, dtype=f64)
    q = REPSILON * e / (p - (1 - REPSILON) * e)
    torch.testing.assert_close(humidity.vapour_pressure(q, p), e)


def test_extremes_are_finite_and_bounded() -> None:
    t = torch.tensor([173.0, 223.0, 273.15, 338.0, 373.0], requires_grad=True)
    q = humidity.specific_humidity_saturation(t, torch.tensor(50000.0))
    q.sum().backward()
    assert bool(((q.detach() > 0) & (q.detach() <= 1)).all())
    assert finite_gradients(t)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (humidity.saturation_vapour_pressure, (leaf(230.0, 290.0),)),
        (lambda t, p: 1e3 * humidity.specific_humidity_saturation(t, p), (leaf(230.0, 290.0), leaf(9e4))),
        (humidity.vapour_pressure, (leaf(0.001, 0.02), leaf(9e4))),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs, eps=1e-5)


def test_single_and_double_precision_agree_in_one_graph() -> None:
    @torch.compile(backend="eager", fullgraph=True)
    def saturation(t: Tensor) -> Tensor:
        return humidity.saturation_vapour_pressure(t)

    t = torch.linspace(223.0, 323.0, 101, dtype=f64)
    single = saturation(t.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), humidity.saturation_vapour_pressure(t), rtol=3e-5, atol=0.0)
