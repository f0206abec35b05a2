"""Campbell TOA5: the four lines of header, NAN, units, totals, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.readers.toa5 import Toa5Record
from jules_ml.experiment import load_experiment

HEADER = """\
"TOA5","Stn","CR1000","1234","CR1000.Std.32","CPU:x.CR1","1","Table30"
"TIMESTAMP","RECORD","BattV","VWC_Avg","TS_Avg","Rain_Tot"
"TS","RN","Volts","m^3/m^3","Deg C","mm"
"","","Smp","Avg","Avg","Tot"
"""
ROWS = """\
"2020-06-01 00:30:00",0,12.5,0.2999,12.5,0.9
"2020-06-01 01:00:00",1,12.5,"NAN",12.25,0
"2020-06-01 01:30:00",2,12.5,0.25,-7999,0
"""
COLUMNS = {
    "VWC_Avg": {"variable": "theta", "depth": 0.05},
    "TS_Avg": {"variable": "t_soil", "depth": 0.05},
    "Rain_Tot": {"variable": "precip"},
}


def write(folder: Path, text: str = HEADER + ROWS, name: str = "CR1000_Table30.dat") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(*paths: Path, **keys: object) -> xr.Dataset:
    base = {"reader": "toa5", "path": list(map(str, paths)), "utc_offset_hours": 1.0, "columns": COLUMNS}
    return Toa5Record.model_validate(base | keys).read()


def test_values_units_and_stamps(tmp_path: Path) -> None:
    ds = read(write(tmp_path))
    np.testing.assert_array_equal(ds["theta"][:, 0], [0.2999, np.nan, 0.25])
    np.testing.assert_allclose(ds["t_soil"][:, 0], [285.65, 285.4, np.nan])
    np.testing.assert_allclose(ds["precip"], [0.9 / 1800.0, 0.0, 0.0])
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-05-31T23:30")
    assert ds["depth"].to_numpy().tolist() == [0.05]
    assert (ds.attrs["site"], ds.attrs["interval_seconds"]) == ("Stn", 1800.0)


def test_units_and_missing_codes_of_the_user_take_precedence(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROWS.replace("0.2999", "29.99").replace("0.25,", "-99,"))
    columns = {"VWC_Avg": {"variable": "theta", "depth": 0.1, "unit": "%"}}
    ds = read(path, columns=columns, missing=[-99], site="XX-Abc")
    np.testing.assert_allclose(ds["theta"][:, 0], [0.2999, np.nan, np.nan])
    assert ds.attrs["site"] == "XX-Abc"


def test_files_of_two_periods_are_one_record(tmp_path: Path) -> None:
    later = write(tmp_path, HEADER + ROWS.replace("2020-06-01", "2020-06-02"), "later.dat")
    assert read(write(tmp_path), later).sizes["time"] == 6


def test_lines_may_end_as_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    path.write_bytes((HEADER + ROWS).replace("\n", "\r\n").encode())
    assert read(path).sizes["time"] == 3


@pytest.mark.parametrize(
    ("text", "columns", "problem", "remedy"),
    [
        (HEADER.replace("TOA5", "TOACI1") + ROWS, COLUMNS, "the first cell is not 'TOA5'", "CardConvert"),
        (HEADER + ROWS, {"VWC": {"variable": "theta"}}, "column VWC is missing; the file has TIMESTAMP", "name"),
        (HEADER + ROWS, {"VWC_Avg": {"variable": "theta", "unit": "W m-2"}}, "cannot be converted to 'm3 m-3'", "unit"),
        (
            HEADER + ROWS,
            {"TS_Avg": {"variable": "t_air", "depth": 0.1}},
            "'t_air' has no depth",
            "[data.columns.TS_Avg]",
        ),
        (HEADER.replace(',"mm"', "") + ROWS, COLUMNS, "the line of units has 5 cells and the header 6", "complete"),
        (
            HEADER + ROWS.splitlines()[0] + "\n",
            COLUMNS,
            "the interval of the time stamps is unknown",
            "two or more rows",
        ),
        (HEADER + ROWS.replace("0.25", "2.5"), COLUMNS, "2.5 at 2020-06-01 00:30:00 is outside 0 to 1 m3 m-3", "%"),
    ],
)
def test_wrong_files_and_columns_are_refused(
    tmp_path: Path, text: str, columns: object, problem: str, remedy: str
) -> None:
    with refusal("CR1000", problem, remedy):
        read(write(tmp_path, text), columns=columns)


def test_the_file_is_recognised_and_read_from_an_experiment(tmp_path: Path) -> None:
    assert Toa5Record.recognises(write(tmp_path)) == "a TOA5 table of logger 'Stn'"
    file = tmp_path / "x.toml"
    file.write_text(
        '[data]\nreader = "auto"\npath = "CR1000_Table30.dat"\nutc_offset_hours = 1.0\n'
        '[data.columns.VWC_Avg]\nvariable = "theta"\ndepth = 0.05\n',
        encoding="utf-8",
    )
    ds = load_experiment(file).record()
    assert int(ds["theta"].notnull().sum()) == 2
    assert ds.attrs["recognised"] == "a TOA5 table of logger 'Stn', read by reader 'toa5'"
