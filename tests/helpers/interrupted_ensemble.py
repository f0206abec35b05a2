"""An ensemble of idle members that a test kills: its started and finished members, and a second run that completes it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import _ensemble
from _ensemble import IdleWork, run_idle

from jules_ml.ensemble.manifest import member_folder, read_status
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.schedule import serial_pool

PROGRAM = [sys.executable, str(Path(_ensemble.__file__))]


def started_members(folder: Path) -> list[tuple[int, int]]:
    """Number and process of each member that was started, in order."""
    path = folder / "started"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [(int(a), int(b)) for a, b in (line.split() for line in lines)]


def finished(folder: Path, n: int) -> list[int]:
    return [k for k in range(n) if (status := read_status(folder, k)) is not None and status.state == "done"]


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def complete(folder: Path, n: int, before: list[int]) -> str:
    """Run the missing members, assert that no other is run, and return a line about it."""
    lines = len(started_members(folder))
    run = run_idle(folder, n, serial_pool, IdleWork())
    assert (run.done, run.failed, run.done_before) == (n, 0, len(before))
    repeated = [number for number, _ in started_members(folder)[lines:]]
    assert sorted(repeated) == sorted(set(range(n)) - set(before))
    for number in range(n):
        assert read_member(member_folder(folder, number))["number"].values.tolist() == [number] * 4
    return f"{len(before)} of {n} were done before and {len(repeated)} run again: none lost, none run twice"


def alive(pid: int) -> bool:
    """Whether a process runs."""
    """Whether a process runs."""
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"
