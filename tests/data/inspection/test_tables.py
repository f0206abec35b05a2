"""Tables that no reader recognises: delimiter, decimal comma, time stamps, missing values, variables and units are guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.inspection import Inspection, file_text, inspect_files
from jules_ml.data.inspection.column_names import depth_in_name, guess_column, unit_by_values
from jules_ml.experiment import load_experiment

HOURS = pd.date_range("2020-05-30 01:00", periods=120, freq="h")
T_AIR = np.round(10.0 + 5.0 * np.sin(np.arange(120) / 24.0 * 2.0 * np.pi), 2)


def written(folder: Path, frame: pd.DataFrame, name: str = "tower.csv", **how: object) -> Path:
    path = folder / name
    frame.to_csv(path, index=False, **how)
    return path


def read(inspection: Inspection, folder: Path) -> xr.Dataset:
    """The record by the drafted section."""
    experiment = folder / "x.toml"
    experiment.write_text(file_text([inspection]), encoding="utf-8")
    return load_experiment(experiment).record()


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ({"time": "%Y-%m-%d %H:%M"}, "%Y-%m-%d %H:%M"),
        ({"time": "%Y-%m-%dT%H:%M:%S"}, "%Y-%m-%dT%H:%M:%S"),
        ({"TIMESTAMP": "%Y%m%d%H%M"}, "%Y%m%d%H%M"),
        ({"date": "%d/%m/%Y %H:%M"}, "%d/%m/%Y %H:%M"),
        ({"date": "%m/%d/%Y %H:%M"}, "%m/%d/%Y %H:%M"),
        ({"date": "%m/%d/%Y", "clock time": "%I:%M %p"}, "%m/%d/%Y %I:%M %p"),
        ({"day": "%d.%m.%y", "hour": "%H:%M:%S"}, "%d.%m.%y %H:%M:%S"),
        ({"Year": "%Y", "DOY": "%j", "Hour": "%H"}, "%Y %j %H"),
        ({"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M"}, "%Y %m %d %H %M"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_time_stamps_and_delimiters_are_guessed(
    tmp_path: Path, columns: dict[str, str], form: str, delimiter: str
) -> None:
    frame = pd.DataFrame({name: HOURS.strftime(one) for name, one in columns.items()}).assign(TA=T_AIR)
    (inspection,) = inspect_files([written(tmp_path, frame, sep=delimiter)], utc_offset_hours=0.0)
    assert inspection.problems == ()
    assert f'format = "{form}"' in inspection.section
    record = read(inspection, tmp_path)
    np.testing.assert_array_equal(record["time"], HOURS)
    np.testing.assert_allclose(record["t_air"], T_AIR + 273.15)


def test_decimal_commas_units_in_names_and_texts_of_missing_values(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"Datum": HOURS.strftime("%d.%m.%Y %H:%M"), "Ta (°C)": T_AIR, "RH [%]": 80.25, "VPD [hPa]": "3,5"}
    )
    frame.loc[[3, 4], "VPD [hPa]"] = "---"
    frame["comment"] = "calm, dry"
    path = written(tmp_path, frame, sep=";", decimal=",", encoding="latin-1")
    (inspection,) = inspect_files([path], site="DE-Xyz")
    assert inspection.problems == ()
    record = read(inspection, tmp_path)
    assert record.attrs["utc_offset_hours"] == 1.0
    assert int(record["vpd"].isnull().sum()) == 2
    assert float(record["vpd"][0]) == 350.0
    assert float(record["relative_humidity"][0]) == 0.8025


def test_a_row_of_units_is_used(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{hour:%Y-%m-%d %H:%M},{t},{0.02 * k:.3f},{25.0 + 0.01 * k:.3f}"
        for k, (hour, t) in enumerate(zip(HOURS, T_AIR, strict=True))
    )
    path = tmp_path / "tower.csv"
    path.write_text(
        f"station report\ntime,temp,FC,SWC_10\n,K,mg CO2 m-2 s-1,%\n{rows.replace(',1', ',28').replace(',5', ',28')}\n",
        encoding="utf-8",
    )
    (inspection,) = inspect_files([path])
    assert 'unit = "mg CO2 m-2 s-1"' in inspection.section
    assert "header_line = 2\nfirst_data_line = 4" in inspection.section
    assert "depth = 0.1 " in inspection.section


def test_ambiguous_dates_are_to_be_checked(tmp_path: Path) -> None:
    days = (
        pd.date_range("2020-01-01", periods=1)
        .append(pd.date_range("2020-02-02", periods=1))
        .append(pd.date_range("2020-03-03", periods=1))
    )
    frame = pd.DataFrame({"date": days.strftime("%d/%m/%Y"), "TA": [1.0, 2.0, 3.5]})
    (inspection,) = inspect_files([written(tmp_path, frame)])
    assert any("day and month may be exchanged" in check for check in inspection.checks)


def test_days_first_with_one_gap_have_one_problem(tmp_path: Path) -> None:
    """The other order of day and month is tried only to tell which is right."""
    stamps = pd.date_range("2020-01-01", periods=1000, freq="h").strftime("%d/%m/%Y %H:%M").to_series(index=range(1000))
    stamps[20] = stamps[19]
    frame = pd.DataFrame({"time": stamps, "Air temperature": 10.0 + 0.01 * np.arange(1000)})
    (inspection,) = inspect_files([written(tmp_path, frame)])
    assert [problem.problem[:20] for problem in inspection.problems] == ["duplicate time stamp"]
    assert inspection.variables[0].column == "Air temperature"


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    """A tower that took six rounds of one error each."""
    frame = pd.DataFrame(
        {"time": HOURS.strftime("%Y-%m-%d %H:%M"), "TA": T_AIR, "SWC_5cm": 31.0 + 0.01 * np.arange(120), "P": 0.0}
    )
    frame = frame.assign(RH=70.0 + T_AIR, NEE=1.0 + 0.1 * T_AIR).astype(object)
    frame.loc[5, "TA"] = "warm"
    frame.loc[6, "SWC_5cm"] = 310.0
    frame.loc[7, "RH"] = 1000.0
    frame.loc[8, "NEE"] = "1.2.3"
    frame.loc[9, "time"] = "yesterday"
    frame.loc[11, "time"] = frame.loc[10, "time"]
    path = written(tmp_path, frame)
    path.write_text(path.read_text(encoding="utf-8") + "2020-06-05 02:00,1.0\n", encoding="utf-8")
    (inspection,) = inspect_files([path], site="XX-Abc", utc_offset_hours=0.0)
    texts = "\n".join(map(str, inspection.problems))
    for part in (
        "column TA: 'warm' is not a number",
        "column NEE: '1.2.3' is not a number",
        "'yesterday' is not a time stamp",
        "duplicate time stamp 2020-05-30 11:00:00",
        "the line has 2 cells and the header 6",
        "variable theta: 3.1 at",
        "variable relative_humidity: 10 at",
    ):
        assert part in texts
    assert all(problem.remedy for problem in inspection.problems)
    assert inspection.variables, "the rest of the file is summarised"


def test_codes_of_missing_values_are_drafted(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"time": HOURS.strftime("%Y-%m-%d %H:%M"), "TA": T_AIR, "NEE": 1.0 + 0.1 * T_AIR, "RH": 70.0 + T_AIR}
    )
    frame.loc[:3, "TA"] = -99.9
    frame.loc[7:9, "NEE"] = 6999.0
    frame.loc[11, "RH"] = -9999.0
    (inspection,) = inspect_files([written(tmp_path, frame)], utc_offset_hours=0.0)
    assert inspection.problems == ()
    assert "missing = [-9999.0, -99.9, 6999.0]" in inspection.section
    assert int(read(inspection, tmp_path)["t_air"].isnull().sum()) == 4


def test_unknown_columns_are_described(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": HOURS.strftime("%Y-%m-%d %H:%M"), "x": 2.0 + 0.01 * T_AIR})
    frame.loc[3, "x"] = -6999.0
    (inspection,) = inspect_files([written(tmp_path, frame)])
    (problem,) = inspection.problems
    assert "x with values from 2.05 to 2.15, and -6999" in problem.problem
    assert inspection.section == ""


@pytest.mark.parametrize("text", ["", "hello\n", "a,b\n1,2\n", "a;a;c\n1;2;3\n", "\0\1\2"])
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    (inspection,) = inspect_files([path])
    assert len(inspection.problems) == 1


@pytest.mark.parametrize(
    ("name", "unit", "values", "variable", "guessed"),
    [
        ("Tair_C", "", [10.0, 12.0], "t_air", "degC"),
        ("TA", "", [283.0, 285.0], "t_air", "K"),
        ("Rg_Wm-2", "", [0.0, 500.0], "sw_down", "W m-2"),
        ("Rain_mm", "", [0.0, 0.2], "precip", "mm"),
        ("SWC_C", "", [20.0, 30.0], "theta", "%"),
        ("WS_m_s", "", [2.0, 3.0], "wind", "m s-1"),
        ("SWC_1", "", [25.0, 30.0], "theta", "%"),
        ("VWC_5cm", "", [0.25, 0.3], "theta", "m3 m-3"),
        ("SWC", "%", [0.25, 0.3], "theta", "m3 m-3"),
        ("PA", "", [98.0, 99.0], "pstar", "kPa"),
        ("P", "", [0.0, 2.0], "precip", "mm"),
        ("P", "", [980.0, 990.0], "pstar", "hPa"),
        ("Rs", "umol m-2 s-1", [1.0, 2.0], "resp_soil", "umol m-2 s-1"),
        ("Rs", "W m-2", [1.0, 2.0], "sw_down", "W m-2"),
        ("Global radiation (W/m2)", "", [0.0, 500.0], "sw_down", "W/m2"),
        ("u*", "", [0.1, 0.4], "ustar", "m s-1"),
        ("Soil temperature 20 cm", "", [10.0, 11.0], "t_soil", "degC"),
    ],
)
def test_variables_and_units_are_guessed(
    name: str, unit: str, values: list[float], variable: str, guessed: str
) -> None:
    guess = guess_column(name, unit, np.array(values), 1800.0)
    assert guess is not None
    assert (guess.variable, guess.unit) == (variable, guessed)


@pytest.mark.parametrize("name", ["NEE_QC", "GPP_DT", "Reco", "TA_SD", "NEE_f", "battery", "record"])
def test_what_is_not_measured_is_not_guessed(name: str) -> None:
    assert guess_column(name, "", np.array([1.0, 2.0]), 1800.0) is None


@pytest.mark.parametrize(
    ("name", "depth", "stated"),
    [
        ("SWC_5cm", 0.05, True),
        ("TS_0.2m", 0.2, True),
        ("TS 50 mm", 0.05, True),
        ("SM_20", 0.2, False),
        ("SWC_1", np.nan, False),
    ],
)
def test_depths_are_in_names(name: str, depth: float, stated: bool) -> None:
    found, is_stated = depth_in_name(name)
    np.testing.assert_equal(found, depth)
    assert is_stated == stated


def test_units_of_days_and_rates() -> None:
    assert unit_by_values("sw_down", np.array([5.0, 20.0]), 86400.0) == ("MJ m-2 d-1", False)
    assert unit_by_values("precip", np.array([0.0, 1e-4]), 1800.0) == ("kg m-2 s-1", False)
    assert unit_by_values("nee", np.array([0.0, 1.0]), 86400.0) == ("gC m-2 d-1", False)
    assert unit_by_values("snow_depth", np.array([0.0, 10.0]), 86400.0) == ("cm", False)
    assert unit_by_values("relative_humidity", np.array([0.4, 0.9]), 86400.0) == ("1", False)
