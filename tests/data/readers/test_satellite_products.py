"""Point series of satellite products: MODIS and Copernicus, CSV and netCDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.moisture_site import site

from jules_ml.data.readers.satellite_products import joined, read_lst_product, read_swi_product
from jules_ml.errors import BadInput

APPEEARS = """ID,Date,MOD11A1_061_LST_Day_1km,MOD11A1_061_LST_Night_1km,MOD11A1_061_QC_Day,MOD11A1_061_QC_Night
x,2020-07-01,300.0,290.0,0,0
x,2020-07-02,301.0,0.0,0,2
x,2020-07-03,310.0,288.0,193,65
x,2020-07-04,0,0,2,2
"""


def test_modis_from_appeears(tmp_path: Path) -> None:
    path = tmp_path / "modis.csv"
    path.write_text(APPEEARS)
    lst = read_lst_product(path)["lst"]
    assert lst["time"].to_numpy()[0] == np.datetime64("2020-07-02")  # the end of the first of July
    # the third day's morning has a mean error over 3 K; on the fourth there are clouds
    assert lst.to_numpy() == pytest.approx([295.0, 301.0, 288.0, np.nan], nan_ok=True)
    assert "clear-sky" in lst.attrs["comment"]


def test_unscaled_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "modis.csv"
    path.write_text("date,LST_Day_1km\n2020-07-01,15000\n")
    with pytest.raises(BadInput, match="is not a surface temperature in K") as error:
        read_lst_product(path)
    assert "0.02" in str(error.value)
    assert "LST_Day_1km" in str(error.value)


def test_copernicus_surface_temperature_in_celsius(tmp_path: Path) -> None:
    hours = pd.date_range("2020-07-01 00:00", periods=48, freq="h")
    values = np.concatenate([np.full(24, 20.0), np.full(24, 30.0)]) + np.tile([-5.0, 5.0], 24)
    ds = xr.Dataset({"LST": (("time", "lat", "lon"), values[:, None, None], {"units": "degC"})}, {"time": hours})
    ds.to_netcdf(tmp_path / "lst.nc")
    assert read_lst_product(tmp_path / "lst.nc")["lst"].to_numpy() == pytest.approx([293.15, 303.15])


def swi_file(path: Path) -> Path:
    days = pd.date_range("2018-01-01", periods=5, freq="D")
    columns = {
        "SWI_005": [40.0, 50.0, 60.0, 251.0, 70.0],
        "SWI_020": [30.0] * 5,
        "QFLAG_005": [90.0, 0.0, 80.0, 90.0, 90.0],
    }
    pd.DataFrame(columns, index=days).to_csv(path, index_label="time")
    return path


def test_copernicus_water_index_with_its_t_value(tmp_path: Path) -> None:
    swi = read_swi_product(swi_file(tmp_path / "swi.csv"), t_value=5)["swi"]
    assert swi.to_numpy() == pytest.approx([0.4, np.nan, 0.6, np.nan, 0.7], nan_ok=True)
    assert swi.attrs["units"] == "1"


def test_water_index_of_a_surface_moisture_product(tmp_path: Path) -> None:
    """Copernicus's SSM [%], every second day: the index is that of the recursive filter."""
    days = pd.date_range("2018-01-01", periods=9, freq="2D")
    ssm = np.array([40.0, 60.0, 20.0, 251.0, 80.0, 50.0, 50.0, 30.0, 90.0])
    pd.DataFrame({"SSM": ssm}, index=days).to_csv(tmp_path / "ssm.csv", index_label="time")
    swi = read_swi_product(tmp_path / "ssm.csv", t_value=5)["swi"]
    assert swi["time"].to_numpy()[0] == np.datetime64("2018-01-02")
    assert swi.attrs["units"] == "1"
    assert (
        swi.attrs["comment"] == "satellite product ssm.csv, filtered exponentially from surface soil moisture, T = 5 d"
    )
    gain, index, expected = 1.0, 0.4, [0.4]
    steps = [2.0, 2.0, 4.0, 2.0, 2.0, 2.0, 2.0]
    for step, value in zip(steps, [0.6, 0.2, 0.8, 0.5, 0.5, 0.3, 0.9], strict=True):
        gain = gain / (gain + np.exp(-step / 5.0))
        index += gain * (value - index)
        expected.append(index)
    observed = swi.sel(time=pd.DatetimeIndex(days[ssm <= 100.0]) + pd.Timedelta(days=1))
    assert observed.to_numpy() == pytest.approx(expected)
    assert swi.sizes["time"] == 17  # the index keeps its value between observations


def test_surface_moisture_that_is_no_percentage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ssm.csv"
    path.write_text("date,SSM\n2020-07-01,150\n")
    with pytest.raises(BadInput, match="values run from 150 to 150") as error:
        read_swi_product(path, t_value=5)
    assert "SSM" in str(error.value)


def test_a_file_with_neither_names_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("date,NDVI\n2020-07-01,0.5\n")
    with pytest.raises(BadInput, match="no soil water index of T = 5 d") as error:
        read_swi_product(path, t_value=5)
    assert "there is none" in error.value.remedy


