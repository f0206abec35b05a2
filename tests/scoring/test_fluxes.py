"""Means of fluxes over nights, and the ceiling that noise sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jules_ml.scoring.fluxes import nightly, noise_ceiling


def test_nights_run_from_noon_to_noon() -> None:
    middle = pd.date_range("2020-01-01 12:15", periods=96, freq="30min")
    nights = nightly(pd.DataFrame({"flux": np.repeat([1.0, 2.0], 48)}), middle)
    assert nights["flux"].tolist() == [1.0, 2.0]


def test_the_ceiling_of_noise() -> None:
    rng = np.random.default_rng(0)
    time = pd.date_range("2020-01-01", periods=20000, freq="30min")
    signal = np.sin(np.arange(20000) / 500.0)
    noisy = signal + rng.normal(size=20000) * np.sqrt(0.5 / 3.0)
    assert noise_ceiling(noisy, time, pd.Timedelta("30min")) == pytest.approx(0.75, abs=0.02)


def test_nights_of_two_sites_are_not_averaged_together() -> None:
    middle = pd.DatetimeIndex(pd.date_range("2020-01-01 20:00", periods=4, freq="h").repeat(2))
    values, site = pd.DataFrame({"flux": [1.0, 3.0] * 4}), np.array([0, 1] * 4)
    assert nightly(values, middle, site=site)["flux"].tolist() == [1.0, 3.0]
