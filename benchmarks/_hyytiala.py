"""Half-hourly record of Hyytiälä, for tests and benchmarks."""

from __future__ import annotations

import tomllib
from pathlib import Path

import xarray as xr

from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec

HYYTIALA = """
site = "FI-Hyy"
source = "SMEAR II, Hyytiälä, 2016 to 2020"
licence = "CC BY 4.0 (SMEAR open data)"
latitude = 61.85
longitude = 24.29
utc_offset_hours = 2.0
stamp_at = "start"
interval = "30min"
columns.NEE = {variable = "nee", unit = "umol m-2 s-1", quality = {column = "NEE_QC", measured = [0], filled = [1, 2]}}
columns.USTAR = {variable = "ustar", unit = "m s-1"}
columns.TA = {variable = "t_air", unit = "degC"}
columns.TS_A = {variable = "t_soil", unit = "degC", depth = nan}
columns.TS_B = {variable = "t_soil", unit = "degC", depth = nan}
columns.RH = {variable = "relative_humidity", unit = "%"}
columns.PAR = {variable = "ppfd", unit = "umol m-2 s-1"}
columns.SWC_B = {variable = "theta", unit = "m3 m-3", depth = nan}
"""


def hyytiala(shared_data: Path) -> xr.Dataset:
    """Read the half-hourly record of Hyytiälä, 2016 to 2020."""
    path = shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet"
    return read_table(path, TableSpec.model_validate(tomllib.loads(HYYTIALA)))
