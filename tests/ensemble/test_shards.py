"""Shards of an ensemble, as jobs of an array run them, and the gathering of their members."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from _ensemble import jules_ensemble
from helpers.small_experiment import write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.ensemble.locks import folder_lock
from jules_ml.ensemble.manifest import member_folder, read_status
from jules_ml.ensemble.run import plan_ensemble, run_ensemble
from jules_ml.ensemble.shard import Shard, members_of_shard
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment

runner = CliRunner()
COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()"]
ENSEMBLE = """
[ensemble]
members = 7
batch = 2

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
prior = "loguniform"
bounds = [0.02, 0.2]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Experiment with seven members in four batches."""
    file = write_experiment(tmp_path, ("[run]", '[run]\noutputs = ["sthu", "resp_s_gb"]'), days=1)
    file.write_text(file.read_text(encoding="utf-8") + ENSEMBLE, encoding="utf-8")
    return file


def data_of(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["data_sha256"])


def test_shards_split_the_members(path: Path) -> None:
    plan = plan_ensemble(load_experiment(path))
    for n in (1, 2, 3, 4, 6):
        parts = [members_of_shard(plan.members, plan.unit_size, Shard(k, n)) for k in range(1, n + 1)]
        assert sorted(number for part in parts for number in part) == list(range(7))
    assert members_of_shard(plan.members, plan.unit_size, Shard(2, 2)) == [2, 3, 6]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3"])
def test_wrong_shards_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"--shard"):
        Shard.parse(text)


def test_shards_at_once_and_gathered_are_as_one_run(path: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert runner.invoke(app, ["ensemble", str(path), "--out", str(whole), "--quiet"]).exit_code == 0
    jobs = [
        subprocess.Popen(
            [*COMMAND, "ensemble", str(path), "--out", str(out), "--shard", f"{k}/3"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for k in (1, 2, 3)
    ]
    printed = [job.communicate()[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], printed
    assert not (out / "ensemble.nc").exists()
    assert "jules-ml gather" in printed[0]
    result = runner.invoke(app, ["gather", str(out)])
    assert result.exit_code == 0, result.output
    assert data_of(out) == data_of(whole)
    assert {p.name for p in whole.iterdir() if p.name[0] != "."} == {p.name for p in out.iterdir() if p.name[0] != "."}


def test_gather_lists_missing_members(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = run_ensemble(load_experiment(path), out, shard=Shard(1, 2))
    assert (run.done, run.failed, list(run.numbers)) == (4, 0, [0, 1, 4, 5])
    result = runner.invoke(app, ["gather", str(out)])
    assert result.exit_code == 2
    assert "3 of 7 members are missing: 2-3, 6" in " ".join(result.output.split())
    assert not (out / "ensemble.nc").exists()
    result = runner.invoke(app, ["gather", str(out), "--partial"])
    assert result.exit_code == 0, result.output
    assert "3 of 7 members are missing" in " ".join(result.output.split())
    with xr.open_dataset(out / "ensemble.nc") as ds:
        assert ds["done"].to_numpy().tolist() == [1, 1, 0, 0, 1, 1, 0]
    # a shard is continued, also by another split
    again = run_ensemble(load_experiment(path), out, shard=Shard(1, 1))
    assert (again.done, again.done_before) == (7, 4)


def test_failed_members_are_gathered_as_in_one_run(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = jules_ensemble(shared_data, tmp_path, 4), tmp_path / "out"
    monkeypatch.setenv("STAND_IN_FATAL", "2.25")
    codes = [
        runner.invoke(app, ["ensemble", str(path), "--out", str(out), "--shard", f"{k}/2", "--quiet"]).exit_code
        for k in (1, 2)
    ]
    assert sorted(codes) == [0, 1]
    result = runner.invoke(app, ["gather", str(out)])
    assert result.exit_code == 1
    assert "1 of 4 members failed" in result.output
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["done"] == 3


def test_shards_exclude_what_would_run_a_member_twice(path: Path, tmp_path: Path) -> None:
    experiment, out = load_experiment(path), tmp_path / "out"

    def during(shard: Shard | None, message: str) -> None:
        with pytest.raises(BadInput, match=message):
            run_ensemble(experiment, out, shard=shard)

    out.mkdir()
    with folder_lock(out, Shard(1, 2)):
        during(Shard(1, 2), "shard 1/2 is running")
        during(Shard(1, 3), "split into 2 shards")
        during(None, "another run of the ensemble is using this folder")
        assert run_ensemble(experiment, out, shard=Shard(2, 2)).done == 3
        result = runner.invoke(app, ["gather", str(out), "--partial"])
        assert result.exit_code == 2
        assert "another run" in result.output
    with folder_lock(out):
        during(Shard(1, 2), "another run of the ensemble is using this folder")
    assert run_ensemble(experiment, out, shard=Shard(1, 3)).done == 3


@pytest.mark.parametrize("lock", [".lock-plan", ".lock-1-of-2", ".lock"])
def test_lock_file_that_cannot_be_opened_is_reported(path: Path, tmp_path: Path, lock: str) -> None:
    """A full disk or a quota can be reached between the lock files; a folder of that name fails for root too."""
    (tmp_path / "out" / lock).mkdir(parents=True)
    with pytest.raises(BadInput, match=r"cannot be written.*--out"):
        run_ensemble(load_experiment(path), tmp_path / "out", shard=Shard(1, 2))


def test_lock_file_of_another_user_is_reported(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refuse(file: Any, *arguments: Any) -> int:
        if Path(file).name == ".lock-1-of-3":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return opened(file, *arguments)

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock-1-of-3").touch()
    monkeypatch.setattr("jules_ml.ensemble.locks.os.open", refuse)
    with pytest.raises(BadInput, match=r"cannot be written \(Permission denied\)"):
        run_ensemble(load_experiment(path), tmp_path / "out", shard=Shard(1, 2))


def test_shard_without_members_says_so(path: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["ensemble", str(path), "--out", str(tmp_path / "out"), "--shard", "5/5"])
    assert result.exit_code == 0
    assert "ensemble.batch" in result.output


def test_other_samples_are_refused(path: Path, tmp_path: Path) -> None:
    """Another version of a library on another node could draw other samples."""
    out = tmp_path / "out"
    run_ensemble(load_experiment(path), out, shard=Shard(1, 4))
    plan = out / "plan.json"
    document = json.loads(plan.read_text(encoding="utf-8"))
    assert document["members"] == 7
    plan.write_text(json.dumps({**document, "samples": "others"}), encoding="utf-8")
    with pytest.raises(BadInput, match=r"drew other samples.*numpy and scipy"):
        run_ensemble(load_experiment(path), out, shard=Shard(2, 4))
    assert read_status(out, 2) is None
    assert not member_folder(out, 2).exists()


def test_gather_needs_the_experiment_where_it_was(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_ensemble(load_experiment(path), out)
    moved = path.rename(path.with_name("moved.toml"))
    result = runner.invoke(app, ["gather", str(out)])
    assert result.exit_code == 2
    assert "--experiment" in result.output
    assert runner.invoke(app, ["gather", str(out), "--experiment", str(moved)]).exit_code == 0
    result = runner.invoke(app, ["gather", str(tmp_path)])
    assert result.exit_code == 2
    assert "contains no ensemble" in result.output
