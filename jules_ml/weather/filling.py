"""Gaps of a record filled, and absent instruments stood in for, at the record's own interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity
from jules_ml.data.record import interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.weather.gaps import interpolate_short_gaps, mean_diurnal_course
from jules_ml.weather.substitution import SubstitutionLog

Series = NDArray[np.float64]

_DAY = pd.Timedelta(days=1)
#: Variables that are filled as they are measured. Rain and snow come as ``precip``, or apart.
_AS_MEASURED = ("t_air", "sw_down", "precip", "tot_rain", "tot_snow", "wind", "pstar")
_HUMIDITY = ("q", "vpd", "relative_humidity")
#: Without these there is no run: nothing stands in for them.
_NEEDED = ("t_air", "sw_down")


def without_gaps(grid: xr.Dataset, options: ForcingSection, log: SubstitutionLog) -> xr.Dataset:
    """Give what was measured without gaps; but for ``lw_down``, which keeps its longer ones.

    Parameters
    ----------
    grid : xarray.Dataset
        Site dataset with a row for each interval.
    options : ForcingSection
    log : SubstitutionLog
        Gets what was put in place of measurements.

    Returns
    -------
    xarray.Dataset
        ``t_air sw_down wind pstar``, ``precip`` or ``tot_rain`` and ``tot_snow``, and ``q``; of a daily record humidity in the
        form of which most is known, and ``t_air_min``, ``t_air_max`` if complete.

    Raises
    ------
    BadInput
        If a variable is missing, or a gap longer than the rules reach, and nothing can stand in.
    """
    out: dict[str, Series] = {}
    for name in _AS_MEASURED:
        if name in grid:
            _count_filled_by_source(grid, name, log)
            out[name] = _complete(grid, name, grid[name].to_numpy(), options, log)
    _stand_in(grid, out, options, log)
    for name in _NEEDED:
        if name not in out:
            raise BadInput(
                f"'{name}' is missing, and nothing can stand in for it",
                where=place(grid, name),
                remedy=f"name its column when the file is read; the record holds {', '.join(map(str, grid.data_vars))}",
            )
    if "precip" not in out and not {"tot_rain", "tot_snow"} <= out.keys():
        raise BadInput(
            "there is neither 'precip' nor both of 'tot_rain' and 'tot_snow'",
            where=place(grid, "precip"),
            remedy="name the column of precipitation when the file is read",
        )
    out |= _humidity(grid, out, options, log)
    if "lw_down" in grid:
        _count_filled_by_source(grid, "lw_down", log)
        out["lw_down"] = _short_gaps_filled(grid, "lw_down", grid["lw_down"].to_numpy(), options, log)
    if interval(grid) == _DAY:
        for name in ("t_air_min", "t_air_max"):
            if name in grid and bool(grid[name].notnull().all()):
                out[name] = grid[name].to_numpy()
    return xr.Dataset(
        {name: ("time", values) for name, values in out.items()}, coords={"time": grid["time"]}, attrs=grid.attrs
    )


def _stand_in(grid: xr.Dataset, out: dict[str, Series], options: ForcingSection, log: SubstitutionLog) -> None:
    """Put a fixed wind, and the pressure of the standard atmosphere, where there is none."""
    n = grid.sizes["time"]
    for name, value, rule in (
        ("wind", options.wind, f"fixed at {options.wind:g} m s-1, not measured"),
        ("pstar", None, "standard atmosphere at the height of the site"),
    ):
        column = out.get(name, np.full(n, np.nan))
        missing = np.isnan(column)
        if missing.any():
            out[name] = np.where(missing, _standard_pressure(grid) if value is None else value, column)
            log.add(name, rule, float(missing.mean()))


def _standard_pressure(grid: xr.Dataset) -> float:
    from pvlib.atmosphere import alt2pres

    return float(alt2pres(site_elevation(grid, "pstar")))


def site_elevation(ds: xr.Dataset, name: str) -> float:
    """Height of the site above the sea [m], which the stand-in for ``name`` needs.

    Raises
    ------
    BadInput
        If it is not known.
    """
    elevation = ds.attrs.get("elevation")
    if elevation is None:
        raise BadInput(
            f"'{name}' was not measured throughout, and its stand-in needs the height of the site",
            where=place(ds, name),
            remedy="give elevation in [site]",
        )
    return float(elevation)


def _humidity(
    grid: xr.Dataset, out: dict[str, Series], options: ForcingSection, log: SubstitutionLog
) -> dict[str, Series]:
    """Humidity, complete: as ``q``, or for a daily record in the form of which most is known."""
    given = [name for name in _HUMIDITY if name in grid and bool(grid[name].notnull().any())]
    if not given:
        raise BadInput(
            "there is no humidity: none of 'q', 'vpd' and 'relative_humidity'",
            where=place(grid, "q"),
            remedy="name the column of one of them when the file is read",
        )
    if interval(grid) == _DAY:
        # a day's mean of vpd or relative humidity is not that of its mean temperature: disaggregation knows
        best = max(given, key=lambda name: int(grid[name].notnull().sum()))
        _count_filled_by_source(grid, best, log)
        return {best: _complete(grid, best, grid[best].to_numpy(), options, log)}
    saturation = saturation_vapour_pressure(out["t_air"])
    humidity = np.full(grid.sizes["time"], np.nan)
    for name in given:
        _count_filled_by_source(grid, name, log, where=np.isnan(humidity))
        column = grid[name].to_numpy()
        if name == "vpd":
            column = specific_humidity(np.maximum(saturation - column, 0.0), out["pstar"])
        elif name == "relative_humidity":
            column = specific_humidity(saturation * np.minimum(column, 1.0), out["pstar"])
        humidity = np.where(np.isnan(humidity), column, humidity)
    return {"q": _complete(grid, "q", humidity, options, log)}


def _count_filled_by_source(
    grid: xr.Dataset, name: str, log: SubstitutionLog, *, where: NDArray[np.bool_] | None = None
) -> None:
    """Count what the source itself has filled, and keep it."""
    if f"{name}_qc" not in grid:
        return
    codes = grid[f"{name}_qc"].to_numpy()
    known = grid[name].notnull().to_numpy() & (True if where is None else where)
    if interval(grid) <= pd.Timedelta(hours=1):
        share = float((known & (codes != 0.0)).mean())
    else:
        share = float(np.where(known & np.isfinite(codes), 1.0 - codes, 0.0).mean())
    log.add(name, "gap-filled by the source of the record", share)


def _short_gaps_filled(
    grid: xr.Dataset, name: str, values: Series, options: ForcingSection, log: SubstitutionLog
) -> Series:
    length = interval(grid)
    filled = interpolate_short_gaps(values, int(pd.Timedelta(hours=options.interpolate_hours) / length))
    share = float(np.isnan(values).mean() - np.isnan(filled).mean())
    log.add(name, f"interpolated over gaps of {options.interpolate_hours:g} h at most", share)
    return filled


def _complete(grid: xr.Dataset, name: str, values: Series, options: ForcingSection, log: SubstitutionLog) -> Series:
    """Interpolated, and the mean course in longer gaps; refuse what neither reaches, where nothing else stands in."""
    short = _short_gaps_filled(grid, name, values, options, log)
    missing = np.isnan(short)
    if not missing.any():
        return short
    per_day = max(1, round(_DAY / interval(grid)))
    filled = np.where(missing, mean_diurnal_course(values, per_day=per_day, days=options.course_days), short)
    left = np.isnan(filled)
    log.add(name, f"mean diurnal course of {options.course_days} days on either side", float((missing & ~left).mean()))
    if left.any() and name not in ("wind", "pstar"):
        first = pd.Timestamp(grid["time"].to_numpy()[left][0])
        raise BadInput(
            f"{int(left.sum())} intervals cannot be filled: no value within {options.course_days} days, first at {first} UTC",
            where=place(grid, name),
            remedy="choose start and end in [run] to leave the gap out, or raise course_days in [forcing]",
        )
    return filled
