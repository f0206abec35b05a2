"""Gain of a prediction over another, by a paired bootstrap of blocks."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.scoring.bootstrap import paired_gain
from jules_ml.scoring.scores import score

N = 400
BLOCK = np.arange(N) // 10


def observations(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    observed = 3.0 + np.sin(np.arange(N) / 20.0) + 0.3 * rng.normal(size=N)
    return observed, 3.0 + np.sin(np.arange(N) / 20.0), 2.8 + 0.3 * np.sin(np.arange(N) / 20.0)


def test_value_is_the_difference_of_the_scores() -> None:
    observed, good, bad = observations()
    gain = paired_gain(good, bad, observed, BLOCK)
    for name in ("nse", "kge"):
        expected = getattr(score(good, observed), name) - getattr(score(bad, observed), name)
        assert gain[name].value == pytest.approx(expected, abs=1e-9)
        assert gain[name].lower < gain[name].value < gain[name].upper
        assert gain[name].gain == 1
    assert paired_gain(bad, good, observed, BLOCK)["nse"].gain == -1


def test_equal_predictions_have_no_gain() -> None:
    observed, good, _ = observations()
    gain = paired_gain(good, good, observed, BLOCK)["nse"]
    assert [gain.value, gain.lower, gain.upper] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert gain.gain == 0


def test_noise_alone_is_no_gain() -> None:
    observed, good, _ = observations()
    rng = np.random.default_rng(1)
    first, second = (good + 0.05 * rng.normal(size=N) for _ in range(2))
    assert paired_gain(first, second, observed, BLOCK)["nse"].gain == 0


def test_too_few_blocks_have_no_interval() -> None:
    observed, good, bad = observations()
    gain = paired_gain(good, bad, observed, np.arange(N) // 100)["nse"]
    assert gain.value > 0.0
    assert gain.gain is None


def test_sensors_are_pooled_each_with_its_own_mean() -> None:
    observed, good, bad = observations()
    sensor = np.repeat([0, 1], N)
    ours, theirs, truth = (np.concatenate([x, x + 10.0]) for x in (good, bad, observed))
    pooled = paired_gain(ours, theirs, truth, np.concatenate([BLOCK, BLOCK]), series=sensor)
    single = paired_gain(good, bad, observed, BLOCK)
    assert pooled["nse"].value == pytest.approx(single["nse"].value)
    assert pooled["nse"].lower == pytest.approx(single["nse"].lower)


def test_missing_values_are_left_out() -> None:
    observed, good, bad = observations()
    with_gaps = observed.copy()
    with_gaps[::7] = np.nan
    kept = np.isfinite(with_gaps)
    expected = score(good[kept], observed[kept]).nse - score(bad[kept], observed[kept]).nse
    assert paired_gain(good, bad, with_gaps, BLOCK)["nse"].value == pytest.approx(expected)
    nothing = paired_gain(good, bad, np.full(N, np.nan), BLOCK)["nse"]
    assert nothing.gain is None
