"""Scores of soil moisture at NEON towers: the published medians of JULES are reproduced."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _neon import DOUBTFUL, halves, neon_record
from _neon_daily import neon_sites

from jules_ml.learned.moisture.baselines import regression, rescaled
from jules_ml.scoring.scores import score


@pytest.fixture(scope="module")
def scores(shared_data: Path) -> dict[str, pd.DataFrame]:
    path = shared_data / "jules" / "neon_daily.nc"
    table = neon_sites(path)
    by_method: dict[str, dict[str, dict[str, float]]] = {"raw": {}, "matched": {}, "regression": {}, "mean": {}}
    for site in table.index:
        record = neon_record(path, site, table=table)
        parts = halves(record.theta, record.usable)
        assert parts is not None
        theta, jules = record.theta[:, parts.sensor], record.jules[:, parts.layer]
        series = {
            "raw": jules,
            "matched": rescaled(jules, theta, parts.first),
            "regression": regression(jules, theta, parts.first),
            "mean": np.full(len(theta), theta[parts.first].mean()),
        }
        for name, values in series.items():
            by_method[name][site] = asdict(score(values[parts.second], theta[parts.second]))
    return {name: pd.DataFrame(of).T for name, of in by_method.items()}


@pytest.mark.parametrize(
    ("name", "sound", "every"),
    [
        ("raw", (0.21, 0.086, 0.040, 0.53), (0.03, 0.092)),
        ("matched", (0.31, 0.050, 0.045, 0.53), (0.28, 0.048)),
        ("regression", (0.22, 0.049), (0.20, 0.046)),
        ("mean", (None, 0.052), (None, 0.044)),
    ],
)
def test_medians_equal_the_published_ones(
    scores: dict[str, pd.DataFrame], name: str, sound: tuple[float | None, ...], every: tuple[float | None, ...]
) -> None:
    medians = scores[name].drop(list(DOUBTFUL)).median()
    for published, measure in zip(sound, ("kge", "rmse", "ubrmse", "r"), strict=False):
        if published is not None:
            assert medians[measure] == pytest.approx(published, abs=0.006 if measure in ("kge", "r") else 0.0006)
    for published, measure in zip(every, ("kge", "rmse"), strict=False):
        if published is not None:
            assert scores[name].median()[measure] == pytest.approx(published, abs=0.006 if measure == "kge" else 0.0006)


def test_a_sensor_with_too_few_days_in_one_half_is_not_used() -> None:
    days = 400
    theta = np.full((days, 2), 0.2)
    theta[:, 0] += 0.1 * np.sin(np.arange(days))
    theta[:, 1] += 0.1 * np.cos(np.arange(days))
    usable = np.ones((days, 2), dtype=bool)
    usable[150:, 0] = False
    parts = halves(theta, usable)
    assert parts is not None
    assert parts.sensor == 1
    assert parts.first.sum() == parts.second.sum() == 200
    assert parts.boundary == 200
