"""Faults of netCDF files: attributes, fill values, packing, dimensions, time axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr
from fuzz.case import Case, Fault
from fuzz.truth import Column


def _dataset(case: Case) -> xr.Dataset:
    assert case.dataset is not None
    return case.dataset


def _variable(case: Case, column: Column) -> str:
    """Name of a column's variable; several layers of one variable have names such as ``sthu 1``."""
    return column.name.partition(" ")[0]


def _chosen(case: Case) -> tuple[Column, str]:
    column = case.column()
    return column, _variable(case, column)


def _lose(case: Case, name: str) -> None:
    for column in case.source.columns:
        if _variable(case, column) == name:
            case.expected.damaged[[column.key]] = True


def _units_missing(case: Case) -> bool:
    _, name = _chosen(case)
    ds = _dataset(case)
    del ds[name].attrs["units"]
    _lose(case, name)
    return True


def _units_of_another_quantity(case: Case) -> bool:
    column, name = _chosen(case)
    unit = case.rng.choice(("furlong", "m s-1", "kg m-2", "mol", "unknown", "no units"))
    _dataset(case)[name].attrs["units"] = unit
    _lose(case, name)
    return unit != column.unit


def _units_wrong(case: Case) -> bool:
    others = {"t_air": ("degC", "K"), "t_soil": ("degC", "K"), "pstar": ("hPa", "Pa", "kPa"), "lst": ("degC", "K")}
    others |= {"relative_humidity": ("1", "%"), "q": ("g kg-1", "kg kg-1"), "theta": ("%", "m3 m-3")}
    columns = [column for column in case.source.columns if column.variable in others]
    if not columns:
        return False
    column = case.rng.choice(columns)
    unit = case.rng.choice(others[column.variable])
    name = _variable(case, column)
    old = str(_dataset(case)[name].attrs.get("units", ""))
    _dataset(case)[name].attrs["units"] = unit
    _lose(case, name)
    same = {old, unit} in ({"kg kg-1", "kg/kg"}, {"%", "percent"}, {"m3 m-3", "m^3/m^3"}, {"1", "-"})
    return unit != old and not same


def _fill(case: Case, value: float, *, stated: bool) -> bool:
    """Missing values, whose number the file states or not."""
    _, name = _chosen(case)
    ds = _dataset(case)
    values = ds[name].to_numpy().copy()
    axis = ds[name].dims.index("time")
    rows = case.rng.sample(range(3, ds.sizes["time"] - 3), 20)
    values[(slice(None),) * axis + (rows,)] = value
    attrs = {key: text for key, text in ds[name].attrs.items() if key != "missing_value"}
    ds[name] = (ds[name].dims, values, attrs)
    if stated:
        case.encoding[name] = {"_FillValue": value}
    for other in case.source.columns:
        if _variable(case, other) == name:
            case.expected.damaged.loc[case.expected.damaged.index[sorted(rows)], [other.key]] = True
    return True


def _packed(case: Case, *, keeps_scale: bool) -> bool:
    """Numbers as 16-bit integers with scale and offset, or without them."""
    _, name = _chosen(case)
    ds = _dataset(case)
    values = ds[name].to_numpy()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scale = (high - low) / 60000.0 or 1.0
    if keeps_scale:
        packed = np.round((values - low) / scale - 30000).astype(np.int16)
        attrs = {**ds[name].attrs, "scale_factor": scale, "add_offset": low + 30000 * scale}
        for other in case.source.columns:
            if _variable(case, other) == name:
                case.expected.values[other.key] = _unpacked(
                    case.expected.values[other.key].to_numpy(), other, low, scale
                )
    else:
        packed = np.round(values / scale).astype(np.int32)
        attrs = dict(ds[name].attrs)
        _lose(case, name)
    attrs.pop("missing_value", None)
    ds[name] = (ds[name].dims, packed, attrs)
    return True


