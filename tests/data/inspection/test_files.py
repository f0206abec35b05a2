"""Files of all kinds: what is no record, groups of files, driving data, archives, and what is guessed of the clock."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.published_files import PUBLISHED
from helpers.refusals import refusal

from jules_ml.data.inspection import Inspection, file_text, inspect_files
from jules_ml.data.inspection.draft import Draft, toml_value
from jules_ml.data.inspection.utc_offset import guess_utc_offset

BADM = (
    "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\nCH-Dav,1,GRP_VAR_INFO,VAR_INFO_VARNAME,{0}\n"
    "CH-Dav,1,GRP_VAR_INFO,VAR_INFO_HEIGHT,-0.1\n"
)


def one(path: Path, **given: object) -> Inspection:
    (inspection,) = inspect_files([path], **given)  # type: ignore[arg-type]
    return inspection


def text_file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with refusal("none.csv", "there is no such file", "path"):
        inspect_files([tmp_path / "none.csv"])


@pytest.mark.parametrize(
    ("name", "text", "kind", "section"),
    [
        ("CH-Dav_BIFVARINFO.csv", BADM.format("TS_F_MDS_1"), "metadata (BADM)", "heights"),
        ("heights.csv", "Site_ID,Variable,Start_Date,Height\nUS-Xyz,TS_1_1_1,2000,-0.1\n", "measurement heights", "heights"),
        ("x_Flags.csv", "DATE_TIME,SITE_ID,TA\n2020-01-01,ALIC1,\n", "flags of COSMOS-UK", "flags"),
        ("drive.nml", "&JULES_DRIVE\n/\n", "namelist", ""),
        ("x.toml", "[data]\n", "experiment file", ""),
        ("swi.csv", "time,SWI_005,SWI_020\n2018-01-01,40,30\n2018-01-02,41,31\n", "soil water index of a satellite, T = 20 d", "swi"),
        (
            "lst.csv",
            "ID,Date,MOD11A1_061_LST_Day_1km\nb,2020-07-01,300.0\na,2020-07-01,290.0\na,2020-07-02,291.0\n",
            "surface temperature of a satellite",
            "lst",
        ),
    ],
)  # fmt: skip
def test_what_is_no_record_is_named_with_its_use(tmp_path: Path, name: str, text: str, kind: str, section: str) -> None:
    inspection = one(text_file(tmp_path, name, text))
    assert kind in inspection.kind
    assert inspection.use
    assert inspection.reader is None
    assert inspection.problems == ()
    assert section in inspection.section


def test_the_point_of_a_satellite_series_is_the_site(tmp_path: Path) -> None:
    text = "ID,Date,MOD11A1_061_LST_Day_1km\nb,2020-07-01,300.0\na,2020-07-01,290.0\na,2020-07-02,291.0\n"
    inspection = one(text_file(tmp_path, "lst.csv", text), site="a")
    assert inspection.variables[0].n_values == 2


def test_output_of_jules_is_summarised(tmp_path: Path) -> None:
    seconds = 86400.0 * np.arange(1.0, 11.0)
    ds = xr.Dataset(
        {
            "t_soil": (("time", "soil", "y", "x"), np.full((10, 2, 1, 1), 12.0), {"units": "K"}),
            "smcl": (("time", "soil", "y", "x"), np.full((10, 2, 1, 1), 30.0), {"units": "kg m-2"}),
            "time_bounds": (("time", "nt"), np.column_stack([seconds - 86400.0, seconds])),
            "latitude": (("y", "x"), [[52.0]]),
            "longitude": (("y", "x"), [[5.0]]),
        },
        coords={"time": ("time", seconds, {"units": "seconds since 2001-01-01"})},
    )
    ds.to_netcdf(tmp_path / "out.nc")
    inspection = one(tmp_path / "out.nc")
    assert inspection.kind == "netCDF output of JULES"
    assert [(one.variable, one.layers) for one in inspection.variables] == [("t_soil", 2), ("smcl", 2)]
    (problem,) = inspection.problems
    assert "t_soil is 12, outside 190 to 350 K (20 of 20 values)" in problem.problem
    assert inspection.section.startswith("[moisture]\njules = ")


def test_other_netcdf_files_and_archives_are_described(tmp_path: Path) -> None:
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "x.nc")
    assert "no reader knows, with x" in one(tmp_path / "x.nc").kind
    (tmp_path / "x.nc.gz").write_bytes(b"\x1f\x8b")
    assert "gunzip" in one(tmp_path / "x.nc.gz").use
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("AMF_US-Xyz_BASE_HH_1-5.csv", "x")
    assert "unpack it" in one(tmp_path / "a.zip").use
    (tmp_path / "nml").mkdir()
    assert one(tmp_path / "nml").kind == "a folder without files"
    (tmp_path / "nml" / "ts.nml").touch()
    assert one(tmp_path / "nml").kind == "a folder of 1 file"
    (tmp_path / "nml" / "drive.nml").touch()
    assert "without timesteps.nml, model_grid.nml" in one(tmp_path / "nml").kind
    for name in ("timesteps", "model_grid", "initial_conditions", "output"):
        (tmp_path / "nml" / f"{name}.nml").touch()
    inspection = one(tmp_path / "nml")
    assert inspection.section.startswith("[jules]\nfolder = ")
    assert 'model = "jules" under [run]' in inspection.use


def test_a_satellite_series_of_another_calendar_is_a_problem(tmp_path: Path) -> None:
    time = ("time", np.arange(5.0), {"units": "days since 2020-01-01", "calendar": "360_day"})
    xr.Dataset({"LST": ("time", np.full(5, 290.0))}, {"time": time}).to_netcdf(tmp_path / "lst.nc")
    (problem,) = one(tmp_path / "lst.nc").problems
    assert "360_day" in problem.problem


def test_archives_of_ismn_are_read_by_station(tmp_path: Path) -> None:
    pytest.importorskip("ismn", reason="the extra 'ismn' is not installed")
    (path,) = PUBLISHED["ismn"](tmp_path).paths
    other = path.name.replace("Abrams", "Bodie")
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(f"SCAN/Abrams/{path.name}", path.read_text(encoding="ascii"))
        archive.writestr(f"SCAN/Bodie/{other}", path.read_text(encoding="ascii").replace("Abrams", "Bodie"))
    inspection = one(tmp_path / "data.zip")
    assert inspection.problems == ()
    assert any("one of 2 stations: SCAN/Abrams, SCAN/Bodie" in check for check in inspection.checks)
    assert one(tmp_path / "data.zip", site="Bodie").site == "Bodie"


def test_files_of_two_sites_are_two_records(tmp_path: Path) -> None:
    (path,) = PUBLISHED["fluxnet"](tmp_path).paths
    other = path.with_name(path.name.replace("CH-Dav", "DE-Tha"))
    other.write_bytes(path.read_bytes())
    found = inspect_files([path, other])
    assert [inspection.site for inspection in found] == ["CH-Dav", "DE-Tha"]
    text = file_text(found)
    assert text.count("\n[data]\n") == 1
    assert text.count("\n# [data]\n") == 1


def test_files_that_are_no_one_record_are_inspected_one_by_one(tmp_path: Path) -> None:
    (path,) = PUBLISHED["fluxnet"](tmp_path).paths
    daily = path.with_name(path.name.replace("_HH_", "_DD_"))
    daily.write_text("TIMESTAMP,TA_F,TA_F_QC\n20200601,2.0,1\n20200602,3.0,1\n", encoding="utf-8")
    found = inspect_files([path, daily])
    assert [inspection.period.interval for inspection in found if inspection.period] == [
        pd.Timedelta(minutes=30),
        pd.Timedelta(days=1),
    ]


def test_depths_come_from_the_file_of_metadata_beside_the_record(tmp_path: Path) -> None:
    (path,) = PUBLISHED["fluxnet"](tmp_path).paths
    assert "# ts_depths = [0.05]" in one(path).section
    heights = text_file(tmp_path, "FLX_CH-Dav_FLUXNET2015_BIFVARINFO_HH.csv", BADM.format("TS_F_MDS_1"))
    inspection = one(path)
    assert f'heights = "{heights}"' in inspection.section
    assert [variable.depth for variable in inspection.variables if variable.variable == "t_soil"] == [0.1]


def test_unknown_columns_of_a_known_format_are_drafted_as_ignored(tmp_path: Path) -> None:
    (path,) = PUBLISHED["cosmos_uk"](tmp_path).paths
    path.write_text(path.read_text(encoding="utf-8").replace("TA,", "NOVEL,", 1), encoding="utf-8")
    inspection = one(path)
    assert inspection.problems == ()
    assert 'ignore = ["NOVEL"]' in inspection.section


def test_flags_from_1_to_9_are_drafted(tmp_path: Path) -> None:
    full, _ = PUBLISHED["eddypro"](tmp_path).paths
    full.write_text(full.read_text(encoding="utf-8").replace(",2,", ",7,"), encoding="utf-8")
    inspection = one(full)
    assert inspection.problems == ()
    assert "max_flag = 3 " in inspection.section


@pytest.mark.parametrize(
    ("reader", "name", "shift", "scale", "remedy"),
    [("alma", "Tair", -273.15, 1.0, "degC"), ("ozflux", "Sws_5cma", 0.0, 100.0, "in %")],
)
def test_values_in_another_unit_than_stated_are_problems(
    tmp_path: Path, reader: str, name: str, shift: float, scale: float, remedy: str
) -> None:
    path = PUBLISHED[reader](tmp_path).paths[0]
    with xr.open_dataset(path, decode_times=False) as opened:
        ds = opened.load()
    ds[name] = (scale * ds[name] + shift).assign_attrs(ds[name].attrs)
    ds.to_netcdf(tmp_path / "changed.nc")
    (problem,) = one(tmp_path / "changed.nc").problems
    assert "is outside" in problem.problem
    assert remedy in problem.remedy


def test_a_grid_needs_a_point(tmp_path: Path) -> None:
    values = {
        name: (("time", "y", "x"), np.full((4, 2, 1), one))
        for name, one in (("t", 280.0), ("q", 0.005), ("pstar", 1e5))
    }
    ds = xr.Dataset(values).assign_coords(time=("time", np.arange(4.0), {"units": "hours since 2020-06-01"}))
    ds.to_netcdf(tmp_path / "grid.nc")
    inspection = one(tmp_path / "grid.nc")
    assert inspection.problems == ()
    assert "point = [1, 1] " in inspection.section


def test_driving_rows_without_a_namelist_are_guessed(tmp_path: Path) -> None:
    (path,) = PUBLISHED["jules_driving"](tmp_path).paths
    (tmp_path / "drive.nml").unlink()
    inspection = one(path)
    assert inspection.problems == ()
    assert "period = 1800.0 " in inspection.section
    assert 'columns = ["sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q"]' in inspection.section
    assert any(check.startswith("start = 2000-01-01") for check in inspection.checks)
    rows = np.loadtxt(path)[:, [4, 0, 6, 1, 7, 5, 2, 3]]
    np.savetxt(path, rows, fmt="%.6g")
    assert 'columns = ["t", "sw_down", "pstar", "lw_down", "q", "wind", "tot_rain", "tot_snow"]' in one(path).section


def test_the_calendar_of_driving_rows_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "drive.dat"
    path.write_text("100.0 300.0 0.0 0.0 285.0 2.0 100000.0 0.006\n" * 1080, encoding="ascii")
    inspection = one(path)
    assert 'calendar = "360_day"' in inspection.section
    assert inspection.problems == ()


def test_paths_are_relative_to_the_drafted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PUBLISHED["fluxnet"](tmp_path)
    monkeypatch.chdir(tmp_path)
    (path,) = Path().glob("FLX*.csv")
    inspection = one(path, folder=Path("experiments"))
    assert f'path = "../{path.name}"' in inspection.section
    assert inspection.problems == ()


@pytest.mark.parametrize(
    ("site", "longitude", "offset", "reason"),
    [
        ("CH-Dav", None, 1.0, "standard time of country CH"),
        ("UK-Ham", None, 0.0, "standard time of country"),
        ("US-Xyz", -119.3, -8.0, "nearest to the longitude"),
        (None, 148.1, 10.0, "by the longitude"),
        ("mytower", None, 0.0, "does not contain it"),
    ],
)
def test_the_offset_from_utc_is_guessed(site: str | None, longitude: float | None, offset: float, reason: str) -> None:
    guessed, why = guess_utc_offset(site, longitude)
    assert guessed == offset
    assert reason in why


def test_values_are_written_as_toml() -> None:
    values = [True, 1, 0.5, float("nan"), 'a "b"', ["x", 1.0], {"a b": 1}, pd.Timestamp("2020-01-01").to_pydatetime()]
    assert [toml_value(value) for value in values] == [
        "true", "1", "0.5", "nan", '"a \\"b\\""', '["x", 1.0]', '{"a b" = 1}', "2020-01-01T00:00:00",
    ]  # fmt: skip
    draft = Draft()
    draft.state("reader", "table")
    draft.suggestions["depths.TS 1"] = (0.05, "depth")
    assert '# [data.depths]\n# "TS 1" = 0.05' in draft.text()


@pytest.mark.parametrize("start", ["yesterday", "2000-13-01", "", "1, 2"])
def test_an_unreadable_namelist_beside_driving_rows_leaves_a_guess(tmp_path: Path, start: str) -> None:
    (path,) = PUBLISHED["jules_driving"](tmp_path).paths
    namelist = tmp_path / "drive.nml"
    lines = namelist.read_text(encoding="ascii").splitlines()
    lines = [f"data_start = '{start}'," if "data_start" in line else line for line in lines]
    namelist.write_text("\n".join(lines), encoding="ascii")
    assert any(check.startswith("start = 2000-01-01") for check in one(path).checks)


def test_a_namelist_with_one_variable_has_one_column(tmp_path: Path) -> None:
    path = tmp_path / "drive.dat"
    path.write_text("100.0 300.0 0.0\n" * 48, encoding="ascii")
    start = "data_start = '2000-01-01 00:00:00', data_period = 1800, file = '#/drive.dat'"
    (tmp_path / "drive.nml").write_text(f"&JULES_DRIVE\n{start}\nvar = 'sw_down'\n/\n", encoding="ascii")
    section = one(path).section
    assert 'columns = ["sw_down"]' in section
    assert "start = 2000-01-01" in section


def test_problems_are_those_of_the_draft_that_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jules_ml.data.inspection.inspect._MOST_ATTEMPTS", 1)
    path = PUBLISHED["ozflux"](tmp_path).paths[0]
    with xr.open_dataset(path) as ds:
        changed = ds.load().assign(Zzz=ds["Fsd"])
    changed.to_netcdf(path)
    inspection = one(path)
    assert "Zzz" in inspection.section
    assert inspection.problems == ()
