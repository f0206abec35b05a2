"""An ensemble of members that do nothing, to be killed: what was begun, what was finished, and that a rerun completes it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import _ensemble
from _ensemble import IdleWork, run_idle

from jules_ml.ensemble.manifest import member_folder, read_status
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.schedule import alone

PROGRAM = [sys.executable, str(Path(_ensemble.__file__))]


def begun(folder: Path) -> list[tuple[int, int]]:
    """Members that were begun, and by which process, in order."""
    path = folder / "begun"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [(int(a), int(b)) for a, b in (line.split() for line in lines)]


def finished(folder: Path, n: int) -> list[int]:
    return [k for k in range(n) if (status := read_status(folder, k)) is not None and status.state == "done"]


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def complete(folder: Path, n: int, before: list[int]) -> str:
    """Run the rest, see that all are there and those done before were left alone, and say so."""
    lines = len(begun(folder))
    run = run_idle(folder, n, alone, IdleWork())
    assert (run.done, run.failed, run.kept) == (n, 0, len(before))
    again = [number for number, _ in begun(folder)[lines:]]
    assert sorted(again) == sorted(set(range(n)) - set(before))
    for number in range(n):
        assert read_member(member_folder(folder, number))["number"].values.tolist() == [number] * 4
    return f"{len(before)} of {n} were done before and {len(again)} run again: none lost, none done twice"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"
