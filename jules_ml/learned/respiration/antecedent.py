r"""Antecedent conditions: factors of respiration that depend on the state of the soil before, and on the air above it.

.. math:: R = R_0\, f(s)\, g(T) \prod_k h_k(x_k)

A driver x is the departure of wetness or soil temperature from its exponential mean over a day or ten days, or the difference between air
and soil temperature. Rewetting of dry soil releases a pulse of CO2 that f does not describe, and the temperatures of litter and leaves
differ from that of the soil. f and g are fitted without these factors, and R0 with them.

References
----------
Birch (1958), Plant Soil 10, 9-31, on rewetting; Ogle et al. (2015), Ecol. Lett. 18, 221-235, on antecedent conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Array = NDArray[np.float64]

#: Departures of wetness and temperature of the respiring layer from their exponential means over 1 and 10 days, and air temperature minus
#: that of the layer.
AntecedentDriver = Literal["wetness_1d", "wetness_10d", "temperature_1d", "temperature_10d", "air_temperature"]
#: Drivers, in the order of their numbers in a module.
DRIVERS: Final[tuple[AntecedentDriver, ...]] = get_args(AntecedentDriver)
#: State and time scale of each driver that is the departure from an exponential mean.
MEANS: Final[dict[AntecedentDriver, tuple[str, pd.Timedelta]]] = {
    "wetness_1d": ("theta", pd.Timedelta("1D")),
    "wetness_10d": ("theta", pd.Timedelta("10D")),
    "temperature_1d": ("t_soil", pd.Timedelta("1D")),
    "temperature_10d": ("t_soil", pd.Timedelta("10D")),
}
#: Drivers with a diurnal cycle. Night-time NEE does not show their effect by day, and a large part of it is that of leaves and wood, which
#: a model of soil carbon must not get.
DIURNAL: Final[frozenset[AntecedentDriver]] = frozenset({"temperature_1d", "air_temperature"})


def _no_driver() -> _Array:
    return np.empty((0, 2))


@dataclass(frozen=True, eq=False)
class AntecedentFactor:
    """Product of the factors h of some drivers, as tables.

    Attributes
    ----------
    drivers : tuple of AntecedentDriver
        Names of the drivers. Without any, the factor is one.
    x : array, shape (driver, node)
        Evenly spaced values of each driver: wetness [1] or temperature [K]. A factor is constant outside them.
    log_h : array, shape (driver, node)
        Logarithm of each factor, linear between the nodes.
    """

    drivers: tuple[AntecedentDriver, ...] = ()
    x: _Array = field(default_factory=_no_driver)
    log_h: _Array = field(default_factory=_no_driver)

    def __call__(self, antecedent: Mapping[str, _Array], count: int) -> _Array:
        """Evaluate the factor.

        Parameters
        ----------
        antecedent : mapping of str to array, shape (row,)
            Drivers; where one is missing or NaN, its factor is one.
        count : int
            Number of rows.

        Returns
        -------
        array, shape (row,)
            Factor [1].
        """
        log_factor = np.zeros(count)
        for name, x, log_h in zip(self.drivers, self.x, self.log_h, strict=True):
            if name in antecedent:
                log_factor += np.nan_to_num(np.interp(antecedent[name], x, log_h))
        return np.exp(log_factor)


def antecedent_drivers(states: pd.DataFrame, pores: float) -> dict[str, _Array]:
    """Drivers of antecedent conditions at one site.

    Parameters
    ----------
    states : DataFrame, columns ('time',) and optionally 'theta', 't_soil', 't_air' and 'port'
        Water content [m3 m-3] and temperatures [K] in the order of time.
    pores : float
        Range of the water content over which wetness goes from zero to one [m3 m-3].

    Returns
    -------
    dict of str to array, shape (row,)
        Wetness [1] or temperature [K] of each driver whose columns are there; NaN where it is unknown.
    """
    drivers: dict[str, _Array] = {}
    for name, (state, timescale) in MEANS.items():
        if state in states:
            drivers[name] = departures(states, state, timescale) / (pores if state == "theta" else 1.0)
    if "t_air" in states:
        drivers["air_temperature"] = (states["t_air"] - states["t_soil"]).to_numpy()
    return drivers


def departures(states: pd.DataFrame, state: str, timescale: pd.Timedelta) -> _Array:
    """Departure of a state from its exponential mean over the time before.

    Parameters
    ----------
    states : DataFrame, columns ('time', state) and optionally 'port'
        In the order of time.
    state : str
        Name of the column.
    timescale : Timedelta
        Time over which the weights of the mean fall to 1/e.

    Returns
    -------
    array, shape (row,)
        Departure in the unit of the state. NaN where the mean is unknown: in the first time scale of a record, and after each gap of one
        time scale.
    """
    values = states.set_index("time")[state]
    result = np.full(len(states), np.nan)
    ports = states["port"].to_numpy() if "port" in states else np.zeros(len(states))
    for port in np.unique(ports):
        rows = np.flatnonzero((ports == port) & values.notna().to_numpy())
        if not len(rows):
            continue
        gaps = np.flatnonzero(np.diff(values.index[rows]) >= timescale) + 1
        for segment in np.split(rows, gaps):
            measured = values.iloc[segment]
            mean = measured.ewm(halflife=np.log(2.0) * timescale, times=measured.index).mean().shift(1)
            result[segment] = (measured - mean).where(measured.index >= measured.index[0] + timescale)
    return result
