"""Curves fitted to the soil state of a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.module_folders import edit_settings
from helpers.respiration_folder import write_module
from helpers.respiration_record import synthetic_record
from helpers.tower import write_tower
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.cli.soil_state import runs_column, with_runs
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.kind import KIND
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.state import with_soil_state, without_state
from jules_ml.learned.respiration.state_link import notes_of_run
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import learned_tables
from jules_ml.physics.respiration import fsth

SOIL = RespirationSettings(target="soil", members=4, inner_folds=3)
STEP = pd.Timedelta("1h")


def model_output(record: xr.Dataset, *, step: pd.Timedelta = STEP, sm_sat: float = 0.4) -> xr.Dataset:
    """Output of a model whose soil is that of the record at the start of each interval, in both layers."""
    ends = pd.DatetimeIndex(record["time"].to_numpy())
    starts = ends - pd.Timedelta(seconds=record.attrs["interval_seconds"])
    times = pd.date_range(starts[0], ends[-1], freq=step)
    wetness = np.interp(times, starts, record["theta"].isel(depth=0) / 0.45)
    t_soil = np.interp(times, starts, record["t_soil"].isel(depth=0))
    return xr.Dataset(
        {
            "sthu": (("time", "soil"), np.column_stack([wetness, 0.5 * wetness])),
            "sthf": (("time", "soil"), np.column_stack([0.0 * wetness, 0.25 * wetness])),
            "t_soil": (("time", "soil"), np.column_stack([t_soil, t_soil - 1.0])),
            "sm_sat": ("soil", [sm_sat, sm_sat]),
            "sm_wilt": ("soil", [0.3 * sm_sat, 0.3 * sm_sat]),
        },
        coords={"time": times},
    )


def half_hours(count: int) -> xr.Dataset:
    """A half-hourly site dataset."""
    time = pd.date_range("2020-01-01 00:30", periods=count, freq="30min")
    attrs = {"site": "tower", "interval_seconds": 1800.0, "porosity": 0.5}
    return xr.Dataset({"nee": ("time", np.zeros(count))}, coords={"time": time}, attrs=attrs)


def steps(count: int, freq: str) -> xr.Dataset:
    """Output of a model whose wetness is the number of the step divided by 100, first stamped 2020-01-01 00:00."""
    time = pd.date_range("2020-01-01", periods=count, freq=freq)
    number = np.arange(count, dtype=float)[:, None]
    layers = (("time", "soil"), np.repeat(number / 100.0, 2, axis=1))
    return xr.Dataset(
        {"sthu": layers, "sthf": layers, "t_soil": (("time", "soil"), np.repeat(280.0 + number, 2, axis=1))},
        coords={"time": time},
    )


def test_the_state_is_that_at_the_end_of_the_previous_step() -> None:
    ds = with_soil_state(half_hours(4), steps(10, "30min"))
    np.testing.assert_allclose(ds["model_wetness"], [0.0, 0.01, 0.02, 0.03])
    np.testing.assert_allclose(ds["model_t_soil"], [280.0, 281.0, 282.0, 283.0])


def test_longer_steps_and_longer_fluxes() -> None:
    hourly_model = with_soil_state(half_hours(4), steps(3, "1h"))
    np.testing.assert_allclose(hourly_model["model_wetness"], [0.0, 0.0, 0.01, 0.01])
    hourly_flux = half_hours(6).isel(time=slice(1, None, 2)).assign_attrs(interval_seconds=3600.0)
    np.testing.assert_allclose(with_soil_state(hourly_flux, steps(8, "30min"))["model_wetness"], [0.005, 0.025, 0.045])


def test_level_2_includes_frozen_water() -> None:
    record = synthetic_record()
    level1, level2 = (
        with_soil_state(record, model_output(record), RespirationSettings(l_soil_resp_lev2=level2))
        for level2 in (False, True)
    )
    np.testing.assert_allclose(level2["model_wetness"], 0.75 * level1["model_wetness"])
    np.testing.assert_allclose(level2["model_t_soil"], level1["model_t_soil"] - 1.0)


def test_sensors_keep_their_porosity_beside_the_state_of_a_model() -> None:
    record = synthetic_record().assign_attrs(porosity=0.45)
    with_state = with_soil_state(record, model_output(record, sm_sat=0.6))
    assert with_state.attrs["porosity"] == record.attrs["porosity"]
    of_model, of_sensors = select_rows(with_state, SOIL), select_rows(without_state(with_state), SOIL)
    assert list(of_model.porosity.values()) == [0.6]
    np.testing.assert_allclose(of_sensors.wetness, select_rows(record, SOIL).wetness)


def test_refusals(tmp_path: Path) -> None:
    record = half_hours(48 * 5)
    with pytest.raises(BadInput, match="period of 24 h"):
        with_soil_state(record, steps(5, "1D"))
    with pytest.raises(BadInput, match="does not overlap"):
        with_soil_state(record.assign_coords(time=record["time"] + np.timedelta64(999, "D")), steps(9, "30min"))
    with pytest.raises(BadInput, match="no sm_sat"):
        with_soil_state(record.drop_attrs().assign_attrs(interval_seconds=1800.0), steps(9, "30min"))
    with pytest.raises(BadInput, match=r"no column\.nc"):
        with_soil_state(record, tmp_path)


@pytest.mark.no_cover
def test_the_curve_of_the_model_is_recovered_where_the_sensors_differ(tmp_path: Path) -> None:
    record = synthetic_record()
    output = model_output(record)
    biased = record.assign(theta=0.6 * record["theta"] + 0.02, t_soil=record["t_soil"] + 4.0)
    fit_respiration(with_soil_state(biased, output), SOIL, tmp_path / "module")
    module, settings, card = load_respiration(tmp_path / "module")
    s = torch.linspace(0.35, 0.85, 51, dtype=torch.float64)
    truth = fsth(s, torch.tensor(0.3).double(), torch.ones(()).double(), pools=1)
    with torch.no_grad():
        ratio = module.f(s) / truth
    assert float((ratio / ratio.mean()).std()) < 0.05
    assert card["soil"].startswith("model")
    assert card["inputs"]["moisture"]["variable"] == "sthu"
    assert settings.wilting == pytest.approx(0.3)
    assert learned_tables(module, settings)[0].x == "sthu"


def test_a_module_of_the_model_is_not_scored_on_sensors(tmp_path: Path) -> None:
    record = synthetic_record()
    fit_respiration(with_soil_state(record, model_output(record)), SOIL, tmp_path / "module")
    with pytest.raises(BadInput, match="fitted to the soil of a model"):
        evaluate_respiration(tmp_path / "module", synthetic_record(site="other"))


def test_a_run_beside_a_module_is_known_to_be_another_one(tmp_path: Path) -> None:
    record = synthetic_record()
    run = tmp_path / "module_run" / "tower"
    run.mkdir(parents=True)
    model_output(record).to_netcdf(run / "column.nc")
    fit_respiration(with_soil_state(record, run), SOIL, tmp_path / "module")
    card = load_respiration(tmp_path / "module")[2]
    assert notes_of_run(tmp_path / "module", card) == ()
    # a later fit was killed after its run
    model_output(record, sm_sat=0.5).to_netcdf(run / "column.nc")
    (note,) = notes_of_run(tmp_path / "module", card)
    assert f"{run} is another run" in note
    shutil.rmtree(run)
    assert notes_of_run(tmp_path / "module", card) == ()


def test_frozen_soil_of_the_model_is_kept() -> None:
    record = synthetic_record()
    with_state = with_soil_state(record, model_output(record))
    assert "soil frozen" not in select_rows(with_state, SOIL).dropped
    assert select_rows(record, SOIL).dropped["soil frozen"] > 0


@pytest.mark.slow
def test_fit_runs_the_column(tmp_path: Path) -> None:
    path = write_tower(tmp_path)
    out = tmp_path / "modules" / "tower"
    result = CliRunner().invoke(app, ["fit", "respiration", str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    run = tmp_path / "modules" / "tower_run" / "tower"
    notes = result.output.replace("\n", "")
    assert f"the soil of f and g is that of the column, {run}" in notes
    assert "run of tower, gap-filling:" in notes
    assert "gap-filling" in (out / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "modules" / "tower_run" / "tower" / "column.nc").is_file()
    assert load_respiration(out)[2]["soil"] == "model, tower"


def test_sensors_are_used_where_they_are_chosen(tmp_path: Path) -> None:
    stock = load_experiment(write_tower(tmp_path))
    assert runs_column(stock, RespirationSettings())
    for change in (
        ("[respiration]", '[respiration]\nstate = "sensors"'),
        ("[respiration]", '[respiration]\ntemperature = "t_air"'),
        ("[respiration]", '[respiration]\nmoisture = "relative"'),
        ("[carbon]\ncs = 8.0", ""),
    ):
        experiment = load_experiment(write_tower(tmp_path, change))
        assert experiment.respiration is not None
        assert not runs_column(experiment, experiment.respiration)
        # settings of the first experiment apply to the others
        assert experiment.carbon is None or not runs_column(stock, experiment.respiration)


def test_a_model_has_its_own_temperature(tmp_path: Path) -> None:
    path = write_tower(tmp_path, ("[respiration]", '[respiration]\nstate = "runs/stock"\ntemperature = "t_air"'))
    with pytest.raises(BadInput, match="has its own temperature"):
        load_experiment(path)


def fake_runs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace runs of the column by their folders."""
    folders: list[Path] = []

    def run(experiment: Experiment, folder: Path, progress: object) -> tuple[Experiment, list[str]]:
        folders.append(folder)
        return experiment, []

    monkeypatch.setattr("jules_ml.cli.soil_state._with_state", run)
    return folders


