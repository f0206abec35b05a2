"""Temporary folders stay with the process that writes them, and no other removes them."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from jules_ml.support.files import atomic_write
from jules_ml.support.scratch import PREFIX, hold, remove_stale, scratch_folder


def write_often(folder: Path, name: str) -> None:
    """Write files, with a longer pause between the creation of a lock file and its lock."""
    open_at_once = os.open

    def open_and_wait(path: Any, *arguments: Any, **others: Any) -> int:
        handle = open_at_once(path, *arguments, **others)
        if str(path).endswith(".lock"):
            time.sleep(0.002)
        return handle

    os.open = open_and_wait
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with atomic_write(folder / name) as part:
            part.write_text(name)


def test_processes_that_write_to_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_often, args=(tmp_path, f"{k}.txt")) for k in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{k}.txt" for k in range(4)]


def test_a_new_folder_is_taken_where_another_process_removes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def refuse_once(path: Path, *, create: bool = True) -> Any:
        attempts.append(path)
        return None if len(attempts) == 1 else hold(path, create=create)

    monkeypatch.setattr("jules_ml.support.scratch.hold", refuse_once)
    with scratch_folder(tmp_path) as folder:
        assert folder == attempts[1] != attempts[0]


def test_a_lock_file_without_owner_is_stale_once_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / f"{PREFIX}a"
    folder.mkdir()
    (folder / ".lock").touch()
    remove_stale(tmp_path)
    assert folder.exists()
    os.utime(folder / ".lock", (0, 0))
    remove_stale(tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize("locks", ["none", "of processes"])
def test_a_process_keeps_its_own_folders_without_locks_of_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: str
) -> None:
    def flock(handle: int, operation: int) -> None:
        # file systems of clusters have none, or give a process the lock that it already has
        if locks == "none":
            raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with scratch_folder(tmp_path) as first:
        (first / "a").write_text("mine")
        with atomic_write(tmp_path / "b") as part:
            part.write_text("b")
        assert hold(first) is None
        assert (first / "a").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_folder_of_a_dead_process_is_removed_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    process = multiprocessing.get_context("fork").Process(target=leave, args=(tmp_path,))
    process.start()
    process.join()
    assert any(tmp_path.iterdir())
    remove_stale(tmp_path)
    assert not any(tmp_path.iterdir())


def leave(parent: Path) -> None:
    hold(parent / f"{PREFIX}a")
    os._exit(0)
