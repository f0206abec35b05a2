"""Whether a step can be compiled on this machine."""

from __future__ import annotations

import getpass
import os
import shutil
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

#: Compilers that torch can use, in torch's order of preference.
_COMPILERS: Final = ("g++", "clang++", "c++")
#: Message without a compiler.
NO_COMPILER: Final = "no C++ compiler found (g++ or clang++) with Python's headers (python3-dev)"
#: Environment variable of torch with the folder of compiled code.
_CACHE: Final = "TORCHINDUCTOR_CACHE_DIR"
#: Size of the code of a compiled step [bytes].
_SIZE: Final = 4 * 1024**2


def can_compile() -> bool:
    """Whether ``torch.compile`` can compile here, see :func:`compilation_obstacle`."""
    return compilation_obstacle() is None


def compilation_obstacle() -> str | None:
    """Return why ``torch.compile`` cannot compile here, or None.

    It needs a C++ compiler, Python's headers, and a folder that can be written for the compiled code.
    """
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not headers.is_file() or not any(shutil.which(name) for name in _COMPILERS):
        return NO_COMPILER
    return _not_writable(Path(os.environ.get(_CACHE) or _default_folder()))


def _default_folder() -> str:
    """Folder in which torch caches compiled code unless told otherwise; its name is private to torch, and may move."""
    try:
        from torch._inductor.runtime.cache_dir_utils import default_cache_dir

        return str(default_cache_dir())
    except (ImportError, AttributeError):
        return str(Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}")


@cache
def _not_writable(folder: Path) -> str | None:
    """Return why compiled code cannot be written to a folder, or None; tried once in a process, as it writes some megabytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_SIZE))
            file.flush()
    except OSError as error:
        return f"compiled code cannot be written to {folder} ({error.strerror}; set {_CACHE} to another folder)"
    return None
