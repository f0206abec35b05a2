"""The dry run of an ensemble: its estimate against the processor time of the run."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _ensemble import jules_ensemble
from helpers.small_experiment import write_experiment

from jules_ml.ensemble.dry_run import estimate
from jules_ml.ensemble.shard import Shard
from jules_ml.ensemble.start_up import StartUp
from jules_ml.experiment import load_experiment
from jules_ml.physics.compilation import can_compile

COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()"]
ENSEMBLE = """
[ensemble]
members = 8
batch = 4

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
prior = "loguniform"
bounds = [0.02, 0.2]
"""


def ensemble(folder: Path, *, days: int, compiled: bool = False) -> Path:
    path = write_experiment(folder, ("compiled = false", f"compiled = {str(compiled).lower()}"), days=days)
    path.write_text(path.read_text(encoding="utf-8") + ENSEMBLE, encoding="utf-8")
    return path


def seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.skipif(not can_compile(), reason="no C++ compiler"))]
)
def test_estimate_is_within_a_factor_of_two(tmp_path: Path, compiled: bool, figures: Callable[[str], None]) -> None:
    """Processor time, which a busy machine changes less than elapsed time."""
    path = ensemble(tmp_path, days=40 if compiled else 4, compiled=compiled)
    expected = estimate(load_experiment(path), tmp_path / "out")
    before = seconds_of_children()
    subprocess.run([*COMMAND, "ensemble", str(path), "--out", str(tmp_path / "out"), "--quiet"], check=True)
    measured = seconds_of_children() - before
    figures(f"{expected.cpu_seconds:.1f} s expected, {measured:.1f} s measured, compiled: {compiled}")
    assert 0.5 < expected.cpu_seconds / measured < 2.0
    # the first version gave the steps alone: 0.3 s of 33 s
    assert expected.start_seconds > 0.1 * measured


@pytest.mark.slow
def test_workers_and_shards_are_counted(tmp_path: Path) -> None:
    experiment = load_experiment(ensemble(tmp_path, days=2))
    whole = estimate(experiment, tmp_path / "out", workers=2)
    assert (whole.members, whole.units) == (8, 2)
    assert whole.seconds < whole.cpu_seconds
    part = estimate(experiment, tmp_path / "out", shard=Shard(1, 2))
    assert (part.members, part.units, part.to_run) == (4, 1, 4)
    rows = dict(part.rows())
    assert "to start up" in rows["cost"]
    assert "with 1 worker" in rows["time"]
    assert "compiled" not in rows


def test_disk_space_of_a_shard_is_that_of_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jules_ml.ensemble.dry_run.measure_start_up", lambda *_, **__: StartUp())
    experiment = load_experiment(ensemble(tmp_path, days=2))
    whole = estimate(experiment, tmp_path / "out")
    part = estimate(experiment, tmp_path / "out", shard=Shard(1, 2))
    assert whole.disk_bytes is not None
    # half of the members, and no gathered file
    assert part.disk_bytes == pytest.approx(whole.disk_bytes / 4.0)
    assert dict(whole.rows())["disk"].endswith("members and gathered file")
    assert dict(part.rows())["disk"].endswith("MB, members of the shard")


def test_members_of_jules_count_their_spin_up(tmp_path: Path, shared_data: Path) -> None:
    path = jules_ensemble(shared_data, tmp_path, 3)
    short = estimate(load_experiment(path), tmp_path / "out")
    times = tmp_path / "loobos" / "nml" / "timesteps.nml"
    text = times.read_text(encoding="ascii")
    spin_up = (
        "&JULES_SPINUP max_spinup_cycles=100000, spinup_start='1996-12-31 23:00:00', spinup_end='1997-01-02 23:00:00' /"
    )
    assert "&JULES_SPINUP /" in text
    times.write_text(text.replace("&JULES_SPINUP /", spin_up), encoding="ascii")
    long = estimate(load_experiment(path), tmp_path / "out")
    # a year takes 0.26 s, and a cycle is two days
    assert long.cpu_seconds - short.cpu_seconds == pytest.approx(3 * 100000 * 2 / 365 * 0.26, rel=0.1)
