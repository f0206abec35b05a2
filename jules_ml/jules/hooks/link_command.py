"""The command that links JULES with the hooks, from the objects of its build."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from jules_ml.jules.hooks.compilers import OBJECT_FOLDERS
from jules_ml.jules.hooks.toolchain import Toolchain

#: Names in objects that use OpenMP (GCC, and LLVM or Intel), and netCDF-Fortran.
_OPENMP, _NETCDF = (b"GOMP_", b"__kmpc_"), (b"nf90_", b"netcdf")


def link_command(modules: Path, toolchain: Toolchain, flags_file: Path) -> str:
    """Return the command that links JULES with the hooks.

    Parameters
    ----------
    modules : Path
        Folder of the ``.mod`` files of JULES, with its objects in it or in the folder ``o`` beside it.
    toolchain : Toolchain
        Compiler and MPI library of the hooks.
    flags_file : Path
        File with the link flags.

    Returns
    -------
    str
        Line for a shell. It has ``-fopenmp`` and ``-lnetcdff`` if the objects need them; without objects, ``OBJECTS`` and ``-lnetcdff``.
    """
    compiler = toolchain.mpi_compiler or toolchain.compiler
    words = [shlex.quote(compiler), "-o", "jules_ml.exe"]
    folder = next((f for name in OBJECT_FOLDERS if any((f := modules / name).glob("*.o"))), None)
    flags = f"$(cat {shlex.quote(str(flags_file))})"
    if folder is None:
        return " ".join([*words, "OBJECTS", flags, "-lnetcdff"])
    contents = [path.read_bytes() for path in folder.glob("*.o")]

    def used(names: tuple[bytes, ...]) -> bool:
        return any(name in content for content in contents for name in names)

    words += ["-fopenmp"] if used(_OPENMP) else []
    words += [f"{shlex.quote(os.path.normpath(folder))}/*.o", flags]
    return " ".join([*words, *(["-lnetcdff"] if used(_NETCDF) else [])])