def test_codes_of_a_scaled_netcdf_are_missing(tmp_path: Path) -> None:
    swi = np.array([80, 251, 120, 255, 200], dtype=np.uint8)  # half per cent; 251 is for frozen soil
    ds = xr.Dataset(
        {"SWI_005": ("time", swi, {"scale_factor": 0.5, "_FillValue": np.uint8(255)})},
        coords={"time": pd.date_range("2018-01-01", periods=5, freq="D")},
    )
    ds.to_netcdf(tmp_path / "swi.nc", encoding={"SWI_005": {"dtype": "u1"}})
    raw = xr.open_dataset(tmp_path / "swi.nc", mask_and_scale=False)
    assert raw["SWI_005"].dtype == np.uint8
    index = read_swi_product(tmp_path / "swi.nc", t_value=5)["swi"]
    assert index.to_numpy() == pytest.approx([0.4, np.nan, 0.6, np.nan, 1.0], nan_ok=True)


def test_a_missing_t_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no soil water index of T = 40 d") as error:
        read_swi_product(swi_file(tmp_path / "swi.csv"), t_value=40)
    assert "5, 20" in str(error.value)


def test_an_unreadable_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lst.csv"
    path.write_text("date,LST\n2020-07-01,290\nnever,291\n")
    with pytest.raises(BadInput, match="time stamp cannot be read") as error:
        read_lst_product(path)
    assert "line 3" in str(error.value)


def test_a_series_is_joined_by_day(tmp_path: Path) -> None:
    swi = read_swi_product(swi_file(tmp_path / "swi.csv"), t_value=20)["swi"]
    ds = joined(site(10), swi, where="swi.csv")
    assert np.isfinite(ds["swi"].to_numpy()).tolist() == [True] * 5 + [False] * 5


def test_a_series_of_other_years_is_refused(tmp_path: Path) -> None:
    swi = read_swi_product(swi_file(tmp_path / "swi.csv"), t_value=20)["swi"]
    late = swi.assign_coords(time=swi["time"] + np.timedelta64(9000, "D"))
    with pytest.raises(BadInput, match="do not overlap"):
        joined(site(10), late, where="swi.csv")


POINTS = """ID,Category,Latitude,Longitude,Date,MODIS_Tile,MOD11A1_061_LST_Day_1km,MOD11A1_061_QC_Day
SiteA,a,51.0,10.0,2018-01-01,h18v03,280.0,0
SiteA,a,51.0,10.0,2018-01-02,h18v03,282.0,0
SiteB,b,60.0,11.0,2018-01-01,h18v03,260.0,0
SiteB,b,60.0,11.0,2018-01-02,h18v03,262.0,0
"""


def test_the_point_of_the_site_is_read(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(POINTS, encoding="utf-8")
    assert read_lst_product(path, site="SiteA")["lst"].to_numpy().tolist() == [280.0, 282.0]
    assert read_lst_product(path, site="SiteB")["lst"].to_numpy().tolist() == [260.0, 262.0]
    for name in ("SiteC", None):
        with pytest.raises(BadInput, match=r"2 points \(SiteA, SiteB\), and none of them is the site") as caught:
            read_lst_product(path, site=name)
        assert "column ID" in str(caught.value.where)
        assert "site under [data]" in caught.value.remedy
    path.write_text(POINTS.replace("SiteB", "SiteA"), encoding="utf-8")
    with pytest.raises(BadInput, match="2 points, by latitude and longitude"):
        read_lst_product(path, site="SiteA")


def test_a_single_point_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("".join(line for line in POINTS.splitlines(keepends=True) if "SiteB" not in line), encoding="utf-8")
    assert read_lst_product(path, site="another")["lst"].to_numpy().tolist() == [280.0, 282.0]


@pytest.mark.parametrize("calendar", ["360_day", "noleap"])
def test_a_series_in_the_calendar_of_a_model_is_refused(tmp_path: Path, calendar: str) -> None:
    units = {"units": "days since 2018-01-01", "calendar": calendar}
    ds = xr.Dataset({"LST": ("time", np.full(9, 280.0), {"units": "K"})}, {"time": ("time", np.arange(9.0), units)})
    ds.to_netcdf(tmp_path / "lst.nc")
    with pytest.raises(BadInput, match=f"calendar of time is '{calendar}'") as caught:
        read_lst_product(tmp_path / "lst.nc")
    assert "convert_calendar" in caught.value.remedy


def test_a_netcdf_file_without_series_is_refused(tmp_path: Path) -> None:
    units = {"units": "days since 2018-01-01"}
    text = xr.Dataset({"LST": ("time", ["warm", "cold"])}, {"time": ("time", [0.0, 1.0], units)})
    text.to_netcdf(tmp_path / "text.nc")
    with pytest.raises(BadInput, match="no variable is a series of numbers along time, only LST"):
        read_lst_product(tmp_path / "text.nc")
    gap = xr.Dataset({"LST": ("time", [280.0, 281.0])}, {"time": ("time", [0.0, np.nan], units)})
    gap.to_netcdf(tmp_path / "gap.nc")
    with pytest.raises(BadInput, match="1 times are missing"):
        read_lst_product(tmp_path / "gap.nc")
