"""EddyPro: the full output, with three lines of header, and the biomet output beside it, with two.

Time stamps are the end of the averaging interval, in the time of the raw files. Meteorological variables of the full output may come
from the sonic anemometer and the gas analyser; those of the biomet file take precedence.

References
----------
LI-COR, EddyPro manual: the full output file; Mauder and Foken (2004) and Foken et al. (2004) for the quality flags.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.readers.network import refuse_unused_depths
from jules_ml.data.readers.table_spec import Quality, TableColumn
from jules_ml.data.readers.unit_rows import (
    Layout,
    MappedColumn,
    Provenance,
    header_and_units,
    read_unit_rows,
    table_column,
)
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import DEPTHS, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.textfile import read_csv_columns, require_columns
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths, Depth

#: Fluxes of the full output, which have a flag ``qc_<column>``, and storage of CO2.
_FLUXES: Final = {"co2_flux": "nee", "LE": "le", "H": "h"}
_STORAGE: Final = "co2_strg"
#: Other variables of the full output.
_WEATHER: Final = {
    "u*": "ustar",
    "air_temperature": "t_air",
    "air_pressure": "pstar",
    "specific_humidity": "q",
    "RH": "relative_humidity",
    "VPD": "vpd",
    "wind_speed": "wind",
    "wind_dir": "wind_direction",
    "co2_mole_fraction": "co2",
}
#: Variables of the biomet output, by the base name in upper case.
_BIOMET: Final = {
    "TA": "t_air",
    "RH": "relative_humidity",
    "PA": "pstar",
    "RG": "sw_down",
    "SWIN": "sw_down",
    "SW_IN": "sw_down",
    "SWOUT": "sw_up",
    "SW_OUT": "sw_up",
    "LWIN": "lw_down",
    "LW_IN": "lw_down",
    "LWOUT": "lw_up",
    "LW_OUT": "lw_up",
    "RN": "rad_net",
    "PPFD": "ppfd",
    "PPFD_IN": "ppfd",
    "P": "precip",
    "P_RAIN": "precip",
    "SHF": "g_soil",
    "WS": "wind",
    "MWS": "wind",
    "WD": "wind_direction",
    "TS": "t_soil",
    "SWC": "theta",
}
_POSITION = re.compile(r"(?P<base>[A-Za-z_]+?)(?P<position>_[0-9]+_[0-9]+_[0-9]+)?")
_FACTOR = re.compile(r"([A-Za-z%]+)([+-]?[0-9]+)?")
_MISSING: Final = (-9999.0, "Infinity", "+Infinity", "-Infinity")
_LARGEST_OF_FEW_FLAGS, _LARGEST_FLAG = 2, 9


class EddyproRecord(Record):
    """Full output and biomet output of EddyPro."""

    reader: Literal["eddypro"] = Field(description="EddyPro full output and biomet output, CSV")
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    max_flag: int | None = Field(
        default=None,
        ge=0,
        le=_LARGEST_FLAG,
        description="largest quality flag of a flux that is used; default: 1, for flags 0 to 2; needed for flags 1 to 9",
    )
    storage: bool = Field(default=False, description="add the storage of CO2 (`co2_strg`) to `co2_flux`")
    depths: dict[str, Depth] = Field(default={}, description=DEPTHS)
    licence: str = Field(default="not stated", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; fluxes with a larger flag are left out and counted in ``n_rejected``."""
        in_biomet = {
            column.variable for path in self.path if _kind(path) == "biomet" for column in self._biomet(path).values()
        }
        ds = read_files(self.path, lambda path: self._read_file(path, without=in_biomet))
        refuse_unused_depths(ds, self.depths, where=self.path[0])
        return ds

    def _read_file(self, path: Path, *, without: Collection[str]) -> xr.Dataset:
        kind = _kind(path)
        if kind is None:
            raise BadInput(
                "this is neither a full output nor a biomet output of EddyPro",
                where=path,
                remedy="give a file with 'full_output' or 'biomet' in its name, unchanged since EddyPro wrote it",
            )
        meta = Provenance(self.site, f"EddyPro {kind}, {path.name}", self.licence, self.utc_offset_hours)
        layout = _layout(path, kind)
        if kind == "biomet":
            return read_unit_rows(path, layout, self._biomet(path), meta, drops_out_of_range=True)
        columns = self._full_output(path, without)
        others = [_STORAGE] if self.storage else []
        ds = read_unit_rows(
            path,
            layout,
            columns,
            meta,
            others=others,
            change=_add_storage if self.storage else None,
            drops_out_of_range=True,
        )
        if "nee" in ds:
            ds["nee"].attrs["comment"] = f"turbulent flux {'plus' if self.storage else 'without'} storage"
        return ds

    def _full_output(self, path: Path, without: Collection[str]) -> dict[str, TableColumn]:
        units = header_and_units(path, _layout(path, "full output"))
        require_columns(units, [_STORAGE] if self.storage else [], where=f"{path}, line 2")
        fluxes = [name for name in _FLUXES if name in units]
        if not fluxes:
            raise BadInput(
                "the file contains no flux", where=f"{path}, line 2", remedy=f"give a file with {', '.join(_FLUXES)}"
            )
        require_columns(units, [f"qc_{name}" for name in fluxes], where=f"{path}, line 2")
        largest = self._largest_flag(path, [f"qc_{name}" for name in fluxes])
        measured = tuple(np.arange(0.0, largest + 1.0))
        rejected = tuple(np.arange(largest + 1.0, _LARGEST_FLAG + 1.0))
        mapped = {
            name: MappedColumn(
                variable=_FLUXES[name], quality=Quality(column=f"qc_{name}", measured=measured, rejected=rejected)
            )
            for name in fluxes
        }
        mapped |= {
            name: MappedColumn(variable=variable)
            for name, variable in _WEATHER.items()
            if name in units and variable not in without
        }
        return {name: table_column(name, column, _unit(units[name]), {}, where=path) for name, column in mapped.items()}

    def _largest_flag(self, path: Path, names: list[str]) -> int:
        """Largest flag of values that are used."""
        if self.max_flag is not None:
            return self.max_flag
        layout = _layout(path, "full output")
        flags = read_csv_columns(
            path,
            numbers=names,
            header_line=layout.header_line,
            first_data_line=layout.first_data_line,
            missing=layout.missing,
            encoding=layout.encoding,
        )
        if bool((flags > _LARGEST_OF_FEW_FLAGS).to_numpy().any()):
            raise BadInput(
                "quality flags exceed 2, so they are from 1 to 9",
                where=f"{path}, columns {', '.join(names)}",
                remedy="give max_flag, the largest flag that is used: 3 for research, 6 for general use (Foken et al. 2004)",
                keys={"max_flag": 3},
            )
        return 1

    def _biomet(self, path: Path) -> dict[str, TableColumn]:
        """Columns of a biomet output: every soil sensor, and of other variables the first position."""
        units = header_and_units(path, _layout(path, "biomet"))
        columns: dict[str, TableColumn] = {}
        single: dict[str, str] = {}
        for name in sorted(units, key=_numbers_as_integers):
            match = _POSITION.fullmatch(name)
            variable = None if match is None else _BIOMET.get(match["base"].upper())
            if variable is None or (variable not in ("theta", "t_soil") and variable in single):
                continue
            single[variable] = name
            mapped = MappedColumn(variable=variable)
            columns[name] = table_column(name, mapped, _unit(units[name]), self.depths, where=path)
        if not columns:
            raise BadInput("the file contains no variable that is read", where=f"{path}, line 1", remedy="leave it out")
        return columns

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the header of both outputs."""
        kind = _kind(path)
        return None if kind is None else f"an EddyPro {kind} file"


def _numbers_as_integers(name: str) -> list[tuple[int, str]]:
    """Key that sorts TA_1_1_1 before TA_10_1_1."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in name.split("_")]


