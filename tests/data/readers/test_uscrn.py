"""USCRN: every station of the file with its soil, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jules_ml.data.readers.uscrn import read_uscrn, uscrn_stations
from jules_ml.errors import BadInput

SOIL = "wban,lat,lon,name,bd5,bd10,clay,sand,n,q05,q50,q95,P,T,amp\n"


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "moisture" / "uscrn_2020_daily.parquet"


@pytest.fixture(scope="module")
def days(real: Path) -> pd.DataFrame:
    """Three summer days of one station."""
    rows = pd.read_parquet(real)
    rows = rows[(rows["wban"] == "03048") & rows["lst_date"].between("2020-07-01", "2020-07-03")]
    return rows.reset_index(drop=True)


def write(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / "uscrn.parquet"
    rows.to_parquet(path)
    return path


def refusal(path: Path, wban: str = "03048") -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_uscrn(path, wban)
    assert str(path) in str(caught.value.where)
    return caught.value


def test_one_station_is_read(real: Path, days: pd.DataFrame) -> None:
    ds = read_uscrn(real, 3048)
    assert ds.attrs["site"] == "03048"
    assert ds.sizes == {"time": 366, "depth": 5}
    # 106.89 degrees west is seven hours behind: the first local day ends at 7 h UTC on the second
    assert ds.attrs["utc_offset_from"] == "longitude"
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-02T07:00")
    assert ds.attrs["longitude"] == -106.89
    first = ds.sel(time="2020-07-02T07:00")
    row = days.iloc[0]
    assert float(first["t_air"]) == pytest.approx(row["t_daily_avg"] + 273.15)
    assert float(first["lst_max"]) == pytest.approx(row["sur_temp_daily_max"] + 273.15)
    assert float(first["sw_down"]) == pytest.approx(row["solarad_daily"] * 1e6 / 86400.0)
    assert float(first["relative_humidity"]) == pytest.approx(row["rh_daily_avg"] / 100.0)
    np.testing.assert_allclose(ds["precip"].sum() * 86400.0, 171.9)
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.1, 0.2, 0.5, 1.0])
    assert float(first["theta"].sel(depth=0.05)) == row["soil_moisture_5_daily"]
    assert float(first["t_soil"].sel(depth=1.0)) == pytest.approx(row["soil_temp_100_daily"] + 273.15)


def test_an_explicit_offset_is_used(real: Path) -> None:
    ds = read_uscrn(real, "03048", utc_offset_hours=-6.0)
    assert ds.attrs["utc_offset_from"] == "given"
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-02T06:00")


@pytest.mark.no_cover
@pytest.mark.slow
def test_every_station_is_read_and_dropped_values_are_counted(real: Path) -> None:
    frame = pd.read_parquet(real)
    stations = uscrn_stations(real)
    assert len(stations) == 116
    dropped = 0
    for wban in stations.index:
        ds = read_uscrn(real, wban)
        assert ds.sizes["time"] == stations.loc[wban, "days"]
        dropped += ds.attrs["dropped_lst_max"]
        assert ds.attrs["dropped_lst"] == ds.attrs["dropped_lst_min"] == 0
    # surface temperatures of 87 to 90 degC, while the air was at 30 or below
    assert dropped == (frame["sur_temp_daily_max"] + 273.15 > 360.0).sum() == 3


def test_surface_temperature_has_its_type(real: Path) -> None:
    frame = pd.read_parquet(real)
    unknown = frame[frame["sur_temp_daily_type"] == "U"]
    wban = unknown["wban"].iloc[0]
    ds = read_uscrn(real, wban)
    assert int((ds["lst_qc"] == 2).sum()) == (unknown["wban"] == wban).sum()
    assert ds["lst"].attrs["ancillary_variables"] == "lst_qc"
    assert "corrected" in ds["lst_qc"].attrs["comment"]


def test_a_station_can_be_named_by_text_or_number(shared_data: Path, real: Path) -> None:
    stations = uscrn_stations(real, shared_data / "carbon" / "uscrn_station_soil.csv")
    assert len(stations) == 116
    assert stations["name"].notna().sum() == 83
    socorro = stations.loc["03048"]
    assert socorro["name"] == "Socorro 20 N"
    assert (socorro["clay"], socorro["sand"], socorro["bulk_density_5cm"]) == (4.3, 90.7, 1.49)
    # positions agree in both files, and so does the annual rain in the table
    joined = stations.dropna(subset="name")
    rain = pd.read_parquet(real).groupby("wban")["p_daily_calc"].sum()
    np.testing.assert_allclose(joined["precip_year"], rain[joined.index], atol=1e-9)


def test_a_soil_table_without_leading_zeros_is_joined(tmp_path: Path, real: Path) -> None:
    table = tmp_path / "soil.csv"
    table.write_text(SOIL + "3048,34.36,-106.89,Socorro,1.5,1.4,4.3,90.7,324,0.04,0.07,0.14,172,15.8,0.1\n")
    assert uscrn_stations(real, table).loc["03048", "name"] == "Socorro"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (SOIL.replace(",", ";"), "line 1", "semicolon would give 15 columns"),
        (SOIL.replace("clay", "loam"), "line 1", "column clay is missing"),
        (
            SOIL + "3048,0,0,a,1,1,1,1,1,0,0,0,1,1,0\n03048,0,0,a,1,1,1,1,1,0,0,0,1,1,0\n",
            "line 3",
            "duplicate station 03048",
        ),
    ],
)
def test_a_broken_soil_table_is_refused(tmp_path: Path, real: Path, text: str, place: str, problem: str) -> None:
    table = tmp_path / "soil.csv"
    table.write_text(text)
    with pytest.raises(BadInput) as caught:
        uscrn_stations(real, table)
    assert str(table) in str(caught.value.where)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("change", "place", "problem", "remedy"),
    [
        (lambda d: d.drop(columns="rh_daily_avg"), "uscrn.parquet", "column rh_daily_avg is missing", "name"),
        (lambda d: d.assign(wban="99999"), "uscrn.parquet", "no station '03048'", "for example 99999"),
        (lambda d: d.iloc[[0, 0, 1]], "column lst_date", "duplicate time stamp", "delete"),
        (lambda d: d.iloc[[0, 2, 1]], "column lst_date", "backwards", "sort"),
        (lambda d: d.assign(latitude=[34.0, 34.0, 35.0]), "columns latitude", "position changes", "WBAN"),
        (lambda d: d.assign(sur_temp_daily_type="X"), "column sur_temp_daily_type", "type 'X'", "C, R, U"),
        (lambda d: d.assign(t_daily_avg="mild"), "column t_daily_avg", "not numbers", "store it as numbers"),
        (lambda d: d.assign(lst_date=[20200101, 20200102, 20200103]), "column lst_date", "not time stamps", "store it"),
        (
            lambda d: d.assign(t_daily_avg=-9999.0),
            "column t_daily_avg",
            "looks like a missing-value code",
            "missing-value",
        ),
        (lambda d: d.assign(soil_moisture_5_daily=-99.0), "variable theta", "outside 0 to 1", "unit"),
        (lambda d: d.assign(soil_moisture_5_daily=12.0), "variable theta", "outside 0 to 1", "in %"),
        (lambda d: d.assign(sur_temp_daily_avg=300.0), "variable lst", "outside", "unit"),
        (lambda d: d.assign(t_daily_avg=300.0), "variable t_air", "outside", "unit"),
    ],
)
def test_an_invalid_file_is_refused(
    tmp_path: Path, days: pd.DataFrame, change: object, place: str, problem: str, remedy: str
) -> None:
    error = refusal(write(tmp_path, change(days)))  # type: ignore[operator]
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(("part", "problem"), [(0.0, "empty"), (0.6, "truncated")])
def test_a_truncated_file_is_refused(tmp_path: Path, days: pd.DataFrame, part: float, problem: str) -> None:
    path = write(tmp_path, days)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    error = refusal(path)
    assert problem in error.problem
    assert "download it again" in error.remedy
