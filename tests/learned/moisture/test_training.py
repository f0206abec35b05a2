"""Training of soil moisture: records, moments, adaptation, and network ensembles of synthetic sites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.moisture_site import QUICK, jules_run, site

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.baselines import climatology, rain_index, rescaled
from jules_ml.learned.moisture.batch import make_batch, point_weights
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.limits import Limits, porosity, rain_supply
from jules_ml.learned.moisture.moments import Moments, jules_moments, nearest_sensor
from jules_ml.learned.moisture.moments_model import (
    fit_moments_model,
    prior_covariance,
    static_properties,
    update_moments,
)
from jules_ml.learned.moisture.moments_regression import MomentsRegression
from jules_ml.learned.moisture.network import LearnedMoisture, jules_features
from jules_ml.learned.moisture.record import MoistureRecord, moisture_record
from jules_ml.learned.moisture.scores import drydown_scale
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.scores import score


def test_a_record_has_days_sensors_and_a_first_guess() -> None:
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
    assert "run the model for the period of the record" in str(error.value)


def test_a_site_without_water_content_is_refused() -> None:
    record = moisture_record(site().drop_vars("theta"))
    with pytest.raises(BadInput, match="no measured water content to train on") as error:
        train_moisture([TrainingSite(record, np.ones(700, dtype=bool))], QUICK)
    assert "name the columns" in str(error.value)


def test_precipitation_is_required() -> None:
    with pytest.raises(BadInput, match="'precip' is missing"):
        moisture_record(site().drop_vars("precip"))


def test_sensors_between_layers_observe_both() -> None:
    points = point_weights(np.array([0.05, 0.1375, 5.0, np.nan]))
    assert points[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert points[1] == pytest.approx([0.5, 0.5, 0.0, 0.0])
    assert points[2].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert points[3].tolist() == [0.0, 0.0, 0.0, 0.0]  # a cosmic-ray sensor has a footprint instead


def test_a_layer_has_the_moments_of_the_nearest_sensor() -> None:
    depth = np.array([0.05, 0.5, np.nan])
    moments = [Moments(0.2, 0.05), Moments(0.3, 0.03), Moments(0.25, 0.04)]
    assert [nearest_sensor(depth, moments, layer) for layer in range(4)] == [0, 2, 1, 1]
    assert nearest_sensor(depth, [None, None, moments[2]], 3) == 2
    assert nearest_sensor(depth, [None, None, None], 0) is None


def test_limits_follow_from_soil_and_weather() -> None:
    rain = np.array([0.0, 5.0, np.nan, 3.0])
    assert np.array_equal(rain_supply(rain, np.full(4, 285.0)), rain, equal_nan=True)
    assert np.isnan(rain_supply(rain, np.array([285.0, 270.0, 285.0, 285.0]))[1:]).all()  # snow may lie
    assert porosity({"bulk_density": 1325.0}) == pytest.approx(0.5)
    record = moisture_record(site(400), static={"bulk_density": 1325.0})
    batch = make_batch(
        [record], jules=[np.full((2, 4), np.nan)], moments=[[Moments(0.3, 0.05)]], static=(), statics=[{}]
    )
    assert batch.limits.porosity.tolist() == pytest.approx([0.5])
    assert batch.limits.moments[0, 3].tolist() == pytest.approx([0.3, 0.05])


def test_water_gained_without_rain_is_penalised() -> None:
    limits = Limits(
        torch.tensor([[[0.25, 0.05]] * 4]), torch.tensor([0.5]), torch.tensor([[0.0, 0.0, 20.0, float("nan")]])
    )
    dry = torch.zeros(1, 4, 4)
    gains = dry.clone()
    gains[:, 0, 1:] = 1.0  # 5 kg m-2 in the first layer, on a day without rain
    assert float(limits.balance_penalty(dry)) == 0.0
    assert float(limits.balance_penalty(gains)) == pytest.approx(0.25 / 2)
    gains[:, 0, 1] = 0.0  # the same a day later, in the rain
    assert float(limits.balance_penalty(gains)) == 0.0
    assert float(limits.bounds_penalty(dry)) == 0.0
    assert float(limits.bounds_penalty(dry + 6.0)) == pytest.approx(
        1.0
    )  # 0.55 m3 m-3, one standard deviation above saturation


def test_the_bounds_penalty_keeps_predictions_below_porosity() -> None:
    record = moisture_record(
        site(400), static={"bulk_density": 2650.0 * (1.0 - 0.25)}
    )  # saturated at 0.25, and wetter at times
    assert (record.theta > 0.26).any()
    sites = [TrainingSite(record, np.ones(400, dtype=bool))]
    free = QUICK.model_copy(update={"steps": 40, "members": 1})
    bounded = free.model_copy(update={"bounds_weight": 30.0})
    # the penalty is on the networks
    ensembles = [replace(train_moisture(sites, settings), boosting=None) for settings in (free, bounded)]
    highest = [ensemble.predict(record).theta.max() for ensemble in ensembles]
    assert highest[1] < highest[0] - 0.01


@pytest.fixture(scope="module")
def many() -> list[MoistureRecord]:
    return [
        moisture_record(site(400, seed=i, name=f"site {i}"), static={"clay": 0.03 * i, "sand": 0.5}) for i in range(9)
    ]


def test_the_same_seed_gives_the_same_ensemble(many: list[MoistureRecord]) -> None:
    days = np.ones(400, dtype=bool)
    first, again = (train_moisture([TrainingSite(many[0], days)], QUICK).predict(many[0]) for _ in range(2))
    assert np.array_equal(first.theta, again.theta)
    assert (first.low < first.theta).all()
    assert (first.theta < first.high).all()


def test_a_new_site_is_predicted_and_then_adapted_to(many: list[MoistureRecord]) -> None:
    ensemble = train_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    new = many[8]
    assert np.isfinite(ensemble.predict(new).theta).all()
    wet = replace(new, theta=new.theta + 0.2)
    adapted = ensemble.adapt(wet)
    assert adapted.predict(wet).theta.mean() > ensemble.predict(wet).theta.mean() + 0.05


def test_a_module_of_few_sites_must_be_adapted_to_a_new_site(many: list[MoistureRecord]) -> None:
    ensemble = train_moisture([TrainingSite(many[0], np.ones(400, dtype=bool))], QUICK)
    with pytest.raises(BadInput, match="trained on too few sites to predict the mean and spread") as error:
        ensemble.predict(many[1])
    assert "--adapt" in str(error.value)
    assert np.isfinite(ensemble.adapt(many[1]).predict(many[1]).theta).all()


def test_a_missing_static_input_is_named() -> None:
    model = MomentsRegression.from_card(
        {"names": ["clay"], "centre": [0.0], "width": [1.0], "weights": [[0.0, 0.0], [0.0, 0.0]], "error": [0.05, 0.2]}
    )
    with pytest.raises(BadInput, match="static input 'clay' is missing") as error:
        model.predict({"sand": 0.03}, where="site X")
    assert "site X" in str(error.value)
    assert "[place]" in str(error.value)


def test_moments_that_depend_on_clay_are_recovered_and_stored_in_the_card() -> None:
    random = np.random.default_rng(0)
    statics = [
        {"precip_annual": 800.0, "t_air_mean": 283.0, "vpd_mean": 500.0, "clay": c, "sand": 0.4}
        for c in random.uniform(0.0, 0.5, 30)
    ]
    moments = [Moments(0.1 + 0.5 * s["clay"], 0.05) for s in statics]
    model = fit_moments_model(statics, moments, static="texture")
    assert model is not None
    predicted, error = model.predict({**statics[0], "clay": 0.3})
    assert predicted.mean == pytest.approx(0.25, abs=0.02)
    assert error[0] == 0.02  # the lower limit
    again = MomentsRegression.from_card(model.regressions[0].to_card())
    assert again.predict(statics[3]).mean == model.regressions[0].predict(statics[3]).mean


def test_observations_update_the_prior_moments() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=200)
    theta = 0.35 + 0.08 * z
    day = np.arange(200.0)
    prior = Moments(0.2, 0.05)
    before = prior_covariance(prior, (0.08, 0.5))
    unchanged, same = update_moments(prior, before, z[:0], theta[:0], day[:0])
    assert unchanged is prior
    assert same is before
    (few, some), (many, little) = (update_moments(prior, before, z[:n], theta[:n], day[:n]) for n in (3, 200))
    assert prior.mean < few.mean < many.mean
    assert many.mean == pytest.approx(0.35, abs=0.01)
    assert many.spread == pytest.approx(0.08, abs=0.015)
    assert before[0, 0] > some[0, 0] > little[0, 0] > 0.0  # the posterior variance decreases


def test_static_properties_do_not_depend_on_water_content(many: list[MoistureRecord]) -> None:
    changed = replace(many[0], theta=many[0].theta + 0.3)
    assert static_properties(changed) == static_properties(many[0])


def test_climate_is_the_mean_of_monthly_means(many: list[MoistureRecord]) -> None:
    day = np.arange(400)
    complete = static_properties(many[0])
    assert complete["t_air_mean"] == pytest.approx(288.0, abs=0.5)
    assert "t_air_mean" not in static_properties(many[0], day < 250)
    gap = static_properties(many[0], (day < 150) | (day > 200))  # June is missing
    assert gap["t_air_mean"] == pytest.approx(complete["t_air_mean"], abs=0.3)
    assert static_properties(many[0], day < 366)["t_air_mean"] == pytest.approx(complete["t_air_mean"], abs=0.3)


def test_later_days_of_a_training_site_do_not_change_predictions_on_its_training_days(
    many: list[MoistureRecord],
) -> None:
    early = np.arange(400) < 370
    ensemble = train_moisture([TrainingSite(record, early) for record in many], QUICK)
    record = many[0]
    later = replace(record, dynamic={n: np.where(early, v, v + 9.0) for n, v in record.dynamic.items()})
    assert np.array_equal(ensemble.predict(record).theta[early], ensemble.predict(later).theta[early])


def test_a_sensor_is_identified_by_its_name(many: list[MoistureRecord]) -> None:
    two = replace(
        many[0],
        theta=np.column_stack([many[0].theta, many[0].theta + 0.2]),
        usable=np.tile(many[0].usable, (1, 2)),
        depth=np.array([0.05, np.nan]),
        names=("theta_1", "theta_crns"),
    )
    ensemble = train_moisture([TrainingSite(two, np.ones(400, dtype=bool))], QUICK)
    cosmic = replace(two, theta=two.theta[:, 1:], usable=two.usable[:, 1:], depth=two.depth[1:], names=("theta_crns",))
    assert ensemble.moments_of(cosmic, 0).mean == pytest.approx(two.theta[:, 1].mean(), abs=1e-6)
    with pytest.raises(BadInput, match="has no sensor 'theta_9' at this site; it has theta_1, theta_crns"):
        ensemble.predict(replace(cosmic, names=("theta_9",)))


def test_a_sensor_without_observations_is_not_adapted_to(many: list[MoistureRecord]) -> None:
    ensemble = train_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    new = many[8]
    both = replace(
        new,
        theta=np.column_stack([np.full(400, np.nan), new.theta]),
        usable=np.column_stack([np.zeros(400, dtype=bool), new.usable]),
        depth=np.array([0.05, np.nan]),
        names=("theta_1", "theta_crns"),
    )
    stored = ensemble.adapt(both).sites[new.site]
    assert stored.moments[0] is None
    assert stored.main == 1
    assert not stored.trained


def test_intervals_narrow_with_the_days_of_local_data(many: list[MoistureRecord]) -> None:
    ensemble = train_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], QUICK)
    new = many[8]

    def width(days: int) -> float:
        adapted = ensemble.adapt(new.with_usable(np.arange(400) < days)) if days else ensemble
        prediction = adapted.predict(new)
        return float((prediction.high - prediction.low).mean())

    assert width(0) > width(3) > width(100)


def test_surface_temperature_is_identified_among_the_inputs(many: list[MoistureRecord]) -> None:
    moments = [[Moments(0.25, 0.05)]]
    jules = [np.full((2, 4), np.nan)]
    names = ("precip", "t_air", "sw_down")
    batch = make_batch(many[:1], jules=jules, moments=moments, static=(), statics=[{}], dynamic=names)
    assert batch.lst is None
    batch = make_batch(
        many[:1], jules=jules, moments=moments, static=(), statics=[{}], dynamic=("precip", "lst", "t_air")
    )
    assert batch.lst == 1


def test_residual_water_is_added_to_output_of_jules() -> None:
    run = jules_run()
    water = run.rename(theta="smcl").assign(dzsoil=("soil", [0.1, 0.25, 0.65, 2.0]))
    water["smcl"] = (run["theta"] - 0.05) * 1000.0 * water["dzsoil"]
    jules = moisture_record(site(), jules=water, theta_r=(0.05,)).jules
    assert jules == pytest.approx(moisture_record(site(), jules=run).jules)
    with pytest.raises(BadInput, match=r"other soil layers: 0\.5, 0\.5, 0\.5, 0\.5"):
        moisture_record(site(), jules=water.assign(dzsoil=("soil", [0.5] * 4)))


def test_monthly_output_is_no_first_guess() -> None:
    monthly = jules_run().assign_attrs(interval_seconds=31 * 86400.0)
    with pytest.raises(BadInput, match="output periods are 31 days long") as caught:
        moisture_record(site(), jules=monthly)
    assert "output_period = 86400" in caught.value.remedy


def test_a_run_starts_from_jules_where_it_is_not_a_daily_input() -> None:
    record = moisture_record(site(400), jules=jules_run(400))
    batch = make_batch(
        [record], jules=[jules_moments(record, np.ones(400, dtype=bool))], moments=[[None]], static=(), statics=[{}]
    )
    restarted = batch.inputs.started_at(torch.tensor([200]))
    assert restarted.initial.isfinite().all()
    hidden = LearnedMoisture(9, 0, QUICK.model_copy(update={"jules_channel": False}))
    first, after = jules_features(9)
    assert not hidden.features(restarted)[:, first:after].any()
    assert hidden.features(restarted)[:, after : after + 4, 200].any()


def test_the_rain_index_does_not_decrease_in_a_gap() -> None:
    rain = np.full(300, 2.0)
    theta = np.linspace(0.2, 0.201, 300, endpoint=False)
    gap = rain.copy()
    gap[200:260] = np.nan
    train = np.arange(300) < 200
    index = rain_index(gap + 0.1 * np.sin(np.arange(300)), theta, train)
    assert abs(index[255] - index[195]) < 0.01


def test_baselines_use_training_days_only() -> None:
    theta = np.concatenate([np.full(400, 0.2) + 0.02 * np.sin(np.arange(400)), np.full(300, 0.9)])
    train = np.arange(700) < 400
    days = pd.date_range("2018-01-01", periods=700)
    assert climatology(days, theta, train).max() < 0.25
    assert rescaled(np.arange(700.0), theta, train)[train].mean() == pytest.approx(theta[train].mean())


def test_ubrmse_excludes_the_bias() -> None:
    observed = np.linspace(0.1, 0.3, 50)
    scores = score(observed + 0.05, observed)
    assert scores.ubrmse == pytest.approx(0.0, abs=1e-6)
    assert scores.rmse == pytest.approx(0.05)


def test_the_time_scale_of_a_drydown_is_recovered() -> None:
    theta = np.concatenate([[0.1], 0.105 + 0.2 * np.exp(-np.arange(40) / 8.0)])
    assert drydown_scale(theta, np.zeros(41)) == pytest.approx(8.0, rel=0.15)


def test_a_rain_index_that_does_not_vary_is_the_mean_of_the_training_days() -> None:
    theta = np.linspace(0.1, 0.2, 50)
    train = np.arange(50) < 20
    np.testing.assert_allclose(rain_index(np.zeros(50), theta, train), theta[train].mean())


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_any_number_of_steps_can_be_trained(steps: int) -> None:
    record = moisture_record(site(400))
    settings = QUICK.model_copy(update={"steps": steps})
    ensemble = train_moisture([TrainingSite(record, np.ones(400, dtype=bool))], settings)
    assert np.isfinite(ensemble.predict(record).theta).all()
