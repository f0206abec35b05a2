"""Files of flux networks with the columns of the FP Standard, without gap-filling: AmeriFlux BASE and ICOS ETC level 2."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.problems import report
from jules_ml.data.readers.network_columns import (
    SENSORS,
    SINGLE,
    STORAGE,
    NetworkColumn,
    candidates,
    columns_of,
    sensors,
    test_of,
)
from jules_ml.data.readers.sensor_heights import read_sensor_depths
from jules_ml.data.readers.table import dataset_of_table, interval_ends
from jules_ml.data.readers.table_spec import Quality, TableColumn, TableSpec
from jules_ml.data.record_section import DEPTHS, HEIGHTS, IGNORE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.textfile import read_csv_columns, read_header, read_times, require_columns
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath, DataPaths, Depth

_STAMPS = ("TIMESTAMP_START", "TIMESTAMP_END")
_INTERVALS = (pd.Timedelta(minutes=30), pd.Timedelta(hours=1))
#: Least number of values of a column, relative to the fullest column of the same variable.
_LEAST_VALUES = 0.5
_MISSING = -9999.0


def read_network_file(
    path: Path,
    *,
    site: str | None,
    source: str,
    licence: str,
    utc_offset_hours: float,
    depths: Mapping[str, float],
    known_depths: Mapping[str, float] | None = None,
    swc_unit: str = "%",
    ignore: Sequence[str] = (),
    adds_storage: bool = False,
    header_line: int = 1,
) -> xr.Dataset:
    """Read a file of a flux network with the columns of the FP Standard.

    Parameters
    ----------
    path : Path
        CSV file, half-hourly or hourly; missing values are -9999.
    site, source, licence : str
        Site code and provenance.
    utc_offset_hours : float
        Local standard time minus UTC [h].
    depths : mapping of str to float
        Depth [m] of soil sensors, positive downward, by column or pattern of columns.
    known_depths : mapping of str to float, optional
        Depth [m] by column from the metadata, for sensors that are not in ``depths``.
    swc_unit : str
        Unit of soil moisture in the file.
    ignore : sequence of str
        Columns to leave out, by name or by pattern.
    adds_storage : bool
        Add the storage of CO2 (``SC``) to the turbulent flux (``FC``), where ``NEE`` is missing.
    header_line : int
        Line of the column names.

    Returns
    -------
    xarray.Dataset
        Site dataset. Of several columns of a variable, the first in the order of
        :meth:`~.network_columns.NetworkColumn.place` with at least half as many values as the fullest is read; the attribute ``column``
        names it. All values are measured: fluxes whose flag (``_SSITC_TEST``) is 2 are left out and counted in ``n_rejected``,
        values outside the valid range in ``n_dropped``.

    Raises
    ------
    BadInput
        If the file is damaged, has no column that is read or no site; if a flag is unknown, a depth is given twice, or a time
        stamp is wrong.
    """
    header = read_header(path, header_line=header_line)
    require_columns(header, _STAMPS, where=f"{path}, line {header_line}")
    columns = columns_of(name for name in header if not any(fnmatchcase(name, pattern) for pattern in ignore))
    values = [column.name for column in columns]
    if not any(not column.is_test and column.base != STORAGE for column in columns):
        raise BadInput(
            "the file contains no variable that is read",
            where=f"{path}, line {header_line}",
            remedy=f"give a file with columns such as {', '.join(c.names[0] for c in SINGLE[:5])}",
        )
    frame = read_csv_columns(path, texts=_STAMPS, numbers=values, header_line=header_line, missing=(_MISSING,))
    interval, stamps = _intervals(frame, path)
    chosen = _chosen(columns, frame, depths, known_depths or {}, path)
    mapped: dict[str, TableColumn] = {}
    for variable, column, depth, unit, is_sum in chosen:
        quality = None
        if variable in ("nee", "le", "h"):
            frame[f"{column.name} flag"] = _flags(frame, test_of(column, columns))
            quality = Quality(column=f"{column.name} flag", measured=(0.0, 1.0), rejected=(2.0,))
        mapped[column.name] = TableColumn(
            variable=variable,
            unit=swc_unit if variable == "theta" else unit,
            is_sum=is_sum,
            depth=depth,
            quality=quality,
        )
        if adds_storage and column.base == "FC":
            frame[column.name] = frame[column.name] + _storage(frame, columns, path)
    spec = TableSpec(
        site=site,
        source=source,
        licence=licence,
        columns=mapped,
        interval=interval,
        stamp_at="end",
        utc_offset_hours=utc_offset_hours,
    )
    ds = dataset_of_table(frame, interval_ends(stamps, spec, path), spec, path=path, drops_out_of_range=True)
    if "nee" in ds and ds["nee"].attrs["column"].startswith("FC"):
        ds["nee"].attrs["comment"] = f"turbulent flux {'plus' if adds_storage else 'without'} storage"
    return ds


def refuse_unused_depths(ds: xr.Dataset, depths: Mapping[str, float], *, where: str | Path) -> None:
    """Raise an error for a depth whose column or pattern fits no soil sensor of the record.

    Raises
    ------
    BadInput
        If there is one; the error lists the sensors.
    """
    names = [name for variable in SENSORS if variable in ds for name in str(ds[variable].attrs["column"]).split()]
    for pattern in depths:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadInput(
                f"the depth of '{pattern}' fits no soil sensor that is read",
                where=where,
                remedy=f"the sensors are {', '.join(names) or 'none'}",
            )


def depth_of(name: str, depths: Mapping[str, float], *, where: str | Path) -> float:
    """Return the depth of a sensor [m]: that of its name, or else of the pattern that fits it; NaN if there is none.

    Raises
    ------
    BadInput
        If several patterns fit.
    """
    if name in depths:
        return depths[name]
    patterns = [pattern for pattern in depths if fnmatchcase(name, pattern)]
    if len(patterns) > 1:
        raise BadInput(
            f"several depths fit sensor {name}: {', '.join(patterns)}",
            where=where,
            remedy="give its depth by its name",
        )
    return depths[patterns[0]] if patterns else math.nan


_Chosen = tuple[str, NetworkColumn, float | None, str, bool]


def _chosen(
    columns: Sequence[NetworkColumn],
    frame: pd.DataFrame,
    depths: Mapping[str, float],
    known: Mapping[str, float],
    path: Path,
) -> list[_Chosen]:
    """Columns to read: variable, column, depth, unit, and whether it is a sum; ``known`` are depths of the metadata."""
    n_values = frame[[column.name for column in columns]].notna().sum()
    chosen: list[_Chosen] = []
    for single in SINGLE:
        options = candidates(columns, single.names)
        most = max((int(n_values[option.name]) for option in options), default=0)
        best = next((o for o in options if most and n_values[o.name] >= _LEAST_VALUES * most), None)
        if best is not None:
            chosen.append((single.variable, best, None, single.unit, single.is_sum))
    for variable, (base, unit) in SENSORS.items():
        for sensor in sensors([c for c in columns if n_values[c.name] > 0], base):
            depth = depth_of(sensor.name, depths, where=path)
            depth = known.get(sensor.name, depth) if math.isnan(depth) else depth
            chosen.append((variable, sensor, depth, unit, False))
    if not chosen:
        raise BadInput("all values of the file are missing", where=path, remedy="download it again")
    return chosen


def _flags(frame: pd.DataFrame, test: str | None) -> pd.Series:
    """Flag of a flux; 0 where the file has none, since its columns contain no gap-filled values."""
    return pd.Series(0.0, index=frame.index) if test is None else frame[test].fillna(0.0)


def _storage(frame: pd.DataFrame, columns: Sequence[NetworkColumn], path: Path) -> pd.Series:
    options = candidates(columns, (STORAGE,))
    if not options:
        raise BadInput(f"column {STORAGE} is missing", where=path, remedy="set storage = false, or give a file with it")
    return frame[options[0].name]


def _intervals(frame: pd.DataFrame, path: Path) -> tuple[pd.Timedelta, pd.DatetimeIndex]:
    """Length of the intervals, and their ends in local standard time."""
    start, end = (read_times(frame[name], "%Y%m%d%H%M", where=path) for name in _STAMPS)
    interval = pd.Timedelta(end[0] - start[0])
    if interval not in _INTERVALS:
        raise BadInput(
            f"the interval from {start[0]} to {end[0]} is neither half an hour nor an hour",
            where=f"{path}, line {frame.index[0]}",
            remedy="give the half-hourly or hourly file",
        )
    odd = np.flatnonzero(end - start != interval)
    if odd.size:
        report(
            BadInput(
                f"the interval from {start[odd[0]]} to {end[odd[0]]} is not {interval}",
                where=f"{path}, line {frame.index[odd[0]]}, column {_STAMPS[1]}",
                remedy="correct the time stamps of that line",
            )
        )
    return interval, end


class NetworkRecord(Record):
    """Keys of the readers of files with the columns of the FP Standard."""

    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    depths: dict[str, Depth] = Field(default={}, description=DEPTHS)
    heights: DataPath | None = Field(default=None, description=HEIGHTS)
    swc_unit: Literal["%", "m3 m-3"] = Field(default="%", description="unit of soil moisture in the file")
    storage: bool = Field(default=False, description="add the storage of CO2 (`SC`) to `FC` where `NEE` is missing")
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)

    @staticmethod
    @abstractmethod
    def site_of(path: Path) -> str | None:
        """Return the site code that a file states; None if it does not."""

    @abstractmethod
    def _read_file(self, path: Path) -> xr.Dataset: ...

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; see :func:`read_network_file` for the choice of columns."""
        ds = read_files(self.path, self._read_file, site_of=self.site_of)
        refuse_unused_depths(ds, self.depths, where=self.path[0])
        return ds

    def _dataset(self, path: Path, *, source: str, licence: str, header_line: int = 1) -> xr.Dataset:
        """Read one file by the keys."""
        site = self.site_of(path) or self.site
        return read_network_file(
            path,
            site=self.site or site,
            source=f"{source}, {path.name}",
            licence=licence,
            utc_offset_hours=self.utc_offset_hours,
            depths=self.depths,
            known_depths=None if self.heights is None else read_sensor_depths(self.heights, site),
            swc_unit=self.swc_unit,
            ignore=self.ignore,
            adds_storage=self.storage,
            header_line=header_line,
        )
