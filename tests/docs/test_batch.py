"""The commands of docs/how_to/batch.md, executed in order with a stand-in for JULES; ``sbatch`` and ``cylc`` are not called."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from _ensemble import jules_ensemble
from helpers.paths import REPOSITORY
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.jules.run_folder import read_run_folder

PAGE = (REPOSITORY / "docs" / "how_to" / "batch.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SCRIPTS = [text for language, text in BLOCKS if language == "bash"]
runner = CliRunner()


def commands(first: str) -> list[list[str]]:
    """Words of each line of the block that begins with ``first``."""
    (block,) = (text for _, text in BLOCKS if text.startswith(first))
    return [shlex.split(line, comments=True) for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the experiments of the page, where ``jules-ml`` is on the path."""
    members = jules_ensemble(shared_data, tmp_path, 16)
    text = members.read_text(encoding="utf-8")
    (tmp_path / "swap.toml").write_text(text[: text.index("[ensemble]")], encoding="utf-8")
    command = tmp_path / "bin" / "jules-ml"
    command.parent.mkdir()
    main = "from jules_ml.cli import main; main()"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{main}' \"$@\"\n", encoding="ascii")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(text: str, **environment: str) -> int:
    """Run a job script; ``module`` is a function of the shell on a cluster."""
    return subprocess.run(
        ["bash", "-c", f"module() {{ :; }}\n{text}"], env={**os.environ, **environment}, check=False
    ).returncode


def test_a_run_is_prepared_submitted_and_collected(folder: Path) -> None:
    prepare, submit, collect = commands("jules-ml run swap.toml --prepare")
    assert runner.invoke(app, prepare[1:]).exit_code == 0
    subprocess.run(submit, check=True)
    assert runner.invoke(app, collect[1:]).exit_code == 0
    (job,) = (text for text in SCRIPTS if "submit.sh" in text)
    assert script(job) == 0


def test_a_script_starts_jules(folder: Path) -> None:
    (wrapper,) = (text for text in SCRIPTS if '"$@"' in text)
    mpiexec = folder / "bin" / "mpiexec"
    mpiexec.write_text('#!/bin/sh\nshift 2; exec "$@"\n', encoding="ascii")
    mpiexec.chmod(0o755)
    program = folder / "jules.exe"
    text = wrapper.replace("/home/me/jules/build/bin/jules.exe", str(program)).replace("module load", "true")
    (folder / "start.sh").write_text(text, encoding="utf-8")
    (folder / "start.sh").chmod(0o755)
    swap = folder / "swap.toml"
    swap.write_text(swap.read_text(encoding="utf-8").replace("jules.exe", "start.sh"), encoding="utf-8")
    result = runner.invoke(app, ["run", str(swap)])
    assert result.exit_code == 0, result.output


@pytest.mark.no_cover
@pytest.mark.slow
def test_members_are_run_in_shards_and_gathered(folder: Path) -> None:
    shard, gather = commands("jules-ml ensemble members.toml --out members --shard")
    for number in range(1, 17):
        words = [word.replace("3/16", f"{number}/16") for word in shard]
        assert runner.invoke(app, words[1:]).exit_code == 0
    (array,) = (text for text in SCRIPTS if "SLURM_ARRAY_TASK_ID" in text)
    assert script(array, SLURM_ARRAY_TASK_ID="3") == 0
    assert runner.invoke(app, gather[1:]).exit_code == 0
    assert (folder / "members" / "ensemble.nc").is_file()


def test_the_workflow_is_installed_for_cylc(folder: Path) -> None:
    (block,) = (text for _, text in BLOCKS if "cylc vip" in text)
    setup, cylc = block.split("cylc vip", 1)
    assert cylc.strip() == "jules_ml"
    program = folder / "jules.exe"
    setup = setup.replace("/path/of/jules.exe", str(program))
    # the page is read in a copy of the repository
    subprocess.run(["bash", "-ec", setup], cwd=REPOSITORY, env={**os.environ, "HOME": str(folder)}, check=True)
    installed = folder / "cylc-src" / "jules_ml"
    assert (installed / "flow.cylc").is_file()
    assert (installed / "bin" / "jules.exe").samefile(program)
    assert read_run_folder(installed / "app" / "jules").rose is not None
    swap = ["run", str(installed / "swap.toml"), "--prepare", "--out", str(folder / "swap")]
    assert runner.invoke(app, swap).exit_code == 0
