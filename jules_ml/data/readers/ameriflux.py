"""AmeriFlux BASE: half-hourly or hourly files of a tower, without gap-filling, in local standard time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.readers.network import read_network_file, refuse_unused_depths
from jules_ml.data.readers.sensor_heights import read_sensor_depths
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import DEPTHS, HEIGHTS, IGNORE, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath, DataPaths, Depth

_SITE = re.compile(r"# Site: *([A-Z]{2}-[A-Za-z0-9]{3})\s*")
_LICENCE = "AmeriFlux: CC BY 4.0, or the AmeriFlux Legacy licence where the site's page says so"


class AmerifluxRecord(Record):
    """A tower's AmeriFlux BASE files."""

    reader: Literal["ameriflux"] = Field(description="AmeriFlux BASE CSV, half-hourly or hourly, not gap-filled")
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    depths: dict[str, Depth] = Field(default={}, description=DEPTHS)
    heights: DataPath | None = Field(default=None, description=HEIGHTS)
    swc_unit: Literal["%", "m3 m-3"] = Field(default="%", description="unit of soil moisture in the file")
    storage: bool = Field(default=False, description="add the storage of CO2 (`SC`) to `FC` where `NEE` is missing")
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    licence: str | None = Field(default=None, description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset; see :func:`~.network.read_network_file` for the choice of columns."""
        ds = read_files(self.path, self._read_file, site_of=base_site)
        refuse_unused_depths(ds, self.depths, where=self.path[0])
        return ds

    def _read_file(self, path: Path) -> xr.Dataset:
        site = base_site(path)
        if site is None:
            raise BadInput(
                "the first line is not '# Site: ' and a site code",
                where=f"{path}, line 1",
                remedy='give an AmeriFlux BASE file, unchanged since its download; for one without comment lines set reader = "icos_etc"',
            )
        return read_network_file(
            path,
            site=self.site or site,
            source=f"AmeriFlux BASE, {path.name}",
            licence=self.licence or _LICENCE,
            utc_offset_hours=self.utc_offset_hours,
            depths=self.depths,
            known_depths=None if self.heights is None else read_sensor_depths(self.heights, site),
            swc_unit=self.swc_unit,
            ignore=self.ignore,
            adds_storage=self.storage,
            header_line=3,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the two comment lines."""
        site = base_site(path)
        return None if site is None else f"an AmeriFlux BASE file of {site}"


def base_site(path: Path) -> str | None:
    """Return the site code in the comment lines of an AmeriFlux BASE file; None for another file."""
    lines = first_lines(path, 2)
    match = _SITE.fullmatch(lines[0]) if len(lines) == 2 else None
    return match[1] if match and lines[1].startswith("# Version:") else None
