"""The compiled library of the bridge: that of the wheel, one that was compiled before, or one that is compiled now.

A wheel for Linux on x86-64 or aarch64 contains the library beside this file (``setup.py``), so that no compiler is needed. Elsewhere it
is compiled from the sources in the package, once, into the user's cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput, RunFailed
from jules_ml.physics.compilation import CACHE, cache_folder
from jules_ml.support.sources import SOURCES

#: Name of the library.
NAME: Final = "libjules_ml_bridge.so"
#: Library in a wheel.
PACKAGED: Final = Path(__file__).with_name(NAME)
#: What the library is compiled from, in the folder of the sources.
_COMPILED: Final = ("CMakeLists.txt", "fortran_bridge/CMakeLists.txt", "fortran_bridge/src", "fortran_bridge/include")


def bridge_library() -> Path:
    """Return the path of the library: in the installed package, else in the user's cache, else compiled into that cache.

    Returns
    -------
    Path

    Raises
    ------
    BadInput
        If it has to be compiled, and CMake, a Fortran compiler, the sources or a writable folder are missing.
    RunFailed
        If it does not compile.
    """
    cached = cached_library()
    for path in (PACKAGED, cached):
        if _loads(path):
            return path
    _compile(cached)
    return cached


def cached_library() -> Path:
    """Return the path in the user's cache for the sources of this package and this kind of machine; the file may not exist.

    Not after the processor: the library chooses its kernels at run time.
    """
    digest = hashlib.sha256(platform.machine().encode())
    for path in _sources():
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return cache_folder("bridge") / f"{digest.hexdigest()[:32]}.so"


def _sources() -> Iterable[Path]:
    for name in _COMPILED:
        path = SOURCES / name
        yield from sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path] if path.is_file() else []


def _loads(path: Path) -> bool:
    """Whether a library exists and can be loaded; one in a package that was copied from another system cannot."""
    if not path.is_file():
        return False
    try:
        ctypes.CDLL(str(path))
    except OSError:
        return False
    return True


def _compile(target: Path) -> None:
    """Compile the library in a folder of its own beside the target, and rename it: two processes may compile at the same time."""
    _require_tools()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _run(["cmake", "-S", str(SOURCES), "-B", folder, "-DJML_TESTS=OFF"])
            _run(["cmake", "--build", folder, "--target", "jules_ml_bridge_shared", "--parallel", "2"])
            (Path(folder) / "fortran_bridge" / NAME).replace(target)
    except OSError as error:
        raise BadInput(
            f"the library of the bridge cannot be written ({error.strerror})",
            where=target.parent,
            remedy=f"set {CACHE} to a folder that can be written",
        ) from error


def _require_tools() -> None:
    if not any(_sources()):
        raise BadInput(
            "the sources of the bridge are missing",
            where=SOURCES,
            remedy="reinstall jules_ml, or run it from a checkout",
        )
    compilers = (os.environ.get("FC") or "gfortran", "flang-new", "flang")
    missing = [] if shutil.which("cmake") else ["cmake"]
    missing += [] if any(map(shutil.which, compilers)) else [compilers[0]]
    if missing:
        raise BadInput(
            f"this installation has no compiled library of the bridge, and {' and '.join(missing)} to compile it was not found",
            remedy=f"install {' and '.join(missing)}, or a wheel of jules_ml that contains the library",
        )


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise RunFailed(f"could not compile the library of the bridge:\n{output}")
