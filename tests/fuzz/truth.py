"""Known values of a synthetic site, tables of them in the units of a file, and records as frames that can be compared with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.sun import mean_cos_zenith

#: A series of a record: variable, and depth [m] or another number that tells several of it apart; 0 for a single one.
Key = tuple[str, float]

LATITUDE, LONGITUDE, ELEVATION = 51.0, 13.5, 195.0
#: Leap day, and the start of summer time in the United States.
START = pd.Timestamp("2020-02-26")


@dataclass(frozen=True)
class Column:
    """Column or variable of a file: its number times ``factor`` plus ``offset`` is the value in the unit of the site dataset."""

    name: str
    variable: str
    unit: str = ""
    factor: float = 1.0
    offset: float = 0.0
    depth: float = 0.0
    decimals: int = 2

    @property
    def key(self) -> Key:
        """Series of the record that the column becomes."""
        return (self.variable, self.depth)

    def to_file(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers of the file, with its decimals."""
        numbers: NDArray[np.float64] = np.round((values - self.offset) / self.factor, self.decimals)
        return numbers

    def to_site(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the unit of the site dataset."""
        return numbers * self.factor + self.offset


@dataclass
class Table:
    """Rows of a file before they are written: the end of each interval in UTC, and numbers in the units of the file."""

    ends: pd.DatetimeIndex
    numbers: pd.DataFrame

    def copy(self) -> Table:
        """Copy that can be damaged."""
        return Table(self.ends.copy(), self.numbers.copy())

    def rows(self, order: NDArray[np.intp]) -> Table:
        """Select rows, in this order."""
        return Table(self.ends[order], self.numbers.iloc[order].reset_index(drop=True))


@dataclass
class Read:
    """What a reader makes of a file: values by series, notes that a command prints, numbers of values that it counts as left out."""

    values: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)


def weather(ends: pd.DatetimeIndex, step: pd.Timedelta, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Values of a site in the units of the site dataset, with a daily course and weather, for steps of up to a day."""
    n = len(ends)
    day = (ends - ends[0]) / pd.Timedelta(days=1)
    middle = ends - step / 2
    fraction = np.asarray((middle.hour * 60 + middle.minute) / 1440.0 + LONGITUDE / 360.0)
    sun = (
        1100.0
        * mean_cos_zenith(ends, step, latitude=LATITUDE, longitude=LONGITUDE)
        * _wander(rng, n, step, 0.25, 0.75, 0.45, 0.95)
    )
    swing = 0.0 if step >= pd.Timedelta(days=1) else 4.0
    t_air = 278.0 + swing * np.sin(2 * np.pi * (fraction - 0.35)) + _wander(rng, n, step, 3.0, 0.0, -6.0, 6.0)
    rain = np.where(rng.random(n) < 0.04, rng.uniform(0.2, 3.0, n), 0.0) / 1800.0
    rain[0] = 0.5 / 1800.0
    theta = _drying(rain, rng, step)
    humidity = np.clip(
        _wander(rng, n, step, 0.1, 0.75, 0.4, 0.98) - 0.1 * np.sin(2 * np.pi * (fraction - 0.35)), 0.2, 1.0
    )
    saturated = 610.94 * np.exp(17.625 * (t_air - 273.15) / (t_air - 273.15 + 243.04))
    t_soil = 277.0 + 0.3 * swing * np.sin(2 * np.pi * (fraction - 0.5)) + _wander(rng, n, step, 1.0, 0.0, -3.0, 3.0)
    wind = np.exp(_wander(rng, n, step, 0.4, 0.9, -0.3, 2.0))
    pressure = _wander(rng, n, step, 800.0, 99000.0, 96500.0, 101000.0)
    vapour = humidity * saturated
    exchange = 2.0 * np.exp(0.07 * (t_soil - 277.0)) - 0.02 * sun + rng.normal(0.0, 0.3, n)
    return {
        "t_air": t_air,
        "t_air_min": t_air - 2.0,
        "t_air_max": t_air + 2.0,
        "relative_humidity": humidity,
        "vpd": saturated - vapour,
        "q": 0.622 * vapour / (pressure - 0.378 * vapour),
        "vapour_density": vapour / (461.5 * t_air),
        "pstar": pressure,
        "wind": wind,
        "sw_down": sun,
        "ppfd": 2.05 * sun,
        "lw_down": _wander(rng, n, step, 20.0, 290.0, 230.0, 350.0),
        "precip": rain,
        "tot_rain": rain,
        "tot_snow": np.where(rng.random(n) < 0.03, rng.uniform(0.2, 1.0, n), 0.0) / 1800.0,
        "nee": exchange,
        "nee_ustar": exchange,
        "le": 5.0 + 0.3 * sun + rng.normal(0.0, 4.0, n),
        "h": -20.0 + 0.35 * sun + rng.normal(0.0, 5.0, n),
        "g_soil": -8.0 + 0.06 * sun + rng.normal(0.0, 1.0, n),
        "ustar": 0.12 * wind * np.exp(_wander(rng, n, step, 0.2, 0.0, -0.4, 0.4)),
        "co2": _wander(rng, n, step, 6.0, 415.0, 400.0, 440.0),
        "resp_soil": 2.0 * np.exp(0.08 * (t_soil - 277.0)) + rng.normal(0.0, 0.1, n),
        "t_soil": t_soil,
        "theta": theta,
        "theta_crns": theta + 0.01 * np.sin(0.3 * np.asarray(day)),
        "lst": t_air + 1.0 + rng.normal(0.0, 0.5, n),
        "swi": np.clip(_wander(rng, n, step, 0.08, 0.5, 0.2, 0.8), 0.0, 1.0),
    }


def table_of(
    columns: tuple[Column, ...], *, n: int, step: pd.Timedelta, offset_hours: float, rng: np.random.Generator
) -> tuple[Table, pd.DataFrame]:
    """A table of the synthetic site, and the values that a reader must return."""
    ends = pd.date_range(START + step, periods=n, freq=step) - pd.Timedelta(hours=offset_hours)
    values = weather(ends, step, rng)
    numbers = {c.name: c.to_file(values[c.variable] + 0.02 * _deeper(c)) for c in columns}
    known = {c.key: c.to_site(numbers[c.name]) for c in columns}
    return Table(ends, pd.DataFrame(numbers)), pd.DataFrame(known, index=ends)


def flat(ds: xr.Dataset) -> pd.DataFrame:
    """Values of a site dataset by series, without quality codes."""
    series: dict[Key, NDArray[np.float64]] = {}
    for name in map(str, ds.data_vars):
        values = ds[name]
        if name.endswith("_qc") or "time" not in values.dims:
            continue
        values = values.squeeze([d for d in values.dims if d in ("port", "soil", "member") and values.sizes[d] == 1])
        others = [str(dim) for dim in values.dims if dim != "time"]
        if not others:
            single = values.to_numpy().astype(np.float64)
            if np.isfinite(single).any():
                series[name, 0.0] = single
            continue
        for i, number in enumerate(np.asarray(ds[others[0]].to_numpy(), dtype=np.float64)):
            column = values.transpose("time", others[0]).to_numpy()[:, i].astype(np.float64)
            if np.isfinite(column).any():
                key = (name, float(round(number, 4)) if np.isfinite(number) else -1.0)
                series[key if key not in series else (name, number + 1000.0 + i)] = column
    return pd.DataFrame(series, index=pd.DatetimeIndex(ds["time"].to_numpy()).as_unit("ns"))


def counted_of(ds: xr.Dataset) -> dict[str, int]:
    """Numbers of values that a reader counts as left out, by variable; of all variables under the name ``*``."""
    counted = {
        str(name): sum(int(n) for key, n in ds[name].attrs.items() if _is_count(key, n)) for name in ds.data_vars
    }
    for line in str(ds.attrs.get("sensor_faults", "")).splitlines():
        name = line.split(":")[0].split(" ")[0]
        counted[name] = counted.get(name, 0) + 1
    return counted | {"*": sum(int(n) for key, n in ds.attrs.items() if _is_count(key, n))}


def _is_count(key: object, number: object) -> bool:
    return str(key).startswith(("n_", "dropped")) and isinstance(number, int | np.integer)


def _deeper(column: Column) -> float:
    """Makes the values of two sensors differ, in units of the site dataset."""
    return column.depth if column.variable in ("theta", "t_soil") else 0.0


def _wander(
    rng: np.random.Generator, n: int, step: pd.Timedelta, size: float, mean: float, low: float, high: float
) -> NDArray[np.float64]:
    """Autocorrelated noise with a time scale of two days."""
    keep = float(np.exp(-(step / pd.Timedelta(days=2))))
    state, values = 0.0, np.empty(n)
    for i, kick in enumerate(rng.normal(size=n)):
        state = keep * state + np.sqrt(1.0 - keep**2) * kick
        values[i] = state
    noise = rng.normal(0.0, 0.01 * size, n)
    return np.clip(mean + size * values + noise, low, high)


def _drying(rain: NDArray[np.float64], rng: np.random.Generator, step: pd.Timedelta) -> NDArray[np.float64]:
    keep = float(np.exp(-(step / pd.Timedelta(days=8))))
    state, values = 0.12, np.empty(len(rain))
    for i, amount in enumerate(rain):
        state = min(keep * state + 10.0 * min(amount, 1e-3), 0.25)
        values[i] = state
    return 0.12 + values + rng.normal(0.0, 0.001, len(rain))
