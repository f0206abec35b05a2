"""The towers as experiments, and the reference predictions, of the benchmark of soil moisture in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _in_model_theta import _first_half, _references
from _neon import thawed_days
from _neon_daily import read_neon_daily
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


def test_a_tower_has_no_soil_moisture_on_days_with_frozen_soil(shared_data: Path, tmp_path: Path) -> None:
    daily = read_neon_daily(shared_data / "jules" / "neon_daily.nc")
    frosty = 0
    for tower in neon_towers(shared_data, tmp_path, most=3):
        here = daily.sel(site=tower.experiment.file.stem).reindex(day=tower.days)
        frozen = here["observed_t_soil"].to_numpy()[:, 0] <= 274.15
        frosty += int((frozen & (here["obs_tair"].to_numpy() > 2.0)).sum())
        assert not np.isfinite(tower.theta[frozen]).any()
        assert not (tower.split.first | tower.split.second)[frozen].any()
    assert frosty > 0


def test_without_soil_temperature_the_air_temperature_decides_on_frost() -> None:
    t_air, t_soil = np.array([280.0, 280.0, 280.0, 274.0]), np.array([np.nan, 276.0, 274.0, 276.0])
    assert thawed_days(t_air, t_soil).tolist() == [True, True, False, False]
