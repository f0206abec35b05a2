"""Launchers of MPI libraries, and folders with the layout of a build of JULES."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from jules_ml.jules.hooks.mpi_library import MPICH, OPENMPI

#: Launchers of each library; Debian names them by library, and ``mpiexec`` is that of any.
_LAUNCHERS = {OPENMPI: ("mpiexec.openmpi", "mpiexec"), MPICH: ("mpiexec.mpich", "mpiexec.hydra", "mpiexec")}
_VERSION_WORDS = {OPENMPI: ("Open MPI", "OpenRTE"), MPICH: ("HYDRA", "MPICH", "Intel")}


def launcher_of(library: str, beside: Path | None = None) -> str | None:
    """The launcher of an MPI library; that of another one starts single processes.

    The folder ``beside``, that of the MPI compiler, comes first: an active virtual environment may have another library's launcher.
    """
    for folder in [str(beside)] if beside is not None else []:
        for command in _LAUNCHERS[library]:
            path = shutil.which(command, path=folder)
            if path is not None and _is_launcher(path, library):
                return path
    for command in _LAUNCHERS[library]:
        path = shutil.which(command)
        if path is not None and _is_launcher(path, library):
            return path
    return None


def _is_launcher(path: str, library: str) -> bool:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return any(word in done.stdout + done.stderr for word in _VERSION_WORDS[library])


def jules_tree(folder: Path, hosts: Path, objects: str) -> Path:
    """Folder with the ``.mod`` files and objects of a host where FCM writes those of JULES."""
    shutil.copytree(hosts / f"{objects}_mod", folder / "build" / "include")
    (folder / "build" / "o").mkdir()
    for path in hosts.glob(f"CMakeFiles/{objects}.dir/*.o"):
        name = path.name.split(".")[0] + ".o"
        shutil.copy(path, folder / "build" / "o" / name)
    return folder
