"""Sites of learned hydraulics: an experiment file with an hourly table of weather and soil moisture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

EXPERIMENT = """\
[site]
name = "{name}"
latitude = 50.0
longitude = 8.0
elevation = 100.0

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
stamp_at = "end"
utc_offset_hours = 0.0
interval = "1h"

[data.time]
columns = ["time"]
format = "%Y-%m-%d %H:%M:%S"

[soil.texture]
pedotransfer = "hypres"
sand = {sand}
silt = 0.4
clay = {clay}
bulk_density = 1300.0
organic_carbon = 0.02

[[surface.tiles]]
type = "c3_grass"
frac = 0.8

[[surface.tiles]]
type = "bare_soil"
frac = 0.2

[hydraulics]
members = 2
hidden = 2
rounds = 1
spin_up_days = 0
least_days = 10
"""
COLUMNS = {
    "sw_down": "W m-2",
    "lw_down": "W m-2",
    "precip": "kg m-2 s-1",
    "t_air": "K",
    "wind": "m s-1",
    "pstar": "Pa",
    "q": "kg kg-1",
}


def write_site(folder: Path, name: str, *, sand: float, days: int = 16) -> Path:
    """Write a site of this sand content, whose clay is the rest to 0.6."""
    n = 24 * days
    hour = np.arange(n) + 0.5
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    wet = (np.arange(n) // 24) % 5 == 0
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2001-06-01 01:00", periods=n, freq="h"),
            "sw_down": 600.0 * sun,
            "lw_down": 330.0,
            "precip": np.where(wet, 1e-4, 0.0),
            "t_air": 288.0 + 5.0 * sun,
            "wind": 3.0,
            "pstar": 1e5,
            "q": 0.007,
            "theta_5": 0.25 + 0.05 * np.exp(-((np.arange(n) % 120) / 40.0)),
        }
    )
    frame.to_csv(folder / f"{name}.csv", index=False)
    text = EXPERIMENT.format(name=name, sand=sand, clay=round(0.6 - sand, 3))
    columns = "".join(f'\n[data.columns.{c}]\nvariable = "{c}"\nunit = "{u}"\n' for c, u in COLUMNS.items())
    columns += '\n[data.columns.theta_5]\nvariable = "theta"\nunit = "m3 m-3"\ndepth = 0.05\n'
    text = text.replace("[soil.texture]", columns.lstrip("\n") + "\n[soil.texture]")
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path
