"""Notes about variables that contradict each other: temperatures, humidity, pressure and height, wind and friction velocity.

Each value is possible alone. The limits are outside what 174 real records show (towers, and stations from Alaska to Hawaii): long-term
means of air and soil differ by less than 7 K there, those of 15 days by up to 24 K in winter under snow; friction velocity follows wind
with a correlation of 0.8 and more, surface temperature that of the air with 0.75 and more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.humidity import saturation_vapour_pressure, vapour_pressure
from jules_ml.data.record import interval
from jules_ml.physics.constants import TM

_Array = NDArray[np.float64]

#: Fewest days of a statement about means [d], and about courses of daily means.
LEAST_DAYS, LEAST_COURSE = 5.0, 30.0
#: Largest excess of the mean of air temperature over that of soil, and of soil over air without snow [K].
AIR_OVER_SOIL, SOIL_OVER_AIR = 15.0, 15.0
#: Largest difference of the means of surface and air temperature [K].
SURFACE_AND_AIR: Final = 22.0
#: Least correlation of daily surface and air temperature, and of friction velocity and wind [1].
LEAST_CORRELATION: Final = {"lst": 0.5, "ustar": 0.5}
#: Deviation of the daily difference between surface and air from its median: in robust standard deviations, and [K].
SPREADS, LEAST_DEVIATION = 12.0, 5.0
#: Least robust standard deviation of daily temperature [K].
LEAST_SPREAD: Final = 0.3
#: Ratio of vapour pressure deficit to that of relative humidity and temperature, outside which its unit is wrong [1].
DEFICIT: Final = (0.5, 2.0)
#: Ratio of pressure to that of the standard atmosphere at the height of the site: weather is within [1].
WEATHER: Final = (0.92, 1.08)
#: Relative humidity from ``q`` above which air is impossibly moist [1], and the fraction of steps that may exceed it [1].
OVERSATURATED, OVERSATURATED_SHARE = 1.3, 0.05


def consistency_notes(ds: xr.Dataset, series: Mapping[str, _Array]) -> Iterator[str]:
    """Describe variables that contradict each other.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, of an interval of at most a day.
    series : mapping of str to array, shape (time,)
        Its single series with values.

    Yields
    ------
    str
        A note that names the variable in quotes; none for a sound record, or one that is too short to tell.
    """
    days = interval(ds) / pd.Timedelta(days=1)
    yield from _temperature_notes(ds, series, days)
    yield from _humidity_notes(series, days)
    yield from _wind_notes(series, days)
    if "pstar" in series and "elevation" in ds.attrs:
        height = float(ds.attrs["elevation"])
        ratio = float(np.nanmedian(series["pstar"])) / standard_pressure(height)
        if not WEATHER[0] <= ratio <= WEATHER[1]:
            yield f"'pstar' is {ratio:.2g} of the pressure at {height:g} m above sea level (median): look for a wrong unit or elevation"
    if "nee_ustar" in ds and "nee" in series:
        for values in _columns(ds, "nee_ustar"):
            if _correlation(values, series["nee"], LEAST_DAYS / days) < 0.0:
                yield "'nee_ustar' is opposite to 'nee': look for a reversed sign"


def standard_pressure(height: float) -> float:
    """Pressure of the standard atmosphere (ISO 2533) below 11 km [Pa].

    Parameters
    ----------
    height : float
        Above sea level [m].
    """
    return float(101325.0 * (1.0 - 2.25577e-5 * height) ** 5.25588)


def _columns(ds: xr.Dataset, name: str) -> _Array:
    """Series of each sensor, shape (sensor, time)."""
    return ds[name].transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1).astype(np.float64).T


def _temperature_notes(ds: xr.Dataset, series: Mapping[str, _Array], days: float) -> Iterator[str]:
    day = (pd.DatetimeIndex(ds["time"].to_numpy()) - interval(ds) / 2).floor("D")
    daily = {name: _by_day(series[name], day) for name in ("t_air", "lst") if name in series}
    for name, values in daily.items():
        known = values[np.isfinite(values)]
        spread = _robust_spread(known)
        if known.size >= LEAST_COURSE and spread < LEAST_SPREAD:
            yield f"'{name}' hardly varies from day to day, by {spread:.2g} K: look for a wrong factor"
        elif days <= 0.125 and (swing := _daily_range(series[name], day)) < LEAST_SPREAD:
            yield f"'{name}' hardly varies within a day, by {swing:.2g} K: look for a wrong factor"
    if "t_air" not in series:
        return
    for values in _columns(ds, "t_soil") if "t_soil" in ds else ():
        both = np.isfinite(values) & np.isfinite(series["t_air"])
        if both.sum() * days < LEAST_DAYS:
            continue
        air, soil = float(series["t_air"][both].mean()), float(values[both].mean())
        if air - soil > AIR_OVER_SOIL or (soil - air > SOIL_OVER_AIR and air > TM):
            yield f"'t_air' and 't_soil' have means of {air - TM:.3g} and {soil - TM:.3g} degC: look for a wrong unit or exchanged columns"
            break
    if "lst" in daily:
        yield from _surface_notes(daily["lst"], daily["t_air"])


def _surface_notes(surface: _Array, air: _Array) -> Iterator[str]:
    """Surface beside air temperature, by day."""
    difference = (surface - air)[np.isfinite(surface - air)]
    if difference.size < LEAST_DAYS:
        return
    if abs(mean := float(difference.mean())) > SURFACE_AND_AIR:
        yield f"'lst' and 't_air' differ by {mean:+.3g} K (mean): look for a wrong unit or exchanged columns"
    if (r := _correlation(surface, air, LEAST_COURSE)) < LEAST_CORRELATION["lst"]:
        yield f"'lst' does not follow 't_air' from day to day (correlation {r:.2g}): look for exchanged columns or a faulty sensor"
    elif difference.size >= LEAST_COURSE:
        away = np.abs(difference - np.median(difference))
        apart = int((away > max(SPREADS * _robust_spread(difference), LEAST_DEVIATION)).sum())
        if apart:
            yield f"'lst' departs from 't_air' by up to {away.max():.3g} K more than usual on {apart} days: look for faults of the sensor"


def _humidity_notes(series: Mapping[str, _Array], days: float) -> Iterator[str]:
    """Humidity beside saturation."""
    if "t_air" not in series:
        return
    saturated = saturation_vapour_pressure(series["t_air"])
    with np.errstate(invalid="ignore", divide="ignore"):
        if "vpd" in series:
            vpd = series["vpd"]
            share = float((vpd > 1.05 * saturated + 10.0).sum() / max(np.isfinite(vpd).sum(), 1))
            if share > 0.01:
                yield f"'vpd' exceeds the saturation pressure at 't_air' in {share:.0%} of the steps: look for a wrong unit"
            if "relative_humidity" in series:
                deficit = (1.0 - series["relative_humidity"]) * saturated
                ratio = (vpd / deficit)[(deficit > 50.0) & np.isfinite(vpd)]
                if ratio.size * days >= LEAST_DAYS and not DEFICIT[0] <= float(np.median(ratio)) <= DEFICIT[1]:
                    yield (
                        f"'vpd' is {np.median(ratio):.2g} of the deficit at 'relative_humidity' and 't_air' (median): "
                        "look for a wrong unit or exchanged columns"
                    )
        if "q" in series and "pstar" in series:
            relative = vapour_pressure(series["q"], series["pstar"]) / saturated
            relative = relative[np.isfinite(relative)]
            median = float(np.median(relative)) if relative.size else 0.5
            share = float((relative > OVERSATURATED).mean()) if relative.size else 0.0
            if not 0.03 < median < OVERSATURATED:
                yield f"'q' means a relative humidity of {median:.2g} at 't_air' (median): look for a wrong unit"
            elif share > OVERSATURATED_SHARE:
                yield f"'q' exceeds saturation at 't_air' in {share:.0%} of the steps: look for exchanged columns or a wrong unit"


def _wind_notes(series: Mapping[str, _Array], days: float) -> Iterator[str]:
    """Friction velocity beside wind."""
    if "ustar" not in series or "wind" not in series:
        return
    ustar, wind = series["ustar"], series["wind"]
    with np.errstate(invalid="ignore"):
        larger = float((ustar > wind).sum() / max(np.isfinite(ustar).sum(), 1))
    if larger > 0.5:
        yield "'ustar' exceeds 'wind': look for exchanged columns or a wrong unit"
    elif days < 0.2 and (r := _correlation(ustar, wind, LEAST_DAYS / days)) < LEAST_CORRELATION["ustar"]:
        yield f"'ustar' does not follow 'wind' (correlation {r:.2g}): look for exchanged columns of 'ustar' or 'wind'"


def _by_day(values: _Array, day: pd.DatetimeIndex) -> _Array:
    mean: _Array = pd.Series(values, day).groupby(level=0).mean().to_numpy()
    return mean


def _daily_range(values: _Array, day: pd.DatetimeIndex) -> float:
    """Median of the range within a day; infinite if there are too few days."""
    of_days = pd.Series(values, day).groupby(level=0).agg(["min", "max", "count"])
    whole = of_days[of_days["count"] >= 0.8 * of_days["count"].max()]
    return float((whole["max"] - whole["min"]).median()) if len(whole) >= LEAST_DAYS else np.inf


def _robust_spread(values: _Array) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else np.nan


def _correlation(a: _Array, b: _Array, least: float) -> float:
    """Correlation of the common values; 1 if there are too few, or one is constant."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < max(least, 3.0) or np.ptp(a[both]) == 0.0 or np.ptp(b[both]) == 0.0:
        return 1.0
    return float(np.corrcoef(a[both], b[both])[0, 1])
