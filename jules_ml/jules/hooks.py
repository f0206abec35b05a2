"""Hooks for a running JULES: builds them against a user's JULES, gives the flags to relink it, and looks into executables.

The linker's ``--wrap`` puts the hooks in the place of procedures of JULES, so that no line of JULES is edited. Compilers
spell a procedure of a module in their own way; the spellings of gfortran and Intel Fortran are known here and in
``fortran_bridge/hooks/jml_add_hooks.cmake``.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jules_ml.errors import BadInput, RunFailed
from jules_ml.jules.sources import SOURCES

#: Modules and procedures of JULES that the hooks stand in for.
WRAPPED = (
    ("microbe_mod", "microbe"),
    ("time_varying_input_mod", "update_model_variables"),
    ("write_dump_mod", "write_dump"),
    ("read_dump_mod", "read_dump"),
    ("jules_final_mod", "jules_final"),
)
#: How compilers spell a procedure of a module in object files.
SPELLINGS = {"gfortran": "__{module}_MOD_{procedure}", "Intel Fortran": "{module}_mp_{procedure}_"}
#: Folders below a JULES build in which its ``.mod`` files may lie; FCM's is the last.
MODULE_FOLDERS = (".", "include", "build/include")
#: A module that a build with a real MPI takes from there.
MPI_MODULE = "mpi"


@dataclass(frozen=True)
class BuiltHooks:
    """What :func:`build_hooks` built.

    Attributes
    ----------
    object_file : Path
        The hooks and the bridge in one relocatable object.
    flags_file : Path
        File with the link flags, on one line.
    template : Path
        A ``jules_ml.nml`` to start from, its groups commented out.
    flags : str
        Its text: what to add when JULES is linked.
    """

    object_file: Path
    flags_file: Path
    template: Path
    flags: str

    @property
    def advice(self) -> str:
        """How to relink JULES, in words and a line for FCM."""
        return (
            "Relink JULES with these flags. With FCM and a platform that reads them (custom, envars):\n"
            f'  JULES_LDFLAGS_EXTRA="$(cat {self.flags_file})" fcm make -f etc/fcm-make/make.cfg\n'
            "Other platforms blank JULES_LDFLAGS_EXTRA: add the flags to $ldflags in etc/fcm-make/platform/<yours>.cfg.\n"
            "Leave -flto and -ipo out: they drop the hooks silently."
        )


def build_hooks(
    jules_build: Path, *, out: Path, compiler: str | None = None, sources: Path = SOURCES, jobs: int = 1
) -> BuiltHooks:
    """Build the hooks against a JULES build.

    Parameters
    ----------
    jules_build : Path
        Folder where JULES was built, or that of its ``.mod`` files.
    out : Path
        Folder to build in; made if absent.
    compiler : str, optional
        Fortran compiler, the one that built JULES, in the same version; found from the ``.mod`` files if not given.
    sources : Path
        Folder with the sources of the bridge: those of the installed package, or a checkout.
    jobs : int
        Files to compile at a time.

    Returns
    -------
    BuiltHooks

    Raises
    ------
    BadInput
        If the JULES build, a module of it, the compiler, CMake or the sources are missing.
    RunFailed
        If the hooks do not compile.
    """
    hooks_folder = sources / "fortran_bridge" / "hooks"
    if not (hooks_folder / "CMakeLists.txt").is_file():
        raise BadInput(
            "the sources of the bridge are not here",
            where=hooks_folder,
            remedy="install jules_ml anew, or run from a checkout",
        )
    modules = find_modules(jules_build)
    _require_modules(modules, hooks_folder)
    fortran = compiler or _compiler_of(modules)
    for program in ("cmake", fortran):
        if shutil.which(program) is None:
            raise BadInput(f"{program} is not found", remedy=f"install {program}, or put it on PATH")
    out = out.resolve()  # the flags are used in another folder
    out.mkdir(parents=True, exist_ok=True)
    _run(
        [
            "cmake", "-S", str(sources), "-B", str(out), f"-DCMAKE_Fortran_COMPILER={fortran}",
            f"-DJULES_BUILD_DIR={modules}", "-DJML_TESTS=OFF",
        ],
        "configure the hooks",
    )  # fmt: skip
    _run(["cmake", "--build", str(out), "--target", "jules_ml_hooks", "-j", str(jobs)], "compile the hooks")
    template = out / "jules_ml.nml"
    if not template.exists():  # it may have been filled in since the last build
        shutil.copyfile(sources / "namelists" / "jules_ml.nml", template)
    flags_file = out / "jules_ml_hooks.flags"
    return BuiltHooks(out / "jules_ml_hooks.o", flags_file, template, flags_file.read_text(encoding="utf-8").strip())


class Hook(Enum):
    """Whether a hook is in an executable."""

    IN = "in"
    ABSENT = "absent"  #: linked without the hooks
    DROPPED = "dropped"  #: linked with them, yet nothing calls it


@dataclass(frozen=True)
class CheckedExecutable:
    """What :func:`check_executable` found.

    Attributes
    ----------
    compiler : str
        Compiler whose spelling the symbols have.
    hooks : dict of str to Hook
        By procedure of JULES.
    """

    compiler: str
    hooks: dict[str, Hook]

    @property
    def complete(self) -> bool:
        """Whether every hook is in the executable."""
        return all(state is Hook.IN for state in self.hooks.values())

    @property
    def report(self) -> str:
        """A line for each procedure, and what to do where hooks are missing."""
        lines = [f"{procedure:<24} {state.value}" for procedure, state in self.hooks.items()]
        states = set(self.hooks.values())
        if Hook.DROPPED in states:
            lines.append("Dropped: linked, yet JULES does not call them. Build JULES without -flto and -ipo.")
        if Hook.ABSENT in states:
            lines.append("Absent: relink JULES with the flags that `jules-ml hooks --jules-build DIR` prints.")
        return "\n".join(lines)


def check_executable(exe: Path) -> CheckedExecutable:
    """Tell whether the hooks are in an executable, and called.

    A hook is in when the executable has its symbol and some instruction calls it: link-time optimisation leaves the symbol
    and drops the calls.

    Parameters
    ----------
    exe : Path
        A JULES executable with its symbols.

    Raises
    ------
    BadInput
        If the file is missing, is no executable, has no symbols or is no JULES, or if ``nm`` or ``objdump`` is missing.
    """
    for program in ("nm", "objdump"):
        if shutil.which(program) is None:
            raise BadInput(f"{program} is not found", remedy="install binutils")
    if not exe.is_file():
        raise BadInput("there is no such file", where=exe, remedy="give the path of a JULES executable")
    listing = subprocess.run(["nm", str(exe)], capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        raise BadInput("it is not an executable", where=exe, remedy="give the path of a JULES executable")
    symbols = {line.split()[-1] for line in listing.stdout.splitlines() if line.strip()}
    if not symbols:
        raise BadInput("its symbols were stripped, so nothing can be told", where=exe, remedy="link JULES without -s")
    for compiler, spelling in SPELLINGS.items():
        names = {
            procedure: spelling.format(module=module, procedure=procedure) for module, procedure in WRAPPED
        }  # fmt: skip
        if symbols.intersection(names.values()) or symbols.intersection(map("__wrap_{}".format, names.values())):
            return CheckedExecutable(compiler, _states(exe, names, symbols))
    raise BadInput(
        "no procedure of JULES is in it that the hooks know",
        where=exe,
        remedy=f"give a JULES built with {' or '.join(SPELLINGS)}",
    )


def find_modules(jules_build: Path) -> Path:
    """The folder of the ``.mod`` files of a JULES build.

    Raises
    ------
    BadInput
        If they are not there.
    """
    for folder in MODULE_FOLDERS:
        if (jules_build / folder / "microbe_mod.mod").is_file():
            return (jules_build / folder).resolve()
    raise BadInput(
        f"no microbe_mod.mod there, nor in {' or '.join(MODULE_FOLDERS[1:])} below",
        where=jules_build,
        remedy="give the folder that JULES was built in; FCM leaves the .mod files in build/include",
    )


def _states(exe: Path, names: dict[str, str], symbols: set[str]) -> dict[str, Hook]:
    wrapped = {procedure: f"__wrap_{name}" for procedure, name in names.items()}
    called: set[str] = set()
    if symbols.intersection(wrapped.values()):
        code = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", str(exe)], capture_output=True, text=True, check=True
        ).stdout
        # an operand, not the label of the procedure's own first line, which ends in a colon
        called = set(re.findall(r"<(__wrap_\w+)>$", code, flags=re.MULTILINE))
    return {
        procedure: Hook.ABSENT if name not in symbols else Hook.IN if name in called else Hook.DROPPED
        for procedure, name in wrapped.items()
    }


def _require_modules(folder: Path, hooks_folder: Path) -> None:
    """See that each module of JULES that the hooks use is there."""
    used: set[str] = set()
    own: set[str] = set()
    for source in hooks_folder.glob("*.f90"):
        text = source.read_text(encoding="utf-8")
        used |= set(re.findall(r"^ *use +(\w+)", text, flags=re.MULTILINE))
        own |= set(re.findall(r"^module +(\w+)", text, flags=re.MULTILINE))
    theirs = used - own - {"jules_ml_bridge", MPI_MODULE}
    missing = sorted(name for name in theirs if not (folder / f"{name}.mod").is_file())
    if missing:
        raise BadInput(
            f"{', '.join(f'{name}.mod' for name in missing)} not there",
            where=folder,
            remedy="give the build of a stand-alone JULES 7.6, or of a version with the same modules",
        )


def _compiler_of(folder: Path) -> str:
    """The compiler that wrote the ``.mod`` files: gfortran's are compressed and say so, Intel's are not."""
    if "FC" in os.environ:
        return os.environ["FC"]
    module = folder / "microbe_mod.mod"
    try:
        with gzip.open(module) as stream:
            if stream.read(8) == b"GFORTRAN":
                return "gfortran"
    except gzip.BadGzipFile:
        pass
    intel = [name for name in ("ifx", "ifort") if shutil.which(name)]
    if not intel:
        raise BadInput(
            "it was not written by gfortran, and no Intel Fortran is found",
            where=module,
            remedy="load the compiler that built JULES, or name it in FC",
        )
    return intel[0]


def _run(command: list[str], purpose: str) -> None:
    """Run a command, and pass on what it had to say if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise RunFailed(f"could not {purpose}:\n{said}")
