"""Base respiration that varies slowly in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.respiration.adapt import adapt_respiration
from jules_ml.learned.respiration.base_rate_series import day_number, departures_of, fit_series
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.training import train_respiration
from jules_ml.scoring.scores import score

SOIL = RespirationSettings(target="soil", members=2, inner_folds=3)
RNG = np.random.default_rng(0)


def wandering(days: int, *, timescale: float, variance: float) -> np.ndarray:
    """Ornstein-Uhlenbeck process, one value per day."""
    keep = np.exp(-1.0 / timescale)
    values, state = np.empty(days), 0.0
    for k, kick in enumerate(RNG.normal(size=days)):
        state = keep * state + np.sqrt(variance * (1.0 - keep**2)) * kick
        values[k] = state
    return values


def with_phenology(record: xr.Dataset) -> xr.Dataset:
    """Multiply the flux by a base rate with two maxima a year, which neither f nor g can describe."""
    day = (record["time"] - record["time"][0]) / np.timedelta64(1, "D")
    return record.assign(resp_soil=record["resp_soil"] * (1.0 + 0.4 * np.sin(2.0 * np.pi * day / 70.0)))


def test_variance_and_time_scale_are_recovered() -> None:
    day = np.repeat(np.arange(600.0), 4)
    truth = np.repeat(wandering(600, timescale=30.0, variance=0.09), 4)
    predicted = RNG.uniform(1.0, 3.0, len(day))
    scale = 0.2 * predicted
    flux = (1.0 + truth) * predicted + scale * RNG.laplace(size=len(day))
    series = fit_series(departures_of(day, flux, predicted, scale))
    assert 0.03 < series.variance < 0.2
    assert 10.0 < series.timescale < 80.0
    mean, deviation = series.relative(day)
    assert np.corrcoef(mean, truth)[0, 1] > 0.9
    assert float(np.mean(np.abs(mean - 1.0 - truth) < 2.0 * deviation)) > 0.9


def test_far_from_measurements_it_is_the_mean() -> None:
    day = np.arange(200.0)
    flux = 1.0 + wandering(200, timescale=20.0, variance=0.1)
    series = fit_series(departures_of(day, flux, np.ones(200), np.full(200, 0.05)))
    mean, deviation = series.relative(np.array([100.0, 2000.0]))
    assert mean[1] == pytest.approx(1.0, abs=1e-6)
    assert deviation[1] == pytest.approx(series.variance**0.5, rel=1e-3)
    assert deviation[0] < deviation[1]


def test_a_night_has_the_date_of_its_evening() -> None:
    days = day_number(pd.DatetimeIndex(["2000-01-01 22:00", "2000-01-02 05:00", "2000-01-02 22:00"]))
    np.testing.assert_allclose(days, [0.5, 0.5, 1.5])


def test_held_out_blocks_within_the_record_are_predicted_better() -> None:
    rows = select_rows(with_phenology(synthetic_record().assign_attrs(porosity=0.45)), SOIL)
    test = (day_number(rows.middle) // 5) % 2 == 1
    train, scored = rows.take(~test), rows.take(test)
    nse = {}
    for name in ("varying", "constant"):
        learned = train_respiration(train, SOIL.model_copy(update={"base_respiration": name}))
        nse[name] = score(learned.predict(scored), scored.flux).nse
        low, high = learned.interval(scored)
        assert 0.8 < float(np.mean((scored.flux >= low) & (scored.flux <= high))) < 0.99
    assert nse["varying"] > nse["constant"] + 0.05


def test_the_module_folder_has_it_and_a_few_local_days_correct_it(tmp_path: Path) -> None:
    module = tmp_path / "module"
    fit_respiration(with_phenology(synthetic_record().assign_attrs(porosity=0.45)), SOIL, module)
    new = with_phenology(synthetic_record(site="new", seed=3).assign_attrs(porosity=0.45))
    dates = pd.date_range("2020-01-05", "2021-12-20", freq="20D").date
    days = AdaptationDays(dates=frozenset(dates))
    adapted = adapt_respiration(module, [new], tmp_path / "adapted", days=days)
    unadapted = evaluate_respiration(module, [new])
    assert adapted.scores["all"]["nse"] > unadapted["all"]["nse"]
