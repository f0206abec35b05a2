"""Synthetic towers for the tutorials: weather, and what the column with a known soil and known respiration gives for it.

The tables and experiment files look as those of a measured site, so that each tutorial runs without a download and its result has a known
answer. No number that a tutorial prints says anything about a real site.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.column.run import run_column
from jules_ml.data.readers.column_output import liquid_theta
from jules_ml.data.sun import mean_cos_zenith
from jules_ml.experiment import load_experiment

HOUR = pd.Timedelta("1h")
LATITUDE = 52.0
COLUMNS = {
    "sw_down": '"W m-2"',
    "lw_down": '"W m-2"',
    "precip": '"mm h-1"',
    "t_air": '"degC"',
    "wind": '"m s-1"',
    "pstar": '"Pa"',
    "q": '"kg kg-1"',
    "ustar": '"m s-1"',
    "nee": '"umol m-2 s-1"',
    "le": '"W m-2"',
}
EXPERIMENT = """\
[site]
name = "{name}"
latitude = {latitude}
longitude = 0.0
elevation = 25.0

[place]
porosity = {porosity:.3f}

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
utc_offset_hours = 0.0
stamp_at = "end"
interval = "1h"

[data.time]
columns = ["time"]
format = "%Y-%m-%d %H:%M"

[data.columns]
{columns}
theta_1 = {{variable = "theta", unit = "m3 m-3", depth = 0.05}}
theta_2 = {{variable = "theta", unit = "m3 m-3", depth = 0.2}}
t_soil_1 = {{variable = "t_soil", unit = "degC", depth = 0.05}}

{soil}

[surface]
albsoil = 0.15

[[surface.tiles]]
type = "c3_grass"
frac = 0.9
lai = 2.5

[[surface.tiles]]
type = "bare_soil"
frac = 0.1

[carbon]
cs = 9.0

[run]
model = "column"
timestep = 3600.0
mean_over = {hours}

[run.spin_up]
cycles = 1
years = 1

[respiration.rows]
nee_is_measured = true
"""
TEXTURE = """\
[soil.texture]
pedotransfer = "hypres"
sand = {sand:.2f}
silt = {silt:.2f}
clay = {clay:.2f}
bulk_density = 1300.0
organic_carbon = 0.020"""
PROPERTIES = """\
[soil]
form = "van_genuchten"

