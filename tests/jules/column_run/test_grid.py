"""Runs of the column on the grid of a run folder of JULES."""

from __future__ import annotations

from pathlib import Path

import f90nml
import numpy as np
import pytest
import torch
import xarray as xr
from _grid_runs import write_grid_run
from _mpi_grid import DRIVING, rewrite
from helpers.refusals import refusal
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.grid.run import run_grid
from jules_ml.jules.column_run.grid import folder_model
from jules_ml.jules.column_run.grid_values import within_longitudes
from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.variable_lists import read_list
from jules_ml.physics.land_surface.state import LandForcing

LATITUDE, LONGITUDE = np.array([[50.0] * 3, [50.0, 51.0, 51.0]]), np.array([[-1.0, 0.0, 1.0]] * 2)
LAND = np.array([[True, True, False], [False, True, True]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grid_run(tmp_path_factory.mktemp("grid") / "run", LATITUDE, LONGITUDE, LAND)


def test_a_point_of_a_grid_is_that_of_a_run_of_its_own(folder: Path, tmp_path: Path) -> None:
    finished = run_grid(folder_model(folder, precision=torch.float64), tmp_path / "out")
    assert finished is not None
    one = tuple(each[:1, :1] for each in (LATITUDE, LONGITUDE, LAND))
    alone, _ = run_folder_as_column(write_grid_run(tmp_path / "one", *one), compiled=False)
    with xr.open_dataset(tmp_path / "out" / "grid.nc") as grid:
        assert (grid["runoff"][0].notnull().to_numpy() == LAND).all()
        for name in finished.layout.rows:
            own, expected = grid[name][..., 0, 0].to_numpy(), alone.output[name].to_numpy()
            np.testing.assert_allclose(own, expected, rtol=2e-6, atol=1e-12, err_msg=name)
        # the sun is lower in the north
        assert float(grid["gpp_gb"][:, 1, 1].mean()) != float(grid["gpp_gb"][:, 0, 1].mean())


def test_the_command_runs_a_grid(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--from-jules", str(folder), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "4 land points" in result.output
    assert (tmp_path / "out" / "grid.nc").is_file()


def prescribe(run: Path, values: np.ndarray, *, variable: str = "lai") -> None:
    """Prescribe a climatology of months, shape (month, pft, y, x)."""
    data = xr.Dataset({"leaves": (("time", "pft", "y", "x"), values)})
    data.to_netcdf(run / "leaves.nc", unlimited_dims=["time"])
    times = {"data_start": "1990-01-01 00:00:00", "data_end": "1991-01-01 00:00:00", "data_period": -1}
    names = {"file": "leaves.nc", "nvars": 1, "var": variable, "var_name": "leaves", "interp": "nf"}
    groups = {
        "jules_prescribed": {"n_datasets": 1},
        "jules_prescribed_dataset": {**times, **names, "is_climatology": True},
    }
    f90nml.Namelist(groups).write(run / "namelists" / "prescribed_data.nml", force=True)


def test_prescribed_leaf_area_is_that_of_each_point(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND, days=3)
    leaves = np.ones((12, 5, *LAND.shape)) * np.arange(1.0, 13.0)[:, None, None, None]
    leaves[..., 0, 1] = 0.1
    leaves[..., ~LAND] = np.nan
    prescribe(run, leaves)
    model = folder_model(run, precision=torch.float64)
    forcing = model.driving.window(0, 4, np.array([1, 2])).forcing(np.array([0, 1, 1]), torch.float64)
    assert isinstance(forcing, LandForcing)
    assert forcing.lai is not None
    np.testing.assert_allclose(forcing.lai[:, 0], [[0.1, 1.0, 1.0]] * 4)
    finished = run_grid(model, tmp_path / "out")
    assert finished is not None
    with xr.open_dataset(tmp_path / "out" / "grid.nc") as grid:
        gpp = grid["gpp_gb"].mean("time").to_numpy()
    # the first two points differ in leaf area alone
    assert gpp[0, 1] < 0.5 * gpp[0, 0]
    leaves[0, 0, 0, 0] = np.nan
    prescribe(run, leaves)
    # an unfinished run is not continued with other leaves
    assert folder_model(run).fingerprint != model.fingerprint
    with refusal("leaves.nc", "leaves is missing at land points", "fill"):
        folder_model(run).driving.window(0, 4, np.arange(4))
    xr.Dataset({"lai": (("time", "pft", "y", "x"), leaves)}).to_netcdf(run / "leaves.nc", unlimited_dims=["time"])
    with refusal("leaves.nc", "no variable leaves for lai, only lai", "correct var_name in"):
        folder_model(run).driving.window(0, 4, np.arange(4))


def test_other_prescribed_data_are_refused(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    prescribe(run, np.ones((12, 5, *LAND.shape)), variable="sthuf")
    with refusal("prescribed_data.nml", "sthuf is prescribed", "remove the dataset"):
        folder_model(run)


@pytest.mark.parametrize(
    ("west", "east", "expected"),
    [
        (100.0, 200.0, [False, False, False, True, True]),
        (350.0, 360.0, [False, True, True, False, False]),
        (-10.0, 10.0, [False, True, True, False, False]),
        (-180.0, 180.0, [True] * 5),
        (0.0, 360.0, [True] * 5),
    ],
)
def test_bounds_of_longitude_wrap(west: float, east: float, expected: list[bool]) -> None:
    longitude = np.array([-100.0, -10.0, 0.0, 100.1, -160.0])
    assert within_longitudes(longitude, west, east).tolist() == expected
    assert within_longitudes(longitude % 360.0, west, east).tolist() == expected


def test_a_region_is_that_of_its_bounds(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    region = {"use_subgrid": True, "latlon_region": True, "lat_bounds": [40.0, 60.0], "lon_bounds": [359.0, 360.0]}
    rewrite(run, {"jules_model_grid": region})
    assert folder_model(run).land.points.longitude.tolist() == [-1.0, 0.0, 0.0]
    rewrite(run, {"jules_model_grid": region | {"lon_bounds": [10.0, -10.0]}})
    with refusal("model_grid.nml", "lon_bounds are not two numbers in order", "smaller"):
        folder_model(run)


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ("interp", "! interp", "interp of sw_down is ''", "choose among"),
        ("'tot_rain'", "'precip'", "t_for_snow is None", "give t_for_snow"),
        ("z1_tq_in", "! z1_tq_in", "z1_tq_in is None", "give z1_tq_in"),
        ("diff_frac", "l_daily_disagg = T, diff_frac", "there is no precip_disagg_method, dur_ls_rain", "no default"),
    ],
)
def test_missing_entries_of_the_weather_are_refused(
    old: str, new: str, problem: str, remedy: str, tmp_path: Path
) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    drive = run / "namelists" / "drive.nml"
    text = drive.read_text(encoding="utf-8")
    assert old in text
    drive.write_text(text.replace(old, new, 1), encoding="utf-8")
    with refusal("drive.nml", problem, remedy):
        folder_model(run)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("satcon", 0.0, "satcon is missing or not above 0 at 1 of 4 land points, the first at 50.0000, -1.0000"),
        ("hcap", np.nan, "hcap is missing or not above 0 at 1 of 4"),
        ("albsoil", np.nan, "albsoil is not between 0 and 1 at 1 of 4"),
    ],
)
def test_incomplete_soil_is_refused(name: str, value: float, problem: str, tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    constants = {v.name: v.const_val or 0.0 for v in read_list(read_run_folder(run).namelists.get("jules_soil_props"))}
    soil = {each: np.full(LAND.shape, number) for each, number in constants.items()}
    soil[name][0, 0] = value
    xr.Dataset({each: (("y", "x"), values) for each, values in soil.items()}).to_netcdf(run / "soil.nc")
    entries = {"file": "soil.nc", "use_file": [True] * len(soil), "var_name": list(soil)}
    rewrite(run, {"jules_soil_props": entries})
    with refusal("ancillaries.nml", problem, "give"):
        folder_model(run)


def test_outputs_that_the_column_lacks_are_noted(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    profile = {"var": ["smcl", "rflow", "lai"], "nvars": 3, "output_type": ["M"] * 3}
    rewrite(run, {"jules_output_profile": profile})
    assert [note for note in folder_model(run).notes if "output" in note] == ["the column has no output rflow"]


def test_daily_weather_is_disaggregated(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND, days=3)
    with xr.open_dataset(run / "weather.nc") as weather:
        daily = weather.coarsen(time=24).mean().load()
    daily["dt_range"] = xr.full_like(daily["t"], 8.0)
    daily.to_netcdf(run / "weather.nc", format="NETCDF3_64BIT", unlimited_dims=["time"])
    names = [*DRIVING, "dt_range"]
    durations = {f"dur_{kind}": 3600.0 for kind in ("ls_rain", "conv_rain", "ls_snow", "conv_snow")}
    entries = {"l_daily_disagg": True, "precip_disagg_method": 1, "data_period": 86400, "nvars": len(names)}
    listed = {"var": names, "var_name": names, "interp": ["nf"] * len(names)}
    rewrite(run, {"jules_drive": {**entries, **durations, **listed}})
    model = folder_model(run)
    window = model.driving.window(0, 96, np.arange(4))
    air = window.forcing(np.arange(4), torch.float64).t_air
    means = daily["t"].to_numpy()[:2, 0, 0]
    np.testing.assert_allclose(air.reshape(2, 48, 4).mean(dim=1)[:, 0], means, atol=0.01)
    assert float(air[:48, 0].max() - air[:48, 0].min()) > 7.0


def test_a_changed_ancillary_is_another_run(tmp_path: Path) -> None:
    """An unfinished run is not continued with it."""
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    before = folder_model(run).fingerprint
    assert folder_model(run).fingerprint == before
    path = run / str(read_run_folder(run).namelists.get("jules_frac")["file"])
    with xr.open_dataset(path) as ds:
        changed = ds.load()
    changed.attrs["history"] = "changed"
    changed.to_netcdf(path)
    assert folder_model(run).fingerprint != before
