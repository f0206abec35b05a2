"""Build steps of the Fortran bridge; all other settings are in pyproject.toml.

The sources of the bridge and the namelists are copied into the package. In a checkout they are at the top level, where CMake and
Fortran users look for them. `jules-ml hooks` and `jules-ml init` also need them when jules_ml is installed from a wheel.

A wheel also contains the compiled library of the bridge where CMake and a Fortran compiler are at hand. Such a wheel is for one
platform and for every Python 3. Without them the wheel is for every platform, with the sources alone. The environment variable
JULES_ML_BRIDGE_LIBRARY chooses: `auto` (the default), `require` (fail without the library) or `none`.
"""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

HERE = Path(__file__).parent
#: Files that `jules-ml hooks` and `jules-ml init jules` need; tests and host are not copied.
COPIED: tuple[str, ...] = (
    "CMakeLists.txt",
    "fortran_bridge/CMakeLists.txt",
    "fortran_bridge/src",
    "fortran_bridge/hooks",
    "fortran_bridge/include",
    "namelists",
)
#: Environment variable that says whether a wheel contains the compiled library, and its values.
CHOICE = "JULES_ML_BRIDGE_LIBRARY"
CHOICES = ("auto", "require", "none")
#: Name of the library, which jules_ml/bridge/shared_library.py knows too.
LIBRARY = "libjules_ml_bridge.so"


def compiled_library(choice: str) -> Path | None:
    """Compile the library of the bridge, and return its path, or None where that is not possible or not wanted."""
    if choice not in CHOICES:
        raise CompileError(f"{CHOICE} is '{choice}': use one of {', '.join(CHOICES)}")
    if choice == "none":
        return None
    obstacle = _obstacle()
    build = HERE / "build" / "bridge-wheel"
    commands = (
        ["cmake", "-S", str(HERE), "-B", str(build), "-DJML_TESTS=OFF"],
        ["cmake", "--build", str(build), "--target", "jules_ml_bridge_shared", "--parallel", "2"],
    )
    for command in commands if obstacle is None else ():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()[-10:]
            obstacle = "\n".join((f"'{' '.join(command)}' failed:", *lines))
            break
    if obstacle is None:
        return build / "fortran_bridge" / LIBRARY
    if choice == "require":
        raise CompileError(f"the library of the bridge cannot be compiled: {obstacle}")
    logging.getLogger("setuptools").warning(
        "The wheel has no compiled library of the Fortran bridge, only its sources: %s. "
        "All else works without it; hooks for JULES are compiled from the sources.",
        obstacle,
    )
    return None


def _obstacle() -> str | None:
    """Return why the library cannot be compiled here, or None."""
    if not sys.platform.startswith("linux"):
        return "the bridge needs Linux"
    compilers = (os.environ.get("FC") or "gfortran", "flang-new", "flang")
    if shutil.which("cmake") is None:
        return "cmake was not found"
    return None if any(map(shutil.which, compilers)) else f"no Fortran compiler was found ({', '.join(compilers)})"


class BridgeDistribution(Distribution):
    """Distribution that belongs to one platform if it contains the compiled library."""

    bridge_library: Path | None = None

    def has_ext_modules(self) -> bool:
        """Whether files of the package depend on the platform."""
        return self.bridge_library is not None


class BuildWithBridge(build_py):
    """Build step that copies the package, then the sources and the library of the bridge into it."""

    def run(self) -> None:
        """Copy the files, except in an editable install."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "jules_ml"
        for name in COPIED:
            target = package / "bridge_sources" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target, dirs_exist_ok=True)
            else:
                shutil.copy2(HERE / name, target)
        library = package / "bridge" / LIBRARY
        library.unlink(missing_ok=True)  # of an earlier build in the same folder
        if self.distribution.bridge_library is not None:
            shutil.copy2(self.distribution.bridge_library, library)


class WheelWithBridge(bdist_wheel):
    """Wheel with the compiled library: for one platform and every Python 3."""

    def run(self) -> None:
        """Compile the library before the tag of the wheel is chosen."""
        self.distribution.bridge_library = compiled_library(os.environ.get(CHOICE, "auto"))
        self.root_is_pure = self.distribution.bridge_library is None
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """Tag of the wheel; the library uses no interface of Python that depends on its version."""
        implementation, abi, platform = super().get_tag()
        return (implementation, abi, platform) if self.root_is_pure else ("py3", "none", platform)


setup(
    distclass=BridgeDistribution,
    cmdclass={"bdist_wheel": WheelWithBridge, "build_py": BuildWithBridge},
)
