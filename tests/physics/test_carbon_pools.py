"""Soil carbon pools: conservation, limits, JULES's own increments, and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from torch import Tensor

from jules_ml.physics import carbon_pools, respiration

f64 = torch.float64
DAY = 86400.0
CS = torch.tensor([0.1, 4.0, 0.4, 6.0], dtype=f64)
RATE = torch.tensor(respiration.KAPS_4POOL, dtype=f64)
LITTER = torch.tensor(2e-8, dtype=f64)
DPM_SHARE = torch.tensor(0.3, dtype=f64)


def resp_frac(clay: float) -> Tensor:
    return respiration.resp_frac(torch.tensor(clay, dtype=f64))


def test_litter_splits_by_its_dpm_to_rpm_ratio() -> None:
    torch.testing.assert_close(carbon_pools.dpm_fraction(torch.tensor([0.25, 0.67])), torch.tensor([0.2, 0.67 / 1.67]))


@pytest.mark.parametrize("timestep", [1800.0, DAY, 360 * DAY, 1e5 * DAY])
def test_four_pools_conserve_carbon_and_stay_positive(timestep: float) -> None:
    step = carbon_pools.step_four_pool(CS, RATE, LITTER, DPM_SHARE, resp_frac(0.2), timestep)
    assert (step.cs > 0).all()
    gained = step.cs.sum() - CS.sum()
    torch.testing.assert_close(gained, (LITTER - step.co2) * timestep, rtol=1e-12, atol=1e-13)


def test_four_pool_step_is_the_tendency_at_its_end() -> None:
    timestep = 10 * DAY
    step = carbon_pools.step_four_pool(CS, RATE, LITTER, DPM_SHARE, resp_frac(0.2), timestep)
    tendency = carbon_pools.pool_tendency(RATE * step.cs, LITTER, DPM_SHARE, resp_frac(0.2))
    torch.testing.assert_close(step.cs, CS + timestep * tendency, rtol=1e-13, atol=0.0)


def test_tendency_sums_to_litter_less_what_leaves() -> None:
    respired = RATE * CS
    tendency = carbon_pools.pool_tendency(respired, LITTER, DPM_SHARE, resp_frac(0.2))
    torch.testing.assert_close(tendency.sum(), LITTER - resp_frac(0.2) * respired.sum(), rtol=1e-12, atol=1e-22)


def test_four_pools_settle_where_respiration_balances_litter() -> None:
    cs = CS
    for _ in range(4000):
        cs, co2 = carbon_pools.step_four_pool(cs, RATE, LITTER, DPM_SHARE, resp_frac(0.2), 360 * DAY)
    torch.testing.assert_close(co2, LITTER, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(RATE[:2] * cs[:2], LITTER * torch.stack([DPM_SHARE, 1 - DPM_SHARE]), rtol=1e-6, atol=0.0)


def test_one_pool_conserves_carbon_and_follows_the_exact_solution() -> None:
    cs, rate = torch.tensor(12.0, dtype=f64), torch.tensor(5e-9, dtype=f64)
    step = carbon_pools.step_one_pool(cs, rate, LITTER, DAY)
    torch.testing.assert_close(step.cs - cs, (LITTER - step.co2) * DAY, rtol=1e-9, atol=0.0)
    balance = LITTER / rate
    exact = balance + (cs - balance) * torch.exp(-rate * DAY)
    torch.testing.assert_close(step.cs, exact, rtol=1e-6, atol=0.0)


def test_bio_and_hum_move_as_in_jules(shared_data: Path) -> None:
    """TRIFFID moves BIO and HUM by what the pools respired in the ten days before: no litter, nothing unknown."""
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_trif_30min.nc") as dataset:
        output = dataset[["cs", "resp_s"]].isel(x=0, y=0, sclayer=0).load()
    cs = torch.from_numpy(output["cs"].to_numpy()).double()
    respired = torch.from_numpy(output["resp_s"].to_numpy()).double() / resp_frac(0.0)
    calls = torch.arange(479, len(cs), 480)
    for first, last in zip(calls[:-1].tolist(), calls[1:].tolist(), strict=True):
        # the step after a call holds the call's own budget residue, which JULES leaves out of the next sum
        ordinary = respired[first + 2 : last + 1].sum(0)
        mean = (ordinary + respired[first + 2]) / 480
        tendency = carbon_pools.pool_tendency(mean, torch.zeros((), dtype=f64), DPM_SHARE, resp_frac(0.0))
        moved = (cs[last] - cs[last - 1])[2:]
        # one step of 480 was replaced by its neighbour, and JULES rounds carbon to 1e-6 kg m-2
        torch.testing.assert_close(tendency[2:] * 864000.0, moved, rtol=2e-3, atol=2e-6)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (carbon_pools.dpm_fraction, (leaf(0.25, 0.67),)),
        (carbon_pools.pool_tendency, (leaf(0.1, 4.0, 0.4, 6.0), leaf(0.5), leaf(0.3), leaf(0.85))),
        (lambda c, r, w: carbon_pools.step_one_pool(c, r, w, 0.7), (leaf(12.0), leaf(0.5), leaf(0.2))),
        (
            lambda c, r, w, d, a: carbon_pools.step_four_pool(c, r, w, d, a, 0.7),
            (leaf(0.1, 4.0, 0.4, 6.0), leaf(0.9, 0.1, 0.2, 0.01), leaf(0.2), leaf(0.3), leaf(0.85)),
        ),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_precision_and_batches() -> None:
    cs = torch.rand(7, 3, 4)
    rate = torch.tensor(respiration.KAPS_4POOL).expand(7, 3, 4)
    litter, decomposable, resp_frac = torch.full((7, 3), 2e-8), torch.full((3,), 0.3), torch.tensor(0.85)
    single = carbon_pools.step_four_pool(cs, rate, litter, decomposable, resp_frac, DAY)
    assert single.cs.dtype == torch.float32
    assert single.cs.shape == (7, 3, 4)
    assert single.co2.shape == (7, 3)
    double = carbon_pools.step_four_pool(
        cs.double(), rate.double(), litter.double(), decomposable.double(), resp_frac.double(), DAY
    )
    torch.testing.assert_close(single.cs.double(), double.cs, rtol=1e-6, atol=1e-7)
