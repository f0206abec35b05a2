"""Export of the respiration rate beside the curves."""

from __future__ import annotations

from pathlib import Path

import f90nml
import pytest
from helpers.jules_runs import Write
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli.application import app

runner = CliRunner()
#: Flux of the module at f = g = 1 [kg m-2 s-1].
FLUX = 2.0 * 0.54 * 12.011e-9


def export(folder: Path, *options: str) -> str:
    write_module(folder / "module")
    result = runner.invoke(
        app, ["export", str(folder / "module"), "--to", "curves", "--out", str(folder / "out"), *options]
    )
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_rate_for_the_carbon_of_an_experiment(tmp_path: Path) -> None:
    output = export(tmp_path, "--experiment", str(write_experiment(tmp_path)))
    group = f90nml.read(tmp_path / "out" / "kaps.nml")["jules_soil_biogeochem"]
    assert group["kaps"] == pytest.approx(FLUX / 12.1, rel=1e-6)
    assert "base rate: kaps = 1.072e-09 s-1" in output
    assert "kaps.nml" in output


def test_rates_for_a_run_folder_of_jules(tmp_path: Path, user: Path, write: Write) -> None:
    namelist = user / "nml" / "jules_soil_biogeochem.nml"
    text = namelist.read_text(encoding="ascii")
    namelist.write_text(text.replace("kaps=0.5e-8", "soil_bgc_model=2"), encoding="ascii")
    export(tmp_path, "--experiment", str(write()))
    rates = f90nml.read(tmp_path / "out" / "kaps.nml")["jules_soil_biogeochem"]["kaps_4pool"]
    assert sum(rates) * 12.1 * (0.6 + 0.4 * 0.082) * 0.8521 == pytest.approx(FLUX, rel=1e-4)


def test_entries_of_the_experiment_change_the_rate(tmp_path: Path, user: Path, write: Write) -> None:
    more = "set = {jules_initial = {nvars = 1, var = ['cs'], use_file = [false], const_val = [6.05]}}"
    export(tmp_path, "--experiment", str(write(jules=more)))
    group = f90nml.read(tmp_path / "out" / "kaps.nml")["jules_soil_biogeochem"]
    assert group["kaps"] == pytest.approx(FLUX / 6.05, rel=1e-6)


def test_curves_without_a_rate_are_noted(tmp_path: Path) -> None:
    output = export(tmp_path)
    assert "the base rate was not exported" in output
    assert "--experiment FILE" in output
    assert not (tmp_path / "out" / "kaps.nml").exists()


def test_experiment_without_carbon_is_refused(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    path = tmp_path / "empty.toml"
    path.write_text("[site]\nname = 'Somewhere'\n", encoding="utf-8")
    arguments = ["export", str(tmp_path / "module"), "--to", "curves", "--out", str(tmp_path / "out")]
    result = runner.invoke(app, [*arguments, "--experiment", str(path)])
    assert result.exit_code == 2
    assert "[carbon] is missing" in " ".join(result.output.split())


def test_experiment_is_an_option_of_curves_alone(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    path = write_experiment(tmp_path)
    arguments = ["export", str(tmp_path / "module"), "--to", "initial", "--out", str(tmp_path / "out")]
    result = runner.invoke(app, [*arguments, "--experiment", str(path)])
    assert result.exit_code == 2
