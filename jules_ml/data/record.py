"""Interval, position, variables and time stamps of a site dataset, with an error if they are missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.site import SiteMeta
from jules_ml.errors import BadInput

#: Attribute of a variable with the unknown quality codes of values that were left out, and the number of values of each.
UNKNOWN_CODES: Final = "unknown_quality_codes"
#: Greatest depth of soil sensors without a warning, of any and of the uppermost [m]. JULES's soil has 3 m.
_DEEPEST, _DEEPEST_TOP = 3.0, 1.0
#: Fraction of values outside the valid range above which the other values are suspicious too [1].
_MOST_DROPPED: Final = 0.1


def text_of_codes(counts: Mapping[float, int]) -> str:
    """Text of the attribute ``unknown_quality_codes``: each code, and its number of values in parentheses."""
    return ", ".join(f"{code:g} ({counts[code]})" for code in sorted(counts))


def codes_of(text: str) -> Counter[float]:
    """Codes and their numbers of values, from the text of the attribute ``unknown_quality_codes``."""
    return Counter({float(code): int(count) for code, count in re.findall(r"([^\s,]+) \(([0-9]+)\)", text)})


def place(ds: xr.Dataset, name: str | None = None) -> str:
    """Name of the site, and of a variable if given, for error messages."""
    site = f"site {ds.attrs['site']}" if "site" in ds.attrs else "site dataset"
    return site if name is None else f"{site}, variable {name}"


def record_notes(ds: xr.Dataset) -> list[str]:
    """Describe what is remarkable in a record, for the user.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.

    Returns
    -------
    list of str
        What the file was taken for, if ``reader = "auto"`` chose the reader; values with unknown quality codes, which were left out;
        values of faulty sensors that were dropped; soil sensors at a depth that is probably in another unit.
    """
    notes = [f"{place(ds)}: the file is {ds.attrs['recognised']}"] if "recognised" in ds.attrs else []
    unknown = [f"{name} {ds[name].attrs[UNKNOWN_CODES]}" for name in ds.data_vars if UNKNOWN_CODES in ds[name].attrs]
    if unknown:
        notes.append(
            f"{place(ds)}: values with a quality code that is unknown were left out: {'; '.join(unknown)} "
            "(each code, and its number of values)"
        )
    faults = [f"{place(ds)}: {text}" for text in str(ds.attrs.get("sensor_faults", "")).splitlines()]
    return [*notes, *faults, *_dropped_notes(ds), *depth_notes(ds)]


def _dropped_notes(ds: xr.Dataset) -> list[str]:
    """Warn of variables of which many values are outside the valid range: the others may be in a wrong unit too."""
    notes = []
    for name in map(str, ds.data_vars):
        dropped = int(ds[name].attrs.get("n_dropped", 0))
        of = dropped + int(ds[name].notnull().sum())
        if dropped > max(_MOST_DROPPED * of, 10.0):
            notes.append(
                f"{place(ds)}: {dropped} of {of} values of '{name}' are outside the valid range and were left out: "
                "look for a wrong unit or exchanged columns"
            )
    return notes


def depth_notes(ds: xr.Dataset) -> list[str]:
    """Warn of soil sensors at a depth that is probably in another unit than metres: deeper than 3 m, or the uppermost at 1 m or more.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset, with depths [m].

    Returns
    -------
    list of str
        At most one note for each variable.
    """
    notes = []
    for name in ("theta", "t_soil"):
        if name not in ds or "depth" not in ds[name].dims or "depth" not in ds.coords:
            continue
        has_values = ds[name].notnull().any([dim for dim in ds[name].dims if dim != "depth"]).to_numpy()
        depths = np.sort(ds["depth"].to_numpy()[has_values])
        depths = depths[np.isfinite(depths)]
        is_top = len(depths) > 0 and depths[0] >= _DEEPEST_TOP
        deep = depths[:1] if is_top else depths[depths > _DEEPEST][:1]
        notes += [
            f"{place(ds, name)}: {'the uppermost' if is_top else 'a'} sensor is at a depth of {depth:g} m, which is rare. Depths are in "
            f"metres (m): a sensor at {depth:g} cm has depth = {0.01 * depth:g}"
            for depth in deep.tolist()
        ]
    return notes


def dropped_by_rules(ds: xr.Dataset) -> str:
    """Say which values of faulty sensors were dropped, in parentheses for an error message; empty if none were."""
    faults = str(ds.attrs.get("sensor_faults", "")).splitlines()
    return f" ({'; '.join(faults)}; [quality] switches a rule off)" if faults else ""


def variable(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return the variable ``name``.

    Raises
    ------
    BadInput
        If the dataset does not contain it.
    """
    if name not in ds:
        raise BadInput(
            f"'{name}' is missing",
            where=place(ds, name),
            remedy=f"set its column in the reader; the record contains {', '.join(map(str, ds.data_vars)) or 'no variables'}",
        )
    return ds[name]


