"""Exchange coefficients by Monin-Obukhov similarity, and saturation humidity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from jules_ml.physics.constants import REPSILON, VKMAN
from jules_ml.physics.land_surface.exchange import (
    RI_M,
    Profile,
    neutral_profile,
    stability_functions,
    transfer_coefficients,
)
from jules_ml.physics.land_surface.saturation import saturation_humidity


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


PROFILE = neutral_profile(tensor(0.1), tensor(0.01), 10.0, 10.0)


def coefficients(
    db: torch.Tensor, wind: float = 3.0, profile: Profile = PROFILE, cor_mo_iter: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    transfer = transfer_coefficients(
        db, tensor(wind), profile, z1_uv=10.0, z1_tq=10.0, bl_height=1000.0, cor_mo_iter=cor_mo_iter
    )
    return transfer.cd, transfer.ch


def test_neutral_air_has_logarithmic_profiles() -> None:
    cd, ch = coefficients(tensor(0.0))
    log_m, log_h = math.log(10.1 / 0.1), math.log(10.1 / 0.01)
    assert float(cd) == pytest.approx((VKMAN / log_m) ** 2)
    assert float(ch) == pytest.approx(VKMAN**2 / (log_m * log_h))


def test_exchange_declines_with_stability() -> None:
    db = torch.linspace(-0.3, 0.3, 13, dtype=torch.float64)
    cd, ch = coefficients(db)
    assert (np.diff(cd.numpy()) < 0.0).all()
    assert (np.diff(ch.numpy()) < 0.0).all()


def test_free_convection_goes_on_without_wind() -> None:
    _, calm = coefficients(tensor(-0.3), wind=1e-3)
    _, neutral = coefficients(tensor(0.0), wind=1e-3)
    assert float(calm) > 50.0 * float(neutral)
    assert math.isfinite(float(coefficients(tensor(0.3), wind=1e-3)[0]))


@pytest.mark.parametrize("cor_mo_iter", [3, 4])
def test_very_stable_air_keeps_the_shortest_length_of_the_correction(cor_mo_iter: int) -> None:
    db = tensor(1.1 * RI_M * 10.0 * 0.1**2)  # beyond the largest Richardson number at 1 m s-1
    cd, _ = coefficients(db, wind=1.0, cor_mo_iter=cor_mo_iter)
    phi_m, _ = stability_functions(tensor(1.5 * RI_M**2 / 10.0), PROFILE)
    # the coefficient is one of the length and of the scaling velocity of the iteration before
    assert float(cd * phi_m * phi_m) <= VKMAN**2 * 1.05
    assert float(cd) > 0.0


def test_stability_functions_are_continuous_at_neutral() -> None:
    just_stable, just_unstable = (stability_functions(tensor(x), PROFILE) for x in (1e-9, -1e-9))
    for stable, unstable in zip(just_stable, just_unstable, strict=True):
        assert float(stable) == pytest.approx(float(unstable), abs=1e-6)


@pytest.mark.parametrize("db", [-0.2, -0.01, 0.01, 0.2])
@pytest.mark.parametrize("cor_mo_iter", [1, 3, 4])
def test_gradient_of_the_coefficients(db: float, cor_mo_iter: int) -> None:
    def function(db: torch.Tensor, z0: torch.Tensor, wind: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        profile = neutral_profile(z0, 0.1 * z0, 10.0, 10.0)
        transfer = transfer_coefficients(
            db, wind, profile, z1_uv=10.0, z1_tq=10.0, bl_height=1000.0, cor_mo_iter=cor_mo_iter
        )
        return transfer.cd, transfer.ch

    inputs = [x.requires_grad_() for x in (tensor(db), tensor(0.1), tensor(3.0))]
    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize(
    ("t", "vapour"),
    # saturation vapour pressure [Pa] of JULES 7.6
    [(223.15, 3.93344), (253.15, 103.155), (268.15, 401.411), (283.15, 1227.09), (303.15, 4242.72)],
)
def test_saturation_humidity_is_that_of_jules(t: float, vapour: float) -> None:
    pstar = 1.0e5
    moist = vapour * (1.0 + 1e-8 * pstar * (4.5 + 6e-4 * (t - 273.15) ** 2))
    expected = REPSILON * moist / (pstar - (1.0 - REPSILON) * moist)
    assert float(saturation_humidity(tensor(t), tensor(pstar))) == pytest.approx(expected, rel=5e-5)


def test_gradient_of_saturation_humidity() -> None:
    inputs = [tensor(263.0, 283.0).requires_grad_(), tensor(1.0e5).requires_grad_()]
    assert torch.autograd.gradcheck(saturation_humidity, inputs)
