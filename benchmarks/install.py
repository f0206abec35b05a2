"""Wheel and sdist, built and installed into empty environments of several versions of Python, and used outside the checkout.

Each environment gets torch, then the wheel, by pip and without the extras for development. The commands that a new user tries first run
in an empty folder with no compiler in PATH. The size is that of the whole environment on disk, and has a target where torch is a CPU build:
as uv installs, and as pip does, which also compiles all modules.
The wheel is built from the sdist; ``auditwheel`` in PATH, with ``patchelf``, makes it a manylinux wheel first.

Run as ``python benchmarks/install.py [--quick] [--python EXE ...] [--torch torch==2.13.0]``. With ``--here`` only the commands are run,
with the package that is installed for the interpreter that runs this script. ``--quick`` installs the wheel alone, beside the packages of
this environment.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from _claims import REPOSITORY, Claims, argument_parser
from _installed import environment

#: Largest size of an installation with the CPU build of torch [GB].
SIZE_TARGET = 1.5
#: Versions of Python that are looked for in PATH.
VERSIONS = ("3.11", "3.12", "3.13")
#: Program that builds with setuptools, as pip does, and prints the name of the file.
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def run(command: list[str], **options: object) -> str:
    """Run a command and return its output; a failure shows the end of what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return str(done.stdout + done.stderr)


def built(kind: str, source: Path, out: Path, **variables: str) -> tuple[Path, str]:
    """Build an sdist or a wheel, and return its path and what was printed."""
    out.mkdir(exist_ok=True)
    output = run([sys.executable, "-c", BUILD, kind, str(out)], cwd=source, env=os.environ | variables)
    (path,) = out.iterdir()
    return path, output


def checkout(folder: Path) -> Path:
    """Copy the files of the checkout that git knows or does not ignore."""
    listed = run(["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, folder / name)
    return folder


def build(claims: Claims, folder: Path) -> Path:
    """Build the sdist, and from it a wheel with and one without the library; return the one with it."""
    sdist, _ = built("sdist", checkout(folder / "checkout"), folder / "sdist")
    claims.report("sdist, size", sdist.stat().st_size / 1e6, unit="MB")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    empty = folder / "no_programs"
    empty.mkdir()
    wheel, output = built("wheel", source, folder / "pure", PATH=str(empty))
    pure = wheel.name.endswith("-py3-none-any.whl") and "no compiled library of the Fortran bridge" in output
    claims.check("sdist without a compiler: a wheel for any platform, message", float(pure), ">=", 1.0, note=wheel.name)
    start = time.perf_counter()
    wheel, _ = built("wheel", source, folder / "wheel", JULES_ML_BRIDGE_LIBRARY="require")
    claims.report("wheel with the library from the sdist, time", time.perf_counter() - start, unit="s")
    return repaired(claims, wheel, folder / "repaired")


def repaired(claims: Claims, wheel: Path, out: Path) -> Path:
    """Put the runtime libraries of gfortran into the wheel with auditwheel, where it is installed."""
    name = "manylinux wheel for every Python 3, from auditwheel"
    if shutil.which("auditwheel") is None or shutil.which("patchelf") is None:
        claims.not_measured(name, ">=", 1.0, why="no auditwheel or patchelf in PATH")
        return wheel
    run(["auditwheel", "repair", "--wheel-dir", str(out), str(wheel)])
    (path,) = out.iterdir()
    matches = re.search(r"-py3-none-manylinux_\d+_\d+_\w+\.whl$", path.name) is not None
    claims.check(name, float(matches), ">=", 1.0, note=path.name)
    claims.report("manylinux wheel, size", path.stat().st_size / 1e6, unit="MB")
    return path


def smoke(claims: Claims, python: Path, label: str, folder: Path) -> None:
    """Run the commands of a new user with an installation."""
    folder.mkdir()
    command = [str(python), str(Path(__file__).with_name("_installed.py")), str(folder)]
    output = run(command, cwd=folder, env=environment(folder, python.parent))
    outcomes: dict[str, str] = json.loads(output.splitlines()[-1])
    failures = [f"{name}: {error}" for name, error in outcomes.items() if error]
    note = "; ".join(failures) or ", ".join(outcomes)
    claims.check(f"{label}: commands outside the checkout that fail", float(len(failures)), "<=", 0.0, note=note)


def size(folder: Path) -> float:
    """Size of a folder on disk [GB]."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 1e9


def install(claims: Claims, python: str, wheel: Path, torch: str, folder: Path) -> None:
    """Install the wheel into an empty environment, weigh it and use it."""
    version = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    label = f"Python {version}"
    venv = folder / f"venv{version}"
    run([python, "-m", "venv", str(venv)])
    inside = venv / "bin" / "python"
    try:
        for requirement in (torch, str(wheel)):
            run([str(inside), "-m", "pip", "install", "--quiet", "--no-compile", requirement])
    except RuntimeError as error:
        why = f"not installed: {str(error).splitlines()[-1][:200]}"
        claims.not_measured(f"{label}: size of the installation", "<=", SIZE_TARGET, why=why)
        return
    cuda = run([str(inside), "-c", "import torch; print(torch.version.cuda)"]).strip().splitlines()[-1]
    weigh(claims, f"{label}: size by uv, or pip --no-compile", venv, cuda)
    smoke(claims, inside, label, folder / f"use{version}")
    # pip compiles all modules by default; one that cannot be compiled, such as a template, is no failure
    subprocess.run([inside, "-m", "compileall", "-qq", "-j2", venv / "lib"], capture_output=True, check=False)
    weigh(claims, f"{label}: size by pip, all modules compiled", venv, cuda)
    shutil.rmtree(venv)


def weigh(claims: Claims, name: str, venv: Path, cuda: str) -> None:
    """Compare the size of an installation with its target, if torch is a CPU build."""
    if cuda == "None":
        claims.check(name, size(venv), "<=", SIZE_TARGET, unit="GB", note="CPU build of torch")
    else:
        claims.report(name, size(venv), unit="GB", note=f"torch for CUDA {cuda}: no target")


def install_beside(claims: Claims, wheel: Path, folder: Path) -> None:
    """Install the wheel alone into an environment that also sees the packages of this one."""
    venv = folder / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    inside = venv / "bin" / "python"
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site, here = (run([str(each), "-c", script]).strip() for each in (inside, sys.executable))
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, str(wheel)])
    entry = f"#!{inside}\nfrom jules_ml.cli import main\nmain()\n"
    (venv / "bin" / "jules-ml").write_text(entry, encoding="utf-8")
    (venv / "bin" / "jules-ml").chmod(0o755)
    (Path(site) / "beside.pth").write_text(f"{here}\n", encoding="utf-8")
    smoke(claims, inside, "wheel beside the packages of this environment", folder / "use")


def main() -> int:
    """Print the claims, and write them unless the run is quick."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--python", nargs="+", metavar="EXE", help=f"interpreters (default: python{', '.join(VERSIONS)})"
    )
    parser.add_argument(
        "--torch", default="torch==2.13.0", help="requirement of torch for pip (default: torch==2.13.0)"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    claims = Claims("install", quick=arguments.quick or arguments.here)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.here:
            smoke(claims, Path(sys.executable), "this installation", folder / "use")
            return claims.finish()
        wheel = build(claims, folder)
        if arguments.quick:
            install_beside(claims, wheel, folder)
            claims.not_measured("size of the installation", "<=", SIZE_TARGET, why="needs complete installations")
            return claims.finish()
        found = [path for version in VERSIONS if (path := shutil.which(f"python{version}"))]
        for python in arguments.python or found:
            install(claims, python, wheel, arguments.torch, folder)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
