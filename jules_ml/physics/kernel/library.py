"""Compiled kernels: shared libraries in a folder of the user's cache, each named after source, flags and processor.

Not after the compiler: nodes without one then use what was compiled elsewhere.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from jules_ml.physics.compilation import NO_COMPILER, cache_folder, find_compiler, writing_obstacle

#: Products and sums are not contracted, so that a kernel takes the same branches at the freezing point as torch does.
FLAGS: Final = (
    "-std=c++17",
    "-O2",
    "-march=native",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
)
#: Size of the checksum at the end of a library [bytes]; the loader of libraries ignores it.
_CHECKSUM_SIZE: Final = 32


@cache
def _processor() -> str:
    """What the instructions of a library depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def library(text: str) -> ctypes.CDLL:
    """Compile a kernel, unless that has been done before, and load it.

    Parameters
    ----------
    text : str
        Source.

    Returns
    -------
    ctypes.CDLL

    Raises
    ------
    OSError
        If it has to be compiled, and there is no compiler, it fails, or the folder cannot be written.
    """
    return _loaded(text, _file(text))


def _file(text: str) -> Path:
    key = "\n".join((text, *FLAGS, _processor()))
    return cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"


@cache
def _loaded(text: str, file: Path) -> ctypes.CDLL:
    """Load a library, and compile it first if it is not there or damaged."""
    if _is_whole(file):
        try:
            return ctypes.CDLL(str(file))
        except OSError:
            pass  # such as one for a newer C library
    _compile(text, file)
    return ctypes.CDLL(str(file))


def _checksum(code: bytes) -> bytes:
    return hashlib.sha256(code).digest()


def _is_whole(file: Path) -> bool:
    """Whether a library ends with the checksum of what precedes: the process would be killed by the use of one that is cut off."""
    try:
        code = file.read_bytes()
    except OSError:
        return False
    return code[-_CHECKSUM_SIZE:] == _checksum(code[:-_CHECKSUM_SIZE])


def _compile(text: str, file: Path) -> None:
    """Compile into a file of its own, which then gets its name: two processes may compile the same kernel."""
    obstacle = writing_obstacle()
    compiler = find_compiler()
    if obstacle is not None or compiler is None:
        raise OSError(obstacle or NO_COMPILER)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        source, result = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        source.write_text(text)
        done = subprocess.run(
            [compiler, *FLAGS, str(source), "-o", str(result)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(f"{compiler} failed: {next(iter(done.stderr.strip().splitlines()), 'without a message')}")
        checksum = _checksum(result.read_bytes())
        with result.open("ab") as library_file:
            library_file.write(checksum)
            library_file.flush()
            os.fsync(library_file.fileno())
        result.replace(file)
