"""Factors of antecedent conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.respiration_record import synthetic_record
from helpers.tower import write_tower

from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.antecedent import (
    DRIVERS,
    MEANS,
    AntecedentDriver,
    AntecedentFactor,
    antecedent_drivers,
    departures,
)
from jules_ml.learned.respiration.antecedent_selection import fit_factor
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.training import train_respiration
from jules_ml.scoring.scores import score

SOIL = RespirationSettings(target="soil", members=2, inner_folds=3, base_respiration="constant")


def states(days: int = 60) -> pd.DataFrame:
    """Half-hourly states of a random walk."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2020-01-01", periods=48 * days, freq="30min")
    walk = np.cumsum(rng.normal(size=(2, len(time))), axis=1)
    return pd.DataFrame({"time": time, "theta": 0.3 + 0.001 * walk[0], "t_soil": 280.0 + 0.05 * walk[1]})


def with_chambers(record: xr.Dataset) -> xr.Dataset:
    """Two chambers with the same flux, and sensors of their own."""
    names = ("resp_soil", "t_soil", "theta")
    return record.assign({name: xr.concat([record[name]] * 2, "port").transpose("time", ...) for name in names})


def with_pulses(record: xr.Dataset) -> xr.Dataset:
    """Multiply the flux by a factor of the departure of wetness from its mean over ten days."""
    frame = pd.DataFrame(
        {
            "time": record["time"].to_numpy(),
            "theta": record["theta"].isel(depth=0).to_numpy(),
            "t_soil": record["t_soil"].isel(depth=0).to_numpy(),
        }
    )
    pulse = np.nan_to_num(antecedent_drivers(frame, 0.45)["wetness_10d"])
    return record.assign(resp_soil=record["resp_soil"] * np.exp(3.0 * pulse))


@pytest.mark.parametrize("name", ["temperature_1d", "wetness_10d"])
def test_a_departure_is_that_from_the_recursive_mean_of_the_hook(name: AntecedentDriver) -> None:
    frame = states(120)
    state, timescale = MEANS[name]
    x = frame[state].to_numpy()
    mean, expected = x[0], []
    for value in x:
        expected.append(value - mean)
        mean += (1.0 - np.exp(-pd.Timedelta("30min") / timescale)) * (value - mean)
    later = slice(48 * 100, None)
    np.testing.assert_allclose(departures(frame, state, timescale)[later], expected[later], atol=1e-4)


def test_a_departure_is_unknown_at_the_start_and_after_a_gap() -> None:
    frame = states()
    frame.loc[48 * 20 : 48 * 22, "t_soil"] = np.nan
    day, ten_days = (departures(frame, "t_soil", pd.Timedelta(days=days)) for days in (1, 10))
    for departure, known_again in ((day, 48 * 23 + 1), (ten_days, 48 * 22 + 1)):
        assert np.isnan(departure[:48]).all()
        assert np.isnan(departure[48 * 20 : known_again]).all()
        assert np.isfinite(departure[known_again:]).all()


def test_chambers_have_their_own_means() -> None:
    one, other = states().assign(port=1), states().assign(port=2)
    other["theta"] += 0.1
    both = pd.concat([one, other]).sort_values(["time", "port"], ignore_index=True)
    departure = departures(both, "theta", pd.Timedelta("1D"))
    np.testing.assert_allclose(departure[::2], departure[1::2], atol=1e-12)


@pytest.mark.parametrize("chambers", ["mean", "each"])
def test_chambers_have_the_history_of_all_hours(chambers: Literal["mean", "each"]) -> None:
    whole = with_chambers(synthetic_record(days=500))
    night = whole.assign(resp_soil=whole["resp_soil"].where(whole["time"].dt.hour < 12))
    settings = SOIL.model_copy(update={"chambers": chambers})
    every, some = (select_rows(ds, settings) for ds in (whole, night))
    np.testing.assert_allclose(
        some.driver("temperature_1d"), every.driver("temperature_1d")[every.time.hour < 12], atol=1e-12
    )


def test_wetness_of_a_stuck_sensor_is_not_part_of_a_mean() -> None:
    record = synthetic_record(days=500)
    stuck = record["theta"].to_numpy().copy()
    stuck[1000:1100] = 0.4
    rows = select_rows(record.assign(theta=(record["theta"].dims, stuck)), SOIL)
    later = (rows.time > record["time"].to_numpy()[1100]) & (rows.time < record["time"].to_numpy()[1130])
    assert np.isnan(rows.driver("wetness_10d")[later]).all()


def test_drivers_depend_on_the_variables_of_the_fit() -> None:
    record = synthetic_record(days=500)
    record = record.assign(t_air=record["t_soil"].isel(depth=0, drop=True) + 1.0)
    names = {
        key: set(select_rows(record, SOIL.model_copy(update={"temperature": key})).antecedent)
        for key in ("t_soil", "t_air")
    }
    assert names["t_soil"] == set(DRIVERS)
    assert names["t_air"] == {"wetness_1d", "wetness_10d"}


