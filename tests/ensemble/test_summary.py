"""Quantiles, weights and the gathered file."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from _ensemble import IdleWork, idle_members, run_idle

from jules_ml.ensemble.gathering import gather
from jules_ml.ensemble.manifest import Status, member_folder, write_status
from jules_ml.ensemble.member_file import Series, write_member
from jules_ml.ensemble.schedule import serial_pool
from jules_ml.ensemble.summary import summarise, weighted_quantiles
from jules_ml.ensemble.weights import effective_members, likelihood_weights, systematic_resampling, weight_members
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.experiment.ensemble import WeightsSection


def test_quantiles_of_equal_weights_are_hazens() -> None:
    values = np.random.default_rng(0).normal(size=(31, 5, 2))
    q = [0.05, 0.3, 0.5, 0.95]
    np.testing.assert_allclose(weighted_quantiles(values, q), np.quantile(values, q, axis=0, method="hazen"))


def test_a_weight_of_two_equals_two_identical_members() -> None:
    values = np.array([1.0, 2.0, 4.0])
    twice = weighted_quantiles(np.array([1.0, 2.0, 2.0, 4.0]), [0.5])
    np.testing.assert_allclose(weighted_quantiles(values, [0.5], np.array([1.0, 2.0, 1.0])), twice)


def test_missing_members_are_left_out_of_quantiles() -> None:
    values = np.array([[1.0], [np.nan], [3.0]])
    np.testing.assert_allclose(weighted_quantiles(values, [0.5]), [[2.0]])
    assert np.isnan(weighted_quantiles(np.full((3, 1), np.nan), [0.5])).all()


def test_weights_are_those_of_bayes() -> None:
    weights = likelihood_weights(np.array([-1000.0, -1000.0 + np.log(3.0), np.nan]))
    np.testing.assert_allclose(weights, [0.25, 0.75, 0.0])
    assert effective_members(np.full(10, 0.1)) == pytest.approx(10.0)
    with pytest.raises(BadInput, match="no member can be weighted"):
        likelihood_weights(np.full(3, np.nan))


def test_particles_are_resampled_in_proportion_to_their_weights() -> None:
    drawn = systematic_resampling(np.array([0.5, 0.0, 0.3, 0.2]), 100, seed=1)
    assert np.bincount(drawn, minlength=4).tolist() == [50, 0, 30, 20]


def constant_members(folder: Path, levels: list[float], *, gap: int | None = None, calendar: str = "standard") -> None:
    """Members done with a constant each, of sixty days; of the last all but the last ``gap`` days are missing."""
    units = {"units": "seconds since 2001-01-01 00:00:00", "calendar": calendar}
    times = Series(("time",), 86400.0 * np.arange(1, 61), units)
    for number, level in enumerate(levels):
        place = member_folder(folder, number)
        values = np.full(60, level)
        if gap is not None and number == len(levels) - 1:
            values[:-gap] = np.nan
        size, checksum = write_member(
            place, {"time": times, "latent_heat": Series(("time",), values, {"units": "W m-2"})}
        )
        write_status(folder, Status(number, "done", size=size, checksum=checksum))


def test_posterior_favours_the_members_near_the_observations(tmp_path: Path) -> None:
    constant_members(tmp_path, [10.0, 20.0, 30.0])
    gather(Experiment(), idle_members(3), tmp_path)
    time = np.datetime64("2001-01-01", "ns") + np.arange(1, 61) * np.timedelta64(1, "D")
    observed = 20.0 + np.random.default_rng(0).normal(scale=2.0, size=60)
    path = tmp_path / "observations.nc"
    xr.Dataset({"latent_heat": ("time", observed)}, {"time": time}).to_netcdf(path)
    section = WeightsSection(variable="latent_heat", sigma=20.0, observations=path)
    weighed = weight_members(Experiment(), tmp_path, section)
    misfit = np.array([np.sum((observed - level) ** 2) for level in (10.0, 20.0, 30.0)]) / 20.0**2
    expected = np.exp(-0.5 * (misfit - misfit.min()))
    np.testing.assert_allclose(weighed.weights, expected / expected.sum(), rtol=1e-9)
    assert weighed.measurements == 60
    assert weighed.scores[1].bias == pytest.approx(20.0 - observed.mean())
    summarise(tmp_path, [0.5], weighed.weights)
    with xr.open_dataset(tmp_path / "summary.nc") as ds:
        np.testing.assert_allclose(ds["latent_heat_posterior_mean"], float(weighed.weights @ [10.0, 20.0, 30.0]))
        np.testing.assert_allclose(ds["latent_heat_mean"], 20.0)
        np.testing.assert_allclose(ds["latent_heat_sd"], 10.0)


def test_observations_in_the_calendar_of_the_members_are_compared(tmp_path: Path) -> None:
    constant_members(tmp_path, [10.0, 20.0], calendar="360_day")
    gather(Experiment(), idle_members(2), tmp_path)
    path = tmp_path / "observations.nc"
    section = WeightsSection(variable="latent_heat", sigma=20.0, observations=path)

    def write(calendar: str, first: str) -> None:
        units = {"units": f"days since {first}", "calendar": calendar}
        values = ("time", np.full(20, 20.0))
        xr.Dataset({"latent_heat": values}, {"time": ("time", np.arange(20.0), units)}).to_netcdf(path)

    write("360_day", "2001-02-30")  # the end of the 59th day is 2001-02-30
    assert weight_members(Experiment(), tmp_path, section).measurements == 2
    write("standard", "2001-02-20")
    with pytest.raises(BadInput, match="calendar of the observations is standard, and that of the members 360_day"):
        weight_members(Experiment(), tmp_path, section)
    with pytest.raises(BadInput, match="the members have the calendar 360_day"):
        weight_members(Experiment(), tmp_path, WeightsSection(variable="latent_heat", sigma=20.0))


def test_observations_of_another_period_are_refused(tmp_path: Path) -> None:
    constant_members(tmp_path, [10.0, 20.0])
    gather(Experiment(), idle_members(2), tmp_path)
    path = tmp_path / "observations.nc"
    time = np.datetime64("2005-01-01", "ns") + np.arange(9) * np.timedelta64(1, "D")
    xr.Dataset({"latent_heat": ("time", np.ones(9))}, {"time": time}).to_netcdf(path)
    with pytest.raises(BadInput, match="no observations of latent_heat in the time of the run"):
        weight_members(Experiment(), tmp_path, WeightsSection(variable="latent_heat", sigma=1.0, observations=path))
    with pytest.raises(BadInput, match="was not gathered"):
        weight_members(Experiment(), tmp_path, WeightsSection(variable="theta", sigma=1.0, layer=1, observations=path))


def test_blocks_of_members_are_gathered_in_order(tmp_path: Path) -> None:
    n = 150
    run = run_idle(tmp_path, n, serial_pool, IdleWork(fails=(70,)))
    first = gather(run.experiment, run.members, tmp_path)
    with netCDF4.Dataset(first.path) as ds:
        ds.set_auto_mask(False)
        numbers = ds["number"][:, 2]
        assert ds.data_sha256 == first.checksum
        assert ds["done"][:].tolist() == [int(k != 70) for k in range(n)]
    assert np.isnan(numbers[70])
    np.testing.assert_array_equal(np.delete(numbers, 70), np.delete(np.arange(float(n)), 70))
    assert gather(run.experiment, run.members, tmp_path).checksum == first.checksum


def test_members_with_different_times_are_not_gathered(tmp_path: Path) -> None:
    constant_members(tmp_path, [1.0])
    place = member_folder(tmp_path, 1)
    times = Series(("time",), 86400.0 * np.arange(1, 61), {"units": "seconds since 2002-01-01 00:00:00"})
    size, checksum = write_member(place, {"time": times, "latent_heat": Series(("time",), np.ones(60))})
    write_status(tmp_path, Status(1, "done", size=size, checksum=checksum))
    with pytest.raises(RunFailed, match="member 1 has other times than the first member"):
        gather(Experiment(), idle_members(2), tmp_path)


def test_a_member_with_gaps_has_no_weight_and_keeps_its_other_days(tmp_path: Path) -> None:
    constant_members(tmp_path, [10.0, 20.0, 30.0], gap=5)
    gather(Experiment(), idle_members(3), tmp_path)
    time = np.datetime64("2001-01-01", "ns") + np.arange(1, 61) * np.timedelta64(1, "D")
    path = tmp_path / "observations.nc"
    xr.Dataset({"latent_heat": ("time", 25.0 + np.arange(60.0) % 2.0)}, {"time": time}).to_netcdf(path)
    weighed = weight_members(
        Experiment(), tmp_path, WeightsSection(variable="latent_heat", sigma=20.0, observations=path)
    )
    assert weighed.weights[2] == 0.0
    summarise(tmp_path, [0.5], np.array([0.25, 0.25, 0.5]))
    with xr.open_dataset(tmp_path / "summary.nc") as summary:
        np.testing.assert_allclose(summary["latent_heat_mean"][[0, -1]], [15.0, 20.0])
        np.testing.assert_allclose(summary["latent_heat_sd"][[0, -1]], [np.sqrt(50.0), 10.0])
        np.testing.assert_allclose(summary["latent_heat_posterior_mean"][[0, -1]], [15.0, 22.5])
