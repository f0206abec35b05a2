"""netCDF driving data of JULES: values, units and stamps of one point of a grid, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.readers.jules_netcdf_driving import read_jules_netcdf_driving
from jules_ml.experiment import load_experiment

VALUES = {
    "sw_down": (200.0, "W m-2", "sw_down"),
    "lw_down": (300.0, "W m-2", "lw_down"),
    "tot_rain": (1e-5, "kg m-2 s-1", "tot_rain"),
    "tot_snow": (2e-5, "kg m-2 s-1", "tot_snow"),
    "t": (285.0, "K", "t_air"),
    "q": (0.006, "kg kg-1", "q"),
    "wind": (3.0, "m s-1", "wind"),
    "pstar": (1e5, "Pa", "pstar"),
}


def grid(
    path: Path, *, calendar: str = "standard", n: int = 8, land: bool = False, units: bool = True, **names: str
) -> Path:
    """A file of 2 by 3 points, three-hourly, stamped at the start of each step; the point counts in the last digits."""
    dims = ("time", "land") if land else ("time", "y", "x")
    shape = (6,) if land else (2, 3)
    count = np.arange(6.0).reshape(shape)
    ds = xr.Dataset(
        {
            names.get(name, name): (
                dims,
                value * (1.0 + 0.001 * count) * np.ones((n, *shape)),
                {"units": unit} if units else {},
            )
            for name, (value, unit, _) in VALUES.items()
        }
    )
    ds["latitude"] = (dims[1:], np.broadcast_to([[50.25], [50.75]], (2, 3)).reshape(shape))
    ds["longitude"] = (dims[1:], np.broadcast_to([[10.25, 10.75, 11.25]], (2, 3)).reshape(shape))
    ds = ds.assign_coords(time=("time", 3.0 * np.arange(n), {"units": "hours since 2001-02-28", "calendar": calendar}))
    ds.to_netcdf(path)
    return path


@pytest.mark.parametrize("units", [True, False])
def test_a_point_is_chosen_by_index(tmp_path: Path, units: bool) -> None:
    ds = read_jules_netcdf_driving(grid(tmp_path / "a.nc", units=units), point=(2, 3))
    for value, _, ours in VALUES.values():
        assert float(ds[ours][0]) == pytest.approx(1.005 * value), ours
    assert ds["time"].to_numpy()[0] == np.datetime64("2001-02-28T03:00")
    assert ds.attrs["interval_seconds"] == 10800.0
    assert (ds.attrs["latitude"], ds.attrs["longitude"]) == (50.75, 11.25)


@pytest.mark.parametrize("land", [True, False])
def test_the_nearest_point_is_chosen(tmp_path: Path, land: bool) -> None:
    ds = read_jules_netcdf_driving(grid(tmp_path / "a.nc", land=land), latitude=50.7, longitude=10.3)
    assert float(ds["t_air"][0]) == pytest.approx(1.003 * 285.0)
    with refusal("a.nc", "km from the nearest point", "covers the site"):
        read_jules_netcdf_driving(grid(tmp_path / "a.nc", land=land), latitude=55.0, longitude=10.3)


def test_start_and_period_come_before_the_time_axis(tmp_path: Path) -> None:
    start = pd.Timestamp("1997-01-01")
    ds = read_jules_netcdf_driving(grid(tmp_path / "a.nc"), point=(1, 1), start=start, period_seconds=3600.0)
    assert ds["time"].to_numpy()[0] == np.datetime64("1997-01-01T01:00")


def test_names_of_the_file_are_mapped(tmp_path: Path) -> None:
    path = grid(tmp_path / "a.nc", t="Tair", q="Qair")
    ds = read_jules_netcdf_driving(path, point=(1, 1), names={"t": "Tair", "q": "Qair"})
    assert float(ds["t_air"][0]) == 285.0
    with refusal("a.nc", "no variable t, q along time", 'names = {t = "Tair"'):
        read_jules_netcdf_driving(path, point=(1, 1), columns=["t", "q"])
    with refusal("a.nc", "'tair' is not a driving variable", "var of JULES_DRIVE"):
        read_jules_netcdf_driving(path, names={"tair": "Tair"})


def test_dates_of_another_calendar_are_kept(tmp_path: Path) -> None:
    ds = read_jules_netcdf_driving(grid(tmp_path / "a.nc", calendar="360_day", n=32), point=(1, 1))
    starts = pd.DatetimeIndex(ds["time"].to_numpy()) - pd.Timedelta(hours=3)
    # 29 and 30 February have no Gregorian date
    assert starts.normalize().unique().tolist() == [pd.Timestamp("2001-02-28"), pd.Timestamp("2001-03-01")]


def test_files_of_single_variables_are_one_record(tmp_path: Path) -> None:
    with xr.open_dataset(grid(tmp_path / "all.nc"), decode_times=False) as opened:
        ds = opened.load()
    for name in ("t", "q"):
        ds[[name, "latitude", "longitude"]].to_netcdf(tmp_path / f"{name}.nc")
    (tmp_path / "x.toml").write_text(
        '[data]\nreader = "jules_driving"\npath = ["t.nc", "q.nc"]\nlatitude = 50.3\nlongitude = 10.2\n',
        encoding="utf-8",
    )
    record = load_experiment(tmp_path / "x.toml").record()
    assert float(record["t_air"][0]) == 285.0
    assert float(record["q"][0]) == pytest.approx(0.006)


def test_what_is_not_stated_is_refused(tmp_path: Path) -> None:
    path = grid(tmp_path / "a.nc")
    with refusal("a.nc", "several points (y 2, x 3)", "point"):
        read_jules_netcdf_driving(path)
    with xr.open_dataset(path, decode_times=False) as opened:
        ds = opened.load()
    ds.drop_vars("time").to_netcdf(tmp_path / "b.nc")
    with refusal("variable time", "does not state its times", "start and period"):
        read_jules_netcdf_driving(tmp_path / "b.nc", point=(1, 1))
    ds.isel(time=0).to_netcdf(tmp_path / "c.nc")
    with refusal("c.nc", "no dimension of time", "dimension time"):
        read_jules_netcdf_driving(tmp_path / "c.nc")
    (tmp_path / "d.dat").write_text("1 2\n", encoding="ascii")
    (tmp_path / "x.toml").write_text('[data]\nreader = "jules_driving"\npath = "d.dat"\n', encoding="utf-8")
    with refusal("d.dat", "a text file does not state its times", "start and period"):
        load_experiment(tmp_path / "x.toml").record()


def test_auto_recognises_the_file(tmp_path: Path) -> None:
    grid(tmp_path / "a.nc")
    (tmp_path / "x.toml").write_text('[data]\nreader = "auto"\npath = "a.nc"\npoint = [1, 1]\n', encoding="utf-8")
    assert "netCDF driving data of JULES" in load_experiment(tmp_path / "x.toml").record().attrs["recognised"]
