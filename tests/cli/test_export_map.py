"""``jules-ml export --grid`` on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _static_maps import synthetic_map, write_map, write_soils_module
from typer.testing import CliRunner, Result

from jules_ml.cli import app
from jules_ml.jules.export.map_file import SOIL_MAP


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_soils_module(tmp_path_factory.mktemp("modules") / "soils")


def export(module: Path, out: Path, *options: str | Path, to: str = "ancillary") -> Result:
    return CliRunner().invoke(app, ["export", str(module), "--to", to, "--out", str(out), *map(str, options)])


def test_a_map_is_exported_whole_or_not_at_all(module: Path, tmp_path: Path) -> None:
    grid = write_map(synthetic_map(6, 7), tmp_path / "static.nc")
    out = tmp_path / "maps"
    done = export(module, out, "--grid", grid, "--members")
    assert done.exit_code == 0, done.output
    assert "100%" in done.stderr
    assert "33 of 42 points are predicted" in done.output
    names = {path.name for path in out.iterdir()}
    assert {SOIL_MAP, "soil_properties_member_3.nc", "soil_properties_spread.nc", "training_range.nc"} <= names
    again = export(module, out, "--grid", grid, "--quiet")
    assert again.exit_code == 0
    assert again.output == ""
    assert not (out / "soil_properties_member_3.nc").exists()
    before = (out / SOIL_MAP).read_bytes()
    bad = synthetic_map(6, 7)
    bad["clay"][5, 6] = 40.0
    failed = export(module, out, "--grid", write_map(bad, tmp_path / "bad.nc"))
    assert failed.exit_code == 2
    assert "variable clay" in failed.stderr
    assert (out / SOIL_MAP).read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_names_and_layers_are_given_on_the_command_line(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 4).rename(sand="SNDPPT").assign(quality=(("lat", "lon"), np.ones((3, 4))))
    grid = write_map(ds, tmp_path / "static.nc")
    out = tmp_path / "maps"
    refused = export(module, out, "--grid", grid)
    assert refused.exit_code == 2
    assert "--leave-out" in refused.stderr
    options = ("--name", "sand=SNDPPT", "--leave-out", "quality", "--dzsoil", "0.1,0.4,1.5")
    done = export(module, out, "--grid", grid, *options)
    assert done.exit_code == 0, done.output
    with xr.open_dataset(out / SOIL_MAP) as soil:
        assert soil.sizes["soil"] == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--members",), "--members needs --grid"),
        (("--like", "old.nc"), "--like needs --grid"),
        (("--grid", "static.nc", "--predicted"), "--predicted is not an option of ancillary"),
        (("--grid", "static.nc", "--dzsoil", "10,25"), "give dzsoil in m"),
        (("--grid", "static.nc", "--name", "sand"), "has no '='"),
        (("--grid", "static.nc"), "there is no such file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: tuple[str, ...], problem: str, module: Path, tmp_path: Path
) -> None:
    done = export(module, tmp_path / "maps", *options)
    assert done.exit_code == 2
    assert problem in " ".join(done.stderr.split())
