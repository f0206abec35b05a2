"""Runs of the column with run folders of JULES."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import f90nml
import numpy as np
import pytest
import torch
import xarray as xr
from helpers.loobos_folder import write_loobos_folder
from helpers.refusals import refusal
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.land_weather import land_forcing
from jules_ml.comparison.runs import read_run
from jules_ml.jules.column_run.column import folder_column
from jules_ml.jules.column_run.folder_of_namelists import refuse_folder_of_namelists
from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.jules.column_run.switches import read_switches
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.versions import VERSIONS, Versions
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.support.namelist_text import fortran

DAY = {"main_run_end": "1997-01-01 23:00:00"}


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run ``snow3``, one day long."""
    return write_loobos_folder(shared_data, "snow3", tmp_path_factory.mktemp("run") / "loobos", jules_time=DAY)


def test_a_day_is_that_of_jules(folder: Path, shared_data: Path) -> None:
    run, _ = run_folder_as_column(folder, compiled=False)
    assert run.output.sizes["time"] == 48
    assert abs(run.budgets.water_sum) < 1e-10
    with xr.open_dataset(shared_data / "jules" / "loobos_1997_snow3_30min.nc", decode_times=False) as jules:
        for name, tolerance in (
            ("smcl", 0.01),
            ("t_soil", 0.02),
            ("tstar_gb", 0.1),
            ("latent_heat", 1.0),
            ("ftl_gb", 1.0),
        ):
            expected = jules[name].to_numpy()[:48].squeeze()
            np.testing.assert_allclose(run.output[name].to_numpy(), expected, atol=tolerance, err_msg=name)
    np.testing.assert_allclose(run.output["frac"], [0.355, 0.355, 0.208, 0.0, 0.0, 0.0, 0.0, 0.082, 0.0])
    # types without ground have no values
    assert run.output["snow_mass"].isnull().any("time").to_numpy().tolist() == [
        frac == 0.0 for frac in run.output["frac"]
    ]


def test_a_day_equals_steps_of_the_same_column(folder: Path) -> None:
    finished, source = run_folder_as_column(folder, compiled=False)
    switches, _ = read_switches(source.namelists, Versions(VERSIONS))
    column, state = folder_column(source, switches, dtype=torch.float64)
    forcing = finished.weather.tensors(torch.float64)
    land = land_forcing(
        finished.weather,
        latitude=52.168,
        longitude=5.744,
        l_cosz=True,
        diff_frac=0.0,
        vegetation={},
        dtype=torch.float64,
    )
    t_soil = []
    for k in range(forcing.t_air.shape[0]):
        state, outputs = column.step(state, LandForcing(*(x[k] for x in land[:10])))
        t_soil.append(outputs["t_soil"].squeeze(-1).numpy())
    np.testing.assert_array_equal(finished.output["t_soil"].to_numpy(), np.stack(t_soil))


