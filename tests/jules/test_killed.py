"""``jules-ml run`` of a JULES that is killed: JULES ends with it, an earlier run stays, and the next command succeeds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from helpers.interrupted_ensemble import alive, until
from helpers.jules_runs import Write, listing

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules.run import run_jules

PROGRAM = [sys.executable, "-c", "from jules_ml.cli import main; main()"]


#: Files that a user may write into a run folder.
NAMES = ("notes.txt", "output/plot.png", "swapped/mine.csv")


def stand_ins(folder: Path) -> set[int]:
    """Processes that run the stand-in for JULES below a folder."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                inside = Path(os.readlink(path / "cwd")).is_relative_to(folder)
            except OSError:
                continue
            if inside and alive(int(path.name)):
                found.add(int(path.name))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Contents of a run folder, without the link by which the stand-in is told what to do."""
    return {name: content for name, content in listing(folder).items() if name != "behaviour"}


def killed(path: Path, out: Path, number: int) -> None:
    """Send a signal to a command while JULES runs, and wait for the end of both."""
    with subprocess.Popen([*PROGRAM, "run", str(path), "--out", str(out)], stderr=subprocess.DEVNULL) as process:
        until(lambda: any("Timestep: 2;" in log.read_text() for log in path.parent.glob("out/jules.log")))
        assert stand_ins(path.parent)
        process.send_signal(number)
    until(lambda: not stand_ins(path.parent), 30.0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_jules_ends_with_the_command_and_the_next_one_succeeds(write: Write, number: int) -> None:
    path = write(behaviour="slow")
    out = path.parent / "out"
    killed(path, out, number)
    status = json.loads((out / "run_summary.json").read_text(encoding="utf-8"))["status"]
    assert status == ("unfinished" if number == signal.SIGKILL else "interrupted")
    (path.parent / "loobos" / "behaviour").write_text("well", encoding="ascii")
    assert run_jules(load_experiment(path), out).output
    assert not list(path.parent.glob(".writing-*"))


def test_an_earlier_run_stays_until_the_new_one_has_ended(write: Write) -> None:
    path = write()
    out = path.parent / "out"
    run_jules(load_experiment(path), out)
    before = contents(out)
    path = write(behaviour="slow")
    with subprocess.Popen([*PROGRAM, "run", str(path), "--out", str(out)], stderr=subprocess.DEVNULL) as process:
        until(
            lambda: any("Timestep: 2;" in log.read_text() for log in path.parent.glob(".writing-*/new/out/jules.log"))
        )
        process.kill()
    until(lambda: not stand_ins(path.parent), 30.0)
    assert contents(out) == before
    path = write()
    done = run_jules(load_experiment(path), out)
    assert done.folder == out
    assert all(file.is_file() for file in done.files)
    assert not any(b".writing-" in content for content in listing(out).values())
    assert not list(path.parent.glob(".writing-*"))


def test_a_failure_after_an_earlier_run_keeps_its_log(write: Write) -> None:
    path = write()
    out = path.parent / "out"
    run_jules(load_experiment(path), out)
    path = write(behaviour="fatal")
    with pytest.raises(RunFailed, match=f"log: {out}/jules.log"):
        run_jules(load_experiment(path), out)
    assert json.loads((out / "run_summary.json").read_text(encoding="utf-8"))["status"] == "failed"


@pytest.mark.parametrize(
    ("name", "done"),
    # a file of the output of a run that failed may have any name that ends in .nc
    [*((name, True) for name in (*NAMES, "output/mean.nc")), *((name, False) for name in NAMES)],
)
def test_a_file_of_the_user_is_not_replaced(write: Write, name: str, *, done: bool) -> None:
    path = write(behaviour="well" if done else "fatal")
    out = path.parent / "out"
    with nullcontext() if done else pytest.raises(RunFailed):
        run_jules(load_experiment(path), out)
    (out / name).write_text("a year of work")
    (out / ".DS_Store").touch()
    with pytest.raises(BadInput, match=f"files that are not of the run of JULES in it: {name}"):
        run_jules(load_experiment(path), out)
    assert (out / name).read_text() == "a year of work"
    (out / name).unlink()
    write()
    assert run_jules(load_experiment(path), out).output
