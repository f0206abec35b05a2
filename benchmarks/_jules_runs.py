"""Runs of a real JULES by experiment files: Loobos and NEON towers, in a folder to work in."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run import JulesRun, run_jules
from jules_ml.jules.template import write_site
from jules_ml.physics.soil_names import LAYERED
from jules_ml.support.namelist_text import Value

RUNS = ("colvg", "colbc", "gl4", "trif", "layeredcn")
YEAR = "2019-01-01T{hour:02d}:00:00", "2020-01-01T{hour:02d}:00:00"
#: Settings of the full surface, beyond those of the template.
FULL_SURFACE: dict[str, dict[str, Value]] = {
    "jules_snow": {"nsmax": 3, "dzsnow": [0.1, 0.2, 0.2]},
    "jules_vegetation": {"can_rad_mod": 6},
}
TYPES = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "bare_soil")


@dataclass(frozen=True)
class Jules:
    """An executable, its runs, a working folder, and entries that the executable needs in addition to those of a release."""

    executable: Path
    runs: Path
    work: Path
    extra: str

    def user(self, run: str) -> Path:
        """Copy a run as the folder of a user."""
        folder = self.work / run
        if not folder.is_dir():
            shutil.copytree(self.runs / run, folder, ignore=shutil.ignore_patterns("output", "log"))
            for path in folder.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    def run(
        self, folder: Path, name: str, *, via: str = "", jules: str = "", run: str = "", own: bool = True
    ) -> JulesRun:
        """Run a folder by an experiment file."""
        path = self.work / f"{name}.toml"
        extra = f"set = {self.extra}\n{branch_entries(self.extra)}" if self.extra and not own else ""
        path.write_text(
            f'[jules]\nfolder = "{folder}"\nexecutable = "{self.executable}"\n{extra}{jules}\n[run]\nmodel = "jules"\n'
            f"via = [{via}]\n{run}\n",
            encoding="utf-8",
        )
        return run_jules(load_experiment(path), self.work / f"{folder.name}_{name}")


def branch_entries(extra: str) -> str:
    """Return the line of an experiment that lists the names in ``JULES_EXTRA_ENTRIES``, which no release of JULES has."""
    groups = tomllib.loads(f"set = {extra or '{}'}")["set"]
    return f"branch_entries = {[name for entries in groups.values() for name in entries]}\n"


def with_full_surface(folder: Path, extra: str) -> Path:
    """Give a run folder of the template snow in three layers and a canopy of ten layers, and what an executable needs besides."""
    namelists = NamelistFolder.read(folder / "namelists")
    own = tomllib.loads(f"set = {extra or '{}'}")["set"]
    for group in {**FULL_SURFACE, **own}:
        namelists.set(group, {**FULL_SURFACE.get(group, {}), **own.get(group, {})})
    namelists.write(folder / "edited")
    shutil.rmtree(folder / "namelists")
    (folder / "edited").rename(folder / "namelists")
    return folder


def daily_output(executable: Path, folder: Path) -> xr.Dataset:
    """Run JULES in a run folder of the template, and return its daily output."""
    (folder / "output").mkdir(exist_ok=True)
    subprocess.run([str(executable), "namelists"], cwd=folder, check=True, capture_output=True)
    (path,) = (folder / "output").glob("*.day.nc")
    with xr.open_dataset(path) as opened:
        return opened.load()


def drawn_soil(rng: np.random.Generator, layers: int, *, van_genuchten: bool) -> dict[str, np.ndarray]:
    """Draw soil properties: a different soil in each layer, from sand to clay and peat."""
    sm_sat = rng.uniform(0.3, 0.7, layers)
    wilt = rng.uniform(0.1, 0.35, layers)
    crit = wilt + rng.uniform(0.15, 0.4, layers)
    return {
        "b": rng.uniform(0.4, 4.0, layers) if van_genuchten else rng.uniform(3.0, 12.0, layers),
        "sathh": np.exp(rng.uniform(np.log(0.03), np.log(1.0), layers)),
        "satcon": np.exp(rng.uniform(np.log(5e-4), np.log(0.1), layers)),
        "sm_sat": sm_sat,
        "sm_crit": sm_sat * crit,
        "sm_wilt": sm_sat * wilt,
        "hcap": rng.uniform(0.6e6, 1.6e6, layers),
        "hcon": rng.uniform(0.06, 0.35, layers),
    }


def tower(jules: Jules, towers: xr.Dataset, site: str, data: Path) -> Path:
    """Write the run folder of a NEON tower for one year."""
    folder = jules.work / site
    if folder.is_dir():
        return folder
    s = towers.sel(site=site)
    # by its longitude the offset of DELA is -6; its table has -5
    offset = -6 if site == "DELA" else round(float(s["utc"]))
    fractions = [float(x) for x in str(s["surface_fracs_BT_NT_C3_C4_SH_soil"].item()).split()]
    leaves = [float(x) for x in str(s["laimax_BT_NT_C3_C4_SH"].item()).split()] + [0.0]
    lines = [
        f"[site]\nlatitude = {float(s['lat'])}\nlongitude = {float(s['lon'])}\nelevation = {float(s['elev'])}",
        f'[data]\nreader = "neon_driving"\npath = "{data}/jules/neon_hourly_driving.nc"\ntower = "{site}"',
        f"utc_offset_hours = {offset}",
        '[soil]\nform = "van_genuchten"\n[soil.properties]',
        *(f"{name} = {float(s[f'soil_{name}'])}" for name in (*LAYERED, "theta_r")),
        *(
            f'[[surface.tiles]]\ntype = "{kind}"\nfrac = {fraction}' + (f"\nlai = {lai}" if lai else "")
            for kind, fraction, lai in zip(TYPES, fractions, leaves, strict=True)
            if fraction > 0.0
        ),
        f"[carbon]\ncs = {float(s['cs'])}",
        "[run]\n" + "\n".join(f"{k} = {v.format(hour=-offset)}" for k, v in zip(("start", "end"), YEAR, strict=True)),
        "[run.spin_up]\ncycles = 2",
    ]
    path = jules.work / f"{site}_site.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_site(load_experiment(path), folder)
    return folder
