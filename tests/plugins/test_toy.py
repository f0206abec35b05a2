"""A kind, a reader and a form of export from another package work from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "toy"

EXPERIMENT = """\
[data]
reader = "toy_text"
path = "record.txt"

[toy_mean]
offset = 1.0
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the toy package is installed into."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("site")
    # setuptools builds in the source folder, which is part of the checkout
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "toy")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(folder), str(source)], check=True, capture_output=True)
    return folder


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    (tmp_path / "record.txt").write_text("2020-01-01 280\n2020-01-02 282\n2020-01-03 284\n", encoding="ascii")
    path = tmp_path / "toy.toml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    return path


def run(installed: Path, *typed: str) -> subprocess.CompletedProcess[str]:
    """Run ``jules-ml`` in a process that sees the toy package."""
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    program = "from jules_ml.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *typed],
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_toy_kind_and_reader_work_from_the_command_line(installed: Path, experiment: Path) -> None:
    folder = experiment.parent
    done = run(installed, "fit", "toy_mean", str(experiment), "--out", str(folder / "module"))
    assert done.returncode == 0, done.stderr
    assert "a toy note" in done.stdout
    assert "RMSE" in done.stdout
    assert "a toy note" in (folder / "module" / "report.html").read_text(encoding="utf-8")

    done = run(
        installed, "evaluate", str(folder / "module"), "--data", str(experiment), "--out", str(folder / "scores")
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "scores" / "scores.json").is_file()
    assert "report.html" in done.stdout

    done = run(installed, "export", str(folder / "module"), "--to", "toy_number", "--out", str(folder / "files"))
    assert done.returncode == 0, done.stderr
    assert (folder / "files" / "mean.txt").read_text(encoding="ascii") == "283.00\n"


def test_mistake_in_the_section_of_a_toy_kind_is_named(installed: Path, experiment: Path) -> None:
    experiment.write_text(EXPERIMENT.replace("offset", "ofset"), encoding="utf-8")
    done = run(installed, "fit", "toy_mean", str(experiment), "--out", str(experiment.parent / "module"))
    assert done.returncode == 2
    assert "key 'ofset' is unknown" in done.stderr
    assert "line 6, toy_mean.ofset" in " ".join(done.stderr.split())


def test_toy_is_unknown_where_it_is_not_installed(experiment: Path) -> None:
    done = run(experiment.parent, "fit", "toy_mean", str(experiment), "--out", str(experiment.parent / "module"))
    assert done.returncode == 2
    assert "there is no kind of module 'toy_mean'" in done.stderr


def test_naming_the_kinds_loads_no_torch() -> None:
    program = (
        "import sys; from jules_ml.learned.kind import kind_of; "
        "[kind_of(name) for name in ('carbon', 'hydraulics', 'moisture', 'respiration')]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
