"""Choice of compiler and MPI library for the hooks, and hosts with each MPI library that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from _relink import relink
from helpers.builds import DEFAULT_COMPILER, UNOPTIMISED, build_folder, build_targets, configure, locked
from helpers.hosts import HostRunner, moisture_files, respiration_files
from helpers.mpi import jules_tree, launcher_of

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.build import build_hooks
from jules_ml.jules.hooks.check import check_executable
from jules_ml.jules.hooks.compilers import compiler_version
from jules_ml.jules.hooks.mpi_library import MPICH, NO_MPI, OPENMPI, mpi_of_executable, wrapper_for
from jules_ml.jules.hooks.toolchain import toolchain_for

LIBRARIES = (OPENMPI, MPICH)


@pytest.fixture(scope="session")
def family() -> str:
    return compiler_version(DEFAULT_COMPILER).rpartition(" ")[0]


@pytest.fixture(scope="session", params=LIBRARIES)
def mpi_jules(
    request: pytest.FixtureRequest, bridge_build: Path, family: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """An MPI library, and a folder like that of a JULES built with it: objects and .mod files of the host."""
    library = str(request.param)
    try:
        wrapper = wrapper_for(library, family)
    except BadInput:
        pytest.skip(f"there is no {library} for {family}")
    build = build_folder(DEFAULT_COMPILER, f"-{library.lower()}")
    with locked(build):
        configure(build, wrapper)
        build_targets(build, "host_mpi_objects")
    folder = tmp_path_factory.mktemp(library)
    return library, jules_tree(folder, build / "fortran_bridge" / "host", "host_mpi_objects")


@pytest.fixture
def without_fc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FC", raising=False)


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.usefixtures("without_fc")
def test_hooks_take_the_mpi_library_of_jules(
    mpi_jules: tuple[str, Path], family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built by the documented steps, one to three ranks give the same bits."""
    monkeypatch.setenv(*UNOPTIMISED)
    library, jules = mpi_jules
    built = build_hooks(jules, out=tmp_path / "hooks")
    assert built.toolchain.mpi == library
    assert built.toolchain.description.endswith(f"with {library}")
    assert built.toolchain.notes == ()
    exe = tmp_path / "exe" / "jules.exe"
    exe.parent.mkdir()
    objects = sorted((jules / "build" / "o").glob("*.o"))
    netcdf = any(b"nf90_" in path.read_bytes() for path in objects)
    libraries = ["-fopenmp", *(["-lnetcdff"] if netcdf else [])]
    relink(objects, built, exe=exe, compiler=wrapper_for(library, family), libraries=libraries)
    assert check_executable(exe).complete
    assert mpi_of_executable(exe) == library
    _check_refuses_another_library(exe, library)
    launcher = launcher_of(library)
    if launcher is None:
        pytest.skip(f"{library} has no mpiexec")
    runs = tmp_path / "runs"
    runs.mkdir()
    host = HostRunner(exe.parent, runs)
    for files in (respiration_files(), moisture_files("wet", "mode = 'nudge', tau_hours = 6.0")):
        tables = []
        for ranks in (1, 2, 3):
            launch = (launcher, "-n", str(ranks))
            steps = host.complete(exe.name, "nx = 4, ny = 3, n_days = 2", files, launch=launch).steps
            tables.append(steps.set_index(["latitude", "longitude", "time", "level"])[["smcl", "fsth", "resp"]])
        shared = _common_soil(tables)
        assert len(shared) > 200
        for table in tables[1:]:
            pd.testing.assert_frame_equal(tables[0].loc[shared], table.loc[shared], check_exact=True)


def _check_refuses_another_library(exe: Path, library: str) -> None:
    """``--check`` compares the library in the stamp of the hooks with that of the executable."""
    stamp = f'"mpi": "{library}"'.encode()
    other = exe.with_name("other.exe")
    content = exe.read_bytes()
    assert stamp in content
    other.write_bytes(content.replace(stamp, b'"mpi": "none"'.ljust(len(stamp))))
    checked = check_executable(other)
    words = f"the hooks were built without MPI, and the executable is linked with {library}; the run would crash"
    assert checked.problems == (words,)
    assert not checked.complete


def _common_soil(tables: list[pd.DataFrame]) -> pd.MultiIndex:
    """Rows that are soil for each number of ranks: the host's last points of each rank are land ice."""
    rows = [table[table["fsth"] > 0].index if (table["fsth"] > 0).any() else table.index for table in tables]
    shared = rows[0].intersection(rows[1]).intersection(rows[2])
    assert isinstance(shared, pd.MultiIndex)
    return shared


