"""Fixtures shared by the tests of the hooks: executables of the host, ranks of MPI, and built hooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.builds import build_targets, locked
from helpers.hosts import HostRunner
from helpers.mpi import launcher_of

from jules_ml.jules.hooks.build import BuiltHooks, build_hooks
from jules_ml.jules.hooks.mpi_library import mpi_of_executable


@pytest.fixture(scope="session")
def hosts(bridge_build: Path) -> Path:
    """Build the executables of the host, and return their folder."""
    with locked(bridge_build):
        build_targets(bridge_build, "hosts")
    return bridge_build / "fortran_bridge" / "host"


@pytest.fixture
def host(hosts: Path, tmp_path: Path) -> HostRunner:
    """Runner of the executables, in folders of this test."""
    return HostRunner(hosts, tmp_path)


@pytest.fixture
def two_ranks(hosts: Path, bridge_build: Path) -> tuple[str, ...]:
    """Command that starts two ranks with the MPI that the host was linked with; the launcher of another MPI does not work."""
    if not (hosts / "host_mpi").exists():
        pytest.skip("there is no MPI for Fortran")
    cache = (bridge_build / "CMakeCache.txt").read_text(encoding="utf-8")
    compiler = re.search(r"^MPI_Fortran_COMPILER:FILEPATH=(.+)$", cache, flags=re.MULTILINE)
    library = mpi_of_executable(hosts / "host_mpi")
    launcher = launcher_of(library, None if compiler is None else Path(compiler[1]).parent)
    if launcher is None:
        pytest.skip(f"{library} has no mpiexec")
    return (launcher, "-n", "2")


@pytest.fixture(scope="session")
def built(hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltHooks:
    """Hooks built as a user builds them, against the .mod files of the host."""
    return build_hooks(hosts / "host_r32_objects_mod", out=tmp_path_factory.mktemp("hooks"))
