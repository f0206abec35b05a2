"""ICOS ETC level 2: METEO and FLUXES files of an ecosystem station, half-hourly, without gap-filling, in local standard time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import xarray as xr
from pydantic import Field

from jules_ml.data.readers.fluxnet_columns import is_filled, is_known
from jules_ml.data.readers.network import NetworkRecord
from jules_ml.data.readers.network_columns import columns_of
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import LICENCE

_FILE_NAME = re.compile(r"ICOSETC_([A-Z]{2}-[A-Za-z0-9]{3})_(METEO|METEOSENS|FLUXES)")


class IcosEtcRecord(NetworkRecord):
    """METEO and FLUXES files of a station of ICOS."""

    reader: Literal["icos_etc"] = Field(
        description="ICOS ETC level 2 CSV, METEO and FLUXES of one site, not gap-filled"
    )
    licence: str = Field(default="ICOS: CC BY 4.0", description=LICENCE)

    @staticmethod
    def site_of(path: Path) -> str | None:
        """Return the site code in the name of the file."""
        return etc_site(path)

    def _read_file(self, path: Path) -> xr.Dataset:
        return self._dataset(path, source="ICOS ETC level 2", licence=self.licence)

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
