"""The command line: exit codes, messages, and files that it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

import jules_ml
from jules_ml import demo
from jules_ml.cli import app
from jules_ml.column import run as simulation_run
from jules_ml.errors import RunFailed
from jules_ml.support.headline import Headline

runner = CliRunner()


def test_help_names_the_commands_and_each_has_an_example() -> None:
    top = runner.invoke(app, ["--help"])
    assert top.exit_code == 0
    for command in ("run", "demo", "ensemble"):
        assert command in top.output
        page = runner.invoke(app, [command, "--help"])
        assert page.exit_code == 0
        assert f"jules-ml {command}" in page.output
        assert "Example" in page.output


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.strip() == f"jules_ml {jules_ml.__version__}"


def test_run_writes_its_folder(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    names = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert names == ["column.nc", "experiment.toml", "figures/soil_moisture.png", "report.html", "run_summary.json"]
    assert "residual of the budget" in result.output


def test_run_writes_to_a_folder_beside_the_experiment_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_experiment(tmp_path, days=1)
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(app, ["run", str(path), "--quiet"]).exit_code == 0
    assert (tmp_path / "runs" / "small" / "column.nc").is_file()


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    result = runner.invoke(app, ["run", str(path), "--quiet", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.output == ""


def test_bad_input_is_one_message_and_code_2(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, ("cs = 12.1", "c_s = 12.1"))
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "carbon.c_s: key 'c_s' is unknown" in result.output
    assert "Remedy: write 'cs'" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_outputs_without_water_content_are_written_without_a_figure(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, ("mean_over = 48", 'mean_over = 48\noutputs = ["smcl"]'), days=1)
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "column.nc").is_file()
    assert not (tmp_path / "out" / "figures").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sm_crit = 0.242433", "sm_crit = 0.1", "sm_wilt must not exceed sm_crit"),
        ("sm_crit = 0.242433", "sm_crit = 0.5", "sm_crit must not exceed sm_sat"),
        ("[soil]", "[forcing]\nheight = 0.5\n\n[soil]", "forcing.height: a forcing height of 0.5 m is within"),
        ("start = 2001-06-01T00:00:00", "start = 2001-06-01T00:00:00Z", "has an offset from UTC"),
        ("start = 2001-06-01T00:00:00", "start = 0201-06-01T00:00:00", "outside the years 1678 to 2261"),
    ],
)
def test_an_experiment_that_cannot_run_is_code_2(tmp_path: Path, old: str, new: str, message: str) -> None:
    result = runner.invoke(app, ["run", str(write_experiment(tmp_path, (old, new), days=1))])
    assert result.exit_code == 2, result.output
    assert message in result.output.replace("\n", " ")


def test_brackets_in_a_message_are_printed_as_they_are(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, ("[carbon]\ncs = 12.1", ""))
    result = runner.invoke(app, ["run", str(path)])
    assert result.exit_code == 2
    assert "section [carbon] is missing" in result.output


@pytest.mark.parametrize("words", [["fly"], ["run"], ["run", "x.toml", "--fast"], ["demo", "--years", "0"]])
def test_a_wrong_option_is_code_2(words: list[str]) -> None:
    assert runner.invoke(app, words).exit_code == 2


def test_a_failed_run_is_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunFailed("the column left the range of numbers")

    monkeypatch.setattr(simulation_run, "run_column", fail)
    result = runner.invoke(app, ["run", str(write_experiment(tmp_path, days=1))])
    assert result.exit_code == 1
    assert "Failed: the column left the range of numbers" in result.output


def test_an_unwritable_folder_is_bad_input(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "file")])
    assert result.exit_code == 2
    assert "give another folder with --out" in result.output


def test_demo_without_its_record_names_the_remedy(tmp_path: Path) -> None:
    result = runner.invoke(app, ["demo", "--data", str(tmp_path / "nothing.whl"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "no such file" in result.output
    assert "wheel of diive 0.90.0" in result.output


def test_demo_passes_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed: dict[str, object] = {}

    def take(folder: Path, **options: object) -> None:
        typed.update(options, folder=folder)
        raise RunFailed("enough")

    monkeypatch.setattr(demo, "run_demo", take)
    runner.invoke(app, ["demo", "--years", "3", "--data", "x.whl", "--out", str(tmp_path)])
    assert (typed["folder"], typed["years"], typed["data"]) == (tmp_path, 3, Path("x.whl"))


def test_an_interrupt_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, progress: Callable[[str, int, int], None], **__: object) -> None:
        progress("run", 1, 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation_run, "run_column", interrupted)
    path = write_experiment(tmp_path, days=1)
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "there are no incomplete files" in result.output
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".writing-*"))


def test_hooks_needs_exactly_one_action() -> None:
    for arguments in (["hooks"], ["hooks", "--jules-build", "a", "--check", "b"]):
        result = runner.invoke(app, arguments)
        assert result.exit_code == 2
        assert "give one of them" in result.output


def test_hooks_names_the_missing_file(tmp_path: Path) -> None:
    result = runner.invoke(app, ["hooks", "--jules-build", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "microbe_mod.mod" in result.output
    result = runner.invoke(app, ["hooks", "--check", str(tmp_path / "no.exe")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_export_refuses_a_folder_without_a_module(tmp_path: Path) -> None:
    result = runner.invoke(app, ["export", str(tmp_path), "--to", "curves", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_demo_ends_with_its_numbers_and_its_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(
        run=None,
        swap=SimpleNamespace(
            fit=SimpleNamespace(warnings=("few nights",)), verdict=SimpleNamespace(notes=(), scores=())
        ),
        headlines=(Headline("0.50 → 0.60", "NSE of nights [1]"),),
        sentence="The swap makes nights better.",
        files=(tmp_path / "report.html",),
    )
    monkeypatch.setattr(demo, "run_demo", lambda *_, **__: done)
    monkeypatch.setattr("jules_ml.cli.demo.print_run_summary", lambda _: None)
    result = runner.invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[-2:] == ["0.50 → 0.60  NSE of nights [1]", "The swap makes nights better."]
    assert "note few nights" in lines
    assert runner.invoke(app, ["demo", "--out", str(tmp_path), "--quiet"]).output == ""