def test_the_command_writes_a_folder_that_compares_with_jules(folder: Path, tmp_path: Path, shared_data: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--from-jules", str(folder), "--out", str(tmp_path / "column")])
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "column" / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["experiment"] == "loobos"
    assert summary["steps"] == 48
    assert (tmp_path / "column" / "namelists" / "jules_snow.nml").is_file()
    with xr.open_dataset(tmp_path / "column" / "column.nc") as output:
        assert {"snow_mass", "gpp_gb", "zw"} & set(output.data_vars) == {"snow_mass", "gpp_gb"}


def test_the_command_runs_in_single_precision(folder: Path, tmp_path: Path) -> None:
    arguments = ["run", "--from-jules", str(folder), "--precision", "float32", "--out", str(tmp_path / "column")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    with xr.open_dataset(tmp_path / "column" / "column.nc") as output:
        assert output["t_soil"].dtype == np.float32
    summary = json.loads((tmp_path / "column" / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["precision"] == "float32"
    assert summary["compiled"] is False


def test_precision_beside_an_experiment_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["run", str(tmp_path / "a.toml"), "--precision", "float32"])
    assert result.exit_code == 2
    assert "[run] of the experiment" in " ".join(result.output.split())


def test_a_longer_period_and_spin_up(shared_data: Path, tmp_path: Path) -> None:
    folder = write_loobos_folder(
        shared_data,
        "gl4",
        tmp_path / "loobos",
        jules_time={"main_run_start": "1996-12-31 23:00:00", "main_run_end": "1997-01-03 03:00:00"},
        jules_spinup={
            **{"max_spinup_cycles": 2, "spinup_start": "1996-12-31 23:00:00", "spinup_end": "1997-01-01 03:00:00"},
            **{"terminate_on_spinup_fail": False, "nvars": 2, "var": ["smcl", "t_soil"]},
            **{"use_percent": [False, False], "tolerance": [1e-9, 1e-9]},
        },
    )
    run, _ = run_folder_as_column(folder, compiled=False)
    # the template has daily means: the hours after the second day are no whole period
    assert run.output.sizes["time"] == 2
    assert (run.spin_up.cycles, run.spin_up.steps) == (2, 8)
    assert any("max_spinup_cycles" in note for note in run.notes)
    assert "zw" not in run.output


def test_prescribed_leaf_area(folder: Path, shared_data: Path, tmp_path: Path) -> None:
    few_leaves = write_loobos_folder(shared_data, "snow3", tmp_path / "loobos", jules_time=DAY)
    (few_leaves / "lai.dat").write_text("0.1 0.1 0.1 0.1 0.1\n" * 12, encoding="utf-8")
    dataset = {
        **{
            "data_start": "1990-01-01 00:00:00",
            "data_end": "1991-01-01 00:00:00",
            "data_period": -1,
            "is_climatology": True,
        },
        **{"file": "lai.dat", "nvars": 1, "var": "lai", "interp": "nf"},
    }
    f90nml.Namelist({"jules_prescribed": {"n_datasets": 1}, "jules_prescribed_dataset": dataset}).write(
        few_leaves / "nml" / "prescribed_data.nml", force=True
    )
    few, _ = run_folder_as_column(few_leaves, compiled=False)
    many, _ = run_folder_as_column(folder, compiled=False)
    assert float(few.output["gpp_gb"].sum()) < 0.3 * float(many.output["gpp_gb"].sum())


def test_the_folder_of_the_namelists_is_refused_with_its_parent(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    result = CliRunner().invoke(app, ["run", "--from-jules", "loobos/nml", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    text = " ".join(result.output.split())
    assert "their file names are relative to the folder in which JULES is started" in text
    assert "jules-ml run --from-jules loobos" in text
    refuse_folder_of_namelists(folder)


def test_what_cannot_be_run_is_refused(shared_data: Path, tmp_path: Path) -> None:
    grid = write_loobos_folder(shared_data, "snow3", tmp_path / "grid", jules_input_grid={"nx": 3, "ny": 2})
    with refusal("model_grid.nml", "grid of 6 points", "point run"):
        run_folder_as_column(grid)
    trif = write_loobos_folder(shared_data, "snow3", tmp_path / "trif", jules_vegetation={"l_triffid": True})
    with refusal("trif", "l_triffid = T", "[carbon.four_pools]"):
        run_folder_as_column(trif)
    net = write_loobos_folder(
        shared_data,
        "snow3",
        tmp_path / "net",
        jules_drive={"var": ["sw_down", "rad_net", "tot_rain", "tot_snow", "t", "wind", "pstar", "q"]},
    )
    with refusal("drive.nml", "net radiation (rad_net)", "lw_down"):
        run_folder_as_column(net)
    names = ["sw_down", "lw_down", "rain", "tot_snow", "t", "wind", "pstar", "q"]
    rain = write_loobos_folder(shared_data, "snow3", tmp_path / "rain", jules_drive={"var": names})
    with refusal(
        "drive.nml", "has 'rain', which is not a variable of JULES, and no rainfall", "write tot_rain (or precip"
    ):
        run_folder_as_column(rain)
    ice = write_loobos_folder(shared_data, "snow3", tmp_path / "ice")
    (ice / "tile_fractions.dat").write_text("0 0 0 0 0 0 0 0 1\n", encoding="utf-8")
    with refusal("ancillaries.nml", "land ice", "with soil"):
        run_folder_as_column(ice)


def test_a_rose_app_is_run_as_its_namelists(folder: Path, tmp_path: Path) -> None:
    app = _rose_app(folder, tmp_path / "app")
    from_app, _ = run_folder_as_column(app, compiled=False)
    from_folder, _ = run_folder_as_column(folder, compiled=False)
    for name in ("t_soil", "smcl", "latent_heat", "snow_mass"):
        np.testing.assert_array_equal(from_app.output[name], from_folder.output[name])


def _rose_app(folder: Path, app: Path) -> Path:
    """Write a Rose application with the namelists and inputs of a run folder."""
    (app / "file").mkdir(parents=True)
    namelists = read_run_folder(folder).namelists
    files: dict[str, list[str]] = {}
    sections = []
    for file, group, entries in namelists.groups():
        files.setdefault(file, []).append(f"namelist:{group}")
        lines = [f"{name}={fortran(value)}" for name, value in entries.items()]
        sections.append("\n".join([f"[namelist:{group}]", *lines]))
    sources = [f"[file:{file}]\nsource={' '.join(groups)}" for file, groups in files.items()]
    text = "\n\n".join(["meta=jules-standalone/vn7.6", "[command]\ndefault=true", *sources, *sections])
    (app / "rose-app.conf").write_text(text + "\n", encoding="utf-8")
    for path in folder.glob("*.dat"):
        (app / "file" / path.name).symlink_to(path.resolve())
    return app


def test_compare_reads_what_jules_wrote_in_its_folder(folder: Path, shared_data: Path, tmp_path: Path) -> None:
    jules = tmp_path / "loobos"
    shutil.copytree(folder, jules, symlinks=True)
    with refusal("output", "JULES has written no output of day", "run JULES in the folder"):
        read_run(jules)
    (jules / "output").mkdir()
    (jules / "output" / "snow3.day.nc").symlink_to(shared_data / "jules" / "loobos_1997_snow3_30min.nc")
    run = read_run(jules)
    assert run.name == "loobos (JULES)"
    assert {"soil water", "soil temperature", "latent heat", "gross primary productivity", "snow mass"} <= set(
        run.series
    )
    assert run.dzsoil == (0.1, 0.25, 0.65, 2.0)


def test_a_run_may_start_from_a_dump(folder: Path, tmp_path: Path) -> None:
    dump = tmp_path / "loobos"
    shutil.copytree(folder, dump, symlinks=True)
    tiles, layers = np.zeros((9, 1)), np.array([0.749, 0.743, 0.754, 0.759])[:, None]
    snow = tiles.copy()
    snow[1] = 0.46
    state = {
        **{"canopy": tiles, "tstar_tile": tiles + 276.78, "snow_tile": tiles, "snow_grnd": snow},
        **{"rho_snow": tiles + 250.0, "snow_depth": snow / 250.0},
    }
    data: dict[str, Any] = {name: (("tile", "land"), values) for name, values in state.items()}
    data |= {name: (("snow", "tile", "land"), np.zeros((3, 9, 1))) for name in ("snow_ds", "snow_ice", "snow_liq")}
    data |= {
        "tsnow": (("snow", "tile", "land"), np.full((3, 9, 1), 273.15)),
        "cs": (("scpool", "sclayer", "land"), np.full((1, 1, 1), 12.1)),
        "sthuf": (("soil", "land"), layers),
        "t_soil": (("soil", "land"), np.array([276.78, 277.46, 278.99, 282.48])[:, None]),
    }
    xr.Dataset(data).to_netcdf(dump / "start.nc")
    initial = {"dump_file": True, "file": "start.nc", "nvars": 0, "total_snow": False}
    f90nml.Namelist({"jules_initial": initial}).write(dump / "nml" / "initial_conditions.nml", force=True)
    from_dump, _ = run_folder_as_column(dump, compiled=False)
    from_text, _ = run_folder_as_column(folder, compiled=False)
    for name in ("t_soil", "smcl", "snow_mass"):
        np.testing.assert_allclose(from_dump.output[name], from_text.output[name], rtol=1e-12)
