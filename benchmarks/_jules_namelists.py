"""Claims on reading and writing namelists, which need no JULES."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from _claims import Claims

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.support.namelist_text import fortran


def round_trip(claims: Claims, loobos: Path, template: Path) -> None:
    """Read every entry of every group, write it, and read it again."""
    for name, folder in (("Loobos", loobos), ("the template", template)):
        read = NamelistFolder.read(folder)
        before = list(read.groups())
        for file, group, values in before:
            occurrence = sum(1 for f, g, _ in before[: before.index((file, group, values))] if (f, g) == (file, group))
            read.set(group, values, occurrence=occurrence, file=file)
        differing = sum(a != b for a, b in zip(before, list(read.groups()), strict=True))
        note = f"{len(before)} groups, {sum(len(v) for *_, v in before)} entries"
        claims.check(f"groups whose values differ after writing: {name}", differing, "<=", 0, note=note)


def edited_in_fortran(claims: Claims, loobos: Path, work: Path) -> None:
    """Edit the folder of Loobos, and read every group with Fortran's own namelist reader."""
    if shutil.which("gfortran") is None:
        claims.not_measured("edited entries that Fortran reads otherwise", "<=", 0, why="no gfortran")
        return
    read = NamelistFolder.read(loobos)
    read.set("jules_soil_props", {"use_file": [True] * 8 + [False], "const_z": False, "file": "swapped/it's soil.nc"})
    read.set("jules_soil_biogeochem", {"q10_soil": 2.4567891, "kaps": 1.23456e-9, "l_q10": True})
    folder = work / "fortran"
    read.write(folder / "nml")
    wrong = 0
    for file, group, entries in read.groups():
        numeric = {k: v for k, v in entries.items() if not isinstance(v, list)}
        declared = "\n".join(f"  {_declaration(k, v)}" for k, v in entries.items())
        body = "\n".join(f"  if (.not. ({_equals(k, v)})) wrong = wrong + 1" for k, v in numeric.items())
        names = ", ".join(entries)
        listed = f"  namelist /{group}/ {names}\n" if entries else ""
        read_it = f"  read(10, nml={group})\n" if entries else ""
        program = (
            f"program p\n  implicit none\n  integer :: wrong = 0\n{declared}\n{listed}  open(10, file='nml/{file}')\n{read_it}{body}\n"
            "  stop wrong\nend program\n"
        )
        (folder / "p.f90").write_text(program, encoding="ascii")
        subprocess.run(["gfortran", "-ffree-line-length-none", "-o", "p", "p.f90"], cwd=folder, check=True)
        wrong += subprocess.run([str(folder / "p")], cwd=folder, check=False, capture_output=True).returncode
    claims.check(
        "edited entries that Fortran reads otherwise", wrong, "<=", 0, note="gfortran's namelist reader, Loobos"
    )


def rose_applications(claims: Claims) -> None:
    """Read the Rose applications of JULES as run folders, and check that they are complete."""
    name = "Rose applications that cannot be read as run folders"
    if "JULES_ROSE_APPS" not in os.environ:
        claims.not_measured(name, "<=", 0, why="JULES_ROSE_APPS not set")
        return
    apps = [path.parent for path in sorted(Path(os.environ["JULES_ROSE_APPS"]).glob("*/rose-app.conf"))]
    texts = {app: (app / "rose-app.conf").read_text(encoding="utf-8") for app in apps}
    of_jules = [app for app, text in texts.items() if "[namelist:jules_time]" in text]
    failed = []
    for app in of_jules:
        # a suite sets these; for reading, any path is enough
        for variable in re.findall(r"\$\{?(\w+)", texts[app]):
            os.environ.setdefault(variable, "anywhere")
        try:
            read_run_folder(app)
        except BadInput as error:
            failed.append(f"{app.name}: {error}")
    claims.check(name, len(failed), "<=", 0, note="; ".join(failed) or f"{len(of_jules)} applications")


def _declaration(name: str, value: object) -> str:
    first = next((v for v in value if v is not None), 0.0) if isinstance(value, list) else value
    kind = {bool: "logical", int: "double precision", float: "double precision", str: "character(len=200)"}[type(first)]
    return f"{kind} :: {name}{f'({max(len(value), 1)})' if isinstance(value, list) else ''}"


def _equals(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{name} .eqv. {fortran(value)}"
    if isinstance(value, str):
        return f"{name} == {fortran(value)}"
    assert isinstance(value, int | float)
    return f"{name} == {_double(float(value))}"


def _double(value: float) -> str:
    text = f"{value:.17g}"
    return text.replace("e", "d") if "e" in text else f"{text}d0"
