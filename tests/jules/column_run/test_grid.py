"""Runs of the column on the grid of a run folder of JULES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from _grid_runs import write_grid_run
from _mpi_grid import rewrite
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.grid.run import run_grid
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.grid import folder_model
from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.jules.run_folder import read_run_folder

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


def test_prescribed_data_are_refused(tmp_path: Path) -> None:
    run = write_grid_run(tmp_path / "run", LATITUDE, LONGITUDE, LAND)
    rewrite(run, {"jules_prescribed": {"n_datasets": 1}})
    with pytest.raises(BadInput, match="prescribed"):
        folder_model(run)


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
