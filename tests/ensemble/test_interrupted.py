"""Killed at any moment and started_members again: nothing is lost, and nothing that was done is done twice."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from _ensemble import IdleWork, run_idle
from helpers.interrupted_ensemble import PROGRAM, alive, complete, finished, started_members, until

from jules_ml.ensemble.gathering import gather
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.process_pool import pool
from jules_ml.ensemble.schedule import serial_pool
from jules_ml.errors import RunFailed

Say = Callable[[str], None]


def test_manager_killed(tmp_path: Path, figures: Say) -> None:
    n = 24
    process = subprocess.Popen([*PROGRAM, str(tmp_path), str(n), "--workers", "2", "--seconds", "0.05"])
    until(lambda: len(finished(tmp_path, n)) >= 4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    workers = {pid for _, pid in started_members(tmp_path)}
    until(lambda: not any(alive(pid) for pid in workers))
    before = finished(tmp_path, n)
    assert 4 <= len(before) < n
    figures(complete(tmp_path, n, before))


def test_a_killed_worker_is_replaced_and_its_member_run_again(tmp_path: Path, figures: Say) -> None:
    n = 12
    with subprocess.Popen(
        [*PROGRAM, str(tmp_path), str(n), "--workers", "2", "--seconds", "0.1"], stdout=subprocess.PIPE, text=True
    ) as process:
        until(lambda: len(started_members(tmp_path)) >= 3)
        number, pid = started_members(tmp_path)[-1]
        os.kill(pid, signal.SIGKILL)
        stdout, _ = process.communicate()
    assert stdout.split()[:3] == [str(n), "0", "0"]
    counts = Counter(k for k, _ in started_members(tmp_path))
    assert sorted(counts) == list(range(n))
    assert sum(counts.values()) <= n + 1
    figures(f"{n} of {n} done; member {number} was started {counts[number]} times, all others once")


def test_a_member_that_kills_its_worker_again_fails(tmp_path: Path) -> None:
    run = run_idle(tmp_path, 3, pool(2), IdleWork(deadly=(1,)))
    assert (run.done, run.failed) == (2, 1)
    assert run.messages == {1: "the worker that ran it died (SIGKILL)"}
    assert [number for number, _ in started_members(tmp_path)].count(1) == 2


def test_failed_members_are_run_again_only_on_request(tmp_path: Path) -> None:
    run = run_idle(tmp_path, 5, serial_pool, IdleWork(fails=(1, 3)))
    assert (run.done, run.failed) == (3, 2)
    assert run.messages == {1: "it was told to", 3: "it was told to"}
    assert run_idle(tmp_path, 5, serial_pool, IdleWork()).failed == 2
    assert len(started_members(tmp_path)) == 5
    run = run_idle(tmp_path, 5, serial_pool, IdleWork(), retry=True)
    assert (run.done, run.failed, run.done_before) == (5, 0, 3)
    assert sorted(k for k, _ in started_members(tmp_path)[5:]) == [1, 3]


@pytest.mark.parametrize("damage", [b"", b"something else", None])
def test_damaged_member_is_run_again(tmp_path: Path, damage: bytes | None, figures: Say) -> None:
    run_idle(tmp_path, 4, serial_pool, IdleWork())
    path = member_folder(tmp_path, 2) / "member.nc"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    run = run_idle(tmp_path, 4, serial_pool, IdleWork())
    assert run.damaged == [2]
    again = [k for k, _ in started_members(tmp_path)[4:]]
    assert again == [2]
    assert (run.done, run.done_before) == (4, 3)
    figures(f"{run.done_before} of {run.done} were whole, {len(again)} damaged and run again")


def test_damaged_status_counts_as_not_done(tmp_path: Path) -> None:
    run_idle(tmp_path, 4, serial_pool, IdleWork())
    (member_folder(tmp_path, 1) / "status.json").write_text("{", encoding="utf-8")
    assert run_idle(tmp_path, 4, serial_pool, IdleWork()).done_before == 3


def test_file_damaged_after_the_run_is_not_gathered(tmp_path: Path) -> None:
    run = run_idle(tmp_path, 3, serial_pool, IdleWork())
    (member_folder(tmp_path, 1) / "member.nc").write_bytes(b"nothing")
    with pytest.raises(RunFailed, match="member 1 is damaged"):
        gather(run.experiment, run.members, tmp_path)
    assert not (tmp_path / "ensemble.nc").exists()


def test_full_disk_stops_the_run_and_keeps_finished_members(tmp_path: Path, figures: Say) -> None:
    """A file system of a few hundred kilobytes, which is enlarged afterwards."""
    n, disk = 400, tmp_path / "disk"
    disk.mkdir()
    script = f"""\
mount -t tmpfs -o size=600k tmpfs {disk} || exit 99
{shlex.join([*PROGRAM, str(disk / "out"), str(n)])} && exit 98
ls {disk}/out/members/*/status.json > {tmp_path}/done_before; cp {disk}/out/started {tmp_path}/started_before
mount -o remount,size=64m {disk}
{shlex.join([*PROGRAM, str(disk / "out"), str(n)])} || exit 97
cp -r {disk}/out {tmp_path}/out
"""
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode in (1, 99) and "Operation not permitted" in done.stderr:
        pytest.skip("this system lets nobody mount a file system of their own")
    assert done.returncode == 0, done.stderr
    assert "results can no longer be written (No space left on device" in done.stderr
    assert "free disk space and repeat the command" in done.stderr
    out = tmp_path / "out"
    before = {int(Path(line).parent.name) for line in (tmp_path / "done_before").read_text().split()}
    assert 0 < len(before) < n
    counts = [int(word) for word in done.stdout.split()[:3]]
    assert counts == [n, 0, len(before)]
    assert finished(out, n) == list(range(n))
    first = len((tmp_path / "started_before").read_text().splitlines())
    again = [number for number, _ in started_members(out)[first:]]
    assert sorted(again) == sorted(set(range(n)) - before)
    figures(f"{len(before)} of {n} were done when the disk was full, {len(again)} run once there was room")


def test_unwritable_member_stops_the_run_and_keeps_finished_members(tmp_path: Path, figures: Say) -> None:
    """A limit on the size of files, as with quotas."""
    run_idle(tmp_path, 2, serial_pool, IdleWork())
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, old[1]))
    try:
        with pytest.raises(RunFailed, match=r"results can no longer be written .*free disk space"):
            run_idle(tmp_path, 6, serial_pool, IdleWork())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    before = finished(tmp_path, 6)
    assert before == [0, 1]
    figures(complete(tmp_path, 6, before))


def test_full_disk_while_gathering_keeps_the_members(tmp_path: Path) -> None:
    run = run_idle(tmp_path, 3, serial_pool, IdleWork())
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, old[1]))
    try:
        with pytest.raises(RunFailed, match=r"disk is full: free disk space .*the files of members are unchanged"):
            gather(run.experiment, run.members, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert not (tmp_path / "ensemble.nc").exists()
    assert not list(tmp_path.glob(".writing-*"))
    gather(run.experiment, run.members, tmp_path)
    assert run_idle(tmp_path, 3, serial_pool, IdleWork()).done_before == 3
