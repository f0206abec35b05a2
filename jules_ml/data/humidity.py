"""Humidity of air, converted between the forms in which stations report it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Ratio of the molar masses of water and dry air [1].
EPSILON = 0.62198


def saturation_vapour_pressure(temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Saturation vapour pressure over water, below freezing too, as stations reckon relative humidity.

    .. math:: e_s = 611.2\, \exp\!\left(\frac{17.62\,t}{243.12 + t}\right)

    Parameters
    ----------
    temperature : array
        Temperature of air [K]; :math:`t` is the same in degC.

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
        Pressure of the vapour and of the moist air [Pa].

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
