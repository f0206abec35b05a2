"""Output folders that are replaced whole or not at all, whatever ends the command."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.interrupted_ensemble import until

from jules_ml.errors import BadInput, RunFailed
from jules_ml.support import output_folder
from jules_ml.support.output_folder import Contents, replaced_folder
from jules_ml.support.scratch import PREFIX, remove_stale, scratch_folder

RUN = Contents("a run", ("summary.json",), ("summary.json", "figures", "*.nc"))


def write(out: Path, text: str) -> None:
    """Write a small run."""
    with replaced_folder(out, RUN) as staged:
        (staged.path / "figures").mkdir()
        (staged.path / "figures" / "a.png").write_text(text)
        (staged.path / "summary.json").write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


WHOLE = {"figures/a.png": "one", "summary.json": "one"}


@pytest.mark.parametrize("atomic", [True, False])
def test_an_earlier_folder_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool) -> None:
    if not atomic:
        monkeypatch.setattr(output_folder, "_exchanged", lambda *_: False)
    write(tmp_path / "runs" / "a", "old")
    (tmp_path / "runs" / "a" / "old.nc").write_text("old")
    write(tmp_path / "runs" / "a", "one")
    assert contents(tmp_path / "runs" / "a") == WHOLE
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write(tmp_path / "link", "one")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "a") == WHOLE


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, RunFailed])
def test_a_failure_leaves_the_earlier_folder_and_no_empty_ones(tmp_path: Path, error: type[BaseException]) -> None:
    def fail(out: Path) -> None:
        with replaced_folder(out, RUN) as staged:
            (staged.path / "summary.json").write_text("half")
            raise error(str(staged.path))

    write(tmp_path / "a", "one")
    for out in (tmp_path / "a", tmp_path / "new" / "folder"):
        with pytest.raises(error) as caught:
            fail(out)
        if error is RunFailed:
            assert str(caught.value) == str(out)
    assert contents(tmp_path / "a") == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["notes.txt", ".notes.txt", "card.json"])
def test_a_folder_with_files_of_others_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a", "old")
    (tmp_path / "a" / ".DS_Store").touch()
    write(tmp_path / "a", "one")
    (tmp_path / "a" / name).write_text("mine")
    expected = "contains a module" if name == "card.json" else rf"contains other files: it is not a run \({name}\)"
    with pytest.raises(BadInput, match=expected):
        write(tmp_path / "a", "two")
    assert (tmp_path / "a" / name).read_text() == "mine"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tower.nc").write_text("mine")
    with pytest.raises(BadInput, match="contains other files"):
        write(tmp_path / "data", "two")


def test_files_that_appear_meanwhile_are_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "a"

    def write_meanwhile() -> None:
        with replaced_folder(out, RUN) as staged:
            (staged.path / "summary.json").write_text("new")
            out.mkdir()
            (out / "notes.txt").write_text("mine")

    with pytest.raises(BadInput, match="contains other files"):
        write_meanwhile()
    assert contents(out) == {"notes.txt": "mine"}


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "a", RUN) as staged:
        (staged.path / "summary.json").write_text("first")
        with pytest.raises(BadInput, match="another command is writing this folder"):
            write(tmp_path / "a", "second")
        write(tmp_path / "b", "one")
    assert contents(tmp_path / "a") == {"summary.json": "first"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_an_empty_working_directory_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    write(Path(), "one")
    assert contents(Path.cwd()) == WHOLE
    with pytest.raises(BadInput, match="working directory contains earlier results"):
        write(Path(), "two")
    assert contents(Path.cwd()) == WHOLE


PROGRAM = """
import sys, time
from pathlib import Path
from jules_ml.support import output_folder
from jules_ml.support.output_folder import Contents, replaced_folder
RUN = Contents("a run", ("summary.json",), ("summary.json", "figures", "*.nc"))
if sys.argv[2] == "two steps":
    output_folder._exchanged = lambda *_: False
    rename, done = output_folder.os.rename, []
    def slow(a, b):
        rename(a, b)
        print("moved", flush=True)
        time.sleep(60)
    output_folder.os.rename = lambda a, b: rename(a, b) if ".writing-" in str(a) else slow(a, b)
with replaced_folder(Path(sys.argv[1]), RUN) as staged:
    (staged.path / "summary.json").write_text("half")
    if sys.argv[2] == "writing":
        print("writing", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("name", ["a", "earlier", "new", ".lock"])
@pytest.mark.parametrize("moment", ["writing", "two steps"])
def test_what_a_killed_command_left_is_removed_and_the_earlier_folder_is_there(
    tmp_path: Path, moment: str, name: str
) -> None:
    write(tmp_path / name, "one")
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / name), moment]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_stale(tmp_path)
        assert (tmp_path / f"{PREFIX}{name}").exists(), "it is held by a process that lives"
        process.kill()
    remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert contents(tmp_path / name) == WHOLE


def test_an_earlier_folder_comes_back_if_its_process_dies_while_another_command_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / f"{PREFIX}a" / "earlier" / "a"
    earlier.mkdir(parents=True)
    (earlier / "summary.json").write_text("one")
    (tmp_path / f"{PREFIX}a" / ".lock").touch()
    # it lived when stale folders were looked for
    monkeypatch.setattr(output_folder, "remove_stale", lambda parent: None)

    def fail() -> None:
        with replaced_folder(tmp_path / "a", RUN):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path / "a") == {"summary.json": "one"}


def test_an_error_keeps_the_keys_that_remedy_it(tmp_path: Path) -> None:
    def fail() -> None:
        with replaced_folder(tmp_path / "a", RUN) as staged:
            raise BadInput("it is wrong", where=staged.path, remedy="give site", keys={"site": "A"})

    with pytest.raises(BadInput) as caught:
        fail()
    assert caught.value.keys == {"site": "A"}
    assert caught.value.where == str(tmp_path / "a")


def hold_and_wait(folder: Path) -> None:
    with scratch_folder(folder):
        time.sleep(60)


def test_scratch_folders_of_the_living_stay(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=hold_and_wait, args=(tmp_path,))
    process.start()
    until(lambda: any(tmp_path.glob(f"{PREFIX}*/.lock")))
    remove_stale(tmp_path)
    assert any(tmp_path.iterdir())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with scratch_folder(tmp_path) as mine:
        assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert not any(tmp_path.iterdir())


def test_folders_of_earlier_versions_are_removed_once_they_are_old(tmp_path: Path) -> None:
    old, new = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [new.name]