@pytest.mark.mpi
@pytest.mark.usefixtures("without_fc")
def test_another_mpi_library_is_refused_before_building(
    mpi_jules: tuple[str, Path], family: str, tmp_path: Path
) -> None:
    library, jules = mpi_jules
    other = LIBRARIES[1 - LIBRARIES.index(library)]
    try:
        wrapper = wrapper_for(other, family)
    except BadInput:
        pytest.skip(f"there is no {other} for {family}")
    words = f"JULES was built with {library}, but {wrapper} compiles with {other}; such hooks crash"
    with pytest.raises(BadInput, match=words) as caught:
        build_hooks(jules, out=tmp_path / "hooks", compiler=wrapper)
    assert f"command of {library} with --compiler" in caught.value.remedy
    assert not (tmp_path / "hooks").exists()


@pytest.mark.mpi
@pytest.mark.usefixtures("without_fc")
def test_a_compiler_without_mpi_gets_the_library_of_jules(mpi_jules: tuple[str, Path], family: str) -> None:
    library, jules = mpi_jules
    modules = jules / "build" / "include"
    tools = toolchain_for(modules, DEFAULT_COMPILER)
    assert (tools.compiler, tools.mpi, tools.mpi_compiler) == (DEFAULT_COMPILER, library, wrapper_for(library, family))
    assert any(option.startswith("-DMPI_Fortran_COMPILER=/") for option in tools.cmake_options)
    assert tools.description == f"{compiler_version(DEFAULT_COMPILER)}, with {library} of {tools.mpi_compiler}"


@pytest.mark.mpi
@pytest.mark.usefixtures("without_fc")
def test_an_unknown_mpi_library_is_noted(mpi_jules: tuple[str, Path], tmp_path: Path) -> None:
    modules = shutil.copytree(mpi_jules[1] / "build" / "include", tmp_path / "alone")
    (note,) = toolchain_for(modules).notes
    assert "the MPI library of JULES is not known, because its objects are not beside" in note


def test_a_jules_without_mpi_needs_no_library(hosts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    modules = hosts / "host_r32_objects_mod"
    monkeypatch.setenv("FC", DEFAULT_COMPILER)
    tools = toolchain_for(modules)
    assert (tools.mpi, tools.mpi_compiler, tools.notes) == (NO_MPI, None, ())
    assert tools.description == f"{compiler_version(DEFAULT_COMPILER)}, without MPI"
    with pytest.raises(BadInput, match="no_such_fortran was not found"):
        toolchain_for(modules, "no_such_fortran")


@pytest.mark.mpi
@pytest.mark.usefixtures("mpi_jules")
def test_a_library_that_hides_the_dummy_of_jules_is_refused(hosts: Path, family: str, tmp_path: Path) -> None:
    """Some compiler commands search their own folders before those of the user."""
    wrapper = wrapper_for("unknown", family)
    shown = subprocess.run([wrapper, "-show"], capture_output=True, text=True, check=True).stdout
    folders = " ".join(word for word in shown.split() if word.startswith("-I"))
    first = tmp_path / "mpifirst"
    first.write_text(f'#!/bin/sh\nexec {DEFAULT_COMPILER} {folders} "$@"\n', encoding="utf-8")
    first.chmod(0o755)
    with pytest.raises(BadInput, match=r"JULES was built without MPI, but .*mpifirst compiles with") as caught:
        toolchain_for(hosts / "host_r32_objects_mod", str(first))
    assert "without MPI" in caught.value.remedy


@pytest.mark.skipif("flang" in DEFAULT_COMPILER, reason="objects of Flang do not name its version")
def test_another_version_of_the_compiler_is_noted(hosts: Path, tmp_path: Path) -> None:
    jules = jules_tree(tmp_path, hosts, "host_r32_objects")
    modules = jules / "build" / "include"
    (modules.parent / "o" / "microbe_mod.o").unlink(missing_ok=True)
    source = tmp_path / "microbe_mod.c"
    source.write_text('__asm__(".ident \\"GCC: (GNU) 8.5.0 20210514 (Red Hat 8.5.0-4)\\"");\n', encoding="utf-8")
    environment = os.environ | {"LC_ALL": "C"}
    command = ["gcc", "-fno-ident", "-c", str(source), "-o", str(modules.parent / "o" / "microbe_mod.o")]
    subprocess.run(command, check=True, env=environment)
    (note,) = toolchain_for(modules, DEFAULT_COMPILER).notes
    assert note.startswith("JULES was compiled with gfortran 8.5.0, the hooks are compiled with gfortran ")
