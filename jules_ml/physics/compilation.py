"""Whether a step can be compiled on this machine, or has been before."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

#: Compilers, in order of preference.
_COMPILERS: Final = ("g++", "clang++", "c++")
#: Message without a compiler.
NO_COMPILER: Final = "no C++ compiler found (g++ or clang++)"
#: Environment variable with the folder of compiled code.
CACHE: Final = "JULES_ML_CACHE_DIR"
#: Size of the code of a compiled step [bytes].
_SIZE: Final = 4 * 1024**2


def can_compile() -> bool:
    """Whether compiled steps can be used here, see :func:`compilation_obstacle`."""
    return compilation_obstacle() is None


def compilation_obstacle() -> str | None:
    """Return why compiled steps cannot be used here, or None.

    They need a C++ compiler, and a folder that can be written for the compiled code; or a folder with code that was compiled earlier, in
    which a step that is not there is a matter of :func:`writing_obstacle`.
    """
    return None if _has_code(cache_folder()) else writing_obstacle()


def writing_obstacle() -> str | None:
    """Return why no further step can be compiled here, or None."""
    return NO_COMPILER if find_compiler() is None else _not_writable(cache_folder())


def _has_code(folder: Path) -> bool:
    try:
        return any(folder.glob("*.so"))
    except OSError:
        return False


def find_compiler() -> str | None:
    """Return the path of a C++ compiler, or None."""
    return next((path for name in _COMPILERS if (path := shutil.which(name))), None)


def cache_folder(part: str = "kernels") -> Path:
    """Return a folder of compiled code, in that of ``JULES_ML_CACHE_DIR`` or in the user's cache.

    Parameters
    ----------
    part : str
        ``kernels`` of the column, or ``bridge`` for the library of the Fortran bridge.
    """
    return Path(os.environ.get(CACHE) or platformdirs.user_cache_path("jules_ml")) / part


@cache
def _not_writable(folder: Path) -> str | None:
    """Return why compiled code cannot be written to a folder, or None; tried once in a process, as it writes some megabytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_SIZE))
            file.flush()
    except OSError as error:
        return f"compiled code cannot be written to {folder} ({error.strerror}; set {CACHE} to another folder)"
    return None
