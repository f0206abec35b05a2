"""Provenance of a result: versions, commit and platform."""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import jules_ml

_PACKAGES = ("torch", "numpy", "xarray", "pandas", "pvlib", "scores")
#: Size above which the checksum of a file is not computed [bytes].
_MOST_HASHED = 256 * 1024**2


def software() -> dict[str, object]:
    """Return the versions of this package and its dependencies, and the commit if it runs from a checkout.

    Returns
    -------
    dict
        ``jules_ml``, ``python``, ``packages`` by name, ``platform``, and ``git_commit``, which ends in ``+`` if tracked files differ
        from the commit, or is None.
    """
    packages: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "jules_ml": jules_ml.__version__,
        "python": platform.python_version(),
        "packages": packages,
        "platform": platform.platform(),
        "git_commit": git_commit(Path(jules_ml.__file__).parent),
    }


def git_commit(package: Path) -> str | None:
    """Return the commit of the checkout whose top folder contains ``package``; None outside a checkout or without git."""

    def git(*words: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", "-C", str(package), *words], capture_output=True, text=True, check=False, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.strip() if result.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    # the package may be installed in an environment inside another project's checkout
    if top is None or Path(top).resolve() != package.parent.resolve():
        return None
    commit = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    return None if commit is None else commit + ("+" if changed else "")


class InputFile(NamedTuple):
    """File that results were computed from: name, size [bytes] and SHA-256, which is empty for files of more than 256 MB."""

    name: str
    size: int
    sha256: str


def input_files(paths: Iterable[Path]) -> list[InputFile]:
    """Describe files, so that a reader of the results can check that theirs are the same; missing ones are left out."""
    described = []
    for path in dict.fromkeys(paths):
        if not path.is_file():
            continue
        size = path.stat().st_size
        checksum = ""
        if size <= _MOST_HASHED:
            with path.open("rb") as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()
        described.append(InputFile(path.name, size, checksum))
    return described


def command_line() -> str:
    """Return the command of ``jules-ml`` that is being executed; empty where Python code calls the package."""
    program = Path(sys.argv[0]).name
    return shlex.join(["jules-ml", *sys.argv[1:]]) if program in ("jules-ml", "jules-ml.exe") else ""
