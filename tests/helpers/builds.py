"""Builds of the bridge and of the host with each Fortran compiler, kept from run to run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.paths import REPOSITORY

#: Compiler of the builds that most tests use; ``JML_TEST_FC`` chooses another.
DEFAULT_COMPILER = os.environ.get("JML_TEST_FC", "gfortran")
#: Environment variable and value with which CMake (3.22 or later) compiles without optimisation, in half of the time.
#: The hooks of the fixture ``built`` and of other compilers are built as users build them.
UNOPTIMISED = ("CMAKE_BUILD_TYPE", "Debug")


def installed_compilers() -> list[str]:
    """Fortran compilers in PATH that the hooks are tested with, one command for each version."""
    commands = ["gfortran", *(f"gfortran-{version}" for version in range(9, 17))]
    commands += ["flang-new", "flang", *(f"flang-new-{version}" for version in range(18, 24))]
    commands += [f"flang-{version}" for version in range(20, 24)]
    found: dict[Path, str] = {}
    for command in commands:
        path = shutil.which(command)
        if path is not None and _is_fortran(path):
            found.setdefault(Path(path).resolve(), command)
    return list(found.values())


def is_default(compiler: str) -> bool:
    """Whether a command is that of the default compiler, perhaps under another name."""
    path, default = shutil.which(compiler), shutil.which(DEFAULT_COMPILER)
    return path is not None and default is not None and Path(path).resolve() == Path(default).resolve()


def _is_fortran(command: str) -> bool:
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and ("GNU Fortran" in done.stdout or "flang" in done.stdout.splitlines()[0])


def build_folder(compiler: str, variant: str = "") -> Path:
    """The build folder of a compiler."""
    name = "bridge-tests" + ("" if compiler == "gfortran" else f"-{compiler}") + variant
    return REPOSITORY / "build" / name


@contextmanager
def locked(build: Path) -> Iterator[None]:
    """Keep other test processes out of a build folder."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def configure(build: Path, compiler: str, *options: str) -> None:
    """Configure a build folder; the caller holds its lock. Objects of sources that no longer exist are removed: tests link all."""
    for path in build.glob("fortran_bridge/host/CMakeFiles/*.dir/*.o"):
        if not (REPOSITORY / "fortran_bridge" / "host" / path.stem).exists():
            path.unlink()
    command = ["cmake", "-S", str(REPOSITORY), "-B", str(build), f"-DJML_TEST_VENV={sys.prefix}"]
    if not (build / "CMakeCache.txt").exists():
        command.append(f"-DCMAKE_Fortran_COMPILER={compiler}")
    _run([*command, *options])


def build_targets(build: Path, *targets: str) -> None:
    """Build targets in a configured folder; the caller holds its lock."""
    # in two processes: the other process of the tests often waits for the same build
    _run(["cmake", "--build", str(build), "--parallel", "2", "--target", *targets])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
