"""Linking of an executable from the objects of JULES and the hooks, for tests and benchmarks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from jules_ml.jules.hooks.build import BuiltHooks, build_hooks


def relink(objects: Sequence[Path], hooks: BuiltHooks, *, exe: Path, compiler: str, libraries: Sequence[str]) -> None:
    """Link an executable with the flags of ``jules-ml hooks``.

    Parameters
    ----------
    objects : sequence of Path
        All objects of JULES, its main program among them.
    hooks : BuiltHooks
        From :func:`jules_ml.jules.hooks.build.build_hooks`.
    exe : Path
        Executable to write.
    compiler : str
        Fortran compiler of the objects.
    libraries : sequence of str
        Flags of the libraries that JULES needs, such as ``-lnetcdff``.
    """
    command = [compiler, "-o", str(exe), *map(str, objects), *hooks.flags.split(), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def objects_of(build: Path) -> list[Path]:
    """Objects of a JULES that FCM built."""
    return sorted((build / "build" / "o").glob("*.o"))


def hooked_jules(
    build: Path, work: Path, *, compiler: str | None = None, libraries: Sequence[str] = ("-lnetcdff",)
) -> tuple[Path, BuiltHooks]:
    """Build the hooks against a JULES that FCM built, and link it with them.

    Parameters
    ----------
    build : Path
        Build folder of JULES.
    work : Path
        Folder for the hooks and the executable.
    compiler : str, optional
        Compiler of JULES; default: gfortran.
    libraries : sequence of str
        Flags of the libraries that JULES needs.
    """
    hooks = build_hooks(build, out=work / "hooks_build", compiler=compiler)
    exe = work / "jules_hooked.exe"
    relink(objects_of(build), hooks, exe=exe, compiler=compiler or "gfortran", libraries=libraries)
    return exe, hooks
