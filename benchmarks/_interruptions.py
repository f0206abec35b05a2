"""Commands that are killed, stopped, or run on a full disk, and what is then found of their folders and processes.

A command runs in a process that is forked from this one, which has imported the package: its life is its work, not the start of Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

import jules_ml
from jules_ml.cli import main
from jules_ml.support.descendants import VARIABLE
from jules_ml.support.scratch import PREFIX

#: Time in which descendants of a killed command must have ended [s].
PATIENCE = 15.0
#: Digest of each file of a folder, by relative path.
Snapshot = dict[str, str]


def import_everything() -> None:
    """Import all modules of the package that commands import when they need them."""
    for module in pkgutil.walk_packages(jules_ml.__path__, "jules_ml."):
        # what has an optional requirement that is not installed
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)


@dataclass
class Command:
    """A running command of jules-ml.

    Attributes
    ----------
    process : int
    output : Path
        File with what it prints.
    """

    process: int
    output: Path
    status: int | None = None

    @classmethod
    def start(cls, words: Sequence[str], folder: Path, limit: Callable[[], None] | None = None) -> Command:
        """Start a command in a session of its own; ``limit`` is called in its process first."""
        handle, name = tempfile.mkstemp(dir=folder, prefix="printed-")
        process = os.fork()
        if process == 0:
            code = 3
            try:
                os.setsid()
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                if limit is not None:
                    limit()
                sys.argv = ["jules-ml", *words]
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(handle)
        return cls(process, Path(name))

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end and return its exit status, negative for a signal; None if it still runs after the time."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.status is None:
            done, raw = os.waitpid(self.process, 0 if end is None else os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(raw)
            elif end is not None and time.monotonic() >= end:
                return None
            else:
                time.sleep(0.002)
        return self.status

    @property
    def printed(self) -> str:
        """What it has printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def family(self) -> list[int]:
        """Processes of the command that live: those of its session, and those that inherited its mark."""
        return [each for each in _processes() if _belongs(each, self.process)]

    def workers(self) -> list[int]:
        """Processes of its pool that run members: without the server that forks them, and the tracker of their resources."""
        family = self.family()
        parents = {each: _parent(each) for each in family}
        return [
            each
            for each in family
            if each != self.process
            and each not in parents.values()
            and b"resource_tracker" not in (words := _words(each))
            and not (b"forkserver" in words and parents[each] == self.process)
        ]

    def orphans(self) -> int:
        """Number of its processes that live although it has had time to end them."""
        end = time.monotonic() + PATIENCE
        while self.family() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.family()
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return len(left)


def _processes() -> Iterator[int]:
    yield from (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _words(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _parent(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return int(text.rsplit(")", 1)[1].split()[1])


def _belongs(process: int, command: int) -> bool:
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
        if words[0] in "ZX":
            return False
        if int(words[3]) == command:
            return True
        environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(entry.startswith(f"{VARIABLE}={command}-".encode()) for entry in environment)


def snapshot(folder: Path) -> Snapshot:
    """Digests of all files of a folder; empty if it does not exist."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def damaged(folder: Path) -> list[str]:
    """Names of files that cannot be read."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not _readable(path)]


def _readable(path: Path) -> bool:
    try:
        if path.suffix == ".nc":
            with xr.open_dataset(path, decode_times=False) as ds:
                ds.load()
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".png":
            return path.read_bytes()[-8:-4] == b"IEND"
        elif path.suffix == ".html":
            return path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    except (OSError, ValueError, RuntimeError):
        return False
    return True


def temporary(folder: Path) -> list[Path]:
    """Temporary folders that commands have left."""
    return [*folder.rglob(f"{PREFIX}*"), *folder.rglob(".earlier-*")]


@dataclass
class Subject:
    """A command with two variants, whose results differ.

    Attributes
    ----------
    name : str
    words : dict of str to list of str
        Arguments of each variant; ``OUT`` stands for the output folder.
    reference : dict of str to Snapshot
        Results of each variant.
    seconds : float
        Length of an uninterrupted command.
    """

    name: str
    words: dict[str, list[str]]
    reference: dict[str, Snapshot] = field(default_factory=dict)
    seconds: float = 0.0

    def arguments(self, variant: str, out: Path) -> list[str]:
        """Arguments of a variant that writes a folder."""
        return [str(out) if word == "OUT" else word for word in self.words[variant]]

    def differing(self) -> set[str]:
        """Files that differ between the variants."""
        a, b = self.reference["a"], self.reference["b"]
        return {name for name in a.keys() & b.keys() if a[name] != b[name]}

    def measure(self, folder: Path) -> None:
        """Run both variants without interruption."""
        for variant in ("a", "b"):
            out = folder / self.name.replace(" ", "_")
            began = time.monotonic()
            run(self.arguments(variant, out), folder)
            self.seconds = time.monotonic() - began
            self.reference[variant] = snapshot(out)
        assert self.differing(), f"the variants of {self.name} do not differ"

    def state(self, out: Path, before: Snapshot, variant: str) -> str:
        """``old`` or ``new`` where the folder is whole; otherwise what is wrong with it."""
        now = snapshot(out)
        if now == before:
            return "old"
        if now.keys() != self.reference[variant].keys():
            return f"mixed: {sorted(now.keys() ^ self.reference[variant].keys())}"
        kept = [name for name in self.differing() if now[name] == before.get(name)]
        if kept:
            return f"mixed: {kept} are old"
        unreadable = damaged(out)
        return f"damaged: {unreadable}" if unreadable else "new"


def run(words: Sequence[str], folder: Path) -> str:
    """Run a command to its end and return what it printed."""
    command = Command.start(words, folder)
    status = command.wait()
    if status != 0:
        raise RuntimeError(f"jules-ml {' '.join(words)} ended with {status}:\n{command.printed[-2000:]}")
    return command.printed


def on_small_disk(folder: Path, megabytes: int, work: Callable[[Path], dict[str, str]]) -> dict[str, str] | None:
    """Call ``work`` with a small file system that only its process sees; None if this system lets nobody mount one."""
    disk, answer = folder / "disk", folder / "answer.json"
    disk.mkdir(exist_ok=True)
    answer.unlink(missing_ok=True)
    process = os.fork()
    if process == 0:
        try:
            _own_mounts()
            words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            os._exit(9)
        try:
            answer.write_text(json.dumps(work(disk)), encoding="utf-8")
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status == 9:
        return None
    if status != 0:
        raise RuntimeError(f"the work on a small disk ended with {status}")
    answered: dict[str, str] = json.loads(answer.read_text(encoding="utf-8"))
    return answered


def _own_mounts() -> None:
    """Give this process a view of mounted file systems of its own, as root in a user namespace of its own."""
    user, group = os.getuid(), os.getgid()
    new_user, new_mounts = 0x10000000, 0x00020000
    if ctypes.CDLL(None, use_errno=True).unshare(new_user | new_mounts) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")


def fill(disk: Path, *, spare: int) -> Path:
    """Fill a file system but for some bytes, and return the file that fills it."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
    with path.open("r+b") as file:
        file.truncate(max(path.stat().st_size - spare, 0))
    return path