[soil.properties]
b = {b:.3f}
sathh = {sathh:.4f}
satcon = {satcon:.5f}
sm_sat = {sm_sat:.3f}
sm_crit = {sm_crit:.3f}
sm_wilt = {sm_wilt:.3f}
hcap = 1.2e6
hcon = 0.23"""


@dataclass(frozen=True)
class Tower:
    """A synthetic site. Sand and clay [1], mean temperature [degC] and annual precipitation [mm] differ between sites."""

    name: str
    sand: float = 0.5
    clay: float = 0.15
    t_mean: float = 9.0
    rain: float = 750.0
    years: int = 2
    seed: int = 1

    @property
    def soil(self) -> dict[str, float]:
        """True soil properties: sandy soil is coarser, drains faster and stores less than the pedotransfer function gives."""
        sm_sat = 0.50 - 0.15 * self.sand
        return {
            "b": 3.0 + 14.0 * self.clay,
            "sathh": 0.05 + 0.25 * self.clay,
            "satcon": 0.001 * 10.0 ** (1.2 * self.sand),
            "sm_sat": sm_sat,
            "sm_crit": sm_sat * (0.45 + 0.6 * self.clay),
            "sm_wilt": sm_sat * (0.15 + 0.6 * self.clay),
        }


def true_f(wetness: np.ndarray) -> np.ndarray:
    """Moisture modifier of all towers [1]: an optimum at a wetness of 0.65, and half of it in the driest soil."""
    return 0.5 + 0.5 * np.exp(-(((wetness - 0.65) / 0.22) ** 2))


def true_g(t_soil: np.ndarray) -> np.ndarray:
    """Temperature modifier of all towers [1], one at 282.4 K: a Q10 of 2.6."""
    return 2.6 ** ((t_soil - 282.4) / 10.0)


def weather(tower: Tower) -> pd.DataFrame:
    """Hourly weather, indexed by the end of each hour; rain comes in spells, and wet days are dull."""
    rng = np.random.default_rng(tower.seed)
    end = pd.date_range("2020-01-01 01:00", f"{2020 + tower.years}-01-01", freq="h")
    start = end - HOUR
    days = len(end) // 24
    wet = np.zeros(days, dtype=bool)
    for day in range(1, days):
        wet[day] = rng.random() < (0.6 if wet[day - 1] else 0.22)
    amount = np.where(wet, rng.gamma(0.8, 1.0, days), 0.0)
    amount *= tower.rain * tower.years / amount.sum()
    rainy = start.hour.to_numpy() % 24 // 6 == rng.integers(0, 4, days).repeat(24)
    season = np.sin(2.0 * np.pi * (start.dayofyear.to_numpy() - 110.0) / 365.25)
    anomaly = np.zeros(days)
    for day in range(1, days):
        anomaly[day] = 0.8 * anomaly[day - 1] + rng.normal(0.0, 1.6)
    dull = wet.repeat(24)
    diurnal = np.sin((start.hour.to_numpy() - 8.5) * np.pi / 12.0)
    t_air = tower.t_mean + 8.0 * season + anomaly.repeat(24) + np.where(dull, 2.0, 4.5) * diurnal
    saturation = 611.2 * np.exp(17.62 * t_air / (243.12 + t_air))
    sun = mean_cos_zenith(end, HOUR, latitude=LATITUDE, longitude=0.0)
    return pd.DataFrame(
        {
            "sw_down": sun * np.where(dull, 330.0, 850.0),
            "lw_down": np.where(dull, 330.0, 285.0) + 4.0 * (t_air - 9.0),
            "precip": np.where(rainy, amount.repeat(24) / 6.0, 0.0),
            "t_air": t_air,
            "wind": 1.5 + rng.gamma(2.0, 0.8, days).repeat(24) + 0.3 * rng.random(len(end)),
            "pstar": 100800.0 + rng.normal(0.0, 500.0, days).repeat(24) + rng.normal(0.0, 20.0, len(end)),
            "q": 0.622 * saturation.reshape(days, 24).min(1).repeat(24) * 0.95 / 1.01e5,
        },
        index=end,
    )


def write_tower(folder: Path, tower: Tower, *, mean_over: int = 24) -> Path:
    """Write ``NAME.csv`` and ``NAME.toml``, an experiment whose soil is that of the texture, and return the latter."""
    table = weather(tower)
    table = table.assign(ustar=0.0, nee=0.0, le=0.0, theta_1=0.3, theta_2=0.3, t_soil_1=9.0)
    _write_table(table, folder / f"{tower.name}.csv")
    columns = "\n".join(f'{name} = {{variable = "{name}", unit = {unit}}}' for name, unit in COLUMNS.items())
    texture = TEXTURE.format(sand=tower.sand, silt=1.0 - tower.sand - tower.clay, clay=tower.clay)
    path = folder / f"{tower.name}.toml"
    texts = {"name": tower.name, "latitude": LATITUDE, "columns": columns, "porosity": tower.soil["sm_sat"]}
    # the run with the true soil; its output is what the sensors measure
    path.write_text(EXPERIMENT.format(**texts, soil=PROPERTIES.format(**tower.soil), hours=1), encoding="utf-8")
    _write_table(_measured(table, run_column(load_experiment(path)).output, tower), folder / f"{tower.name}.csv")
    path.write_text(EXPERIMENT.format(**texts, soil=texture, hours=mean_over), encoding="utf-8")
    return path


def write_portal_file(path: Path, tower: Tower) -> None:
    """Write a daily file in the form of the COSMOS-UK portal, with synthetic values."""
    write_tower(path.parent, tower)
    hourly = pd.read_csv(path.parent / f"{tower.name}.csv", index_col="time", parse_dates=True)
    hourly.index = hourly.index - HOUR
    days = hourly.resample("D")
    mean = days.mean()
    columns = {
        ("COSMOS_VWC_1DAY", "COSMOS sensor VWC", "%"): 100.0 * mean["theta_1"],
        ("PRECIPITATION_LEVEL2_TOTAL", "Total precipitation", "mm"): days["precip"].sum(),
        ("TA_LEVEL2_MEAN", "Mean air temperature (1 day)", "Deg Celsius"): mean["t_air"],
        ("WS_LEVEL2_MEAN", "Mean wind speed (1 day)", "ms-1"): mean["wind"],
        ("TDT1_TSOIL_LEVEL2_MEAN", "Mean TDT 1 soil temperature (1 day)", "Deg Celsius"): mean["t_soil_1"],
    }
    ids, names, units = zip(*columns, strict=True)
    head = [("timestamp", "01/01/2024 00:00"), ("site-id", "SYNTH"), ("site-name", "Synthetic site")]
    head += [("parameter-id", *ids), ("parameter-name", *names), ("parameter-units", *units)]
    commas = "," * len(columns)
    lines = [",".join(line) + commas[len(line) - 1 :] for line in head]
    for day, values in zip(mean.index, np.column_stack(list(columns.values())), strict=True):
        lines.append(",".join([day.strftime("%d/%m/%Y"), *(f"{value:.5g}" for value in values)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measured(table: pd.DataFrame, output: xr.Dataset, tower: Tower) -> pd.DataFrame:
    """Table with soil moisture and temperature, latent heat and the net exchange of carbon, with errors of measurement."""
    rng = np.random.default_rng(tower.seed + 100)
    count = len(table)
    wetness = output["sthu"].isel(soil=0).to_numpy()
    t_soil = output["t_soil"].isel(soil=0).to_numpy()
    respiration = 3.0 * true_f(wetness) * true_g(t_soil)
    light = table["sw_down"].to_numpy()
    uptake = np.clip((table["t_air"].to_numpy() + 2.0) / 18.0, 0.0, 1.0) * 22.0 * light / (light + 350.0)
    noise = rng.laplace(0.0, 0.15 * (1.0 + respiration))
    return table.assign(
        ustar=0.08 + 0.12 * table["wind"] * rng.gamma(8.0, 0.125, count),
        nee=respiration - uptake + noise,
        le=output["latent_heat"].to_numpy() + rng.normal(0.0, 10.0, count),
        theta_1=liquid_theta(output, 0).to_numpy() + rng.normal(0.0, 0.003, count),
        theta_2=liquid_theta(output, 1).to_numpy() + rng.normal(0.0, 0.003, count),
        t_soil_1=t_soil - 273.15 + rng.normal(0.0, 0.1, count),
    )


def _write_table(table: pd.DataFrame, path: Path) -> None:
    table.rename_axis("time").to_csv(path, float_format="%.6g", date_format="%Y-%m-%d %H:%M")


def command(line: str, folder: Path) -> None:
    """Execute a command in a folder as in a terminal, and print it with what it prints."""
    words = shlex.split(line)
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "110",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(f"$ {line}\n{done.stdout.replace(f'{folder.resolve()}/', '')}")
    if done.returncode:
        raise RuntimeError(f"the command ended with exit code {done.returncode}")
