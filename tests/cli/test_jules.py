"""Commands about runs of JULES: the template, a run that fails, and the comparison of runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import STAND_IN
from typer.testing import CliRunner

from jules_ml.cli import app

runner = CliRunner()


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """The template in a folder, and an experiment that runs it with the stand-in for JULES."""
    assert runner.invoke(app, ["init", "jules", "--out", str(tmp_path / "point"), "--quiet"]).exit_code == 0
    executable = tmp_path / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    path = tmp_path / "stock.toml"
    path.write_text('[jules]\nfolder = "point"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    return path


def test_help_names_sections_and_no_hidden_argument() -> None:
    shown = " ".join(runner.invoke(app, ["export", "--help"]).output.replace("│", " ").split())
    assert "[carbon] cs or that of [jules] folder" in shown
    assert "others" not in runner.invoke(app, ["evaluate", "--help"]).output


@pytest.mark.parametrize("command", ["init", "run", "evaluate", "compare", "fit", "export", "ensemble", "gather"])
def test_help_has_an_example(command: str) -> None:
    page = runner.invoke(app, [command, "--help"])
    assert page.exit_code == 0
    assert "Example" in page.output


def test_init_names_the_version_for_the_experiment(tmp_path: Path) -> None:
    result = runner.invoke(app, ["init", "jules", "--out", str(tmp_path / "point"), "--jules-version", "7.6"])
    assert 'version = "7.6" in an experiment file' in result.output.splitlines()[-1]


def test_template_runs_and_is_compared_with_itself(experiment: Path) -> None:
    result = runner.invoke(app, ["run", str(experiment)])
    assert result.exit_code == 0, result.output
    assert "run_summary.json" in result.output
    assert "No diffuse shortwave" in result.output
    assert (experiment.parent / "point_stock" / "output" / "point.day.nc").is_file()


def test_warnings_and_notes_are_not_called_swapped_in(experiment: Path) -> None:
    text = experiment.read_text(encoding="utf-8").replace('executable = "jules.exe"', 'executable = "later.exe"')
    entries = "set = {jules_soil_biogeochem = {q10_soil = 20.0}, jules_hydrology = {l_top = false}}"
    experiment.write_text(text.replace("[run]", f"{entries}\n[run]"), encoding="utf-8")
    result = runner.invoke(app, ["run", str(experiment), "--prepare"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert any(line.startswith("warning ") and "q10_soil is 20, outside the range" in line for line in lines)
    assert "note jules_hydrology: l_top = False in the run folder already" in lines
    assert not any(line.startswith(("swapped in warning", "swapped in note")) for line in lines)


def test_prepared_run_is_collected_after_its_job(experiment: Path) -> None:
    result = runner.invoke(app, ["run", str(experiment), "--prepare"])
    assert result.exit_code == 0, result.output
    folder = experiment.parent / "point_stock"
    assert f"'sh {folder}/submit.sh' in a job" in result.output
    result = runner.invoke(app, ["run", "--collect", str(folder)])
    assert result.exit_code == 1
    assert "the run has not started" in result.output
    subprocess.run([folder / "submit.sh"], cwd="/", check=True)
    result = runner.invoke(app, ["run", "--collect", str(folder)])
    assert result.exit_code == 0, result.output
    assert "run_summary.json" in result.output
    assert "No diffuse shortwave" in result.output
    compared = runner.invoke(app, ["compare", str(folder), "--out", str(experiment.parent / "compared")])
    assert "the run is" not in compared.output


def test_arguments_that_exclude_each_other(experiment: Path) -> None:
    for arguments in ([], [str(experiment), "--collect", "folder"], ["--collect", "folder", "--prepare"]):
        result = runner.invoke(app, ["run", *arguments])
        assert result.exit_code == 2
        assert "jules-ml run" in result.output
    experiment.write_text("[run]\n", encoding="utf-8")
    result = runner.invoke(app, ["run", str(experiment), "--prepare"])
    assert result.exit_code == 2
    assert "only runs of JULES are prepared" in result.output


def test_a_failed_run_is_code_1_and_bad_input_is_code_2(experiment: Path) -> None:
    (experiment.parent / "point" / "behaviour").write_text("fatal", encoding="ascii")
    result = runner.invoke(app, ["run", str(experiment)])
    assert result.exit_code == 1
    assert "something cannot be" in result.output
    (experiment.parent / "jules.exe").unlink()
    result = runner.invoke(app, ["run", str(experiment)])
    assert result.exit_code == 2
    assert "no such executable" in result.output


def test_failed_run_cannot_be_compared(experiment: Path) -> None:
    (experiment.parent / "point" / "behaviour").write_text("fatal", encoding="ascii")
    runner.invoke(app, ["run", str(experiment), "--quiet"])
    folder = experiment.parent / "point_stock"
    assert json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))["status"] == "failed"
    result = runner.invoke(app, ["compare", str(folder), "--out", str(experiment.parent / "compared")])
    assert result.exit_code == 2
    assert "something cannot be" in result.output
    assert not (experiment.parent / "compared").exists()


def test_module_folder_needs_a_record(tmp_path: Path) -> None:
    result = runner.invoke(app, ["evaluate", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "give --data FILE once per site" in result.output


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        (["init", "my_site"], "jules-ml init jules --out my_site"),
        (["init", "jules"], "jules-ml init jules --out FOLDER"),
        (["init", "my_site", "--experiment", "tower.toml"], "jules-ml init jules --out my_site --from tower.toml"),
        (["export", "module", "--to", "curve", "--out", "out"], "ancillary, curves, initial, prescribed"),
        (["fit", "respirations", "tower.toml", "--out", "out"], "carbon, hydraulics, moisture, respiration"),
        (["fit", "respiration", "tower.toml", "--days", "30", "--out", "out"], "give --adapt DIR too"),
    ],
)
def test_old_spellings_and_misspelt_names_give_the_right_one(
    typed: list[str], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, typed)
    assert result.exit_code == 2
    assert remedy in " ".join(result.output.split())


def test_evaluate_on_runs_gives_the_command_that_compares_them(experiment: Path) -> None:
    assert runner.invoke(app, ["run", str(experiment), "--quiet"]).exit_code == 0
    folder = experiment.parent / "point_stock"
    result = runner.invoke(app, ["evaluate", str(folder), str(folder), "--out", "compared"])
    assert result.exit_code == 2
    assert f"jules-ml compare {folder} {folder} --out compared" in " ".join(result.output.split())
