"""Text tables read by a column map: a real half-hourly tower, a small file, and every refusal."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal
from helpers.tables import HYYTIALA, SMALL, read_small, spec
from pydantic import ValidationError

from jules_ml.data.clock import solar_noon_error
from jules_ml.data.quality import measured
from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableColumn, TableSpec
from jules_ml.errors import BadInput


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
    ds = read_small(tmp_path)
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-06-01T00:00")
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, 1.0, np.nan])
    np.testing.assert_array_equal(measured(ds, "nee"), [True, False, False])
    assert float(ds["precip"][0]) == pytest.approx(1e-3)
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.2])
    np.testing.assert_allclose(ds["theta"], [[0.25, 0.31], [0.251, 0.32], [0.252, 0.33]])
    assert ds["theta"].attrs["column"] == "SM_20 SM_05"
    assert "RECO_NT" not in ds


def test_daily_quality_is_the_measured_fraction(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text("day,TA,TA_QC\n2020-01-01,5.0,0.9\n2020-01-02,6.0,0.2\n")
    column = {"variable": "t_air", "unit": "degC", "quality": {"column": "TA_QC", "fraction": True}}
    ds = read_table(
        path,
        TableSpec.model_validate(
            {
                "site": "XX-Abc",
                "columns": {"TA": column},
                "interval": "1D",
                "stamp_at": "start",
                "utc_offset_hours": 0.0,
                "time": {"columns": ["day"], "format": "%Y-%m-%d"},
            }
        ),
    )
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-02")
    np.testing.assert_array_equal(measured(ds, "t_air"), [True, False])


def test_stamps_with_an_offset_need_no_utc_offset_hours(tmp_path: Path) -> None:
    path = tmp_path / "aware.csv"
    path.write_text("time,TA\n2020-01-01T01:00+0100,5.0\n2020-01-01T02:00+0100,6.0\n")
    column_map = {
        "site": "XX-Abc",
        "columns": {"TA": {"variable": "t_air", "unit": "degC"}},
        "interval": "1h",
        "stamp_at": "end",
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M%z"},
    }
    ds = read_table(path, TableSpec.model_validate(column_map))
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T00:00")


@pytest.mark.parametrize(
    ("old", "new", "place", "problem", "remedy"),
    [
        (";rain;", ";regen;", "line 1", "column rain is missing", "column's name"),
        (";RECO_NT", ";NEE", "line 1", "duplicate column NEE", "rename"),
        (";2.5;1;", ";2,5;1;", "line 2, column NEE", "'2,5' is not a number", "the decimal separator is a point"),
        (";2.5;1;", ";2.5;7;", "line 2, column flag", "quality code 7 is not in the column map", "'filled'"),
        (";2.5;1;", ";-999;1;", "column NEE", "-999 looks like a missing-value code", "missing-value code"),
        (";2.5;1;", ";2500;1;", "variable nee", "outside -150 to 150", "unit"),
        ("02:00", "01:00", "column date hour", "duplicate time stamp", "delete one"),
        ("02:00", "04:00", "column date hour", "time runs backwards", "sort"),
        ("02:00", "02:30", "column date hour", "0 days 00:30:00", "interval"),
        ("01.06.2020;02", "06/01/2020;02", "line 3, column date hour", "'06/01/2020 02:00'", "format"),
        (";252;1\n", "", "line 4", "the line has 6 cells and the header 8", "truncated"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, old: str, new: str, place: str, problem: str, remedy: str) -> None:
    with refusal(place, problem, remedy, file="small.csv"):
        read_small(tmp_path, old, new)


@pytest.mark.parametrize(
    ("changes", "place", "problem", "remedy"),
    [
        ({"delimiter": ","}, "line 1", "not delimited by comma; semicolon would give 8 columns", "delimiter"),
        ({"utc_offset_hours": None}, "column date hour", "offset from UTC is unknown", "utc_offset_hours"),
        ({"interval": "30min"}, "column date hour", "but the interval is 0 days 00:30:00", "correct the interval"),
        ({"missing": []}, "column NEE", "-9999 looks like a missing-value code", "missing-value code"),
        ({"ignore": []}, "line 1", "column RECO_NT is not in the column map", "ignore"),
        (
            {"columns": tomllib.loads(SMALL)["columns"] | {"gone": {"variable": "h", "unit": "W m-2"}}},
            "line 1",
            "column gone is missing; the file has date, hour",
            "name",
        ),
        ({"time": {}, "ignore": ["*"]}, "column date", "is not a time stamp of the form ISO8601", "format"),
    ],
)
def test_a_wrong_column_map_is_refused(
    tmp_path: Path, changes: dict[str, Any], place: str, problem: str, remedy: str
) -> None:
    with refusal(place, problem, remedy):
        read_small(tmp_path, **changes)


@pytest.mark.parametrize(
    ("unit", "scale", "place", "problem", "remedy"),
    [
        ("m3 m-3", 1.0, "variable theta", "31 at 2020-06-01 00:00:00 is outside 0 to 1", "in %"),
        ("%", 0.01, "column SM_20", "its largest value is 0.33", "m3 m-3"),
        ("furlong", 1.0, "column SM_20", "cannot be converted", "unit"),
        ("grobl", 1.0, "column SM_20", "unit 'grobl' is unknown", "give a CF unit"),
    ],
)
def test_a_wrong_unit_is_refused(
    tmp_path: Path, unit: str, scale: float, place: str, problem: str, remedy: str
) -> None:
    columns = tomllib.loads(SMALL)["columns"]
    columns["SM_20"] |= {"unit": unit, "scale": scale}
    with refusal(place, problem, remedy):
        read_small(tmp_path, columns=columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"interval": "half an hour"}, "is not a duration"),
        ({"columns": {}}, "at least 1"),
        ({"columns": {"A": {"variable": "tair", "unit": "K"}}}, "'tair' is not a variable"),
        ({"columns": {"A": {"variable": "theta", "unit": "1"}}}, "needs a depth"),
        ({"columns": {"A": {"variable": "t_air", "unit": "K", "depth": 0.1}}}, "has no depth"),
        ({"columns": {"A": {"variable": "theta", "unit": "1", "depth": -0.1}}}, "positive downward"),
        ({"columns": {"A": {"variable": "nee_ustar", "unit": "1"}}}, "cannot be read from a column"),
        ({"columns": {"A": {"variable": "theta", "unit": "1", "depth": float("inf")}}}, "positive downward"),
        ({"columns": {"A": {"variable": "t_air", "unit": "K", "scale": 0.0}}}, "scale is a factor"),
        ({"interval": "0min"}, "is not positive"),
        ({"encoding": "klingon"}, "'klingon' is not an encoding"),
        ({"time": {"columns": ["date"], "format": "%Q"}}, "bad directive"),
        ({"columns": {n: {"variable": "t_air", "unit": "K"} for n in "AB"}}, "two columns are given for 't_air'"),
        ({"columns": {"A": {"variable": "h", "unit": "W m-2", "quality": {"column": "q"}}}}, "fraction = true"),
        (
            {"columns": {"A": {"variable": "h", "unit": "W m-2", "quality": {"column": "q", "fraction": True}}}},
            "fraction is for intervals longer than an hour",
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


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.touch()
    with pytest.raises(BadInput, match=r"small\.csv: the file is empty"):
        read_table(path, spec(SMALL))


@pytest.mark.parametrize(("name", "meant"), [("swc", "theta"), ("t_sol", "t_soil"), ("FC", "nee")])
def test_another_name_of_a_variable_is_understood(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is not a variable; write '{meant}' if you meant"):
        TableColumn(variable=name, unit="1")


def test_a_plain_file_needs_no_key_but_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("time,NEE,note\n2020-06-01 23:30,2.0,a\n2020-06-01 24:00,,b\n2020-06-02 00:30,4.0,c\n", "utf-8")
    column_map = {"site": "XX-Abc", "utc_offset_hours": 1.0}
    column_map["columns"] = {"NEE": {"variable": "nee", "unit": "umol m-2 s-1", "quality": "measured"}}
    ds = read_table(path, TableSpec.model_validate(column_map))
    assert ds.attrs["interval_seconds"] == 1800.0
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-06-01T22:30")
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, np.nan, 0.0])


def test_an_interval_that_no_time_stamp_shows_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("time,NEE\n2020-06-01 23:30,2.0\n", encoding="utf-8")
    column_map = {"site": "XX-Abc", "utc_offset_hours": 1.0}
    column_map["columns"] = {"NEE": {"variable": "nee", "unit": "umol m-2 s-1"}}
    with refusal("plain.csv", "the interval of the time stamps is unknown", "interval"):
        read_table(path, TableSpec.model_validate(column_map))
