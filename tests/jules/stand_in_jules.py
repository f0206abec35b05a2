"""A stand-in for a JULES executable: reads the namelists, prints the messages of JULES, and writes output.

The file ``behaviour`` in the current folder contains one word:

``well``    runs to its end;
``fatal``   stops half way with a fatal message, and exits with 1;
``hang``    prints a fatal message and then waits, as other ranks of MPI may;
``crash``   writes half of its output and dies by a signal;
``full``    finds no space left on the device;
``slow``    runs slowly, so that a test can interrupt it;
``silent``  runs to its end and writes no output;
``dumps``   writes dumps and no other output;
``cut``     ends half way with exit status 0, as a script does that ignores the exit status of JULES;
``hooks``   runs to its end with hooks, ``off`` with hooks that are linked and off.

It needs only the standard library, so that it starts quickly; its output is text.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

HOOKS = {"hooks": "hooks on: respiration (native)", "off": "hooks are linked and off: jules_ml.nml is absent"}
FORMAT = "%Y-%m-%d %H:%M:%S"


def entry(file: Path, name: str) -> str:
    """One entry of a namelist file, as text without quotes."""
    match = re.search(rf"(?im)^[ \t]*{name}[ \t]*=[ \t]*('[^']*'|[^,\s]+)", file.read_text(encoding="ascii"))
    if match is None:
        fatal(f"Error reading {file.name}: no {name}")
    return match[1].strip("'")


class Date360:
    """Date and time in a calendar of 360 days, counted in seconds from the year 0."""

    def __init__(self, seconds: float) -> None:
        self.seconds = round(seconds)

    def __sub__(self, other: Date360) -> timedelta:
        return timedelta(seconds=self.seconds - other.seconds)

    def __add__(self, length: timedelta) -> Date360:
        return Date360(self.seconds + length.total_seconds())

    def __format__(self, form: str) -> str:
        day, second = divmod(self.seconds, 86400)
        month, day = divmod(day, 30)
        numbers = {"Y": f"{month // 12:04d}", "m": f"{month % 12 + 1:02d}", "d": f"{day + 1:02d}"}
        numbers |= {"H": f"{second // 3600:02d}", "M": f"{second // 60 % 60:02d}", "S": f"{second % 60:02d}"}
        return re.sub("%([YmdHMS])", lambda match: numbers[match[1]], form)


def moment(times: Path, name: str) -> Any:
    """One time of the run, in its calendar."""
    text = entry(times, name)
    if re.search(r"(?i)\bl_360\s*=\s*\.?t", times.read_text(encoding="ascii")) is None:
        return datetime.strptime(text, FORMAT)
    year, month, day, hour, minute, second = (int(number) for number in re.findall(r"\d+", text))
    return Date360(86400 * (360 * year + 30 * (month - 1) + day - 1) + 3600 * hour + 60 * minute + second)


def print_now(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    folder = Path(sys.argv[1])
    behaviour_file = Path("behaviour")
    behaviour = behaviour_file.read_text(encoding="ascii").strip() if behaviour_file.is_file() else "well"
    print_now("[INFO] READ_NML_JULES_PRNT_CONTROL: Reading JULES_PRNT_CONTROL namelist...")
    times = folder / "timesteps.nml"
    start, end = (moment(times, name) for name in ("main_run_start", "main_run_end"))
    step = timedelta(seconds=float(entry(times, "timestep_len")))
    # JULES too stops where an input file is missing
    drive = Path(entry(folder / "drive.nml", "file"))
    if not drive.is_file():
        fatal(f"file_ascii_open: Error opening file {drive}")
    print_now("[WARNING] INIT_DRIVE: No diffuse shortwave radiation")
    if behaviour in HOOKS:
        print_now(f"[INFO] jules_ml: {HOOKS[behaviour]}")
    n = int((end - start) / step)
    for number in range(1, n + 1):
        if number % 48 == 0 or behaviour == "slow":
            print_now(f"[INFO] next_time: Timestep: {number}; Started at: {start + number * step:{FORMAT}}")
        if behaviour == "slow":
            time.sleep(0.05)
        if number == n // 2:
            half_way(behaviour, folder, start + number * step)
            if behaviour == "cut":
                return
    print_now("[INFO] jules: Run completed successfully")
    if behaviour != "silent":
        write_output(folder, end, dumps_only=behaviour == "dumps")
    print_now("[INFO] file_ncdf_close: Closing file")


def half_way(behaviour: str, folder: Path, now: datetime) -> None:
    if behaviour == "cut":
        write_output(folder, now)
    if behaviour == "fatal":
        fatal("soil_hyd: something cannot be")
    if behaviour == "full":
        write_output(folder, now)
        fatal("file_ncdf_write_var: Error writing variable (NetCDF error - No space left on device)")
    if behaviour == "hang":
        print("[FATAL ERROR] soil_hyd: one rank of several stops", file=sys.stderr, flush=True)
        time.sleep(600)
    if behaviour == "crash":
        write_output(folder, now)
        print("Program received signal SIGFPE: Floating-point exception", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def fatal(text: str) -> NoReturn:
    print(f"[FATAL ERROR] {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def write_output(folder: Path, now: datetime, *, dumps_only: bool = False) -> None:
    out, run = (entry(folder / "output.nml", name) for name in ("output_dir", "run_id"))
    for name in (f"{run}.day.nc", f"{run}.dump.{now:%Y%m%d.0}.nc")[dumps_only:]:
        (Path(out) / name).write_text(f"until {now:{FORMAT}}", encoding="ascii")


if __name__ == "__main__":
    main()
