"""Faults of sensors that a range cannot detect: values that stay constant, and steps in the level of a soil-moisture sensor.

Each rule has a name, drops values only where no soil behaves so, and its values are counted. Soil that is frozen, dry seasons, saturated
soil and sensors of coarse resolution have long runs of equal values too, and none of them is a fault:

* Frozen time does not count: a run is as long as its steps above freezing, and for soil temperature those far enough from 0 degC.
* ``stuck``: a shallow soil-moisture sensor that remains at one value while :data:`WET_RUN_RAIN` fall is stuck, unless that is the highest
  value of the record (saturated soil); without rain, a run has to exceed :data:`LONGEST`. If equal values are common in the rest of the
  record, as with a resolution of 1 %, a sensor is stuck only after a year with much rain.
* ``level step``: the water content changes within a day by more than any soil does on dry days, and does not come back; see
  :func:`~jules_ml.data.level_steps.step_days`. Values on the shorter side are dropped, since the longer one determines mean and range of
  the sensor.

References
----------
Dorigo et al. (2013), Vadose Zone J. 12, for breaks and constant values in soil moisture: rules C03, D07 and D08 there; limits differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.level_steps import step_days
from jules_ml.data.quality import ground_temperature
from jules_ml.data.record import interval
from jules_ml.physics.constants import SECONDS_PER_DAY, TM

Rule = Literal["stuck", "level step"]
_Resolution = Literal["fine", "coarse", "only"]
#: Names of the rules.
RULES: Final[tuple[Rule, ...]] = ("stuck", "level step")

#: Longest run of equal values [d], by variable, of time that counts; see the module's text.
LONGEST: Final = {"theta": 60.0, "theta_crns": 15.0, "t_soil": 30.0, "nee": 5.0}
#: The same for soil sensors below :data:`SHALLOW`, whose conditions change slowly [d].
LONGEST_BELOW: Final = {"theta": 180.0, "t_soil": 90.0}
#: The same if no temperature tells when the soil was frozen [d].
LONGEST_UNKNOWN: Final = 365.0
#: Fraction of days equal to the day before from which equal values are common [1].
COMMON: Final = 0.1
#: Fewest days outside a run that tell it.
LEAST_VALUES: Final = 30
#: Rain [kg m-2] and time [d] of a run at a shallow soil-moisture sensor from which it is stuck.
WET_RUN_RAIN, WET_RUN_DAYS = 20.0, 14.0
#: The same if equal values are common.
WET_RUN_RAIN_COARSE, WET_RUN_DAYS_COARSE = 500.0, 365.0
#: The same if the sensor has no other value.
WET_RUN_RAIN_ONLY, WET_RUN_DAYS_ONLY = 50.0, 60.0
#: Deepest sensor that such rain reaches [m].
SHALLOW: Final = 0.31
#: Distance of soil temperature from 0 degC within which freezing water and snow hold it constant [K].
ZERO_CURTAIN: Final = 5.0
#: Ground colder than this may be frozen [K].
FROZEN_BELOW: Final = TM + 1.0

#: Days without frost in the air after which no snow is left to melt, for rises of the water content.
SNOW_FREE_DAYS: Final = 60
#: Values that count as equal [unit of the variable]: rounding of conversions.
_EQUAL = 1e-9

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SensorFault:
    """Values of one sensor that a rule drops.

    Attributes
    ----------
    rule : {'stuck', 'level step'}
    variable : str
    sensor : mapping of str to int
        Index along each dimension of the variable but time: ``depth``, and ``port`` of chambers.
    depth : float or None
        [m]; None if unknown.
    mask : array of bool, shape (time,)
        Dropped steps.
    first, last : Timestamp
        First and last dropped time stamp, UTC.
    values : int
        Number of dropped values.
    of : int
        Number of values of the sensor.
    reason : str
        Evidence, for the note.
    """

    rule: Rule
    variable: str
    sensor: Mapping[str, int]
    depth: float | None
    mask: _Mask
    first: pd.Timestamp
    last: pd.Timestamp
    values: int
    of: int
    reason: str

    @property
    def note(self) -> str:
        """Rule, count, period and reason in one line."""
        where = self.variable
        if self.depth is not None:
            where += f" at {self.depth:g} m"
        elif self.sensor:
            where += " of sensor " + ", ".join(str(index + 1) for index in self.sensor.values())
        return (
            f"{where}: {self.values} of {self.of} values dropped by the rule '{self.rule}' "
            f"({self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}, {self.reason})"
        )


@dataclass(frozen=True, eq=False)
class _Sensor:
    """Series of one sensor, with what else happened at its time steps."""

    variable: str
    values: _Array
    depth: float | None
    index: Mapping[str, int]
    counts: _Mask
    rain: _Array | None
    snow_free: _Mask
    step_days: float
    time: pd.DatetimeIndex

    @property
    def shallow(self) -> bool:
        return self.depth <= SHALLOW if self.depth is not None else self.index.get("depth", 0) < 2

    def fault(self, rule: Rule, mask: _Mask, reason: str) -> SensorFault:
        dropped, valid = mask & np.isfinite(self.values), np.isfinite(self.values)
        at = np.flatnonzero(dropped)
        first, last = self.time[at[0]], self.time[at[-1]]
        counts = int(dropped.sum()), int(valid.sum())
        return SensorFault(rule, self.variable, self.index, self.depth, mask, first, last, *counts, reason)


def sensor_faults(ds: xr.Dataset, rules: Sequence[Rule] = RULES) -> list[SensorFault]:
    """Find stuck sensors, and steps in the level of soil-moisture sensors.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, of any interval up to a day.
    rules : sequence of str, optional
        Names of the rules that apply; see :data:`RULES`.

    Returns
    -------
    list of SensorFault
        By rule, variable and sensor; empty if there are none.
    """
    found: list[SensorFault] = []
    if ds.sizes.get("time", 0) < 2 or interval(ds) > pd.Timedelta(days=1):
        return found
    sensors = list(_sensors(ds))
    if "stuck" in rules:
        for sensor in sensors:
            stuck, reason = _stuck(sensor)
            if stuck.any():
                found.append(sensor.fault("stuck", stuck, reason))
                sensor.values[stuck] = np.nan
    if "level step" in rules:
        found += _level_faults([sensor for sensor in sensors if sensor.variable == "theta"])
    return found


def without_faults(ds: xr.Dataset, rules: Sequence[Rule] = RULES) -> xr.Dataset:
    """Set the values of faulty sensors to NaN.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site.
    rules : sequence of str, optional
        Names of the rules that apply.

    Returns
    -------
    xarray.Dataset
        Record without these values. Its attribute ``sensor_faults`` has one line for each sensor and rule, with the number of values; see
        :func:`~jules_ml.data.record.record_notes`. It is absent if nothing was dropped.
    """
    faults = sensor_faults(ds, rules)
    for fault in faults:
        kept = xr.DataArray(~fault.mask, dims="time", coords={"time": ds["time"]})
        for dim, index in fault.sensor.items():
            kept = kept | xr.DataArray(np.arange(ds.sizes[dim]) != index, dims=dim)
        ds = ds.assign({fault.variable: ds[fault.variable].where(kept).transpose(*ds[fault.variable].dims)})
    return ds.assign_attrs(sensor_faults="\n".join(fault.note for fault in faults)) if faults else ds


def runs_of_equal_values(values: _Array) -> NDArray[np.int64]:
    """Number the runs of equal values.

    Parameters
    ----------
    values : array, shape (time,)
        NaN where missing; a gap does not end a run.

    Returns
    -------
    array of int, shape (time,)
        Number of the run of each value, from 0; -1 where missing.
    """
    number = np.full(len(values), -1, dtype=np.int64)
    at = np.flatnonzero(np.isfinite(values))
    if at.size:
        changed = np.abs(np.diff(values[at])) > _EQUAL
        number[at] = np.concatenate([[0], np.cumsum(changed)])
    return number


def _sensors(ds: xr.Dataset) -> Iterator[_Sensor]:
    """Series of every sensor of the variables that the rules examine."""
    step = interval(ds) / pd.Timedelta(days=1)
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    rain, ground, snow_free = rain_of_steps(ds), _ground(ds), _snow_free(ds)
    warm = np.zeros(len(time), dtype=bool) if ground is None else ground >= FROZEN_BELOW
    for name in LONGEST:
        if name not in ds or "time" not in ds[name].dims:
            continue
        columns = ds[name].transpose("time", ...)
        for at in np.ndindex(columns.shape[1:]):
            index = dict(zip(map(str, columns.dims[1:]), at, strict=True))
            values = columns.to_numpy()[(slice(None), *at)].astype(np.float64)
            depth = float(ds["depth"][index["depth"]]) if "depth" in index and "depth" in ds.coords else np.nan
            counts = warm if name.startswith("theta") else np.ones(len(time), dtype=bool)
            if name == "t_soil":
                counts = np.abs(values - TM) > ZERO_CURTAIN
            stated = depth if np.isfinite(depth) else None
            yield _Sensor(name, values, stated, index, counts, rain, snow_free, step, time)


def rain_of_steps(ds: xr.Dataset) -> _Array | None:
    """Return the rain of each step [kg m-2], shape (time,), NaN where missing; None if it was not measured."""
    names = [name for name in ("precip", "tot_rain") if name in ds and ds[name].dims == ("time",)]
    if not names or not bool(ds[names[0]].notnull().any()):
        return None
    step = interval(ds) / pd.Timedelta(days=1) * SECONDS_PER_DAY
    rain: _Array = ds[names[0]].to_numpy().astype(np.float64) * step
    return rain


def _snow_free(ds: xr.Dataset) -> _Mask:
    """Steps before which the air was above freezing for so long that no snow is left; none if air temperature was not measured."""
    if "t_air" not in ds or ds["t_air"].dims != ("time",):
        return np.zeros(ds.sizes["time"], dtype=bool)
    frost = ~(ds["t_air"].to_numpy() > TM)
    last = np.maximum.accumulate(np.where(frost, np.arange(len(frost)), -len(frost)))
    steps = SNOW_FREE_DAYS * pd.Timedelta(days=1) / interval(ds)
    free: _Mask = np.arange(len(frost)) - last > steps
    return free


def _ground(ds: xr.Dataset) -> _Array | None:
    """Temperature of the ground [K], shape (time,), for the frost rule; None if none was measured."""
    t_air, t_soil = ds.get("t_air"), ds.get("t_soil")
    if t_air is None and t_soil is None:
        return None
    air = np.full(ds.sizes["time"], np.nan) if t_air is None else t_air.transpose("time", ...).to_numpy()
    air = air if air.ndim == 1 else air.reshape(len(air), -1).min(axis=1)
    soil = None if t_soil is None else t_soil.transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1)
    return ground_temperature(air, soil)


def _stuck(sensor: _Sensor) -> tuple[_Mask, str]:
    """Steps of the runs that are too long, and the evidence of the longest."""
    mask = np.zeros(len(sensor.values), dtype=bool)
    number = runs_of_equal_values(sensor.values)
    valid = number >= 0
    if not valid.any():
        return mask, ""
    # where no temperature says that the soil is thawed, only a whole year tells
    known = bool(sensor.counts[valid].any())
    counted = np.bincount(number[valid], weights=(sensor.counts if known else valid)[valid]) * sensor.step_days
    highest, longest = np.nanmax(sensor.values), (0.0, "")
    for run in np.flatnonzero(counted > min(*LONGEST.values(), WET_RUN_DAYS)):
        at = np.flatnonzero(number == run)
        days, value = float(counted[run]), float(sensor.values[at[0]])
        resolution = _resolution(sensor, number, int(run))
        rain = _rain_in(sensor, at[0], at[-1]) if known else 0.0
        wet = _is_too_wet(sensor, resolution, days, rain) and (value < highest or resolution == "only")
        if wet or (resolution == "fine" and days > (_limit(sensor) if known else LONGEST_UNKNOWN)):
            mask[at] = True
            fell = f" while {rain:.0f} mm of rain fell" if wet else ""
            longest = max(longest, (days, f"{days:.0f} days at {value:g}{fell}"))
    return mask, longest[1]


def _is_too_wet(sensor: _Sensor, resolution: _Resolution, days: float, rain: float) -> bool:
    """Whether rain during a run proves that a soil-moisture sensor is stuck."""
    least_days, least_rain = {
        "fine": (WET_RUN_DAYS, WET_RUN_RAIN),
        "coarse": (WET_RUN_DAYS_COARSE, WET_RUN_RAIN_COARSE),
        "only": (WET_RUN_DAYS_ONLY, WET_RUN_RAIN_ONLY),
    }[resolution]
    return sensor.variable == "theta" and sensor.shallow and days > least_days and rain >= least_rain


def _rain_in(sensor: _Sensor, first: int, last: int) -> float:
    """Rain on thawed ground between two steps, without the first and the last day [kg m-2]."""
    if sensor.rain is None:
        return 0.0
    day = round(1.0 / sensor.step_days)
    inside = slice(first + day, max(last - day, first + day))
    return float(np.nansum(np.where(sensor.counts[inside], sensor.rain[inside], 0.0)))


def _limit(sensor: _Sensor) -> float:
    """Longest run of a sensor of fine resolution that can be true [d]."""
    return (LONGEST if sensor.shallow else LONGEST | LONGEST_BELOW)[sensor.variable]


def _resolution(sensor: _Sensor, number: NDArray[np.int64], run: int) -> _Resolution:
    """Whether equal values on consecutive days are rare outside a run, are common, or there is no other value to tell."""
    daily = number[:: max(round(1.0 / sensor.step_days), 1)]
    daily = daily[(daily >= 0) & (daily != run)]
    if not daily.size:
        return "only"
    return "coarse" if daily.size < LEAST_VALUES or np.mean(np.diff(daily) == 0) > COMMON else "fine"


def _daily(sensor: _Sensor) -> tuple[NDArray[np.int64], pd.DataFrame, pd.Timestamp]:
    """Day of each time step from the first on, daily ``theta``, ``warm``, ``free`` of snow and ``rain`` [kg m-2], and the first day."""
    middle = sensor.time - pd.Timedelta(days=sensor.step_days) / 2
    start = middle[0].floor("D")
    day = np.asarray((middle.floor("D") - start).days, dtype=np.int64)
    rain = np.full(len(day), np.nan) if sensor.rain is None else sensor.rain
    grouped = pd.DataFrame(
        {"theta": sensor.values, "warm": sensor.counts, "rain": rain, "free": sensor.snow_free}
    ).groupby(day)
    daily = grouped.agg({"theta": "mean", "warm": "all", "free": "all"}).assign(rain=grouped["rain"].sum(min_count=1))
    daily = daily.reindex(range(int(day[-1]) + 1))
    return day, daily.assign(warm=daily["warm"].eq(True), free=daily["free"].eq(True)), start


def _level_faults(sensors: Sequence[_Sensor]) -> list[SensorFault]:
    """Values on the shorter side of the steps in the level of each soil-moisture sensor."""
    if not sensors:
        return []
    days = [_daily(sensor) for sensor in sensors]
    series = np.column_stack([daily["theta"].to_numpy() for _, daily, _ in days])
    found = []
    for number, (sensor, (day, daily, start)) in enumerate(zip(sensors, days, strict=True)):
        steps = step_days(
            series[:, number],
            None if sensor.rain is None else daily["rain"].to_numpy(),
            daily["warm"].to_numpy(dtype=bool),
            others=np.delete(series, number, axis=1),
            rises=daily["free"].to_numpy(dtype=bool) & sensor.shallow,
        )
        if not steps:
            continue
        level, valid = np.searchsorted(np.asarray(steps), day, side="right"), np.isfinite(sensor.values)
        longest = int(np.argmax(np.bincount(level[valid], minlength=len(steps) + 1)))
        when = ", ".join(f"{start + pd.Timedelta(days=step):%Y-%m-%d}" for step in steps)
        found.append(sensor.fault("level step", (level != longest) & valid, f"its level changes on {when}"))
    return found
