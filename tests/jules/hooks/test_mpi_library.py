"""The MPI library of JULES, of executables and of compilers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from jules_ml.errors import BadInput
from jules_ml.jules.hooks import mpi_library
from jules_ml.jules.hooks.mpi_library import (
    MPICH,
    NO_MPI,
    OPENMPI,
    UNKNOWN,
    mpi_of_build,
    mpi_of_compiler,
    mpi_of_executable,
    mpi_of_module,
    mpi_of_symbols,
    wrapper_for,
)


@pytest.mark.parametrize(
    ("symbols", "library"),
    [
        (["mpi_init_", "mpi_fortran_in_place_"], OPENMPI),
        (["ompi_mpi_comm_world", "mpi_init_"], OPENMPI),
        (["mpi_init_", "mpifcmb5_"], MPICH),
        (["mpipriv1_"], MPICH),
        (["MPIR_Err_create_code"], MPICH),
        (["mpi_init_", "__jules_vars_mod_MOD_mpi_local_comm"], UNKNOWN),
    ],
)
def test_library_of_symbols(symbols: list[str], library: str) -> None:
    assert mpi_of_symbols(symbols) == library


@pytest.mark.fortran
@pytest.mark.parametrize("library", [OPENMPI, MPICH])
def test_library_of_compiler_objects_and_executable(library: str, tmp_path: Path) -> None:
    try:
        command = wrapper_for(library)
    except BadInput:
        pytest.skip(f"there is no {library}")
    assert mpi_of_compiler(command) == library
    modules = tmp_path / "include"
    modules.mkdir()
    assert mpi_of_build(modules) == UNKNOWN
    (tmp_path / "o").mkdir()
    (tmp_path / "main.f90").write_text(mpi_library._PROBE, encoding="utf-8")
    for options in (["-c", "main.f90", "-o", "o/main.o"], ["o/main.o", "-o", "jules.exe"]):
        _run([command, *options], tmp_path)
    assert mpi_of_build(modules) == library
    assert mpi_of_executable(tmp_path / "jules.exe") == library
    _run(["strip", "jules.exe"], tmp_path)
    assert mpi_of_executable(tmp_path / "jules.exe") == library


def test_library_of_the_host_without_mpi(hosts: Path) -> None:
    assert mpi_of_build(hosts / "host_r32_objects_mod") == NO_MPI
    assert mpi_of_module(hosts / "host_r32_objects_mod" / "mpi.mod") == NO_MPI
    assert mpi_of_executable(hosts / "host_r32") == NO_MPI


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"no compiler command of OpenMPI with gfortran was found") as caught:
        wrapper_for(OPENMPI, "gfortran")
    assert "--compiler, such as mpif90.openmpi" in caught.value.remedy
    with pytest.raises(BadInput, match="built with an MPI library"):
        wrapper_for(UNKNOWN)


@pytest.mark.fortran
def test_a_wrapper_of_another_compiler_is_not_taken() -> None:
    if shutil.which("mpif90") is None:
        pytest.skip("there is no MPI for Fortran")
    with pytest.raises(BadInput, match="with NAG Fortran was found"):
        wrapper_for(UNKNOWN, "NAG Fortran")


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
