"""Whether a step can be compiled on this machine."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from torch._inductor.runtime.cache_dir_utils import default_cache_dir

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
    folder = Path(os.environ.get(_CACHE) or default_cache_dir())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_SIZE))
            file.flush()
    except OSError as error:
        return f"compiled code cannot be written to {folder} ({error.strerror}; set {_CACHE} to another folder)"
    return None
