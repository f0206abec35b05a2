"""Runs of the column on a grid of 10 000 points for a year: one and two ranks, memory, interruption, and a projection.

The weather is that of Loobos in 1997, displaced at each point, in 3-hourly files of WFDE5's layout; soil and cover differ at each point.
Two processors of a shared machine give two programs less than twice the speed of one: the speed-up of two ranks is therefore judged by
that of two programs that know nothing of each other, with half of the points each, in the same run of the benchmark. Times are without the
start of Python; a first run of one month compiles the step.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import Claims, argument_parser
from _ensemble import mpiexec
from _grid import experiment, seconds_together, watched, write_grid

from jules_ml.physics.compilation import NO_COMPILER, can_compile

#: Target of the projection: land points of Great Britain at 1 km, and years.
POINTS, YEARS, CORES = 250_000, 30, 128


def same(first: Path, second: Path) -> bool:
    """Whether the outputs of two runs are equal to the last bit."""
    with xr.open_dataset(first / "grid.nc") as one, xr.open_dataset(second / "grid.nc") as two:
        return all(np.array_equal(one[name], two[name], equal_nan=True) for name in one.data_vars)


def ranks(claims: Claims, folder: Path, path: Path, *, points: int, months: int) -> None:
    """Run with one and with two ranks, and two halves by themselves."""
    one = watched(path, folder / "one")
    seconds = float(one.summary["wall_seconds"])
    month = float(watched(experiment(folder, "month", months=1), folder / "month").summary["wall_seconds"])
    rate = points * (months - 1) / 12.0 / (seconds - month)
    note = f"{month:.1f} s of it for start-up and the first month; then {rate:.1f} point-years/s"
    claims.report(f"{points} points, {months} months, one process", seconds, unit="s", note=note)
    early, late = one.after(min(2, months - 1)), one.after(months)
    claims.check(
        "peak memory at the end of the run over that of the second month",
        late / early,
        "<=",
        1.05,
        note=f"{early:.0f} and {late:.0f} MB",
    )
    projection(claims, rate, one.after(months))
    if mpiexec() is None:
        claims.not_measured("two ranks", ">=", 0.95, why="mpi4py with its mpiexec is not installed")
        return
    two = float(watched(path, folder / "two", ranks=2).summary["wall_seconds"])
    halves = [
        experiment(folder, name, months=months, south=south, north=north)
        for name, south, north in (("south", 49.0, 55.0), ("north", 55.0, 61.0))
    ]
    strangers = seconds_together(halves, [folder / "out_south", folder / "out_north"])
    claims.report("two programs that know nothing of each other, times one", seconds / strangers)
    claims.report("two ranks, times one", seconds / two, note=f"{seconds:.1f} and {two:.1f} s")
    claims.check("speed-up of two ranks over that of two programs", strangers / two, ">=", 0.95)
    claims.check(
        "outputs of two ranks that differ from those of one", float(not same(folder / "one", folder / "two")), "<=", 0
    )


def interruption(claims: Claims, folder: Path, path: Path, *, months: int) -> None:
    """Kill a run at half of its time, and continue it with another number of ranks."""
    out = folder / "killed"
    number = 2 if mpiexec() is not None else 1
    watched(path, out, ranks=number, kill_after=lambda done: done >= max(months // 2, 1))
    claims.check("results in the folder of a killed run", float((out / "grid.nc").exists()), "<=", 0)
    watched(path, out, "--resume")
    note = f"killed with {number} ranks, continued with one"
    claims.check("outputs of a continued run that differ", float(not same(folder / "one", out)), "<=", 0, note=note)


def land_surface(claims: Claims, folder: Path, *, months: int) -> None:
    """Run the southern fifth of the grid with JULES's land surface."""
    seconds = {}
    # the first run compiles the step
    for name, count in (("first", 1), ("again", 1), ("all", months)):
        path = experiment(folder, f"land_{name}", months=count, south=49.0, north=51.0, physics=True)
        finished = watched(path, folder / f"land_{name}").summary
        seconds[name] = float(finished["wall_seconds"])
    claims.report("with JULES's land surface: a first run of one month, compiling", seconds["first"], unit="s")
    rate = int(finished["points"]) * (months - 1) / 12.0 / (seconds["all"] - seconds["again"])
    hours = POINTS * YEARS / rate / 3600.0
    note = f"{finished['points']} points; {POINTS} points for {YEARS} years are {hours:.0f} core-hours"
    claims.report("with JULES's land surface, one process", rate, unit="point-years/s", note=note)


def projection(claims: Claims, rate: float, memory: float) -> None:
    """Project to a grid of a country."""
    hours = POINTS * YEARS / rate / 3600.0
    note = f"{POINTS} points x {YEARS} years / {rate:.1f} point-years a second a core; {hours / CORES:.1f} h on {CORES} cores"
    claims.report(f"{POINTS} points, {YEARS} years", hours, unit="core-hours", note=note)
    claims.report(
        "memory of a process",
        memory,
        unit="MB",
        note="does not grow with years; driving data of 10 days and its points",
    )


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("grid", quick=options.quick)
    claims.report(
        "load of the machine when begun", os.getloadavg()[0], unit="processes", note=f"{os.cpu_count()} processors"
    )
    if not can_compile():
        claims.not_measured("a grid", why=NO_COMPILER)
        return claims.finish()
    rows, columns, months = (20, 25, 4) if options.quick else (100, 100, 12)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_grid(options.data.resolve(), folder, rows=rows, columns=columns, months=months)
        warm = watched(experiment(folder, "warm", months=1), folder / "warm")
        claims.report("a first run of one month, compiling", float(warm.summary["wall_seconds"]), unit="s")
        path = experiment(folder, "whole", months=months)
        ranks(claims, folder, path, points=rows * columns, months=months)
        interruption(claims, folder, path, months=months)
        land_surface(claims, folder, months=min(months, 4))
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
