"""Tables read by a column map: a real half-hourly tower in Parquet, small CSV files, and every refusal."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError

from jules_ml.data.clock import solar_noon_error
from jules_ml.data.quality import measured
from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.errors import BadInput

#: Hyytiälä as it is published: SMEAR's time stamps are UTC+2 at the beginning of the half-hour, which the sun confirms
#: (:func:`test_hyytiala_stamps_are_the_start`); the file names horizons, not depths.
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
    return TableSpec.model_validate(tomllib.loads(text) | changes)


def small(folder: Path, old: str = "", new: str = "", **changes: object) -> xr.Dataset:
    """The small table read after one change to its text or its column map."""
    path = folder / "small.csv"
    assert old in SMALL_FILE
    path.write_text(SMALL_FILE.replace(old, new, 1) if old else SMALL_FILE)
    return read_table(path, spec(SMALL, **changes))


@pytest.fixture(scope="module")
def hyytiala(shared_data: Path) -> xr.Dataset:
    return read_table(shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet", spec(HYYTIALA))


def test_hyytiala_loads_with_its_qualities(hyytiala: xr.Dataset) -> None:
    assert hyytiala.sizes["time"] == 87696
    assert hyytiala["time"].to_numpy()[0] == np.datetime64("2015-12-31T22:30")
    assert int(measured(hyytiala, "nee").sum()) == 50976
    assert float(hyytiala["theta"].notnull().any("depth").mean()) == pytest.approx(0.5025, abs=1e-3)
    assert float(hyytiala["relative_humidity"].max()) == pytest.approx(1.00097, abs=1e-4)
    assert float(hyytiala["t_soil"].min()) == pytest.approx(273.15 - 2.754)
    assert hyytiala["sensor_t_soil"].to_numpy().tolist() == [1, 2]
    assert hyytiala["sensor_theta"].to_numpy().tolist() == [1, 0]


def test_hyytiala_stamps_are_the_start(hyytiala: xr.Dataset) -> None:
    error = solar_noon_error(hyytiala, "ppfd")
    assert error.sizes["day"] > 1700
    assert abs(float(error.median())) < 1.0
    by_year = error.groupby("day.year").median()
    assert float(abs(by_year).max()) < 2.0


def test_codes_sums_scales_and_depths(tmp_path: Path) -> None:
    ds = small(tmp_path)
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-06-01T00:00")
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, 1.0, np.nan])
    np.testing.assert_array_equal(measured(ds, "nee"), [True, False, False])
    assert float(ds["precip"][0]) == pytest.approx(1e-3)
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.2])
    np.testing.assert_allclose(ds["theta"], [[0.25, 0.31], [0.251, 0.32], [0.252, 0.33]])
    assert ds["theta"].attrs["column"] == "SM_20 SM_05"
    assert "RECO_NT" not in ds


def test_days_keep_the_fraction_that_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text("day,TA,TA_QC\n2020-01-01,5.0,0.9\n2020-01-02,6.0,0.2\n")
    column = {"variable": "t_air", "unit": "degC", "quality": {"column": "TA_QC", "fraction": True}}
    ds = read_table(
        path,
        TableSpec(
            site="XX-Abc",
            columns={"TA": column},
            interval="1D",
            stamp_at="start",
            utc_offset_hours=0.0,
            time={"columns": ["day"], "format": "%Y-%m-%d"},
        ),
    )
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-02")
    np.testing.assert_array_equal(measured(ds, "t_air"), [True, False])


def test_stamps_that_know_their_offset_need_no_other(tmp_path: Path) -> None:
    path = tmp_path / "aware.csv"
    path.write_text("time,TA\n2020-01-01T01:00+0100,5.0\n2020-01-01T02:00+0100,6.0\n")
    columns = {"TA": {"variable": "t_air", "unit": "degC"}}
    time = {"columns": ["time"], "format": "%Y-%m-%dT%H:%M%z"}
    ds = read_table(path, TableSpec(site="XX-Abc", columns=columns, interval="1h", stamp_at="end", time=time))
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T00:00")


@pytest.mark.parametrize(
    ("old", "new", "place", "problem", "remedy"),
    [
        (";rain;", ";regen;", "line 1", "column regen is not in the column map", "ignore"),
        (";RECO_NT", ";NEE", "line 1", "column NEE stands twice", "rename"),
        (";2.5;1;", ";2,5;1;", "line 2, column NEE", "'2,5' is not a number", "decimals take a point"),
        (";2.5;1;", ";2.5;7;", "line 2, column flag", "quality code 7 is not explained", "'filled'"),
        (";2.5;1;", ";-999;1;", "column NEE", "-999 looks like a code for missing", "missing-value code"),
        (";2.5;1;", ";2500;1;", "variable nee", "outside -150 to 150", "unit"),
        ("02:00", "01:00", "column date hour", "stands twice", "delete one"),
        ("02:00", "04:00", "column date hour", "time runs backwards", "sort"),
        ("02:00", "02:30", "column date hour", "0 days 00:30:00", "interval"),
        ("01.06.2020;02", "06/01/2020;02", "line 3, column date hour", "'06/01/2020 02:00'", "format"),
        (";252;1\n", "", "line 4", "the line has 6 cells and the header 8", "cut short"),
    ],
)
def test_a_spoiled_file_is_refused(tmp_path: Path, old: str, new: str, place: str, problem: str, remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        small(tmp_path, old, new)
    assert "small.csv" in str(caught.value.where)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "place", "problem", "remedy"),
    [
        ({"delimiter": ","}, "line 1", "not split by comma; semicolon would give 8 columns", "delimiter"),
        ({"utc_offset_hours": None}, "column date hour", "offset from UTC is not known", "utc_offset_hours"),
        ({"interval": "30min"}, "column date hour", "said to be 0 days 00:30:00", "correct the interval"),
        ({"missing": []}, "column NEE", "-9999 looks like a code for missing", "missing-value code"),
        ({"ignore": []}, "line 1", "column RECO_NT is not in the column map", "ignore"),
        (
            {"columns": tomllib.loads(SMALL)["columns"] | {"gone": {"variable": "h", "unit": "W m-2"}}},
            "line 1",
            "column gone is missing; the file has date, hour",
            "name",
        ),
        ({"time": {}}, "small.csv", "does not say where the time stands", "time.columns"),
    ],
)
def test_a_wrong_column_map_is_refused(
    tmp_path: Path, changes: dict[str, object], place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        small(tmp_path, **changes)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("unit", "scale", "place", "problem", "remedy"),
    [
        ("m3 m-3", 1.0, "variable theta", "31 at 2020-06-01 00:00:00 is outside 0 to 1", "in %"),
        ("%", 0.01, "column SM_20", "its largest value is 0.33", "m3 m-3"),
        ("furlong", 1.0, "column SM_20", "does not convert", "unit"),
        ("grobl", 1.0, "column SM_20", "unit 'grobl' is not known", "as CF does"),
    ],
)
def test_a_wrong_unit_is_refused(
    tmp_path: Path, unit: str, scale: float, place: str, problem: str, remedy: str
) -> None:
    columns = tomllib.loads(SMALL)["columns"]
    columns["SM_20"] |= {"unit": unit, "scale": scale}
    with pytest.raises(BadInput) as caught:
        small(tmp_path, columns=columns)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"interval": "half an hour"}, "is not a length of time"),
        ({"columns": {}}, "at least 1"),
        ({"columns": {"A": {"variable": "tair", "unit": "K"}}}, "'tair' is not a variable"),
        ({"columns": {"A": {"variable": "theta", "unit": "1"}}}, "needs a depth"),
        ({"columns": {"A": {"variable": "t_air", "unit": "K", "depth": 0.1}}}, "has no depth"),
        ({"columns": {"A": {"variable": "theta", "unit": "1", "depth": -0.1}}}, "positive downward"),
        ({"columns": {"A": {"variable": "nee_ustar", "unit": "1"}}}, "cannot come from a column"),
        ({"columns": {"A": {"variable": "theta", "unit": "1", "depth": float("inf")}}}, "positive downward"),
        ({"columns": {"A": {"variable": "t_air", "unit": "K", "scale": 0.0}}}, "scale is a factor"),
        ({"interval": "0min"}, "an interval of"),
        ({"encoding": "klingon"}, "'klingon' is not an encoding"),
        ({"time": {"columns": ["date"], "format": "%Q"}}, "bad directive"),
        ({"columns": {n: {"variable": "t_air", "unit": "K"} for n in "AB"}}, "two columns are given for 't_air'"),
        ({"columns": {"A": {"variable": "h", "unit": "W m-2", "quality": {"column": "q"}}}}, "fraction = true"),
        (
            {"columns": {"A": {"variable": "h", "unit": "W m-2", "quality": {"column": "q", "fraction": True}}}},
            "measured or filled",
        ),
        (
            {
                "columns": {
                    "A": {
                        "variable": "h",
                        "unit": "W m-2",
                        "quality": {"column": "q", "measured": [0], "filled": [0]},
                    }
                }
            },
            "cannot mean both",
        ),
    ],
)
def test_a_column_map_is_checked_before_any_file_is_read(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        spec(SMALL, **change)


def parquet(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "table.parquet"
    frame.to_parquet(path)
    return path


def parquet_spec(**changes: object) -> TableSpec:
    plain: dict[str, object] = {
        "site": "XX-Abc",
        "columns": {"TA": {"variable": "t_air", "unit": "degC"}},
        "interval": "1h",
        "stamp_at": "middle",
        "utc_offset_hours": 0.0,
        "missing": [-9999.0],
    }
    return TableSpec.model_validate(plain | changes)


HOURS = pd.date_range("2020-01-01 00:30", periods=3, freq="h")


def test_parquet_takes_its_index_or_a_column_for_time(tmp_path: Path) -> None:
    frame = pd.DataFrame({"TA": [1.0, -9999.0, 3.0]}, index=HOURS)
    by_index = read_table(parquet(tmp_path, frame), parquet_spec())
    named = frame.rename_axis("when").reset_index()
    by_column = read_table(parquet(tmp_path, named), parquet_spec(time={"columns": ["when"]}))
    as_text = read_table(
        parquet(tmp_path, named.astype({"when": str})),
        parquet_spec(time={"columns": ["when"], "format": "%Y-%m-%d %H:%M:%S"}),
    )
    for ds in (by_index, by_column, as_text):
        assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T01:00")
        np.testing.assert_allclose(ds["t_air"], [274.15, np.nan, 276.15])


@pytest.mark.parametrize(
    ("frame", "changes", "place", "problem", "remedy"),
    [
        (pd.DataFrame({"TA": [1.0]}), {}, "table.parquet", "index of the table does not hold", "time.columns"),
        (pd.DataFrame({"TB": [1.0] * 3}, index=HOURS), {}, "table.parquet", "column TA is missing", "name"),
        (pd.DataFrame({"TA": ["warm"] * 3}, index=HOURS), {}, "column TA", "not numbers", "numbers"),
        (pd.DataFrame({"TA": [1.0, 2.0, 3.0]}, index=HOURS[[0, 0, 1]]), {}, "index", "stands twice", "delete"),
        (pd.DataFrame({"TA": [1.0, 2.0, 3.0]}, index=HOURS[[1, 0, 2]]), {}, "index", "runs backwards", "sort"),
        (
            pd.DataFrame({"TA": [1.0] * 3}, index=HOURS),
            {"utc_offset_hours": None},
            "index",
            "offset from UTC is not known",
            "utc_offset_hours",
        ),
        (
            pd.DataFrame({"TA": [1.0], "when": ["2020-01-01"]}),
            {"time": {"columns": ["when"]}},
            "column when",
            "stored as text",
            "time.format",
        ),
        (
            pd.DataFrame({"TA": [1.0, 2.0], "when": ["2020-01-01", None]}),
            {"time": {"columns": ["when"], "format": "%Y-%m-%d"}},
            "row 2, column when",
            "'' is not a time stamp",
            "correct",
        ),
        (
            pd.DataFrame({"TA": [1.0] * 4}, index=HOURS.append(HOURS[-1:] + pd.Timedelta(minutes=90))),
            {},
            "index",
            "01:30:00 after the last",
            "delete the row",
        ),
        (
            pd.DataFrame({"TA": [1.0] * 3, "Q": [0.0, 5.0, 0.0]}, index=HOURS),
            {"columns": {"TA": {"variable": "t_air", "unit": "degC", "quality": {"column": "Q", "measured": [0]}}}},
            "row 2, column Q",
            "quality code 5",
            "measured",
        ),
    ],
)
def test_a_spoiled_parquet_table_is_refused(
    tmp_path: Path, frame: pd.DataFrame, changes: dict[str, object], place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read_table(parquet(tmp_path, frame), parquet_spec(**changes))
    assert place in str(caught.value.where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_truncated_parquet_table_is_refused(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes((shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet").read_bytes()[:100_000])
    with pytest.raises(BadInput, match=r"cut\.parquet: the file is cut short .* Remedy: download"):
        read_table(path, spec(HYYTIALA))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.touch()
    with pytest.raises(BadInput, match=r"small\.csv: the file is empty"):
        read_table(path, spec(SMALL))
