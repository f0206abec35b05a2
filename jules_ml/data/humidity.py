"""Humidity of air: conversion between the variables that stations report.

The vapour pressure deficit has one formula throughout the package, that of :func:`saturation_vapour_pressure`: gap-filling turns
relative humidity and deficit into specific humidity by it, so that a run or a hook that calculates the deficit from JULES's forcing
obtains the deficit of the record; ``jml_hooks_humidity.f90`` has the same constants. The formula of Bolton (1980) differs by less than
0.3 % from -30 to 30 degC. The column's own physics follows JULES's table; see :mod:`jules_ml.physics.humidity`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

#: Ratio of the molar masses of water and dry air [1].
EPSILON = 0.62198


def saturation_vapour_pressure(temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Saturation vapour pressure over water, also below freezing, as stations use it for relative humidity.

    .. math:: e_s = 611.2\, \exp\!\left(\frac{17.62\,t}{243.12 + t}\right)

    Parameters
    ----------
    temperature : array
        Air temperature [K]; :math:`t` is the temperature in degC.

    Returns
    -------
    array of the same shape
        Pressure [Pa].

    References
    ----------
    World Meteorological Organization (2018), Guide to Instruments and Methods of Observation, WMO-No. 8, Annex 4.B.
    """
    celsius = temperature - 273.15
    return 611.2 * np.exp(17.62 * celsius / (243.12 + celsius))


def specific_humidity(vapour_pressure: NDArray[np.float64], pressure: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Specific humidity from vapour pressure.

    .. math:: q = \frac{\epsilon e}{p - (1 - \epsilon) e}

    Parameters
    ----------
    vapour_pressure, pressure : array
        Vapour pressure and pressure of moist air [Pa].

    Returns
    -------
    array
        Specific humidity [kg kg-1].
    """
    return EPSILON * vapour_pressure / (pressure - (1.0 - EPSILON) * vapour_pressure)


def vapour_pressure(q: NDArray[np.float64], pressure: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Vapour pressure from specific humidity, the inverse of :func:`specific_humidity`.

    .. math:: e = \frac{q p}{\epsilon + (1 - \epsilon) q}

    Parameters
    ----------
    q : array
        Specific humidity [kg kg-1].
    pressure : array
        Pressure of the moist air [Pa].

    Returns
    -------
    array
        Pressure of the vapour [Pa].
    """
    return q * pressure / (EPSILON + (1.0 - EPSILON) * q)


def vapour_pressure_deficit(
    temperature: NDArray[np.float64], q: NDArray[np.float64], pressure: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Vapour pressure deficit from specific humidity, over water also below freezing.

    .. math:: D = \max(e_s(T) - e(q, p), 0)

    Parameters
    ----------
    temperature : array
        Temperature of air [K].
    q : array
        Specific humidity [kg kg-1].
    pressure : array
        Pressure of the moist air [Pa].

    Returns
    -------
    array
        Deficit [Pa].
    """
    return np.maximum(saturation_vapour_pressure(temperature) - vapour_pressure(q, pressure), 0.0)


def with_vpd(ds: xr.Dataset) -> xr.Dataset:
    """Add the vapour pressure deficit to a record without it, for each time step.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.

    Returns
    -------
    xarray.Dataset
        Record with ``vpd`` [Pa], from ``t_air`` and ``relative_humidity`` (limited to 1), or otherwise from ``t_air``, ``q`` and ``pstar``.
        Unchanged if ``vpd`` is present or these variables are missing.
    """
    if "vpd" in ds or "t_air" not in ds:
        return ds
    t_air = ds["t_air"].to_numpy()
    if "relative_humidity" in ds:
        deficit = saturation_vapour_pressure(t_air) * (1.0 - np.minimum(ds["relative_humidity"].to_numpy(), 1.0))
    elif {"q", "pstar"} <= set(ds):
        deficit = vapour_pressure_deficit(t_air, ds["q"].to_numpy(), ds["pstar"].to_numpy())
    else:
        return ds
    attrs = {"units": "Pa", "long_name": "vapour pressure deficit of air"}
    return ds.assign(vpd=xr.DataArray(deficit, dims=ds["t_air"].dims, attrs=attrs))
