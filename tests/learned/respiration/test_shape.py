"""Shapes of f and g, and the uncertainty due to their smoothness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES
from jules_ml.learned.respiration.shape import rising, unimodal
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.smoothing import smoothing_variance
from jules_ml.learned.respiration.training import train_respiration

WEIGHT = np.ones(201)


def turns(curve: torch.Tensor) -> int:
    """Number of changes from rising to falling or back; flat parts do not count."""
    slope = torch.diff(curve)
    signs = torch.sign(slope[slope.abs() > 1e-6])
    return int((torch.diff(signs) != 0).sum())


def test_a_dip_is_removed_and_the_mean_kept() -> None:
    nodes = MOISTURE_NODES
    curve = -8.0 * (nodes - 0.5) ** 2 - 0.3 * torch.exp(-(((nodes - 0.45) / 0.03) ** 2))
    assert turns(curve) == 3
    result = unimodal(curve[None], WEIGHT)[0]
    assert turns(result) == 1
    assert float((result - curve).mean()) == pytest.approx(0.0, abs=0.01)


def test_curves_of_the_right_shape_are_unchanged() -> None:
    peaks = [-8.0 * (MOISTURE_NODES - MOISTURE_NODES[top]) ** 2 for top in (100, 101, 102, 103)]
    curves = torch.stack([*peaks, -2.0 * MOISTURE_NODES])
    assert torch.allclose(unimodal(curves, WEIGHT), curves, atol=1e-12)
    rise = 0.07 * TEMPERATURE_NODES
    assert torch.allclose(rising(rise[None], np.ones(221)), rise[None], atol=1e-12)


def test_g_does_not_decrease() -> None:
    curve = 0.07 * (TEMPERATURE_NODES - 282.4) - 0.5 * torch.sigmoid((TEMPERATURE_NODES - 300.0) * 2.0)
    result = rising(curve[None], np.ones(221))[0]
    assert bool((torch.diff(result) >= -1e-12).all())


def test_shapes_of_a_fit() -> None:
    settings = RespirationSettings(target="soil", members=4, inner_folds=3)
    record = synthetic_record(noise=0.6, days=500).assign_attrs(porosity=0.45)
    learned = train_respiration(select_rows(record, settings), settings)
    assert learned.validation.shaped
    assert all(turns(curve) <= 1 for curve in learned.module.log_f)
    assert bool((torch.diff(learned.module.log_g, dim=1) >= -1e-9).all())
    band = learned.module.curve_f(most=settings.f_max)
    assert float(band.high.max()) <= settings.f_max


def test_f_that_rises_to_saturation_is_one_at_its_maximum() -> None:
    settings = RespirationSettings(target="soil", members=2, inner_folds=3)
    record = synthetic_record(days=900).assign_attrs(porosity=0.45)
    wetness = record["theta"].isel(depth=0) / 0.45
    wetter = record.assign(resp_soil=record["resp_soil"] * np.exp(4.0 * np.maximum(wetness - 0.6, 0.0)))
    learned = train_respiration(select_rows(wetter, settings), settings)
    f = torch.exp(learned.module.log_f.mean(0))
    assert float(f.max()) == pytest.approx(1.0, abs=0.02)
    assert float(learned.module.reference) > 0.65


def test_uncertainty_due_to_smoothness() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.3, 0.7, 2000)
    predicted = 1.0 + x
    flux = predicted + 0.3 * rng.normal(size=2000)
    variance = {
        weight: smoothing_variance(
            x, MOISTURE_NODES, flux=flux, predicted=predicted, smoothness=weight, size=0.1, reference=0.5
        )
        for weight in (1e-4, 1e-2)
    }
    at = int(torch.argmin((MOISTURE_NODES - 0.5).abs()))
    assert float(variance[1e-4][at]) == pytest.approx(0.0, abs=1e-12)
    assert float(variance[1e-4][at + 20]) > float(variance[1e-2][at + 20]) > 0.0
    assert float(variance[1e-4][-1]) == float(variance[1e-4][int(0.71 * 200)])
