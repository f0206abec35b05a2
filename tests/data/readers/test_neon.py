"""JULES at NEON towers: the daily runs and their hourly driving data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _neon_daily import neon_sites, read_neon_daily

from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.errors import BadInput

POSITION = ["utc_offset_hours", "latitude", "longitude", "elevation"]


@pytest.fixture(scope="module")
def daily(shared_data: Path) -> Path:
    return shared_data / "jules" / "neon_daily.nc"


@pytest.fixture(scope="module")
def hourly(shared_data: Path) -> Path:
    return shared_data / "jules" / "neon_hourly_driving.nc"


def changed(path: Path, folder: Path, change: object) -> Path:
    """A copy of three days or hours of two sites, with a change."""
    with xr.open_dataset(path, decode_times=False) as opened:
        ds = opened.isel(time=slice(400, 403), site=slice(0, 2)).load()
    for variable in ds.variables.values():
        variable.encoding = {}
    copy = folder / path.name
    change(ds).to_netcdf(copy)  # type: ignore[operator]
    return copy


def test_table_of_sites(daily: Path) -> None:
    sites = neon_sites(daily)
    assert len(sites) == 16
    assert sites.loc["YELL", "days"] == 1461
    assert sites.loc["KONA", "utc_offset_hours"] == -6.0
    assert sites.loc["KONA", "latitude"] == pytest.approx(39.1104)
    assert "precip" in sites.loc["NOGP", "flags"]
    texture = sites[["sand", "silt", "clay"]].sum(axis=1)
    np.testing.assert_allclose(texture, 100.0, atol=0.5)


def test_all_sites_share_local_days_and_layers(daily: Path) -> None:
    ds = read_neon_daily(daily)
    assert ds["jules_theta"].dims == ("site", "day", "soil")
    np.testing.assert_allclose(ds["depth"], [0.05, 0.225, 0.675, 2.0])
    # the definition of jules_theta in the file; smcl of JULES excludes residual water
    theta = ds["jules_smcl"] / (1000.0 * ds["dzsoil"]) + ds["soil_theta_r"]
    np.testing.assert_allclose(theta.transpose(*ds["jules_theta"].dims), ds["jules_theta"], atol=2e-6)


def test_one_site_is_stamped_at_the_end_of_its_day(daily: Path) -> None:
    ds = read_neon_daily(daily, "YELL")
    assert ds["jules_theta"].dims == ("time", "soil")
    assert ds.sizes["time"] == 1461
    assert ds["time"].to_numpy()[0] == np.datetime64("2018-01-02T07:00")
    assert ds.attrs["utc_offset_hours"] == -7.0
    assert ds.attrs["longitude"] == pytest.approx(-110.539)


@pytest.mark.slow
def test_hourly_driving_averages_to_the_days_of_jules(daily: Path, hourly: Path) -> None:
    for site, row in neon_sites(daily).iterrows():
        ds = read_neon_driving(hourly, str(site), **row[POSITION].astype(float).to_dict())
        jules = read_neon_daily(daily, str(site))
        assert ds.sizes["time"] == 24 * jules.sizes["time"]
        assert ds.attrs["latitude"] == jules.attrs["latitude"]
        last_of_day = ds["time"].to_numpy()[23::24]
        np.testing.assert_array_equal(last_of_day, jules["time"])
        for ours, theirs, tolerance in (("sw_down", "jules_sw_down", 0.02), ("t_air", "jules_tl1", 0.01)):
            days = ds[ours].to_numpy().reshape(-1, 24).mean(axis=1)
            np.testing.assert_allclose(days, jules[theirs], atol=tolerance, err_msg=f"{site} {ours}")


def test_local_time_without_offset_is_refused(hourly: Path) -> None:
    with pytest.raises(BadInput, match="offset from UTC is unknown") as caught:
        read_neon_driving(hourly, "KONA")
    assert str(caught.value.where).endswith("site KONA")
    assert "utc_offset_hours" in caught.value.remedy


def test_an_unknown_site_is_refused(daily: Path, hourly: Path) -> None:
    with pytest.raises(BadInput, match="no site 'XXXX'") as caught:
        read_neon_daily(daily, "XXXX")
    assert "KONA" in caught.value.remedy
    with pytest.raises(BadInput, match="no site 'XXXX'"):
        read_neon_driving(hourly, "XXXX", utc_offset_hours=0.0)


def test_the_wrong_one_of_two_files_is_refused(daily: Path, hourly: Path) -> None:
    with pytest.raises(BadInput, match="not the daily JULES runs"):
        read_neon_daily(hourly)
    with pytest.raises(BadInput, match="not the hourly driving data"):
        read_neon_driving(daily, "KONA", utc_offset_hours=-6.0)


def test_water_content_in_percent_is_refused(daily: Path, tmp_path: Path) -> None:
    path = changed(
        daily, tmp_path, lambda ds: ds.assign(jules_theta=ds["jules_theta"].copy(data=ds["jules_theta"] * 100))
    )
    with pytest.raises(BadInput, match="outside 0 to 1") as caught:
        read_neon_daily(path)
    assert "jules_theta" in str(caught.value.where)
    assert "in %" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        (lambda ds: ds.isel(time=[0, 1, 1]), "site CLBJ", "duplicate time stamp"),
        (lambda ds: ds.isel(time=[0, 2, 1]), "site CLBJ", "backwards"),
        (lambda ds: ds.assign(t=ds["t"].assign_attrs(units="banana")), "variable t", "unit 'banana' is unknown"),
        (lambda ds: ds.assign(t=ds["t"].assign_attrs(units="W m-2")), "variable t", "cannot be converted"),
        (lambda ds: ds.drop_vars("wind"), "neon_hourly_driving.nc", "no variable wind"),
        (
            lambda ds: ds.assign_coords(time=("time", ds["time"].to_numpy(), {"units": "moons since 2001-01-01"})),
            "variable time",
            "not a unit of time",
        ),
    ],
)
def test_invalid_driving_data_are_refused(
    hourly: Path, tmp_path: Path, change: object, place: str, problem: str
) -> None:
    path = changed(hourly, tmp_path, change)
    with pytest.raises(BadInput) as caught:
        read_neon_driving(path, "CLBJ", utc_offset_hours=-6.0)
    assert str(path) in str(caught.value.where)
    assert place in str(caught.value.where)
    assert problem in caught.value.problem


def test_a_remaining_missing_code_is_refused(hourly: Path, tmp_path: Path) -> None:
    path = changed(hourly, tmp_path, lambda ds: ds.assign(q=ds["q"].copy(data=np.full(ds["q"].shape, -9999.0))))
    with pytest.raises(BadInput, match="looks like a missing-value code") as caught:
        read_neon_driving(path, "CLBJ", utc_offset_hours=-6.0)
    assert str(caught.value.where).endswith("variable q")


def test_a_truncated_file_is_refused(daily: Path, tmp_path: Path) -> None:
    path = tmp_path / "neon_daily.nc"
    path.write_bytes(daily.read_bytes()[:100_000])
    with pytest.raises(BadInput, match="truncated") as caught:
        read_neon_daily(path)
    assert caught.value.where == str(path)
