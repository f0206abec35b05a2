"""Building the hooks against a JULES build, with the link flags for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jules_ml import __version__
from jules_ml.errors import BadInput, RunFailed
from jules_ml.jules.hooks.interfaces import refusal, refuse_lto
from jules_ml.jules.hooks.link_command import link_command
from jules_ml.jules.hooks.stamp import Stamp, read_stamp
from jules_ml.jules.hooks.toolchain import Toolchain, toolchain_for
from jules_ml.support.sources import SOURCES

#: Folders relative to a JULES build that may contain its ``.mod`` files; the last one is that of FCM.
MODULE_FOLDERS = (".", "include", "build/include")
#: Module of an MPI library, which is not part of JULES.
MPI_MODULE = "mpi"
#: First letters of the names of the hooks' and the bridge's own modules.
OWN_MODULES = ("jml_", "jules_ml_")


@dataclass(frozen=True)
class BuiltHooks:
    """Files that :func:`build_hooks` writes.

    Attributes
    ----------
    object_file : Path
        Relocatable object file with the hooks and the bridge.
    flags_file : Path
        File with the link flags on one line.
    template : Path
        Template of ``jules_ml.nml`` with its groups commented out.
    flags : str
        Flags for linking JULES, the text of ``flags_file``.
    stamp : Stamp
        What the hooks were built for.
    toolchain : Toolchain
        Compiler and MPI library of the hooks.
    link : str
        Command that links JULES with the hooks.
    """

    object_file: Path
    flags_file: Path
    template: Path
    flags: str
    stamp: Stamp
    toolchain: Toolchain
    link: str

    @property
    def advice(self) -> str:
        """Instructions for relinking JULES: the command for its objects, and that for FCM."""
        return (
            "Relink JULES, from the objects of its build:\n"
            f"  {self.link}\n"
            "with -L and the folder of netCDF-Fortran if the compiler does not find it;\n"
            "or with FCM and a platform that reads JULES_LDFLAGS_EXTRA (custom, envars):\n"
            f'  JULES_LDFLAGS_EXTRA="$(cat {self.flags_file})" fcm make -f etc/fcm-make/make.cfg\n'
            "On other platforms, add the flags to $ldflags in etc/fcm-make/platform/PLATFORM.cfg.\n"
            "Do not use -flto or -ipo: they silently remove the hooks. Then check the executable:\n"
            "  jules-ml hooks --check jules_ml.exe"
        )


def build_hooks(
    jules_build: Path, *, out: Path, compiler: str | None = None, sources: Path = SOURCES, jobs: int = 1
) -> BuiltHooks:
    """Build the hooks against a JULES build.

    Parameters
    ----------
    jules_build : Path
        Build folder of JULES, or the folder of its ``.mod`` files.
    out : Path
        Folder to build in; created if it does not exist.
    compiler : str, optional
        Fortran compiler or compiler command of an MPI library, as for :func:`jules_ml.jules.hooks.toolchain.toolchain_for`.
    sources : Path
        Folder of the bridge's sources, in the installed package or a checkout.
    jobs : int
        Number of files compiled in parallel.

    Returns
    -------
    BuiltHooks

    Raises
    ------
    BadInput
        If the JULES build, a module of it, the compiler, CMake or the sources are missing; if the compiler or its MPI library is not
        that of JULES, an interface or a variable of JULES differs from what the hooks assume, or JULES was compiled for link-time
        optimisation.
    RunFailed
        If the hooks do not compile.
    """
    hooks_folder = sources / "fortran_bridge" / "hooks"
    if not (hooks_folder / "CMakeLists.txt").is_file():
        raise BadInput(
            "the sources of the bridge are missing",
            where=hooks_folder,
            remedy="reinstall jules_ml, or run it from a checkout",
        )
    modules = find_modules(jules_build)
    _require_modules(modules, hooks_folder)
    refuse_lto(modules)
    toolchain = toolchain_for(modules, compiler)
    if shutil.which("cmake") is None:
        raise BadInput("cmake was not found", remedy="install cmake, or add it to PATH")
    out = out.resolve()  # the flags are used in other folders
    _remove_previous(out)
    configure = [
        "cmake", "-S", str(sources), "-B", str(out), *toolchain.cmake_options,
        f"-DJULES_BUILD_DIR={modules}", f"-DJML_VERSION={__version__}", "-DJML_TESTS=OFF",
    ]  # fmt: skip
    report = out / "jml_refusal.txt"  # of jml_check_interfaces.cmake
    report.unlink(missing_ok=True)
    try:
        _run(configure, "configure the hooks")
    except RunFailed as error:
        if report.is_file():
            raise refusal(report, modules, hooks_folder, toolchain.compiler) from error
        raise
    _run(["cmake", "--build", str(out), "--target", "jules_ml_hooks", "-j", str(jobs)], "compile the hooks")
    template = out / "jules_ml.nml"
    if not template.exists():  # the user may have edited it since the last build
        shutil.copyfile(sources / "namelists" / "jules_ml.nml", template)
    flags_file = out / "jules_ml_hooks.flags"
    flags = flags_file.read_text(encoding="utf-8").strip()
    object_file = out / "jules_ml_hooks.o"
    stamp = read_stamp(object_file)
    assert stamp is not None
    link = link_command(modules, toolchain, flags_file)
    return BuiltHooks(object_file, flags_file, template, flags, stamp, toolchain, link)


def find_modules(jules_build: Path) -> Path:
    """Return the folder of the ``.mod`` files of a JULES build.

    Raises
    ------
    BadInput
        If there are no ``.mod`` files.
    """
    for folder in MODULE_FOLDERS:
        if (jules_build / folder / "microbe_mod.mod").is_file():
            return (jules_build / folder).resolve()
    raise BadInput(
        f"there is no microbe_mod.mod in it, nor in its subfolders {' and '.join(MODULE_FOLDERS[1:])}",
        where=jules_build,
        remedy="give the build folder of JULES; FCM writes the .mod files to build/include",
    )


def _require_modules(folder: Path, hooks_folder: Path) -> None:
    """Check that every module of JULES that the hooks use exists."""
    used: set[str] = set()
    for source in hooks_folder.glob("*.f90"):
        used |= set(re.findall(r"^ *use +(\w+)", source.read_text(encoding="utf-8"), flags=re.MULTILINE))
    required = {name for name in used if not name.startswith(OWN_MODULES)} - {MPI_MODULE}
    missing = sorted(name for name in required if not (folder / f"{name}.mod").is_file())
    if missing:
        raise BadInput(
            f"module files of JULES are missing: {', '.join(f'{name}.mod' for name in missing)}",
            where=folder,
            remedy="give a build of stand-alone JULES, version 7.0 to 8.2, or of one with the same modules",
        )


def _remove_previous(out: Path) -> None:
    """Remove what an earlier build left in the folder: CMake keeps its compiler, and does not see that JULES was built again."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("CMakeFiles", "fortran_bridge"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "CMakeCache.txt").unlink(missing_ok=True)


def _run(command: list[str], purpose: str) -> None:
    """Run a command; if it fails, raise with the last lines of its output."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        output = "\n".join((result.stdout + result.stderr).splitlines()[-25:])
        raise RunFailed(f"could not {purpose}:\n{output}")
