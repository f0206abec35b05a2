"""One record from several files of a site: other variables, other years, or both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.profile import Sensor, align
from jules_ml.data.record import UNKNOWN_CODES, codes_of, provenance, text_of_codes
from jules_ml.data.site import site_dataset
from jules_ml.errors import BadInput

#: Largest relative difference of equal values, which one file may have rounded.
_ROUNDING = 1e-6


class _Key(NamedTuple):
    """A series of a record: a variable, and for several of it the depth and number of the sensor, or the percentile of u*."""

    variable: str
    depth: float = math.inf
    number: int = 0
    percentile: float = math.inf


class _Series(NamedTuple):
    values: NDArray[np.float64]
    qc: NDArray[np.float64] | None
    file: Path


def read_files(
    paths: Sequence[Path], read: Callable[[Path], xr.Dataset], *, site_of: Callable[[Path], str | None] | None = None
) -> xr.Dataset:
    """Read the files of one site, and merge them.

    Parameters
    ----------
    paths : sequence of Path
        Files of one site.
    read : callable
        Reader of one file, which returns a site dataset.
    site_of : callable, optional
        Site code in a file, None if it has none.

    Raises
    ------
    BadInput
        As ``read`` and :func:`merge_records`; or if the files contain the codes of two sites.
    """
    sites = {path: site for path in paths if site_of is not None and (site := site_of(path)) is not None}
    for path, site in sites.items():
        first = next(iter(sites))
        if site != sites[first]:
            raise BadInput(
                f"the site is {site} but {sites[first]} in {first.name}",
                where=path,
                remedy="list files of one site in 'path'",
            )
    return merge_records([read(path) for path in paths], paths)


def merge_records(records: Sequence[xr.Dataset], files: Sequence[Path]) -> xr.Dataset:
    """Merge records of one site: their variables and their periods.

    Parameters
    ----------
    records : sequence of xarray.Dataset
        Site datasets of the same site and interval.
    files : sequence of Path
        Their files, for error messages.

    Returns
    -------
    xarray.Dataset
        Site dataset with all variables and time stamps. Where files overlap, the value that is not missing is used.

    Raises
    ------
    BadInput
        If the files are of different sites or intervals, or have different values for the same variable and time.
    """
    if len(records) == 1:
        return records[0]
    for attribute, what in (("site", "site"), ("interval_seconds", "averaging interval [s]")):
        _refuse_difference(records, files, attribute, what)
    time = pd.DatetimeIndex(np.unique(np.concatenate([ds["time"].to_numpy() for ds in records])))
    merged: dict[_Key, _Series] = {}
    for ds, file in zip(records, files, strict=True):
        rows = time.get_indexer(pd.DatetimeIndex(ds["time"].to_numpy()))
        for key, series in _series(ds, file):
            column = _Series(_spread(series.values, rows, len(time)), _optional(series.qc, rows, len(time)), file)
            merged[key] = _combined(merged[key], column, key, time) if key in merged else column
    return _with_attributes(_dataset(merged, records, time, files), records)


def _refuse_difference(records: Sequence[xr.Dataset], files: Sequence[Path], key: str, what: str) -> None:
    for ds, file in zip(records[1:], files[1:], strict=True):
        if ds.attrs[key] != records[0].attrs[key]:
            raise BadInput(
                f"the {what} is {ds.attrs[key]} but {records[0].attrs[key]} in {files[0].name}",
                where=file,
                remedy="list files of one site and one interval in 'path'",
            )


def _series(ds: xr.Dataset, file: Path) -> Iterable[tuple[_Key, _Series]]:
    for variable in map(str, ds.data_vars):
        if variable.endswith("_qc"):
            continue
        values = ds[variable].to_numpy()
        qc = ds[f"{variable}_qc"].to_numpy() if f"{variable}_qc" in ds else None
        if values.ndim == 1:
            yield _Key(variable), _Series(values, qc, file)
            continue
        for i in range(values.shape[1]):
            key = _key_of_column(ds, variable, i)
            if key is not None:
                yield key, _Series(values[:, i], None if qc is None else qc[:, i], file)


def _key_of_column(ds: xr.Dataset, variable: str, i: int) -> _Key | None:
    """Key of a column of a variable with two dimensions; None for a level without a sensor of the variable."""
    if "ustar_percentile" in ds[variable].dims:
        return _Key(variable, percentile=float(ds["ustar_percentile"][i]))
    numbers = ds.coords.get(f"sensor_{variable}")
    number = i + 1 if numbers is None else int(numbers[i])
    depth = float(ds["depth"][i])
    return None if number == 0 else _Key(variable, depth if math.isfinite(depth) else math.inf, number)


def _spread(values: NDArray[np.float64], rows: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    column = np.full(n, np.nan)
    column[rows] = values
    return column


def _optional(qc: NDArray[np.float64] | None, rows: NDArray[np.intp], n: int) -> NDArray[np.float64] | None:
    return None if qc is None else _spread(qc, rows, n)


def _combined(first: _Series, second: _Series, key: _Key, time: pd.DatetimeIndex) -> _Series:
    """Series of both files; a time at which both have a value, and not the same, is an error."""
    with np.errstate(invalid="ignore"):
        tolerance = _ROUNDING * np.maximum(np.abs(first.values), np.abs(second.values))
        differs = np.abs(first.values - second.values) > tolerance
    if differs.any():
        row = int(np.flatnonzero(differs)[0])
        raise BadInput(
            f"'{key.variable}' at {time[row]} UTC is {second.values[row]:g} but {first.values[row]:g} in {first.file.name} "
            f"({int(differs.sum())} values differ)",
            where=second.file,
            remedy="list one of the two files, or leave the column of one out",
        )
    new = np.isnan(first.values) & np.isfinite(second.values)
    qc = first.qc if first.qc is not None else np.full(len(time), np.nan)
    other = second.qc if second.qc is not None else np.full(len(time), np.nan)
    codes = np.where(new | np.isnan(qc), other, qc)
    has_codes = first.qc is not None or second.qc is not None
    return _Series(np.where(new, second.values, first.values), codes if has_codes else None, second.file)


def _dataset(
    merged: dict[_Key, _Series], records: Sequence[xr.Dataset], time: pd.DatetimeIndex, files: Sequence[Path]
) -> xr.Dataset:
    values = {key.variable: s.values for key, s in merged.items() if key == _Key(key.variable)}
    qc = {key.variable: s.qc for key, s in merged.items() if key == _Key(key.variable) and s.qc is not None}
    percentiles = sorted({key.percentile for key in merged if math.isfinite(key.percentile)})
    if percentiles:
        columns = [merged[_Key("nee_ustar", percentile=percent)] for percent in percentiles]
        values["nee_ustar"] = np.column_stack([column.values for column in columns])
        qc["nee_ustar"] = np.column_stack([c.values * np.nan if c.qc is None else c.qc for c in columns])
    sensors: dict[str, list[Sensor]] = {}
    for key in sorted(merged, key=lambda key: (key.variable, key.depth, key.number)):
        if key.number:
            depth = key.depth if math.isfinite(key.depth) else math.nan
            sensor = Sensor(key.number, depth, merged[key].values, merged[key].qc)
            sensors.setdefault(key.variable, []).append(sensor)
    profile = align(sensors)
    meanings = [str(ds[name].attrs["comment"]) for ds in records for name in ds if str(name).endswith("_qc")]
    meta = provenance(records[0])
    ds = site_dataset(
        values | profile.values,
        qc=qc | profile.qc,
        qc_meaning=meanings[0] if meanings else None,
        depth=profile.depth.tolist() if sensors else None,
        time=time,
        interval=pd.Timedelta(seconds=float(records[0].attrs["interval_seconds"])),
        meta=replace(meta, source=_joined(records, "source"), licence=_joined(records, "licence")),
        where=", ".join(map(str, files)),
    )
    if percentiles:
        coordinate = next(ds["ustar_percentile"] for ds in records if "ustar_percentile" in ds.coords)
        ds = ds.assign_coords(ustar_percentile=("ustar_percentile", percentiles, coordinate.attrs))
    return profile.label(ds)


def _joined(records: Sequence[xr.Dataset], key: str) -> str:
    return "; ".join(dict.fromkeys(str(ds.attrs[key]) for ds in records))


def _with_attributes(ds: xr.Dataset, records: Sequence[xr.Dataset]) -> xr.Dataset:
    """Add the attributes of the records: columns are joined, and numbers of values that were left out are added."""
    for name in map(str, ds.data_vars):
        attrs = [record[name].attrs for record in records if name in record]
        for key, value in ((key, value) for other in attrs for key, value in other.items()):
            ds[name].attrs.setdefault(key, value)
        columns = dict.fromkeys(column for other in attrs for column in str(other.get("column", "")).split())
        if columns:
            ds[name].attrs["column"] = " ".join(columns)
        unknown = sum((codes_of(str(other.get(UNKNOWN_CODES, ""))) for other in attrs), Counter[float]())
        if unknown:
            ds[name].attrs[UNKNOWN_CODES] = text_of_codes(unknown)
        for key in ("n_dropped", "n_rejected", "n_flagged"):
            if any(key in other for other in attrs):
                ds[name].attrs[key] = sum(int(other.get(key, 0)) for other in attrs)
    for record in records:
        for key, value in record.attrs.items():
            ds.attrs.setdefault(key, value)
    return ds
