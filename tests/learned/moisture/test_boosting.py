"""Gradient boosting of soil moisture: its trees are those of scikit-learn, and its inputs look back a year and no further."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from jules_ml.learned.moisture.boosting import DEPTH, BoostedTrees, boosted_trees, boosting_rows, fit_boosting
from jules_ml.learned.moisture.lagged_inputs import MEMORY_DAYS, days_since, filtered, lagged_inputs
from jules_ml.learned.moisture.record import MoistureRecord


def series(days: int, *, seed: int = 0) -> MoistureRecord:
    random = np.random.default_rng(seed)
    precip = random.gamma(0.2, 15.0, days)
    t_air = 283.0 + 8.0 * np.sin(np.arange(days) / 58.0)
    return MoistureRecord(
        site="here",
        days=pd.date_range("2015-01-01", periods=days),
        dynamic={
            "precip": precip,
            "t_air": t_air,
            "vpd": random.uniform(200.0, 900.0, days),
            "sw_down": np.full(days, 180.0),
        },
        jules=np.full((days, 4), np.nan),
        static={},
        theta=0.2 + 0.01 * random.standard_normal((days, 2)),
        usable=np.ones((days, 2), dtype=bool),
        depth=np.array([0.05, np.nan]),
        names=("theta_1", "theta_crns"),
    )


def inputs_of(record: MoistureRecord) -> dict[str, np.ndarray]:
    return lagged_inputs(
        record,
        dynamic=("precip", "t_air", "vpd", "sw_down"),
        static=("clay",),
        properties={"clay": 0.2},
        first_guess=np.full((2, 4), np.nan),
    )


def test_trees_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((3000, 4))
    x[random.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 2]) + 0.1 * random.standard_normal(len(x))
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(x, y)
    names = ["a", "b", "c", "d"]
    trees = boosted_trees(model, names, deepest=1.0)
    columns = dict(zip(names, x.T, strict=True))
    np.testing.assert_allclose(trees.predict(columns), model.predict(x), rtol=1e-12)
    stored = BoostedTrees.from_state(
        trees.to_state(), names=names, baseline=trees.baseline, depth=trees.depth, deepest=trees.deepest
    )
    np.testing.assert_array_equal(stored.predict(columns), trees.predict(columns))


def test_same_fit_twice() -> None:
    record = series(700)
    anomalies = [(record.theta[:, 0] - 0.2) / 0.01, None]
    rows = [boosting_rows(inputs_of(record), anomalies, depth=record.depth, main=0, seed=0)]
    first, second = fit_boosting(rows, seed=3), fit_boosting(rows, seed=3)
    np.testing.assert_array_equal(first.value, second.value)


def test_rows_are_few_days_of_each_sensor() -> None:
    record = series(700)
    anomalies = [np.ones(700), np.where(np.arange(700) < 30, 1.0, np.nan)]
    rows = boosting_rows(inputs_of(record), anomalies, depth=record.depth, main=0, seed=0)
    assert set(np.unique(rows.inputs[DEPTH])) == {0.05, 0.1}
    assert (rows.inputs[DEPTH] == 0.05).sum() == 250
    assert (rows.inputs[DEPTH] == 0.1).sum() == 30
    assert rows.weight[rows.inputs[DEPTH] == 0.05].sum() == pytest.approx(1.0)


def test_inputs_look_back_a_year_and_no_further() -> None:
    record = series(900)
    later = replace(
        record,
        days=record.days[300:],
        dynamic={name: values[300:] for name, values in record.dynamic.items()},
        jules=record.jules[300:],
        theta=record.theta[300:],
        usable=record.usable[300:],
    )
    whole, short = inputs_of(record), inputs_of(later)
    for name in whole:
        np.testing.assert_allclose(short[name][MEMORY_DAYS:], whole[name][300 + MEMORY_DAYS :], rtol=1e-9, err_msg=name)


def test_inputs_do_not_look_ahead() -> None:
    record = series(500)
    changed = replace(
        record, dynamic={name: np.where(np.arange(500) > 400, 1.5 * v, v) for name, v in record.dynamic.items()}
    )
    before, after = inputs_of(record), inputs_of(changed)
    for name in before:
        np.testing.assert_allclose(after[name][:401], before[name][:401], rtol=1e-12, err_msg=name)


def test_inputs_do_not_depend_on_the_date() -> None:
    record = series(400)
    later = replace(record, days=record.days + pd.Timedelta(days=100), latitude=-40.0)
    before, after = inputs_of(record), inputs_of(later)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_some_rows_lack_the_first_guess_and_surface_temperature() -> None:
    inputs = {
        "precip_0": np.ones(2000),
        "first_guess_1": np.ones(2000),
        "jules_mean": np.ones(2000),
        "lst_1": np.ones(2000),
    }
    rows = boosting_rows(inputs, [np.ones(2000)], depth=np.array([0.05]), main=0, seed=0)
    masked = {name: np.isnan(values) for name, values in rows.inputs.items()}
    assert not masked["precip_0"].any()
    assert 0.05 < masked["first_guess_1"].mean() < 0.25
    assert 0.05 < masked["lst_1"].mean() < 0.25
    np.testing.assert_array_equal(masked["first_guess_1"], masked["jules_mean"])
    assert (masked["first_guess_1"] != masked["lst_1"]).any()


def test_trees_of_one_short_record_still_divide() -> None:
    record = series(700)
    target = (record.dynamic["precip"] - 3.0) / 8.0
    rows = boosting_rows(
        inputs_of(record), [np.where(np.arange(700) < 120, target, np.nan)], depth=record.depth, main=0, seed=0
    )
    trees = fit_boosting([rows], seed=0)
    assert trees.depth > 0
    assert trees.deepest == 0.05


def test_days_without_a_measurement_have_no_weight() -> None:
    values = np.array([1.0, np.nan, 1.0, 1.0])
    np.testing.assert_allclose(filtered(values, 3.0)[2:], 1.0)
    assert np.isnan(filtered(np.full(5, np.nan), 3.0)).all()


def test_days_since_rain_are_counted_up_to_sixty() -> None:
    precip = np.zeros(100)
    precip[3] = 5.0
    np.testing.assert_array_equal(days_since(precip, 2.0)[[0, 3, 10, 99]], [60, 0, 7, 60])
