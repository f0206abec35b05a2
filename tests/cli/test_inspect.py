"""``jules-ml inspect``: what is printed, what is written, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.published_files import PUBLISHED
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.experiment import load_experiment

runner = CliRunner()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (path,) = PUBLISHED["ameriflux"](tmp_path).paths
    return path


def test_a_file_is_described_and_its_section_is_printed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    result = runner.invoke(app, ["inspect", str(base)])
    assert result.exit_code == 0, result.output
    for part in (
        "an AmeriFlux BASE file of US-Xyz (reader 'ameriflux')",
        "Site US-Xyz, 2020-06-01 07:00 to 2020-06-04 07:00 UTC, 144 steps of 30min; no row is missing",
        "SWC_1_1_1",
        "[data]\n",
        "utc_offset_hours = -7.0",
        "# SWC_1_1_1 = 0.05",
    ):
        assert part in result.output


def test_a_narrow_terminal_shows_fewer_columns(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = runner.invoke(app, ["inspect", str(base)])
    table = result.output.split("guessed in the section")[0]
    assert "SWC_1_1_1" not in table
    assert "theta" in table


def test_names_and_numbers_are_whole_on_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        f"2020-06-{1 + i // 24:02d} {i % 24:02d}:00,{50 + i % 24},{-0.05664321 + 0.001 * (i % 7)},{0.3 + 0.001 * (i % 9)}"
        for i in range(72)
    ]
    path = tmp_path / "tower.csv"
    path.write_text("\n".join(["time,RH [%],NEE [umol m-2 s-1],SWC_5cm [m3 m-3]", *rows]), encoding="utf-8")
    table = runner.invoke(app, ["inspect", str(path)]).output.split("guessed in the section")[0]
    assert "relative_humidity" in table
    assert "-0.05664 " in table
    assert "umol m-2 s-1" in table
    assert max(map(len, table.splitlines()[3:8])) <= 80


def test_the_section_and_the_figure_are_written(base: Path, tmp_path: Path) -> None:
    out, figure = tmp_path / "new" / "tower.toml", tmp_path / "tower.png"
    arguments = ["--out", str(out), "--figure", str(figure), "--utc-offset", "-6", "--site", "US-Abc"]
    result = runner.invoke(app, ["inspect", str(base), *arguments])
    assert result.exit_code == 0, result.output
    assert "wrote" in result.output
    record = load_experiment(out).record()
    assert (record.attrs["site"], record.attrs["utc_offset_hours"]) == ("US-Abc", -6.0)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in out.parent.iterdir()) == ["tower.toml"]


def test_everything_is_printed_as_json(base: Path) -> None:
    result = runner.invoke(app, ["inspect", str(base), "--json"])
    (content,) = json.loads(result.output)
    assert content["reader"] == "ameriflux"
    assert content["period"]["steps"] == 144
    assert {variable["variable"] for variable in content["variables"]} >= {"theta", "nee"}
    assert content["section"].startswith("[data]")
    assert content["problems"] == []


def test_problems_are_printed_with_remedies_and_exit_with_2(tmp_path: Path) -> None:
    path = tmp_path / "tower.csv"
    path.write_text(
        "time,TA,RH\n2020-06-01 00:30,warm,50\n2020-06-01 01:00,10,900\n2020-06-01 01:30,11,60\n", encoding="utf-8"
    )
    result = runner.invoke(app, ["inspect", str(path), "--out", str(tmp_path / "x.toml")])
    assert result.exit_code == 2
    assert "2 problems to be corrected" in result.output
    assert "line 2, column TA: 'warm' is not a number" in result.output
    assert result.output.count("Remedy:") >= 2
    assert (tmp_path / "x.toml").is_file()


def test_files_that_are_no_records_are_described(tmp_path: Path) -> None:
    (tmp_path / "drive.nml").write_text("&JULES_DRIVE\n/\n", encoding="utf-8")
    result = runner.invoke(app, ["inspect", str(tmp_path / "drive.nml")])
    assert result.exit_code == 0
    assert "a Fortran namelist" in result.output
    assert "Give the folder" in result.output
    figure = runner.invoke(app, ["inspect", str(tmp_path / "drive.nml"), "--figure", str(tmp_path / "x.png")])
    assert figure.exit_code == 2


def test_quiet_prints_nothing(base: Path) -> None:
    result = runner.invoke(app, ["inspect", str(base), "--quiet"])
    assert (result.exit_code, result.output) == (0, "")


def test_two_records_have_two_figures(base: Path, tmp_path: Path) -> None:
    (other,) = PUBLISHED["fluxnet"](tmp_path).paths
    result = runner.invoke(app, ["inspect", str(base), str(other), "--figure", str(tmp_path / "x.png"), "--quiet"])
    assert result.exit_code == 0
    assert (tmp_path / "x.png").is_file()
    assert (tmp_path / "x_2.png").is_file()


def test_an_experiment_that_was_edited_is_not_replaced(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.toml"
    arguments = ["inspect", str(base), "--out", str(out)]
    assert [runner.invoke(app, arguments).exit_code for _ in range(2)] == [0, 0]
    out.write_text("[data]\n# a day of work\n", encoding="utf-8")
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "already exists and has other contents" in " ".join(result.output.split())
    assert out.read_text(encoding="utf-8") == "[data]\n# a day of work\n"
