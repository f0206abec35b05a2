"""Weather of a run for JULES's land surface: driving variables, the sun, and leaf area and height that vary in time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from jules_ml.physics.canopy import cos_zenith_angle
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.weather import Weather


def land_forcing(
    weather: Weather,
    *,
    latitude: float,
    longitude: float,
    l_cosz: bool,
    diff_frac: ArrayLike,
    vegetation: Mapping[str, NDArray[np.floating]],
    dtype: torch.dtype,
) -> LandForcing:
    """Make the weather of one column.

    Parameters
    ----------
    weather : Weather
        Driving variables at the time step of the run, stamped at the end of each step.
    latitude, longitude : float
        Position [degrees].
    l_cosz : bool
        JULES's switch: without it the sun is in the zenith.
    diff_frac : array, shape () or (step,)
        Diffuse fraction of shortwave radiation [1].
    vegetation : mapping of str to array, shape (step, pft)
        ``lai`` [1] and ``canht`` [m] where they vary in time.
    dtype : torch.dtype
        Of the tensors.

    Returns
    -------
    LandForcing
        Shape (step, 1) each, and (step, pft, 1) of ``lai`` and ``canht``.
    """
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    starts = stamps - pd.Timedelta(seconds=float(weather.series.attrs["interval_seconds"]))

    def series(values: ArrayLike) -> torch.Tensor:
        array = np.broadcast_to(np.asarray(values, dtype=np.float64), (len(starts),))
        return torch.tensor(array, dtype=dtype).unsqueeze(-1)

    cosz = torch.ones(len(starts), dtype=torch.float64)
    if l_cosz:
        seconds = starts.hour * 3600 + starts.minute * 60 + starts.second
        cosz = cos_zenith_angle(
            torch.tensor(starts.day_of_year.to_numpy(), dtype=torch.float64),
            torch.tensor(seconds.to_numpy(), dtype=torch.float64),
            torch.tensor(latitude, dtype=torch.float64),
            torch.tensor(longitude, dtype=torch.float64),
            days_in_year=torch.tensor(np.where(starts.is_leap_year, 366.0, 365.0)),
        )
    return LandForcing(
        *weather.tensors(dtype),
        cosz=cosz.to(dtype).unsqueeze(-1),
        diff_frac=series(diff_frac),
        **{name: torch.as_tensor(values, dtype=dtype).unsqueeze(-1) for name, values in vegetation.items()},
    )
