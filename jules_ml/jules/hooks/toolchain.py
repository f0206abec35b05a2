"""Choice of the Fortran compiler and the MPI library for the hooks: those that JULES was built with."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.compilers import (
    OBJECT_FOLDERS,
    PROBE_MODULE,
    command_for,
    compiler_version,
    module_format,
    object_compiler,
    require_readable,
)
from jules_ml.jules.hooks.mpi_library import NO_MPI, UNKNOWN, WRAPPERS, mpi_of_build, mpi_of_compiler, wrapper_for


@dataclass(frozen=True)
class Toolchain:
    """Compiler and MPI library for the hooks.

    Attributes
    ----------
    compiler : str
        Command of the Fortran compiler, or of its wrapper by the MPI library.
    version : str
        Name and version of the compiler, such as ``gfortran 12.2.0``; ``""`` if it does not name itself.
    mpi : str
        MPI library: ``OpenMPI``, ``MPICH`` or ``none``.
    mpi_compiler : str or None
        Wrapper from which CMake takes the MPI library, if ``compiler`` is not one.
    notes : tuple of str
        What could not be checked, or looks wrong.
    """

    compiler: str
    version: str
    mpi: str
    mpi_compiler: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def cmake_options(self) -> list[str]:
        """Options that give CMake this compiler and this MPI library."""
        options = [f"-DCMAKE_Fortran_COMPILER={self.compiler}", f"-DJML_MPI_NAME={self.mpi}"]
        if self.mpi_compiler is not None:
            options.append(f"-DMPI_Fortran_COMPILER={shutil.which(self.mpi_compiler)}")
        return options

    @property
    def description(self) -> str:
        """Compiler and MPI library in one line."""
        mpi = "without MPI" if self.mpi == NO_MPI else f"with {self.mpi}"
        wrapper = "" if self.mpi_compiler is None else f" of {self.mpi_compiler}"
        return f"{self.version or self.compiler}, {mpi}{wrapper}"


def toolchain_for(modules: Path, compiler: str | None = None) -> Toolchain:
    """Choose the compiler and the MPI library that JULES was built with.

    Parameters
    ----------
    modules : Path
        Folder of the ``.mod`` files of JULES.
    compiler : str, optional
        Fortran compiler, or the compiler command of an MPI library; by default that in the environment variable ``FC``, else the one that
        wrote the ``.mod`` files, with the MPI library to which the objects of JULES belong.

    Returns
    -------
    Toolchain

    Raises
    ------
    BadInput
        If the compiler is missing or does not read the ``.mod`` files, or if it uses another MPI library than JULES.
    """
    jules_mpi = mpi_of_build(modules)
    written = module_format(modules / f"{PROBE_MODULE}.mod")
    command = compiler or os.environ.get("FC")
    if command is None:
        command = command_for(written) if jules_mpi == NO_MPI else wrapper_for(jules_mpi, written.compiler or None)
    if shutil.which(command) is None:
        raise BadInput(f"{command} was not found", remedy=f"install {command}, or add it to PATH")
    require_readable(command, modules)
    version = compiler_version(command)
    mpi, mpi_compiler = mpi_of_compiler(command, modules), None
    if mpi == NO_MPI and jules_mpi != NO_MPI:
        mpi_compiler = wrapper_for(jules_mpi, version.rpartition(" ")[0] or None)
        mpi = mpi_of_compiler(mpi_compiler)
    if jules_mpi not in (UNKNOWN, mpi):
        raise _other_mpi(command, mpi, jules_mpi, modules, version)
    notes = [_note_on_version(version, modules)]
    if jules_mpi == UNKNOWN:
        notes.append(
            f"the MPI library of JULES is not known, because its objects are not beside {modules}; the hooks are built with {mpi}, "
            "and with another one they crash"
        )
    return Toolchain(command, version, mpi, mpi_compiler, tuple(filter(None, notes)))


def _other_mpi(command: str, mpi: str, jules_mpi: str, modules: Path, version: str) -> BadInput:
    """Error for a compiler that uses another MPI library than JULES."""
    if jules_mpi == NO_MPI:
        plain = version.rpartition(" ")[0] or "the compiler itself"
        return BadInput(
            f"JULES was built without MPI, but {command} compiles with {mpi}",
            where=modules / "mpi.mod",
            remedy=f"give the compiler without MPI, {plain}, with --compiler",
        )
    return BadInput(
        f"JULES was built with {jules_mpi}, but {command} compiles with {mpi}; such hooks crash",
        where=modules,
        remedy=f"give the compiler command of {jules_mpi} with --compiler, such as {WRAPPERS[jules_mpi][0]}",
    )


def _note_on_version(version: str, modules: Path) -> str:
    """Note on a compiler of another major version than that of the objects of JULES."""
    for folder in OBJECT_FOLDERS:
        jules = object_compiler(modules / folder / f"{PROBE_MODULE}.o")
        if jules and version and jules.split(".")[0] != version.split(".", maxsplit=1)[0]:
            return f"JULES was compiled with {jules}, the hooks are compiled with {version}: use the same version"
    return ""
