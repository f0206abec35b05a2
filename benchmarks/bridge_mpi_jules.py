"""Hooks in a real JULES on several MPI ranks: the same output to the bit, errors of one rank, restarts, and cost.

JULES is not part of this project. These environment variables say where it is:

JULES_MPI_BUILD_DIR
    Folder where JULES was built with FCM and MPI: ``build/include`` holds its ``.mod`` files, ``build/o`` its objects.
JULES_MPI_LIBRARIES
    Link flags of its libraries; ``-lnetcdff`` if not set. JULES with MPI needs a netCDF with parallel output.
JULES_MPI_FC
    Compiler with which JULES was built; ``mpif90`` if not set.
JULES_MPIEXEC
    Command that starts ranks, without their number; ``mpiexec`` if not set.
JULES_EXTRA_ENTRIES
    Further namelist entries that this JULES needs, as in ``experiments_jules.py``.
JULES_VERSION
    Version of JULES, for the result file.

Without them every claim is "not measured", and an existing result file is not changed.

Run as ``python benchmarks/bridge_mpi_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _alternating import alternate, ratios
from _claims import Claims, argument_parser
from _hooked_jules import RESPIRATION, T_RANGE, TABLE_POINTS, learned_f, learned_g, table
from _mpi_grid import START, differing_values, greatest_difference, output_file, rewrite, write_grid
from _relink import hooked_jules, objects_of

from jules_ml.jules.net_files import NetInput, write_net

VARIABLES = ("JULES_MPI_BUILD_DIR", "JULES_VERSION")
MODULES = Path(__file__).with_name("_mpi_modules.py").read_text(encoding="utf-8")
PYTHON = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
#: Days of a run, and of the first part of a restarted run.
DAYS, FIRST_DAYS = 8, 5
TIMED_SIZE, TIMED_DAYS, ROUNDS = 32, 10, 9
LIMITS = {"tables": 1.02, "net": 1.05, "moisture": 1.08}


@dataclass(frozen=True)
class MpiJules:
    """JULES without and with hooks, and how to start it."""

    stock: Path
    hooked: Path
    launcher: tuple[str, ...]
    work: Path

    def prepare(self, grid: Path, name: str, files: dict[str, str]) -> Path:
        """Copy a run folder and add files to its namelists."""
        folder = self.work / name
        shutil.copytree(grid, folder, ignore=shutil.ignore_patterns("output"), symlinks=True)
        (folder / "output").mkdir()
        for file, text in files.items():
            (folder / "namelists" / file).write_text(text, encoding="utf-8")
        return folder

    def start(self, folder: Path, ranks: int, *, hooked: bool = True) -> subprocess.CompletedProcess[str]:
        """Run JULES on some ranks; the run may fail."""
        exe = self.hooked if hooked else self.stock
        command = [*self.launcher, "-n", str(ranks), str(exe), "namelists"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=1800
        )

    def run(self, folder: Path, ranks: int, *, hooked: bool = True) -> Path:
        """Run JULES, which must succeed, and return the folder."""
        done = self.start(folder, ranks, hooked=hooked)
        if done.returncode != 0:
            raise SystemExit(f"JULES failed in {folder.name}:\n{(done.stdout + done.stderr)[-2000:]}")
        return folder


def curve_tables() -> dict[str, str]:
    """Files of learned curves of respiration."""
    wetness, temperature = np.linspace(0.0, 1.0, TABLE_POINTS), np.linspace(*T_RANGE, TABLE_POINTS)
    return {
        "jules_ml.nml": RESPIRATION,
        "fsth.nml": table("fsth", "sthu", learned_f(wetness), 0.0, 1.0),
        "ftemp.nml": table("ftemp", "t_soil", learned_g(temperature), *T_RANGE),
    }


def dense_net(work: Path) -> dict[str, str]:
    """Files of a net with two hidden layers of 16 units, whose weights are random."""
    torch.manual_seed(1)
    layers = torch.nn.Sequential(
        torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2),
        torch.nn.Softplus(),
    )  # fmt: skip
    inputs = (
        NetInput(name="sthu", seen_min=0.0, seen_max=1.0),
        NetInput(name="t_soil", seen_min=250.0, seen_max=310.0, offset=282.4, scale=10.0),
    )
    write_net(work / "net.nml", layers, inputs, ("fsth", "ftemp"), name="random weights")
    return {
        "jules_ml.nml": "&jules_ml_respiration\nnet = 'net.nml'\n/\n",
        "net.nml": (work / "net.nml").read_text(encoding="utf-8"),
    }


def python_hook(hook: str, callable_name: str, settings: str = "") -> dict[str, str]:
    """Files that let a hook call one of the modules for several ranks."""
    group = f"&jules_ml_{hook}\nbackend = 'python', python_callable = 'mpi_modules:{callable_name}'{settings}\n/\n"
    return {"jules_ml.nml": group + PYTHON, "mpi_modules.py": MODULES}


NUDGE = ", mode = 'nudge', tau_hours = 24.0, levels = 1, 2"


def kinds(work: Path) -> dict[str, dict[str, str]]:
    """The files of each way to use the hooks."""
    return {
        "off": {},
        "tables": curve_tables(),
        "net": dense_net(work),
        "torch": python_hook("respiration", "TorchModifiers"),
        "moisture": python_hook("moisture", "Moisture", NUDGE),
        "properties": python_hook("properties", "properties", ", every_days = 3"),
    }


def same_over_ranks(claims: Claims, jules: MpiJules, size: int, grid: Path, ranks: tuple[int, ...]) -> None:
    """Count the values of the output that differ between one rank and several, for each way to use the hooks."""
    points = f"{size}x{size} points"
    stock = jules.run(jules.prepare(grid, f"stock_{size}", {}), 1, hooked=False)
    for name, files in kinds(jules.work).items():
        one = jules.run(jules.prepare(grid, f"{name}_{size}_1", files), 1)
        if name == "off":
            claims.check(
                f"values that differ, {points}: hooks off, from unmodified", differing_values(stock, one), "<=", 0
            )
        else:
            claims.check(
                f"values changed by the hook, {points}: {name}", differing_values(stock, one), ">=", 1, note="it is on"
            )
        for number in ranks:
            several = jules.run(jules.prepare(grid, f"{name}_{size}_{number}", files), number)
            claims.check(
                f"values that differ, {points}: {name}, 1 and {number} ranks",
                differing_values(one, several),
                "<=",
                0,
            )


def restarted(claims: Claims, jules: MpiJules, grid: Path) -> None:
    """Compare restarts on several ranks with a restart on one rank, and this with the run that was not stopped.

    JULES's dumps contain the wetness of the soil, not its water, so that a restart of unmodified JULES differs by rounding.
    """
    stock = second_part(jules, grid, "stock", {}, 1, 1, hooked=False)
    claims.report(
        "change of wetness by a restart, unmodified", greatest_difference(jules.work / "stock_8", stock, "sthu")
    )
    for name in ("tables", "moisture", "properties"):
        files = kinds(jules.work)[name]
        one = second_part(jules, grid, name, files, 1, 1)
        claims.check(
            f"change of wetness by a restart: {name}",
            greatest_difference(jules.work / f"{name}_8_1", one, "sthu"),
            "<=",
            1e-5,
        )
        for before, after in ((2, 2), (1, 3), (3, 2)):
            several = second_part(jules, grid, name, files, before, after)
            claims.check(
                f"values that differ, restart on one rank and from {before} on {after}: {name}",
                differing_values(one, several),
                "<=",
                0,
            )


def second_part(
    jules: MpiJules, grid: Path, name: str, files: dict[str, str], before: int, after: int, *, hooked: bool = True
) -> Path:
    """Run the first days on some ranks, start again from the dump on others, and return the folder of the second run."""
    middle = np.datetime64(START[:10]) + np.timedelta64(FIRST_DAYS, "D")
    first = jules.prepare(grid, f"first_{name}_{before}_{after}", files)
    rewrite(first, {"jules_time": {"main_run_end": f"{middle} 00:00:00"}})
    jules.run(first, before, hooked=hooked)
    (dump,) = (first / "output").glob(f"*.dump.{str(middle).replace('-', '')}.*.nc")
    second = jules.prepare(grid, f"second_{name}_{before}_{after}", files)
    start = {"main_run_start": f"{middle} 00:00:00"}
    rewrite(second, {"jules_time": start, "jules_initial": {"dump_file": True, "file": str(dump), "nvars": 0}})
    return jules.run(second, after, hooked=hooked)


def one_rank_fails(claims: Claims, jules: MpiJules, grid: Path) -> None:
    """Check that an error of one rank ends the run with its message and complete output until then."""
    folder = jules.prepare(grid, "fails", python_hook("moisture", "FailsInTheNorth", NUDGE))
    done = jules.start(folder, 3)
    text = done.stdout + done.stderr
    stopped = done.returncode != 0 and "no series in the north" in text and output_file(folder).is_file()
    differing = differing_values(jules.work / "moisture_8_1", folder) if stopped else -1
    claims.check("one rank of three fails: run stopped, with its message", stopped, ">=", 1)
    claims.check("values that differ until then", differing if stopped else np.nan, "<=", 0)


def processor_time(claims: Claims, jules: MpiJules, extra: dict[str, dict[str, object]]) -> None:
    """Compare the processor time of runs with that of unmodified JULES, alternately."""
    grid = jules.work / "timed"
    write_grid(grid, TIMED_SIZE, TIMED_DAYS, extra)
    rewrite(grid, {"jules_output_profile": {"output_period": 86400}})
    ways = {name: files for name, files in kinds(jules.work).items() if name in LIMITS}
    folders = {name: jules.prepare(grid, f"timed_{name}", files) for name, files in {"stock": {}, **ways}.items()}
    runs = {name: partial(jules.run, folder, 1, hooked=name != "stock") for name, folder in folders.items()}
    seconds = alternate(runs, ROUNDS).processor
    claims.report(
        f"processor time of {TIMED_DAYS} days at {TIMED_SIZE**2} points, unmodified",
        statistics.median(seconds["stock"]),
        unit="s",
    )
    for name, limit in LIMITS.items():
        relative = ratios(seconds, name)
        claims.check(
            f"processor time, {name} / unmodified, {TIMED_SIZE**2} points", statistics.median(relative), "<=", limit,
            note=f"median of {ROUNDS} rounds, {min(relative):.3f} to {max(relative):.3f}",
        )  # fmt: skip


def main() -> int:
    quick = argument_parser(__doc__).parse_args().quick
    claims = Claims("bridge_mpi_jules", quick=quick)
    if claims.lacks(VARIABLES, "hooks in a real JULES on several ranks"):
        return 0
    build = Path(os.environ["JULES_MPI_BUILD_DIR"])
    compiler = os.environ.get("JULES_MPI_FC", "mpif90")
    libraries = shlex.split(os.environ.get("JULES_MPI_LIBRARIES", "-lnetcdff"))
    extra: dict[str, dict[str, object]] = tomllib.loads(f"entries = {os.environ.get('JULES_EXTRA_ENTRIES') or '{}'}")[
        "entries"
    ]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        hooked, _ = hooked_jules(build, work, compiler=compiler, libraries=libraries)
        stock = work / "jules.exe"
        link = [compiler, "-o", str(stock), *map(str, objects_of(build)), *libraries]
        subprocess.run(link, check=True, capture_output=True)
        launcher = tuple(shlex.split(os.environ.get("JULES_MPIEXEC", "mpiexec")))
        jules = MpiJules(stock, hooked, launcher, work)
        claims.report("hooks in JULES with MPI", 1, note=os.environ["JULES_VERSION"])
        write_grid(work / "grid_8", 8, DAYS, extra)
        same_over_ranks(claims, jules, 8, work / "grid_8", (2,) if quick else (2, 3))
        if quick:
            claims.not_measured("32x32 points, restarts, an error of one rank, processor time", why="--quick")
            return claims.finish()
        restarted(claims, jules, work / "grid_8")
        one_rank_fails(claims, jules, work / "grid_8")
        write_grid(work / "grid_32", 32, DAYS, extra)
        same_over_ranks(claims, jules, 32, work / "grid_32", (2, 3))
        processor_time(claims, jules, extra)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
