"""Learned respiration by parameters of JULES's own formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from _jules_curves import jules_fsth, jules_ftemp

from jules_ml.jules.swap.respiration import fit_stock
from jules_ml.learned.respiration.tables import CurveTable

WILT, SAT = 0.12, 0.45


def training_range(table: CurveTable, low: float, high: float) -> CurveTable:
    return replace(table, seen_min=low, seen_max=high)


def curves(q10: float = 2.0, level: float = 1.0) -> tuple[CurveTable, CurveTable]:
    """Moisture modifier of JULES times a factor, and its temperature modifier, over the range of a tower."""
    f = training_range(jules_fsth(WILT, SAT, pools=1), 0.3, 0.9)
    return replace(f, y=f.y * level), training_range(jules_ftemp(form="q10", q10=q10), 268.0, 298.0)


@pytest.mark.parametrize(("q10", "level"), [(2.0, 1.0), (3.3, 0.7), (1.4, 1.9)])
def test_curves_of_jules_are_recovered(q10: float, level: float) -> None:
    fit = fit_stock(*curves(q10, level), wilt=WILT, sat=SAT, pools=1, allow_rothc=False)
    assert fit.q10 == pytest.approx(q10, rel=1e-3)
    assert fit.scale == pytest.approx(level, rel=2e-3)
    assert fit.f_error < 5e-3
    assert fit.g_error < 1e-3


def test_form_of_rothc_is_kept_where_it_fits_better() -> None:
    f, _ = curves()
    g = training_range(jules_ftemp(form="rothc"), 268.0, 298.0)
    fit = fit_stock(f, g, wilt=WILT, sat=SAT, pools=1, allow_rothc=True)
    assert fit.q10 is None
    assert fit.g_error < 1e-3
    assert fit_stock(f, g, wilt=WILT, sat=SAT, pools=1, allow_rothc=False).q10 is not None


def test_a_shape_unknown_to_jules_has_a_large_error() -> None:
    f, g = curves()
    x = np.linspace(f.x_min, f.x_max, len(f.y))
    drowning = replace(f, y=np.exp(-(((x - 0.5) / 0.2) ** 2)))
    fit = fit_stock(drowning, g, wilt=WILT, sat=SAT, pools=1, allow_rothc=False)
    assert fit.f_error > 0.3
    assert fit.f_at_saturation is None


def test_option_1_is_recovered_where_jules_has_it() -> None:
    _, g = curves()
    f = training_range(jules_fsth(WILT, SAT, pools=1, option_1=(0.22, 0.35)), 0.05, 0.98)
    scaled = replace(f, y=1.3 * f.y)
    fit = fit_stock(scaled, g, wilt=WILT, sat=SAT, pools=1, allow_rothc=False, crit=0.22)
    assert fit.f_at_saturation == pytest.approx(0.35, abs=0.01)
    assert fit.scale == pytest.approx(1.3, rel=0.01)
    before = fit_stock(scaled, g, wilt=WILT, sat=SAT, pools=1, allow_rothc=False)
    assert before.f_at_saturation is None
    assert before.f_error > 10.0 * fit.f_error


def test_option_0_is_kept_where_it_fits_better() -> None:
    fit = fit_stock(*curves(), wilt=WILT, sat=SAT, pools=1, allow_rothc=False, crit=0.22)
    assert fit.f_at_saturation is None
    assert fit.f_error < 5e-3
