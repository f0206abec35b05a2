"""Runs of a real JULES as jobs of a batch queue do them: prepared, started by a script, collected; and shards of an ensemble.

JULES is not part of this project. These environment variables say where it is:

JULES_EXE
    The executable.
JULES_RUN_DIR
    Folder with the run ``colvg``, as for ``bridge_jules.py``.
JULES_VERSION
    Version of JULES, for the result file.
JULES_BUILD_DIR
    Folder where that JULES was built, for the claims about hooks; they are "not measured" without it.

Without the first three every claim is "not measured", and an existing result file is not changed.

Run as ``python benchmarks/batch_jules.py [--quick]``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _claims import Claims, argument_parser
from _hooked_jules import Scheme, learned_f, learned_g, tables
from _jules_runs import Jules
from _relink import hooked_jules

from jules_ml.errors import RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules.outcome import Unfinished
from jules_ml.jules.run import JulesRun, collect_run, prepare_run, run_jules

VARIABLES = ("JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")
MONTH = "start = 1996-12-31T23:00:00\nend = 1997-01-31T23:00:00\n"
COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()"]
ENSEMBLE = """
[ensemble]
members = 4
profile = "steps"

[[ensemble.parameters]]
file = "jules_soil_biogeochem.nml"
group = "jules_soil_biogeochem"
parameter = "q10_soil"
bounds = [1.5, 2.5]
"""


def experiment(jules: Jules, name: str, *, section: str = "", run: str = MONTH, more: str = "") -> Path:
    """Write an experiment on the run at Loobos."""
    path = jules.work / f"{name}.toml"
    user = jules.user("colvg")
    path.write_text(f'[jules]\nfolder = "{user}"\n{section}\n[run]\nmodel = "jules"\n{run}{more}', encoding="utf-8")
    return path


def script(path: Path, line: str) -> Path:
    """Write a script that is the executable of an experiment."""
    path.write_text(f"#!/bin/bash\n{line}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def job(folder: Path, **environment: str) -> int:
    """Start a prepared run from another folder."""
    return subprocess.run(
        ["sh", str(folder / "submit.sh")], cwd="/", env={**os.environ, **environment}, check=False
    ).returncode


def differing(one: JulesRun, other: JulesRun) -> int:
    """Count files of output and dumps that differ."""
    pairs = zip((*one.output, *one.dumps), (*other.output, *other.dumps), strict=True)
    return sum(a.read_bytes() != b.read_bytes() for a, b in pairs)


def prepared_and_collected(claims: Claims, jules: Jules) -> None:
    """Compare a run in a queue with the same run by ``jules-ml run``."""
    direct = run_jules(
        load_experiment(experiment(jules, "direct", section=f'executable = "{jules.executable}"')),
        jules.work / "direct",
    )
    prepared = prepare_run(load_experiment(experiment(jules, "batch")), jules.work / "batch")
    moved = prepared.folder.rename(jules.work / "moved")
    status = job(moved, JULES_EXE=str(jules.executable))
    done = collect_run(moved)
    claims.check("exit status of the job of a prepared and moved run", status, "<=", 0)
    claims.check(
        "files that differ, prepared without an executable and collected",
        differing(direct, done),
        "<=",
        0,
        note=f"{len(done.output) + len(done.dumps)} files of a month",
    )
    one, other = (
        json.loads((folder / "run_summary.json").read_text(encoding="utf-8")) for folder in (direct.folder, moved)
    )
    claims.check("entries of the summary that only one of both has", len(one.keys() ^ other.keys()), "<=", 0)


def failures(claims: Claims, jules: Jules) -> None:
    """Count failures that are recognised by their cause."""
    exe = jules.executable
    year = "start = 1996-12-31T23:00:00\n"
    cases = {
        "job not started": ("not started", {}, False),
        "job killed": ("the run is unfinished", {"section": f'executable = "{exe}"', "run": year}, True),
        "unknown output variable": (
            "sthuu",
            {"section": f'executable = "{exe}"\nset = {{jules_output_profile = {{var = ["sthuu"], nvars = 1}}}}'},
            True,
        ),
        "script that hides a killed JULES": (
            "before the end of the run",
            {"section": f'executable = "{script(jules.work / "hides.sh", f"timeout 1 {exe} $1; true")}"', "run": year},
            True,
        ),
        "script that loses the output": (
            "wrote no output",
            {"section": f'executable = "{script(jules.work / "loses.sh", f"{exe} $1; rm output/*; true")}"'},
            True,
        ),
    }
    recognised, notes = 0, []
    for name, (message, keys, starts) in cases.items():
        stem = name.replace(" ", "_")
        folder = prepare_run(load_experiment(experiment(jules, stem, **keys)), jules.work / f"run_{stem}").folder
        if name == "job killed":
            killed_job(folder)
        elif starts:
            job(folder)
        try:
            collect_run(folder)
        except RunFailed as error:
            unfinished = isinstance(error, Unfinished) == name.startswith("job")
            recognised += message in str(error) and unfinished
        else:
            notes.append(f"not recognised: {name}")
    claims.check("failures recognised", recognised, ">=", len(cases), note="; ".join(notes or cases))


def killed_job(folder: Path) -> None:
    """Start a job, and kill it with all its processes once JULES takes time steps."""
    with subprocess.Popen(["sh", str(folder / "submit.sh")], start_new_session=True) as process:
        log = folder / "jules.log"
        while not (log.is_file() and "Started at: 1997-01-1" in log.read_text(encoding="utf-8")):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)


def hooks(claims: Claims, jules: Jules) -> None:
    """Run scripts with hooks: one that names JULES, one that does not, and one that starts JULES without hooks."""
    if "JULES_BUILD_DIR" not in os.environ:
        claims.not_measured("scripts as executable, with hooks", why="JULES_BUILD_DIR not set")
        return
    hooked, _ = hooked_jules(Path(os.environ["JULES_BUILD_DIR"]), jules.work)
    config = jules.work / "hooks"
    config.mkdir()
    for name, text in tables(Scheme.of(jules.runs / "colvg"), learned_f, learned_g).items():
        (config / name).write_text(text, encoding="utf-8")
    script(jules.work / "names.sh", f'exec {hooked} "$@"')
    script(jules.work / "hidden.sh", 'exec "$(dirname "$0")"/jules_hooked."exe" "$@"')
    done = {}
    for name in ("names", "hidden"):
        section = f'executable = "{jules.work / name}.sh"\nhooks = "{config}"'
        path = experiment(jules, name, section=section, run=f'via = "hooks"\n{MONTH}')
        done[name] = run_jules(load_experiment(path), jules.work / f"run_{name}")
    claims.check("files that differ, script that names JULES or not", differing(done["names"], done["hidden"]), "<=", 0)
    claims.check(
        "notes that hooks are proved by the log: script that does not name JULES",
        sum("script" in note for note in done["hidden"].notes) - sum("script" in note for note in done["names"].notes),
        ">=",
        1,
    )
    stock = script(jules.work / "stock.sh", f'J={jules.executable.parent}; exec "$J"/{jules.executable.name} "$@"')
    path = experiment(
        jules, "stock", section=f'executable = "{stock}"\nhooks = "{config}"', run=f'via = "hooks"\n{MONTH}'
    )
    try:
        run_jules(load_experiment(path), jules.work / "run_stock")
        refused = False
    except RunFailed as error:
        refused = "ran without hooks" in str(error)
    claims.check("script that starts JULES without hooks has failed", float(refused), ">=", 1)


def shards(claims: Claims, jules: Jules) -> None:
    """Compare an ensemble in one run with two shards at once."""
    path = experiment(jules, "members", section=f'executable = "{jules.executable}"', more=ENSEMBLE)
    sums = []
    for name, parts in (("whole", [[]]), ("parts", [["--shard", "1/2"], ["--shard", "2/2"]])):
        out = jules.work / name
        jobs = [subprocess.Popen([*COMMAND, "ensemble", str(path), "--out", str(out), "--quiet", *p]) for p in parts]
        if any([each.wait() for each in jobs]):
            raise SystemExit(f"the ensemble failed in {out}")
        if name == "parts":
            subprocess.run([*COMMAND, "gather", str(out), "--quiet"], check=True)
        sums.append(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["data_sha256"])
    claims.check("ensembles whose data differ, one run and two shards at once", len(set(sums)) - 1, "<=", 0)


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("batch_jules", quick=options.quick)
    if claims.lacks(VARIABLES, "batch queues with a real JULES"):
        return 0
    executable, runs = Path(os.environ["JULES_EXE"]).resolve(), Path(os.environ["JULES_RUN_DIR"])
    # the experiments name their executable themselves
    del os.environ["JULES_EXE"]
    claims.report("JULES", 1, note=os.environ["JULES_VERSION"])
    with tempfile.TemporaryDirectory() as work:
        jules = Jules(executable, runs, Path(work), "")
        prepared_and_collected(claims, jules)
        failures(claims, jules)
        shards(claims, jules)
        if not options.quick:
            hooks(claims, jules)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
