"""A synthetic site whose soil moisture follows from its rain, and a run of JULES for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.experiment.moisture import MoistureSettings

QUICK = MoistureSettings(width=8, members=1, steps=3, dilations=(1, 2), fortnights=2, validation_fraction=0.0)


def site(days: int = 700, *, seed: int = 0, name: str = "synthetic", **changes: np.ndarray) -> xr.Dataset:
    """Site dataset whose water content is an exponential filter of its rain."""
    random = np.random.default_rng(seed)
    rain = random.exponential(8.0, days) * (random.random(days) < 0.3) / 86400.0
    theta = np.empty(days)
    theta[0] = 0.25
    for i in range(1, days):
        theta[i] = 0.12 + (theta[i - 1] - 0.12) * 0.93 + rain[i] * 86400.0 * 0.004
    season = np.sin(2.0 * np.pi * np.arange(days) / 365.25)
    values = {
        "precip": rain,
        "t_air": 288.0 + 6.0 * season,
        "sw_down": 180.0 + 80.0 * season,
        "theta": np.clip(theta, 0.0, 0.6)[:, None],
    }
    values.update(changes)
    return site_dataset(
        values,
        time=pd.date_range("2018-01-02", periods=days, freq="D"),
        interval=pd.Timedelta(days=1),
        meta=SiteMeta(site=name, source="synthetic", licence="CC0"),
        depth=[0.05],
        where="synthetic",
    )


def jules_run(days: int = 700, start: str = "2018-01-02") -> xr.Dataset:
    """Daily water content of four layers, as in output of JULES."""
    theta = np.tile(0.2 + 0.05 * np.sin(np.arange(days) / 30.0)[:, None], (1, 4))
    return xr.Dataset(
        {"theta": (("time", "soil"), theta)},
        coords={"time": pd.date_range(start, periods=days, freq="D")},
        attrs={"interval_seconds": 86400.0},
    )
