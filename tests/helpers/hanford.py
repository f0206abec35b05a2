"""Half-hourly record of US-Hn1 (Hanford), whose source has not filtered NEE by friction velocity, for tests."""

from __future__ import annotations

import tomllib
from pathlib import Path

import xarray as xr

from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec

#: Keys of ``[data]``, without the path.
HANFORD = """
site = "US-Hn1"
licence = "CC BY 4.0"
latitude = 46.4089
longitude = -119.275
elevation = 117.0
utc_offset_hours = -8.0
stamp_at = "end"
interval = "30min"
ignore = ["EA", "H", "H_QC", "NETRAD", "LE", "LE_QC"]
columns.TA = {variable = "t_air", unit = "degC"}
columns.SW_IN = {variable = "sw_down", unit = "W m-2"}
columns.RH = {variable = "relative_humidity", unit = "%"}
columns.WS = {variable = "wind", unit = "m s-1"}
columns.PA = {variable = "pstar", unit = "kPa"}
columns.P = {variable = "precip", unit = "mm", is_sum = true}
columns.TS_15cm = {variable = "t_soil", unit = "degC", depth = 0.15}
columns.SWC_15cm = {variable = "theta", unit = "m3 m-3", depth = 0.15}
columns.NEE = {variable = "nee", unit = "umol m-2 s-1", quality = {column = "NEE_QC", measured = [0], filled = [1]}}
columns.USTAR = {variable = "ustar", unit = "m s-1"}
"""


def hanford_file(shared_data: Path) -> Path:
    """Path of the record of US-Hn1, 2016 to 2017."""
    return shared_data / "respiration" / "us_hn1_2016_2017_30min.parquet"


def hanford(shared_data: Path) -> xr.Dataset:
    """Read the half-hourly record of US-Hn1, 2016 to 2017."""
    return read_table(hanford_file(shared_data), TableSpec.model_validate(tomllib.loads(HANFORD)))
