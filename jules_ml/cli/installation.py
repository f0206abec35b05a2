"""What ``jules-ml doctor`` looks at: packages, compilers, MPI, JULES, caches, the GPU and plug-ins."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import jules_ml
from jules_ml.errors import BadInput, RunFailed

#: Packages that are required, by the name of their distribution.
_REQUIRED: Final = ("torch", "numpy", "scipy", "xarray", "netCDF4", "pandas", "pvlib", "matplotlib", "safetensors")
#: Optional packages: extra of jules_ml, and what needs it.
_OPTIONAL: Final = {
    "zarr": ("zarr", "ensembles with format = 'zarr'"),
    "bmipy": ("bmi", "the BMI adapter"),
    "finam": ("finam", "the FINAM component"),
    "ismn": ("ismn", "the reader of the ISMN"),
}
_FORTRAN: Final = ("gfortran", "flang-new", "flang", "ifx")
_GROUPS: Final = ("readers", "kinds", "exports", "ways", "draws")
_SECONDS: Final = 20


class State(StrEnum):
    """State of a part of the installation."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Check:
    """Part of the installation.

    Attributes
    ----------
    name : str
    state : State
    found : str
        Version, path or count; the reason if it is broken.
    without : str
        What does not work without it.
    remedy : str
    """

    name: str
    state: State
    found: str = ""
    without: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """Line for the terminal."""
        if self.state is State.OK:
            return self.found
        without = f"needed for {self.without}" if self.without else ""
        return "; ".join(part for part in (self.found, without, self.remedy) if part)

    def to_json(self) -> dict[str, str]:
        """Entries for ``--json``."""
        return {**vars(self), "state": str(self.state)}


def installation(jules: Path | None = None) -> Iterator[Check]:
    """Look at the installation.

    Parameters
    ----------
    jules : Path, optional
        Executable of JULES; by default that of ``JULES_EXE``.

    Yields
    ------
    Check
    """
    yield Check("jules_ml", State.OK, f"{jules_ml.__version__}, {Path(jules_ml.__file__).parent}")
    yield Check("Python", State.OK, f"{platform.python_version()}, {sys.executable}, {platform.platform(terse=True)}")
    yield from _packages()
    yield from _compilers()
    yield from _mpi()
    yield _jules(jules)
    yield from _caches()
    yield _gpu()
    yield from _plugins()


def _packages() -> Iterator[Check]:
    for name in _REQUIRED:
        installed = _version(name)
        if installed is None:
            yield Check(name, State.BROKEN, "not installed", "most commands", "pip install jules_ml")
        else:
            yield Check(name, State.OK, installed)
    for name, (extra, use) in _OPTIONAL.items():
        installed = _version(name)
        if installed is None:
            yield Check(name, State.MISSING, "", use, f"pip install 'jules_ml[{extra}]'")
        else:
            yield Check(name, State.OK, installed)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _compilers() -> Iterator[Check]:
    from jules_ml.physics.compilation import find_compiler

    path = find_compiler()
    yield _program("C++ compiler", path, "a fast column (without it the column runs many times slower)", "install g++")
    path = next((found for name in _FORTRAN if (found := shutil.which(name))), None)
    uses = "the bridge and the hooks, which put learned modules into a running JULES"
    yield _program("Fortran compiler", path, uses, "install the compiler that built JULES, for example gfortran")
    yield _program("cmake", shutil.which("cmake"), uses, "install cmake")


def _program(name: str, path: str | None, without: str, remedy: str) -> Check:
    if path is None:
        return Check(name, State.MISSING, "", without, remedy)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, State.BROKEN, f"{path} does not run ({error})", without, remedy)
    first = next(iter((done.stdout or done.stderr).splitlines()), "")
    if done.returncode != 0:
        return Check(name, State.BROKEN, f"{path} fails ({first})", without, remedy)
    return Check(name, State.OK, f"{first}, {path}")


