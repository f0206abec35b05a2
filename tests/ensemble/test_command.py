"""The command ``jules-ml ensemble``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr
from helpers.conventions import check_conventions
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app

runner = CliRunner()
ENSEMBLE = """
[ensemble]
sampling = "listed"

[[ensemble.parameters]]
parameter = "soil.properties.sm_crit"
values = [0.22, 0.24, 0.2]

# above sm_crit in the last member only
[[ensemble.parameters]]
parameter = "soil.properties.sm_wilt"
values = [0.13, 0.13, 0.21]
"""


@pytest.mark.slow
def test_a_member_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    path.write_text(path.read_text(encoding="utf-8") + ENSEMBLE, encoding="utf-8")
    asked = runner.invoke(app, ["ensemble", str(path), "--dry-run"])
    assert asked.exit_code == 0
    assert "3: 0 done, 0 failed, 3 to run in 1 units" in asked.output
    out = tmp_path / "out"
    result = runner.invoke(app, ["ensemble", str(path), "--out", str(out)])
    assert result.exit_code == 1, result.output
    assert "1 of 3 members failed, member 2 with" in result.output
    assert "--retry" in result.output
    names = {p.name for p in out.iterdir()}
    assert {"ensemble.nc", "summary.nc", "manifest.json", "figures", "members", "experiment.toml"} <= names
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["done"] == 2
    check_conventions(out / "ensemble.nc")
    check_conventions(out / "summary.nc")
    with xr.open_dataset(out / "ensemble.nc") as ds:
        assert ds["parameter_sm_crit"].to_numpy().tolist() == [0.22, 0.24, 0.2]
        assert ds["smcl"].isnull().all(("time", "soil")).to_numpy().tolist() == [False, False, True]
        assert ds.attrs["experiment"] == path.read_text(encoding="utf-8")


def test_mistakes_in_the_file_are_reported_with_their_line(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    path.write_text(path.read_text(encoding="utf-8") + ENSEMBLE.replace("values", "valeus"), encoding="utf-8")
    result = runner.invoke(app, ["ensemble", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "key 'valeus' is unknown" in result.output
    assert "write 'values'" in result.output
    assert not (tmp_path / "out").exists()
