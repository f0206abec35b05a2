"""Learned soil moisture on the grid of a run of the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.conventions import check_conventions
from helpers.small_grid import LAND, coordinates, weather, write_grid, write_wfde5

from jules_ml.column.grid.model import experiment_model
from jules_ml.column.grid.run import run_grid
from jules_ml.data.humidity import vapour_pressure_deficit
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.export import prescribed_map
from jules_ml.jules.export.prescribed_map import export_prescribed_map
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.learned.uses import MapRequest

OUTPUTS = ('outputs = ["sthu", "t_soil", "latent_heat", "runoff"]', 'outputs = ["sthu", "sthf"]')


class Echo:
    """A module that predicts the first guess, and keeps the records that it gets."""

    static = ("sand", "clay")

    def __init__(self) -> None:
        self.records: list[MoistureRecord] = []

    def layers(self, record: MoistureRecord) -> np.ndarray:
        self.records.append(record)
        return record.jules


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Echo:
    echo = Echo()
    monkeypatch.setattr(prescribed_map, "load_moisture", lambda folder: (echo, {}))
    return echo


def run(folder: Path, *, grid: str = "chunk_days = 2\nweather = true\n") -> Path:
    path = write_grid(folder, write_wfde5(folder), grid=grid)
    text = path.read_text(encoding="utf-8")
    assert OUTPUTS[0] in text
    path.write_text(text.replace(*OUTPUTS), encoding="utf-8")
    run_grid(experiment_model(load_experiment(path)), folder / "out")
    return folder / "out"


def static_map(folder: Path) -> Path:
    sand = np.where(LAND, 0.3 + 0.05 * np.arange(9.0).reshape(3, 3), np.nan)
    sand[0, 0] = np.nan
    data = {"sand": (("lat", "lon"), sand, {"units": "1"})}
    xr.Dataset(data, coords=coordinates()).to_netcdf(folder / "static.nc")
    return folder / "static.nc"


def test_a_grid_is_predicted_from_its_weather_and_first_guess(tmp_path: Path, module: Echo) -> None:
    out = run(tmp_path)
    request = MapRequest((static_map(tmp_path),), run=out)
    done = export_prescribed_map(tmp_path / "module", tmp_path / "maps", request)
    check_conventions(done.files[0])
    assert "5 of 9 points are predicted" in " ".join(done.notes)
    with xr.open_dataset(out / "grid.nc") as first, xr.open_dataset(done.files[0]) as ds:
        assert ds["sthuf"].dims == ("time", "soil", "lat", "lon")
        assert ds.attrs["data_start"] == "2001-06-01 00:00:00"
        expected = (first["sthu"] + first["sthf"]).to_numpy()
        # a point without static inputs has no prediction
        expected[:, :, 0, 0] = np.nan
        np.testing.assert_allclose(ds["sthuf"].to_numpy(), expected, rtol=1e-6)
    record = module.records[0]
    assert record.static["sand"] == pytest.approx(0.35)
    given = {name: values[:, 0, 1].reshape(4, 24) for name, values in weather(4).items()}
    np.testing.assert_allclose(record.dynamic["precip"], 86400.0 * given["precip"].mean(axis=1), rtol=1e-5)
    deficit = vapour_pressure_deficit(given["t"], given["q"], given["pstar"]).mean(axis=1)
    np.testing.assert_allclose(record.dynamic["vpd"], deficit, rtol=1e-4)


def test_runs_that_are_no_first_guess_are_refused(tmp_path: Path, module: Echo) -> None:
    request = MapRequest((static_map(tmp_path),), run=run(tmp_path, grid=""))
    with pytest.raises(BadInput, match="the run has no precip"):
        export_prescribed_map(tmp_path / "module", tmp_path / "maps", request)
    monthly = MapRequest(request.grid, run=run(tmp_path, grid="weather = true\nmonthly = true\n"))
    with pytest.raises(BadInput, match="not daily"):
        export_prescribed_map(tmp_path / "module", tmp_path / "maps", monthly)
    with pytest.raises(BadInput, match="needs a run"):
        export_prescribed_map(tmp_path / "module", tmp_path / "maps", MapRequest(request.grid))