def test_every_experiment_has_its_own_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tower(tmp_path)
    experiments = []
    for name in ("a/site.toml", "b/site.toml", "c/other.toml"):
        path = tmp_path / name
        path.parent.mkdir()
        shutil.copyfile(source, path)
        shutil.copyfile(tmp_path / "tower.csv", path.parent / "tower.csv")
        experiments.append(load_experiment(path))
    folders = fake_runs(monkeypatch)
    with_runs("respiration", experiments, tmp_path / "out")
    assert [folder.relative_to(tmp_path / "out_run") for folder in folders] == [
        Path("1_site"),
        Path("2_site"),
        Path("other"),
    ]


def test_the_output_folder_may_be_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folders = fake_runs(monkeypatch)
    with_runs("respiration", [load_experiment(write_tower(tmp_path))], Path("."))
    assert folders == [tmp_path / "here_run" / "tower"]


def test_the_column_has_no_second_layer_that_respires(tmp_path: Path) -> None:
    experiment = load_experiment(write_tower(tmp_path, ("[respiration]", "[respiration]\nl_soil_resp_lev2 = true")))
    with pytest.raises(BadInput, match="its first layer"):
        with_runs("respiration", [experiment], tmp_path / "out")


def test_the_module_that_is_scored_selects_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = write_module(tmp_path / "module")
    folders = fake_runs(monkeypatch)
    experiment = load_experiment(write_tower(tmp_path))
    for state, level2 in (("sensors", False), ("stock.nc", False), ("stock.nc", True)):
        edit_settings(module, state=state, l_soil_resp_lev2=level2)
        if level2:
            with pytest.raises(BadInput, match="its first layer"):
                with_runs("respiration", [experiment], tmp_path / "out", module=module)
        else:
            with_runs("respiration", [experiment], tmp_path / "out", module=module)
            assert len(folders) == int(state != "sensors")


def test_the_first_experiment_selects_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load_experiment(write_tower(tmp_path))
    settings = RespirationSettings(state=tmp_path / "run.nc")
    first, second = (
        experiment.model_copy(update={"respiration": settings.model_copy(update={"l_soil_resp_lev2": level2})})
        for level2 in (True, False)
    )
    levels: list[bool] = []

    def state(record: xr.Dataset, source: Path, settings: RespirationSettings) -> xr.Dataset:
        levels.append(settings.l_soil_resp_lev2)
        return record

    monkeypatch.setattr("jules_ml.learned.respiration.state.with_soil_state", state)
    monkeypatch.setattr(
        "jules_ml.learned.respiration.fit.fit_respiration",
        lambda *_, **__: SimpleNamespace(scores={"test": None}, warnings=()),
    )
    KIND.fit([first, second], tmp_path / "out")
    assert levels == [True, True]
