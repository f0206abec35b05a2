"""Text files with a row of units below the column names: output of loggers and of programs for flux data."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import xarray as xr
from pydantic import Field, ValidationError, field_validator

from jules_ml.data.readers.network import depth_of
from jules_ml.data.readers.table import dataset_of_table, interval_ends
from jules_ml.data.readers.table_spec import Quality, TableColumn, TableSpec
from jules_ml.data.regular import most_frequent_step
from jules_ml.data.textfile import read_csv_columns, read_header, read_lines
from jules_ml.data.timetext import read_column_times
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import Depth, Section

#: Units of a depth of water; precipitation in one of them is a sum over the interval.
_DEPTHS_OF_WATER = ("mm", "cm", "m", "in", "inch", "inches", "kg m-2", "kgm-2")
_PRECIPITATION = ("precip", "tot_rain", "tot_snow")


class MappedColumn(Section):
    """Variable of a column; its unit is in the file unless given."""

    variable: str = Field(description="variable of the record")
    unit: str | None = Field(default=None, description="unit; default: that of the file")
    scale: float = Field(default=1.0, description="factor that is applied to the numbers")
    is_sum: bool | None = Field(
        default=None, description="whether the number is a sum over the interval; default: from the file"
    )
    depth: Depth | None = Field(default=None, description="depth of a soil sensor [m]")
    quality: Quality | Literal["measured"] | None = Field(
        default=None, description="column of the quality codes, and their meaning; `measured`: no value is gap-filled"
    )

    @property
    def codes(self) -> Quality | None:
        """Column of quality codes, and their meaning; None if there is none."""
        return self.quality if isinstance(self.quality, Quality) else None

    @field_validator("variable")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in VARIABLES:
            raise ValueError(f"'{name}' is not a variable; use one of {', '.join(sorted(VARIABLES))}")
        return name


@dataclass(frozen=True)
class Layout:
    """Form of a file: lines counted from 1, and columns of the time stamp at the end of the interval."""

    delimiter: str
    header_line: int
    first_data_line: int
    time_columns: tuple[str, ...]
    time_format: str
    missing: tuple[float | str, ...]
    encoding: str = "utf-8-sig"


@dataclass(frozen=True)
class Provenance:
    """Site and origin of a record."""

    site: str | None
    source: str
    licence: str
    utc_offset_hours: float


def header_and_units(path: Path, layout: Layout) -> dict[str, str]:
    """Return the unit of each column, from the line below the column names.

    Raises
    ------
    BadInput
        If the file is damaged, a name is duplicate, or there are more or fewer units than names.
    """
    names = read_header(path, delimiter=layout.delimiter, header_line=layout.header_line, encoding=layout.encoding)
    lines = read_lines(path, layout.header_line + 1, encoding=layout.encoding)
    units = next(csv.reader(lines[layout.header_line :], delimiter=layout.delimiter, skipinitialspace=True), [])
    if len(units) != len(names):
        raise BadInput(
            f"the line of units has {len(units)} cells and the header {len(names)}",
            where=f"{path}, line {layout.header_line + 1}",
            remedy="check that the file is complete and of the right kind",
        )
    return dict(zip(names, (unit.strip() for unit in units), strict=True))


def table_column(
    name: str, mapped: MappedColumn, unit: str, depths: Mapping[str, float], *, is_sum: bool = False, where: str | Path
) -> TableColumn:
    """Return the entry of a column in a column map.

    Parameters
    ----------
    name : str
        Column.
    mapped : MappedColumn
        Its variable, and what is given instead of the information of the file.
    unit : str
        Its unit in the file.
    depths : mapping of str to float
        Depth [m] of soil sensors by column or pattern, for columns without a depth of their own.
    is_sum : bool
        Whether the file says that the numbers are sums.
    where : str or Path
        File, for error messages.

    Raises
    ------
    BadInput
        If the column needs a depth and several are given, or has one and must not.
    """
    unit = mapped.unit or unit
    depth = mapped.depth
    if "depth" in VARIABLES[mapped.variable].dims and depth is None:
        depth = depth_of(name, depths, where=where)
    is_water = mapped.variable in _PRECIPITATION and unit.strip().lower() in _DEPTHS_OF_WATER
    try:
        return TableColumn(
            variable=mapped.variable,
            unit=unit,
            scale=mapped.scale,
            is_sum=(is_sum or is_water) if mapped.is_sum is None else mapped.is_sum,
            depth=depth,
            quality=mapped.quality,
        )
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise BadInput(
            f"column {name} cannot be read as {mapped.variable}: {reason}",
            where=where,
            remedy=f"correct its entry under [data.columns.{name}]",
        ) from error


def read_unit_rows(
    path: Path,
    layout: Layout,
    columns: Mapping[str, TableColumn],
    meta: Provenance,
    *,
    others: Sequence[str] = (),
    change: Callable[[pd.DataFrame], None] | None = None,
    drops_out_of_range: bool = False,
) -> xr.Dataset:
    """Read a file by its layout and columns.

    Parameters
    ----------
    path : Path
        Text file.
    layout : Layout
        Form of the file.
    columns : mapping of str to TableColumn
        Columns that are read.
    meta : Provenance
        Site and origin.
    others : sequence of str, optional
        Further columns of numbers that ``change`` needs.
    change : callable, optional
        Changes the frame of numbers in place before it is converted.
    drops_out_of_range : bool, optional
        Drop and count values outside the valid range; default: refuse them.

    Returns
    -------
    xarray.Dataset
        Site dataset; its interval is the most frequent difference of time stamps.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.data.readers.table.read_table`.
    """
    quality = [column.codes.column for column in columns.values() if column.codes is not None]
    frame = read_csv_columns(
        path,
        texts=layout.time_columns,
        numbers=list(dict.fromkeys([*columns, *quality, *others])),
        delimiter=layout.delimiter,
        header_line=layout.header_line,
        first_data_line=layout.first_data_line,
        missing=layout.missing,
        encoding=layout.encoding,
    )
    stamps = read_column_times(frame, layout.time_columns, layout.time_format, where=path)
    if change is not None:
        change(frame)
    spec = TableSpec(
        site=meta.site,
        source=meta.source,
        licence=meta.licence,
        columns=dict(columns),
        interval=_interval(stamps, path),
        stamp_at="end",
        utc_offset_hours=meta.utc_offset_hours,
    )
    end = interval_ends(stamps, spec, path)
    return dataset_of_table(frame, end, spec, path=path, drops_out_of_range=drops_out_of_range)


def _interval(stamps: pd.DatetimeIndex, path: Path) -> pd.Timedelta:
    interval = most_frequent_step(stamps)
    if interval is None:
        raise BadInput(
            "the interval of the time stamps is unknown",
            where=path,
            remedy="give a file with two or more rows in the order of time",
        )
    return interval
