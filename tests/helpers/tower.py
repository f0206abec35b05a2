"""Half-hourly record of a synthetic tower, and an experiment of the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

COLUMN = """
[site]
name = "Somewhere"
latitude = 52.0
longitude = 6.0
elevation = 25.0

[data]
reader = "table"
path = "tower.csv"
site = "Somewhere"
licence = "none"
interval = "30min"
utc_offset_hours = 0.0
stamp_at = "end"
time = {columns = ["time"], format = "%Y-%m-%d %H:%M"}
columns.sw = {variable = "sw_down", unit = "W m-2"}
columns.ta = {variable = "t_air", unit = "degC"}
columns.rh = {variable = "relative_humidity", unit = "%"}
columns.p = {variable = "precip", unit = "mm", is_sum = true}
columns.nee = {variable = "nee", unit = "umol m-2 s-1"}

[soil]
[soil.texture]
pedotransfer = "cosby"
sand = 0.6
silt = 0.3
clay = 0.1

[surface]
[[surface.tiles]]
type = "c3_grass"
frac = 0.7
[[surface.tiles]]
type = "bare_soil"
frac = 0.3

[carbon]
cs = 8.0

[run]
timestep = 3600.0
mean_over = 24
compiled = false
[run.spin_up]
cycles = 0

[respiration]
members = 2
inner_folds = 2
test_fraction = 0.0
rows.nee_is_measured = true
"""


def write_tower(folder: Path, *changes: tuple[str, str], sensitivity: float = 0.07, end: str = "2020-06-05") -> Path:
    """Write a tower whose night NEE follows the weather, and an experiment of the column, with each ``(old, new)`` replaced in the text.

    By default the record has parts of four months. ``sensitivity`` is that of respiration to air temperature [K-1].
    """
    time = pd.date_range("2020-03-20 00:30", end, freq="30min")
    day = (time - time[0]) / pd.Timedelta("1D")
    hour = np.asarray(time.hour + time.minute / 60.0)
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    t_air = 5.0 + 0.1 * np.asarray(day) + 6.0 * sun
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sw": 600.0 * sun,
            "ta": t_air,
            "rh": 70.0,
            "p": np.where((np.asarray(day) % 9.0 < 0.1), 1.0, 0.0),
            "nee": np.exp(sensitivity * t_air) * (1.0 + 0.1 * rng.normal(size=len(time))) - 12.0 * sun,
        },
        index=time.strftime("%Y-%m-%d %H:%M"),
    )
    frame.to_csv(folder / "tower.csv", index_label="time")
    text = COLUMN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "tower.toml"
    path.write_text(text, encoding="utf-8")
    return path
