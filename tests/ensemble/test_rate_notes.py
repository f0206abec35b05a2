"""Notes on the respiration rate of the members."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.ensemble.rate_notes import rate_notes
from jules_ml.experiment import load_experiment
from jules_ml.learned.respiration.tables import CurveTable

KAPS = '\n[ensemble]\nmembers = 2\n\n[[ensemble.parameters]]\nparameter = "carbon.kaps"\nbounds = [0.4e-8, 0.6e-8]\n'


def ensemble(folder: Path, text: str) -> Path:
    """An ensemble of columns with learned respiration."""
    write_module(folder / "module")
    path = write_experiment(folder, ("[run]", '[modules]\nrespiration = "module"\n\n[run]'), days=1)
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("factor", "effect"), [("", "replaces"), ("factor = true\n", "multiplies")])
def test_a_rate_of_the_column_acts_on_the_learned_rate(tmp_path: Path, factor: str, effect: str) -> None:
    rate, parameter = rate_notes(load_experiment(ensemble(tmp_path, KAPS + factor)))
    assert "base rate of module: kaps = " in rate
    assert effect in parameter


def test_the_notes_are_printed(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ensemble", str(ensemble(tmp_path, KAPS)), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "replaces the base rate of module" in " ".join(result.output.split())


def test_factors_that_members_leave_out_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = CurveTable("antecedent", "wetness_1d", -0.1, 0.1, np.array([0.5, 1.5]), -0.1, 0.1, 0.0)
    monkeypatch.setattr("jules_ml.column.antecedent.module_antecedent", lambda _: {"wetness_1d": curve})
    warning, *_ = rate_notes(load_experiment(ensemble(tmp_path, KAPS)))
    assert "the factors of antecedent drivers of module (wetness_1d) are left out" in warning


def test_a_rate_of_jules_replaces_the_learned_rate(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    path = tmp_path / "jules.toml"
    path.write_text(
        '[jules]\nfolder = "loobos"\n[run]\nmodel = "jules"\nvia = ["namelist"]\n[modules]\nrespiration = "module"\n'
        + KAPS.replace("carbon.kaps", "kaps")
        + 'group = "jules_soil_biogeochem"\n',
        encoding="utf-8",
    )
    (note,) = rate_notes(load_experiment(path))
    assert "no member has the base rate of module" in note


def test_without_a_module_there_is_no_note(tmp_path: Path) -> None:
    assert rate_notes(load_experiment(write_experiment(tmp_path, days=1))) == []
