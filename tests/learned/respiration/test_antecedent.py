"""Factors of antecedent conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent import AntecedentFactor, antecedent_drivers, departures
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


@pytest.mark.parametrize(("name", "days"), [("temperature_1d", 1.0), ("wetness_10d", 10.0)])
def test_a_departure_is_that_from_the_recursive_mean_of_the_hook(name: str, days: float) -> None:
    frame = states(120)
    x = frame["t_soil" if name.startswith("temperature") else "theta"].to_numpy()
    mean, expected = x[0], []
    for value in x:
        expected.append(value - mean)
        mean += (1.0 - np.exp(-1.0 / 48.0 / days)) * (value - mean)
    later = slice(48 * 100, None)
    np.testing.assert_allclose(departures(frame, name)[later], np.array(expected)[later], atol=1e-4)


def test_a_departure_is_unknown_at_the_start_and_after_a_gap() -> None:
    frame = states()
    frame.loc[48 * 20 : 48 * 22, "t_soil"] = np.nan
    departure = departures(frame, "temperature_1d")
    assert np.isnan(departure[:48]).all()
    assert np.isnan(departure[48 * 20 : 48 * 22 + 2]).all()
    assert np.isfinite(departure[48 * 22 + 2 :]).all()
    assert np.isfinite(departures(frame, "temperature_10d")[48 * 22 + 2 :]).all()


def test_chambers_have_their_own_means() -> None:
    one, other = states().assign(port=1), states().assign(port=2)
    other["theta"] += 0.1
    both = pd.concat([one, other]).sort_values(["time", "port"], ignore_index=True)
    departure = departures(both, "wetness_1d")
    np.testing.assert_allclose(departure[::2], departure[1::2], atol=1e-12)


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
    np.testing.assert_allclose(learned.module.level.numpy(), without.module.level.numpy(), rtol=1e-3)


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
