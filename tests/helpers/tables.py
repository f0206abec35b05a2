"""Column maps and a small table, for tests of the table reader."""

from __future__ import annotations

import tomllib
from pathlib import Path

import xarray as xr

from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec

#: Column map of Hyytiälä as published: SMEAR's time stamps are UTC+2 at the start of the half-hour, which the sun confirms
#: (``test_hyytiala_stamps_are_the_start``); the file names horizons, not depths.
HYYTIALA = """
site = "FI-Hyy"
source = "SMEAR II, Hyytiälä, 2016 to 2020"
licence = "CC BY 4.0 (SMEAR open data)"
latitude = 61.85
longitude = 24.29
utc_offset_hours = 2.0
stamp_at = "start"
interval = "30min"

[columns.NEE]
variable = "nee"
unit = "umol m-2 s-1"
quality = {column = "NEE_QC", measured = [0], filled = [1, 2]}

[columns.USTAR]
variable = "ustar"
unit = "m s-1"

[columns.TA]
variable = "t_air"
unit = "degC"

[columns.TS_A]
variable = "t_soil"
unit = "degC"
depth = nan

[columns.TS_B]
variable = "t_soil"
unit = "degC"
depth = nan

[columns.RH]
variable = "relative_humidity"
unit = "%"

[columns.PAR]
variable = "ppfd"
unit = "umol m-2 s-1"

[columns.SWC_B]
variable = "theta"
unit = "m3 m-3"
depth = nan
"""
SMALL = """
site = "XX-Abc"
latitude = 50.0
longitude = 7.0
utc_offset_hours = 1.0
stamp_at = "end"
interval = "1h"
missing = [-9999]
delimiter = ";"
ignore = ["RECO_*"]

[time]
columns = ["date", "hour"]
format = "%d.%m.%Y %H:%M"

[columns.NEE]
variable = "nee"
unit = "umol m-2 s-1"
quality = {column = "flag", measured = [1], filled = [2, 3]}

[columns.rain]
variable = "precip"
unit = "mm"
is_sum = true

[columns.SM_20]
variable = "theta"
unit = "%"
depth = 0.2

[columns.SM_05]
variable = "theta"
unit = "m3 m-3"
scale = 0.001
depth = 0.05
"""
SMALL_FILE = """date;hour;NEE;flag;rain;SM_20;SM_05;RECO_NT
01.06.2020;01:00;2.5;1;3.6;31.0;250;1
01.06.2020;02:00;3.5;2;0.0;32.0;251;1
01.06.2020;03:00;-9999;;0.0;33.0;252;1
"""


def spec(text: str, **changes: object) -> TableSpec:
    """Column map from TOML, with keys changed."""
    return TableSpec.model_validate(tomllib.loads(text) | changes)


def read_small(folder: Path, old: str = "", new: str = "", **changes: object) -> xr.Dataset:
    """Write the small table with one change to its text, and read it with changes to its column map."""
    path = folder / "small.csv"
    assert old in SMALL_FILE
    path.write_text(SMALL_FILE.replace(old, new, 1) if old else SMALL_FILE)
    return read_table(path, spec(SMALL, **changes))
