"""A run on a grid that is killed continues to the same bits, on any number of ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from _ensemble import MPI_ENVIRONMENT, mpiexec
from helpers.small_grid import write_grid, write_wfde5

MPIEXEC = mpiexec()
COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()", "run"]
ENVIRONMENT = {**os.environ, **MPI_ENVIRONMENT}
#: Length of a run that can be killed [d].
DAYS = 8
needs_mpi = pytest.mark.skipif(MPIEXEC is None, reason="no mpi4py with its mpiexec: pip install 'jules_ml[mpi]'")


def command(path: Path, out: Path, *words: str, ranks: int = 1) -> list[str]:
    launcher = [str(MPIEXEC), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, *COMMAND, str(path), "--out", str(out), *words]


def run(path: Path, out: Path, *words: str, ranks: int = 1) -> xr.Dataset:
    done = subprocess.run(
        command(path, out, *words, ranks=ranks),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with xr.open_dataset(out / "grid.nc") as ds:
        return ds.load()


def killed(path: Path, out: Path, *, ranks: int = 1) -> None:
    """Kill a run after its first checkpoints; under mpiexec its launcher."""
    process = subprocess.Popen(
        command(path, out, "--quiet", ranks=ranks),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list(out.glob("unfinished/*.npz"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bits(tmp_path: Path) -> None:
    path = write_grid(tmp_path, write_wfde5(tmp_path, days=DAYS), precision="float64")
    whole = run(path, tmp_path / "whole")
    out = tmp_path / "out"
    killed(path, out)
    assert not (out / "grid.nc").exists()
    refused = subprocess.run(command(path, out), env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "unfinished run" in refused.stderr
    xr.testing.assert_identical(run(path, out, "--resume"), whole)
    assert sorted(each.name for each in out.iterdir()) == [
        "experiment.toml",
        "figures",
        "grid.nc",
        "report.html",
        "run_summary.json",
    ]


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_ranks_give_the_same_bits_and_continue_each_others_runs(tmp_path: Path) -> None:
    path = write_grid(tmp_path, write_wfde5(tmp_path, days=DAYS))
    whole = run(path, tmp_path / "one")
    xr.testing.assert_identical(run(path, tmp_path / "two", ranks=2), whole)
    out = tmp_path / "killed"
    killed(path, out, ranks=2)
    xr.testing.assert_identical(run(path, out, "--resume"), whole)


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_an_error_on_one_rank_ends_all(tmp_path: Path) -> None:
    """The data have a gap at a point of the second rank."""
    path = write_grid(tmp_path, write_wfde5(tmp_path, days=4))
    file = tmp_path / "Tair_WFDE5_CRU_200106_v2.1.nc"
    with xr.open_dataset(file, decode_times=False) as ds:
        broken = ds.load()
    broken["Tair"][60, broken["lat"].to_numpy().argmax(), 1] = float("nan")
    broken.to_netcdf(file)
    done = subprocess.run(
        command(path, tmp_path / "out", ranks=2),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "1 land points have missing values, the first at 51.0000, -0.5000 at time level 61" in done.stderr
    assert "Remedy" in done.stderr
