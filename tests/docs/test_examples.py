"""docs/examples/calibrate.toml and grid.toml run with the inputs that docs/examples/make_inputs.py writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.paths import REPOSITORY
from typer.testing import CliRunner

from jules_ml.cli.application import app

TRUTH = {"b": 6.0, "satcon": 0.006, "lai": 2.5, "rootd_ft": 0.4}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the inputs of both examples."""
    folder = tmp_path_factory.mktemp("examples") / "trial"
    script = REPOSITORY / "docs" / "examples" / "make_inputs.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


@pytest.mark.slow
def test_the_grid_runs(trial: Path) -> None:
    result = CliRunner().invoke(app, ["run", str(trial / "grid.toml"), "--out", str(trial / "maps")])
    assert result.exit_code == 0, result.output
    with xr.open_dataset(trial / "maps" / "grid.nc") as maps:
        assert maps.sizes["time"] == 61
        land = maps["latent_heat"].isel(time=0).to_numpy()
        land = land[np.isfinite(land)]
        assert land.size == 5
        assert np.unique(land.round(2)).size == 5


@pytest.mark.slow
def test_the_calibration_recovers_the_parameters(trial: Path) -> None:
    result = CliRunner().invoke(app, ["calibrate", str(trial / "calibrate.toml"), "--out", str(trial / "calibrated")])
    assert result.exit_code == 0, result.output
    parameters = json.loads((trial / "calibrated" / "calibration.json").read_text(encoding="utf-8"))["parameters"]
    assert {each["parameter"] for each in parameters} == set(TRUTH)
    for each in parameters:
        assert each["values"][0]["fitted"] == pytest.approx(TRUTH[each["parameter"]], rel=0.1)
    report = (trial / "calibrated" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Fitted values</h2>" in report
    for name in TRUTH:
        assert f"<td>{name}</td>" in report
        assert name in result.output
    truth = (trial / "truth.toml").read_text(encoding="utf-8")
    assert truth.startswith("# The true parameters of the synthetic tower.\n")
    assert "calibration" not in truth
    assert "lower with the fitted parameters for 2 of 2 series" in result.output.replace("\n", " ")
