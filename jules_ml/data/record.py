"""What a site dataset says of itself: its interval, its position, its variables; and the refusal when it does not say."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from jules_ml.data.site import SiteMeta
from jules_ml.errors import BadInput


def place(ds: xr.Dataset, name: str | None = None) -> str:
    """Name the site, and the variable where one is meant, for the head of an error message."""
    site = f"site {ds.attrs['site']}" if "site" in ds.attrs else "site dataset"
    return site if name is None else f"{site}, variable {name}"


def variable(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Give the variable ``name``.

    Raises
    ------
    BadInput
        If the dataset does not hold it.
    """
    if name not in ds:
        raise BadInput(
            f"'{name}' is missing",
            where=place(ds, name),
            remedy=f"name its column when the file is read; the record holds {', '.join(map(str, ds.data_vars)) or 'nothing'}",
        )
    return ds[name]


def interval(ds: xr.Dataset) -> pd.Timedelta:
    """Give the averaging interval.

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


def position(ds: xr.Dataset) -> tuple[float, float]:
    """Give latitude and longitude [degree, north and east positive], from the attributes or from scalar coordinates.

    Raises
    ------
    BadInput
        If either is missing or impossible, or the dataset holds several sites.
    """
    if "site" in ds.dims:
        raise BadInput(
            f"the dataset holds {ds.sizes['site']} sites where one is wanted",
            where=place(ds),
            remedy="take them one by one with ds.sel(site=...)",
        )
    degrees = []
    for key, limit in (("latitude", 90.0), ("longitude", 180.0)):
        value = ds.attrs.get(key, ds.coords.get(key))
        if value is None:
            raise BadInput(
                f"the {key} is unknown",
                where=place(ds),
                remedy=f"give {key} in degrees when the file is read, or set it as an attribute of the dataset",
            )
        if not abs(float(value)) <= limit:
            raise BadInput(
                f"{key} {float(value):g} is not within -{limit:g} to {limit:g} degrees",
                where=place(ds),
                remedy="give it in decimal degrees, north and east positive",
            )
        degrees.append(float(value))
    return degrees[0], degrees[1]


def provenance(ds: xr.Dataset) -> SiteMeta:
    """Give where the record comes from, for a dataset made of it."""
    known = "latitude" in ds.attrs or "latitude" in ds.coords
    latitude, longitude = position(ds) if known else (None, None)
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
    """Give the time stamps: end of each interval, UTC.

    Raises
    ------
    BadInput
        If there are none, or they are repeated or out of order.
    """
    if ds.sizes.get("time", 0) == 0 or "time" not in ds.coords:
        raise BadInput(
            "there are no time steps", where=place(ds), remedy="give a record with at least one step along 'time'"
        )
    stamps = pd.DatetimeIndex(ds["time"].to_numpy())
    if not (stamps.is_monotonic_increasing and stamps.is_unique):
        raise BadInput(
            "time stamps are repeated or out of order",
            where=place(ds, "time"),
            remedy="sort by time and keep one row a stamp",
        )
    return stamps


def local_middle(ds: xr.Dataset) -> pd.DatetimeIndex:
    """Give the middle of each interval in local standard time: what year, month and day a step belongs to.

    A step that ends at midnight on 1 January belongs to the old year; its end stamp would put it in the new one.
    """
    offset = pd.Timedelta(hours=float(ds.attrs.get("utc_offset_hours", 0.0)))
    return end_of_interval(ds) - interval(ds) / 2 + offset
