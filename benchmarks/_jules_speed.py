"""Time that a JULES needs for a step of a point, on a grid on which every point is that of a point run."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import f90nml
import numpy as np
import xarray as xr

DRIVING = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")
#: Points in each direction of the grid.
SIZE = 32
#: Days of the shorter and of the longer run; their difference leaves out start and end.
DAYS = (2, 12)
#: Water and temperature of the soil at the start.
INITIAL = {"sthuf": 0.75, "t_soil": 278.0, "snow_tile": 0.0}


class JulesPoints:
    """Runs of JULES on a grid from a point run.

    Parameters
    ----------
    executable : Path
        JULES.
    run : Path
        Folder of a point run of a year, with ASCII files of weather and tile fractions. It is only read.
    scratch : Path
        Folder for the runs.
    first_day : int
        First day of the weather.
    """

    def __init__(self, executable: Path, run: Path, scratch: Path, *, first_day: int) -> None:
        self.executable = executable.resolve()
        self.folders = {days: _write(run, scratch / f"{days}_days", first_day, days) for days in DAYS}

    def seconds_a_step(self) -> float:
        """Processor seconds of a step of a point, from one run of each length."""
        times = {}
        for days, (folder, namelists) in self.folders.items():
            before = _processor_seconds()
            done = subprocess.run([self.executable, namelists], cwd=folder, capture_output=True, text=True, check=False)
            times[days] = _processor_seconds() - before
            if done.returncode:
                raise SystemExit(f"JULES failed: {(done.stdout + done.stderr)[-500:]}")
        short, long = DAYS
        return (times[long] - times[short]) / ((long - short) * 48 * SIZE * SIZE)


def _processor_seconds() -> float:
    """Processor time of all processes that have ended: other programs on the machine do not add to it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write(run: Path, folder: Path, first_day: int, days: int) -> tuple[Path, Path]:
    """Write a run on the grid, without output; return its folder and that of its namelists."""
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("output", "*.nc"))
    (folder / "output").mkdir(exist_ok=True)
    namelists = next(folder.rglob("timesteps.nml")).parent
    weather = np.loadtxt(folder / _driving_file(namelists), comments=("#", "!"))
    weather = weather[48 * first_day : 48 * (first_day + days)]
    shape = (SIZE, SIZE)
    xr.Dataset(
        {
            name: (("time", "y", "x"), np.broadcast_to(weather[:, k, None, None], (len(weather), *shape)).astype("f4"))
            for k, name in enumerate(DRIVING)
        }
    ).to_netcdf(folder / "weather.nc", format="NETCDF3_64BIT", unlimited_dims=["time"])
    cover = np.loadtxt(folder / "tile_fractions.dat", comments=("#", "!")).reshape(-1)
    latlon = f90nml.read(namelists / "model_grid.nml")["jules_latlon"]["const_val"]
    xr.Dataset(
        {
            "frac": (("type", "y", "x"), np.broadcast_to(cover[:, None, None], (cover.size, *shape))),
            "land": (("y", "x"), np.ones(shape)),
            "latitude": (("y", "x"), latlon[0] + 1e-3 * np.arange(SIZE)[:, None] + np.zeros(shape)),
            "longitude": (("y", "x"), latlon[1] + 1e-3 * np.arange(SIZE)[None, :] + np.zeros(shape)),
        }
    ).to_netcdf(folder / "grid.nc", format="NETCDF3_64BIT")
    start = np.datetime64("1996-12-31T23:00") + np.timedelta64(first_day, "D")
    begin, end = (str(x).replace("T", " ") + ":00" for x in (start, start + np.timedelta64(days, "D")))
    changes: dict[str, dict[str, dict[str, object]]] = {
        "model_grid": {
            "jules_input_grid": {"nx": SIZE, "ny": SIZE, "time_dim_name": "time"},
            "jules_land_frac": {"file": "grid.nc", "land_frac_name": "land"},
            "jules_latlon": {"file": "grid.nc", "use_file": [True, True], "var_name": ["latitude", "longitude"]},
        },
        "ancillaries": {"jules_frac": {"file": "grid.nc", "frac_name": "frac"}},
        "drive": {
            "jules_drive": {"file": "weather.nc", "var_name": list(DRIVING), "data_start": begin, "data_end": end}
        },
        "timesteps": {"jules_time": {"main_run_start": begin, "main_run_end": end}},
        "output": {"jules_output": {"nprofiles": 0}},
    }
    for file, groups in changes.items():
        _change(namelists / f"{file}.nml", groups)
    _use_constants(namelists / "initial_conditions.nml")
    return folder, namelists


def _driving_file(namelists: Path) -> str:
    return str(f90nml.read(namelists / "drive.nml")["jules_drive"]["file"])


def _change(path: Path, groups: dict[str, dict[str, object]]) -> None:
    namelist = f90nml.read(path)
    for group, entries in groups.items():
        namelist[group].update(entries)
    namelist.write(path, force=True)


def _use_constants(path: Path) -> None:
    """Start all points from constants, because an ASCII file has one point only."""
    namelist = f90nml.read(path)
    section = namelist["jules_initial"]
    section["use_file"] = [False] * len(section["var"])
    section["const_val"] = [INITIAL.get(n, v) for n, v in zip(section["var"], section["const_val"], strict=True)]
    namelist.write(path, force=True)


def main() -> None:
    """Time a JULES: executable and run folder."""
    import sys

    with tempfile.TemporaryDirectory() as scratch:
        points = JulesPoints(Path(sys.argv[1]), Path(sys.argv[2]), Path(scratch), first_day=90)
        print(points.seconds_a_step())


if __name__ == "__main__":
    main()
