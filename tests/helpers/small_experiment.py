"""A few days of weather, and an experiment that runs the column on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

EXPERIMENT = """\
[site]
name = "Somewhere"
latitude = 52.0
longitude = 6.0
elevation = 25.0

[data]
reader = "jules_driving"
path = "weather.dat"
start = 2001-06-01T00:00:00
period = 1800.0

[soil]
dzsoil = [0.1, 0.25, 0.65, 2.0]
form = "van_genuchten"

[soil.properties]
b = 6.63
sathh = 0.04946
satcon = 0.004715
sm_sat = 0.45815
sm_crit = 0.242433
sm_wilt = 0.136328
hcap = 1.185676e6
hcon = 0.226873

[surface]
albsoil = 0.11

[[surface.tiles]]
type = "needleleaf_tree"
frac = 0.8
lai = 4.0

[[surface.tiles]]
type = "bare_soil"
frac = 0.2

[carbon]
cs = 12.1

[run]
mean_over = 48
compiled = false

[run.spin_up]
cycles = 0

[run.initial]
sthuf = 0.75
t_soil = [285.0, 284.0, 283.0, 282.0]
"""


def write_weather(path: Path, *, days: int = 3) -> Path:
    """Write half-hourly fair weather with a shower each night, as a JULES driving file."""
    n = 48 * days
    hour = (np.arange(n) + 0.5) / 2.0
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    columns = (
        700.0 * sun,
        320.0 + 0.0 * hour,
        np.where(hour % 24.0 < 2.0, 3e-4, 0.0),
        0.0 * hour,
        288.0 + 6.0 * sun,
        3.0 + 0.0 * hour,
        1.01e5 + 0.0 * hour,
        0.008 + 0.0 * hour,
    )
    np.savetxt(path, np.column_stack(columns), fmt="%.6g", header="a few days")
    return path


def write_experiment(folder: Path, *changes: tuple[str, str], days: int = 3) -> Path:
    """Write the experiment and its weather, with each ``(old, new)`` replaced in the text."""
    write_weather(folder / "weather.dat", days=days)
    text = EXPERIMENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path
