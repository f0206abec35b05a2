"""Lagged inputs of gradient boosting: weather filtered over days to months, the first guess, and static properties.

Each value depends on the last :data:`MEMORY_DAYS` days only, as those of the networks do, and none on the date: a module in a running JULES
has the weather, while calendars differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.learned.moisture.batch import potential_evaporation
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord

_Array = NDArray[np.float64]
#: Days that an input looks back.
MEMORY_DAYS: Final = 366
#: Time scales of the exponential filters of precipitation, of potential evaporation, and of both together [d].
_RAIN_SCALES: Final = (1.5, 3.0, 7.0, 14.0, 30.0, 60.0, 120.0)
_DRYING_SCALES: Final = (3.0, 10.0, 30.0, 90.0)
_BALANCE_SCALES: Final = (7.0, 30.0, 90.0)
#: Time scales of the other daily inputs [d].
_SCALES: Final[Mapping[str, tuple[float, ...]]] = {
    "t_air": (1.0, 10.0, 60.0),
    "vpd": (1.0, 10.0, 60.0),
    "sw_down": (1.0, 15.0),
    "lw_down": (10.0,),
    "rad_net": (10.0,),
    "wind": (10.0,),
    "lst": (1.0, 5.0, 20.0),
    "swi": (1.0, 10.0),
}
#: Precipitation of a day that wets the soil [kg m-2 d-1], and most days that are counted since then.
_WETTING: Final = (2.0, 10.0)
_MOST_DRY_DAYS: Final = 60
#: Least fraction of a filter's weight on measured days.
_LEAST_MEASURED: Final = 0.05
#: Lag of the first guess of the upper layer [d].
_LAG: Final = 10


def lagged_inputs(
    record: MoistureRecord,
    *,
    dynamic: Sequence[str],
    static: Sequence[str],
    properties: Mapping[str, float],
    first_guess: _Array,
) -> dict[str, _Array]:
    """Compute the lagged inputs of each day.

    Parameters
    ----------
    record : MoistureRecord
    dynamic, static : sequence of str
        Names of the daily and static inputs of the module.
    properties : mapping of str to float
        Static properties of the site; missing ones are NaN.
    first_guess : array, shape (2, layer)
        Mean and standard deviation that define the anomalies of the first guess [m3 m-3].

    Returns
    -------
    dict of str to array, shape (day,)
        NaN where too little was measured.
    """
    precip, drying = record.dynamic["precip"], potential_evaporation(record)
    missing = np.full(len(record), np.nan)
    inputs = {f"precip_{scale:g}": filtered(precip, scale) for scale in _RAIN_SCALES}
    inputs |= {f"drying_{scale:g}": filtered(drying, scale) for scale in _DRYING_SCALES}
    inputs |= {f"balance_{scale:g}": filtered(precip - drying, scale) for scale in _BALANCE_SCALES}
    inputs |= {"precip_0": precip, "precip_1": _lagged(precip, 1)}
    inputs |= {f"days_since_{least:g}": days_since(precip, least) for least in _WETTING}
    for name, scales in _SCALES.items():
        if name in dynamic:
            values = record.dynamic.get(name, missing)
            values = values - record.dynamic["t_air"] if name == "lst" else values
            inputs |= {f"{name}_{scale:g}": filtered(values, scale) for scale in scales}
    anomaly = np.clip((record.jules - first_guess[0]) / first_guess[1], -5.0, 5.0)
    inputs |= {f"first_guess_{layer + 1}": anomaly[:, layer] for layer in range(len(LAYER_DEPTHS))}
    inputs[f"first_guess_1_lag_{_LAG}"] = _lagged(anomaly[:, 0], _LAG)
    return inputs | {name: np.full(len(record), properties.get(name, np.nan)) for name in static}


def filtered(values: _Array, scale: float) -> _Array:
    """Filter a series by exponentially decaying weights of past days, truncated after a year, shape (day,).

    Days without a measurement have no weight. NaN where less than a twentieth of the weight is on measured days.

    Parameters
    ----------
    values : array, shape (day,)
    scale : float
        Time scale [d].
    """
    kernel = np.exp(-np.arange(min(int(6.0 * scale) + 1, MEMORY_DAYS)) / scale)
    measured = np.isfinite(values)
    sums, weights = (
        np.convolve(series, kernel)[: len(values)] for series in (np.where(measured, values, 0.0), measured)
    )
    enough = weights >= _LEAST_MEASURED * kernel.sum()
    result: _Array = np.where(enough, sums / np.where(enough, weights, 1.0), np.nan)
    return result


def days_since(precip: _Array, least: float) -> _Array:
    """Count the days since precipitation was last at least ``least`` [kg m-2 d-1], at most 60, shape (day,)."""
    day = np.arange(len(precip))
    last = np.maximum.accumulate(np.where(np.nan_to_num(precip) >= least, day, -_MOST_DRY_DAYS))
    return np.minimum(day - last, _MOST_DRY_DAYS).astype(np.float64)


def _lagged(values: _Array, days: int) -> _Array:
    return np.concatenate([np.full(min(days, len(values)), np.nan), values[:-days]])
