"""Reader of any table of observations, CSV or Parquet, with a column map."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.missing_codes import refuse_old_codes
from jules_ml.data.parquetfile import read_parquet
from jules_ml.data.problems import report
from jules_ml.data.profile import RecordColumns, align
from jules_ml.data.readers.table_spec import FRACTION_OF_SHORT, LONGEST_WITH_CODES, Quality, TableColumn, TableSpec
from jules_ml.data.record_section import PATHS, Record
from jules_ml.data.regular import most_frequent_step
from jules_ml.data.site import SiteMeta, drop_out_of_range, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import ISO_8601, read_csv_columns, read_header, require_columns
from jules_ml.data.timetext import read_column_times
from jules_ml.data.units import convert, refuse_fraction_as_percent
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths


def read_table(path: str | Path, spec: TableSpec) -> xr.Dataset:
    """Read a table of observations by its column map.

    Parameters
    ----------
    path : str or Path
        ``.parquet``, or else delimited text, which may be gzipped.
    spec : TableSpec
        The column map.

    Returns
    -------
    xarray.Dataset
        Site dataset. Quality codes are recoded: for steps of up to an hour to 0 (measured) and 1 (filled), for longer ones
        to the fraction that was measured. The attribute ``column`` lists the columns of a variable.

    Raises
    ------
    BadInput
        If the file is damaged; a column is missing or not in the column map; a unit is unknown or has another dimension; a quality code is
        not in the column map; time stamps are unreadable, duplicate, not in order or not an interval apart; the offset from UTC is unknown;
        or a value is outside the valid range.
    """
    path = Path(path)
    is_parquet = path.suffix == ".parquet"
    frame, stamps = _read_parquet(path, spec) if is_parquet else _read_text(path, spec)
    spec = _with_interval(spec, stamps, path)
    if spec.site is None:
        spec = spec.model_copy(update={"site": path.name.split(".")[0]})
    end = interval_ends(stamps, spec, path, unreadable_are_reported=not is_parquet)
    return dataset_of_table(frame, end, spec, path=path)


def dataset_of_table(
    frame: pd.DataFrame, end: pd.DatetimeIndex, spec: TableSpec, *, path: Path, drops_out_of_range: bool = False
) -> xr.Dataset:
    """Build a site dataset from the columns of a table.

    Parameters
    ----------
    frame : DataFrame
        Columns of numbers in the units of the file, as ``spec`` describes them.
    end : DatetimeIndex
        End of each interval, UTC.
    spec : TableSpec
        The column map, with the interval.
    path : Path
        File, for error messages.
    drops_out_of_range : bool, optional
        Drop and count values outside the valid range, for sources that publish them without a flag; default: refuse them.

    Returns
    -------
    xarray.Dataset
        As :func:`read_table`. The attributes ``n_dropped`` and ``n_rejected`` count values outside the valid range and values with a
        rejected quality code, if there are any.

    Raises
    ------
    BadInput
        As :func:`read_table`, except for damaged files and time stamps.
    """
    if spec.site is None:
        raise BadInput(
            "the file does not contain the site", where=path, remedy="give site under [data], or name under [site]"
        )
    assert spec.interval is not None
    counts: dict[str, Counter[str]] = {}
    read = RecordColumns()
    for name, column in spec.columns.items():
        converted, codes, n = _values(frame, name, spec, path=path, drops_out_of_range=drops_out_of_range)
        counts.setdefault(column.variable, Counter()).update(n)
        read.add(column.variable, converted, codes, depth=column.depth)
    profile = align(read.sensors)
    ds = site_dataset(
        read.values | profile.values,
        qc=read.qc | profile.qc,
        qc_meaning="0 measured; 1 filled; NaN not stated"
        if _has_codes(spec.interval)
        else "fraction of the interval that was measured, 0 to 1; NaN not stated",
        depth=profile.depth.tolist() if read.sensors else None,
        time=end,
        interval=spec.interval,
        meta=SiteMeta(
            site=spec.site,
            source=spec.source or path.name,
            licence=spec.licence,
            latitude=spec.latitude,
            longitude=spec.longitude,
            elevation=spec.elevation,
            utc_offset_hours=spec.utc_offset_hours or 0.0,
        ),
        where=str(path),
    )
    for variable in dict.fromkeys(column.variable for column in spec.columns.values()):
        names = [name for name, column in spec.columns.items() if column.variable == variable]
        ds[variable].attrs["column"] = " ".join(names)
        ds[variable].attrs |= {key: number for key, number in counts[variable].items() if number}
    return profile.label(ds)


def _values(
    frame: pd.DataFrame, name: str, spec: TableSpec, *, path: Path, drops_out_of_range: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, dict[str, int]]:
    """Values and quality codes of a column, and the numbers of values that were left out."""
    column, raw, where = spec.columns[name], frame[name].to_numpy(), f"{path}, column {name}"
    raw = np.where(np.isin(raw, column.missing), np.nan, raw)
    assert spec.interval is not None
    values = _convert(raw, name, column, spec.interval, refuses=not drops_out_of_range, where=where)
    n = {}
    quality, codes = column.codes, None
    if quality is not None:
        codes = _recode(frame, quality, spec.interval, path)
        rejected = np.isin(frame[quality.column].to_numpy(), quality.rejected) & np.isfinite(values)
        values, n["n_rejected"] = np.where(rejected, np.nan, values), int(rejected.sum())
    elif column.quality == "measured":
        codes = np.where(np.isfinite(values), _measured_and_filled(spec.interval)[0], np.nan)
    if drops_out_of_range:
        values, n["n_dropped"] = drop_out_of_range(column.variable, values)
    return values, codes, n


def _read_text(path: Path, spec: TableSpec) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """Columns of numbers, and the time stamps, of a delimited text file."""
    header = read_header(path, delimiter=spec.delimiter, header_line=spec.header_line, encoding=spec.encoding)
    place = f"{path}, line {spec.header_line}"
    of_time = spec.time.columns or tuple(header[:1])
    # first: a misspelt name is missing, and the column that it means is not mapped
    require_columns(header, [*spec.numbers, *of_time], where=place)
    _refuse_unmapped([name for name in header if name not in of_time], spec, place)
    frame = read_csv_columns(
        path,
        texts=of_time,
        numbers=spec.numbers,
        delimiter=spec.delimiter,
        header_line=spec.header_line,
        first_data_line=spec.first_data_line,
        missing=spec.missing,
        decimal=spec.decimal,
        encoding=spec.encoding,
    )
    return frame, read_column_times(frame, of_time, spec.time.format or ISO_8601, where=path)


def _read_parquet(path: Path, spec: TableSpec) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """Columns of numbers, and the time stamps, of a Parquet file."""
    frame = read_parquet(path, required=spec.time.columns, numbers=spec.numbers)
    _refuse_unmapped([str(name) for name in frame.columns], spec, str(path))
    if len(spec.time.columns) == 1 and pd.api.types.is_datetime64_any_dtype(frame[spec.time.columns[0]]):
        stamps = pd.DatetimeIndex(frame[spec.time.columns[0]])
    elif spec.time.columns:
        if spec.time.format is None:
            raise BadInput(
                "time stamps are stored as text",
                where=f"{path}, column {' '.join(spec.time.columns)}",
                remedy="give time.format, for example '%Y-%m-%d %H:%M'",
            )
        stamps = read_column_times(frame, spec.time.columns, spec.time.format, where=path)
    elif isinstance(frame.index, pd.DatetimeIndex):
        stamps = frame.index
    else:
        raise BadInput(
            "the index of the table does not contain time stamps",
            where=path,
            remedy="give the column of time stamps in time.columns",
        )
    numbers = frame[spec.numbers].astype(np.float64)
    codes = [code for code in spec.missing if not isinstance(code, str)]
    return numbers.mask(numbers.isin(codes)), stamps


def _with_interval(spec: TableSpec, stamps: pd.DatetimeIndex, path: Path) -> TableSpec:
    """Return a column map with its interval, by default the most frequent step of the time stamps."""
    if spec.interval is not None:
        return spec
    interval = most_frequent_step(stamps)
    if interval is None:
        raise BadInput(
            "the interval of the time stamps is unknown: there are fewer than two different ones",
            where=path,
            remedy="give interval under [data], for example '30min'",
        )
    if spec.has_fractions and interval <= LONGEST_WITH_CODES:
        raise BadInput(FRACTION_OF_SHORT, where=path, remedy="give measured and filled under quality")
    return spec.model_copy(update={"interval": interval})


def _refuse_unmapped(header: list[str], spec: TableSpec, where: str) -> None:
    if spec.ignore is None:
        return
    mapped = {*spec.numbers, *spec.time.columns}
    unknown = [
        name for name in header if name not in mapped and not any(fnmatchcase(name, pattern) for pattern in spec.ignore)
    ]
    if unknown:
        report(
            BadInput(
                f"column {', '.join(unknown)} is not in the column map",
                where=where,
                remedy="describe it in 'columns', or list it in 'ignore'",
            )
        )


def interval_ends(
    stamps: pd.DatetimeIndex, spec: TableSpec, path: Path, *, unreadable_are_reported: bool = False
) -> pd.DatetimeIndex:
    """Return the end of each interval in UTC, for time stamps one interval apart; gaps are allowed. The column map has the interval.

    Raises
    ------
    BadInput
        If time stamps are duplicate, not in order or not an interval apart, or the offset from UTC is unknown.
    """
    assert spec.interval is not None
    default = "index" if path.suffix == ".parquet" else "first column"
    where = f"{path}, column {' '.join(spec.time.columns)}" if spec.time.columns else f"{path}, {default}"
    aware = stamps.tz is not None
    end = utc_end_of_interval(
        stamps.tz_convert(None) if aware else stamps,
        interval=spec.interval,
        stamp_at=spec.stamp_at,
        utc_offset_hours=0.0 if aware else spec.utc_offset_hours,
        where=where,
        unreadable_are_reported=unreadable_are_reported,
    )
    steps = pd.Series(end).dropna().diff().dropna()
    between = np.flatnonzero(steps % spec.interval)
    # steps of zero and backward ones have been reported as duplicates and disorder
    forward = steps[steps > pd.Timedelta(0)]
    if len(forward) and (forward.min() < spec.interval or forward.median() != spec.interval):
        report(
            BadInput(
                f"time stamps are {forward.median()} apart, and at least {forward.min()}, but the interval is {spec.interval}",
                where=where,
                remedy="correct the interval in the column map, or the time stamps",
            )
        )
    if between.size:
        row = int(steps.index[between[0]])
        report(
            BadInput(
                f"time stamp {stamps[row]} is {steps[row]} after the previous one, not a multiple of the interval {spec.interval}",
                where=where,
                remedy="correct the time stamp, or delete the row",
            )
        )
    return end


def _convert(
    raw: NDArray[np.float64], name: str, column: TableColumn, interval: pd.Timedelta, *, refuses: bool, where: str
) -> NDArray[np.float64]:
    """Convert a column to the units of the site dataset; ``refuses`` old codes of missing values also where they are possible values."""
    if not refuses:
        refuse_missing_codes(raw, where=where)
    numbers, unit = raw * column.scale, column.unit
    if unit.strip() == "%":
        refuse_fraction_as_percent(numbers, where=where)
    if column.is_sum:
        numbers, unit = numbers / interval.total_seconds(), f"{unit} s-1"
    converted = convert(numbers, unit, VARIABLES[column.variable].units, where=where)
    # readers of networks, which drop values, build the map of the columns themselves
    refuse_old_codes(
        raw, converted, column.variable, where=where, drops_outside=not refuses, column=name if refuses else None
    )
    if refuses:
        refuse_missing_codes(raw, where=where)
    return converted


def _has_codes(interval: pd.Timedelta) -> bool:
    """Whether quality is given as codes; for intervals longer than an hour it is a fraction."""
    return bool(interval <= LONGEST_WITH_CODES)


def _measured_and_filled(interval: pd.Timedelta) -> tuple[float, float]:
    """Codes of measured and filled values in the site dataset, or fractions of the interval."""
    return (0.0, 1.0) if _has_codes(interval) else (1.0, 0.0)


def _recode(frame: pd.DataFrame, quality: Quality, interval: pd.Timedelta, path: Path) -> NDArray[np.float64]:
    """Convert quality codes to those of the site dataset."""
    codes = frame[quality.column].to_numpy()
    measured, filled = np.isin(codes, quality.measured), np.isin(codes, quality.filled)
    rejected = np.isin(codes, quality.rejected)
    valid = (codes >= 0.0) & (codes <= 1.0) if quality.fraction else measured | filled | rejected
    bad = np.flatnonzero(~valid & ~np.isnan(codes))
    if bad.size:
        row = bad[0]
        line = f", line {frame.index[row]}" if frame.index.name == "line" else f", row {row + 1}"
        report(
            BadInput(
                f"quality code {codes[row]:g} is not in the column map",
                where=f"{path}{line}, column {quality.column}",
                remedy="give a fraction between 0 and 1"
                if quality.fraction
                else "list it under 'measured', 'filled' or 'rejected'",
            )
        )
    if quality.fraction:
        return np.asarray(codes, dtype=np.float64)
    yes, no = _measured_and_filled(interval)
    return np.select([measured, filled], [yes, no], np.nan)


class TableRecord(TableSpec, Record):
    """Any table, CSV or Parquet, described by a column map: see :class:`~jules_ml.data.readers.table_spec.TableSpec`."""

    reader: Literal["table"] = Field(description="any CSV or Parquet table, described by a column map")
    path: DataPaths = Field(description=PATHS)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; the column map is that of every file."""
        return read_files(self.path, lambda path: read_table(path, self))
