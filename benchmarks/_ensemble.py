"""Code that the benchmark of ensembles and its tests share: a run folder with a stand-in for JULES, and idle members.

As a program it runs idle members in processes or ranks, which a benchmark measures and a test kills:
``python _ensemble.py FOLDER MEMBERS [--workers N] [--seconds S]``, under mpiexec or not; with ``--experiment FILE`` it runs that, after
``--warm FILE``, in which each rank compiles the step.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from jules_ml.ensemble.gathering import gather
from jules_ml.ensemble.member_file import Series
from jules_ml.ensemble.members import Members
from jules_ml.ensemble.mpi_pool import ranks, serve, stop_ranks
from jules_ml.ensemble.process_pool import pool
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import EnsembleRun, Plan, run_ensemble, run_members
from jules_ml.ensemble.schedule import StartPool, serial_pool
from jules_ml.ensemble.work import Failure, Result, Unit
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.support.ranks import launched_size, world

STAND_IN = Path(__file__).with_name("stand_in_jules.py")
#: Open MPI may run as root, with more ranks than processors, and without binding, because the machine may be shared.
MPI_ENVIRONMENT = {
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMP_NUM_THREADS": "1",
}


def mpiexec() -> Path | None:
    """The launcher of the MPI of mpi4py, beside Python, or None."""
    path = Path(sys.prefix) / "bin" / "mpiexec"
    try:
        import mpi4py  # noqa: F401
    except ImportError:
        return None
    return path if path.is_file() else None


def make_run_folder(data: Path, folder: Path, *, days: int = 2) -> Path:
    """Write a run folder of some days at Loobos and the stand-in beside it; return the executable."""
    run = folder / "loobos"
    (run / "nml").mkdir(parents=True)
    (run / "inputs").mkdir()
    source = data / "jules"
    for file in (source / "loobos_namelists").iterdir():
        text = file.read_text(encoding="ascii").replace(
            "main_run_end='1997-12-31 23:00:00'", f"main_run_end='1997-01-{days:02d} 23:00:00'"
        )
        (run / "nml" / file.name).write_text(text.replace("l_top=T", "l_top=F"), encoding="ascii")
    for name in ("initial_conditions_bb219.dat", "tile_fractions.dat"):
        (run / "inputs" / name).write_bytes((source / "loobos_inputs" / name).read_bytes())
    (run / "inputs" / "Loobos_1997.dat").write_text("0 300 0 0 280 2 1e5 0.005\n" * 48 * days, encoding="ascii")
    executable = folder / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    return executable


def jules_ensemble(data: Path, folder: Path, members: int) -> Path:
    """Write an experiment with members that run the stand-in."""
    make_run_folder(data, folder)
    path = folder / "members.toml"
    path.write_text(
        f"""\
[jules]
folder = "loobos"
executable = "jules.exe"

[run]
model = "jules"

[ensemble]
members = {members}

[[ensemble.parameters]]
file = "jules_soil_biogeochem.nml"
group = "jules_soil_biogeochem"
parameter = "q10_soil"
bounds = [1.5, 2.5]
""",
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True)
class IdleWork:
    """Members that return their number after ``seconds`` of sleep, and record their start in a file."""

    forks: ClassVar[bool] = True
    seconds: float = 0.0
    fails: tuple[int, ...] = ()
    deadly: tuple[int, ...] = ()

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        for member in unit.members:
            if member.number not in unit.pending:
                continue
            with (folder / "started").open("a", encoding="ascii") as file:
                file.write(f"{member.number} {os.getpid()}\n")
            if self.seconds:
                time.sleep(self.seconds)
            if member.number in self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if member.number in self.fails:
                yield member.number, Failure("it was told to")
                continue
            times = Series(("time",), np.arange(4.0), {"units": "seconds since 2000-01-01 00:00:00"})
            yield member.number, Result({"time": times, "number": Series(("time",), np.full(4, float(member.number)))})


def idle_members(n: int) -> Members:
    """Members that do not differ."""
    nothing = np.empty((n, 0))
    return Members(0, (None,), (None,), (), (), nothing, nothing.astype(np.int64))


def run_idle(folder: Path, n: int, start_pool: StartPool, work: IdleWork, *, retry: bool = False) -> EnsembleRun:
    """Run idle members."""
    folder.mkdir(parents=True, exist_ok=True)
    members = idle_members(n)
    return run_members(EnsembleRun(folder, Experiment(), members), Plan(members, work, 1), start_pool, retry=retry)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("members", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--experiment", type=Path)
    parser.add_argument("--warm", type=Path)
    options = parser.parse_args()
    work = IdleWork(options.seconds)
    start_pool = pool(options.workers) if options.workers > 1 else serial_pool
    comm = world() if launched_size() > 1 else None
    if comm is not None and comm.Get_rank():
        serve(comm)
        return 0
    chosen = start_pool if comm is None else ranks(comm)
    try:
        if options.experiment is None:
            run = run_idle(options.folder, options.members, chosen, work)
            gather(run.experiment, run.members, run.folder)
        else:
            run_ensemble(load_experiment(options.warm), options.folder.with_suffix(".warm"), start_pool=chosen)
            run = run_ensemble(load_experiment(options.experiment), options.folder, start_pool=chosen)
            write_results(run)
    finally:
        if comm is not None:
            stop_ranks(comm)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f"{run.done} {run.failed} {run.done_before} {run.wall_seconds:.6f} {most:.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