def _unpacked(
    site: np.ndarray[tuple[int, ...], np.dtype[np.float64]], column: Column, low: float, scale: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    numbers = (site - column.offset) / column.factor
    return column.to_site(np.round((numbers - low) / scale) * scale + low)


def _single_precision(case: Case) -> bool:
    """Numbers in single precision: nothing is wrong."""
    for column in case.source.columns:
        name = _variable(case, column)
        ds = _dataset(case)
        attrs = {key: np.float32(value) if key == "missing_value" else value for key, value in ds[name].attrs.items()}
        ds[name] = (ds[name].dims, ds[name].to_numpy().astype(np.float32), attrs)
    return True


def _dims_swapped(case: Case) -> bool:
    _, name = _chosen(case)
    ds = _dataset(case)
    if ds[name].ndim < 2:
        return False
    ds[name] = ds[name].transpose(*reversed(ds[name].dims))
    return True


def _text_variable(case: Case) -> bool:
    column, name = _chosen(case)
    ds = _dataset(case)
    ds[name] = (ds[name].dims, ds[name].to_numpy().astype(str), {"units": column.unit})
    case.encoding.pop(name, None)
    _lose(case, name)
    return True


def _removed(case: Case) -> bool:
    _, name = _chosen(case)
    case.dataset = _dataset(case).drop_vars(name)
    case.encoding.pop(name, None)
    _lose(case, name)
    return True


def _renamed(case: Case) -> bool:
    _, name = _chosen(case)
    case.dataset = _dataset(case).rename({name: f"{name}_old"})
    case.encoding.pop(name, None)
    _lose(case, name)
    return True


def _lower_case(case: Case) -> bool:
    _, name = _chosen(case)
    if name == name.lower():
        return False
    case.dataset = _dataset(case).rename({name: name.lower()})
    case.encoding.pop(name, None)
    _lose(case, name)
    return True


def _time(
    case: Case, change: Callable[[xr.Dataset], None], *, notes: tuple[str, ...] = (), unknowable: str = ""
) -> bool:
    ds = _dataset(case)
    change(ds)
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    case.expected.notes, case.expected.unknowable = notes, unknowable
    return True


def _time_units(case: Case) -> bool:
    """The axis counts in another unit than it states."""
    ds = _dataset(case)
    unit, since, origin = str(ds["time"].attrs["units"]).partition(" since ")
    others = [other for other in ("seconds", "minutes", "hours", "days") if other != unit]
    lacks = "the unit of time: the file states it once, and steps of another length are possible"
    if case.source.name in ("OzFlux", "NEON driving"):
        lacks = ""  # they state their step
    return _time(
        case, lambda ds: ds["time"].attrs.update(units=f"{case.rng.choice(others)}{since}{origin}"), unknowable=lacks
    )


def _time_units_text(case: Case) -> bool:
    text = case.rng.choice(
        ("", "seconds", "s since start", "day as %Y%m%d.%f", "months since 2020-01-01", "seconds since 2020-13-01")
    )
    return _time(case, lambda ds: ds["time"].attrs.update(units=text))


def _time_units_missing(case: Case) -> bool:
    return _time(case, lambda ds: ds["time"].attrs.pop("units", None))


def _origin(case: Case) -> bool:
    """The origin of time is another year."""
    ds = _dataset(case)
    unit = str(ds["time"].attrs["units"]).partition(" since ")[0]
    lacks = "the year: the file states it once, in the origin of time"
    return _time(case, lambda ds: ds["time"].attrs.update(units=f"{unit} since 2011-01-01 00:00:00"), unknowable=lacks)


def _calendar(case: Case) -> bool:
    name = case.rng.choice(("360_day", "noleap", "365_day", "julian", "none", "gregorain"))
    lacks = "the calendar: the file states it once, and driving data of models have each"
    return _time(
        case,
        lambda ds: ds["time"].attrs.update(calendar=name),
        unknowable=lacks if case.source.name == "netCDF driving" else "",
    )


def _no_times(case: Case) -> bool:
    case.dataset = _dataset(case).isel(time=slice(0, 0))
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _one_time(case: Case) -> bool:
    case.dataset = _dataset(case).isel(time=slice(0, 1))
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _time_missing_value(case: Case) -> bool:
    ds = _dataset(case)
    numbers = ds["time"].to_numpy().astype(np.float64).copy()
    rows = case.rng.sample(range(2, len(numbers) - 2), 2)
    numbers[rows] = case.rng.choice((np.nan, 9.96921e36, -9999.0))
    case.dataset = ds.assign_coords(time=("time", numbers, ds["time"].attrs))
    case.expected.damaged.iloc[rows, :] = True
    return True


def _time_single_precision(case: Case) -> bool:
    """Times in single precision, which resolves minutes in seconds of two months only."""
    ds = _dataset(case)
    case.dataset = ds.assign_coords(time=("time", ds["time"].to_numpy().astype(np.float32), ds["time"].attrs))
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _time_integers(case: Case) -> bool:
    """Times as whole numbers: nothing is wrong where they are whole."""
    ds = _dataset(case)
    numbers = ds["time"].to_numpy()
    if (numbers % 1.0 != 0.0).any():
        return False
    case.dataset = ds.assign_coords(time=("time", numbers.astype(np.int32), ds["time"].attrs))
    return True


def _time_as_variable_removed(case: Case) -> bool:
    case.dataset = _dataset(case).drop_vars("time")
    case.encoding.pop("time", None)
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _second_point(case: Case) -> bool:
    """A second pixel beside the first."""
    ds = _dataset(case)
    dim = next((name for name in ("x", "lon", "longitude", "site") if name in ds.dims), None)
    if dim is None:
        return False
    case.dataset = xr.concat(
        [ds, ds], dim=dim, data_vars="minimal", coords="minimal", compat="override", join="override"
    )
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


FAULTS: Final = (
    Fault("netCDF: units missing", "netcdf", _units_missing),
    Fault("netCDF: units of another quantity", "netcdf", _units_of_another_quantity),
    Fault("netCDF: wrong units", "netcdf", _units_wrong),
    Fault(
        "netCDF: fill value stated", "netcdf", lambda case: _fill(case, case.rng.choice((-9999.0, -1e20)), stated=True)
    ),
    Fault(
        "netCDF: fill value not stated",
        "netcdf",
        lambda case: _fill(case, case.rng.choice((-9999.0, 1e20, -1e20)), stated=False),
    ),
    Fault(
        "netCDF: default fill of the library", "netcdf", lambda case: _fill(case, 9.969209968386869e36, stated=False)
    ),
    Fault("netCDF: packed", "netcdf", lambda case: _packed(case, keeps_scale=True)),
    Fault("netCDF: scale factor missing", "netcdf", lambda case: _packed(case, keeps_scale=False)),
    Fault("netCDF: single precision", "netcdf", _single_precision),
    Fault("netCDF: dimensions exchanged", "netcdf", _dims_swapped),
    Fault("netCDF: numbers as text", "netcdf", _text_variable),
    Fault("netCDF: variable removed", "netcdf", _removed),
    Fault("netCDF: variable renamed", "netcdf", _renamed),
    Fault("netCDF: name in lower case", "netcdf", _lower_case),
    Fault("netCDF: unit of time wrong", "netcdf", _time_units),
    Fault("netCDF: unit of time unreadable", "netcdf", _time_units_text),
    Fault("netCDF: unit of time missing", "netcdf", _time_units_missing),
    Fault("netCDF: origin of time wrong", "netcdf", _origin),
    Fault("netCDF: another calendar", "netcdf", _calendar),
    Fault("netCDF: no times", "netcdf", _no_times),
    Fault("netCDF: one time", "netcdf", _one_time),
    Fault("netCDF: times missing", "netcdf", _time_missing_value),
    Fault("netCDF: time in single precision", "netcdf", _time_single_precision),
    Fault("netCDF: time in whole numbers", "netcdf", _time_integers),
    Fault("netCDF: time axis missing", "netcdf", _time_as_variable_removed),
    Fault("netCDF: a second point", "netcdf", _second_point),
)
