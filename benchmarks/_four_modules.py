"""All four learned modules in one closed loop at Loobos: small modules, trained within minutes on the shared records.

Respiration is trained on two years of Hyytiälä, moisture on NEON's sound towers, carbon on the same with their cores. Hydraulics are
pre-trained on HYPRES at NEON's towers, not calibrated, which takes an hour. There is no sensor at Loobos: where carbon is predicted, the
water content of the run of JULES in 1997 replaces it, and Loobos was not among the training sites of the moisture module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _carbon import neon
from _hyytiala import hyytiala
from _loobos import FRAC, jules_output
from _neon import DOUBTFUL, neon_record
from _neon_daily import neon_sites

from jules_ml.column.closed_loop.run import ClosedLoopRun, run_closed_loop
from jules_ml.data.readers.jules import read_jules_driving
from jules_ml.experiment import load_experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.carbon.fit import fit_carbon_sites
from jules_ml.learned.carbon.table import CarbonSite, climate_of
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.store import write_module_folder
from jules_ml.physics.constants import DAYS_PER_YEAR, SECONDS_PER_DAY

#: Inputs of the hydraulics, from the experiment.
_INPUTS = ("soc_density", "bulk_density", "precip_annual", "sand", "clay")
_EXPERIMENT = """\
[site]
name = "NL-Loo"
latitude = 52.168
longitude = 5.744
elevation = 25.0

[data]
reader = "jules_driving"
path = "{weather}"
start = 1996-12-31T23:00:00
period = 1800.0

[soil.texture]
pedotransfer = "hypres"
sand = 0.91
silt = 0.06
clay = 0.03
bulk_density = [1350.0, 1400.0, 1550.0, 1600.0]
organic_carbon = [0.02, 0.012, 0.004, 0.002]

[surface]
albsoil = 0.11

[[surface.tiles]]
type = "broadleaf_tree"
frac = 0.355

[[surface.tiles]]
type = "needleleaf_tree"
frac = 0.355

[[surface.tiles]]
type = "c3_grass"
frac = 0.208

[[surface.tiles]]
type = "bare_soil"
frac = 0.082

[carbon]
cs = 12.1

[modules]
respiration = "respiration"
base_rate = "jules"

[closed_loop]
years = {years}
litter = 0.5
carbon = "carbon"
hydraulics = "hydraulics"
{moisture}
[run]
model = "column"
{end}
[run.initial]
sthuf = [0.6, 0.6, 0.6, 0.6]
t_soil = [277.0, 277.5, 279.0, 282.0]
"""


@dataclass(frozen=True, eq=False)
class FourModules:
    """The loop with all four modules, and without moisture."""

    four: ClosedLoopRun
    three: ClosedLoopRun
    learning_seconds: float


def four_modules(data: Path, folder: Path, *, years: int, days: int | None = None) -> FourModules:
    """Train the modules that ``folder`` lacks, and run the loop."""
    began = time.perf_counter()
    for name, learn in (
        ("respiration", _respiration),
        ("moisture", _moisture),
        ("hydraulics", _hydraulics),
        ("carbon", _carbon),
    ):
        if not (folder / name / "card.json").is_file():
            learn(data, folder / name)
            print(f"learned {name}: {time.perf_counter() - began:.0f} s since the start", flush=True)
    learned = time.perf_counter() - began
    four, three = (
        run_closed_loop(load_experiment(_experiment(data, folder, years=years, days=days, moisture=m)))
        for m in (True, False)
    )
    return FourModules(four, three, learned)


def _experiment(data: Path, folder: Path, *, years: int, days: int | None, moisture: bool) -> Path:
    end = (
        ""
        if days is None
        else f"end = {pd.Timestamp('1996-12-31T23:00:00') + pd.Timedelta(days=days):%Y-%m-%dT%H:%M:%S}\n"
    )
    path = folder / f"loobos_{'four' if moisture else 'three'}.toml"
    path.write_text(
        _EXPERIMENT.format(
            weather=(data / "jules" / "loobos_inputs" / "Loobos_1997.dat").resolve(),
            years=years if days is None else 2 * days / DAYS_PER_YEAR,  # the first pass is free of learned moisture
            moisture='moisture = "moisture"\n' if moisture else "",
            end=end,
        ),
        encoding="utf-8",
    )
    return path


def _respiration(data: Path, out: Path) -> None:
    record = hyytiala(data).isel(time=slice(2 * 365 * 48))
    settings = RespirationSettings(members=2, inner_folds=2, inner_rows=500, test_fraction=0.2)
    fit_respiration(record, settings, out)


def _moisture(data: Path, out: Path) -> None:
    runs = data / "jules" / "neon_daily.nc"
    table = neon_sites(runs)
    records = [
        neon_record(runs, str(site), table=table).without(jules=True) for site in table.index if site not in DOUBTFUL
    ]
    settings = MoistureSettings(
        static="texture", width=16, members=2, steps=40, dilations=(1, 2, 4, 8), validation_fraction=0.0
    )
    fit_moisture([MoistureSite(record) for record in records], settings, out)


def _hydraulics(data: Path, out: Path) -> None:
    table = neon_sites(data / "jules" / "neon_daily.nc")
    inputs = [
        {
            "soc_density": float(row["soc_stock"]) / 0.3,
            "bulk_density": 1000.0 * float(row["bd"]),
            "precip_annual": float(row["P_mean"]),
            "sand": 0.01 * float(row["sand"]),
            "clay": 0.01 * float(row["clay"]),
        }
        for _, row in table.iterrows()
    ]
    settings = HydraulicSettings(members=2, hidden=8)
    network = LearnedHydraulics(list(_INPUTS), members=settings.members, hidden=settings.hidden, seed=0)
    pretrain(network, inputs)
    card = {"module": "hydraulics", "inputs": {name: {} for name in _INPUTS}, "settings": settings.model_dump()}
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores={}, predictions=xr.Dataset())


def _carbon(data: Path, out: Path) -> None:
    fit_carbon_sites([*neon(data), _loobos(data)], CarbonSettings(members=1, steps=20), out)


def _loobos(data: Path) -> CarbonSite:
    """Loobos as a site without cores: weather of 1997, and the top layer of JULES's run as if it were a sensor."""
    weather = read_jules_driving(
        data / "jules" / "loobos_inputs" / "Loobos_1997.dat", start="1996-12-31 23:00", period_seconds=1800
    )
    jules = jules_output(data, "colvg")

    def daily(values: np.ndarray) -> np.ndarray:
        days = len(values) // 48
        means: np.ndarray = np.asarray(values[: 48 * days], dtype=np.float64).reshape(days, 48).mean(1)
        return means

    precip = SECONDS_PER_DAY * daily((weather["tot_rain"] + weather["tot_snow"]).to_numpy())
    t_air, t_soil = daily(weather["t_air"].to_numpy()), daily(jules["t_soil"].to_numpy()[:, 0])
    theta = daily(jules["smcl"].to_numpy()[:, 0]) / 100.0
    n = min(len(t_air), len(theta))
    thawed = (t_air[:n] > 275.15) & (t_soil[:n] > 274.15)
    cover = {"elevation": 25.0, "frac_tree": FRAC[0] + FRAC[1], "frac_bare": FRAC[3]}
    return CarbonSite(
        name="NL-Loo",
        days=pd.date_range("1997-01-01", periods=n, freq="D"),
        theta=np.where(thawed, theta[:n], np.nan),
        precip=precip[:n],
        t_air=t_air[:n],
        t_soil=t_soil[:n],
        static=climate_of(precip, t_air) | cover,
    )
