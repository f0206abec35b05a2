"""Depths of soil sensors from files of metadata."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers.refusals import refusal

from jules_ml.data.readers.ameriflux import AmerifluxRecord
from jules_ml.data.readers.fluxnet import read_fluxnet
from jules_ml.data.readers.sensor_heights import read_sensor_depths

BADM = """\
SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE
AU-Xyz,1,GRP_VAR_INFO,VAR_INFO_VARNAME,SWC_F_MDS_1
AU-Xyz,1,GRP_VAR_INFO,VAR_INFO_HEIGHT,-0.05
AU-Xyz,1,GRP_VAR_INFO,VAR_INFO_DATE,20140101
AU-Xyz,2,GRP_VAR_INFO,VAR_INFO_VARNAME,TS_F_MDS_1
AU-Xyz,2,GRP_VAR_INFO,VAR_INFO_HEIGHT,-0.1
AU-Xyz,2,GRP_VAR_INFO,VAR_INFO_COMMENT,"moved, then replaced"
AU-Xyz,3,GRP_VAR_INFO,VAR_INFO_VARNAME,TA_F
AU-Xyz,3,GRP_VAR_INFO,VAR_INFO_HEIGHT,30
AU-Xyz,4,GRP_VAR_INFO,VAR_INFO_VARNAME,SWC_F_MDS_1
AU-Xyz,4,GRP_VAR_INFO,VAR_INFO_HEIGHT,-0.07
AU-Xyz,4,GRP_VAR_INFO,VAR_INFO_DATE,20180101
"""
TABLE = """\
Site_ID,Variable,Start_Date,Height,Instrument_Model,Instrument_Model2,Comment,BASE_Version
US-Abc,SWC_1_1_1,20100101,-0.3,x,,,1-5
US-Xyz,SWC_1_1_1,20100101,-0.05,x,,,1-5
US-Xyz,SWC_1_2_1,20100101,-0.2,x,,,1-5
US-Xyz,TS_1_1_1,,,x,,,1-5
US-Xyz,TA_1_1_1,20100101,30,x,,,1-5
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "heights.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_badm_has_one_value_per_line_and_the_last_date_counts(tmp_path: Path) -> None:
    depths = {"SWC_F_MDS_1": 0.07, "TS_F_MDS_1": 0.1}
    assert read_sensor_depths(write(tmp_path, BADM), None) == depths
    assert read_sensor_depths(write(tmp_path, BADM), "AU-Xyz") == depths


def test_the_table_of_ameriflux_has_many_sites(tmp_path: Path) -> None:
    assert read_sensor_depths(write(tmp_path, TABLE), "US-Xyz") == {"SWC_1_1_1": 0.05, "SWC_1_2_1": 0.2}


@pytest.mark.parametrize(
    ("text", "site", "problem", "remedy"),
    [
        (TABLE, None, "the file contains 2 sites", "US-Abc, US-Xyz"),
        (TABLE, "US-Foo", "the file does not contain site 'US-Foo'", "US-Abc, US-Xyz"),
        (TABLE.replace("-0.05", "5 cm"), "US-Xyz", "height '5 cm' is not a number", "metres"),
        ("a,b\n1,2\n", None, "column SITE_ID", "name"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, site: str | None, problem: str, remedy: str) -> None:
    with refusal("heights.csv", problem, remedy):
        read_sensor_depths(write(tmp_path, text), site)


def test_depths_of_ameriflux(tmp_path: Path) -> None:
    path = tmp_path / "base.csv"
    path.write_text(
        "# Site: US-Xyz\n# Version: 1-5\nTIMESTAMP_START,TIMESTAMP_END,SWC_1_1_1,SWC_1_2_1,TS_1_1_1\n"
        "202001010000,202001010030,0.20,0.3,1\n202001010030,202001010100,0.20,0.3,1\n",
        encoding="utf-8",
    )
    table = {"reader": "ameriflux", "path": str(path), "utc_offset_hours": -6.0, "heights": str(write(tmp_path, TABLE))}
    section = AmerifluxRecord.model_validate(table | {"swc_unit": "m3 m-3", "depths": {"SWC_1_2_1": 0.25}})
    assert section.files == (path, tmp_path / "heights.csv")
    record = section.read()
    assert record["depth"].to_numpy().tolist()[:2] == [0.05, 0.25]
    assert math.isnan(record["depth"][2])
    assert record["theta"][0, :2].to_numpy().tolist() == [0.2, 0.3]


def test_depths_of_fluxnet(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "TIMESTAMP_START,TIMESTAMP_END,SWC_F_MDS_1,SWC_F_MDS_1_QC,TS_F_MDS_1,TS_F_MDS_1_QC\n"
        "202001010000,202001010030,20,0,1,0\n",
        encoding="utf-8",
    )
    record = read_fluxnet(path, utc_offset_hours=10.0, site="AU-Xyz", heights=write(tmp_path, BADM))
    assert record["depth"].to_numpy().tolist() == [0.07, 0.1]
