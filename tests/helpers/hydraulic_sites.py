"""Sites of learned hydraulics: an experiment file with an hourly table of weather and soil moisture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from helpers.table_site import TABLE_SITE, WEATHER_COLUMNS, column

EXPERIMENT = """\
{site}
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
    columns = WEATHER_COLUMNS + column("theta_5", "theta", "m3 m-3", 0.05)
    site = TABLE_SITE.format(name=name, interval="1h", columns=columns)
    text = EXPERIMENT.format(site=site, sand=sand, clay=round(0.6 - sand, 3))
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path
