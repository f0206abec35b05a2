"""Conformal intervals."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import coverage


@pytest.mark.parametrize("cover", [0.8, 0.9])
def test_conformal_intervals_cover_new_blocks(cover: float) -> None:
    rng = np.random.default_rng(1)
    z = rng.standard_t(4, 5000)
    low, high = conformal_quantiles(z, np.arange(5000) // 500, cover)
    new = rng.standard_t(4, 20000)
    assert coverage(np.full(20000, low), np.full(20000, high), new) == pytest.approx(cover, abs=0.02)


def test_every_block_counts_alike() -> None:
    z = np.concatenate([np.zeros(9000), np.full(100, 5.0)])
    block = np.concatenate([np.zeros(9000, int), np.ones(100, int)])
    assert conformal_quantiles(z, block, 0.9)[1] == 5.0
