"""Runs of the column on a grid of six land points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.conventions import check_conventions
from helpers.small_grid import LAND, LATITUDE, START, weather, write_chess, write_grid, write_wfde5

from jules_ml.column.grid.model import experiment_model
from jules_ml.column.grid.run import run_grid
from jules_ml.column.grid.segments import timetable
from jules_ml.column.grid.trees import column_mapped
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.sections import SpinUpSection
from jules_ml.physics.integration import integrate
from jules_ml.physics.kernel.trees import mapped, tensors


def run(path: Path, out: Path) -> xr.Dataset:
    finished = run_grid(experiment_model(load_experiment(path)), out)
    assert finished is not None
    assert not (out / "unfinished").exists()
    assert (out / "figures" / "grid.png").is_file()
    check_conventions(out / "grid.nc")
    with xr.open_dataset(out / "grid.nc") as ds:
        return ds.load()


def test_a_grid_is_the_same_as_its_points(tmp_path: Path) -> None:
    """Each point of the grid is integrated as a column of its own."""
    whole = run(write_grid(tmp_path, write_wfde5(tmp_path)), tmp_path / "whole")
    assert whole["sthu"].dims == ("time", "soil", "lat", "lon")
    assert whole["sthu"].shape == (4, 4, 3, 3)
    assert (whole["t_soil"][0, 0].notnull().to_numpy() == LAND).all()
    assert whole["sthu"].to_numpy()[:, :, LAND].std() > 1e-4
    bounds = "lat_bounds = [50.4, 50.6]\nlon_bounds = [-1.1, -0.9]\n"
    one = run(write_grid(tmp_path, write_wfde5(tmp_path), grid=bounds), tmp_path / "one")
    for name in ("sthu", "t_soil", "latent_heat", "runoff"):
        np.testing.assert_array_equal(one[name][..., 1, 0], whole[name][..., 1, 0])
        assert np.isfinite(one[name]).sum() == whole[name][..., 1, 0].size


def test_blocks_and_chunks_do_not_change_a_run(tmp_path: Path) -> None:
    drive = write_wfde5(tmp_path)
    first = run(write_grid(tmp_path, drive), tmp_path / "first")
    second = run(write_grid(tmp_path, drive, grid="chunk_days = 3\nblock = 6\n"), tmp_path / "second")
    xr.testing.assert_identical(first, second)
    assert first["time"].to_numpy()[0] == np.datetime64(START + np.timedelta64(1, "D"))


def test_months_are_means_of_their_days(tmp_path: Path) -> None:
    drive = write_wfde5(tmp_path, days=4)
    days = run(write_grid(tmp_path, drive), tmp_path / "days")
    month = run(write_grid(tmp_path, drive, grid="monthly = true\nchunk_days = 1\n"), tmp_path / "month")
    assert month.sizes["time"] == 1
    np.testing.assert_allclose(month["t_soil"][0], days["t_soil"].mean("time"), rtol=1e-6)


def test_daily_data_are_disaggregated(tmp_path: Path) -> None:
    drive = write_chess(tmp_path)
    model = experiment_model(load_experiment(write_grid(tmp_path, drive)))
    forcing = model.driving.window(0, 48, np.arange(6)).forcing(np.arange(6), torch.float64)
    daily = {name: values.reshape(4, 24, 9).mean(axis=1)[:2, LAND.ravel()] for name, values in weather(4).items()}
    for name, ours in (("sw_down", "sw_down"), ("precip", "tot_rain"), ("q", "q")):
        means = getattr(forcing, ours).numpy().reshape(2, 24, 6).mean(axis=1)
        np.testing.assert_allclose(means, daily[name], rtol=1e-5)
    t_air = forcing.t_air.numpy().reshape(2, 24, 6)
    np.testing.assert_allclose(t_air.max(axis=1) - t_air.min(axis=1), daily["dt_range"], rtol=1e-2)
    assert (forcing.tot_rain.numpy().reshape(2, 24, 6) > 0.0).sum(axis=1).tolist() == [[5] * 6] * 2
    # the warmest step is after noon, which is later in the west
    assert 12 <= t_air[0, :, 0].argmax() <= 17
    output = run(write_grid(tmp_path, drive), tmp_path / "out")
    assert output["latitude"].dims == ("lat",)
    np.testing.assert_array_equal(output["latitude"], LATITUDE)


def test_zarr_has_the_same_values_as_netcdf(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    drive = write_wfde5(tmp_path)
    expected = run(write_grid(tmp_path, drive), tmp_path / "out")
    path = write_grid(tmp_path, drive, grid='chunk_days = 1\nformat = "zarr"\n')
    assert run_grid(experiment_model(load_experiment(path)), tmp_path / "zarr") is not None
    with xr.open_zarr(tmp_path / "zarr" / "grid.zarr", consolidated=False) as ds:
        for name in ("sthu", "runoff"):
            np.testing.assert_array_equal(ds[name], expected[name])
        np.testing.assert_array_equal(ds["time"], expected["time"])


def test_a_cycle_of_spin_up_longer_than_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="longer than the run"):
        experiment_model(load_experiment(write_grid(tmp_path, write_wfde5(tmp_path), spin_up="cycles = 1\n")))


def test_spin_up_stops_where_it_has_converged(tmp_path: Path) -> None:
    """Further cycles change nothing at points whose change was within the tolerances."""
    path = write_grid(tmp_path, write_wfde5(tmp_path), grid="block = 6\n", precision="float64")
    model = experiment_model(load_experiment(path))
    states = {}
    for cycles, water in ((0, 1.0), (1, 1.0), (3, 1000.0), (3, 1e-6)):
        table = timetable(
            START,
            START + pd.Timedelta(days=4),
            3600.0,
            mean_over=24,
            chunk_days=1,
            cycles=cycles,
            cycle=(START, START + pd.Timedelta(days=2)),
        )
        spin_up = SpinUpSection(cycles=cycles, water=water, temperature=50.0)
        out = tmp_path / f"out{cycles}{water:g}"
        assert run_grid(replace(model, timetable=table, spin_up=spin_up), out) is not None
        with xr.open_dataset(out / "grid.nc") as ds:
            states[cycles, water] = ds.load()
    xr.testing.assert_identical(states[3, 1000.0], states[1, 1.0])
    assert float(abs(states[3, 1e-6]["t_soil"] - states[1, 1.0]["t_soil"]).max()) > 0.01
    assert float(abs(states[1, 1.0]["t_soil"] - states[0, 1.0]["t_soil"]).max()) > 0.01


def test_a_grid_has_the_land_surface_of_jules(tmp_path: Path) -> None:
    """Each type has its own temperature, and lakes are a type."""
    drive = write_wfde5(tmp_path, days=1)

    def physics(grid: str) -> Path:
        path = write_grid(tmp_path, drive, grid=grid)
        text = path.read_text(encoding="utf-8").replace('"runoff"]', '"runoff", "tstar", "gpp"]')
        path.write_text(text + "\n[physics]\nilayers = 3\n", encoding="utf-8")
        return path

    whole = run(physics("chunk_days = 1\n"), tmp_path / "whole")
    assert whole["tstar"].dims == ("time", "tile", "lat", "lon")
    assert whole["gpp"].dims == ("time", "pft", "lat", "lon")
    assert "lake" in whole["tile"].attrs["flag_meanings"].split()
    assert float(whole["gpp"].sel(pft=1).mean()) > 0.0
    one = run(physics("lat_bounds = [50.4, 50.6]\nlon_bounds = [-1.1, -0.9]\n"), tmp_path / "one")
    for name in ("sthu", "tstar", "gpp", "latent_heat"):
        np.testing.assert_array_equal(one[name][..., 1, 0], whole[name][..., 1, 0])


def test_no_gpu_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = write_grid(tmp_path, write_wfde5(tmp_path), run='device = "cuda"\n')
    with pytest.raises(BadInput, match="no GPU"):
        experiment_model(load_experiment(path))


def test_a_step_runs_on_another_device(tmp_path: Path) -> None:
    """All tensors of a step are on the device of the column: none is made on the CPU."""
    model = experiment_model(load_experiment(write_grid(tmp_path, write_wfde5(tmp_path))))
    window = model.driving.window(0, 2, np.arange(6))
    column, state = column_mapped(to_meta, model.land.column), mapped(to_meta, model.land.state)
    forcing = mapped(to_meta, window.forcing(np.arange(6), torch.float32))
    done = integrate(column, state, forcing, outputs=model.outputs, mean_over=2, compiled=False)
    assert {tensor.device for tensor in (*tensors(done.state), *done.outputs.values())} == {torch.device("meta")}


def to_meta(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to("meta")
