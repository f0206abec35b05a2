"""Cost and reproducibility of ensembles: columns in one tensor and in a loop, processes, ranks of MPI, and the manager.

Columns are those of Loobos in 1997, 30-minute steps, each with its own soil; a loop over them is ``run_column``, also compiled.
Both are timed after their step is compiled; the time of start and compilation is reported. Process members are a stand-in for JULES with a
fixed processor time, with run folders, namelists and gathering as in reality. Two processors of a shared machine give two programs less
than twice the speed of one: two ranks are judged by two programs that know nothing of each other, in the same run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _claims import REPOSITORY, Claims, argument_parser
from _ensemble import MPI_ENVIRONMENT, IdleWork, jules_ensemble, mpiexec, run_idle

from jules_ml.column.run import run_column
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.process_pool import pool
from jules_ml.ensemble.run import run_ensemble
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.physics.compilation import NO_COMPILER, can_compile

PROGRAM = [sys.executable, str(REPOSITORY / "benchmarks" / "_ensemble.py")]
OUTPUTS = ("sthu", "t_soil", "resp_s_gb", "fqw_gb")
ENSEMBLE = """
[ensemble]
members = {members}
batch = {batch}

[[ensemble.parameters]]
parameter = "soil.properties.b"
bounds = [0.8, 1.25]
factor = true

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
prior = "loguniform"
bounds = [0.4, 2.5]
factor = true

[[ensemble.parameters]]
parameter = "soil.properties.satcon"
prior = "loguniform"
bounds = [0.2, 5.0]
factor = true
"""


def column_ensemble(data: Path, folder: Path, *, members: int, batch: int, days: int, compiled: bool) -> Path:
    """Write an experiment with an ensemble of columns."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    text = text.replace('path = "Loobos_1997.dat"', f'path = "{data / "jules" / "loobos_inputs" / "Loobos_1997.dat"}"')
    end = np.datetime64("1996-12-31T23:00:00") + np.timedelta64(days, "D")
    text = text.replace(
        "mean_over = 48\n",
        f"mean_over = 48\ncompiled = {str(compiled).lower()}\nend = {end}\noutputs = {list(OUTPUTS)}\n",
    )
    path = folder / f"columns_{members}_{batch}_{days}.toml"
    path.write_text(text + ENSEMBLE.format(members=members, batch=batch), encoding="utf-8")
    return path


def loop_seconds(experiment: Experiment, numbers: list[int]) -> tuple[float, dict[int, dict[str, np.ndarray]]]:
    """Time of a member in a loop, and the output of the loop."""
    members = plan_members(experiment)
    outputs_of, seconds = {}, []
    for number in numbers:
        own = member_experiment(experiment, members[number])
        started = time.perf_counter()
        output = run_column(own).output
        seconds.append(time.perf_counter() - started)
        outputs_of[number] = {name: output[name].to_numpy() for name in OUTPUTS}
    return float(np.mean(seconds)), outputs_of


def columns(claims: Claims, data: Path, folder: Path, *, quick: bool) -> None:
    """Compare many columns in one tensor with a loop over them; eager and for two days if quick."""
    members, days, alone, compiled = (1000, 2, 2, False) if quick else (1000, 365, 4, True)
    warm = load_experiment(column_ensemble(data, folder, members=1, batch=members, days=1, compiled=compiled))
    started = time.perf_counter()
    run_ensemble(warm, folder / "warm")
    claims.report(f"first batch of {members} columns, compiling", time.perf_counter() - started, unit="s")
    run_column(member_experiment(warm, plan_members(warm)[0]))
    experiment = load_experiment(
        column_ensemble(data, folder, members=members, batch=members, days=days, compiled=compiled)
    )
    run = run_ensemble(experiment, folder / "columns")
    each, outputs_of = loop_seconds(experiment, list(np.linspace(0, members - 1, alone).astype(int)))
    years = days / 365.0
    rate = members * years / run.wall_seconds
    claims.report(f"{members} columns, {days} days", rate, unit="column-years/s", note="files written")
    claims.report("the same in a loop", years / each, unit="column-years/s", note=f"mean of {alone}")
    claims.check("columns in one tensor, times a loop over them", members * each / run.wall_seconds, ">=", 50.0)
    worst = 0.0
    for number, outputs in outputs_of.items():
        together = read_member(member_folder(folder / "columns", number))
        for name, values in outputs.items():
            worst = max(worst, float(np.abs(together[name].values - values).max() / np.abs(values).max()))
    claims.check("columns together, worst difference from a loop, relative", worst, "<=", 1e-5)


