"""Runs that are prepared, started by a job and collected afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.jules_runs import Write, listing

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules.outcome import Unfinished
from jules_ml.jules.run import collect_run, prepare_run, run_jules


def summary_of(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))
    return summary


def job(folder: Path, **environment: str) -> int:
    """Run the script of a prepared folder from another folder, as a job does."""
    return subprocess.run(
        ["sh", str(folder / "submit.sh")], cwd="/", env={**os.environ, **environment}, check=False
    ).returncode


def without_executable(path: Path) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace('executable = "jules.exe"\n', ""), encoding="utf-8")
    return path


def test_prepared_run_is_started_by_a_job_and_collected(user: Path, write: Write) -> None:
    path, before = write(jules="set = {jules_soil_biogeochem = {q10_soil = 2.5}}"), listing(user)
    out = path.parent / "batch"
    prepared = prepare_run(load_experiment(path), out)
    assert prepared.script == out / "submit.sh"
    assert summary_of(out)["status"] == "prepared"
    assert "+q10_soil = 2.5," in (out / "namelists.diff").read_text(encoding="utf-8")
    assert not (out / "jules.log").exists()
    assert job(out) == 0
    done = collect_run(out)
    assert [p.name for p in done.output] == ["loobos.day.nc"]
    assert done.warnings == ("INIT_DRIVE: No diffuse shortwave radiation",)
    assert listing(user) == before
    # the summary is that of a run that is not in a queue
    run_jules(load_experiment(path), path.parent / "direct")
    of_batch, of_run = summary_of(out), summary_of(path.parent / "direct")
    assert of_batch.keys() == of_run.keys()
    assert {k for k in of_run if of_batch[k] != of_run[k]} <= {"wall_seconds"}
    assert collect_run(path.parent / "direct").output[0].parent.parent.name == "direct"


def test_folder_that_is_moved_can_be_submitted(write: Write) -> None:
    path = write()
    prepare_run(load_experiment(path), path.parent / "batch")
    moved = path.parent / "elsewhere" / "my run"
    moved.parent.mkdir()
    (path.parent / "batch").rename(moved)
    assert job(moved) == 0
    assert [p.name for p in collect_run(moved).output] == ["loobos.day.nc"]


def test_script_that_a_queue_has_copied_finds_the_run_folder(tmp_path: Path, write: Write) -> None:
    out = prepare_run(load_experiment(write()), tmp_path / "batch").folder
    spool = tmp_path / "spool"
    spool.mkdir()
    shutil.copy(out / "submit.sh", spool / "slurm_script")
    subprocess.run(["sh", str(spool / "slurm_script")], cwd="/", check=True)
    assert collect_run(out).output


def test_launcher_and_executable_of_the_job(write: Write) -> None:
    path = without_executable(write(jules='launcher = ["env", "A=a b"]'))
    out = path.parent / "batch"
    assert prepare_run(load_experiment(path), out).command == ("env", "A=a b", None, "namelists")
    assert summary_of(out)["executable"] is None
    assert job(out) != 0
    assert job(out, JULES_EXE="nope.exe") == 127
    with pytest.raises(RunFailed, match=r"the executable nope.exe was not found: set JULES_EXE to the absolute path"):
        collect_run(out)
    assert job(out, JULES_EXE=str(path.parent / "jules.exe")) == 0
    assert collect_run(out).output


def test_job_that_fails_to_start_is_not_collected_as_the_one_before_it(write: Write) -> None:
    path = without_executable(write())
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    assert job(out, JULES_EXE=str(path.parent / "jules.exe")) == 0
    assert job(out) != 0
    with pytest.raises(Unfinished, match="not started"):
        collect_run(out)


def test_output_of_an_earlier_job_is_not_counted(user: Path, write: Write) -> None:
    path = write()
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    assert job(out) == 0
    for file in (out / "output").iterdir():
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 60.0))
    (user / "behaviour").write_text("silent", encoding="ascii")
    assert job(out) == 0
    with pytest.raises(RunFailed, match="wrote no output"):
        collect_run(out)


def test_executable_may_be_built_after_the_preparation(write: Write) -> None:
    path = write()
    executable = path.parent / "jules.exe"
    text, mode = executable.read_text(encoding="ascii"), executable.stat().st_mode
    executable.unlink()
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    executable.write_text(text, encoding="ascii")
    executable.chmod(mode)
    assert job(out) == 0
    collect_run(out)
    assert len(summary_of(out)["executable"]["sha256"]) == 64


def test_run_that_has_not_started_or_not_ended_is_unfinished(write: Write) -> None:
    path = write()
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    with pytest.raises(Unfinished, match="not started"):
        collect_run(out)
    assert summary_of(out)["status"] == "prepared"
    job(out)
    # a job that is killed leaves no exit status, and the log has no end
    (out / "jules.status").unlink()
    log = (out / "jules.log").read_text(encoding="utf-8")
    (out / "jules.log").write_text(log[: log.index("[INFO] jules: Run completed")], encoding="utf-8")
    with pytest.raises(Unfinished, match=r"at model time 1997-01-02 23:00:00.*submit it again"):
        collect_run(out)
    assert summary_of(out)["status"] == "unfinished"
    (out / "jules.log").write_text(log, encoding="utf-8")
    assert collect_run(out).wall_seconds is None
    assert summary_of(out)["status"] == "done"


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("fatal", r"stopped at model time 1997-01-01 23:00:00: soil_hyd: something cannot be"),
        ("crash", r"signal SIGKILL.*Floating-point exception"),
        ("silent", r"ran to its end and wrote no output: there is no file of the profiles test"),
        ("cut", r"ended at model time 1997-01-01 23:00:00, before the end of the run.*exit status of JULES"),
    ],
)
@pytest.mark.parametrize("queue", [True, False])
def test_failure_is_the_same_in_a_queue(write: Write, behaviour: str, message: str, queue: bool) -> None:
    path = write(behaviour=behaviour)
    out = path.parent / "out"
    if queue:
        prepare_run(load_experiment(path), out)
        job(out)
    with pytest.raises(RunFailed, match=message):
        collect_run(out) if queue else run_jules(load_experiment(path), out)
    assert summary_of(out)["status"] == "failed"


def test_run_without_profiles_is_judged_by_its_dumps(user: Path, write: Write) -> None:
    path = write(behaviour="dumps", jules="set = {jules_output = {nprofiles = 0}}")
    done = run_jules(load_experiment(path), path.parent / "out")
    assert (len(done.output), len(done.dumps)) == (0, 1)
    (user / "behaviour").write_text("silent", encoding="ascii")
    with pytest.raises(RunFailed, match="every run writes dumps"):
        run_jules(load_experiment(path), path.parent / "out")


def test_profile_outside_the_main_run_is_not_expected(write: Write) -> None:
    path = write(behaviour="dumps", jules='set = {jules_output_profile = {output_start = "1999-01-01 00:00:00"}}')
    assert run_jules(load_experiment(path), path.parent / "out").output == ()


def test_prepared_folder_is_replaced_and_other_folders_are_not(write: Write) -> None:
    path = write()
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    job(out)
    prepare_run(load_experiment(path), out)
    assert not (out / "jules.log").exists()
    (path.parent / "mine").mkdir()
    with pytest.raises(BadInput, match="not a run folder of JULES"):
        collect_run(path.parent / "mine")
    (path.parent / "mine" / "thesis.tex").write_text("years", encoding="ascii")
    with pytest.raises(BadInput, match="is not a run of JULES"):
        prepare_run(load_experiment(path), path.parent / "mine")


def test_folder_whose_job_may_run_is_not_replaced(write: Write) -> None:
    path = write()
    out = prepare_run(load_experiment(path), path.parent / "batch").folder
    # a job that runs, or was killed, has a log and no exit status
    (out / "jules.log").write_text(
        "[INFO] next_time: Timestep: 48; Started at: 1997-01-01 23:00:00\n", encoding="ascii"
    )
    prepared = summary_of(out)
    # "done" is that of an earlier job
    for status in ("prepared", "unfinished", "done"):
        (out / "run_summary.json").write_text(json.dumps({**prepared, "status": status}), encoding="utf-8")
        with pytest.raises(BadInput, match=r"may still be running.*remove jules\.log"):
            prepare_run(load_experiment(path), out)
        with pytest.raises(BadInput, match="may still be running"):
            run_jules(load_experiment(path), out)
    (out / "jules.log").unlink()
    run_jules(load_experiment(path), out)


def test_folder_of_an_interrupted_run_is_replaced(write: Write) -> None:
    path = write()
    out = run_jules(load_experiment(path), path.parent / "out").folder
    (out / "jules.status").unlink()
    summary = {**summary_of(out), "status": "interrupted"}
    (out / "run_summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert run_jules(load_experiment(path), out).output
