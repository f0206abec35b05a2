"""Notes about values that are possible one by one, and contradict each other, the sun or the rest of the record.

Ranges do not show a reversed sign, exchanged columns, a factor of 100 or a sensor of the weather that is stuck. What shows them: the course
of the day beside radiation, radiation beside that of the sun, one variable beside another
(:mod:`~jules_ml.data.consistency`), and long runs of equal values in a series that otherwise changes at every step. A note names the
variable in quotes and what contradicts it; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.consistency import consistency_notes
from jules_ml.data.record import end_of_interval, interval, local_middle, place
from jules_ml.data.sensor_faults import runs_of_equal_values
from jules_ml.data.sun import potential_radiation
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

_Array = NDArray[np.float64]

#: Variables that rise by day, and the correlation of their anomalies from the daily mean with light below which they fall.
RISE_BY_DAY: Final = ("t_air", "vpd", "le", "h", "lst", "rad_net")
FALLS: Final = -0.3
#: Least time with values for a statement about a course or a size [d].
LEAST_DAYS: Final = 5.0
#: Ratio of radiation to that at the top of the atmosphere, of the brightest steps: larger and smaller ones are in another unit.
BRIGHTEST, DARKEST = 1.25, 0.1
#: Radiation [W m-2] that is no twilight, and photons per joule of sunlight [umol J-1].
NO_TWILIGHT, PHOTONS = 30.0, 2.05
#: Longest run of equal values [d]: of the weather and fluxes, and of soil sensors; and in daily series [steps].
LONGEST_RUN, LONGEST_RUN_SOIL, LONGEST_RUN_DAYS = 1.0, 4.0, 20
#: Fraction of steps at which a series changes, outside the run, from which a long run is a fault [1].
CHANGES: Final = 0.7
#: Values that series take for a long time: saturated air, calm, darkness, no rain; and melting snow or freezing soil [K].
_AT_REST: Final = {"relative_humidity": (0.97, 2.0), "wind": (-1.0, 0.3), "vpd": (-1.0, 30.0), "ustar": (-1.0, 0.05)}
_ZERO_CURTAIN: Final = (271.15, 275.15)
_NO_RUNS: Final = (
    "precip",
    "tot_rain",
    "tot_snow",
    "snow_depth",
    "snow_present",
    "swe",
    "swi",
    "albedo",
    "d86",
    "sw_pot",
    "wind_direction",
)
_NEVER_CONSTANT_BY_DAY: Final = ("sw_down", "ppfd", "sw_up", "sw_diffuse", "ppfd_up")
#: Largest value in many days below which a series is too small; and rain [kg m-2 s-1]: of one step, and the mean.
TOO_SMALL: Final = {"wind": 0.4, "relative_humidity": 0.06, "theta": 0.01, "theta_crns": 0.01}
#: Range of air temperature within a day [K], the median of sunny days, below which it is divided by something.
LEAST_DIURNAL_RANGE: Final = 0.3
CLOUDBURST, WETTEST = 80.0 / 3600.0, 40.0 / SECONDS_PER_DAY
#: Largest mean of wind on land [m s-1], and largest fraction of steps of up to three hours with rain [1].
WINDIEST, MOST_WET_STEPS = 15.0, 0.75


def plausibility_notes(ds: xr.Dataset, *, without_constant: Collection[str] = ()) -> list[str]:
    """Describe values that contradict each other, the sun or the rest of the record.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, of an interval of at most a day.
    without_constant : collection of str, optional
        Variables of which nothing is said if all their values are equal.

    Returns
    -------
    list of str
        One note for each contradiction; none for a sound record, or one that is too short to tell.
    """
    if ds.sizes.get("time", 0) < 2 or "site" in ds.dims or interval(ds) > pd.Timedelta(days=1):
        return []
    series = dict(_series(ds))
    days = interval(ds) / pd.Timedelta(days=1)
    notes = [
        *_course_notes(ds, series),
        *_light_notes(ds, series, days),
        *consistency_notes(ds, series),
        *_size_notes(series | _driest(ds), days),
        *(note for name in ds.data_vars for note in _run_notes(ds, str(name), days, without_constant)),
    ]
    return [f"{place(ds)}: {note}" for note in notes]


def _series(ds: xr.Dataset) -> Iterator[tuple[str, _Array]]:
    for name, values in ds.data_vars.items():
        if values.dims == ("time",) and bool(values.notnull().any()):
            yield str(name), values.to_numpy().astype(np.float64)


def _driest(ds: xr.Dataset) -> dict[str, _Array]:
    """Driest sensor of soil moisture, by its largest value."""
    if "theta" not in ds or not bool(ds["theta"].notnull().any()):
        return {}
    columns = ds["theta"].transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1).astype(np.float64)
    largest = [np.nanmax(column) if np.isfinite(column).any() else np.inf for column in columns.T]
    return {"theta": columns[:, int(np.argmin(largest))]}


def _light(series: dict[str, _Array]) -> _Array | None:
    """Shortwave radiation [W m-2], or what the photon flux density stands for."""
    if "sw_down" in series:
        return series["sw_down"]
    return series["ppfd"] / PHOTONS if "ppfd" in series else None


def _course_notes(ds: xr.Dataset, series: dict[str, _Array]) -> Iterator[str]:
    """Variables that fall while the sun shines; carbon dioxide that is taken up at night and released by day."""
    light, step = _light(series), interval(ds)
    if light is None or step > pd.Timedelta(hours=3) or not np.nanmax(light) > 100.0:
        return
    day, _ = pd.factorize(local_middle(ds).floor("D"))
    if "t_air" in series and (swing := _diurnal_range(series["t_air"], light, day)) < LEAST_DIURNAL_RANGE:
        yield f"'t_air' hardly varies, by {swing:.2g} K on sunny days: look for a wrong factor"
    for name in [name for name in RISE_BY_DAY if name in series]:
        both = np.isfinite(light) & np.isfinite(series[name])
        if both.sum() * (step / pd.Timedelta(days=1)) < LEAST_DAYS:
            continue
        anomaly, of_light = (_from_daily_mean(v[both], day[both]) for v in (series[name], light))
        spread = float(anomaly.std() * of_light.std())
        if spread > 0.0 and float((anomaly * of_light).mean()) / spread < FALLS:
            yield f"'{name}' falls while the sun shines: look for a reversed sign, exchanged columns or a wrong clock"
    if "nee" in series:
        night, bright = series["nee"][light < 10.0], series["nee"][light > 100.0]
        enough = min(np.isfinite(night).sum(), np.isfinite(bright).sum()) * (step / pd.Timedelta(days=1)) >= 1.0
        if enough and np.nanmean(night) < 0.0 < np.nanmean(bright):
            yield (
                f"'nee' is negative at night (mean {np.nanmean(night):.2g} umol m-2 s-1) and positive by day: look for a reversed sign, "
                "since uptake is negative"
            )


def _diurnal_range(values: _Array, light: _Array, day: NDArray[np.intp]) -> float:
    """Median range within days with sun; infinite if there are fewer than five of them."""
    days = pd.DataFrame({"value": values, "light": light}).groupby(day).agg(["min", "max", "count"])
    sunny = days[(days["light", "max"] > 200.0) & (days["value", "count"] >= 0.8 * days["value", "count"].max())]
    swing = sunny["value", "max"] - sunny["value", "min"]
    return float(swing.median()) if len(swing) >= LEAST_DAYS else np.inf


def _from_daily_mean(values: _Array, day: NDArray[np.intp]) -> _Array:
    """Anomalies from the mean of each day."""
    count = np.bincount(day)
    anomaly: _Array = values - (np.bincount(day, weights=values) / np.maximum(count, 1))[day]
    return anomaly


def _light_notes(ds: xr.Dataset, series: dict[str, _Array], days: float) -> Iterator[str]:
    """Radiation beside that at the top of the atmosphere."""
    try:
        potential = potential_radiation(ds).to_numpy()
    except BadInput:  # the record has no position
        return
    for name, factor in (("sw_down", 1.0), ("ppfd", PHOTONS)):
        if name not in series:
            continue
        high = (potential > (150.0 if days < 0.2 else 40.0)) & np.isfinite(series[name])
        if high.sum() * days < LEAST_DAYS * (0.2 if days < 0.2 else 1.0):
            continue
        ratio = float(np.quantile(series[name][high] / factor / potential[high], 0.98))
        if not DARKEST <= ratio <= BRIGHTEST:
            yield f"'{name}' is {ratio:.2g} of the radiation at the top of the atmosphere in its brightest steps: look for a wrong unit"
        dark = (potential == 0.0) & (series[name] / factor > NO_TWILIGHT)
        if dark.any():
            yield f"'{name}' exceeds {NO_TWILIGHT:g} W m-2 at night in {int(dark.sum())} steps: look for spikes or a wrong clock"


def _size_notes(series: dict[str, _Array], days: float) -> Iterator[str]:
    """Series whose largest value is too small, rain that is too heavy, and zeros that are apart from all other values."""
    for name, values in series.items():
        if np.isfinite(values).sum() * days < 2.0 * LEAST_DAYS:
            continue
        if name in TOO_SMALL and np.nanmax(values) < TOO_SMALL[name]:
            yield f"'{name}' never exceeds {np.nanmax(values):.2g}, which is too small: look for a wrong factor or unit"
        if name in ("precip", "tot_rain", "tot_snow"):
            heavy = int((values > CLOUDBURST).sum())
            if heavy or np.nanmean(values) > WETTEST:
                mean = SECONDS_PER_DAY * float(np.nanmean(values))
                yield f"'{name}' exceeds 80 mm h-1 in {heavy} steps, and has a mean of {mean:.3g} mm d-1: look for spikes or a wrong unit"
            wet = float((values > 0.0).sum() / np.isfinite(values).sum())
            if days <= 0.125 and wet > MOST_WET_STEPS:
                yield f"'{name}' is positive in {wet:.0%} of the steps: look for exchanged columns or an offset"
        if name == "wind" and np.nanmean(values) > WINDIEST:
            yield f"'{name}' has a mean of {np.nanmean(values):.3g} m s-1: look for a wrong unit or exchanged columns"
        if name == "relative_humidity" and (values == 0.0).sum() > 2:
            yield f"'{name}' is exactly 0 in {int((values == 0.0).sum())} steps: look for zeros that stand for missing values"


def _run_notes(ds: xr.Dataset, name: str, days: float, without_constant: Collection[str]) -> Iterator[str]:
    """Long runs of equal values in series that otherwise change at every step."""
    if name.endswith("_qc") or name in _NO_RUNS or "time" not in ds[name].dims:
        return
    columns = ds[name].transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1).astype(np.float64)
    soil = name in ("theta", "theta_crns", "t_soil", "g_soil")
    longest = LONGEST_RUN_DAYS if days >= 1.0 else (LONGEST_RUN_SOIL if soil else LONGEST_RUN) / days
    time = end_of_interval(ds)
    for values in columns.T:
        if soil and ((values == 0.0).sum() > 2) and (apart := np.nanmin(values[values > 0.0], initial=np.inf)) > 0.02:
            zeros = int((values == 0.0).sum())
            yield f"'{name}' is exactly 0 in {zeros} steps and else at least {apart:.2g}: look for zeros that stand for missing values"
        at = np.flatnonzero(np.isfinite(values))
        if at.size < 3:
            continue
        if name in _NEVER_CONSTANT_BY_DAY:
            at, limit = at[values[at] > 5.0], 0.25 / days if days < 1.0 else longest
        else:
            limit = longest
        run = _longest_run(values, at, _rest(name))
        if run is None or run[1] <= limit:
            continue
        first, length = run
        if length == at.size and name in without_constant:
            continue
        others = np.delete(values[at], slice(first, first + length))
        changes = float((np.diff(others) != 0.0).mean()) if others.size > 20 else 1.0
        if changes >= CHANGES:
            yield (
                f"'{name}' is constant, {values[at[first]]:.4g}, in {length} steps from {time[at[first]]}: look for a stuck sensor or "
                "filled values"
            )


def _rest(name: str) -> tuple[float, float]:
    return _ZERO_CURTAIN if name == "t_soil" else _AT_REST.get(name, (np.inf, -np.inf))


def _longest_run(values: _Array, at: NDArray[np.intp], rest: tuple[float, float]) -> tuple[int, int] | None:
    """Position in ``at`` and length of the longest run of equal values outside the values at rest."""
    if at.size < 2:
        return None
    lengths = np.bincount(runs_of_equal_values(values[at]))
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    of_run = values[at[firsts]]
    lengths = np.where((of_run >= rest[0]) & (of_run <= rest[1]), 0, lengths)
    longest = int(lengths.argmax())
    return (int(firsts[longest]), int(lengths[longest])) if lengths[longest] else None