def launched(ranks: int, *words: str) -> str:
    """Output of the program under several ranks."""
    launcher = [str(mpiexec()), "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [*launcher, *PROGRAM, *words],
        env={**os.environ, **MPI_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def two_strangers(data: Path, folder: Path, *, members: int, batch: int, days: int, compiled: bool) -> float:
    """Time of two independent programs of one rank, with half of the members each [s].

    The difference from two ranks is the overhead of the ensemble; the difference from half the time of one rank is that of the machine.
    """
    path = column_ensemble(data, folder, members=members // 2, batch=batch, days=days, compiled=compiled)
    warm = column_ensemble(data, folder, members=batch, batch=batch, days=1, compiled=compiled)
    words = [str(members // 2), "--experiment", str(path), "--warm", str(warm)]
    running = [
        subprocess.Popen(
            [*PROGRAM, str(folder / f"stranger{k}"), *words],
            env={**os.environ, **MPI_ENVIRONMENT},
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    return max(float(each.communicate()[0].split()[3]) for each in running)


def ranks(claims: Claims, data: Path, folder: Path, *, quick: bool) -> None:
    """Run the same columns with one, two and three ranks."""
    if mpiexec() is None:
        claims.not_measured(
            "speed-up of two ranks over that of two programs",
            ">=",
            0.95,
            why="mpi4py with its mpiexec is not installed",
        )
        return
    members, batch, days, compiled = (400, 50, 2, False) if quick else (1000, 125, 365, True)
    path = column_ensemble(data, folder, members=members, batch=batch, days=days, compiled=compiled)
    seconds, sums = {}, set()
    for count in (1, 2) if quick else (1, 2, 3):
        out = folder / f"ranks{count}"
        # one batch for each rank, so that each compiles the step
        warm = column_ensemble(data, folder, members=count * batch, batch=batch, days=1, compiled=compiled)
        printed = launched(count, str(out), str(members), "--experiment", str(path), "--warm", str(warm)).split()
        seconds[count] = float(printed[3])
        sums.add(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["data_sha256"])
    strangers = two_strangers(data, folder, members=members, batch=batch, days=days, compiled=compiled)
    note = f"two programs that know nothing of each other; {strangers:.1f} s"
    claims.report("columns by two processors, times one: what the machine has", seconds[1] / strangers, note=note)
    note = f"{seconds[1]:.1f} and {seconds[2]:.1f} s, {os.cpu_count()} processors"
    claims.report("columns by two ranks, times one", seconds[1] / seconds[2], note=note)
    claims.check("speed-up of two ranks over that of two programs", strangers / seconds[2], ">=", 0.95)
    claims.check(f"gathered data that differ, by 1 to {max(seconds)} ranks", len(sums) - 1, "<=", 0)


def processes(claims: Claims, data: Path, folder: Path, *, quick: bool) -> None:
    """Run members of the stand-in with one and two workers."""
    members, seconds = (8, 0.5) if quick else (64, 1.2)
    os.environ["STAND_IN_SECONDS"] = str(seconds)
    walls = {}
    for workers in (1, 2):
        place = folder / f"workers{workers}"
        place.mkdir()
        experiment = load_experiment(jules_ensemble(data, place, members))
        walls[workers] = run_ensemble(experiment, place / "out", start_pool=pool(workers)).wall_seconds
    note = f"{members} members of {seconds} s; {walls[1]:.1f} s by one, {walls[2]:.1f} s by two"
    claims.check("process members, efficiency of two workers", walls[1] / (2.0 * walls[2]), ">=", 0.95, note=note)
    claims.report("process member, time beside the executable's own", walls[1] / members - seconds, unit="s")


def manager(claims: Claims, folder: Path, *, quick: bool) -> None:
    """Run idle members."""
    many = 1000 if quick else 10000
    before = os.times()
    run = run_idle(folder / "idle", many, pool(2), IdleWork())
    used = [1e3 * (after - then) / many for after, then in zip(os.times(), before, strict=True)]
    claims.report("manager, processor time a member", used[0] + used[1], unit="ms", note="whatever else is at work")
    claims.report("worker, processor time a member that does nothing", used[2] + used[3], unit="ms")
    claims.check(
        f"manager, time a member, {many} that do nothing",
        1e3 * run.wall_seconds / many,
        "<=",
        2.0,
        unit="ms",
        note="a file and a status each",
    )
    again = run_idle(folder / "idle", many, pool(2), IdleWork())
    claims.report(f"going on with {many} members that are done", again.wall_seconds, unit="s")
    memory = {}
    for n in (100, many):
        printed = launched(1, str(folder / f"memory{n}"), str(n), "--workers", "2").split()
        memory[n] = float(printed[4])
    note = f"{memory[100]:.0f} and {memory[many]:.0f} MB, gathering included"
    claims.check(f"memory of {many} members over that of 100", memory[many] / memory[100], "<=", 1.05, note=note)


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("ensemble", quick=options.quick)
    claims.report(
        "load of the machine when begun", os.getloadavg()[0], unit="processes", note=f"{os.cpu_count()} processors"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manager(claims, folder, quick=options.quick)
        processes(claims, options.data.resolve(), folder, quick=options.quick)
        if can_compile() or options.quick:
            columns(claims, options.data.resolve(), folder, quick=options.quick)
            ranks(claims, options.data.resolve(), folder, quick=options.quick)
        else:
            claims.not_measured("columns in one tensor, times a loop over them", ">=", 50.0, why=NO_COMPILER)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
