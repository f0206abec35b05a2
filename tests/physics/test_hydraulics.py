"""Retention and conductivity: JULES's linear ends, slopes, gradients, and the inverse of suction."""

from __future__ import annotations

import pytest
import torch

from jules_ml.physics.hydraulics import (
    CLAPP_HORNBERGER,
    SUCTION_CRIT,
    SUCTION_WILT,
    VAN_GENUCHTEN,
    HydraulicForm,
    conductivity_ch,
    conductivity_vg,
    suction_ch,
    suction_vg,
)

FORMS = pytest.mark.parametrize("form", [VAN_GENUCHTEN, CLAPP_HORNBERGER], ids=["vg", "ch"])
#: Loobos's soil.
B = torch.tensor(6.63, dtype=torch.float64)
SATHH = torch.tensor(0.04946, dtype=torch.float64)
SATCON = torch.tensor(0.004715, dtype=torch.float64)


def wetness(n: int = 181) -> torch.Tensor:
    return torch.linspace(0.055, 0.945, n, dtype=torch.float64)


@FORMS
def test_slopes_are_those_of_the_curves(form: HydraulicForm) -> None:
    s = wetness().requires_grad_()
    psi = form.suction(s, B, SATHH)
    (by_autograd,) = torch.autograd.grad(psi.psi.sum(), s)
    torch.testing.assert_close(psi.dpsi, by_autograd, rtol=1e-9, atol=0.0)
    k = form.conductivity(s, B, SATCON)
    (by_autograd,) = torch.autograd.grad(k.k.sum(), s)
    torch.testing.assert_close(k.dk, by_autograd, rtol=1e-9, atol=1e-18)


@FORMS
def test_gradcheck(form: HydraulicForm) -> None:
    s = torch.tensor([0.03, 0.2, 0.5, 0.8, 0.97], dtype=torch.float64, requires_grad=True)
    b = torch.full_like(s, 6.63).detach().requires_grad_()
    h = torch.full_like(s, 0.05).detach().requires_grad_()
    assert torch.autograd.gradcheck(form.suction, (s, b, h))
    assert torch.autograd.gradcheck(form.conductivity, (s, b, h))
    inside = torch.tensor([3.0, 30.0, 150.0, 1.0, 10.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(form.wetness_at_suction, (inside, b, h))


@FORMS
def test_wetness_at_suction_inverts_the_curve(form: HydraulicForm) -> None:
    s = torch.linspace(0.1, 0.9, 33, dtype=torch.float64)
    torch.testing.assert_close(form.wetness_at_suction(form.suction(s, B, SATHH).psi, B, SATHH), s, rtol=1e-9, atol=0.0)


def test_wilting_and_critical_point_of_loobos() -> None:
    # JULES's ancillary for that soil: sm_wilt 0.136328, sm_crit 0.242433 of sm_sat 0.45815, by Clapp and Hornberger
    wilt = 0.45815 * CLAPP_HORNBERGER.wetness_at_suction(SUCTION_WILT, B, SATHH)
    crit = 0.45815 * CLAPP_HORNBERGER.wetness_at_suction(SUCTION_CRIT, B, SATHH)
    assert float(wilt) == pytest.approx(0.136328, rel=2e-3)
    assert float(crit) == pytest.approx(0.242433, rel=2e-3)


def test_linear_ends_of_van_genuchten() -> None:
    ends = torch.tensor([0.0, 0.05, 0.95, 1.0], dtype=torch.float64)
    k, psi = conductivity_vg(ends, B, SATCON), suction_vg(ends, B, SATHH)
    assert float(k.k[0]) == pytest.approx(0.0, abs=1e-18)
    assert float(k.k[3]) == pytest.approx(float(SATCON), rel=1e-12)
    assert float(psi.psi[3]) == pytest.approx(0.0, abs=1e-12)
    assert float(psi.psi[0]) > float(psi.psi[1])


@pytest.mark.parametrize("beyond", [-0.1, 1.1])
def test_curves_are_finite_outside_the_physical_range(beyond: float) -> None:
    s = torch.tensor(beyond, dtype=torch.float64)
    for form in (VAN_GENUCHTEN, CLAPP_HORNBERGER):
        k, psi = form.conductivity(s, B, SATCON), form.suction(s, B, SATHH)
        assert 0.0 <= float(k.k) <= float(SATCON)
        assert float(k.dk) == 0.0
        assert torch.isfinite(psi.psi)


def test_clapp_hornberger_is_flat_in_dry_soil_and_dry_soil_does_not_conduct() -> None:
    s = torch.tensor([0.0, 0.005], dtype=torch.float64)
    psi = suction_ch(s, B, SATHH)
    assert float(psi.psi[0]) == float(psi.psi[1])
    assert float(psi.dpsi.abs().max()) == 0.0
    assert float(conductivity_ch(s, B, SATCON).k[0]) == 0.0


@FORMS
def test_single_precision_agrees(form: HydraulicForm) -> None:
    s = wetness()
    single = form.conductivity(s.float(), B.float(), SATCON.float()).k
    torch.testing.assert_close(single.double(), form.conductivity(s, B, SATCON).k, rtol=2e-4, atol=1e-12)
    single = form.suction(s.float(), B.float(), SATHH.float()).psi
    torch.testing.assert_close(single.double(), form.suction(s, B, SATHH).psi, rtol=5e-5, atol=0.0)