def interval(ds: xr.Dataset) -> pd.Timedelta:
    """Return the averaging interval.

    Raises
    ------
    BadInput
        If the attribute ``interval_seconds`` is missing.
    """
    if "interval_seconds" not in ds.attrs:
        raise BadInput(
            "the averaging interval is unknown",
            where=place(ds),
            remedy="set the attribute interval_seconds (1800 for half-hours, 86400 for days), or build it with site_dataset",
        )
    return pd.Timedelta(seconds=float(ds.attrs["interval_seconds"]))


def has_position(ds: xr.Dataset) -> bool:
    """Whether latitude or longitude of a record is known."""
    return any(key in ds.attrs or key in ds.coords for key in ("latitude", "longitude"))


def position(ds: xr.Dataset) -> tuple[float, float]:
    """Return latitude and longitude [degree, north and east positive], from the attributes or from scalar coordinates.

    Raises
    ------
    BadInput
        If either is missing or invalid, or the dataset contains several sites.
    """
    if "site" in ds.dims:
        raise BadInput(
            f"the dataset contains {ds.sizes['site']} sites, not one",
            where=place(ds),
            remedy="select one with ds.sel(site=...)",
        )
    degrees = []
    for key, limit in (("latitude", 90.0), ("longitude", 180.0)):
        value = ds.attrs.get(key, ds.coords.get(key))
        if value is None:
            raise BadInput(
                f"the {key} is unknown",
                where=place(ds),
                remedy=f"give {key} under [site], in decimal degrees, north and east positive",
            )
        if not abs(float(value)) <= limit:
            raise BadInput(
                f"{key} {float(value):g} is outside -{limit:g} to {limit:g} degrees",
                where=place(ds),
                remedy="give it in decimal degrees, north and east positive",
            )
        degrees.append(float(value))
    return degrees[0], degrees[1]


def provenance(ds: xr.Dataset) -> SiteMeta:
    """Return the provenance of a record, for a dataset derived from it."""
    has_position = "latitude" in ds.attrs or "latitude" in ds.coords
    latitude, longitude = position(ds) if has_position else (None, None)
    return SiteMeta(
        site=str(ds.attrs.get("site", "")),
        source=str(ds.attrs.get("source", "")),
        licence=str(ds.attrs.get("licence", "")),
        latitude=latitude,
        longitude=longitude,
        elevation=ds.attrs.get("elevation"),
        utc_offset_hours=float(ds.attrs.get("utc_offset_hours", 0.0)),
    )


def end_of_interval(ds: xr.Dataset) -> pd.DatetimeIndex:
    """Return the time stamps: end of each interval, UTC.

    Raises
    ------
    BadInput
        If there are no time stamps, or they are duplicate or not in order.
    """
    if ds.sizes.get("time", 0) == 0 or "time" not in ds.coords:
        raise BadInput(
            "there are no time steps", where=place(ds), remedy="give a record with at least one step along 'time'"
        )
    stamps = pd.DatetimeIndex(ds["time"].to_numpy())
    if not (stamps.is_monotonic_increasing and stamps.is_unique):
        raise BadInput(
            "time stamps are duplicate or not in order",
            where=place(ds, "time"),
            remedy="sort by time and keep one row for each time stamp",
        )
    return stamps


def local_middle(ds: xr.Dataset) -> pd.DatetimeIndex:
    """Return the middle of each interval in local standard time, which determines the year, month and day of a step.

    A step that ends at midnight on 1 January belongs to the old year; its end is in the new year.
    """
    offset = pd.Timedelta(hours=float(ds.attrs.get("utc_offset_hours", 0.0)))
    return end_of_interval(ds) - interval(ds) / 2 + offset
