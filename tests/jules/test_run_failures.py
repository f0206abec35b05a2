"""Runs of JULES that fail, are interrupted, or cannot start."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from helpers.jules_runs import Write, listing

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules import process as jules_process
from jules_ml.jules import run as module
from jules_ml.jules.run import run_jules


def test_fatal_message_is_shown_and_the_log_kept(user: Path, write: Write) -> None:
    path, before = write(behaviour="fatal"), listing(user)
    with pytest.raises(RunFailed) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "soil_hyd: something cannot be" in str(caught.value)
    assert "1997-01-01 23:00:00" in str(caught.value)
    summary = json.loads((path.parent / "out" / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "failed"
    assert "something cannot be" in summary["failure"]
    assert listing(user) == before | {"behaviour": b"fatal"}


def test_run_that_hangs_after_a_fatal_message_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jules_process, "GRACE", 0.2)
    path = write(behaviour="hang")
    with pytest.raises(RunFailed, match="one rank of several stops"):
        run_jules(load_experiment(path), path.parent / "out")


def test_run_that_crashes_keeps_its_output(write: Write) -> None:
    path = write(behaviour="crash")
    with pytest.raises(RunFailed) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "SIGKILL" in str(caught.value)
    assert "Floating-point exception" in str(caught.value)
    output = path.parent / "out" / "output" / "loobos.day.nc"
    assert output.read_text(encoding="ascii") == "until 1997-01-01 23:00:00"


def test_full_disk_during_the_run_is_reported(write: Write) -> None:
    path = write(behaviour="full")
    with pytest.raises(RunFailed, match="free disk space, or give another folder with --out"):
        run_jules(load_experiment(path), path.parent / "out")
    assert (path.parent / "out" / "output" / "loobos.day.nc").is_file()


def test_disk_without_room_is_refused_before_the_run(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_FREE", 2**62)
    path = write()
    with pytest.raises(RunFailed, match="disk is full"):
        run_jules(load_experiment(path), path.parent / "out")
    assert not (path.parent / "out" / "jules.log").exists()


def test_interrupt_ends_jules_and_keeps_the_folder(write: Write) -> None:
    path = write(behaviour="slow")
    out = path.parent / "out"

    def interrupt() -> None:
        for _ in range(200):
            time.sleep(0.05)
            log = out / "jules.log"
            if log.is_file() and "Timestep: 2;" in log.read_text(encoding="utf-8"):
                break
        os.kill(os.getpid(), signal.SIGINT)

    # a process in the background of a shell starts with SIGINT ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run_jules(load_experiment(path), out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert json.loads((out / "run_summary.json").read_text(encoding="utf-8"))["status"] == "interrupted"


@pytest.mark.parametrize(
    ("name", "content", "mode", "problem"),
    [
        ("gone.exe", None, 0o755, "no such executable"),
        ("data.exe", b"\x7fELF nothing of the kind", 0o755, "not a stand-alone JULES"),
        ("plain.exe", b"jules_time", 0o644, "is not executable"),
    ],
)
def test_file_that_is_not_a_jules_executable_is_refused(
    write: Write, name: str, content: bytes | None, mode: int, problem: str
) -> None:
    path = write()
    if content is not None:
        (path.parent / name).write_bytes(content)
        (path.parent / name).chmod(mode)
    path.write_text(path.read_text(encoding="utf-8").replace("jules.exe", name), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert problem in caught.value.problem
    assert "JULES_EXE" in caught.value.remedy
    assert not (path.parent / "out").exists()


def test_invalid_value_of_a_branch_names_branch_entries(write: Write) -> None:
    path = write()
    message = "[FATAL ERROR] check_jules_vegetation: Invalid value for rd_model."
    (path.parent / "jules.exe").write_text(f"#!/bin/sh\necho '{message}'\nexit 1\n", encoding="ascii")
    with pytest.raises(
        RunFailed, match=r"Invalid value for rd_model; correct it.*list the entry in \[jules\] branch_ent"
    ):
        run_jules(load_experiment(path), path.parent / "out")


def test_program_without_the_messages_of_jules_is_refused(write: Write) -> None:
    path = write()
    (path.parent / "jules.exe").write_text("#!/bin/sh\necho hello\n", encoding="ascii")
    with pytest.raises(RunFailed, match=r"is not JULES.*hello"):
        run_jules(load_experiment(path), path.parent / "out")


def test_missing_group_is_reported_before_a_folder_is_created(user: Path, write: Write) -> None:
    (user / "nml" / "jules_snow.nml").write_text("! nothing\n", encoding="ascii")
    path = write()
    with pytest.raises(BadInput, match=r"&JULES_SNOW in jules_snow.nml"):
        run_jules(load_experiment(path), path.parent / "out")
    assert not (path.parent / "out").exists()
