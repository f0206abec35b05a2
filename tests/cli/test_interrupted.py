"""Commands that are stopped, killed, or meet a full disk, and output folders of others."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.interrupted_ensemble import until
from helpers.jules_runs import listing
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app

#: Takes Ctrl-C also where the tests run in the background of a shell, which ignores it.
PROGRAM = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from jules_ml.cli import main; main()",
]
runner = CliRunner()


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Limit the size of files, as a full disk and a quota do."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_full_disk_is_one_message_and_leaves_the_earlier_run(tmp_path: Path) -> None:
    arguments = ["run", str(write_experiment(tmp_path, days=1)), "--out", str(tmp_path / "out")]
    assert runner.invoke(app, arguments).exit_code == 0
    before = listing(tmp_path / "out")
    for size in (0, 3000):
        with limited_files(size):
            result = runner.invoke(app, arguments)
        assert result.exit_code == 1, result.output
        assert "the disk is full" in result.output
        assert "free disk space and repeat the command" in " ".join(result.output.split())
        assert listing(tmp_path / "out") == before
    assert not list(tmp_path.glob(".writing-*"))
    assert runner.invoke(app, arguments).exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_the_earlier_one(tmp_path: Path, number: int) -> None:
    arguments = ["run", str(write_experiment(tmp_path, days=1)), "--out", str(tmp_path / "out")]
    assert runner.invoke(app, arguments).exit_code == 0
    before = listing(tmp_path / "out")
    write_experiment(tmp_path, days=60)
    with subprocess.Popen([*PROGRAM, *arguments], stderr=subprocess.PIPE, text=True) as process:
        # an empty folder, from an interrupt just before, is the next command's to remove
        until((tmp_path / ".writing-out" / "new" / "out").exists)
        process.send_signal(number)
        _, printed = process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 1)
    assert ("there are no incomplete files" in printed) == (number != signal.SIGKILL)
    assert (tmp_path / ".writing-out").exists() == (number == signal.SIGKILL)
    assert listing(tmp_path / "out") == before
    write_experiment(tmp_path, days=1)
    assert runner.invoke(app, arguments).exit_code == 0
    assert not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize("command", ["run", "init", "demo", "hooks"])
def test_a_folder_of_others_is_refused(tmp_path: Path, command: str) -> None:
    experiment = write_experiment(tmp_path, days=1)
    out = tmp_path / "papers"
    out.mkdir()
    (out / "draft.txt").write_text("a year of work")
    (tmp_path / "any.whl").touch()
    words = {
        "run": [str(experiment)],
        "init": ["jules"],
        "demo": ["--data", str(tmp_path / "any.whl")],
        "hooks": ["--jules-build", str(tmp_path)],
    }
    result = runner.invoke(app, [command, *words[command], "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert "contains other files" in " ".join(result.output.split())
    assert listing(out) == {"draft.txt": b"a year of work"}


def test_a_run_does_not_replace_a_module(tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "card.json").write_text("{}")
    result = runner.invoke(app, ["run", str(write_experiment(tmp_path)), "--out", str(tmp_path / "module")])
    assert result.exit_code == 2
    assert "contains a module" in result.output


def test_a_failed_command_leaves_no_empty_folder(tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path, days=1)
    (tmp_path / "weather.dat").unlink()
    out = tmp_path / "new" / "out"
    for words in (["run", str(experiment)], ["hooks", "--jules-build", str(tmp_path / "gone")]):
        assert runner.invoke(app, [*words, "--out", str(out)]).exit_code != 0
        assert not (tmp_path / "new").exists()


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_a_cache_of_compiled_code_that_cannot_be_written_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path / "file" / "cache"))
    path = write_experiment(tmp_path, ("compiled = false", "compiled = true"), days=1)
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    assert "compiled code cannot be written" in shown
    assert "without compilation" in shown


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_single_precision_without_compilation_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path / "file" / "cache"))
    replacement = ("compiled = false", 'compiled = true\nprecision = "float32"')
    path = write_experiment(tmp_path, replacement, days=1)
    result = runner.invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    shown = " ".join(result.output.split())
    assert result.exit_code == 2, shown
    assert "compiled code cannot be written" in shown
    assert "single precision" in shown
    assert "float64" in shown
