"""A grid of many points with the weather of Loobos in 1997, and runs of it in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
from _ensemble import MPI_ENVIRONMENT, mpiexec
from numpy.typing import NDArray

COMMAND = [sys.executable, "-c", "from jules_ml.cli import main; main()", "run"]
ENVIRONMENT = {**os.environ, **MPI_ENVIRONMENT}
START = pd.Timestamp("1997-01-01")
#: Columns of the driving file, and the names of WFDE5.
NAMES = {
    "sw_down": "SWdown",
    "lw_down": "LWdown",
    "tot_rain": "Rainf",
    "tot_snow": "Snowf",
    "t": "Tair",
    "wind": "Wind",
    "pstar": "PSurf",
    "q": "Qair",
}
PERIOD = 10800
TYPES = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "bare_soil")
SOIL = {
    "b": 6.63,
    "sathh": 0.04946,
    "satcon": 0.004715,
    "sm_sat": 0.45815,
    "sm_crit": 0.242433,
    "sm_wilt": 0.136328,
    "hcap": 1.185676e6,
    "hcon": 0.226873,
}
EXPERIMENT = """\
[grid]
frac = "frac.nc"
types = {types}
soil_props = "soil.nc"
monthly = true
chunk_days = 10
block = 1000
{bounds}
[grid.drive]
file = "%vv_%y4%m2.nc"
data_start = 1997-01-01T00:00:00
data_end = 1998-01-01T00:00:00
data_period = {period}
var = {var}
var_name = {names}

[soil]
form = "van_genuchten"

[carbon]
cs = 12.1

[run]
end = {end:%Y-%m-%dT%H:%M:%S}
precision = "float32"
compiled = true

[run.spin_up]
cycles = 0

[run.initial]
sthuf = 0.7
t_soil = 280.0
"""


def write_grid(data: Path, folder: Path, *, rows: int, columns: int, months: int) -> None:
    """Write ancillaries and monthly driving data of a grid in which all points are land and all are different."""
    random = np.random.default_rng(13)
    shape = (rows, columns)
    frac = random.dirichlet(np.ones(len(TYPES)), shape).transpose(2, 0, 1)
    _write(folder / "frac.nc", shape, {"frac": ("type", frac)})
    spread = {name: random.uniform(0.8, 1.25, shape) for name in ("b", "sathh", "satcon", "hcon")}
    soil = {name: ("soil", np.stack([value * spread.get(name, np.ones(shape))] * 4)) for name, value in SOIL.items()}
    _write(folder / "soil.nc", shape, soil)
    table = np.loadtxt(data / "jules" / "loobos_inputs" / "Loobos_1997.dat")
    # the file begins on 31 December at 23:00, and the last hour is repeated
    table = np.concatenate([table[2:], table[-4:]])[: 365 * 48].reshape(-1, 6, 8).mean(axis=1)
    warmer, wetter = random.normal(0.0, 3.0, shape), random.uniform(0.7, 1.4, shape)
    for month in range(months):
        begin = START + pd.DateOffset(months=month)
        first = int((begin - START) / pd.Timedelta(seconds=PERIOD))
        stop = int((begin + pd.DateOffset(months=1) - START) / pd.Timedelta(seconds=PERIOD))
        for k, (name, other) in enumerate(NAMES.items()):
            series = table[first:stop, k, None, None]
            factor = {"tot_rain": wetter, "q": np.exp(0.065 * warmer)}.get(name, np.ones(shape))
            values = series + warmer if name == "t" else series * factor
            _write(folder / f"{other}_{begin:%Y%m}.nc", shape, {other: ("time", values)})


def _write(path: Path, shape: tuple[int, int], variables: dict[str, tuple[str, NDArray[np.float64]]]) -> None:
    with netCDF4.Dataset(path, "w") as file:
        for dim, size, units in zip(("lat", "lon"), shape, ("degrees_north", "degrees_east"), strict=True):
            file.createDimension(dim, size)
            axis = file.createVariable(dim, "f8", (dim,))
            axis.units = units
            axis[:] = np.linspace(50.0, 60.0, size)
        for name, (dim, values) in variables.items():
            if dim not in file.dimensions:
                file.createDimension(dim, len(values))
            file.createVariable(name, "f4", (dim, "lat", "lon"))[:] = values


def experiment(
    folder: Path, name: str, *, months: int, south: float = 49.0, north: float = 61.0, physics: bool = False
) -> Path:
    """Write an experiment of the grid, or of the rows between two latitudes, with the simple surface or that of JULES."""
    path = folder / f"{name}.toml"
    text = EXPERIMENT.format(
        types=list(TYPES),
        bounds=f"lat_bounds = [{south}, {north}]",
        period=PERIOD,
        var=list(NAMES),
        names=list(NAMES.values()),
        end=START + pd.DateOffset(months=months),
    )
    path.write_text(text + ("\n[physics]\n" if physics else ""), encoding="utf-8")
    return path


@dataclass(eq=False)
class Watched:
    """A run that has been watched.

    Attributes
    ----------
    summary : dict
        ``run_summary.json``; empty if it was killed.
    memory : list of (int, float)
        Months written by the first block, and the greatest memory of any process until then [MB].
    """

    summary: dict[str, Any] = field(default_factory=dict)
    memory: list[tuple[int, float]] = field(default_factory=list)

    def after(self, months: int) -> float:
        """Greatest memory until so many months have been written [MB]."""
        return max(each for done, each in self.memory if done <= months)


def command(path: Path, out: Path, *words: str, ranks: int = 1) -> list[str]:
    """Command line of a run."""
    launcher = [str(mpiexec()), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, *COMMAND, str(path), "--out", str(out), "--quiet", *words]


def watched(
    path: Path, out: Path, *words: str, ranks: int = 1, kill_after: Callable[[int], bool] | None = None
) -> Watched:
    """Run a grid, and watch its memory; kill it once a number of months has been written."""
    process = subprocess.Popen(command(path, out, *words, ranks=ranks), env=ENVIRONMENT)
    result = Watched()
    while process.poll() is None:
        done = _months_written(out)
        result.memory.append((done, _peak(process.pid)))
        if kill_after is not None and kill_after(done):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return result
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(process.returncode)
    result.summary = json.loads((out / "run_summary.json").read_text(encoding="utf-8"))
    return result


def _months_written(out: Path) -> int:
    """Periods in the checkpoint of the first block."""
    try:
        with np.load(out / "unfinished" / "block_00000.npz") as saved:
            return int(saved["rows"])
    except (OSError, ValueError, EOFError):
        return 0


def _peak(process: int) -> float:
    """Peak memory of a process [MB]."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    values = [float(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmHWM")]
    return values[0] if values else 0.0


def seconds_together(paths: Sequence[Path], outs: Sequence[Path]) -> float:
    """Wall-clock time of independent runs that start together: that of the slowest, without its start-up [s]."""
    running = [subprocess.Popen(command(path, out), env=ENVIRONMENT) for path, out in zip(paths, outs, strict=True)]
    if any([process.wait() for process in running]):
        raise SystemExit(1)
    summaries = [json.loads((out / "run_summary.json").read_text(encoding="utf-8")) for out in outs]
    return max(float(each["wall_seconds"]) for each in summaries)
