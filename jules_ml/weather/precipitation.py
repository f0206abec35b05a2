"""Rain and snow of the forms in which driving data of JULES have precipitation (``io_precip_type``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_Values = NDArray[np.floating[Any]]
#: Driving variables that make up rain and snow: of all kinds together, large-scale and convective.
RAIN: Final = ("tot_rain", "ls_rain", "con_rain")
SNOW: Final = ("tot_snow", "ls_snow", "con_snow")


def rain_and_snow(values: Mapping[str, _Values], t_for_snow: float | None) -> dict[str, _Values]:
    """Make rain and snow of the precipitation in driving data.

    Parameters
    ----------
    values : mapping of str to array, shape (...)
        Driving variables by JULES's names: ``precip`` [kg m-2 s-1] and ``t`` [K], or parts of rain and snow [kg m-2 s-1].
    t_for_snow : float or None
        Air temperature at and below which ``precip`` is snow [K]; needed with ``precip`` alone.

    Returns
    -------
    dict of str to array, shape (...)
        ``tot_rain`` and ``tot_snow`` [kg m-2 s-1]; without any part of snow there is none.

    Examples
    --------
    >>> made = rain_and_snow({"precip": np.array([1.0, 2.0]), "t": np.array([274.0, 274.1])}, 274.0)
    >>> made["tot_rain"].tolist(), made["tot_snow"].tolist()
    ([0.0, 2.0], [1.0, 0.0])
    """
    if "precip" in values:
        assert t_for_snow is not None
        snow = values["t"] <= t_for_snow
        return {"tot_rain": np.where(snow, 0.0, values["precip"]), "tot_snow": np.where(snow, values["precip"], 0.0)}
    rain, snow_parts = ([values[name] for name in names if name in values] for names in (RAIN, SNOW))
    return {
        "tot_rain": reduce(np.add, rain),
        "tot_snow": reduce(np.add, snow_parts) if snow_parts else np.zeros_like(rain[0]),
    }