def _mpi() -> Iterator[Check]:
    use, remedy = "ensembles and grids on several ranks", "pip install 'jules_ml[mpi]'"
    # in a process of its own: a library that does not fit may end the process that loads it
    program = "from mpi4py import MPI; print(MPI.Get_library_version().splitlines()[0])"
    installed = _version("mpi4py")
    if installed is None:
        yield Check("mpi4py", State.MISSING, "", use, remedy)
    else:
        found, text = _python(program)
        state = State.OK if found else State.BROKEN
        yield Check(
            "mpi4py", state, f"{installed}, {text.strip()}", use, "build mpi4py with the MPI library of this machine"
        )
    beside = Path(sys.executable).parent / "mpiexec"
    path = str(beside) if beside.is_file() else shutil.which("mpiexec")
    yield _program("mpiexec", path, use, remedy)


def _python(program: str) -> tuple[bool, str]:
    """Run a program of Python; whether it succeeds, and what it prints, or the last line of its error."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False, "it does not end"
    if done.returncode == 0:
        return True, done.stdout
    return False, next(reversed(done.stderr.strip().splitlines()), f"exit code {done.returncode}")


def _jules(executable: Path | None) -> Check:
    from jules_ml.jules.hooks.check import Hook, check_executable
    from jules_ml.jules.program import VARIABLE

    named = os.environ.get(VARIABLE)
    path = executable or (Path(named) if named else None)
    use = "runs of JULES with learned modules (the column needs none)"
    if path is None:
        return Check("JULES", State.MISSING, "", use, f"set {VARIABLE} to the executable, or give --jules FILE")
    if not os.access(path, os.X_OK) or path.is_dir():
        return Check("JULES", State.BROKEN, f"{path} is not an executable", use, f"correct {VARIABLE} or --jules")
    try:
        checked = check_executable(path)
    except BadInput as error:
        return Check("JULES", State.OK, f"{path}; hooks unknown: {error.problem}")
    if checked.problems:
        remedy = "jules-ml hooks --jules-build DIR, and relink"
        return Check("JULES", State.BROKEN, f"{path}: {'; '.join(checked.problems)}", "the hooks", remedy)
    hooks = [name for name, state in checked.hooks.items() if state is Hook.IN]
    built = "" if checked.stamp is None else f" of jules_ml {checked.stamp.jules_ml} for JULES {checked.stamp.jules}"
    return Check("JULES", State.OK, f"{path}, by {checked.compiler}, {f'hooks{built}' if hooks else 'without hooks'}")


def _caches() -> Iterator[Check]:
    import platformdirs

    from jules_ml.data.readers.davos import FILE_NAME
    from jules_ml.physics.compilation import CACHE, cache_folder

    code = cache_folder()
    size = sum(file.stat().st_size for file in code.rglob("*") if file.is_file()) if code.is_dir() else 0
    nearest = next(folder for folder in (code, *code.parents) if folder.exists())
    if os.access(nearest, os.W_OK):
        yield Check("compiled code", State.OK, f"{code}, {size / 1024**2:.3g} MB")
    else:
        remedy = f"set {CACHE} to a folder that can be written"
        yield Check("compiled code", State.BROKEN, f"{code} cannot be written", "a fast column", remedy)
    record = platformdirs.user_cache_path("jules_ml") / FILE_NAME
    if record.is_file():
        yield Check("record of the demo", State.OK, f"{record}, {record.stat().st_size / 1024**2:.3g} MB")
    else:
        yield Check("record of the demo", State.MISSING, "", "jules-ml demo", "jules-ml demo downloads it")


def _gpu() -> Check:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("GPU", State.BROKEN, f"torch cannot be loaded ({error})", "all commands", "pip install torch")
    if torch.cuda.is_available():
        return Check("GPU", State.OK, f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}")
    return Check("GPU", State.MISSING, "", "large grids with run.device = 'cuda' (all else runs on the CPU)", "")


def _plugins() -> Iterator[Check]:
    from jules_ml.support.plugins import load_plugin, plugin_names

    for group in _GROUPS:
        names: list[str] = []
        problems: list[Any] = []
        try:
            names += plugin_names(f"jules_ml.{group}")
        except RunFailed as error:
            problems.append(error)
        for name in names:
            try:
                load_plugin(f"jules_ml.{group}", name)
            except RunFailed as error:
                problems.append(error)
        if problems:
            text, remedy = "; ".join(map(str, problems)), "install the package again, or uninstall it"
            yield Check(group, State.BROKEN, text, "", remedy)
        elif names:
            yield Check(group, State.OK, ", ".join(names))
        else:
            yield Check(group, State.BROKEN, "none is registered", "most commands", "install jules_ml again")
