"""A real JULES with and without hooks, its runs, and curve tables for them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import f90nml
import numpy as np
import xarray as xr
from numpy.typing import NDArray

#: Output variables at the end of each step.
STATES = (
    "smcl", "sthu", "sthf", "t_soil", "fsth", "ftemp", "resp_s", "resp_s_gb", "cs", "sm_wilt", "sm_crit", "sm_sat",
)  # fmt: skip
#: Fluxes of water into and out of the soil [kg m-2 s-1]; ``ext`` by layer, with soil evaporation.
GAINS = ("tfall", "snow_melt_gb")
LOSSES = ("surf_roff", "sub_surf_roff", "ext")
#: Points of a table; the kinks of JULES's f are within 1/8000 of a point.
TABLE_POINTS = 4001
T_RANGE = (223.0, 333.0)
SECONDS_PER_DAY = 86400
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Jules:
    """JULES without and with hooks, and its runs."""

    stock: Path
    hooked: Path
    runs: Path
    work: Path

    def prepare(self, run: str, name: str, files: dict[str, str] | None = None, *, profile: bool = True) -> Path:
        """Copy the folder of a run without output, and add files to its namelists."""
        folder = self.work / f"{run}_{name}"
        shutil.copytree(self.runs / run, folder, ignore=shutil.ignore_patterns("output", "log"))
        (folder / "output").mkdir()
        for file, text in (files or {}).items():
            (folder / "nml" / file).write_text(text, encoding="utf-8")
        states, fluxes = (STATES, (*GAINS, *LOSSES)) if profile else (("t_soil",), ())
        output = {
            "jules_output": {"run_id": run, "output_dir": "output", "nprofiles": 1, "dump_period": 1},
            "jules_output_profile": {
                "profile_name": "steps",
                "file_period": 0,
                "output_main_run": True,
                "output_period": 1800 if profile else SECONDS_PER_DAY,
                "nvars": len(states) + len(fluxes),
                "var": [*states, *fluxes],
                "output_type": [*["S"] * len(states), *["M"] * len(fluxes)],
            },
        }
        f90nml.Namelist(output).write(folder / "nml" / "output.nml", force=True)
        return folder

    def start(self, folder: Path, *, hooked: bool) -> subprocess.CompletedProcess[str]:
        """Run JULES; the run may fail."""
        exe = self.hooked if hooked else self.stock
        return subprocess.run([str(exe), "nml"], cwd=folder, capture_output=True, text=True, check=False)

    def complete(self, folder: Path, *, hooked: bool) -> None:
        """Run JULES, which must succeed."""
        done = self.start(folder, hooked=hooked)
        if done.returncode != 0:
            raise SystemExit(f"JULES failed in {folder.name}:\n{(done.stdout + done.stderr)[-2000:]}")

    def output(self, folder: Path, *, hooked: bool) -> xr.Dataset:
        """Run JULES and return its output without the dimensions x and y."""
        self.complete(folder, hooked=hooked)
        return read_output(folder)


def read_output(folder: Path) -> xr.Dataset:
    """The output of a run of one point."""
    (path,) = (folder / "output").glob("*.steps.nc")
    with xr.open_dataset(path) as ds:
        return ds.load().squeeze(("y", "x"))


@dataclass(frozen=True)
class Scheme:
    """The respiration scheme of a run."""

    pools: int
    layered: bool
    level2: bool

    @classmethod
    def of(cls, folder: Path) -> Scheme:
        """Read the scheme from the namelists of a run."""
        group = f90nml.read(folder / "nml" / "jules_soil_biogeochem.nml")["jules_soil_biogeochem"]
        return cls(
            pools=4 if group.get("soil_bgc_model", 1) == 2 else 1,
            layered=bool(group.get("l_layeredc", False)),
            level2=bool(group.get("l_soil_resp_lev2", False)),
        )

    @property
    def x(self) -> str:
        """Abscissa of the moisture curve."""
        return "sthu+sthf" if self.level2 else "sthu"


def table(name: str, x: str, values: Array, x_min: float, x_max: float) -> str:
    """A curve table as a namelist."""
    units = {"t_soil": "K"}.get(x, "1")
    lines = ",\n".join(", ".join(f"{y:.17g}" for y in row) for row in np.array_split(values, len(values) // 4))
    return (
        f"&jules_ml_curve\nversion = 1, name = '{name}', x = '{x}', x_units = '{units}',\nx_min = {x_min}, x_max = {x_max}, "
        f"n = {len(values)},\nseen_min = {x_min}, seen_max = {x_max}, reference = 1.0,\ny =\n{lines}\n/\n"
    )


RESPIRATION = "&jules_ml_respiration\nfsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'\n/\n"


def tables(scheme: Scheme, f: Callable[[Array], Array], g: Callable[[Array], Array]) -> dict[str, str]:
    """Files that put two respiration curves into a run."""
    wetness = np.linspace(0.0, 1.0, TABLE_POINTS)
    temperature = np.linspace(*T_RANGE, TABLE_POINTS)
    return {
        "jules_ml.nml": RESPIRATION,
        "fsth.nml": table("fsth", scheme.x, f(wetness), 0.0, 1.0),
        "ftemp.nml": table("ftemp", "t_soil", g(temperature), *T_RANGE),
    }


def learned_f(wetness: Array) -> Array:
    """A moisture modifier unlike that of JULES: low in dry and in wet soil."""
    return np.asarray(0.05 + 0.95 * np.exp(-(((wetness - 0.55) / 0.25) ** 2)))


def learned_g(temperature: Array) -> Array:
    """The temperature modifier of Lloyd and Taylor (1994), 1 at 282.4 K."""
    return np.asarray(np.exp(308.56 * (1.0 / (282.4 - 227.13) - 1.0 / np.maximum(temperature - 227.13, 1.0))))
