"""Training of soil moisture on simulated records, in addition to a record of about one year."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.moisture_site import QUICK, jules_run, site
from helpers.small_experiment import write_experiment
from torch import Tensor
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.learned.moisture import training
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.simulated import simulated_sites
from jules_ml.learned.moisture.site import MoistureSite, simulated_theta, site_record
from jules_ml.learned.moisture.training import fit_loss
from jules_ml.learned.moisture.training_site import TrainingSite

EARLY = np.arange(700) < 300


def runs(*, count: int = 2, days: int = 700) -> np.ndarray:
    """Water content of four layers in runs, shape (run, day, 4)."""
    wave = 0.25 + 0.1 * np.sin(np.arange(days) / 40.0)[:, None] * np.array([1.0, 0.8, 0.5, 0.2])
    return np.stack([wave + 0.01 * number for number in range(count)])


def test_a_simulated_record_has_the_weather_but_no_soil_inputs_of_the_site() -> None:
    lst = np.full(700, 290.0)
    record = moisture_record(
        site(lst=lst), jules=jules_run(), static={"clay": 0.2, "sand": 0.4, "soc_stock": 5.0, "elevation": 100.0}
    )
    first, second = simulated_sites(record, runs(), EARLY)
    assert first.record.static == {"elevation": 100.0}
    assert "lst" in record.dynamic
    assert "lst" not in first.record.dynamic
    assert first.record.has_jules
    assert not second.record.has_jules  # the weather alone must do
    np.testing.assert_array_equal(first.record.dynamic["precip"], record.dynamic["precip"])
    np.testing.assert_array_equal(first.record.theta, runs()[0])
    assert {first.record.site, second.record.site} == {"synthetic, soil 1", "synthetic, soil 2"}


def test_frozen_days_and_days_without_a_run_are_not_used() -> None:
    cold = np.where(np.arange(700) < 100, 270.0, 285.0)
    theta = runs(count=1)
    theta[0, 650:] = np.nan
    (one,) = simulated_sites(moisture_record(site(t_air=cold)), theta, EARLY)
    assert not one.record.usable[:100].any()
    assert one.record.usable[100:650].all()
    assert not one.record.usable[650:].any()
    (other,) = simulated_sites(moisture_record(site(t_air=cold)), theta, EARLY, frozen_below=268.0)
    assert other.record.usable[:650].all()


def test_a_run_without_training_days_is_left_out() -> None:
    theta = runs()
    theta[0, :295] = np.nan
    (second,) = simulated_sites(moisture_record(site()), theta, EARLY)
    assert second.record.site == "synthetic, soil 2"


def test_runs_change_the_network_but_are_not_stored() -> None:
    record = moisture_record(site(), jules=jules_run())
    plain = TrainingSite(record, EARLY)
    with_runs = replace(plain, simulated=simulated_sites(record, runs(), EARLY))
    ensembles = [train_moisture([each], QUICK) for each in (plain, with_runs)]
    assert all(set(ensemble.sites) == {"synthetic"} for ensemble in ensembles)
    one, other = (torch.cat([p.flatten() for p in e.members[0].parameters()]) for e in ensembles)
    assert not torch.equal(one, other)
    mean, other_mean = (ensemble.sites["synthetic"].moments_of(0).mean for ensemble in ensembles)
    assert mean == other_mean


def test_later_days_of_a_run_have_no_effect() -> None:
    record = moisture_record(site(), jules=jules_run())
    theta = runs()
    changed = theta.copy()
    changed[:, 300:] += 0.1
    one, other = (
        train_moisture([TrainingSite(record, EARLY, simulated=simulated_sites(record, each, EARLY))], QUICK)
        for each in (theta, changed)
    )
    np.testing.assert_array_equal(one.predict(record).theta, other.predict(record).theta)


@pytest.mark.parametrize(("level_weight", "fraction"), [(1.0, 1.0), (0.25, 0.25), (0.0, 0.0)])
def test_the_mean_error_is_weighted_by_level_weight(level_weight: float, fraction: float) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(1, 2, 50, generator=generator)
    weight, log_spread = torch.ones_like(target), torch.zeros_like(target)

    def loss(mean: torch.Tensor) -> float:
        return float(fit_loss(mean, log_spread, target, weight, level_weight=level_weight, gradient_weight=0.3))

    perfect = loss(target)
    assert loss(target + 0.4) - perfect == pytest.approx(fraction * 0.5 * 0.4**2, abs=1e-6)


@pytest.mark.parametrize("level_weight", [1.0, 0.01])
def test_the_optimal_mean_does_not_depend_on_level_weight(level_weight: float) -> None:
    generator = torch.Generator().manual_seed(0)
    target, log_spread = torch.randn(1, 1, 200, generator=generator), torch.randn(1, 1, 200, generator=generator)
    shift = torch.tensor(0.0, requires_grad=True)
    weights = {"level_weight": level_weight, "gradient_weight": 0.3}
    for _ in range(50):
        loss = fit_loss(shift.expand_as(target), log_spread, target, torch.ones_like(target), **weights)
        (slope,) = torch.autograd.grad(loss, shift, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, shift)
        shift = (shift - slope.detach() / curvature).detach().requires_grad_()
    precision = torch.exp(-log_spread)
    assert float(shift.detach()) == pytest.approx(float((precision * target).sum() / precision.sum()), abs=1e-5)


@pytest.mark.parametrize(("window", "expected"), [(None, {0.01, 1.0}), (250, {1.0})])
def test_level_weight_is_not_applied_to_a_window_of_days(
    monkeypatch: pytest.MonkeyPatch, window: int | None, expected: set[float]
) -> None:
    record = moisture_record(site(), jules=jules_run())
    weights = set()

    def spy(*args: Tensor, level_weight: float, gradient_weight: float) -> Tensor:
        weights.add(level_weight)
        return fit_loss(*args, level_weight=level_weight, gradient_weight=gradient_weight)

    monkeypatch.setattr(training, "fit_loss", spy)
    early = TrainingSite(record, EARLY, simulated=simulated_sites(record, runs(), EARLY))
    train_moisture([early], QUICK.model_copy(update={"window": window}))
    assert weights == expected  # simulated records always have weight 1


def test_validation_days_are_removed_from_the_runs_too() -> None:
    record = moisture_record(site(), jules=jules_run())
    training_site = TrainingSite(record, EARLY, simulated=simulated_sites(record, runs(), EARLY))
    late = np.arange(700) >= 200
    shortened = training_site.without(late)
    assert [each.train.sum() for each in (shortened, *shortened.simulated)] == [200, 200, 200]
    assert training_site.without(np.ones(700, dtype=bool)).simulated == ()


def test_days_without_an_observation_have_no_effect_on_the_mean_error() -> None:
    target, weight = torch.zeros(1, 1, 10), torch.ones(1, 1, 10)
    weight[..., 5:] = 0.0
    mean = torch.where(torch.arange(10) < 5, 0.3, 7.0).expand_as(target)
    loss = fit_loss(mean, torch.zeros_like(target), target, weight, level_weight=0.0, gradient_weight=0.0)
    assert float(loss) == pytest.approx(0.0, abs=1e-7)


def test_runs_are_read_from_output_of_jules_and_of_the_column(tmp_path: Path) -> None:
    ds = site(20)
    theta = np.linspace(0.2, 0.3, 20)[:, None] * np.ones(4)
    dzsoil = np.array([0.1, 0.25, 0.65, 2.0])
    stamps = np.arange(1, 21) * 86400.0
    times = {"units": "seconds since 2018-01-01 12:00:00", "calendar": "standard"}
    column = xr.Dataset(
        {
            "smcl": (("time", "soil"), 1000.0 * dzsoil * (theta - 0.05)),
            "theta_r": ("soil", np.full(4, 0.05)),
        },
        coords={"time": ("time", stamps, times), "dzsoil": ("soil", dzsoil)},
        attrs={"interval_seconds": 86400.0},
    )
    column.to_netcdf(tmp_path / "column.nc")
    bounds = np.stack([stamps - 86400.0, stamps], axis=1)
    jules = xr.Dataset(
        {
            "smcl": (("time", "soil", "y", "x"), (1000.0 * dzsoil * theta)[..., None, None]),
            "latitude": (("y", "x"), np.zeros((1, 1))),
            "longitude": (("y", "x"), np.zeros((1, 1))),
            "time_bounds": (("time", "nt"), bounds),
        },
        coords={"time": ("time", stamps, times)},
    )
    jules.to_netcdf(tmp_path / "jules.nc")
    section = MoistureSection(simulated=(tmp_path / "column.nc", tmp_path / "jules.nc"))
    both = simulated_theta(section, ds, moisture_record(ds).days)
    assert both.shape == (2, len(moisture_record(ds)), 4)
    days = np.isfinite(both).all((0, 2))
    assert days.sum() >= 18
    np.testing.assert_allclose(both[0, days], both[1, days], rtol=1e-6)
    ensemble = column.drop_vars("theta_r").expand_dims(member=4).copy(deep=True)  # the format of jules-ml ensemble
    ensemble["smcl"][1] = np.nan  # a failed member
    ensemble.to_netcdf(tmp_path / "ensemble.nc")
    members = simulated_theta(MoistureSection(simulated=(tmp_path / "ensemble.nc",)), ds, moisture_record(ds).days)
    assert members.shape == (3, *both.shape[1:])
    np.testing.assert_allclose(members[2, days], both[0, days] - 0.05, rtol=1e-6)
    column.assign_coords(time=("time", stamps, {"units": "fortnights"})).to_netcdf(tmp_path / "time.nc")
    with pytest.raises(BadInput, match=r"time\.nc.*'fortnights', which is not a unit of time"):
        simulated_theta(MoistureSection(simulated=(tmp_path / "time.nc",)), ds, moisture_record(ds).days)
    other_years = column.assign_coords(time=("time", stamps + 4e8, times))
    other_years.to_netcdf(tmp_path / "years.nc")
    with pytest.raises(BadInput, match=r"years\.nc.*do not overlap"):
        simulated_theta(MoistureSection(simulated=(tmp_path / "years.nc",)), ds, moisture_record(ds).days)
    column.drop_vars("smcl").to_netcdf(tmp_path / "other.nc")
    without = MoistureSection(simulated=(tmp_path / "other.nc",))
    record_days = moisture_record(ds).days
    with pytest.raises(BadInput, match="no variable smcl"):
        simulated_theta(without, ds, record_days)


def test_a_fit_uses_runs_and_warns_of_unused_ones(tmp_path: Path) -> None:
    record = moisture_record(site())
    fit = fit_moisture([MoistureSite(record, simulated=runs())], QUICK, tmp_path / "theta")
    assert set(fit.ensemble.sites) == {"synthetic"}
    card = json.loads((tmp_path / "theta" / "card.json").read_text(encoding="utf-8"))
    assert card["sites"]["synthetic"]["simulated_runs"] == 2
    late = runs()
    late[0, :500] = np.nan  # no training day
    fit = fit_moisture([MoistureSite(record, simulated=late)], QUICK, tmp_path / "again")
    assert any("synthetic: 1 of 2 runs with other soils were used in the training" in line for line in fit.warnings)


def test_an_ensemble_of_the_column_can_be_given(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=4)
    members = '[ensemble]\nmembers = 2\n\n[[ensemble.parameters]]\nparameter = "soil.properties.sathh"\nbounds = [0.02, 0.2]\n'
    path.write_text(path.read_text(encoding="utf-8") + members, encoding="utf-8")
    out = tmp_path / "soils"
    done = CliRunner().invoke(app, ["ensemble", str(path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    record = site(4).assign_coords(time=pd.date_range("2001-06-02", periods=4, freq="D"))
    theta = simulated_theta(MoistureSection(simulated=(out / "ensemble.nc",)), record, moisture_record(record).days)
    assert theta.shape == (2, 4, 4)
    assert np.isfinite(theta).all()
    assert not np.array_equal(theta[0], theta[1])


def test_an_ensemble_of_soils_is_a_first_guess_with_the_mean_of_their_anomalies(tmp_path: Path) -> None:
    ds = site(60)
    stamps = 86400.0 * np.arange(1.0, 61.0)
    wave = np.sin(np.arange(60) / 9.0)
    sand, clay = 0.1 + 0.01 * wave, 0.3 + 0.1 * wave[::-1]
    dzsoil = np.array([0.1, 0.25, 0.65, 2.0])
    theta = np.stack([sand, clay, np.full(60, np.nan)])[..., None] * np.ones(4)  # the last member failed
    xr.Dataset(
        {"smcl": (("member", "time", "soil"), 1000.0 * dzsoil * theta)},
        coords={
            "time": ("time", stamps, {"units": "seconds since 2018-01-02", "calendar": "standard"}),
            "dzsoil": ("soil", dzsoil),
        },
        attrs={"interval_seconds": 86400.0},
    ).to_netcdf(tmp_path / "ensemble.nc")
    record = site_record(MoistureSection(jules=tmp_path / "ensemble.nc"), ds)
    # an ensemble of runs of JULES has no thickness of its layers, and the section gives it
    with xr.open_dataset(tmp_path / "ensemble.nc", decode_times=False) as ensemble:
        ensemble.drop_vars("dzsoil").to_netcdf(tmp_path / "jules.nc")
    same = site_record(MoistureSection(jules=tmp_path / "jules.nc"), ds)
    np.testing.assert_array_equal(same.jules, record.jules)
    with pytest.raises(BadInput, match="4 soil layers, and dzsoil is given for 3"):
        site_record(MoistureSection(jules=tmp_path / "jules.nc", dzsoil=(0.1, 0.25, 0.65)), ds)
    days = np.isfinite(record.jules[:, 0])
    anomaly = sum((each - each.mean()) / each.std() for each in (sand, clay)) / 2.0
    expected = (sand.mean() + clay.mean()) / 2.0 + (sand.std() + clay.std()) / 2.0 * anomaly
    np.testing.assert_allclose(record.jules[days, 0], expected[: days.sum()], rtol=1e-6)
    assert days.sum() >= 59
