"""Suspicious values of a record: stuck sensors, steps in level, reversed signs, wrong units and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.clock import clock_notes
from jules_ml.data.inspection.series import Series
from jules_ml.data.level_steps import WINDOW, step_days
from jules_ml.data.quality import NIGHT_PPFD, NIGHT_SW_DOWN
from jules_ml.data.sensor_faults import Rule, sensor_faults
from jules_ml.physics.constants import DAYS_PER_YEAR, SECONDS_PER_DAY

_HOUR, _DAY = 3600.0, SECONDS_PER_DAY
#: Time for which a value may stay the same [s]; variables that are often constant are not listed.
_LONGEST_CONSTANT: Final = {
    "theta": 10.0 * _DAY,
    "theta_crns": 5.0 * _DAY,
    "t_soil": 10.0 * _DAY,
    "t_air": _DAY,
    "lst": _DAY,
    "relative_humidity": 3.0 * _DAY,
    "vpd": _DAY,
    "q": _DAY,
    "pstar": 2.0 * _DAY,
    "wind": _DAY,
    "sw_down": 6.0 * _HOUR,
    "lw_down": _DAY,
    "ppfd": 6.0 * _HOUR,
    "rad_net": 6.0 * _HOUR,
    "nee": 6.0 * _HOUR,
    "le": 6.0 * _HOUR,
    "h": 6.0 * _HOUR,
    "ustar": 6.0 * _HOUR,
    "g_soil": _DAY,
    "co2": _DAY,
    "resp_soil": _DAY,
    "resp_het": _DAY,
}
#: Fewest equal values in succession.
_FEWEST: Final = 6
#: Values that are the same for long with good reason: nights, saturated air, the freezing of soil.
_EXPECTED: Final = {
    "sw_down": (-20.0, 5.0),
    "ppfd": (-40.0, 10.0),
    "relative_humidity": (0.985, 1.2),
    "vpd": (0.0, 1.0),
    "t_soil": (272.6, 273.7),
}
#: Air temperature of a day above which soil is not frozen [K].
_THAWED: Final = 276.15
#: Plausible annual precipitation [kg m-2].
_ANNUAL_PRECIP: Final = (20.0, 8000.0)
#: Hours of the file's clock between which radiation is centred, in local standard time.
_NOON: Final = (10.2, 14.0)


@dataclass(frozen=True)
class Suspicion:
    """Values that are possible but unlikely.

    Attributes
    ----------
    series : str
        Variable and sensor.
    problem, remedy : str
        What is suspicious, and what to do.
    start, end : Timestamp or None
        Stretch of the record, UTC; None if it is not a stretch.
    """

    series: str
    problem: str
    remedy: str
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None


def suspicions_of(ds: xr.Dataset, series: list[Series]) -> list[Suspicion]:
    """Return what is suspicious in a record.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset, with stamps in ascending order.
    series : list of Series
        Its series.
    """
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    interval = pd.Timedelta(seconds=float(ds.attrs.get("interval_seconds", 0.0)))
    if "site" not in ds.attrs:
        return []
    series = [one for one in series if one.values.ndim == 1 and np.isfinite(one.values).any()]
    found, known = _faults(ds, series)
    for number, one in enumerate(series):
        if ("stuck", number) not in known:
            found += _constant(one, time, interval)
        found += _units(one, interval)
    sensors = [
        one
        for number, one in enumerate(series)
        if one.variable in ("theta", "theta_crns") and "port" not in one.sensor and ("level step", number) not in known
    ]
    found += _steps(sensors, ds, time, interval)
    found += _night(ds, interval)
    found += _clock(ds, time, interval)
    return found


def constant_runs(values: NDArray[np.float64], fewest: int) -> list[tuple[int, int]]:
    """Return the first and last position of runs of equal values.

    Parameters
    ----------
    values : array, shape (time,)
        A missing value ends a run.
    fewest : int
        Fewest values of a run.
    """
    with np.errstate(invalid="ignore"):
        changes = np.flatnonzero(~(values[1:] == values[:-1])) + 1
    edges = np.concatenate([[0], changes, [len(values)]])
    return [(int(first), int(last) - 1) for first, last in pairwise(edges) if last - first >= fewest]


def _constant(series: Series, time: pd.DatetimeIndex, interval: pd.Timedelta) -> list[Suspicion]:
    if series.variable not in _LONGEST_CONSTANT or interval <= pd.Timedelta(0):
        return []
    longest = _LONGEST_CONSTANT[series.variable]
    low, high = _EXPECTED.get(series.variable, (np.inf, -np.inf))
    fewest = max(_FEWEST, int(longest / interval.total_seconds()) + 1)
    values = series.values if series.measured is None else np.where(series.measured, series.values, np.nan)
    runs = [
        (first, last)
        for first, last in constant_runs(values, fewest)
        if not low <= series.values[first] <= high and time[last] - time[first] <= 1.5 * interval * (last - first)
    ]
    if not runs:
        return []
    runs.sort(key=lambda run: run[0] - run[1])
    first, last = runs[0]
    n_values = sum(last - first + 1 for first, last in runs)
    more = f"; {len(runs)} such runs with {n_values} values" if len(runs) > 1 else ""
    return [
        Suspicion(
            series.label,
            f"constant at {series.values[first]:.5g} {series.units} for {_length(interval * (last - first + 1))} "
            f"from {time[first]:%Y-%m-%d %H:%M}{more}",
            "the sensor or the logger seems to be stuck: leave these values empty, or ignore the column",
            time[first],
            time[last],
        ),
        *(Suspicion(series.label, "", "", time[first], time[last]) for first, last in runs[1:]),
    ]


def _steps(series: Sequence[Series], ds: xr.Dataset, time: pd.DatetimeIndex, interval: pd.Timedelta) -> list[Suspicion]:
    """Steps in the level of soil-moisture sensors, also those of records in which temperature does not confirm them."""
    if not series or not pd.Timedelta(0) < interval <= pd.Timedelta(days=1):
        return []
    day = (time - interval / 2).floor("D")
    days = pd.date_range(day[0], day[-1])
    daily = np.column_stack([pd.Series(one.values, day).groupby(level=0).mean().reindex(days) for one in series])
    rain = next((ds[name] for name in ("precip", "tot_rain") if name in ds and bool(ds[name].notnull().any())), None)
    precip = None if rain is None else _by_day(rain, day, days) * _DAY
    air = _by_day(ds["t_air"], day, days) if "t_air" in ds else None
    thawed = np.ones(len(days), dtype=bool) if air is None else ~(air < _THAWED)
    found = []
    for k, one in enumerate(series):
        for step in step_days(daily[:, k], precip, thawed, others=np.delete(daily, k, axis=1)):
            around = daily[max(step - WINDOW, 0) : step - 1, k], daily[step + 1 : step + WINDOW, k]
            change = float(np.nanmedian(around[1]) - np.nanmedian(around[0]))
            found.append(
                Suspicion(
                    one.label,
                    f"the level changes by {change:+.2g} {one.units} on {days[step]:%Y-%m-%d} and stays there",
                    "the sensor seems to have been moved, replaced or recalibrated: split the record there, or ignore the column",
                    days[step] - pd.Timedelta(days=1),
                    days[step] + pd.Timedelta(days=1),
                )
            )
    return found


def _by_day(values: xr.DataArray, day: pd.DatetimeIndex, days: pd.DatetimeIndex) -> NDArray[np.float64]:
    return np.asarray(pd.Series(values.to_numpy(), day).groupby(level=0).mean().reindex(days).to_numpy())


def _faults(ds: xr.Dataset, series: Sequence[Series]) -> tuple[list[Suspicion], set[tuple[Rule, int]]]:
    """Values that the rules of ``[quality]`` drop, and the rule and number of the series of each."""
    found: list[Suspicion] = []
    known: set[tuple[Rule, int]] = set()
    for fault in sensor_faults(ds):
        same = (fault.variable, dict(fault.sensor))
        number = next((k for k, one in enumerate(series) if (one.variable, dict(one.sensor)) == same), None)
        label = fault.variable if number is None else series[number].label
        key = fault.rule.replace(" ", "_")
        found.append(
            Suspicion(
                label,
                f"{fault.values} of {fault.of} values from {fault.first:%Y-%m-%d} to {fault.last:%Y-%m-%d} are those of a faulty sensor "
                f"({fault.reason})",
                f"no action needed, since the rule '{fault.rule}' drops them; if they are true, set {key} = false under [quality]",
                fault.first,
                fault.last,
            )
        )
        if number is not None:
            known.add((fault.rule, number))
    return found, known


def _units(series: Series, interval: pd.Timedelta) -> Iterator[Suspicion]:
    """Levels that no site has, although each value is possible."""
    finite = series.values[np.isfinite(series.values)]
    median = float(np.median(finite))
    if series.variable in ("precip", "tot_rain") and interval > pd.Timedelta(0):
        years = finite.size * interval / pd.Timedelta(days=DAYS_PER_YEAR)
        annual = float(finite.sum()) * interval.total_seconds() / max(years, 1e-9)
        if years > 0.9 and not _ANNUAL_PRECIP[0] <= annual <= _ANNUAL_PRECIP[1]:
            yield Suspicion(
                series.label,
                f"precipitation is {annual:.3g} kg m-2 a year",
                "correct the unit, and whether the numbers are sums over the interval (is_sum) or rates",
            )
    if series.variable in ("t_air", "t_soil") and not 235.0 < median < 313.0:
        yield Suspicion(series.label, f"the median is {median - 273.15:.4g} degC", "correct the unit of the column")


def _night(ds: xr.Dataset, interval: pd.Timedelta) -> list[Suspicion]:
    """Mean of NEE in the dark, which is respiration and positive."""
    if "nee" not in ds or ds["nee"].dims != ("time",) or not pd.Timedelta(0) < interval <= pd.Timedelta(hours=1):
        return []
    nee = ds["nee"].to_numpy()
    if "nee_qc" in ds:
        nee = np.where(ds["nee_qc"].to_numpy() == 0.0, nee, np.nan)
    light = next(
        (
            (ds[name].to_numpy(), limit)
            for name, limit in (("sw_down", NIGHT_SW_DOWN), ("ppfd", NIGHT_PPFD))
            if name in ds
        ),
        None,
    )
    if light is None:
        return []
    with np.errstate(invalid="ignore"):
        dark = np.isfinite(nee) & (light[0] < light[1])
        bright = np.isfinite(nee) & (light[0] > 20.0 * light[1])
    if dark.sum() < 48 or float(nee[dark].mean()) >= 0.0:
        return []
    turned = bright.any() and float(nee[bright].mean()) > 0.0
    remedy = (
        "its sign seems to be reversed: uptake is negative and respiration positive; give scale = -1.0 for the column"
        if turned
        else "check the sign, the clock, and nights without turbulence: respiration is positive"
    )
    return [
        Suspicion(
            "nee",
            f"its mean in the dark is {float(nee[dark].mean()):.3g} umol m-2 s-1 ({int(dark.sum())} values)",
            remedy,
        )
    ]


def _clock(ds: xr.Dataset, time: pd.DatetimeIndex, interval: pd.Timedelta) -> list[Suspicion]:
    """Clock against the sun: by position if it is known, else by the hour at which radiation is centred."""
    if "latitude" in ds.attrs and "longitude" in ds.attrs:
        return [
            Suspicion(
                "time", note.split(": ", 1)[-1], "see docs/how_to/data.md: time stamps are local standard time all year"
            )
            for note in clock_notes(ds)
        ]
    name = next((name for name in ("sw_down", "ppfd") if name in ds and ds[name].dims == ("time",)), None)
    if name is None or not pd.Timedelta(0) < interval <= pd.Timedelta(hours=1):
        return []
    light = np.nan_to_num(ds[name].to_numpy())
    middle = time - interval / 2 + pd.Timedelta(hours=float(ds.attrs.get("utc_offset_hours", 0.0)))
    angle = 2.0 * np.pi * (middle.hour + middle.minute / 60.0).to_numpy() / 24.0
    resultant = complex(np.sum(light * np.exp(1j * angle)))
    if abs(resultant) < 0.2 * light.sum() or not light.any():
        return []
    noon = float(np.angle(resultant) % (2.0 * np.pi)) * 24.0 / (2.0 * np.pi)
    if _NOON[0] <= noon <= _NOON[1]:
        return []
    return [
        Suspicion(
            "time",
            f"by the clock of the file, {name} is centred at {int(noon):02d}:{int(noon % 1 * 60):02d}, not near noon",
            "if the clock is UTC, give utc_offset_hours = 0.0; otherwise check the format of the time",
        )
    ]


def notes_on(ds: xr.Dataset) -> list[str]:
    """Return notes on the values that the reader left out and counted."""
    notes = []
    for name, values in ds.data_vars.items():
        flags = f" (flag {values.attrs['flagged']})" if values.attrs.get("flagged") else ""
        reasons = {
            "n_dropped": "outside the valid range",
            "n_rejected": "with a flag that rejects {it}",
            "n_flagged": f"with a flag that is not used{flags}",
        }
        for key, why in reasons.items():
            number = int(values.attrs.get(key, 0))
            if number > 0:
                one = number == 1
                text = why.format(it="it" if one else "them")
                notes.append(
                    f"{name}: {number} {'value' if one else 'values'} {text} {'is' if one else 'are'} left out"
                )
    return notes


def _length(length: pd.Timedelta) -> str:
    days = length / pd.Timedelta(days=1)
    return f"{days:.0f} days" if days >= 3.0 else f"{24.0 * days:.0f} hours"
