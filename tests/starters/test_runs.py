"""``jules-ml init`` of runs: of JULES from its folder, of ensembles, on grids; and the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.refusals import refusal
from helpers.respiration_folder import write_module
from helpers.small_grid import write_ancillaries, write_wfde5
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.experiment import load_experiment
from jules_ml.jules.template import write_template
from jules_ml.starters import Hints, start
from jules_ml.support.ready import ready_folder

runner = CliRunner()


@pytest.fixture
def point(tmp_path: Path) -> Path:
    """Run folder of JULES."""
    folder = tmp_path / "point"
    folder.mkdir()
    write_template(folder, version="8.2")
    return folder


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return write_module(tmp_path / "modules" / "tower")


def test_a_folder_of_jules_becomes_a_prepared_swap_by_two_commands(point: Path, module: Path, tmp_path: Path) -> None:
    out = tmp_path / "swap"
    result = runner.invoke(app, ["init", "jules", "--from", str(point), "--module", str(module), "--out", str(out)])
    assert result.exit_code == 0, result.output
    experiment = load_experiment(out / "swap.toml")
    assert experiment.modules.respiration is not None
    assert experiment.modules.respiration.samefile(module)
    assert experiment.run is not None
    assert experiment.run.via == ("namelist",)
    result = runner.invoke(app, ["run", str(out / "swap.toml"), "--prepare", "--out", str(tmp_path / "prepared")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "prepared" / "submit.sh").is_file()
    assert "q10_soil" in (tmp_path / "prepared" / "namelists.diff").read_text(encoding="utf-8")


def test_a_ready_made_module_is_swapped_in_by_its_name(point: Path, tmp_path: Path) -> None:
    out = tmp_path / "swap"
    command = ["init", "jules", "--from", str(point), "--module", "ready:respiration-all", "--out", str(out)]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert 'respiration = "ready:respiration-all"' in (out / "swap.toml").read_text(encoding="utf-8")
    assert load_experiment(out / "swap.toml").modules.respiration == ready_folder("respiration-all")


def test_a_folder_without_module_is_the_reference_run(point: Path, tmp_path: Path) -> None:
    written = start("jules", [point], tmp_path / "swap", Hints())
    experiment = load_experiment(written.files[0])
    assert experiment.run is not None
    assert experiment.run.via == ()
    assert any("the reference run" in note for note in written.notes)


def test_the_only_choice_among_folders_of_namelists_is_stated(point: Path, tmp_path: Path) -> None:
    (point / "namelists").rename(point / "a")
    other = point / "b"
    other.mkdir()
    for file in (point / "a").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (path,) = start("jules", [point], tmp_path / "swap", Hints()).files
    assert 'namelists = "a"' in path.read_text(encoding="utf-8")
    assert "check this: one of a, b" in path.read_text(encoding="utf-8")


def test_a_module_without_a_way_is_refused(point: Path, tmp_path: Path) -> None:
    from helpers.module_folders import write_smallest

    folder = write_smallest(tmp_path / "theta", "moisture")
    with refusal("theta", "kind moisture", "--to prescribed"):
        start("jules", [point], tmp_path / "swap", Hints(modules=(folder,)))


RUN = """\
[data]
reader = "table"
path = "tower.csv"
utc_offset_hours = 0.0
columns.TA = {variable = "t_air", unit = "K"}
[soil]
form = "van_genuchten"
[soil.properties]
b = 4.0
sathh = 0.2
satcon = 0.002
sm_sat = 0.45
sm_crit = 0.30
sm_wilt = 0.12
hcap = 1.2e6
hcon = 0.23
[surface]
tiles = [{type = "bare_soil", frac = 1.0}]
[carbon]
cs = 3.0
[run]
"""


def test_an_ensemble_follows_on_an_experiment_that_runs(module: Path, tmp_path: Path) -> None:
    source = tmp_path / "runs" / "tower.toml"
    source.parent.mkdir()
    source.write_text(RUN, encoding="utf-8")
    (source.parent / "tower.csv").write_text("time,TA\n2020-01-01 01:00,280\n2020-01-01 02:00,281\n", encoding="utf-8")
    (path,) = start("ensemble", [source, module], tmp_path / "many", Hints()).files
    experiment = load_experiment(path)
    assert experiment.ensemble is not None
    assert experiment.ensemble.draws == ("respiration",)
    assert experiment.modules.respiration is not None
    assert experiment.modules.respiration.samefile(module)
    assert experiment.data is not None
    assert experiment.data.paths[0].resolve() == source.parent / "tower.csv"
    (path,) = start("ensemble", [source], tmp_path / "soils", Hints()).files
    ensemble = load_experiment(path).ensemble
    assert ensemble is not None
    assert [one.parameter for one in ensemble.parameters] == [
        f"soil.properties.{name}" for name in ("sathh", "satcon", "b")
    ]


def test_an_ensemble_needs_an_experiment_that_runs(module: Path, tmp_path: Path) -> None:
    with refusal("tower", "needs an experiment that runs beside the module", "--module"):
        start("ensemble", [module], tmp_path / "many", Hints())
    source = tmp_path / "no_run.toml"
    source.write_text("[site]\nname = 'a'\n", encoding="utf-8")
    with refusal("no_run.toml", "no [run]", "jules-ml run"):
        start("ensemble", [source], tmp_path / "many", Hints())


def test_a_grid_of_jules_becomes_an_experiment(tmp_path: Path) -> None:
    write_ancillaries(tmp_path)
    write_wfde5(tmp_path)
    written = start("map", sorted(tmp_path.glob("*.nc")), tmp_path / "map", Hints())
    experiment = load_experiment(written.files[0])
    assert experiment.grid is not None
    drive = experiment.grid.drive
    assert "%vv" in str(drive.file)
    assert drive.data_period == 3600.0
    assert {"t", "q", "pstar", "wind", "sw_down", "lw_down"} <= set(drive.var)
    assert experiment.run is not None
    assert 250.0 < experiment.run.initial.t_soil[0] < 310.0  # type: ignore[index]


def test_a_grid_without_driving_data_is_refused_with_the_command_for_a_map(tmp_path: Path) -> None:
    import numpy as np
    import xarray as xr

    path = tmp_path / "static.nc"
    xr.Dataset({"clay": (("lat", "lon"), np.ones((2, 2)))}, {"lat": [50.0, 51.0], "lon": [0.0, 1.0]}).to_netcdf(path)
    with refusal("static.nc", "needs fractions of surface types", f"--to ancillary --grid {path}"):
        start("map", [path], tmp_path / "map", Hints())


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        (["init", "respiration"], "jules-ml init respiration --out FOLDER"),
        (["init", "respiration", "--from", "tower.csv"], "jules-ml init respiration --from tower.csv --out FOLDER"),
        (["init", "moisture", "--out", "a"], "jules-ml init moisture --from FILE --out a"),
        (["init", "moisture", "--from", "no.csv", "--out", "a"], "correct the path"),
        (["init", "map", "--from", "x", "--out", "a", "--jules-version", "7.1"], "leave it out"),
    ],
)
def test_an_incomplete_command_is_completed(
    typed: list[str], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, typed)
    assert result.exit_code == 2
    assert remedy in " ".join(result.output.split())
