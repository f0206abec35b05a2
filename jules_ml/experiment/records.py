"""``[data]``: which record is read, by which reader, and what its file does not say of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import pandas as pd
import xarray as xr
from pydantic import Discriminator, Field

from jules_ml.data.readers.jules import LOOBOS_COLUMNS
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.experiment.section import DataPath, Section

_PATH = "file of the record; a relative path is taken from the experiment file"
_OFFSET = "local standard time minus UTC [h]"
_COSORE_OFFSET = (
    "time of the stamps minus UTC [h]; needed: 0 for the database's own, which are UTC at the start of the hour"
)
_LICENCE = "licence of the record"
_IGNORE = "columns to leave out, by name or by pattern"


class FluxnetRecord(Section):
    """A flux tower's FLUXNET2015, AmeriFlux-FLUXNET or ICOS file."""

    reader: Literal["fluxnet"] = Field(description="FLUXNET2015, AmeriFlux-FLUXNET and ICOS CSV")
    path: DataPath = Field(description=_PATH)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=_OFFSET)
    swc_depths: tuple[float, ...] | None = Field(
        default=None, description="depth [m] of each soil-water sensor, in the order of their numbers"
    )
    ts_depths: tuple[float, ...] | None = Field(
        default=None, description="depth [m] of each soil-temperature sensor, in the order of their numbers"
    )
    licence: str | None = Field(default=None, description=_LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.fluxnet import read_fluxnet

        return read_fluxnet(
            self.path,
            utc_offset_hours=self.utc_offset_hours,
            swc_depths=self.swc_depths,
            ts_depths=self.ts_depths,
            licence=self.licence,
        )


class CosmosUkRecord(Section):
    """A COSMOS-UK site, from the archive or from the portal."""

    reader: Literal["cosmos_uk"] = Field(description="COSMOS-UK, a file of one site from the archive or the portal")
    path: DataPath = Field(description=_PATH)
    ignore: tuple[str, ...] = Field(default=(), description=_IGNORE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.cosmos_uk import read_cosmos_uk

        return read_cosmos_uk(self.path, ignore=self.ignore)


class CosoreRecord(Section):
    """Soil chambers of the COSORE database; they hold no weather, and drive no run."""

    reader: Literal["cosore"] = Field(description="COSORE soil chambers: fluxes to learn from, no weather")
    path: DataPath = Field(description=_PATH)
    dataset: str = Field(description="name of the data set within the file")
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=_COSORE_OFFSET)
    sm_flags: tuple[str, ...] = Field(default=("ok",), description="flags of soil moisture that are let in")

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.cosore import read_cosore

        return read_cosore(self.path, self.dataset, utc_offset_hours=self.utc_offset_hours, sm_flags=self.sm_flags)


class UscrnRecord(Section):
    """A station of the US Climate Reference Network."""

    reader: Literal["uscrn"] = Field(description="USCRN daily stations")
    path: DataPath = Field(description=_PATH)
    wban: str = Field(description="number of the station")
    utc_offset_hours: float | None = Field(default=None, ge=-12.0, le=14.0, description=_OFFSET)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.uscrn import read_uscrn

        return read_uscrn(self.path, self.wban, utc_offset_hours=self.utc_offset_hours)


class NeonDrivingRecord(Section):
    """Hourly driving data of JULES runs at NEON towers."""

    reader: Literal["neon_driving"] = Field(description="hourly driving data of JULES runs at NEON towers, netCDF")
    path: DataPath = Field(description=_PATH)
    tower: str = Field(description="NEON code of the tower within the file")
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=_OFFSET)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.neon import read_neon_driving

        return read_neon_driving(self.path, self.tower, utc_offset_hours=self.utc_offset_hours)


class JulesDrivingRecord(Section):
    """ASCII driving data of a JULES point run."""

    reader: Literal["jules_driving"] = Field(description="ASCII driving data of a JULES point run")
    path: DataPath = Field(description=_PATH)
    start: datetime = Field(description="`data_start` of JULES_DRIVE: beginning of the first row's period")
    period: float = Field(gt=0.0, description="`data_period` of JULES_DRIVE [s]")
    columns: tuple[str, ...] = Field(
        default=LOOBOS_COLUMNS, description="`var` of JULES_DRIVE, in the order of the file"
    )
    utc_offset_hours: float = Field(default=0.0, ge=-12.0, le=14.0, description=_OFFSET)
    licence: str = Field(default="not stated", description=_LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.jules import read_jules_driving

        return read_jules_driving(
            self.path,
            start=pd.Timestamp(self.start),
            period_seconds=self.period,
            columns=self.columns,
            utc_offset_hours=self.utc_offset_hours,
            licence=self.licence,
        )


class DavosRecord(Section):
    """The record of the demonstration."""

    reader: Literal["davos"] = Field(description="Davos (CH-Dav) 2013 to 2022, the record of `jules-ml demo`")
    path: DataPath | None = Field(
        default=None,
        description="the wheel of diive 0.90.0 or the Parquet file in it; fetched unless given",
    )

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset, fetching it first where it is not at hand."""
        from jules_ml.data.readers.davos import fetch_davos, read_davos

        return read_davos(fetch_davos() if self.path is None else self.path)


class TableRecord(TableSpec):
    """Any table, CSV or Parquet, explained by a column map: see :class:`~jules_ml.data.readers.table_spec.TableSpec`."""

    reader: Literal["table"] = Field(description="any CSV or Parquet table, explained by a column map")
    path: DataPath = Field(description=_PATH)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        from jules_ml.data.readers.table import read_table

        return read_table(self.path, self)


Record = Annotated[
    FluxnetRecord
    | CosmosUkRecord
    | CosoreRecord
    | UscrnRecord
    | NeonDrivingRecord
    | JulesDrivingRecord
    | DavosRecord
    | TableRecord,
    Discriminator("reader"),
]
