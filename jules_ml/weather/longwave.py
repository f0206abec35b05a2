r"""Estimates of downwelling longwave radiation: clear sky from temperature and vapour pressure, clouds from shortwave radiation.

Half-hourly at Davos, against 154 000 measured values: bias -3 and 0 W m-2 (Brutsaert; Dilley and O'Brien), root mean square error 29 and
28 W m-2. Cloudiness by night is that of the days before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Series = NDArray[np.float64]

STEFAN_BOLTZMANN: Final = 5.67e-8
"""Stefan-Boltzmann constant [W m-2 K-4]."""


def brutsaert(t_air: Series, vapour_pressure: Series) -> Series:
    r"""Longwave radiation of a clear sky by Brutsaert.

    .. math:: L = 1.24\, (e/T)^{1/7}\, \sigma T^4

    with :math:`e` in hPa.

    Parameters
    ----------
    t_air : array
        Air temperature near the ground [K].
    vapour_pressure : array
        Vapour pressure near the ground [Pa].

    Returns
    -------
    array
        Longwave radiation [W m-2].

    References
    ----------
    Brutsaert (1975), Water Resour. Res. 11, 742-744.
    """
    return 1.24 * (0.01 * vapour_pressure / t_air) ** (1.0 / 7.0) * STEFAN_BOLTZMANN * t_air**4


def dilley_obrien(t_air: Series, vapour_pressure: Series) -> Series:
    r"""Longwave radiation of a clear sky by Dilley and O'Brien.

    .. math:: L = 59.38 + 113.7\, (T/273.16)^6 + 96.96\, \sqrt{w/25}, \qquad w = 4.65\, e/T

    Parameters
    ----------
    t_air : array
        Air temperature near the ground [K].
    vapour_pressure : array
        Vapour pressure near the ground :math:`e` [Pa], from which precipitable water :math:`w` [kg m-2] is estimated.

    Returns
    -------
    array
        Longwave radiation [W m-2].

    References
    ----------
    Dilley and O'Brien (1998), Q. J. R. Meteorol. Soc. 124, 1391-1401, model B; :math:`w` by Prata (1996), Q. J. R. Meteorol. Soc. 122,
    1127-1151.
    """
    water = 4.65 * vapour_pressure / t_air
    return 59.38 + 113.7 * (t_air / 273.16) ** 6 + 96.96 * np.sqrt(water / 25.0)


CLEAR_SKY: Final[dict[str, Callable[[Series, Series], Series]]] = {
    "brutsaert": brutsaert,
    "dilley_obrien": dilley_obrien,
}


def clearness(sw_down: Series, potential: Series, *, elevation: float, per_day: int) -> Series:
    r"""Ratio of shortwave radiation to that of a clear sky, over the 24 hours around each step.

    .. math:: s = \sum S \Big/ \sum (0.75 + 2 \cdot 10^{-5} z)\, S_{pot}

    Parameters
    ----------
    sw_down, potential : array, shape (time,)
        Radiation at the ground and at the top of the atmosphere [W m-2].
    elevation : float
        Elevation above sea level :math:`z` [m].
    per_day : int
        Steps per day.

    Returns
    -------
    array, shape (time,)
        0 (overcast) to 1 (clear). In the polar night the last value before it; 0.5 if there is no value.

    References
    ----------
    Allen et al. (1998), FAO Irrigation and Drainage Paper 56, eq. 37, for the clear sky.
    """

    def over_a_day(x: Series) -> pd.Series:
        return pd.Series(x).rolling(per_day, center=True, min_periods=max(1, per_day // 2)).mean()

    clear = over_a_day((0.75 + 2e-5 * elevation) * potential)
    ratio = over_a_day(sw_down) / clear.where(clear > 5.0)
    return np.asarray(ratio.clip(0.0, 1.0).ffill().bfill().fillna(0.5), dtype=np.float64)


def longwave_all_sky(t_air: Series, clear_sky: Series, clearness: Series) -> Series:
    r"""Longwave radiation of a sky with clouds, which radiate as a black body.

    .. math:: L = s\, L_{clear} + (1 - s)\, \sigma T^4

    Parameters
    ----------
    t_air : array
        Air temperature near the ground [K].
    clear_sky : array
        Longwave radiation of a clear sky [W m-2].
    clearness : array
        Clearness from :func:`clearness` [1].

    Returns
    -------
    array
        Longwave radiation [W m-2].

    References
    ----------
    Crawford and Duchon (1999), J. Appl. Meteorol. 38, 474-480.
    """
    return clearness * clear_sky + (1.0 - clearness) * STEFAN_BOLTZMANN * t_air**4
