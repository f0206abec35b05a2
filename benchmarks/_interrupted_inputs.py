"""Small experiments of every command that writes a folder, each in two variants whose results differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

_TOWER = """\
[site]
name = "{name}"
latitude = 52.0
longitude = 6.0
elevation = 25.0

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
interval = "1h"
utc_offset_hours = 0.0
stamp_at = "end"
time = {{columns = ["time"], format = "%Y-%m-%d %H:%M"}}
columns.sw_down = {{variable = "sw_down", unit = "W m-2"}}
columns.lw_down = {{variable = "lw_down", unit = "W m-2"}}
columns.precip = {{variable = "precip", unit = "kg m-2 s-1"}}
columns.t_air = {{variable = "t_air", unit = "K"}}
columns.wind = {{variable = "wind", unit = "m s-1"}}
columns.pstar = {{variable = "pstar", unit = "Pa"}}
columns.q = {{variable = "q", unit = "kg kg-1"}}
columns.nee = {{variable = "nee", unit = "umol m-2 s-1"}}
columns.theta = {{variable = "theta", unit = "m3 m-3", depth = 0.05}}

[soil.texture]
pedotransfer = "hypres"
sand = {sand}
silt = 0.3
clay = {clay}
bulk_density = 1300.0
organic_carbon = 0.02

[[surface.tiles]]
type = "c3_grass"
frac = 0.7

[[surface.tiles]]
type = "bare_soil"
frac = 0.3

[carbon]
cs = {cs}

[run]
timestep = 3600.0
mean_over = 24
compiled = false
{end}
[run.spin_up]
cycles = 0

[respiration]
{soil}members = {members}
inner_folds = 2
test_fraction = 0.0
rows.nee_is_measured = true

[hydraulics]
members = {members}
hidden = 2
rounds = 1
spin_up_days = 0
least_days = 10
"""
_ENSEMBLE = """
[ensemble]
members = 12
batch = 1
seed = {seed}

[[ensemble.parameters]]
parameter = "carbon.cs"
prior = "uniform"
bounds = [4.0, 12.0]
"""
_DAILY = """\
[site]
name = "{name}"
elevation = 100.0

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
utc_offset_hours = 0.0
stamp_at = "start"
interval = "1D"
time = {{columns = ["date"], format = "%Y-%m-%d"}}
columns.P = {{variable = "precip", unit = "mm", is_sum = true}}
columns.TA = {{variable = "t_air", unit = "degC"}}
columns.SW = {{variable = "sw_down", unit = "W m-2"}}
columns.SWC = {{variable = "theta", unit = "m3 m-3", depth = 0.05}}

[moisture]
width = 8
members = 1
steps = {steps}
dilations = [1, 2]
fortnights = 2
validation_fraction = 0.0

[carbon_module]
members = 1
steps = {steps}
region = "{region}"
soc_spread = 0.2

[place]
organic_carbon = {carbon}
bulk_density = 1300.0
"""


def write_towers(folder: Path) -> None:
    """Write the records of towers, and experiments of a run, a fit and an ensemble in both variants."""
    # curves need four calendar months, and are fitted to sensors: a run of that length would take most of the time of their fit
    for name, sand, days in (("tower", 0.5, 12), ("other", 0.3, 12), ("long", 0.5, 76)):
        _write_tower(folder / f"{name}.csv", days)
        soil = 'state = "sensors"\ntemperature = "t_air"\n' if name == "long" else ""
        for variant, cs, members in (("a", 8.0, 2), ("b", 9.0, 3)):
            shared = {
                "name": name,
                "sand": sand,
                "clay": round(0.7 - sand, 2),
                "cs": cs,
                "members": members,
                "soil": soil,
            }
            (folder / f"{name}_{variant}.toml").write_text(_TOWER.format(**shared, end=""), encoding="utf-8")
            if name == "tower":
                run, short = (_TOWER.format(**shared, end=f"end = 2020-{end}T00:00:00\n") for end in ("03-31", "03-24"))
                (folder / f"run_{variant}.toml").write_text(run, encoding="utf-8")
                ensemble = short + _ENSEMBLE.format(seed=members)
                (folder / f"ensemble_{variant}.toml").write_text(ensemble, encoding="utf-8")


def _write_tower(path: Path, days: int) -> None:
    time = pd.date_range("2020-03-20 01:00", periods=24 * days, freq="h")
    hour = np.asarray(time.hour, dtype=float)
    day = np.arange(len(time)) / 24.0
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    t_air = 278.0 + 0.1 * day + 6.0 * sun
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sw_down": 600.0 * sun,
            "lw_down": 330.0,
            "precip": np.where(day % 5.0 < 0.5, 1e-4, 0.0),
            "t_air": t_air,
            "wind": 3.0,
            "pstar": 1e5,
            "q": 0.005,
            "nee": np.exp(0.07 * (t_air - 273.15)) * (1.0 + 0.1 * rng.normal(size=len(time))) - 12.0 * sun,
            "theta": 0.25 + 0.05 * np.exp(-(day % 5.0) / 2.0),
        },
        index=time.strftime("%Y-%m-%d %H:%M"),
    )
    frame.to_csv(path, index_label="time")


def write_daily_sites(folder: Path, n: int = 9) -> None:
    """Write daily records whose soil retains more water with more carbon, and experiments in both variants."""
    for k in range(n):
        rng = np.random.default_rng(k)
        days = pd.date_range("2019-01-01", "2019-12-31", freq="D")
        precip = np.where(rng.random(len(days)) < 0.1, rng.uniform(6.0, 25.0, len(days)), 0.0)
        carbon = 5.0 * 1.3**k
        store, theta = 0.0, np.empty(len(days))
        for day, fallen in enumerate(precip):
            store = min(store * np.exp(-1.0 / 8.0) + 0.006 * fallen, 0.05 * np.log(carbon))
            theta[day] = 0.1 + store
        season = np.sin(2.0 * np.pi * days.day_of_year.to_numpy() / 365.0)
        name = f"site{k:02d}"
        frame = pd.DataFrame(
            {
                "date": days.strftime("%Y-%m-%d"),
                "P": precip,
                "TA": 12.0 + 6.0 * season,
                "SW": 180.0 + 80.0 * season,
                "SWC": theta,
            }
        )
        frame.to_csv(folder / f"{name}.csv", index=False)
        for variant, steps in (("a", 2), ("b", 3)):
            text = _DAILY.format(name=name, steps=steps, region=f"R{k % 3}", carbon=f"{0.001 * carbon:.5f}")
            (folder / f"{name}_{variant}.toml").write_text(text, encoding="utf-8")
