"""Extrapolation outside the training range: continuous value and slope, no overshoot, and the shape of JULES."""

from __future__ import annotations

import pytest
import torch

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.blending import blend, edge_nodes
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, jules_f, jules_g

STEP = float(MOISTURE_NODES[1] - MOISTURE_NODES[0])
F = jules_f(RespirationSettings(), 0.5)


def learned() -> torch.Tensor:
    """Logarithm of a smooth curve unlike that of JULES."""
    return torch.log(1.0 + 0.3 * torch.sin(5.0 * MOISTURE_NODES))


def test_nothing_changes_within_the_training_range() -> None:
    joined = blend(MOISTURE_NODES, learned(), F, data_range=(0.4, 0.8), length=0.05)
    inside = (MOISTURE_NODES >= 0.4) & (MOISTURE_NODES <= 0.8)
    assert torch.equal(joined[inside], learned()[inside])


@pytest.mark.parametrize("data_range", [(0.4, 0.8), (0.32, 0.6), (0.5, 0.97)])
def test_value_and_slope_are_continuous_at_the_edges(data_range: tuple[float, float]) -> None:
    joined = blend(MOISTURE_NODES, learned(), F, data_range=data_range, length=0.05)
    low, high = edge_nodes(MOISTURE_NODES, data_range)
    slope = torch.diff(joined) / STEP
    # the slope of the first interval outside differs from that inside by a fraction of about STEP / (2 L)
    for inside, outside in ((low, low - 1), (high - 1, high)):
        jules = torch.diff(torch.log(F))[outside] / STEP
        allowed = 0.06 * (slope[inside] - jules).abs() + 1e-9
        assert (slope[outside] - slope[inside]).abs() <= allowed


def test_the_shape_becomes_jules() -> None:
    joined = blend(MOISTURE_NODES, learned(), F, data_range=(0.45, 0.55), length=0.02)
    far = MOISTURE_NODES > 0.75
    torch.testing.assert_close(torch.diff(joined)[far[:-1]], torch.diff(torch.log(F))[far[:-1]], rtol=1e-3, atol=1e-6)


def test_slopes_lie_between_the_edge_and_jules() -> None:
    """A flat curve with an edge just above JULES's corner must not increase towards dry soil."""
    flat = torch.zeros_like(MOISTURE_NODES)
    joined = blend(MOISTURE_NODES, flat, F, data_range=(0.32, 0.9), length=0.05)
    assert bool((torch.diff(joined) >= -1e-12)[: int(0.32 / STEP)].all())


def test_rothc_is_finite_where_its_curve_is_zero() -> None:
    settings = RespirationSettings(jules_g="rothc")
    steep = 0.08 * (TEMPERATURE_NODES - 282.4)
    joined = torch.exp(blend(TEMPERATURE_NODES, steep, jules_g(settings), data_range=(268.0, 300.0), length=3.0))
    assert bool(torch.isfinite(joined).all())
    assert float(joined[0]) < 1e-3
    assert float(joined.max()) < 100.0


def test_members_are_blended_independently() -> None:
    both = torch.stack([learned(), 0.5 * learned()])
    together = blend(MOISTURE_NODES, both, F, data_range=(0.4, 0.8), length=0.05)
    for member in range(2):
        alone = blend(MOISTURE_NODES, both[member], F, data_range=(0.4, 0.8), length=0.05)
        torch.testing.assert_close(together[member], alone)


def test_a_range_within_one_interval_still_has_a_slope() -> None:
    low, high = edge_nodes(MOISTURE_NODES, (0.501, 0.502))
    assert high - low == 2
