"""Fixtures shared by the tests of the hooks: executables of the host, ranks of MPI, and built hooks."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.hosts import HostRunner

from jules_ml.jules.hooks.build import BuiltHooks, build_hooks


@pytest.fixture(scope="session")
def hosts(bridge_build: Path) -> Path:
    """Build the executables of the host, and return their folder."""
    with (bridge_build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["cmake", "--build", str(bridge_build), "--target", "hosts"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return bridge_build / "fortran_bridge" / "host"


@pytest.fixture
def host(hosts: Path, tmp_path: Path) -> HostRunner:
    """Runner of the executables, in folders of this test."""
    return HostRunner(hosts, tmp_path)


@pytest.fixture
def mpiexec(hosts: Path, bridge_build: Path) -> str:
    """Launcher of the MPI that the host was linked with; the launcher of another MPI does not work."""
    if not (hosts / "host_mpi").exists():
        pytest.skip("there is no MPI for Fortran")
    cache = (bridge_build / "CMakeCache.txt").read_text(encoding="utf-8")
    compiler = re.search(r"^MPI_Fortran_COMPILER:FILEPATH=(.+)$", cache, flags=re.MULTILINE)
    # the launcher beside the compiler: an active virtual environment may put another MPI's first in PATH
    launcher = None if compiler is None else shutil.which(Path(compiler[1]).with_name("mpiexec"))
    if launcher is None:
        pytest.skip("the MPI for Fortran has no mpiexec")
    return launcher


@pytest.fixture
def two_ranks(mpiexec: str) -> tuple[str, ...]:
    """Command that starts two ranks."""
    return (mpiexec, "-n", "2")


@pytest.fixture(scope="session")
def built(hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltHooks:
    """Hooks built as a user builds them, against the .mod files of the host."""
    return build_hooks(hosts / "host_r32_objects_mod", out=tmp_path_factory.mktemp("hooks"))
