"""The small land model (host) that tests the hooks: how it is run, and the files that put a module into its run.

The host has modules and procedures with the names and arguments of JULES's, traps floating-point exceptions, and keeps a netCDF file
open. It shows only that the hooks work in the host; ``benchmarks/bridge_jules.py`` tests them in a real JULES.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.paths import REPOSITORY

#: Contents of files by name.
Files = Mapping[str, str | bytes]

KINDS = ("r32", "r64")
#: Settings of the host for each scheme of soil carbon.
SCHEMES = {
    "one pool": "soil_bgc_model = 1",
    "four pools, level 2": "soil_bgc_model = 2, l_soil_resp_lev2 = .true.",
    "four pools in layers": "soil_bgc_model = 2, l_layeredC = .true.",
    "one pool in layers": "soil_bgc_model = 1, l_layeredC = .true.",
}
ICE_POINT = 5
DZ = np.array([0.1, 0.25, 0.65, 2.0])
PYTHON = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
#: Two threads. Open MPI may run as root, and with more ranks than processors.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "2",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
#: Soil moisture and soil properties to try the hooks with; a run imports its copy of it.
TRIAL_MODULE = REPOSITORY / "tests" / "jules" / "hooks" / "trial_module.py"
RESPIRATION = "&jules_ml_respiration\nfsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'\n/\n"


@dataclass(frozen=True)
class HostRun:
    """A run of the host that has ended, with or without an error; ``log`` is its stdout and stderr."""

    folder: Path
    code: int
    log: str

    @property
    def steps(self) -> pd.DataFrame:
        """Table of all ranks, one row for each step, point and level."""
        tables = [pd.read_csv(path) for path in sorted((self.folder / "output").glob("host.[0-9]*.csv"))]
        return pd.concat(tables, keys=range(len(tables)), names=["rank"]).reset_index("rank")

    @property
    def ledger(self) -> pd.DataFrame:
        """Increments that the hooks recorded in the first rank."""
        return pd.read_csv(self.folder / "output" / "host.jules_ml_increments.0000.csv", comment="#")

    def column(self, name: str) -> NDArray[np.float64]:
        """Values of a column of the table, shape (step, level, point)."""
        table = self.steps
        shape = (-1, table["level"].max(), table["point"].max())
        values: NDArray[np.float64] = table[name].to_numpy().reshape(shape)
        return values

    @property
    def output(self) -> list[str]:
        """Names of the output files."""
        return sorted(path.name for path in (self.folder / "output").iterdir())


class HostRunner:
    """Runs executables of the host, each time in a new folder."""

    def __init__(self, executables: Path, root: Path) -> None:
        self.executables = executables
        self.root = root

    def run(self, exe: str, settings: str = "", files: Files | None = None, *, launch: tuple[str, ...] = ()) -> HostRun:
        """Run an executable with files beside ``host.nml``; the run may fail."""
        folder = self.root / f"{len(list(self.root.iterdir()))}_{exe}"
        (folder / "output").mkdir(parents=True)
        (folder / "host.nml").write_text(f"&host {settings} /\n", encoding="utf-8")
        shutil.copy(TRIAL_MODULE, folder)
        for name, content in (files or {}).items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        done = subprocess.run(
            [*launch, str(self.executables / exe), "."], cwd=folder, capture_output=True, text=True, check=False,
            timeout=120, env=os.environ | ENVIRONMENT,
        )  # fmt: skip
        return HostRun(folder, done.returncode, done.stdout + done.stderr)

    def complete(
        self, exe: str, settings: str = "", files: Files | None = None, *, launch: tuple[str, ...] = ()
    ) -> HostRun:
        """Run an executable and assert that its exit status is 0."""
        run = self.run(exe, settings, files, launch=launch)
        assert run.code == 0, run.log
        return run


def curve_table(name: str, x: str, y: NDArray[np.float64], x_min: float, x_max: float) -> str:
    """Text of a curve table."""
    units = "K" if x == "t_soil" or "temperature" in x else "1"
    return (
        f"&jules_ml_curve version = 1, name = '{name}', x = '{x}', x_units = '{units}', "
        f"x_min = {x_min}, x_max = {x_max}, n = {y.size}, seen_min = {x_min}, seen_max = {x_max}, reference = 1.0,\n"
        f"y = {', '.join(f'{value:.17g}' for value in y)} /\n"
    )


F_NODES, G_NODES = np.linspace(0.0, 1.0, 65), np.linspace(240.0, 320.0, 129)
F, G = 0.1 + F_NODES**2, np.exp(0.06 * (G_NODES - 282.4))


def respiration_files(x: str = "sthu") -> dict[str, str]:
    """Files that put two respiration curves into a run."""
    return {
        "jules_ml.nml": RESPIRATION,
        "fsth.nml": curve_table("fsth", x, F, 0.0, 1.0),
        "ftemp.nml": curve_table("ftemp", "t_soil", G, 240.0, 320.0),
    }


def moisture_files(function: str, settings: str = "mode = 'replace'") -> dict[str, str]:
    """Files that put a moisture module into a run."""
    return {"jules_ml.nml": f"&jules_ml_moisture python_callable = 'trial_module:{function}', {settings} /\n{PYTHON}"}


def property_files(function: str, settings: str = "every_days = 0") -> dict[str, str]:
    """Files that put a module of soil properties into a run."""
    group = f"&jules_ml_properties python_callable = 'trial_module:{function}', {settings} /\n"
    return {"jules_ml.nml": group + PYTHON}


def tolerance(kind: str) -> float:
    """Relative tolerance of values in single (``r32``) or double precision."""
    return 1e-6 if kind == "r32" else 1e-13
