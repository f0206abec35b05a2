"""Tables as users have them: what is drafted must not hide values, and what is wrong is said once, with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from jules_ml.cli.application import app
from jules_ml.data.inspection import Inspection, file_text, inspect_files
from jules_ml.experiment import load_experiment

HOURS = pd.date_range("2019-01-01", periods=480, freq="30min")
N = np.arange(480)
TABLE = pd.DataFrame(
    {
        "time": HOURS.strftime("%Y-%m-%d %H:%M"),
        "Rg": np.round(np.maximum(0.0, 400.0 * np.sin(N / 24.0 * np.pi)), 1),
        "Tair": np.round(5.0 + 4.0 * np.sin(N / 24.0 * np.pi), 2),
        "SWC_5cm": np.round(30.0 + 0.01 * N, 2),
    }
)


def inspected(folder: Path, frame: pd.DataFrame, **how: object) -> Inspection:
    path = folder / "tower.csv"
    frame.to_csv(path, index=False, **how)
    (inspection,) = inspect_files([path], utc_offset_hours=0.0)
    return inspection


def test_zeros_of_one_sensor_do_not_hide_nights(tmp_path: Path) -> None:
    frame = TABLE.copy()
    frame.loc[100:140, "SWC_5cm"] = 0.0
    inspection = inspected(tmp_path, frame)
    assert inspection.problems == ()
    above, _, below = inspection.section.partition("[data.columns.SWC_5cm]")
    assert "missing" not in above
    assert "missing = [0.0]" in below
    experiment = tmp_path / "x.toml"
    experiment.write_text(file_text([inspection]), encoding="utf-8")
    record = load_experiment(experiment).record()
    assert int(record["theta"].isnull().sum()) == 41
    assert not record["sw_down"].isnull().any()


def test_a_code_that_is_valid_elsewhere_is_one_of_its_column(tmp_path: Path) -> None:
    frame = TABLE.assign(RH=np.round(60.0 + 0.0841 * N, 1), NEE=np.round(0.01 * N, 2))
    frame.loc[470, "RH"] = 99.9
    frame.loc[7:9, "NEE"] = 99.9
    inspection = inspected(tmp_path, frame)
    assert "missing = [99.9]" in inspection.section.partition("[data.columns.NEE]")[2]
    assert "missing" not in inspection.section.partition("[data.columns.RH]")[0]


def test_days_that_may_be_months_are_to_be_checked(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": [f"{k:02d}/01/2019" for k in range(1, 13)], "Tair": np.arange(12.0)})
    inspection = inspected(tmp_path, frame)
    (line,) = [line for line in inspection.section.splitlines() if line.startswith("format")]
    assert "check this" in line
    assert any("%m/%d/%Y fits as well" in check for check in inspection.checks)


def test_an_unknown_depth_and_offset_are_comments(tmp_path: Path) -> None:
    path = tmp_path / "tower.csv"
    TABLE.rename(columns={"SWC_5cm": "SWC"}).to_csv(path, index=False)
    (inspection,) = inspect_files([path])
    assert "nan" not in inspection.section
    assert "\n# depth = 0.05 " in inspection.section
    assert "\n# utc_offset_hours = 0.0 " in inspection.section
    assert inspection.variables


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    TABLE.assign(battery=12.0, note="x").to_csv(tmp_path / "a.csv", index=False)
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "a.csv"), "--out", str(tmp_path / "a.toml")])
    assert "not read: battery (not the name of a measured variable), note (no numbers)" in " ".join(
        result.output.split()
    )
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "a.csv"), "--json"])
    assert json.loads(result.output)[0]["not_read"]["note"] == "no numbers"


def test_quoted_decimal_commas_are_read(tmp_path: Path) -> None:
    frame = TABLE.astype(str).map(lambda text: text.replace(".", ","))
    inspection = inspected(tmp_path, frame, quoting=1)
    assert inspection.problems == ()
    assert {one.variable: one.maximum for one in inspection.variables}["sw_down"] == pytest.approx(400.0)


def test_the_report_precedes_the_error_of_the_figure(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,TA\nx,1\ny,2\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "a.csv"), "--figure", str(tmp_path / "a.png")])
    assert "no column contains time stamps" in result.output
    assert result.exit_code == 2


def test_the_end_of_summer_time_is_one_problem(tmp_path: Path) -> None:
    stamps = pd.date_range("2019-10-20", periods=480, freq="30min", tz="Europe/Amsterdam")
    frame = TABLE.assign(time=stamps.strftime("%Y-%m-%d %H:%M"))
    (problem,) = inspected(tmp_path, frame).problems
    assert "the hour from 2019-10-27 02:00:00 on is there twice" in problem.problem
    assert "standard time" in problem.remedy


def test_a_repeated_block_is_one_problem(tmp_path: Path) -> None:
    frame = pd.concat([TABLE.iloc[:200], TABLE.iloc[150:]])
    (problem,) = inspected(tmp_path, frame).problems
    assert "50 rows from 2019-01-04 03:00:00 to 2019-01-05 03:30:00 are there twice" in problem.problem
    assert "delete" in problem.remedy


def test_several_sites_are_one_problem(tmp_path: Path) -> None:
    frame = pd.concat([TABLE.assign(Site="NL-Loo"), TABLE.assign(Site="NL-Cab")])
    (problem,) = inspected(tmp_path, frame).problems
    assert "2 sites (NL-Loo, NL-Cab)" in problem.problem
    assert "a file of its own" in problem.remedy


def test_constant_columns_state_site_and_position(tmp_path: Path) -> None:
    path = tmp_path / "tower.csv"
    TABLE.assign(Site="NL-Loo", lat=52.17, lon=5.74).to_csv(path, index=False)
    (inspection,) = inspect_files([path])
    assert 'site = "NL-Loo"' in inspection.section
    assert "latitude = 52.17" in inspection.section
    assert "longitude = 5.74" in inspection.section
    assert "\nutc_offset_hours = 1.0" in inspection.section


def test_a_row_of_means_is_reported_once(tmp_path: Path) -> None:
    frame = pd.concat([TABLE, pd.DataFrame({"time": ["Mean"]})])
    (problem,) = inspected(tmp_path, frame).problems
    assert "'Mean' is not a time stamp" in problem.problem


def test_utf_16_of_excel_is_read(tmp_path: Path) -> None:
    inspection = inspected(tmp_path, TABLE, sep="\t", encoding="utf-16")
    assert inspection.problems == ()
    assert 'encoding = "utf-16"' in inspection.section


def test_a_workbook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    (inspection,) = inspect_files([path])
    (problem,) = inspection.problems
    assert "Excel workbook" in problem.problem
    assert "CSV" in problem.remedy


def test_dates_as_numbers_of_excel_are_named(tmp_path: Path) -> None:
    frame = TABLE.assign(time=43466.0 + N / 48.0)
    (problem,) = inspected(tmp_path, frame).problems
    assert "dates as numbers of Excel" in problem.problem
    assert "yyyy-mm-dd hh:mm" in problem.remedy
