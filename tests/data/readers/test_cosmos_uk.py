"""COSMOS-UK: files of the archive and exports of the portal, their agreement, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from jules_ml.data.readers.cosmos_uk import read_cosmos_uk
from jules_ml.data.readers.cosmos_uk_columns import CRNS_DEPENDS_ON
from jules_ml.errors import BadInput

PORTAL = """timestamp,06/09/2021 10:33,
site-id,SPENF,
site-name,Spen Farm,
parameter-id,{parameter},TA_LEVEL2_MEAN
parameter-name,A parameter,Mean air temperature (1 day)
parameter-units,{unit},Deg Celsius
24/11/2016,{value},5.4
25/11/2016,,0.9
"""


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> xr.Dataset:
    return read_cosmos_uk(shared_data / "moisture" / "COSMOS-UK_SPENF_HydroSoil_Daily_2013-2019.csv")


@pytest.fixture(scope="module")
def portal(shared_data: Path) -> xr.Dataset:
    return read_cosmos_uk(
        shared_data / "moisture" / "SPENF-2016-11-24-2021-09-05.csv", latitude=53.87, longitude=-1.32, elevation=57.0
    )


def write(folder: Path, text: str) -> Path:
    path = folder / "spenf.csv"
    path.write_text(text)
    return path


def exported(folder: Path, parameter: str, unit: str, value: str) -> Path:
    return write(folder, PORTAL.format(parameter=parameter, unit=unit, value=value))


def refusal(path: Path, **options: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_cosmos_uk(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value.where)
    return caught.value


def test_archive_days_are_read(archive: xr.Dataset) -> None:
    assert archive.attrs["site"] == "SPENF"
    assert archive.sizes["time"] == 1134
    # the file's row 2016-11-24: 36.0 %, 14.4 cm, no snow, 0.13, 0.6 mm
    day = archive.sel(time="2016-11-25")
    assert float(day["theta_crns"]) == pytest.approx(0.36)
    assert float(day["d86"]) == pytest.approx(0.144)
    assert float(day["pet"]) * 86400.0 == pytest.approx(0.6)
    assert np.isnan(float(day["swe"]))
    lying = archive["snow_present"] == 1.0
    assert int(lying.sum()) == 9
    assert bool(archive["swe"].where(lying, drop=True).notnull().all())
    # 2017-12-29: 2.09 mm of snow water, and the albedo of snow
    snow = archive.sel(time="2017-12-30")
    assert float(snow["swe"]) == pytest.approx(2.09)
    assert float(snow["albedo"]) == pytest.approx(0.61)


def test_portal_days_are_read(portal: xr.Dataset) -> None:
    assert portal.attrs["site"] == "SPENF"
    assert portal.attrs["latitude"] == 53.87
    first = portal.isel(time=0)
    assert first["time"].to_numpy() == np.datetime64("2016-11-25")
    expected = {
        "relative_humidity": 0.797,
        "vapour_density": 0.0055,
        "t_air": 278.55,
        "t_air_min": 276.25,
        "t_air_max": 280.15,
        "pstar": 102250.0,
        "rad_net": 0.2e6 / 86400.0,
        "wind_direction": 33.4,
        "wind": 2.0,
    }
    for name, value in expected.items():
        assert float(first[name]) == pytest.approx(value), name
    # 27/11/2016 had 0.1 mm
    assert float(portal["precip"].sel(time="2016-11-28")) * 86400.0 == pytest.approx(0.1)
    assert "minimum" in portal["t_air_min"].attrs["cell_methods"]


def test_two_probes_at_one_depth_have_a_level_each(portal: xr.Dataset) -> None:
    np.testing.assert_array_equal(portal["depth"], [0.1, 0.1])
    assert list(portal["column_theta"].to_numpy()) == ["TDT1_VWC_LEVEL2_MEAN", "TDT2_VWC_LEVEL2_MEAN"]
    np.testing.assert_allclose(portal["theta"].isel(time=0), [0.282, 0.284])
    np.testing.assert_allclose(portal["t_soil"].isel(time=0), [277.85, 277.95])


def test_both_forms_contain_the_same_days(archive: xr.Dataset, portal: xr.Dataset) -> None:
    ours, theirs = xr.align(archive, portal)
    assert ours.sizes["time"] == 1133
    np.testing.assert_allclose(ours["pet"], theirs["pet"], atol=1e-12)
    np.testing.assert_allclose(ours["albedo"], theirs["albedo"], atol=0.0051)
    # seven days differ by rounding: both have % with one decimal
    np.testing.assert_allclose(ours["theta_crns"], theirs["theta_crns"], atol=0.0021)


def test_the_cosmic_ray_estimate_lists_its_inputs(archive: xr.Dataset, portal: xr.Dataset) -> None:
    for ds in (archive, portal):
        assert ds["theta_crns"].attrs["depends_on"].split() == list(CRNS_DEPENDS_ON)
        assert "not an independent predictor of soil carbon" in ds["theta_crns"].attrs["comment"]


def test_archive_half_hours_are_stamped_at_their_end(tmp_path: Path) -> None:
    columns = (
        "LWIN,SWIN,PRECIP,G1,G2,UX,STP_TSOIL2,STP_TSOIL10,TDT1_VWC,TDT1_TSOIL,TDT2_VWC,TDT3_VWC,TDT9_VWC,SNOW_DEPTH"
    )
    rows = [
        "2015-03-05T00:30:00Z,SPENF,300.0,-1.0,0.9,4.0,6.0,1.1,5.0,6.0,30.0,7.0,31.0,40.0,-9999,12",
        "2015-03-05T01:00:00Z,SPENF,301.0,-9999,0.0,4.0,-9999,1.1,5.0,6.0,30.0,7.0,31.0,-9999,-9999,12",
    ]
    ds = read_cosmos_uk(write(tmp_path, "\n".join([f"DATE_TIME,SITE_ID,{columns}", *rows]) + "\n"))
    assert ds["time"].to_numpy()[0] == np.datetime64("2015-03-05T00:30")
    assert ds.attrs["interval_seconds"] == 1800.0
    np.testing.assert_allclose(ds["lw_down"], [300.0, 301.0])
    np.testing.assert_allclose(ds["precip"], [0.9 / 1800.0, 0.0])
    np.testing.assert_allclose(ds["g_soil"], [5.0, 4.0])
    np.testing.assert_allclose(ds["snow_depth"], 0.012)
    np.testing.assert_allclose(ds["depth"], [0.02, 0.05, 0.1, 0.1])
    assert list(ds["column_theta"].to_numpy()) == ["", "TDT3_VWC", "TDT1_VWC", "TDT2_VWC"]
    assert list(ds["column_t_soil"].to_numpy()) == ["STP_TSOIL2", "", "STP_TSOIL10", "TDT1_TSOIL"]
    np.testing.assert_allclose(ds["theta"].isel(time=0), [np.nan, 0.4, 0.3, 0.31])
    assert "UX" not in ds


def test_archive_days_of_later_releases_have_radiation_as_a_total(tmp_path: Path) -> None:
    text = "DATE_TIME,SITE_ID,LWIN,CTS_MOD_CORR\n2022-01-01T00:00:00Z,SPENF,25.92,1500\n2022-01-02T00:00:00Z,SPENF,-9999,-9999\n"
    ds = read_cosmos_uk(write(tmp_path, text))
    assert ds["time"].to_numpy()[0] == np.datetime64("2022-01-02")
    assert float(ds["lw_down"][0]) == pytest.approx(300.0)
    assert float(ds["neutron_counts"][0]) == 1500.0


@pytest.mark.parametrize(
    ("text", "place", "problem", "remedy"),
    [
        ("", "", "empty", "download"),
        ("a,b\n1,2\n", "line 1", "neither form", "DATE_TIME"),
        ("DATE_TIME;SITE_ID;TA\n2016-01-01;X;1\n", "line 1", "semicolon would give 3 columns", "';'"),
        ("DATE_TIME,TA\n2016-01-01,1\n", "line 1", "column SITE_ID is missing", "name"),
        ("DATE_TIME,SITE_ID,TAIR\n2016-01-01,X,1\n", "line 1", "column TAIR is not a known column", "ignore=['TAIR']"),
        ("DATE_TIME,SITE_ID,TDT11_VWC\n2016-01-01,X,1\n", "line 1", "TDT11_VWC is not a known column", "ignore"),
        ("DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-02,Y,1\n", "column SITE_ID", "2 sites", "split"),
        (
            "DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n01/02/2016,X,1\n",
            "line 3, column DATE_TIME",
            "'01/02/2016'",
            "format",
        ),
        ("DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-02,X\n", "line 3", "2 cells and the header 3", "truncated"),
        ("DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-02,X,warm\n", "line 3, column TA", "'warm'", "correct"),
        (
            "DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-01,X,1\n2016-01-02,X,1\n",
            "DATE_TIME",
            "duplicate time stamp",
            "delete",
        ),
        ("DATE_TIME,SITE_ID,TA\n2016-01-03,X,1\n2016-01-01,X,1\n2016-01-02,X,1\n", "DATE_TIME", "backwards", "sort"),
        ("DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-08,X,1\n", "DATE_TIME", "7 days", "half-hourly file"),
        (
            "DATE_TIME,SITE_ID,TA\n2016-01-01,X,1\n2016-01-02,X,-999\n",
            "column TA",
            "looks like a missing-value code",
            "missing-value",
        ),
        ("DATE_TIME,SITE_ID,TA\n2016-01-01,X,281\n2016-01-02,X,280\n", "variable t_air", "outside", "unit"),
        (
            "DATE_TIME,SITE_ID,COSMOS_VWC\n2016-01-01,X,0.36\n2016-01-02,X,0.35\n",
            "column COSMOS_VWC",
            "too dry for any soil",
            "multiply the column by 100",
        ),
    ],
)
def test_a_broken_archive_file_is_refused(tmp_path: Path, text: str, place: str, problem: str, remedy: str) -> None:
    error = refusal(write(tmp_path, text))
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("parameter", "unit", "value", "place", "problem", "remedy"),
    [
        ("TDT1_VWC_LEVEL2_MEAN", "banana", "28", "column TDT1_VWC_LEVEL2_MEAN", "unit 'banana' is unknown", "CF"),
        ("TDT1_VWC_LEVEL2_MEAN", "hPa", "28", "column TDT1_VWC_LEVEL2_MEAN", "cannot be converted", "unit"),
        ("COSMOS_VWC_1DAY", "m3 m-3", "36", "variable theta_crns", "outside 0 to 1", "in %"),
        ("COSMOS_VWC_1DAY", "%", "-9999", "column COSMOS_VWC_1DAY", "looks like a missing-value code", "empty cell"),
        ("UNHEARD_LEVEL2_MEAN", "%", "1", "line 4", "UNHEARD_LEVEL2_MEAN is not a known column", "ignore"),
        ("TA_LEVEL2_TOTAL", "Deg Celsius", "1", "line 4", "duplicate column TA_LEVEL2_MEAN (TA)", "ignore"),
        ("RH_LEVEL2_MEAN", "%", "wet", "line 7, column RH_LEVEL2_MEAN", "'wet' is not a number", "correct"),
    ],
)
def test_an_invalid_export_is_refused(
    tmp_path: Path, parameter: str, unit: str, value: str, place: str, problem: str, remedy: str
) -> None:
    # the file has TA_LEVEL2_MEAN, so TA_LEVEL2_TOTAL would be a duplicate
    error = refusal(exported(tmp_path, parameter, unit, value))
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("site-id,SPENF,", "site-id", "line 2", "nothing follows 'site-id'"),
        ("site-name,", "name,", "line 3", "should begin with 'site-name'"),
        ("parameter-units,%,Deg Celsius", "parameter-units,%", "line 6", "1 units and line 4 2 parameters"),
        ("25/11/2016", "24/11/2016", "column 1", "duplicate time stamp"),
        ("25/11/2016", "23/11/2016", "column 1", "backwards"),
        ("25/11/2016", "2016-11-25", "line 8", "not a time stamp"),
        ("25/11/2016,,0.9\n", "25/11/2016,\n", "line 8", "2 cells and the header 3"),
        (",", ";", "line 4", "semicolon would give 3 columns"),
    ],
)
def test_a_broken_export_is_refused(tmp_path: Path, old: str, new: str, place: str, problem: str) -> None:
    text = PORTAL.format(parameter="RH_LEVEL2_MEAN", unit="%", value="80")
    assert old in text
    error = refusal(write(tmp_path, text.replace(old, new)))
    assert place in str(error.where)
    assert problem in error.problem


def test_an_unknown_column_can_be_left_out(tmp_path: Path) -> None:
    ds = read_cosmos_uk(exported(tmp_path, "UNHEARD_LEVEL2_MEAN", "%", "1"), ignore=["UNHEARD_LEVEL2_MEAN"])
    assert list(ds.data_vars) == ["t_air"]
    assert "depth" not in ds.dims
