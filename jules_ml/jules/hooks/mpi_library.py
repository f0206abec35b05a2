"""Which MPI library JULES, an executable or a compiler uses: hooks built with another one crash in their first MPI call.

OpenMPI and MPICH differ in the values of constants and in the common blocks behind ``MPI_IN_PLACE`` and the like, which leave their
names in every object that uses the module ``mpi``. Intel MPI and Cray MPICH have the binary interface of MPICH and count as MPICH.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.compilers import OBJECT_FOLDERS, compile_probe, compiler_version

OPENMPI = "OpenMPI"
MPICH = "MPICH"
#: JULES's own module ``mpi`` for one process.
NO_MPI = "none"
UNKNOWN = "unknown"

#: Commands that compile with each library; those with the name of the library first.
WRAPPERS = {
    OPENMPI: ("mpif90.openmpi", "mpifort.openmpi", "mpif90", "mpifort"),
    MPICH: ("mpif90.mpich", "mpifort.mpich", "mpif90", "mpifort", "mpiifx", "mpiifort", "ftn"),
    UNKNOWN: ("mpif90", "mpifort", "mpiifx", "mpiifort", "ftn"),
}
#: Folder of the libraries of a JULES build, relative to that of its ``.mod`` files.
_LIBRARY_FOLDER = "../lib"

_SIGNS = {
    OPENMPI: re.compile(r"_*(ompi_\w+|mpi_fortran_(bottom|in_place|argv_null|status_ignore)_*)$", re.IGNORECASE),
    MPICH: re.compile(r"_*(mpir_\w+|mpifcmb\w+|mpipriv\w+)$", re.IGNORECASE),
}
_LIBRARIES = {
    OPENMPI: re.compile(r"libmpi_(mpifh|usempi\w*)\.so|libopen-(rte|pal)\.so"),
    MPICH: re.compile(r"lib(mpichf?\w*|mpifort\w*|mpi_cray\w*|pmpi)\.so"),
}
_PROBE = "program probe\n  use mpi\n  implicit none\n  integer :: error\n  call mpi_init(error)\nend program probe\n"


def mpi_of_symbols(symbols: Iterable[str]) -> str:
    """Return the MPI library to which symbols belong, :data:`OPENMPI` or :data:`MPICH`, else :data:`UNKNOWN`."""
    for symbol in symbols:
        for library, sign in _SIGNS.items():
            if sign.match(symbol):
                return library
    return UNKNOWN


def mpi_of_module(path: Path) -> str:
    """Return the MPI library of a module file ``mpi.mod``, :data:`NO_MPI` for one that has no common blocks of a library."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    library = mpi_of_symbols(name.decode() for name in re.findall(rb"\w+", content))
    return NO_MPI if library == UNKNOWN else library


def mpi_of_build(modules: Path) -> str:
    """Return the MPI library that JULES was built with.

    Parameters
    ----------
    modules : Path
        Folder of the ``.mod`` files of JULES. It contains ``mpi.mod`` if JULES was built without MPI. Otherwise the symbols of the objects
        and libraries beside it are read.

    Returns
    -------
    str
        :data:`OPENMPI`, :data:`MPICH`, :data:`NO_MPI`, or :data:`UNKNOWN` if there are no objects.
    """
    if (modules / "mpi.mod").is_file():
        return mpi_of_module(modules / "mpi.mod")
    for folder in (*OBJECT_FOLDERS, _LIBRARY_FOLDER):
        files = [path for ending in ("*.o", "*.a") for path in sorted((modules / folder).glob(ending))]
        library = mpi_of_symbols(_symbols(files)) if files else UNKNOWN
        if library != UNKNOWN:
            return library
    return UNKNOWN


def mpi_of_executable(exe: Path) -> str:
    """Return the MPI library of an executable, from its dynamic libraries and symbols.

    Parameters
    ----------
    exe : Path
        Executable of JULES.

    Returns
    -------
    str
        :data:`OPENMPI`, :data:`MPICH`, :data:`NO_MPI` if it defines ``mpi_abort`` itself, or :data:`UNKNOWN`.
    """
    needed: list[str] = []
    if shutil.which("readelf") is not None:
        section = subprocess.run(["readelf", "-d", str(exe)], capture_output=True, text=True, check=False).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", section)
    for library, pattern in _LIBRARIES.items():
        if any(pattern.match(name) for name in needed):
            return library
    symbols = _symbols([exe])
    library = mpi_of_symbols(symbols)
    if library == UNKNOWN and any(re.fullmatch(r"(_QP)?mpi_abort_*", symbol, re.IGNORECASE) for symbol in symbols):
        return NO_MPI
    return library


def mpi_of_compiler(command: str, modules: Path | None = None) -> str:
    """Return the MPI library whose module ``mpi`` a compiler finds.

    Parameters
    ----------
    command : str
        Fortran compiler, or a wrapper of an MPI library.
    modules : Path, optional
        Folder of the ``.mod`` files of JULES, which may contain ``mpi.mod``.

    Returns
    -------
    str
        :data:`NO_MPI` if it finds no module ``mpi``, or one without the common blocks of a library.
    """
    done, symbols = compile_probe(command, _PROBE, modules)
    library = mpi_of_symbols(symbols)
    return NO_MPI if done.returncode != 0 or library == UNKNOWN else library


def wrapper_for(library: str, compiler: str | None = None) -> str:
    """Return a command in PATH that compiles with an MPI library.

    Parameters
    ----------
    library : str
        :data:`OPENMPI` or :data:`MPICH`, or :data:`UNKNOWN` for any.
    compiler : str, optional
        Name of the compiler that it must start, such as ``gfortran``.

    Raises
    ------
    BadInput
        If there is none.
    """
    commands = WRAPPERS[library]
    wanted = (OPENMPI, MPICH) if library == UNKNOWN else (library,)
    for command in commands:
        if shutil.which(command) is None:
            continue
        if compiler is not None and compiler not in compiler_version(command):
            continue
        if mpi_of_compiler(command) in wanted:
            return command
    name = "an MPI library" if library == UNKNOWN else library
    of_compiler = "" if compiler is None else f" with {compiler}"
    raise BadInput(
        f"JULES was built with {name}, and no compiler command of {name}{of_compiler} was found",
        remedy=f"load {name}, or give its compiler command with --compiler, such as {commands[0]}",
    )


def _symbols(files: list[Path]) -> list[str]:
    """Symbols of object files, libraries or executables, also the dynamic ones of stripped executables."""
    if shutil.which("nm") is None:
        return []
    symbols: list[str] = []
    for option in ([], ["--dynamic"]):
        listing = subprocess.run(
            ["nm", *option, *map(str, files)], capture_output=True, text=True, check=False, errors="replace"
        ).stdout
        symbols += [line.split()[-1].split("@")[0] for line in listing.splitlines() if line.strip()]
    return symbols
