"""Reference crop evapotranspiration of a run's weather: JULES's output ``fao_et0``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.humidity import vapour_pressure
from jules_ml.physics.reference_crop import (
    reference_evapotranspiration,
    reference_net_radiation,
    reference_saturation_pressure,
    reference_soil_heat,
    wind_at_2m,
)


def fao_et0(weather: xr.Dataset, *, timestep: float, period: pd.Timedelta, height: float) -> np.ndarray:
    """Reference crop evapotranspiration of each period of output.

    Periods of whole days take FAO-56's daily equation, with the means of the day's maximum and minimum; shorter ones the mean of its
    hourly equation over their steps.

    Parameters
    ----------
    weather : xarray.Dataset
        Weather of every step, whole periods: ``sw_down lw_down t_air wind pstar q``.
    timestep : float
        [s].
    period : Timedelta
        Length of a period.
    height : float
        Height of the wind [m].

    Returns
    -------
    array, shape (period,)
        Mean reference crop evapotranspiration [kg m-2 s-1]; NaN where ``height`` is within the reference crop.

    Notes
    -----
    JULES's ``fao_et0`` takes its own radiative temperature and soil heat flux at every step, and the daily equation's constants. Here
    the reference crop has the temperature of the air and FAO-56's soil heat flux, so that the result depends on the weather alone.

    References
    ----------
    Allen et al. (1998), FAO Irrigation and Drainage Paper 56, eqs. 6 and 53.
    """
    daily = period.total_seconds() % SECONDS_PER_DAY == 0.0
    steps = round((SECONDS_PER_DAY if daily else period.total_seconds()) / timestep)
    names = ("sw_down", "lw_down", "t_air", "wind", "pstar", "q")
    by_step = {
        name: torch.tensor(weather[name].to_numpy().astype(np.float64)).reshape(-1, steps)  # (day or period, step)
        for name in names
    }
    rates = _of_days(by_step, height) if daily else _of_steps(by_step, height).mean(1)
    periods = round(period.total_seconds() / SECONDS_PER_DAY) if daily else 1
    return rates.reshape(-1, periods).mean(1).numpy()


def _of_days(weather: dict[str, Tensor], height: float) -> Tensor:
    """Daily equation, shape (day,), from steps of shape (day, step)."""
    t_air = weather["t_air"]
    high, low = t_air.amax(1), t_air.amin(1)
    saturation = 0.5 * (reference_saturation_pressure(high) + reference_saturation_pressure(low))
    vapour = vapour_pressure(weather["q"], weather["pstar"]).mean(1)
    rad_net = reference_net_radiation(weather["sw_down"], weather["lw_down"], t_air).mean(1)
    return reference_evapotranspiration(
        rad_net,
        torch.zeros_like(rad_net),
        0.5 * (high + low),
        wind_at_2m(weather["wind"].mean(1), height),
        torch.clamp(saturation - vapour, min=0.0),
        weather["pstar"].mean(1),
        interval="day",
    )


def _of_steps(weather: dict[str, Tensor], height: float) -> Tensor:
    """Hourly equation of every step, shape (period, step)."""
    t_air = weather["t_air"]
    rad_net = reference_net_radiation(weather["sw_down"], weather["lw_down"], t_air)
    deficit = reference_saturation_pressure(t_air) - vapour_pressure(weather["q"], weather["pstar"])
    return reference_evapotranspiration(
        rad_net,
        reference_soil_heat(rad_net),
        t_air,
        wind_at_2m(weather["wind"], height),
        torch.clamp(deficit, min=0.0),
        weather["pstar"],
        interval="hour",
    )
