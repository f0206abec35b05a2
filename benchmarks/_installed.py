"""What a new user does first, with the installed package: run by the interpreter of an installation, outside the checkout.

Run as ``PYTHON benchmarks/_installed.py FOLDER``; prints a JSON object with an empty text or an error for each command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "docs" / "examples"
#: Days of synthetic weather.
DAYS = 10
#: A module for the Python backend, the same function as the tables.
CALLABLE = "def respiration(sthu, t_soil, **_):\n    return 0.2 + 0.8 * sthu, 2 ** ((t_soil - 282.4) / 10)\n"


def jules_ml(folder: Path, *arguments: str) -> str:
    """Run a command, with no program in PATH but those of the installation; return its output."""
    program = Path(sys.executable).parent / "jules-ml"
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def answer(folder: Path) -> None:
    """``--version`` and ``--help``."""
    import jules_ml as package

    if Path(package.__file__).is_relative_to(REPOSITORY):
        raise RuntimeError("the package is that of the checkout")
    if jules_ml(folder, "--version").strip() != f"jules_ml {package.__version__}":
        raise RuntimeError("another version")
    if "evaluate" not in jules_ml(folder, "--help"):
        raise RuntimeError("no list of commands")


def template(folder: Path) -> None:
    """``init jules``."""
    jules_ml(folder, "init", "jules", "--out", "point")
    if not any((folder / "point").rglob("timesteps.nml")):
        raise RuntimeError("no namelists")


def column(folder: Path) -> None:
    """``run`` of the column of docs/examples/calibrate.toml with synthetic weather."""
    sys.path.insert(0, str(EXAMPLES))
    import pandas as pd
    from make_inputs import weather  # type: ignore[import-not-found]

    starts = pd.date_range("2019-04-01", periods=24 * DAYS, freq="1h")
    times = (starts + pd.Timedelta("1h")).strftime("%Y-%m-%d %H:%M")
    pd.DataFrame({"time": times, **weather(starts, seed=0)}).to_csv(folder / "tower.csv", index=False)
    text = (EXAMPLES / "calibrate.toml").read_text(encoding="utf-8").partition("[calibration]")[0]
    lines = [line for line in text.splitlines() if not line.startswith(("theta_5cm", "le "))]
    (folder / "tower.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    jules_ml(folder, "run", "tower.toml", "--out", "run")
    import xarray as xr

    with xr.open_dataset(folder / "run" / "column.nc") as run:
        if run.sizes["time"] != DAYS:
            raise RuntimeError(f"{run.sizes['time']} days")


def bridge(folder: Path) -> None:
    """The library of the bridge without a compiler: tables in Fortran, and the same function through Python."""
    import numpy as np

    from jules_ml.bridge.library import Bridge
    from jules_ml.bridge.shared_library import PACKAGED, bridge_library
    from jules_ml.jules.curve_files import write_curve
    from jules_ml.learned.respiration.tables import CurveTable

    if bridge_library() != PACKAGED:
        raise RuntimeError("the library is not that of the package")
    wetness, temperature = np.linspace(0, 1, 11), np.linspace(250, 320, 2001)
    curve = CurveTable("fsth", "sthu", 0, 1, 0.2 + 0.8 * wetness, 0, 1, 0.5)
    write_curve(curve, folder / "fsth.nml")
    growth = 2 ** ((temperature - 282.4) / 10)
    write_curve(CurveTable("ftemp", "t_soil", 250, 320, growth, 250, 320, 282.4), folder / "ftemp.nml")
    (folder / "served_here.py").write_text(CALLABLE, encoding="utf-8")
    sys.path.insert(0, str(folder))
    sthu, t_soil = np.linspace(0.1, 0.9, 40).reshape(4, 10), np.linspace(270.0, 300.0, 40).reshape(4, 10)
    full = np.full_like(sthu, 0.4)
    results = []
    library = Bridge()
    for entries in (
        "fsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'",
        "backend = 'python', python_callable = 'served_here:respiration'",
    ):
        (folder / "jules_ml.nml").write_text(f"&jules_ml_respiration {entries} /\n", encoding="utf-8")
        library.start(folder / "jules_ml.nml")
        results.append(library.respiration(sthu, 0 * sthu, full, 0.3 * full, t_soil, np.ones(10, dtype=bool)))
        library.stop()
    difference = max(float(abs(a / b - 1).max()) for a, b in zip(*results, strict=True))
    if difference > 1e-5:
        raise RuntimeError(f"the backends differ by {difference:.2g}")


STEPS: dict[str, Callable[[Path], None]] = {
    "jules-ml --version, --help": answer,
    "jules-ml init jules": template,
    "jules-ml run, the column for ten days": column,
    "library of the bridge, both backends": bridge,
}


def outcomes(folder: Path) -> dict[str, str]:
    """Return an empty text or the error of each step."""
    results = {}
    for name, step in STEPS.items():
        try:
            step(folder)
        except Exception as error:  # each step is reported
            results[name] = f"{type(error).__name__}: {error}"
        else:
            results[name] = ""
    return results


def environment(folder: Path, bin_folder: Path) -> dict[str, Any]:
    """Environment without compilers, without the checkout and with an empty cache."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
    }
    return kept | {
        "PATH": str(bin_folder),
        "HOME": str(folder),
        "JULES_ML_CACHE_DIR": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "VIRTUAL_ENV": str(bin_folder.parent),
    }


if __name__ == "__main__":
    print(json.dumps(outcomes(Path(sys.argv[1]))))
