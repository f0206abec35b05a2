"""REddyProc and AsiaFlux text: year, day and hour as numbers, column names and a row of units, in local standard time.

Time stamps are at the end of the interval. Hours are decimal (0.5, 1.0, … 24 or 0 of the next day) or hours and minutes as one number
(30, 100, … 2400).

References
----------
Wutzler et al. (2018), Biogeosciences 15, 5015-5030; formats of REddyProc's ``fConvertTimeToPosix``: YDH, YMDH, YMDHM.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.readers.network import refuse_unused_depths
from jules_ml.data.readers.table_spec import TableColumn
from jules_ml.data.readers.unit_rows import (
    Layout,
    MappedColumn,
    Provenance,
    header_and_units,
    read_unit_rows,
    table_column,
)
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import DEPTHS, IGNORE, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.textfile import is_number
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths, Depth

#: Variables of the names that REddyProc and AsiaFlux use, in lower case.
_VARIABLES: Final = {
    "nee": "nee",
    "fc": "nee",
    "le": "le",
    "h": "h",
    "g": "g_soil",
    "rg": "sw_down",
    "rn": "rad_net",
    "sw_in": "sw_down",
    "lw_in": "lw_down",
    "ppfd": "ppfd",
    "par": "ppfd",
    "tair": "t_air",
    "ta": "t_air",
    "rh": "relative_humidity",
    "vpd": "vpd",
    "pa": "pstar",
    "ws": "wind",
    "wd": "wind_direction",
    "ustar": "ustar",
    "u*": "ustar",
    "precip": "precip",
    "p": "precip",
    "rain": "precip",
}
_SENSORS: Final = {"tsoil": "t_soil", "ts": "t_soil", "swc": "theta"}
_HOURS: Final = ("hour", "hhmm", "hmm", "hrmin", "time")
#: Columns of REddyProc's results, which are gap-filled or output of a fitted model.
RESULTS = re.compile(
    r".+_(orig|f|fqc|fall|fall_qc|fsd|fnum|fmeth|fwin|thres|fqc_?\w*)|(GPP|Reco|R_ref|E_0|FP)(_.*)?", re.IGNORECASE
)
_MISSING = -9999.0


class ReddyprocRecord(Record):
    """Text files as for REddyProc."""

    reader: Literal["reddyproc"] = Field(
        description="REddyProc and AsiaFlux text, with year, day and hour as numbers and a row of units"
    )
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    columns: dict[str, MappedColumn] = Field(
        default={},
        description="a table for each column with a name of your own, or whose unit or quality is not in the file",
    )
    depths: dict[str, Depth] = Field(default={}, description=DEPTHS)
    missing: tuple[float | str, ...] = Field(
        default=(), description="further numbers or texts that mark a missing value, beside -9999"
    )
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; gap-filled results of REddyProc are not read."""
        ds = read_files(self.path, self._read_file)
        refuse_unused_depths(ds, self.depths, where=self.path[0])
        return ds

    def _read_file(self, path: Path) -> xr.Dataset:
        layout = layout_of(path, missing=(_MISSING, *self.missing))
        if layout is None:
            raise BadInput(
                "there are no columns of year, day and hour above a row of units",
                where=f"{path}, line 1",
                remedy="give a file with the columns Year, DoY and Hour, or read it with reader 'table'",
            )
        columns = self._columns(header_and_units(path, layout), layout, path)
        meta = Provenance(self.site, f"REddyProc text, {path.name}", self.licence, self.utc_offset_hours)
        return read_unit_rows(path, layout, columns, meta)

    def _columns(self, units: Mapping[str, str], layout: Layout, path: Path) -> dict[str, TableColumn]:
        codes = {mapped.codes.column for mapped in self.columns.values() if mapped.codes is not None}
        columns: dict[str, TableColumn] = {}
        unknown = []
        for name, unit in units.items():
            if name in self.columns:
                columns[name] = table_column(name, self.columns[name], unit, self.depths, where=path)
            elif name in {*layout.time_columns, *codes} or any(fnmatchcase(name, pattern) for pattern in self.ignore):
                continue
            elif (variable := variable_of(name)) is not None:
                columns[name] = table_column(name, MappedColumn(variable=variable), unit, self.depths, where=path)
            elif not RESULTS.fullmatch(name):
                unknown.append(name)
        if unknown or (absent := sorted(set(self.columns) - set(units))):
            raise BadInput(
                f"column {', '.join(unknown)} is unknown" if unknown else f"column {', '.join(absent)} is missing",
                where=f"{path}, line {layout.header_line}",
                remedy="describe it under 'columns', or list it in 'ignore'"
                if unknown
                else "correct the names under 'columns'",
                keys={"ignore": unknown} if unknown else {},
            )
        return columns

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise columns of year, day and hour, and a row of units."""
        return (
            None
            if layout_of(path, missing=()) is None
            else "a text file as for REddyProc, with year, day and hour as numbers"
        )


def variable_of(name: str) -> str | None:
    """Variable of a column by its name; sensors may have a number or a depth after it (``Tsoil_2``)."""
    key = name.lower()
    if key in _VARIABLES:
        return _VARIABLES[key]
    match = re.fullmatch(r"(tsoil|ts|swc)(_?[0-9]+[a-z]*)?", key)
    return None if match is None else _SENSORS[match[1]]


def layout_of(path: Path, *, missing: tuple[float | str, ...]) -> Layout | None:
    """Form of the file from its first lines; None if it has no columns of year, day and hour, or no row of units."""
    lines = first_lines(path, 60)
    if len(lines) < 3:
        return None
    delimiter = max("\t,;", key=lines[0].count)
    cells = [[cell.strip().strip('"') for cell in line.split(delimiter)] for line in lines]
    names = {name.lower(): name for name in cells[0]}
    hour = next((names[key] for key in _HOURS if key in names), None)
    days = next((form for form in (("doy",), ("month", "day")) if names.keys() >= {"year", *form}), None)
    if hour is None or days is None or is_number(cells[1][0]) or not is_number(cells[2][0]):
        return None
    columns = [names["year"], *(names[key] for key in days)]
    position = cells[0].index(hour)
    hours = [row[position] for row in cells[2:] if len(row) > position]
    form = "%Y %j" if days == ("doy",) else "%Y %m %d"
    if "minute" in names:
        columns, time = [*columns, hour, names["minute"]], "%H %M"
    else:
        is_clock = any(":" in text for text in hours)
        is_number_of_two = hour.lower() in ("hhmm", "hmm", "hrmin") or any(_number(text) > 24.0 for text in hours)
        columns, time = [*columns, hour], "%H:%M" if is_clock else "%H%M" if is_number_of_two else "%H"
    return Layout(
        delimiter=delimiter,
        header_line=1,
        first_data_line=3,
        time_columns=tuple(columns),
        time_format=f"{form} {time}",
        missing=missing,
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
