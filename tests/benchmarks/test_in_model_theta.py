"""The towers as experiments, and the reference predictions, of the benchmark of soil moisture in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _in_model_theta import _first_half, _references
from _neon_experiments import neon_towers

from jules_ml.learned.hydraulics.site import hydraulic_site
from jules_ml.scoring.splits import last_fraction


def test_a_tower_has_its_sensor_and_the_test_period_of_the_shared_split(shared_data: Path, tmp_path: Path) -> None:
    (tower,) = neon_towers(shared_data, tmp_path, most=1)
    settings = tower.experiment.hydraulics
    assert settings is not None
    site = hydraulic_site(tower.experiment, settings)
    np.testing.assert_allclose(site.observed, tower.theta)
    test = last_fraction(np.isfinite(site.observed).any(1), settings.test_fraction)
    assert not (test & tower.split.first).any()
    assert tower.split.second[test].sum() == tower.split.second.sum()
    assert np.array_equal(_first_half(site.observed, settings.test_fraction), ~test)
    assert site.start == tower.days[0] + pd.Timedelta(hours=6)


def test_the_references_use_the_first_half_only() -> None:
    days = 800
    season = 0.2 + 0.05 * np.sin(2.0 * np.pi * np.arange(days) / 365.25)
    stock = 0.1 + 2.0 * (season - 0.2)
    first = np.arange(days) < 400
    found = _references(stock, season, first, pd.Timestamp("2001-01-01"))
    assert found["mean"] == pytest.approx(np.full(days, season[:400].mean()))
    np.testing.assert_allclose(found["matched"], season, atol=1e-12)
    # a mean over 31 days of a sine of a year is close to it
    np.testing.assert_allclose(found["climatology"][50:350], season[50:350], atol=0.002)
    other = np.where(first, season, 9.0)
    for name, values in _references(stock, other, first, pd.Timestamp("2001-01-01")).items():
        np.testing.assert_allclose(values, found[name])
