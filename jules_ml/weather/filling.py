"""Gap-filling of a record, and substitutes for variables that were not measured, at the interval of the record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.humidity import saturation_vapour_pressure, specific_humidity
from jules_ml.data.record import interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.sections import ForcingSection
from jules_ml.weather.gaps import interpolate_short_gaps, mean_diurnal_variation
from jules_ml.weather.substitution import SubstitutionLog

Series = NDArray[np.float64]

_DAY = pd.Timedelta(days=1)
#: Variables that are gap-filled in their own unit. Rain and snow are given together as ``precip``, or separately.
_AS_MEASURED = ("t_air", "sw_down", "precip", "tot_rain", "tot_snow", "wind", "pstar")
_HUMIDITY = ("q", "vpd", "relative_humidity")
#: Variables without substitutes.
_NEEDED = ("t_air", "sw_down")


def fill_gaps(grid: xr.Dataset, options: ForcingSection, log: SubstitutionLog) -> xr.Dataset:
    """Fill the gaps of a record, except longer ones of ``lw_down``.

    Parameters
    ----------
    grid : xarray.Dataset
        Site dataset with a row for each interval.
    options : ForcingSection
    log : SubstitutionLog
        Receives the substitutions.

    Returns
    -------
    xarray.Dataset
        ``t_air sw_down wind pstar``, ``precip`` or ``tot_rain`` and ``tot_snow``, and ``q``; for a daily record instead the
        humidity variable with most values, and ``t_air_min`` and ``t_air_max`` if they are complete.

    Raises
    ------
    BadInput
        If a variable without substitute is missing, or a gap is too long to be filled.
    """
    out: dict[str, Series] = {}
    for name in _AS_MEASURED:
        if name in grid:
            _count_filled_by_source(grid, name, log)
            out[name] = _complete(grid, name, grid[name].to_numpy(), options, log)
    _substitute(grid, out, options, log)
    for name in _NEEDED:
        if name not in out:
            raise BadInput(
                f"'{name}' is missing, and has no substitute",
                where=place(grid, name),
                remedy=f"name its column in [data]; the record contains {', '.join(map(str, grid.data_vars))}",
            )
    if "precip" not in out and not {"tot_rain", "tot_snow"} <= out.keys():
        raise BadInput(
            "precipitation is missing: neither 'precip' nor both of 'tot_rain' and 'tot_snow'",
            where=place(grid, "precip"),
            remedy="name the column of precipitation in [data]",
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


def _substitute(grid: xr.Dataset, out: dict[str, Series], options: ForcingSection, log: SubstitutionLog) -> None:
    """Substitute a fixed wind speed, and the pressure of the standard atmosphere."""
    n = grid.sizes["time"]
    for name, value, rule in (
        ("wind", options.wind, f"fixed at {options.wind:g} m s-1, not measured"),
        ("pstar", None, "standard atmosphere at the elevation of the site"),
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
    """Return the elevation of the site [m], which the substitute for ``name`` needs.

    Raises
    ------
    BadInput
        If it is unknown.
    """
    elevation = ds.attrs.get("elevation")
    if elevation is None:
        raise BadInput(
            f"'{name}' has missing values, and its substitute needs the elevation of the site",
            where=place(ds, name),
            remedy="set site.elevation",
        )
    return float(elevation)


def _humidity(
    grid: xr.Dataset, out: dict[str, Series], options: ForcingSection, log: SubstitutionLog
) -> dict[str, Series]:
    """Humidity without gaps: ``q``, or for a daily record the humidity variable with most values."""
    available = [name for name in _HUMIDITY if name in grid and bool(grid[name].notnull().any())]
    if not available:
        raise BadInput(
            "humidity is missing: none of 'q', 'vpd' and 'relative_humidity' is in the record",
            where=place(grid, "q"),
            remedy="name the column of one of them in [data]",
        )
    if interval(grid) == _DAY:
        # daily means of vpd and relative humidity do not correspond to the daily mean temperature: disaggregation converts them
        best = max(available, key=lambda name: int(grid[name].notnull().sum()))
        _count_filled_by_source(grid, best, log)
        return {best: _complete(grid, best, grid[best].to_numpy(), options, log)}
    saturation = saturation_vapour_pressure(out["t_air"])
    humidity = np.full(grid.sizes["time"], np.nan)
    for name in available:
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
    """Count the values that the source of the record has gap-filled; they are used."""
    if f"{name}_qc" not in grid:
        return
    codes = grid[f"{name}_qc"].to_numpy()
    present = grid[name].notnull().to_numpy() & (True if where is None else where)
    if interval(grid) <= pd.Timedelta(hours=1):
        share = float((present & (codes != 0.0)).mean())
    else:
        share = float(np.where(present & np.isfinite(codes), 1.0 - codes, 0.0).mean())
    log.add(name, "gap-filled by the source of the record", share)


def _short_gaps_filled(
    grid: xr.Dataset, name: str, values: Series, options: ForcingSection, log: SubstitutionLog
) -> Series:
    length = interval(grid)
    filled = interpolate_short_gaps(values, int(pd.Timedelta(hours=options.interpolate_hours) / length))
    share = float(np.isnan(values).mean() - np.isnan(filled).mean())
    log.add(name, f"interpolated over gaps of up to {options.interpolate_hours:g} h", share)
    return filled


def _complete(grid: xr.Dataset, name: str, values: Series, options: ForcingSection, log: SubstitutionLog) -> Series:
    """Interpolate short gaps, and fill longer ones by the mean diurnal variation; refuse gaps that remain."""
    short = _short_gaps_filled(grid, name, values, options, log)
    missing = np.isnan(short)
    if not missing.any():
        return short
    per_day = max(1, round(_DAY / interval(grid)))
    filled = np.where(missing, mean_diurnal_variation(values, per_day=per_day, days=options.course_days), short)
    remaining = np.isnan(filled)
    log.add(
        name,
        f"mean diurnal variation of {options.course_days} days on either side",
        float((missing & ~remaining).mean()),
    )
    if remaining.any() and name not in ("wind", "pstar"):
        first = pd.Timestamp(grid["time"].to_numpy()[remaining][0])
        raise BadInput(
            f"{int(remaining.sum())} intervals have no value within {options.course_days} days and cannot be filled, first at {first} UTC",
            where=place(grid, name),
            remedy="set run.start and run.end to leave out the gap, or increase forcing.course_days",
        )
    return filled