def test_towers_have_no_drivers_with_a_diurnal_cycle(tmp_path: Path) -> None:
    record = load_experiment(write_tower(tmp_path, end="2020-10-31")).record()
    wetness = 0.3 + 0.1 * np.sin(np.arange(record.sizes["time"]) / 500.0)
    record = record.assign(t_soil=record["t_air"] - 1.0, theta=("time", wetness))
    rules = RowSettings(nee_is_measured=True, ustar_min=None)
    rows = select_rows(record, RespirationSettings(target="ecosystem", rows=rules))
    assert set(rows.antecedent) == {"wetness_1d", "wetness_10d", "temperature_10d"}


def test_a_driver_that_is_known_in_one_year_only(tmp_path: Path) -> None:
    record = synthetic_record(days=1100, start="2019-01-01 06:00")
    t_air = (record["t_soil"].isel(depth=0, drop=True) + 1.0).where(record["time"].dt.year == 2020)
    flux = record["resp_soil"].where((record["time"].dt.year == 2020) | (record["time"].dt.hour == 0))
    rows = select_rows(record.assign(t_air=t_air, resp_soil=flux), SOIL)
    assert np.isfinite(rows.driver("air_temperature")).mean() > 0.5
    assert np.isfinite(train_respiration(rows, SOIL).predict(rows)).all()


def test_levels_of_sites_are_not_taken_for_an_effect() -> None:
    rng = np.random.default_rng(0)
    records = [synthetic_record(days=300, site=site, seed=seed) for seed, site in enumerate(("a", "b"))]
    rows = select_rows(records, SOIL.model_copy(update={"test_fraction": 0.0}))
    x = rng.normal(size=len(rows)) + np.where(rows.site == 0, -1.0, 1.0)
    steady = np.ones(len(rows))
    flux = np.where(rows.site == 0, 0.7, 1.3) * np.exp(-0.2 * x)
    known = rng.uniform(size=len(rows)) < 0.7
    rows = replace(rows, antecedent={"wetness_1d": np.where(known, x, np.nan)})
    factor = fit_factor(rows, ["wetness_1d"], [(-3.0, 3.0)], steady, np.where(known, flux, 2.0))
    h = factor(rows.antecedent, len(rows))
    assert np.polyfit(x[known], np.log(h[known]), 1)[0] == pytest.approx(-0.2, abs=0.03)
    assert h[known].mean() == pytest.approx(1.0, abs=1e-3)


def test_an_unknown_driver_changes_nothing() -> None:
    factor = AntecedentFactor(("wetness_1d",), np.array([[-0.1, 0.1]]), np.array([[0.0, 0.5]]))
    np.testing.assert_allclose(factor({"wetness_1d": np.array([np.nan, 0.1, 9.0])}, 3), [1.0, np.exp(0.5), np.exp(0.5)])
    np.testing.assert_array_equal(factor({}, 2), [1.0, 1.0])


def test_pulses_are_found_and_predicted() -> None:
    record = with_pulses(synthetic_record(days=1100))
    rows = select_rows(record, SOIL)
    test = rows.middle.year == 2022
    learned = train_respiration(rows.take(~test), SOIL)
    assert learned.module.antecedent.drivers[0] == "wetness_10d"
    scored = rows.take(test)
    without = train_respiration(rows.take(~test), SOIL.model_copy(update={"antecedent": False}))
    nse = [score(each.predict(scored), scored.flux).nse for each in (learned, without)]
    assert nse[0] > nse[1] + 0.05
    np.testing.assert_array_equal(learned.module.log_f.numpy(), without.module.log_f.numpy())
    np.testing.assert_allclose(learned.module.level.numpy(), without.module.level.numpy(), rtol=1e-2)


def test_there_is_no_factor_without_pulses() -> None:
    learned = train_respiration(select_rows(synthetic_record(), SOIL), SOIL)
    assert learned.module.antecedent.drivers == ()


def test_a_module_folder_has_the_factor(tmp_path: Path) -> None:
    record = with_pulses(synthetic_record(days=1100))
    before, after = record.sel(time=slice(None, "2021")), record.sel(time=slice("2022", None))
    fits = [
        fit_respiration(
            before, SOIL.model_copy(update={"antecedent": used, "test_fraction": 0.0}), tmp_path / str(used)
        )
        for used in (True, False)
    ]
    module, _, card = load_respiration(fits[0].folder)
    assert card["antecedent"] == list(module.antecedent.drivers)
    assert (fits[0].folder / "figures" / "antecedent.png").is_file()
    assert any("antecedent" in note for note in fits[0].warnings)
    with_factor, without = (evaluate_respiration(fit.folder, after)["all"]["nse"] for fit in fits)
    assert with_factor > without + 0.05
