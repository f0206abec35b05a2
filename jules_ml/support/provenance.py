"""Provenance of a result: versions, commit and platform."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jules_ml

_PACKAGES = ("torch", "numpy", "xarray", "pandas", "pvlib", "scores")


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
