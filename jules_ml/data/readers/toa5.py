"""Campbell Scientific TOA5: tables of a data logger, with four lines of header.

The lines are: station, logger and table; column names; units; processing (``Avg``, ``Tot``, ``Smp``). Time stamps are at the end of the
interval.

References
----------
Campbell Scientific, LoggerNet manual, appendix B: file formats; CRBasic: NAN and 7999 are values that were not measured.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.readers.unit_rows import (
    Layout,
    MappedColumn,
    Provenance,
    header_and_units,
    read_unit_rows,
    table_column,
)
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.textfile import read_lines, require_columns
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths

_MISSING = (-7999.0, 7999.0, "NAN", "-NAN", "INF", "-INF", "+INF")


class Toa5Record(Record):
    """Tables of a data logger of Campbell Scientific."""

    reader: Literal["toa5"] = Field(description="Campbell Scientific TOA5, tables of a data logger")
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    columns: dict[str, MappedColumn] = Field(
        min_length=1, description="a table for each column that is read; others are left out"
    )
    site: str | None = Field(default=None, description=SITE)
    missing: tuple[float | str, ...] = Field(
        default=(), description="further numbers or texts that mark a missing value, beside `NAN`, `INF` and 7999"
    )
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_files(self.path, self._read_file)

    def _read_file(self, path: Path) -> xr.Dataset:
        station, processing = _station_and_processing(path)
        layout = Layout(
            delimiter=",",
            header_line=2,
            first_data_line=5,
            time_columns=("TIMESTAMP",),
            time_format="%Y-%m-%d %H:%M:%S",
            missing=(*_MISSING, *self.missing),
        )
        units = header_and_units(path, layout)
        require_columns(units, list(self.columns), where=f"{path}, line 2")
        totals = {name for name, how in zip(units, processing, strict=False) if how == "Tot"}
        columns = {
            name: table_column(name, mapped, units[name], {}, is_sum=name in totals, where=path)
            for name, mapped in self.columns.items()
        }
        meta = Provenance(self.site or station, f"TOA5, {path.name}", self.licence, self.utc_offset_hours)
        return read_unit_rows(path, layout, columns, meta)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the first line."""
        cells = _cells("".join(first_lines(path, 1)))
        return f"a TOA5 table of logger '{cells[1]}'" if len(cells) >= 8 and cells[0] == "TOA5" else None


def _station_and_processing(path: Path) -> tuple[str, list[str]]:
    lines = [_cells(line) for line in read_lines(path, 4)]
    if len(lines) < 4 or not lines[0] or lines[0][0] != "TOA5" or len(lines[0]) < 2:
        raise BadInput(
            "the first cell is not 'TOA5'",
            where=f"{path}, line 1",
            remedy="give a TOA5 file; convert a TOB1, TOB3 or array file with LoggerNet's CardConvert or Split",
        )
    if lines[3] and lines[3][0].strip():
        raise BadInput(
            f"the fourth line begins with '{lines[3][0]}', not with an empty cell: it is no line of processing (Avg, Tot, Smp)",
            where=f"{path}, line 4",
            remedy="give the file with its four lines of header, as the logger's software wrote it",
        )
    return lines[0][1], lines[3]


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), [])
