"""Compiled kernels: shared libraries in a folder of the user's cache, each named after all that determines it."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from jules_ml.physics.compilation import NO_COMPILER, cache_folder, find_compiler

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


@cache
def _processor() -> str:
    """What the instructions of a library depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


@cache
def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout


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
        If there is no compiler, it fails, or the folder cannot be written.
    """
    compiler = find_compiler()
    if compiler is None:
        raise OSError(NO_COMPILER)
    key = "\n".join((text, _version(compiler), *FLAGS, _processor()))
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    file = cache_folder() / f"{name}.so"
    if not file.exists():
        _compile(compiler, text, file)
    return _loaded(str(file))


@cache
def _loaded(file: str) -> ctypes.CDLL:
    return ctypes.CDLL(file)


def _compile(compiler: str, text: str, file: Path) -> None:
    """Compile into a file of its own, which then gets its name: two processes may compile the same kernel."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        source, result = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        source.write_text(text)
        done = subprocess.run(
            [compiler, *FLAGS, str(source), "-o", str(result)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(f"{compiler} failed: {next(iter(done.stderr.strip().splitlines()), 'without a message')}")
        result.replace(file)
