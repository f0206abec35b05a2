"""FAO-56's worked examples of reference crop evapotranspiration, and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from jules_ml.physics import reference_crop

f64 = torch.float64
DAY, HOUR = 86400.0, 3600.0


def tensor(value: float) -> Tensor:
    return torch.tensor(value, dtype=f64)


@pytest.mark.parametrize(
    ("interval", "seconds", "rad_net", "g_soil", "celsius", "wind", "vpd", "pressure", "expected", "digits"),
    # Allen et al. (1998), chapter 4: MJ m-2, MJ m-2, degC, m s-1, kPa, kPa; mm in the interval, to the digits they give
    [
        pytest.param("day", DAY, 14.33, 0.14, 30.2, 2.0, 1.57, 101.3, 5.72, 0.01, id="example 17, Bangkok, April"),
        pytest.param("day", DAY, 13.28, 0.0, 16.9, 2.078, 0.589, 100.1, 3.88, 0.01, id="example 18, Uccle, 6 July"),
        pytest.param(
            "hour", HOUR, -0.100, -0.050, 28.0, 1.9, 0.378, 101.2, 0.00, 0.005, id="example 19, N'Diaye, 2-3 h"
        ),
        pytest.param(
            "hour", HOUR, 1.749, 0.175, 38.0, 3.3, 3.180, 101.2, 0.63, 0.005, id="example 19, N'Diaye, 14-15 h"
        ),
    ],
)
def test_reference_evapotranspiration_of_fao56_examples(
    interval: Any,
    seconds: float,
    rad_net: float,
    g_soil: float,
    celsius: float,
    wind: float,
    vpd: float,
    pressure: float,
    expected: float,
    digits: float,
) -> None:
    rate = reference_crop.reference_evapotranspiration(
        tensor(rad_net * 1e6 / seconds),
        tensor(g_soil * 1e6 / seconds),
        tensor(celsius + 273.15),
        tensor(wind),
        tensor(vpd * 1000.0),
        tensor(pressure * 1000.0),
        interval=interval,
    )
    assert float(rate) * seconds == pytest.approx(expected, abs=digits)


def test_parts_of_fao56_examples() -> None:
    """Example 18 (Uccle): saturation at 21.5 degC, wind from 10 to 2 m, net radiation; example 19: soil heat."""
    assert float(reference_crop.reference_saturation_pressure(tensor(21.5 + 273.15))) == pytest.approx(2564.0, abs=1.0)
    assert float(reference_crop.wind_at_2m(tensor(2.78), 10.0)) == pytest.approx(2.078, abs=0.003)
    megajoule = 1e6 / DAY
    t_air = tensor(16.9 + 273.15)
    lw_down = 5.67e-8 * t_air**4 - 3.71 * megajoule
    rad_net = reference_crop.reference_net_radiation(tensor(22.07 * megajoule), lw_down, t_air)
    assert float(rad_net) / megajoule == pytest.approx(13.28, abs=0.01)
    soil_heat = reference_crop.reference_soil_heat(torch.tensor([1.749, -0.100], dtype=f64))
    torch.testing.assert_close(soil_heat, torch.tensor([0.1749, -0.050], dtype=f64))


def test_wind_within_the_crop_is_undefined() -> None:
    assert torch.isnan(reference_crop.wind_at_2m(tensor(2.0), 0.15))


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


def test_gradients() -> None:
    inputs = (leaf(150.0, -20.0), leaf(5.0), leaf(290.0, 275.0), leaf(2.0), leaf(600.0, 50.0), leaf(1e5))
    assert torch.autograd.gradcheck(
        lambda *x: 1e5 * reference_crop.reference_evapotranspiration(*x, interval="day"), inputs
    )
    assert torch.autograd.gradcheck(reference_crop.reference_net_radiation, (leaf(400.0), leaf(300.0), leaf(285.0)))
