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

    cosz = torch.ones(len(starts), 1, dtype=torch.float64)
    if l_cosz:
        cosz = sun_at(starts, np.array([latitude]), np.array([longitude]))
    return LandForcing(
        *weather.tensors(dtype),
        cosz=cosz.to(dtype),
        diff_frac=series(diff_frac),
        **{name: torch.as_tensor(values, dtype=dtype).unsqueeze(-1) for name, values in vegetation.items()},
    )


def sun_at(starts: pd.DatetimeIndex, latitude: NDArray[np.floating], longitude: NDArray[np.floating]) -> torch.Tensor:
    """Compute the cosine of the solar zenith angle of steps at places.

    Parameters
    ----------
    starts : DatetimeIndex, shape (step,)
        Start of each step, UTC.
    latitude, longitude : array, shape (column,)
        Positions [degrees].

    Returns
    -------
    Tensor, shape (step, column)
        Double precision [1]; 0 at night.
    """

    def of_time(values: ArrayLike) -> torch.Tensor:
        return torch.tensor(np.asarray(values), dtype=torch.float64).unsqueeze(-1)

    return cos_zenith_angle(
        of_time(starts.day_of_year),
        of_time(starts.hour * 3600 + starts.minute * 60 + starts.second),
        torch.tensor(latitude, dtype=torch.float64),
        torch.tensor(longitude, dtype=torch.float64),
        days_in_year=of_time(np.where(starts.is_leap_year, 366.0, 365.0)),
    )


def monthly_values(values: tuple[float, ...], times: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Interpolate monthly values linearly between the middles of the months.

    Parameters
    ----------
    values : tuple of float, length 12
        January to December.
    times : DatetimeIndex, shape (step,)

    Returns
    -------
    array, shape (step,)
    """
    years = range(times[0].year - 1, times[-1].year + 2)
    middles = pd.DatetimeIndex([pd.Timestamp(year=y, month=m, day=15, hour=12) for y in years for m in range(1, 13)])
    seconds = middles.as_unit("s").asi8.astype(np.float64)
    return np.asarray(np.interp(times.as_unit("s").asi8.astype(np.float64), seconds, np.tile(values, len(years))))
