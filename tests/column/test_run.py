"""A run of the column, from its experiment to its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr
from helpers.conventions import check_conventions
from helpers.progress import Reports
from helpers.small_experiment import EXPERIMENT, write_experiment
from pydantic import ValidationError
from torch import Tensor

from jules_ml.column import run as column_run
from jules_ml.column import simulation
from jules_ml.column.folder import run_figure, run_summary, write_run
from jules_ml.column.output import OUTPUTS, write_output
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.column.spin_up import SpinUp, spin_up
from jules_ml.data.readers.column_output import liquid_theta, read_output
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.experiment.sections import SoilSection
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.physics.column import ColumnState, Factors, SoilProperties
from jules_ml.physics.integration import Integration, integrate


def run(folder: Path, *changes: tuple[str, str], days: int = 3) -> ColumnRun:
    return run_column(load_experiment(write_experiment(folder, *changes, days=days)))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> ColumnRun:
    return run(tmp_path_factory.mktemp("run"))


def test_output_has_every_variable_with_its_unit(done: ColumnRun) -> None:
    output = done.output
    assert set(OUTPUTS) <= set(output.data_vars)
    for name, known in OUTPUTS.items():
        assert output[name].dims == (("time", "soil") if known.layered else ("time",))
        assert output[name].attrs["units"] == known.units
        assert output[name].attrs["cell_methods"].startswith("time: mean")
    assert output.sizes == {"time": 3, "soil": 4, "bounds": 2}


def test_time_stamps_the_end_of_each_day(done: ColumnRun) -> None:
    stamps = done.output["time"].to_numpy().astype("datetime64[h]").astype(str).tolist()
    assert stamps == ["2001-06-02T00", "2001-06-03T00", "2001-06-04T00"]
    assert str(done.output["time_bounds"].to_numpy()[0, 0])[:13] == "2001-06-01T00"


def test_budgets_close(done: ColumnRun) -> None:
    budgets = done.budgets
    assert budgets.water_max < 1e-9
    assert budgets.water_stored == pytest.approx(budgets.water_supplied, abs=1e-8)
    assert abs(budgets.water_stored) > 0.1
    assert abs(budgets.heat_mean) < 0.05


def test_water_content_is_that_of_a_sensor(done: ColumnRun) -> None:
    theta = liquid_theta(done.output, 1)
    np.testing.assert_allclose(theta, done.output["smcl"].isel(soil=1) / 250.0, rtol=1e-12)


def test_files_are_written(done: ColumnRun, tmp_path: Path) -> None:
    files = write_run(done, tmp_path / "out")
    assert sorted(f.name for f in files) == ["column.nc", "experiment.toml", "run_summary.json"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(f.name for f in files)
    assert (tmp_path / "out" / "experiment.toml").read_text(encoding="utf-8") == EXPERIMENT
    check_conventions(tmp_path / "out" / "column.nc")
    with netCDF4.Dataset(tmp_path / "out" / "column.nc") as nc:
        assert nc["time"].units == "seconds since 2001-06-01"
        assert nc["time"].bounds == "time_bounds"
    with xr.open_dataset(tmp_path / "out" / "column.nc") as back:
        np.testing.assert_array_equal(back["smcl"], done.output["smcl"])
        assert back.attrs["substitutions"] == "none"


def test_summary_is_json_with_settings_and_results(done: ColumnRun) -> None:
    summary = json.loads(json.dumps(run_summary(done), allow_nan=False))
    assert summary["steps"] == 144
    assert summary["start"] == "2001-06-01T00:00:00Z"
    assert summary["spin_up"] == {"cycles": 0}
    assert summary["software"]["packages"]["torch"]
    assert len(summary["means"]["t_soil"]) == 4
    assert summary["budgets"]["water_max"] < 1e-9


def test_figure_is_drawn_without_a_sensor(done: ColumnRun) -> None:
    figure = run_figure(done)
    assert figure is not None
    assert len(figure.axes) == 2


def test_only_the_requested_outputs_are_written(tmp_path: Path) -> None:
    output = run(tmp_path, ("mean_over = 48", 'mean_over = 24\noutputs = ["smcl", "runoff"]'), days=1).output
    assert set(OUTPUTS) & set(output.data_vars) == {"smcl", "runoff"}
    assert output.sizes["time"] == 2
    assert "precip" in output


def test_an_unknown_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the column has no output smc") as caught:
        run(tmp_path, ("mean_over = 48", 'outputs = ["smc"]'))
    assert caught.value.where == f"{tmp_path / 'small.toml'}, run.outputs"
    assert "smcl" in caught.value.remedy


def test_a_missing_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"section \[carbon\] is missing"):
        run(tmp_path, ("[carbon]\ncs = 12.1", ""))


def test_steps_beyond_whole_periods_are_left_out_and_noted(tmp_path: Path) -> None:
    cut = run(tmp_path, ("mean_over = 48", "mean_over = 40"), days=1)
    assert cut.output.sizes["time"] == 1
    assert cut.notes == ("the last 8 steps do not make a whole period of output and were left out",)


def test_a_period_longer_than_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fewer than the 96 of one period of output") as caught:
        run(tmp_path, ("mean_over = 48", "mean_over = 96"), days=1)
    assert "smaller mean_over" in caught.value.remedy


def test_spin_up_repeats_until_it_converges(tmp_path: Path) -> None:
    reports = Reports()
    path = write_experiment(tmp_path, ("cycles = 0", "cycles = 4\nwater = 50.0\ntemperature = 50.0"), days=1)
    spun = run_column(load_experiment(path), progress=reports).spin_up
    assert (spun.cycles, spun.reached, spun.steps) == (1, True, 48)
    assert "converged after 1 cycles" in str(spun)
    assert reports.reports[0] == ("spin-up", 48, 192)
    assert reports.reports[-1] == ("run", 48, 48)
    reports.check("spin-up", "run")


def test_a_spin_up_without_convergence_is_noted(tmp_path: Path) -> None:
    restless = run(tmp_path, ("cycles = 0", "cycles = 2\nwater = 1e-9\ntemperature = 1e-9"), days=1)
    assert not restless.spin_up.reached
    assert "NOT converged" in str(restless.spin_up)
    assert any("raise run.spin_up.cycles" in note for note in restless.notes)


def test_learned_modifiers_replace_those_of_jules(tmp_path: Path) -> None:
    def twice(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        return Factors(fsth=torch.ones_like(sthu), ftemp=2.0 * torch.ones_like(t_soil))

    learned = run_column(load_experiment(write_experiment(tmp_path, days=1)), factors=twice).output
    np.testing.assert_allclose(learned["resp_s_gb"], 0.5e-8 * 12.1 * 2.0, rtol=1e-12)


def test_single_precision(tmp_path: Path) -> None:
    single = run(tmp_path, ("mean_over = 48", 'mean_over = 48\nprecision = "float32"'), days=1)
    assert single.output["smcl"].dtype == np.float32
    assert single.budgets.water_max < 1e-3


def test_without_a_compiler_it_runs_eagerly_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_run, "can_compile", lambda: False)
    eager = run(tmp_path, ("compiled = false", "compiled = true"), days=1)
    assert not eager.compiled
    assert any("no C++ compiler" in note for note in eager.notes)


def test_an_unstable_run_fails(tmp_path: Path) -> None:
    def broken(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        return Factors(fsth=sthu / 0.0, ftemp=t_soil)

    with pytest.raises(RunFailed, match="fsth is not finite"):
        run_column(load_experiment(write_experiment(tmp_path, days=1)), factors=broken)


def test_an_unstable_spin_up_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*args: Any, **named: Any) -> tuple[ColumnState, SpinUp]:
        after, spun = spin_up(*args, **named)
        return after._replace(smcl=after.smcl * torch.nan), spun

    monkeypatch.setattr(simulation, "spin_up", lost)
    with pytest.raises(
        RunFailed, match=r"became numerically unstable in its 2 cycles of spin-up of 48 steps each; .*satcon"
    ):
        run(tmp_path, ("cycles = 0", "cycles = 2\nwater = 1e-9\ntemperature = 1e-9"), days=1)


def test_an_unstable_soil_fails_with_its_properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def heated(*args: Any, **named: Any) -> Integration:
        done = integrate(*args, **named)
        t_soil = done.outputs["t_soil"].clone()
        t_soil[-1, 1] = 400.0
        return done._replace(outputs=done.outputs | {"t_soil": t_soil})

    monkeypatch.setattr(simulation, "integrate", heated)
    with pytest.raises(
        RunFailed,
        match=r"t_soil is not between 173 and 373 K from the period .* UTC; .*b 6.63, .* shorter run.timestep",
    ):
        run_column(load_experiment(write_experiment(tmp_path, days=1)))


@pytest.mark.parametrize(("pedotransfer", "form", "theta_r"), [("cosby", False, 0.0), ("hypres", True, 0.01)])
def test_soil_from_texture(pedotransfer: str, form: bool, theta_r: float) -> None:
    section = SoilSection.model_validate(
        {
            "texture": {
                "pedotransfer": pedotransfer,
                "sand": 0.5,
                "silt": 0.3,
                "clay": 0.2,
                "bulk_density": 1300.0,
                "organic_carbon": [0.04, 0.02, 0.01, 0.005],
            }
        }
    )
    soil = column_soil(section, torch.float64, where="made up")
    assert soil.form.l_vg_soil is form
    assert float(soil.theta_r[0]) == pytest.approx(theta_r)
    assert soil.dzsoil.flatten().tolist() == [0.1, 0.25, 0.65, 2.0]
    for values in soil.properties:
        assert values.shape == (4, 1)
    assert bool((soil.properties.sm_wilt < soil.properties.sm_crit).all())
    assert bool((soil.properties.sm_crit < soil.properties.sm_sat).all())


def test_impossible_texture_is_refused() -> None:
    with pytest.raises(ValidationError, match="sand is 50, outside 0 to 1; divide it by 100"):
        SoilSection.model_validate({"texture": {"pedotransfer": "cosby", "sand": 50.0, "silt": 30.0, "clay": 20.0}})


def test_output_is_read_back_as_water_content_of_sensors(done: ColumnRun, tmp_path: Path) -> None:
    write_output(done.output, tmp_path / "output.nc")
    record = read_output(tmp_path / "output.nc")
    theta = done.output["smcl"] / (1000.0 * done.output["dzsoil"]) + done.output["theta_r"]
    np.testing.assert_allclose(record["theta"], theta, rtol=1e-6)
    np.testing.assert_array_equal(record["time"], done.output["time"])
    assert record.attrs["interval_seconds"] == done.output.attrs["interval_seconds"]
    np.testing.assert_allclose(record["dzsoil"], [0.1, 0.25, 0.65, 2.0])
