"""Fortran compilers: which one wrote the ``.mod`` files of JULES, and which one a command starts.

Compilers cannot read each other's ``.mod`` files, and some versions of a compiler cannot read those of others.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput

#: Module of JULES that is read to find out which compiler wrote it.
PROBE_MODULE = "microbe_mod"
#: Folders of the objects of a JULES build, relative to that of its ``.mod`` files; the first is that of FCM.
OBJECT_FOLDERS = ("../o", ".")
#: Versions of gfortran by the version of their module files.
GFORTRAN_VERSIONS = {"12": "4.9", "14": "5 to 7", "15": "8 to 14", "16": "15 or newer"}
#: Commands of each compiler, by its name in ``symbol_names.json``.
COMMANDS = {
    "gfortran": ("gfortran",),
    "LLVM Flang": ("flang-new", "flang"),
    "Intel Fortran": ("ifx", "ifort"),
    "NVIDIA nvfortran": ("nvfortran",),
    "Cray Fortran": ("ftn", "crayftn"),
    "NAG Fortran": ("nagfor",),
}
#: How the first line of ``COMMAND --version`` names each compiler.
_VERSION_LINES = {
    "gfortran": r"GNU Fortran \([^)]*\) (\d[\d.]*)",
    "LLVM Flang": r"flang(?:-new)? version (\d[\d.]*)",
    "Intel Fortran": r"\(IF(?:ORT|X)\) (\d[\d.]*)",
    "NVIDIA nvfortran": r"nvfortran (\d[\d.]*)-",
    "Cray Fortran": r"Cray Fortran : Version (\d[\d.]*)",
}


@dataclass(frozen=True)
class ModuleFormat:
    """Compiler that wrote a ``.mod`` file.

    Attributes
    ----------
    compiler : str
        Its name in ``symbol_names.json``, or ``""`` if unknown.
    version : str
        Version of the file format, or ``""`` if unknown.
    """

    compiler: str
    version: str = ""

    def __str__(self) -> str:
        """Return the name with the versions of the compiler that write this format."""
        if self.compiler == "gfortran" and self.version:
            versions = GFORTRAN_VERSIONS.get(self.version, "of another version")
            return f"gfortran {versions} (module version {self.version})"
        return self.compiler or "an unknown compiler"


def module_format(path: Path) -> ModuleFormat:
    """Determine which compiler wrote a ``.mod`` file from its first bytes.

    gfortran writes compressed text (before 4.9, plain text) that names the version of the format. Flang and nvfortran write text, whose
    first lines are ``!mod$ v1 sum:…`` and ``V34 :0x24 …``. The files of Intel and Cray are binary and cannot be told apart.

    Parameters
    ----------
    path : Path
        The ``.mod`` file.

    Returns
    -------
    ModuleFormat
    """
    head = path.read_bytes()[:64]
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path) as stream:
                head = stream.read(64)
        except (gzip.BadGzipFile, EOFError):
            return ModuleFormat("")
    text = head.decode("utf-8-sig", errors="replace")
    for compiler, pattern in {
        "gfortran": r"GFORTRAN module (?:version '(\d+)')?",
        "LLVM Flang": r"!mod\$ v(\d+) ",
        "NVIDIA nvfortran": r"V(\d+) :0x",
    }.items():
        match = re.match(pattern, text)
        if match:
            return ModuleFormat(compiler, match[1] or "")
    return ModuleFormat("")


def compiler_version(command: str) -> str:
    """Return the name and version of the compiler that a command starts, such as ``gfortran 12.2.0``.

    The command may be a wrapper of an MPI library. The result is ``""`` if the compiler does not name itself.
    """
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        for compiler, pattern in _VERSION_LINES.items():
            match = re.search(pattern, line)
            if match:
                return f"{compiler} {match[1]}"
    return ""


def object_compiler(path: Path) -> str:
    """Return the compiler of an object file, such as ``gfortran 12.2.0``, from its section ``.comment``.

    Only GCC's comment is understood; the result is ``""`` for others, and without ``readelf``.
    """
    if shutil.which("readelf") is None or not path.is_file():
        return ""
    done = subprocess.run(["readelf", "-p", ".comment", str(path)], capture_output=True, text=True, check=False)
    match = re.search(r"GCC: \([^)]*\) (\d[\d.]*)", done.stdout)
    return f"gfortran {match[1]}" if match else ""


def command_for(written: ModuleFormat) -> str:
    """Return a command in PATH of the compiler that wrote the ``.mod`` files.

    Raises
    ------
    BadInput
        If the compiler is unknown or not in PATH.
    """
    if not written.compiler:
        intel = [command for command in COMMANDS["Intel Fortran"] if shutil.which(command)]
        if intel:  # the most frequent compiler with binary files
            return intel[0]
        raise BadInput(
            "the compiler that wrote the .mod files is not known from their content",
            remedy="load the compiler that built JULES, and give it with --compiler or in FC",
        )
    for command in COMMANDS[written.compiler]:
        # Debian's Flang has its version in its name
        for candidate in (command, *(f"{command}-{version}" for version in range(30, 17, -1))):
            if shutil.which(candidate):
                return candidate
    raise BadInput(
        f"the .mod files of JULES were written by {written}, which was not found",
        remedy=f"load it, or give it with --compiler or in FC; its command is {' or '.join(COMMANDS[written.compiler])}",
    )


def require_readable(command: str, modules: Path) -> None:
    """Check that a compiler reads the ``.mod`` files of JULES, by compiling a program that uses one of them.

    Parameters
    ----------
    command : str
        Fortran compiler, or a wrapper of an MPI library.
    modules : Path
        Folder of the ``.mod`` files.

    Raises
    ------
    BadInput
        If it does not read them.
    """
    done, _ = compile_probe(command, f"program probe\n  use {PROBE_MODULE}\nend program probe\n", modules)
    if done.returncode == 0:
        return
    path = modules / f"{PROBE_MODULE}.mod"
    written = module_format(path)
    version = compiler_version(command)
    named = f"{command} ({version})" if version else command
    same = (
        version.startswith(written.compiler) and written.compiler != "gfortran"
    )  # whose versions differ in their files
    if not written.compiler or same:
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BadInput(
            f"{named} cannot read it: {' / '.join(errors[:3])}",
            where=path,
            remedy="give the compiler that built JULES, in the same version, with --compiler",
        )
    raise BadInput(
        f"{named} cannot read it: it was written by {written}",
        where=path,
        remedy=f"give the compiler that built JULES with --compiler, such as {' or '.join(COMMANDS[written.compiler])}",
    )


def compile_probe(
    command: str, source: str, modules: Path | None = None
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Compile a short program, and list the symbols of its object file.

    Parameters
    ----------
    command : str
        Fortran compiler.
    source : str
        Free-form Fortran.
    modules : Path, optional
        Folder of ``.mod`` files that the program uses.

    Returns
    -------
    done : CompletedProcess
    symbols : list of str
        Empty if the program does not compile, or without ``nm``.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "probe.f90").write_text(source, encoding="utf-8")
        include = [] if modules is None else [f"-I{modules.resolve()}"]
        done = subprocess.run(
            [command, *include, "-c", "probe.f90", "-o", "probe.o"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or shutil.which("nm") is None:
            return done, []
        listing = subprocess.run(["nm", "probe.o"], cwd=folder, capture_output=True, text=True, check=False).stdout
    return done, [line.split()[-1] for line in listing.splitlines() if line.strip()]
