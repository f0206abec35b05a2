"""Notes about single steps: spikes of one value, and steps in the level of soil sensors that the weather does not explain.

References
----------
Papale et al. (2006), Biogeosciences 3, 571-583, section 2.2: second differences and their median absolute deviation; the threshold here is
four times theirs and more, so that only values that no noise explains are noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.level_steps import on_two_levels
from jules_ml.data.record import interval, place
from jules_ml.data.sensor_faults import rain_of_steps

_Array = NDArray[np.float64]

#: Second difference from which a value is a spike, in robust standard deviations, and the least one [unit of the variable].
SPIKE: Final = 40.0
_LEAST_SPIKE: Final = {
    "t_air": 8.0,
    "t_soil": 5.0,
    "theta": 0.1,
    "relative_humidity": 0.4,
    "pstar": 2000.0,
    "lw_down": 150.0,
    "nee": 20.0,
    "le": 400.0,
    "h": 400.0,
    "g_soil": 200.0,
}
#: Least step in the level of soil temperature [K] and water content [m3 m-3] from one value to the next, for steps of hours and of days;
#: and days before and after it that are compared. Fronts and drainage change daily means by less.
_LEAST_STEP: Final = {"t_soil": (6.0, 12.0), "theta": (0.1, 0.2)}
WINDOW: Final = 3.0
#: Least step relative to the 99 % quantile of all changes [1].
UNUSUAL: Final = 2.0
#: Depth of water that a layer takes up [kg m-2] for a rise of 1 m3 m-3, at least: a sensor measures 5 cm around it.
LAYER: Final = 50.0


def discontinuity_notes(ds: xr.Dataset) -> list[str]:
    """Describe spikes, and steps in the level of soil sensors that rain does not explain.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, of an interval of at most a day.

    Returns
    -------
    list of str
        At most one note for each sensor and kind.
    """
    if ds.sizes.get("time", 0) < 50 or "site" in ds.dims or interval(ds) > pd.Timedelta(days=1):
        return []
    days = interval(ds) / pd.Timedelta(days=1)
    rain = rain_of_steps(ds)
    air = ds["t_air"].to_numpy().astype(np.float64) if "t_air" in ds and ds["t_air"].dims == ("time",) else None
    consecutive = np.diff(ds["time"].to_numpy()) <= interval(ds).to_timedelta64()
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    notes: list[str] = []
    for name in [name for name in _LEAST_SPIKE if name in ds and "time" in ds[name].dims]:
        columns = ds[name].transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1).astype(np.float64)
        for values in columns.T:
            if days <= 0.125:
                notes += _spikes(values, name, time)
            if name in _LEAST_STEP:
                notes += _steps(values, name, rain, air, days, consecutive)
    return [f"{place(ds)}: {note}" for note in notes]


def _spikes(values: _Array, name: str, time: pd.DatetimeIndex) -> Iterator[str]:
    second = np.abs((values[1:-1] - values[:-2]) - (values[2:] - values[1:-1]))
    finite = second[np.isfinite(second)]
    if finite.size < 100:
        return
    spread = 1.4826 * float(np.median(finite))
    # both neighbours are on the same side, so a step is no spike
    between = (values[1:-1] - values[:-2]) * (values[1:-1] - values[2:]) > 0.0
    smaller = np.minimum(np.abs(values[1:-1] - values[:-2]), np.abs(values[1:-1] - values[2:]))
    spikes = np.flatnonzero(between & (smaller > max(0.5 * SPIKE * spread, _LEAST_SPIKE[name])))
    if spikes.size:
        value, when = values[spikes[0] + 1], time[spikes[0] + 1]
        count = "1 spike" if spikes.size == 1 else f"{spikes.size} spikes"
        yield f"'{name}' has {count}, for example {value:.4g} at {when:%Y-%m-%d %H:%M} UTC: look for faults of the sensor"


def _steps(
    values: _Array, name: str, rain: _Array | None, air: _Array | None, days: float, consecutive: NDArray[np.bool_]
) -> Iterator[str]:
    window = max(round(WINDOW / days), 3)
    change = np.where(consecutive, np.diff(values), np.nan)
    known = np.abs(change[np.isfinite(change)])
    if not known.size:
        return
    # a sensor near the surface changes fast each day
    least = max(_LEAST_STEP[name][days > 0.125], UNUSUAL * float(np.quantile(known, 0.99)))
    for at in np.flatnonzero(np.abs(np.nan_to_num(change)) > least).tolist():
        before, after = values[max(at + 1 - window, 0) : at + 1], values[at + 1 : at + 1 + window]
        before, after = before[np.isfinite(before)], after[np.isfinite(after)]
        if min(len(before), len(after)) < 3 or not on_two_levels(before, after, float(change[at]), 0.5 * least):
            continue
        if name == "theta" and change[at] > 0.0 and not _is_dry(rain, at, days, float(change[at])):
            continue
        if name == "t_soil" and _follows_air(air, at, window, float(change[at])):
            continue
        yield f"'{name}' steps from {values[at]:.4g} to {values[at + 1]:.4g} and stays there: look for another sensor, depth or calibration"
        return


def _follows_air(air: _Array | None, at: int, window: int, change: float) -> bool:
    """Whether air temperature changes in the same direction by half a step in the level of soil temperature, as with a front."""
    if air is None:
        return False
    before, after = air[max(at + 1 - window, 0) : at + 1], air[at + 1 : at + 1 + window]
    if not (np.isfinite(before).any() and np.isfinite(after).any()):
        return False
    return float(np.nanmean(after) - np.nanmean(before)) / change > 0.5


def _is_dry(rain: _Array | None, at: int, days: float, rise: float) -> bool:
    """Whether rain of the day before and of the day of a rise is too little for it; without rain nothing is known."""
    if rain is None:
        return False
    reach = max(round(1.0 / days), 1)
    return float(np.nansum(rain[max(at + 1 - reach, 0) : at + 2 + reach])) < rise * LAYER
