"""Soil carbon in a single pool: conservation, the exact solution, and gradients."""

from __future__ import annotations

import torch

from jules_ml.physics import carbon_pools

f64 = torch.float64
DAY = 86400.0
LITTER = torch.tensor(2e-8, dtype=f64)


def test_one_pool_conserves_carbon_and_follows_the_exact_solution() -> None:
    cs, rate = torch.tensor(12.0, dtype=f64), torch.tensor(5e-9, dtype=f64)
    step = carbon_pools.step_one_pool(cs, rate, LITTER, DAY)
    torch.testing.assert_close(step.cs - cs, (LITTER - step.co2) * DAY, rtol=1e-9, atol=0.0)
    balance = LITTER / rate
    exact = balance + (cs - balance) * torch.exp(-rate * DAY)
    torch.testing.assert_close(step.cs, exact, rtol=1e-6, atol=0.0)


def test_gradients() -> None:
    inputs = [torch.tensor([value], dtype=f64, requires_grad=True) for value in (12.0, 0.5, 0.2)]
    assert torch.autograd.gradcheck(lambda c, r, w: carbon_pools.step_one_pool(c, r, w, 0.7), inputs)


def test_single_precision_and_batches() -> None:
    cs, rate = torch.rand(7, 3), torch.full((3,), 5e-9)
    single = carbon_pools.step_one_pool(cs, rate, LITTER.float(), DAY)
    assert single.cs.dtype == torch.float32
    assert single.cs.shape == (7, 3)
    double = carbon_pools.step_one_pool(cs.double(), rate.double(), LITTER, DAY)
    torch.testing.assert_close(single.cs.double(), double.cs, rtol=1e-6, atol=1e-7)
