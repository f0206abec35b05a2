"""Synthetic records of respiration, from known curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.physics.respiration import fsth, ftemp_q10


def synthetic_record(
    *,
    days: int = 730,
    noise: float = 0.15,
    r0: float = 3.0,
    q10: float = 2.0,
    wilting: float = 0.3,
    porosity: float = 0.45,
    collinear: bool = False,
    seed: int = 0,
    site: str = "synthetic",
    start: str = "2020-01-01 06:00",
) -> xr.Dataset:
    """Six-hourly chamber record from JULES's moisture and temperature modifiers, with errors proportional to the flux.

    With ``collinear`` the wetness is a function of temperature.
    """
    rng = np.random.default_rng(seed)
    time = pd.date_range(start, periods=days * 4, freq="6h")
    day = np.arange(len(time)) / 4.0
    t_soil = 283.0 + 9.0 * np.sin(2.0 * np.pi * (day - 100.0) / 365.25) + 2.0 * np.sin(2.0 * np.pi * day)
    t_soil += _wander(rng, len(time), 1.5)
    if collinear:
        wetness = 0.85 - 0.5 * (t_soil - t_soil.min()) / np.ptp(t_soil)
    else:
        wetness = np.clip(0.6 + _wander(rng, len(time), 0.17), 0.12, 0.98)
    f = fsth(torch.tensor(wetness), torch.tensor(wilting), torch.tensor(1.0), pools=1).numpy()
    flux = r0 * f * ftemp_q10(torch.tensor(t_soil), q10).numpy()
    flux = flux * (1.0 + noise * rng.standard_t(5, len(time)))
    return site_dataset(
        {"resp_soil": flux, "t_soil": t_soil[:, None], "theta": porosity * wetness[:, None]},
        time=time,
        interval=pd.Timedelta("6h"),
        meta=SiteMeta(site=site, source="synthetic, from JULES's curves", licence="none"),
        depth=[0.05],
        where=site,
    )


def _wander(rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    """Autocorrelated noise with a time scale of ten days."""
    keep = np.exp(-1.0 / 40.0)
    values = np.empty(count)
    state = 0.0
    for i, kick in enumerate(rng.normal(size=count)):
        state = keep * state + np.sqrt(1.0 - keep**2) * kick
        values[i] = state
    return size * values
