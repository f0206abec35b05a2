"""The command line around runs of JULES: a template, a run that fails, runs side by side."""

from __future__ import annotations

import json
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
    assert runner.invoke(app, ["init", str(tmp_path / "point"), "--quiet"]).exit_code == 0
    executable = tmp_path / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    path = tmp_path / "stock.toml"
    path.write_text('[jules]\nfolder = "point"\nexecutable = "jules.exe"\n[run]\nmodel = "jules"\n', encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["init", "run", "evaluate"])
def test_help_has_an_example(command: str) -> None:
    page = runner.invoke(app, [command, "--help"])
    assert page.exit_code == 0
    assert "Example" in page.output


def test_template_runs_beside_itself(experiment: Path) -> None:
    result = runner.invoke(app, ["run", str(experiment)])
    assert result.exit_code == 0, result.output
    assert "run_summary.json" in result.output
    assert "No diffuse shortwave" in result.output
    assert (experiment.parent / "point_stock" / "output" / "point.day.nc").is_file()


def test_jules_that_fails_is_1_and_bad_input_is_2(experiment: Path) -> None:
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
    result = runner.invoke(app, ["evaluate", str(folder), "--out", str(experiment.parent / "compared")])
    assert result.exit_code == 2
    assert "something cannot be" in result.output
    assert not (experiment.parent / "compared").exists()


def test_module_folder_needs_a_record(tmp_path: Path) -> None:
    result = runner.invoke(app, ["evaluate", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--data once for each record" in result.output
