"""The benchmark of learned hydraulics: folds without sites near a held-out site, and the choice of sensors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("rosetta")

from _hydraulics import scored_sensors
from hydraulics_skill import FOLDS, fold_of


def test_nearby_sites_are_in_the_same_fold() -> None:
    generator = np.random.default_rng(0)
    towers = pd.DataFrame({"latitude": generator.uniform(30, 48, 12), "longitude": generator.uniform(-120, -75, 12)})
    towers.loc[1] = towers.loc[0] + 0.1
    stations = pd.DataFrame({"latitude": generator.uniform(30, 48, 40), "longitude": generator.uniform(-120, -75, 40)})
    stations.loc[7] = towers.loc[0] - 0.1
    first, second = fold_of([towers, stations])
    assert first[0] == first[1] == second[7]
    assert set(first) == set(second) == set(range(FOLDS))
    again = fold_of([towers, stations])
    assert np.array_equal(first, again[0])


def test_a_scored_sensor_has_enough_days_in_both_halves_and_varies() -> None:
    days = 400
    theta = np.full((days, 3), np.nan)
    theta[:150, 0] = 0.2 + 0.1 * np.sin(np.arange(150))
    theta[:, 1] = 0.2
    theta[:, 2] = 0.2 + 0.1 * np.sin(np.arange(days))
    assert scored_sensors(theta, np.ones(days, dtype=bool), least=200, least_half=60) == [(2, 200)]
    lopsided = np.ones(days, dtype=bool)
    lopsided[240:399] = False
    assert scored_sensors(theta, lopsided, least=200, least_half=60) == [(2, 120)]
