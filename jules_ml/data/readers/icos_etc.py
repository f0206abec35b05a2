"""ICOS ETC level 2: METEO and FLUXES files of an ecosystem station, half-hourly, without gap-filling, in local standard time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.readers.fluxnet_columns import is_filled, is_known
from jules_ml.data.readers.network import read_network_file, refuse_unused_depths
from jules_ml.data.readers.network_columns import columns_of
from jules_ml.data.readers.sensor_heights import read_sensor_depths
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import DEPTHS, HEIGHTS, IGNORE, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.support.section import DataPath, DataPaths, Depth

_FILE_NAME = re.compile(r"ICOSETC_([A-Z]{2}-[A-Za-z0-9]{3})_(METEO|METEOSENS|FLUXES)")


class IcosEtcRecord(Record):
    """METEO and FLUXES files of a station of ICOS."""

    reader: Literal["icos_etc"] = Field(
        description="ICOS ETC level 2 CSV, METEO and FLUXES of one site, not gap-filled"
    )
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    depths: dict[str, Depth] = Field(default={}, description=DEPTHS)
    heights: DataPath | None = Field(default=None, description=HEIGHTS)
    swc_unit: Literal["%", "m3 m-3"] = Field(default="%", description="unit of soil moisture in the file")
    storage: bool = Field(default=False, description="add the storage of CO2 (`SC`) to `FC` where `NEE` is missing")
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    licence: str = Field(default="ICOS: CC BY 4.0", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; see :func:`~.network.read_network_file` for the choice of columns."""
        ds = read_files(self.path, self._read_file, site_of=etc_site)
        refuse_unused_depths(ds, self.depths, where=self.path[0])
        return ds

    def _read_file(self, path: Path) -> xr.Dataset:
        site = etc_site(path) or self.site
        return read_network_file(
            path,
            site=self.site or site,
            source=f"ICOS ETC level 2, {path.name}",
            licence=self.licence,
            utc_offset_hours=self.utc_offset_hours,
            depths=self.depths,
            known_depths=None if self.heights is None else read_sensor_depths(self.heights, site),
            swc_unit=self.swc_unit,
            ignore=self.ignore,
            adds_storage=self.storage,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise columns of the FP Standard without those of a FLUXNET product."""
        header = [name.strip().strip('"') for name in "".join(first_lines(path, 1)).split(",")]
        is_fluxnet = all(map(is_known, header)) and any(map(is_filled, header))
        if not {"TIMESTAMP_START", "TIMESTAMP_END"} <= set(header) or is_fluxnet or not columns_of(header):
            return None
        match = _FILE_NAME.search(path.name)
        return (
            "a file with the columns of ICOS ETC level 2"
            if match is None
            else f"an ICOS ETC {match[2]} file of {match[1]}"
        )


def etc_site(path: Path) -> str | None:
    """Return the site code in the name of an ICOS ETC file; None for another name."""
    match = _FILE_NAME.search(path.name)
    return None if match is None else match[1]
