"""Linking of an executable from the objects of JULES and the hooks, for tests and benchmarks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from jules_ml.jules.hooks.build import BuiltHooks


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
