"""Range of moisture and temperature that the data support, and curves outside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _hyytiala import hyytiala

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.blending import hold
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.support import WINDOW_S, WINDOW_T, support

RNG = np.random.default_rng(0)


def test_wet_rows_of_one_temperature_do_not_support_f() -> None:
    wetness = np.concatenate([RNG.uniform(0.2, 0.8, 5000), RNG.uniform(0.85, 1.0, 1000)])
    t_soil = np.concatenate([RNG.uniform(273.0, 293.0, 5000), RNG.uniform(273.0, 274.0, 1000)])
    low, high = support(wetness, t_soil, window=WINDOW_S)
    assert 0.18 < low < 0.24
    assert 0.76 < high < 0.86


def test_few_rows_do_not_support_a_curve() -> None:
    t_soil = np.concatenate([RNG.uniform(273.0, 290.0, 5000), [310.0, 311.0]])
    low, high = support(t_soil, window=WINDOW_T)
    assert low == pytest.approx(273.0, abs=0.5)
    assert high == pytest.approx(290.5, abs=1.0)


def test_collinear_rows_keep_nearly_their_range() -> None:
    wetness = RNG.uniform(0.2, 0.8, 2000)
    low, high = support(wetness, 273.0 + 20.0 * wetness, window=0.001)
    assert (low, high) == pytest.approx((0.206, 0.794), abs=0.02)


def test_hold_is_constant_outside_the_range() -> None:
    nodes = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)
    curve = torch.sin(5.0 * nodes).repeat(2, 1)
    result = hold(nodes, curve, data_range=(0.2, 0.6))
    assert torch.equal(result[:, 20:61], curve[:, 20:61])
    assert bool((result[:, :20] == curve[:, 20:21]).all())
    assert bool((result[:, 61:] == curve[:, 60:61]).all())


def test_wet_soil_at_freezing_does_not_support_f_at_hyytiala(shared_data: Path) -> None:
    rows = select_rows(hyytiala(shared_data), RespirationSettings())
    assert support(rows.wetness, rows.t_soil, window=WINDOW_S)[1] < 0.93
    assert rows.wetness.max() == 1.0