def _kind(path: Path) -> Literal["full output", "biomet"] | None:
    lines = first_lines(path, 3)
    if len(lines) == 3 and lines[0].startswith("file_info,") and lines[1].startswith("filename,date,time,"):
        return "full output"
    if len(lines) >= 2 and lines[0].startswith("date,time,DOY,") and lines[1].startswith("[yyyy-mm-dd],[HH:MM],"):
        return "biomet"
    return None


def _layout(path: Path, kind: str) -> Layout:
    header_line = 2 if kind == "full output" else 1
    return Layout(
        delimiter=",",
        header_line=header_line,
        first_data_line=header_line + 2,
        time_columns=("date", "time"),
        time_format="%Y-%m-%d %H:%M",
        missing=_MISSING,
        encoding=_encoding(path, header_line + 1),
    )


def _encoding(path: Path, n_lines: int) -> str:
    """Encoding of the header, which contains the sign for micro: older versions write it in Latin-1."""
    with path.open("rb") as file:
        head = b"".join(file.readline() for _ in range(n_lines))
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _unit(text: str) -> str:
    """Unit in the notation of CF: ``[µmol+1s-1m-2]`` is ``umol s-1 m-2``."""
    text = text.strip("[]").replace("µ", "u").replace("μ", "u").replace("mol_a", "mol").replace("mol_d", "mol")
    if text.startswith("deg_from"):
        return "degree"
    factors = [f"{name}{'' if power in ('', '+1') else power}" for name, power in _FACTOR.findall(text)]
    return " ".join(factors) or text


def _add_storage(frame: pd.DataFrame) -> None:
    frame["co2_flux"] = frame["co2_flux"] + frame[_STORAGE]
