"""A stand-in for a JULES executable: reads the namelists it is given, speaks as JULES does, and writes output of its kind.

What it does comes from the file ``behaviour`` in the folder where it is started, one word:

``well``    runs to its end;
``fatal``   stops half way with a fatal message, and exits with 1;
``hang``    says a fatal message and then waits, as other ranks of MPI may;
``crash``   writes half of its output and dies by a signal;
``full``    finds no space left on the device;
``slow``    takes its time, for one to interrupt it.

"Prescribed" wetness is echoed as JULES would: the top layer's ``sthu`` in the output is that of the prescribed file, or 0.5.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import f90nml
import numpy as np
from scipy.io import netcdf_file

FORMAT = "%Y-%m-%d %H:%M:%S"


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    folder = Path(sys.argv[1])
    behaviour_file = Path("behaviour")
    behaviour = behaviour_file.read_text(encoding="ascii").strip() if behaviour_file.is_file() else "well"
    say("[INFO] READ_NML_JULES_PRNT_CONTROL: Reading JULES_PRNT_CONTROL namelist...")
    times = f90nml.read(folder / "timesteps.nml")["jules_time"]
    start, end = (datetime.strptime(times[name], FORMAT) for name in ("main_run_start", "main_run_end"))
    step = timedelta(seconds=times["timestep_len"])
    # as the real one, it stops where an input is not to be had
    drive = Path(f90nml.read(folder / "drive.nml")["jules_drive"]["file"])
    if not drive.is_file():
        fatal(f"file_ascii_open: Error opening file {drive}")
    say("[WARNING] INIT_DRIVE: No diffuse shortwave radiation")
    n = int((end - start) / step)
    for number in range(1, n + 1):
        if number % 48 == 0 or behaviour == "slow":
            say(f"[INFO] next_time: Timestep: {number}; Started at: {start + number * step:{FORMAT}}")
        if behaviour == "slow":
            time.sleep(0.05)
        if number == n // 2:
            half_way(behaviour, folder, start, step, number)
    write_output(folder, start, step, n)
    say("[INFO] file_ncdf_close: Closing file")


def half_way(behaviour: str, folder: Path, start: datetime, step: timedelta, number: int) -> None:
    if behaviour == "fatal":
        fatal("soil_hyd: something cannot be")
    if behaviour == "full":
        write_output(folder, start, step, number)
        fatal("file_ncdf_write_var: Error writing variable (NetCDF error - No space left on device)")
    if behaviour == "hang":
        print("[FATAL ERROR] soil_hyd: one rank of several stops", file=sys.stderr, flush=True)
        time.sleep(600)
    if behaviour == "crash":
        write_output(folder, start, step, number)
        print("Program received signal SIGFPE: Floating-point exception", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def fatal(text: str) -> None:
    print(f"[FATAL ERROR] {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def write_output(folder: Path, start: datetime, step: timedelta, n: int) -> None:
    settings = f90nml.read(folder / "output.nml")["jules_output"]
    out = Path(settings["output_dir"])
    for name in (f"{settings['run_id']}.day.nc", f"{settings['run_id']}.dump.{start + n * step:%Y%m%d.0}.nc"):
        with netcdf_file(out / name, "w") as file:
            for dim, size in (("time", n), ("nt", 2), ("soil", 4), ("y", 1), ("x", 1)):
                file.createDimension(dim, size)
            seconds = step.total_seconds()
            for variable, dims, values, units in (
                ("time", ("time",), seconds * np.arange(1, n + 1), f"seconds since {start:{FORMAT}}"),
                (
                    "time_bounds",
                    ("time", "nt"),
                    seconds * np.stack([np.arange(n), np.arange(1, n + 1)], 1),
                    f"seconds since {start:{FORMAT}}",
                ),
                ("latitude", ("y", "x"), np.full((1, 1), 52.168), "degrees_north"),
                ("longitude", ("y", "x"), np.full((1, 1), 5.744), "degrees_east"),
                ("sthu", ("time", "soil", "y", "x"), np.full((n, 4, 1, 1), 0.5), "1"),
                ("sm_sat", ("time", "soil", "y", "x"), np.full((n, 4, 1, 1), 0.45), "m3 m-3"),
                ("t_soil", ("time", "soil", "y", "x"), np.full((n, 4, 1, 1), 280.0), "K"),
                ("latent_heat", ("time", "y", "x"), np.full((n, 1, 1), 40.0), "W m-2"),
            ):
                made = file.createVariable(variable, "d", dims)
                made[:] = values
                made.units = units


if __name__ == "__main__":
    main()
