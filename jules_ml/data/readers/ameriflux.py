"""AmeriFlux BASE: half-hourly or hourly files of a tower, without gap-filling, in local standard time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.readers.network import NetworkRecord
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import LICENCE
from jules_ml.errors import BadInput

_SITE = re.compile(r"# Site: *([A-Z]{2}-[A-Za-z0-9]{3})\s*")
_LICENCE = "AmeriFlux: CC BY 4.0, or the AmeriFlux Legacy licence where the site's page says so"


class AmerifluxRecord(NetworkRecord):
    """A tower's AmeriFlux BASE files."""

    reader: Literal["ameriflux"] = Field(description="AmeriFlux BASE CSV, half-hourly or hourly, not gap-filled")
    licence: str | None = Field(default=None, description=LICENCE)

    @staticmethod
    def site_of(path: Path) -> str | None:
        """Return the site code in the comment lines."""
        return base_site(path)

    def _read_file(self, path: Path) -> xr.Dataset:
        if base_site(path) is None:
            raise BadInput(
                "the first line is not '# Site: ' and a site code",
                where=f"{path}, line 1",
                remedy='give an AmeriFlux BASE file, unchanged since its download; for one without comment lines set reader = "icos_etc"',
            )
        return self._dataset(path, source="AmeriFlux BASE", licence=self.licence or _LICENCE, header_line=3)

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
