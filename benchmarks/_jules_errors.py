"""Claims on bad input and on failures during a run of JULES."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from _claims import Claims
from _jules_runs import Jules

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules import run as experiment
from jules_ml.jules.input_files import write_ancillary
from jules_ml.jules.run import run_jules


def bad_input(claims: Claims, jules: Jules) -> None:
    """Check the messages about bad input, and that the folder of the user is unchanged."""
    user = jules.user("colvg")
    before = {p.relative_to(user): p.read_bytes() for p in user.rglob("*") if p.is_file()}
    broken = jules.work / "broken"
    shutil.copytree(user, broken)
    (broken / "nml" / "jules_snow.nml").write_text("! empty\n", encoding="ascii")
    three = write_ancillary(jules.work / "three.nc", {"b": [5.0] * 3})
    not_jules = Jules(Path(sys.executable), jules.runs, jules.work, jules.extra)
    gone = Jules(jules.work / "gone.exe", jules.runs, jules.work, jules.extra)
    wrong_entry = "set = {jules_soil_biogeochem = {q10_soyl = 2.0}}"
    cases: dict[str, tuple[Callable[[], object], str]] = {
        "missing group": (lambda: jules.run(broken, "bad1"), "JULES_SNOW"),
        "no executable": (lambda: gone.run(user, "bad2"), "no such executable"),
        "another program": (lambda: not_jules.run(user, "bad3"), "not a stand-alone JULES"),
        "layers that differ": (
            lambda: jules.run(user, "bad4", via='"ancillary"', jules=f'ancillary = "{three}"'), "3 layers, but the run has 4",
        ),
        "entry that JULES does not know": (lambda: jules.run(user, "bad5", jules=wrong_entry), "q10_soyl"),
        "TOPMODEL with prescribed water": (
            lambda: jules.run(
                jules.user("gl4"), "bad6", via='"prescribed"', jules=f'[jules.prescribed]\nfile = "{jules.work}/loobos_theta.nc"'
            ), "l_top",
        ),
        "killed half way": (lambda: killed(jules, user), "SIGKILL"),
    }  # fmt: skip
    clear = 0
    for name, (work, word) in cases.items():
        try:
            work()
            message = "nothing was said"
        except (BadInput, RunFailed) as error:
            message = str(error)
        clear += word in message
        print(f"  {name}: {message[:160]}")
    claims.check("bad input said clearly, share", clear / len(cases), ">=", 1.0, note=f"{len(cases)} cases")
    after = {p.relative_to(user): p.read_bytes() for p in user.rglob("*") if p.is_file()}
    differing = sum(before.get(k) != after.get(k) for k in before.keys() | after.keys())
    claims.check("files of the user's that differ after all runs", differing, "<=", 0)
    full_disk(claims, jules, user)


def killed(jules: Jules, user: Path) -> None:
    """Run JULES and kill its process once it has written output."""

    def kill() -> None:
        log = jules.work / "colvg_bad7" / "jules.log"
        for _ in range(600):
            time.sleep(0.01)
            if log.is_file() and "Started at: 1997-03" in log.read_text(encoding="utf-8"):
                break
        children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        for child in " ".join(c.read_text(encoding="ascii") for c in children).split():
            os.kill(int(child), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    jules.run(user, "bad7")


def full_disk(claims: Claims, jules: Jules, user: Path) -> None:
    """Run JULES on a file system of 2 MB, which is too small for its output."""
    name = "full disk said, what was written kept"
    small = jules.work / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False, capture_output=True
    ).returncode:
        claims.not_measured(name, ">=", 1, why="no small file system can be mounted")
        return
    try:
        path = jules.work / "full.toml"
        path.write_text(
            f'[jules]\nfolder = "{user}"\nexecutable = "{jules.executable}"\n[run]\nmodel = "jules"\n', encoding="utf-8"
        )
        # the check before the run would otherwise stop it
        experiment.MIN_FREE = 0
        try:
            run_jules(load_experiment(path), small / "out")
            message = "nothing was said"
        except RunFailed as error:
            message = str(error)
        kept = any((small / "out" / "output").glob("*.nc"))
        print(f"  full disk: {message[:200]}")
        claims.check(name, float(kept and ("space" in message or "disk is full" in message)), ">=", 1)
    finally:
        subprocess.run(["umount", str(small)], check=False)
