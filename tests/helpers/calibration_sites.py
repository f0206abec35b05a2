"""Sites of a calibration: a short synthetic record, whose observations are those of a run of the column with known parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.table_site import TABLE_SITE, WEATHER_COLUMNS, column
from jules_ml.column.run import run_column
from jules_ml.experiment import load_experiment

EXPERIMENT = """\
{site}
[soil]
dzsoil = [0.1, 0.25, 0.65, 2.0]
form = "van_genuchten"

[soil.properties]
b = 2.0
sathh = 0.5
satcon = 0.003
sm_sat = 0.40
sm_crit = 0.30
sm_wilt = 0.12
hcap = 1.2e6
hcon = 0.25

[surface]
albsoil = 0.11

[[surface.tiles]]
type = "c3_grass"
frac = 0.8
lai = 2.0

[[surface.tiles]]
type = "bare_soil"
frac = 0.2

[carbon]
cs = 10.0

[run]
timestep = 10800.0
mean_over = 1
compiled = false

[run.spin_up]
cycles = 0

[run.initial]
sthuf = 0.7

{calibration}
"""
#: Observations: unit, depth, output of the run, and its layer.
OBSERVED = {
    "theta_5": ("theta", "m3 m-3", 0.05, "smcl", 0),
    "theta_22": ("theta", "m3 m-3", 0.225, "smcl", 1),
    "t_soil_5": ("t_soil", "K", 0.05, "t_soil", 0),
    "le": ("le", "W m-2", None, "latent_heat", None),
    "h": ("h", "W m-2", None, "ftl_gb", None),
    "gpp": ("gpp", "umol m-2 s-1", None, "gpp_gb", None),
}
DZSOIL = (0.1, 0.25, 0.65, 2.0)


def write_twin(
    folder: Path,
    name: str = "twin",
    *,
    truth: Mapping[str, float],
    calibration: str = "",
    days: int = 12,
    noise: float = 0.0,
) -> Path:
    """Write an experiment whose record has the observations of a run with other values of keys, such as ``b`` or ``lai``."""
    n = 8 * days
    number = np.arange(n)
    hour = 3.0 * number + 1.5
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    season = np.sin(2.0 * np.pi * hour / (24.0 * days))
    wet = ((number // 8) % 4 == 0) & (number % 8 < 3)
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2001-06-01 03:00", periods=n, freq="3h"),
            "sw_down": 650.0 * sun,
            "lw_down": 330.0 + 20.0 * season,
            "precip": np.where(wet, 3e-4, 0.0),
            "t_air": 287.0 + 6.0 * sun + 3.0 * season,
            "wind": 3.0,
            "pstar": 1e5,
            "q": 0.007,
        }
    )
    path = folder / f"{name}.toml"
    columns = WEATHER_COLUMNS
    text = _experiment(name, columns)
    frame.to_csv(folder / f"{name}.csv", index=False)
    path.write_text(changed(text, truth), encoding="utf-8")
    output = run_column(load_experiment(path)).output
    rng = np.random.default_rng(1)
    for observed, (variable, unit, depth, source, layer) in OBSERVED.items():
        values = output[source].to_numpy()
        values = values if layer is None else values[:, layer]
        values = values / (1000.0 * DZSOIL[layer]) if source == "smcl" and layer is not None else values
        values = values / 12e-9 if source == "gpp_gb" else values
        frame[observed] = values * (1.0 + noise * rng.standard_normal(n))
        columns += column(observed, variable, unit, depth)
    frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.10g")
    path.write_text(_experiment(name, columns, calibration), encoding="utf-8")
    return path


def _experiment(name: str, columns: str, calibration: str = "") -> str:
    return EXPERIMENT.format(site=TABLE_SITE.format(name=name, interval="3h", columns=columns), calibration=calibration)


def changed(text: str, values: Mapping[str, float]) -> str:
    """Return the text of an experiment with other values of keys."""
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value!r}", text)
        assert count == 1, key
    return text
