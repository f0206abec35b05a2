"""The ensemble under mpiexec: any number of ranks gives the same data, and a killed rank loses no member."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _ensemble import MPI_ENVIRONMENT, mpiexec
from helpers.interrupted_ensemble import PROGRAM, alive, complete, finished, started_members, until
from helpers.small_experiment import write_experiment

from jules_ml.support.ranks import launched_size

MPIEXEC = mpiexec()
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(MPIEXEC is None, reason="no mpi4py with its mpiexec: pip install 'jules_ml[mpi]'"),
]
COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()"]
ENVIRONMENT = {**os.environ, **MPI_ENVIRONMENT}
ENSEMBLE = """
[ensemble]
members = 7
batch = 2
sampling = "sobol"

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
prior = "loguniform"
bounds = [0.02, 0.2]
"""


def launched(ranks: int, *command: str) -> subprocess.CompletedProcess[str]:
    launcher = [str(MPIEXEC), "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run(
        [*launcher, *command], env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=600
    )


def test_any_number_of_ranks_gives_the_same_data(tmp_path: Path, figures: Callable[[str], None]) -> None:
    path = write_experiment(tmp_path, ("[run]", '[run]\noutputs = ["sthu", "resp_s_gb"]'), days=1)
    path.write_text(path.read_text(encoding="utf-8") + ENSEMBLE, encoding="utf-8")
    sums = {}
    for ranks in (1, 2, 3):
        out = tmp_path / f"out{ranks}"
        done = launched(ranks, *COMMAND, "ensemble", str(path), "--out", str(out), "--quiet")
        assert done.returncode == 0, done.stderr
        sums[ranks] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["data_sha256"]
    assert len(set(sums.values())) == 1
    figures(f"data of 1, 2 and 3 ranks: sha256 {sums[1]}")


def test_members_spread_over_the_ranks(tmp_path: Path) -> None:
    done = launched(2, *PROGRAM, str(tmp_path), "8", "--seconds", "0.05")
    assert done.stdout.split()[:3] == ["8", "0", "0"], done.stderr
    numbers, workers = zip(*started_members(tmp_path), strict=True)
    assert sorted(numbers) == list(range(8))
    assert len(set(workers)) == 2


@pytest.mark.parametrize("which", ["manager", "worker"])
def test_rank_killed(tmp_path: Path, which: str, figures: Callable[[str], None]) -> None:
    n = 24
    command = [str(MPIEXEC), "-n", "2", *PROGRAM, str(tmp_path), str(n), "--seconds", "0.05"]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: len(finished(tmp_path, n)) >= 4 and len({pid for _, pid in started_members(tmp_path)}) == 2)
    ranks = {pid for _, pid in started_members(tmp_path)}
    # rank 0, which distributes members and runs some, is started first
    os.kill(min(ranks) if which == "manager" else max(ranks), signal.SIGKILL)
    assert process.wait(timeout=120) != 0
    until(lambda: not any(alive(pid) for pid in ranks))
    before = finished(tmp_path, n)
    assert 4 <= len(before) < n
    figures(complete(tmp_path, n, before))


def test_launcher_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The environment of a launcher, without its library."""
    done = subprocess.run(
        [*PROGRAM, str(tmp_path), "2"],
        env={**os.environ, "PMI_SIZE": "2", "OMPI_MCA_btl": "self"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "they use different MPI libraries" in done.stderr


def test_launcher_without_mpi4py_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mpi4py.py").write_text("raise ImportError('it is not here')\n", encoding="ascii")
    done = subprocess.run(
        [*PROGRAM, str(tmp_path), "2"],
        env={**os.environ, "PMI_SIZE": "2", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "mpi4py cannot be loaded" in done.stderr
    assert "jules_ml[mpi]" in done.stderr
    assert launched_size() == 1
