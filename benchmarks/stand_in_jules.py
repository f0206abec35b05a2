"""A stand-in for a JULES executable with a fixed processor time, to measure the overhead of ensembles.

It reads the namelists, prints the messages of JULES, and writes daily output in which respiration is proportional to ``q10_soil``. The
environment variable ``STAND_IN_SECONDS`` is the processor time, with its start; ``STAND_IN_FATAL`` is a value of ``q10_soil`` above
which it stops with a fatal message, ``STAND_IN_KILLED`` is one above which it is killed.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.io import netcdf_file

_FORMAT = "%Y-%m-%d %H:%M:%S"


def entry(text: str, name: str) -> str:
    match = re.search(rf"\b{name}\s*=\s*'?([^',/\n]+)", text, re.IGNORECASE)
    assert match is not None, name
    return match[1].strip()


def main() -> None:
    folder = Path(sys.argv[1])
    read = {name: (folder / f"{name}.nml").read_text(encoding="utf-8") for name in ("timesteps", "output")}
    start, end = (
        datetime.strptime(entry(read["timesteps"], name), _FORMAT) for name in ("main_run_start", "main_run_end")
    )
    q10 = float(entry((folder / "jules_soil_biogeochem.nml").read_text(encoding="utf-8"), "q10_soil"))
    print("[INFO] READ_NML_JULES_PRNT_CONTROL: Reading JULES_PRNT_CONTROL namelist...", flush=True)
    n = max((end - start).days, 1)
    print(f"[INFO] next_time: Timestep: 48; Started at: {start + timedelta(days=1):{_FORMAT}}", flush=True)
    if q10 > float(os.environ.get("STAND_IN_FATAL", "1e9")):
        print("[FATAL ERROR] microbe: q10_soil cannot be", file=sys.stderr, flush=True)
        raise SystemExit(1)
    if q10 > float(os.environ.get("STAND_IN_KILLED", "1e9")):
        os.kill(os.getpid(), signal.SIGKILL)
    seconds = float(os.environ.get("STAND_IN_SECONDS", "0"))
    while time.process_time() < seconds:
        pass
    out = Path(entry(read["output"], "output_dir")) / f"{entry(read['output'], 'run_id')}.day.nc"
    with netcdf_file(out, "w") as file:
        for dim, size in (("time", n), ("soil", 4), ("y", 1), ("x", 1)):
            file.createDimension(dim, size)
        variables = (
            ("time", ("time",), 86400.0 * np.arange(1, n + 1), f"seconds since {start:{_FORMAT}}"),
            ("sthu", ("time", "soil", "y", "x"), np.full((n, 4, 1, 1), 0.5), "1"),
            ("resp_s_gb", ("time", "y", "x"), 1e-8 * q10 * np.ones((n, 1, 1)), "kg m-2 s-1"),
        )
        for name, dims, values, units in variables:
            variable = file.createVariable(name, "d", dims)
            variable[:] = values
            variable.units = units
    print("[INFO] jules: Run completed successfully", flush=True)
    print("[INFO] file_ncdf_close: Closing file", flush=True)


if __name__ == "__main__":
    main()
