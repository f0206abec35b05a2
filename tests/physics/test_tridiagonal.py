"""The bounded tridiagonal solver, and what it does where a denominator vanishes."""

from __future__ import annotations

import pytest
import torch

from jules_ml.physics.tridiagonal import solve_bounded

WIDE = torch.full((4, 1), 1e6, dtype=torch.float64)


def system(n: int = 20) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    a, c, d = (torch.randn(4, n, dtype=torch.float64, generator=generator) for _ in range(3))
    return a, 1.0 + a.abs() + c.abs(), c, d


def test_unbounded_it_solves_the_system() -> None:
    a, b, c, d = system()
    x = solve_bounded(a, b, c, d, lower=-WIDE, upper=WIDE)
    for k in range(x.shape[1]):
        matrix = torch.diag(b[:, k]) + torch.diag(a[1:, k], -1) + torch.diag(c[:-1, k], 1)
        torch.testing.assert_close(x[:, k], torch.linalg.solve(matrix, d[:, k]))


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_where_a_denominator_vanishes_the_increment_is_the_explicit_one(layer: int) -> None:
    a, b, c, d = system()
    # without a neighbour below, the denominator of a layer is its own coefficient
    b[layer, 0], c[layer, 0] = 0.0, 0.0
    x = solve_bounded(a, b, c, d, lower=-WIDE, upper=WIDE)
    assert bool(torch.isfinite(x).all())
    assert float(x[layer, 0]) == float(d[layer, 0])
    for n in {0, 1, 2, 3} - {layer}:
        above = a[n, 0] * x[n - 1, 0] if n > 0 else 0.0
        below = c[n, 0] * x[n + 1, 0] if n < 3 else 0.0
        torch.testing.assert_close(above + b[n, 0] * x[n, 0] + below, d[n, 0])
    alone = solve_bounded(*system(), lower=-WIDE, upper=WIDE)
    torch.testing.assert_close(x[:, 1:], alone[:, 1:], rtol=0.0, atol=0.0)


def test_gradients_stay_finite_where_a_denominator_vanishes() -> None:
    a, b, c, d = system(1)
    b[2], c[2] = 0.0, 0.0
    leaves = [x.requires_grad_() for x in (a, b, c, d)]
    solve_bounded(*leaves, lower=-WIDE, upper=WIDE).sum().backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert bool(torch.isfinite(leaf.grad).all())
