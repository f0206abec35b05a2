"""Learning of soil moisture: levels, adaptation, and an ensemble of synthetic sites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.moisture_site import QUICK, jules_run, site

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.baselines import climatology, matched, rain_index
from jules_ml.learned.moisture.batch import Level, batch, jules_moments, layers_to_points, nearest_sensor
from jules_ml.learned.moisture.ensemble import TrainingSite, learn_moisture
from jules_ml.learned.moisture.level import LevelModel, adapted, describe, fit_guess, guess_covariance
from jules_ml.learned.moisture.limits import Limits, porosity, supply
from jules_ml.learned.moisture.network import LearnedMoisture, jules_features
from jules_ml.learned.moisture.record import MoistureRecord, moisture_record
from jules_ml.learned.moisture.scores import drydown_scale
from jules_ml.scoring.scores import score


def test_a_record_has_its_days_its_sensors_and_its_first_guess() -> None:
    record = moisture_record(site(), jules=jules_run())
    assert len(record) == 700
    assert record.has_jules
    assert record.usable.sum() == 700
    assert record.dynamic["precip"].max() > 1.0  # kg m-2 d-1


def test_half_hours_become_days() -> None:
    ds = site(48 * 20)
    ds = ds.assign_coords(time=pd.date_range("2018-01-01 00:30", periods=48 * 20, freq="30min"))
    ds.attrs["interval_seconds"] = 1800.0
    record = moisture_record(ds)
    assert len(record) == 20
    assert record.theta[3, 0] == pytest.approx(float(ds["theta"][48 * 3 : 48 * 4].mean()))


def test_a_gap_of_more_than_a_year_is_refused() -> None:
    rain = np.full(700, 1e-5)
    rain[100:480] = np.nan
    with pytest.raises(BadInput, match=r"gap of 380 days in 'precip' begins on 2018-04-11") as error:
        moisture_record(site(precip=rain))
    assert "fill gaps" in str(error.value)


def test_a_run_of_jules_that_does_not_overlap_is_refused() -> None:
    with pytest.raises(BadInput, match="do not overlap") as error:
        moisture_record(site(), jules=jules_run(start="2001-01-02"))
    assert "run the model over the record's days" in str(error.value)


def test_a_site_without_water_content_cannot_be_learned_from() -> None:
    record = moisture_record(site().drop_vars("theta"))
    with pytest.raises(BadInput, match="no measured water content") as error:
        learn_moisture([TrainingSite(record, np.ones(700, dtype=bool))], QUICK)
    assert "name the columns" in str(error.value)


def test_rain_is_needed() -> None:
    with pytest.raises(BadInput, match="'precip' is missing"):
        moisture_record(site().drop_vars("precip"))


def test_sensors_between_layers_see_both() -> None:
    points = layers_to_points(np.array([0.05, 0.1375, 5.0, np.nan]))
    assert points[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert points[1] == pytest.approx([0.5, 0.5, 0.0, 0.0])
    assert points[2].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert points[3].tolist() == [0.0, 0.0, 0.0, 0.0]  # cosmic rays see by their footprint


def test_a_layer_has_the_level_of_the_sensor_nearest_to_it() -> None:
    depth = np.array([0.05, 0.5, np.nan])
    levels = [Level(0.2, 0.05), Level(0.3, 0.03), Level(0.25, 0.04)]
    assert [nearest_sensor(depth, levels, layer) for layer in range(4)] == [0, 2, 1, 1]
    assert nearest_sensor(depth, [None, None, levels[2]], 3) == 2
    assert nearest_sensor(depth, [None, None, None], 0) is None


def test_limits_know_soil_and_weather() -> None:
    rain = np.array([0.0, 5.0, np.nan, 3.0])
    assert np.array_equal(supply(rain, np.full(4, 285.0)), rain, equal_nan=True)
    assert np.isnan(supply(rain, np.array([285.0, 270.0, 285.0, 285.0]))[1:]).all()  # snow may lie
    assert porosity({"bulk_density": 1325.0}) == pytest.approx(0.5)
    record = moisture_record(site(400), static={"bulk_density": 1325.0})
    made = batch([record], jules=[np.full((2, 4), np.nan)], levels=[[Level(0.3, 0.05)]], static=(), statics=[{}])
    assert made.limits.porosity.tolist() == pytest.approx([0.5])
    assert made.limits.level[0, 3].tolist() == pytest.approx([0.3, 0.05])


def test_water_that_came_from_nowhere_is_counted() -> None:
    limits = Limits(
        torch.tensor([[[0.25, 0.05]] * 4]), torch.tensor([0.5]), torch.tensor([[0.0, 0.0, 20.0, float("nan")]])
    )
    dry = torch.zeros(1, 4, 4)
    gains = dry.clone()
    gains[:, 0, 1:] = 1.0  # 5 kg m-2 in the first layer, on a day without rain
    assert float(limits.from_nowhere(dry)) == 0.0
    assert float(limits.from_nowhere(gains)) == pytest.approx(0.25 / 2)
    gains[:, 0, 1] = 0.0  # the same a day later, in the rain
    assert float(limits.from_nowhere(gains)) == 0.0
    assert float(limits.out_of_bounds(dry)) == 0.0
    assert float(limits.out_of_bounds(dry + 6.0)) == pytest.approx(1.0)  # 0.55 m3 m-3, one spread over saturation


def test_a_penalty_keeps_predictions_within_porosity() -> None:
    record = moisture_record(
        site(400), static={"bulk_density": 2650.0 * (1.0 - 0.25)}
    )  # saturated at 0.25, and wetter at times
    assert (record.theta > 0.26).any()
    every = [TrainingSite(record, np.ones(400, dtype=bool))]
    free = QUICK.model_copy(update={"steps": 40, "members": 1})
    bound = free.model_copy(update={"bounds_weight": 30.0})
    highest = [learn_moisture(every, settings).predict(record).theta.max() for settings in (free, bound)]
    assert highest[1] < highest[0] - 0.01


@pytest.fixture(scope="module")
def many() -> list[MoistureRecord]:
    return [
        moisture_record(site(400, seed=i, name=f"site {i}"), static={"clay": 0.03 * i, "sand": 0.5}) for i in range(9)
    ]


def test_the_same_seed_learns_the_same(many: list[MoistureRecord]) -> None:
    days = np.ones(400, dtype=bool)
    first, again = (learn_moisture([TrainingSite(many[0], days)], QUICK).predict(many[0]) for _ in range(2))
    assert np.array_equal(first.theta, again.theta)
    assert (first.low < first.theta).all()
    assert (first.theta < first.high).all()


def test_a_site_never_seen_is_guessed_and_then_adapted(many: list[MoistureRecord]) -> None:
    ensemble = learn_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    unseen = many[8]
    assert np.isfinite(ensemble.predict(unseen).theta).all()
    wet = replace(unseen, theta=unseen.theta + 0.2)
    taken = ensemble.adapt(wet)
    assert taken.predict(wet).theta.mean() > ensemble.predict(wet).theta.mean() + 0.05


def test_a_module_of_few_sites_cannot_guess_and_says_what_to_do(many: list[MoistureRecord]) -> None:
    ensemble = learn_moisture([TrainingSite(many[0], np.ones(400, dtype=bool))], QUICK)
    with pytest.raises(BadInput, match="too few sites") as error:
        ensemble.predict(many[1])
    assert "--adapt" in str(error.value)
    assert np.isfinite(ensemble.adapt(many[1]).predict(many[1]).theta).all()


def test_a_static_input_that_is_missing_is_named() -> None:
    model = LevelModel(("clay",), np.zeros(1), np.ones(1), np.zeros((2, 2)), (0.05, 0.2))
    with pytest.raises(BadInput, match="static input 'clay' is missing") as error:
        model.predict({"sand": 0.03}, where="site X")
    assert "site X" in str(error.value)
    assert "[place]" in str(error.value)


def test_levels_that_follow_clay_are_found_and_kept_by_the_card() -> None:
    random = np.random.default_rng(0)
    statics = [
        {"precip_annual": 800.0, "t_air_mean": 283.0, "vpd_mean": 500.0, "clay": c, "sand": 0.4}
        for c in random.uniform(0.0, 0.5, 30)
    ]
    levels = [Level(0.1 + 0.5 * s["clay"], 0.05) for s in statics]
    guess = fit_guess(statics, levels, static="texture")
    assert guess is not None
    found, error = guess.predict({**statics[0], "clay": 0.3})
    assert found.mean == pytest.approx(0.25, abs=0.02)
    assert error[0] == 0.02  # no guess is surer
    again = LevelModel.from_card(guess.models[0].to_card())
    assert again.predict(statics[3]).mean == guess.models[0].predict(statics[3]).mean


def test_observations_draw_the_level_from_the_guess() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=200)
    theta = 0.35 + 0.08 * z
    prior = Level(0.2, 0.05)
    before = guess_covariance(prior, (0.08, 0.5))
    unmoved, same = adapted(prior, before, z[:0], theta[:0])
    assert unmoved is prior
    assert same is before
    (few, some), (many, little) = (adapted(prior, before, z[:n], theta[:n]) for n in (3, 200))
    assert prior.mean < few.mean < many.mean
    assert many.mean == pytest.approx(0.35, abs=0.01)
    assert many.spread == pytest.approx(0.08, abs=0.015)
    assert before[0, 0] > some[0, 0] > little[0, 0] > 0.0  # what is left of the guess's error


def test_a_site_describes_itself_without_its_water_content(many: list[MoistureRecord]) -> None:
    changed = replace(many[0], theta=many[0].theta + 0.3)
    assert describe(changed) == describe(many[0])


def test_climate_is_told_by_the_months_of_a_year(many: list[MoistureRecord]) -> None:
    day = np.arange(400)
    whole = describe(many[0])
    assert whole["t_air_mean"] == pytest.approx(288.0, abs=0.5)
    assert "t_air_mean" not in describe(many[0], day < 250)
    gap = describe(many[0], (day < 150) | (day > 200))  # June is missing
    assert gap["t_air_mean"] == pytest.approx(whole["t_air_mean"], abs=0.3)
    assert describe(many[0], day < 366)["t_air_mean"] == pytest.approx(whole["t_air_mean"], abs=0.3)


def test_nothing_after_the_training_days_of_a_known_site_bears_on_what_is_predicted_in_them(
    many: list[MoistureRecord],
) -> None:
    early = np.arange(400) < 370
    ensemble = learn_moisture([TrainingSite(record, early) for record in many], QUICK)
    record = many[0]
    later = replace(record, dynamic={n: np.where(early, v, v + 9.0) for n, v in record.dynamic.items()})
    assert np.array_equal(ensemble.predict(record).theta[early], ensemble.predict(later).theta[early])


def test_a_sensor_is_known_by_its_name(many: list[MoistureRecord]) -> None:
    two = replace(
        many[0],
        theta=np.column_stack([many[0].theta, many[0].theta + 0.2]),
        usable=np.tile(many[0].usable, (1, 2)),
        depth=np.array([0.05, np.nan]),
        names=("theta_1", "theta_crns"),
    )
    ensemble = learn_moisture([TrainingSite(two, np.ones(400, dtype=bool))], QUICK)
    rays = replace(two, theta=two.theta[:, 1:], usable=two.usable[:, 1:], depth=two.depth[1:], names=("theta_crns",))
    assert ensemble.level_of(rays, 0).mean == pytest.approx(two.theta[:, 1].mean(), abs=1e-6)
    with pytest.raises(BadInput, match="does not know the sensor 'theta_9'; it knows theta_1, theta_crns"):
        ensemble.predict(replace(rays, names=("theta_9",)))


def test_a_sensor_that_has_not_measured_is_not_adapted(many: list[MoistureRecord]) -> None:
    ensemble = learn_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    unseen = many[8]
    both = replace(
        unseen,
        theta=np.column_stack([np.full(400, np.nan), unseen.theta]),
        usable=np.column_stack([np.zeros(400, dtype=bool), unseen.usable]),
        depth=np.array([0.05, np.nan]),
        names=("theta_1", "theta_crns"),
    )
    known = ensemble.adapt(both).sites[unseen.site]
    assert known.levels[0] is None
    assert known.main == 1
    assert not known.learned


def test_intervals_narrow_with_the_days_of_local_data(many: list[MoistureRecord]) -> None:
    ensemble = learn_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    unseen = many[8]

    def width(days: int) -> float:
        taken = ensemble.adapt(unseen.with_usable(np.arange(400) < days)) if days else ensemble
        found = taken.predict(unseen)
        return float((found.high - found.low).mean())

    assert width(0) > width(3) > width(100)


def test_surface_temperature_is_told_from_the_last_input(many: list[MoistureRecord]) -> None:
    levels = [[Level(0.25, 0.05)]]
    jules = [np.full((2, 4), np.nan)]
    names = ("precip", "t_air", "sw_down")
    made = batch(many[:1], jules=jules, levels=levels, static=(), statics=[{}], dynamic=names)
    assert made.lst is None
    made = batch(many[:1], jules=jules, levels=levels, static=(), statics=[{}], dynamic=("precip", "lst", "t_air"))
    assert made.lst == 1


def test_jules_without_residual_water_gets_it_back() -> None:
    run = jules_run()
    water = run.rename(theta="smcl").assign(dzsoil=("soil", [0.1, 0.25, 0.65, 2.0]))
    water["smcl"] = (run["theta"] - 0.05) * 1000.0 * water["dzsoil"]
    found = moisture_record(site(), jules=water, theta_r=(0.05,)).jules
    assert found == pytest.approx(moisture_record(site(), jules=run).jules)
    with pytest.raises(BadInput, match=r"other soil layers: 0\.5, 0\.5, 0\.5, 0\.5"):
        moisture_record(site(), jules=water.assign(dzsoil=("soil", [0.5] * 4)))


def test_a_run_starts_from_jules_where_it_is_no_daily_input() -> None:
    record = moisture_record(site(400), jules=jules_run(400))
    made = batch(
        [record], jules=[jules_moments(record, np.ones(400, dtype=bool))], levels=[[None]], static=(), statics=[{}]
    )
    restarted = made.inputs.started_at(torch.tensor([200]))
    assert restarted.initial.isfinite().all()
    hidden = LearnedMoisture(9, 0, QUICK.model_copy(update={"jules_channel": False}))
    first, after = jules_features(9)
    assert not hidden.features(restarted)[:, first:after].any()
    assert hidden.features(restarted)[:, after : after + 4, 200].any()


def test_an_index_of_rain_does_not_dry_out_where_nobody_measured() -> None:
    rain = np.full(300, 2.0)
    theta = np.linspace(0.2, 0.201, 300, endpoint=False)
    gap = rain.copy()
    gap[200:260] = np.nan
    train = np.arange(300) < 200
    index = rain_index(gap + 0.1 * np.sin(np.arange(300)), theta, train)
    assert abs(index[255] - index[195]) < 0.01


def test_baselines_look_at_training_days_alone() -> None:
    theta = np.concatenate([np.full(400, 0.2) + 0.02 * np.sin(np.arange(400)), np.full(300, 0.9)])
    train = np.arange(700) < 400
    days = pd.date_range("2018-01-01", periods=700)
    assert climatology(days, theta, train).max() < 0.25
    assert matched(np.arange(700.0), theta, train)[train].mean() == pytest.approx(theta[train].mean())


def test_scores_take_the_mean_difference_off() -> None:
    truth = np.linspace(0.1, 0.3, 50)
    found = score(truth + 0.05, truth)
    assert found.ubrmse == pytest.approx(0.0, abs=1e-6)
    assert found.rmse == pytest.approx(0.05)


def test_a_drydown_has_its_time_scale() -> None:
    theta = np.concatenate([[0.1], 0.105 + 0.2 * np.exp(-np.arange(40) / 8.0)])
    assert drydown_scale(theta, np.zeros(41)) == pytest.approx(8.0, rel=0.15)
