"""Position of the sun, and potential radiation averaged over each interval.

pvlib is imported in the functions that need it, not at the top of the module: it loads h5py, and a second HDF5 library can crash a
process that has a netCDF file open, as JULES does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import end_of_interval, interval, place, position
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput

#: Total solar irradiance [W m-2] at the mean distance of the sun (Kopp and Lean 2011, Geophys. Res. Lett. 38, L01706).
SOLAR_CONSTANT = 1361.0


def _day_of_year(middle: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Day of year with its fraction, 1.0 at 00:00 UTC on 1 January."""
    hours = (middle - middle.normalize()) / pd.Timedelta(hours=24)
    day: NDArray[np.float64] = middle.day_of_year.to_numpy() + hours.to_numpy()
    return day


def hour_angle(times: pd.DatetimeIndex, longitude: float) -> NDArray[np.float64]:
    """Hour angle of the sun [radian], 0 at solar noon and positive after it, within -pi to pi.

    Parameters
    ----------
    times : DatetimeIndex, shape (time,)
        UTC.
    longitude : float
        Degrees, east positive.

    References
    ----------
    Equation of time: Spencer (1971), Search 2 (5), 172, as in pvlib; accurate to one minute.
    """
    from pvlib import solarposition

    day = _day_of_year(times)
    minutes = (day - np.floor(day)) * 1440.0 + 4.0 * longitude + solarposition.equation_of_time_spencer71(day)
    angle: NDArray[np.float64] = (np.pi * (minutes / 720.0 - 1.0) + np.pi) % (2.0 * np.pi) - np.pi
    return angle


def declination(times: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Declination of the sun [radian] at ``times`` (UTC), shape (time,); Spencer (1971) as in pvlib."""
    from pvlib import solarposition

    return np.asarray(solarposition.declination_spencer71(_day_of_year(times)))


def half_day_angle(times: pd.DatetimeIndex, latitude: float) -> NDArray[np.float64]:
    r"""Hour angle of sunset [radian], shape (time,): 0 in the polar night, :math:`\pi` in the polar day.

    .. math:: \cos h_0 = -\tan\varphi\,\tan\delta
    """
    phi = np.radians(np.clip(latitude, -89.999, 89.999))  # the tangent of a pole is not finite
    sunset: NDArray[np.float64] = np.arccos(np.clip(-np.tan(phi) * np.tan(declination(times)), -1.0, 1.0))
    return sunset


def mean_cos_zenith(
    end: pd.DatetimeIndex, step: pd.Timedelta, *, latitude: float, longitude: float
) -> NDArray[np.float64]:
    r"""Mean over each interval of the cosine of the solar zenith angle, with 0 while the sun is below the horizon.

    The integral over the hour angle is exact, also in intervals with sunrise or sunset:

    .. math::

        \overline{\mu} = \frac{1}{h_2 - h_1} \int_{[h_1, h_2] \cap [-h_0, h_0]}
            (\sin\varphi \sin\delta + \cos\varphi \cos\delta \cos h)\, dh

    Parameters
    ----------
    end : DatetimeIndex, shape (time,)
        End of each interval, UTC.
    step : Timedelta
        Length of the interval, at most a day.
    latitude, longitude : float
        Degrees, north and east positive.

    Returns
    -------
    array, shape (time,)
        Between 0 and 1.

    References
    ----------
    Declination and equation of time: Spencer (1971), Search 2 (5), 172, as in pvlib.
    """
    middle = end - step / 2
    delta, phi = declination(middle), np.radians(latitude)
    sunset = half_day_angle(middle, latitude)
    centre = hour_angle(middle, longitude)
    half_width = np.pi * (step / pd.Timedelta(days=1))
    constant, swing = np.sin(phi) * np.sin(delta), np.cos(phi) * np.cos(delta)
    total = np.zeros(len(end))
    for turn in (-2.0 * np.pi, 0.0, 2.0 * np.pi):  # an interval across solar midnight is part of two days
        low = np.maximum(centre - half_width, turn - sunset)
        high = np.maximum(np.minimum(centre + half_width, turn + sunset), low)
        total += constant * (high - low) + swing * (np.sin(high) - np.sin(low))
    mean: NDArray[np.float64] = np.maximum(total / (2.0 * half_width), 0.0)
    return mean


def potential_radiation(ds: xr.Dataset) -> xr.DataArray:
    r"""Shortwave radiation at the top of the atmosphere on a level surface, averaged over each interval.

    .. math:: S = S_0\, (r_0/r)^2\, \overline{\mu}

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, with its position and an interval of at most a day.

    Returns
    -------
    xarray.DataArray, dims ('time',)
        ``sw_pot`` [W m-2]; exactly 0 if the sun is below the horizon throughout the interval.

    Raises
    ------
    BadInput
        If position or interval is unknown, or the interval is longer than a day.

    References
    ----------
    Distance of the sun: Spencer (1971), as in pvlib. Mean cosine: :func:`mean_cos_zenith`.
    """
    from pvlib import irradiance

    latitude, longitude = position(ds)
    step, end = interval(ds), end_of_interval(ds)
    if step > pd.Timedelta(days=1):
        raise BadInput(
            f"the interval of {step} is longer than a day", where=place(ds), remedy="use daily or shorter records"
        )
    mu = mean_cos_zenith(end, step, latitude=latitude, longitude=longitude)
    beam = irradiance.get_extra_radiation(_day_of_year(end - step / 2), method="spencer", solar_constant=SOLAR_CONSTANT)
    known = VARIABLES["sw_pot"]
    return xr.DataArray(
        np.asarray(beam) * mu,
        coords={"time": ds["time"]},
        dims=("time",),
        name="sw_pot",
        attrs={"units": known.units, "long_name": known.long_name, "standard_name": known.standard_name},
    )
