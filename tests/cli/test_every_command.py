"""What all commands have in common: help texts, ``--quiet``, ``--json`` and completion."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from helpers.small_experiment import write_experiment
from rich.console import Console
from typer import rich_utils
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.cli.printing import escaped

runner = CliRunner()
GROUP = typer.main.get_group(app)
COMMANDS = sorted(GROUP.commands)


def words(text: str) -> str:
    """Text without line breaks, borders and repeated spaces."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_bracket(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 2000)
    command = GROUP.commands[name]
    page = words(runner.invoke(app, [name, "--help"]).output)
    texts = [command.help or "", command.epilog or "", *(getattr(p, "help", None) or "" for p in command.params)]
    for text in texts:
        assert words(text.replace("\\[", "[")) in page


@pytest.mark.parametrize("text", ["[ensemble]", "[0.1, 2]", r"a\[b]", r"\\[carbon] cs", "x[/] [bold]y"])
def test_messages_show_every_bracket(text: str) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(escaped(text))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"{text}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_quiet_and_print_json(name: str) -> None:
    options = {option for parameter in GROUP.commands[name].params for option in parameter.opts}
    assert "--json" in options
    # 'modules' does nothing but print
    assert {"--quiet", "-q"} <= options or name == "modules"


def test_version_is_described_as_in_the_other_options() -> None:
    assert "Show the version and exit." in words(runner.invoke(app, ["--help"]).output)


def test_completion_is_shown_and_completes_commands(tmp_path: Path) -> None:
    main = "from jules_ml.cli import app; app(prog_name='jules-ml')"
    environment = {
        "HOME": str(tmp_path),
        "_JULES_ML_COMPLETE": "complete_bash",
        "COMP_WORDS": "jules-ml ev",
        "COMP_CWORD": "1",
    }
    # a process of its own, because completion ends the process
    done = subprocess.run([sys.executable, "-c", main], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["evaluate"], done.stderr
    page = runner.invoke(app, ["--help"]).output
    assert "--install-completion" in page
    assert "--show-completion" in page


def test_a_run_prints_its_summary_as_json(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    result = runner.invoke(app, ["run", str(path), "--json", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["experiment"] == "small.toml"
    assert str(tmp_path / "out" / "column.nc") in document["files"]
    converted = runner.invoke(
        app, ["convert", str(tmp_path / "out"), "--to", "alma", "--json", "--out", str(tmp_path / "alma")]
    )
    assert [Path(file).parent for file in json.loads(converted.stdout)["files"]] == [tmp_path / "alma"]


def test_bad_input_leaves_standard_output_empty(tmp_path: Path) -> None:
    result = runner.invoke(app, ["run", str(tmp_path / "nothing.toml"), "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
