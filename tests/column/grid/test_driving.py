"""Driving data of land points: names of files, times, units, points and interpolation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.small_grid import LAND, LATITUDE, LONGITUDE, START, coordinates, time_axis, weather

from jules_ml.column.grid.daily import normalised_sun
from jules_ml.column.grid.driving import FileDriving
from jules_ml.column.grid.files import LandPoints
from jules_ml.column.grid.series import FileSeries
from jules_ml.data.sun import mean_cos_zenith
from jules_ml.errors import BadInput
from jules_ml.experiment.grid import DriveSection
from jules_ml.learned.maps.grid import MapGrid
from jules_ml.physics.surface import Forcing

NAMES = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def land() -> LandPoints:
    number = np.flatnonzero(LAND)
    lat, lon = (np.broadcast_to(each, (3, 3)).reshape(-1)[number] for each in (LATITUDE[:, None], LONGITUDE))
    return LandPoints(MapGrid(("lat", "lon"), (3, 3), LATITUDE, LONGITUDE, {}), number, lat, lon)


def write(path: Path, values: dict[str, np.ndarray], **attrs: dict[str, str]) -> None:
    data = {name: (("time", "lat", "lon"), each, attrs.get(name, {})) for name, each in values.items()}
    n = len(next(iter(values.values())))
    xr.Dataset(data, coords=coordinates() | {"time": time_axis(n, 3600.0)}).to_netcdf(path)


def driving(path: Path, land: LandPoints, **changes: object) -> FileDriving:
    keys: dict[str, object] = {
        "file": path,
        "data_start": START.to_pydatetime(),
        "data_end": (START + pd.Timedelta(days=2)).to_pydatetime(),
        "data_period": 3600.0,
        "var": NAMES,
    }
    return FileDriving(DriveSection.model_validate(keys | changes), land, START, 1800.0)


def forcing(source: FileDriving, first: int = 0, steps: int = 96) -> Forcing:
    everywhere = np.arange(source.land.size)
    made = source.window(first, steps, everywhere).forcing(everywhere, torch.float64)
    assert isinstance(made, Forcing)
    return made


def of_land(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)[:, LAND.ravel()]


def hourly(days: int = 2) -> dict[str, np.ndarray]:
    values = weather(days)
    return {name: values[name] for name in NAMES}


def test_all_variables_in_one_file_with_other_units(tmp_path: Path, land: LandPoints) -> None:
    values = hourly()
    given = values | {"t": values["t"] - 273.15, "pstar": values["pstar"] / 100.0}
    write(tmp_path / "all.nc", given, t={"units": "degC"}, pstar={"units": "hPa"})
    made = forcing(driving(tmp_path / "all.nc", land))
    np.testing.assert_allclose(made.t_air[::2], of_land(values["t"]), rtol=1e-12)
    np.testing.assert_allclose(made.pstar[1::2], of_land(values["pstar"]), rtol=1e-12)


def test_instantaneous_values_are_interpolated(tmp_path: Path, land: LandPoints) -> None:
    values = hourly()
    write(tmp_path / "all.nc", values)
    flags = tuple("i" if name == "t" else "nf" for name in NAMES)
    made = forcing(driving(tmp_path / "all.nc", land, interp=flags))
    t = of_land(values["t"])
    np.testing.assert_allclose(made.t_air[0], 0.5 * (t[0] + t[1]))
    np.testing.assert_allclose(made.t_air[1], t[1])
    # the last value is held
    np.testing.assert_allclose(made.t_air[-1], t[-1])


def test_a_window_does_not_depend_on_where_it_begins(tmp_path: Path, land: LandPoints) -> None:
    write(tmp_path / "all.nc", hourly())
    for flag in ("f", "c", "b", "nc", "nb"):
        source = driving(tmp_path / "all.nc", land, interp=(flag,) * len(NAMES))
        whole = forcing(source)
        for name, one, part in zip(Forcing._fields, whole, forcing(source, 33, 20), strict=True):
            np.testing.assert_array_equal(one[33:53], part, err_msg=f"{flag} {name}")
    np.testing.assert_allclose(forcing(driving(tmp_path / "all.nc", land)).sw_down[::2], of_land(hourly()["sw_down"]))


def test_wind_of_components_and_parts_of_rain(tmp_path: Path, land: LandPoints) -> None:
    values = weather(2)
    parts = {name: values[name] for name in ("sw_down", "lw_down", "t", "pstar", "q")}
    rain = values["precip"]
    parts |= {"u": values["wind"] * 0.6, "v": values["wind"] * 0.8, "ls_rain": 0.75 * rain, "con_rain": 0.25 * rain}
    parts["tot_snow"] = 0.0 * rain
    write(tmp_path / "all.nc", parts)
    made = forcing(driving(tmp_path / "all.nc", land, var=tuple(parts)))
    np.testing.assert_allclose(made.wind[::2], of_land(values["wind"]))
    np.testing.assert_allclose(made.tot_rain[::2], of_land(rain))


def test_precipitation_of_cold_air_is_snow(tmp_path: Path, land: LandPoints) -> None:
    values = weather(2)
    values["t"] = np.where(np.arange(48)[:, None, None] < 24, 274.0, 274.1) + 0.0 * values["t"]
    names = ("sw_down", "lw_down", "precip", "t", "wind", "pstar", "q")
    write(tmp_path / "all.nc", {name: values[name] for name in names})
    made = forcing(driving(tmp_path / "all.nc", land, var=names))
    assert float(made.tot_rain[:48].abs().max()) == 0.0
    assert float(made.tot_snow[48:].abs().max()) == 0.0
    np.testing.assert_allclose(made.tot_rain[::2] + made.tot_snow[::2], of_land(values["precip"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "absent.nc"}, "there is no such file"),
        ({"var_name": (*NAMES[:-1], "huss")}, "there is no variable huss"),
        ({"data_start": pd.Timestamp("2001-05-30").to_pydatetime()}, "its time axis begins at"),
        ({"data_end": pd.Timestamp("2001-06-04").to_pydatetime()}, "the file has 48 time levels"),
        ({"data_end": pd.Timestamp("2001-06-02").to_pydatetime()}, "after the data"),
    ],
)
def test_refusals(tmp_path: Path, land: LandPoints, change: dict[str, object], message: str) -> None:
    write(tmp_path / "all.nc", hourly())
    if "file" in change:
        change = change | {"file": tmp_path / str(change["file"])}
    with pytest.raises(BadInput, match=message):
        forcing(driving(tmp_path / "all.nc", land, **change), 0, 144 if "48" in message else 96)


def test_points_outside_the_files_are_refused(tmp_path: Path, land: LandPoints) -> None:
    values = {name: each[:, :2] for name, each in hourly().items()}
    data = {name: (("time", "lat", "lon"), each) for name, each in values.items()}
    xr.Dataset(data, coords={"lat": coordinates()["lat"][:2], "lon": coordinates()["lon"]}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(BadInput, match="2 of 6 land points are not in the file, the first at 51"):
        forcing(driving(tmp_path / "a.nc", land))


def test_names_of_months_variables_and_lists(tmp_path: Path) -> None:
    series = FileSeries(tmp_path / "%vv_%y4%m2.nc", pd.Timestamp("2000-12-15"), HOUR)
    pieces = series.pieces(16 * 24, 18 * 24)
    assert [(Path(each.name).name, each.first, each.count) for each in pieces] == [
        ("%vv_200012.nc", 384, 24),
        ("%vv_200101.nc", 0, 24),
    ]
    with pytest.raises(BadInput, match=r"has tas from 2001-01-01 00:00 on\. Remedy: .*var_name"):
        series.path(pieces[1], "tas")
    (tmp_path / "tas_200101.nc").touch()
    assert series.path(pieces[1], "tas").name == "tas_200101.nc"
    yearly = FileSeries(tmp_path / "a_%y2.nc", pd.Timestamp("1999-01-01"), 24 * HOUR).pieces(365, 366)
    assert [(Path(each.name).name, each.first) for each in yearly] == [("a_00.nc", 0)]
    daily = FileSeries(tmp_path / "a_%y4%mc%d2.nc", pd.Timestamp("1999-01-01"), HOUR).pieces(24, 48)
    assert [Path(each.name).name for each in daily] == ["a_1999jan02.nc"]
    (tmp_path / "list.txt").write_text(
        "'one.nc', '1999-01-01 00:00:00'\n'two.nc', '1999-01-03 00:00:00'\n", encoding="utf-8"
    )
    listed = FileSeries(tmp_path / "list.txt", pd.Timestamp("1999-01-01"), HOUR, listed=True).pieces(40, 60)
    assert [(Path(each.name).name, each.first, each.count) for each in listed] == [("one.nc", 40, 8), ("two.nc", 0, 12)]
    (tmp_path / "lists").mkdir()
    (tmp_path / "list.txt").rename(tmp_path / "lists" / "list.txt")
    of_folder = FileSeries(
        tmp_path / "lists" / "list.txt", pd.Timestamp("1999-01-01"), HOUR, listed=True, folder=tmp_path, nfiles=1
    ).pieces(40, 60)
    assert [(Path(each.name), each.count) for each in of_folder] == [(tmp_path / "one.nc", 20)]
    with pytest.raises(BadInput, match="no file with this name"):
        series.path(FileSeries(tmp_path / "%vv_*.nc", START, HOUR).pieces(0, 1)[0], "huss")


def test_the_sun_of_many_points_is_that_of_each() -> None:
    days = pd.DatetimeIndex(["2001-03-20", "2001-06-21", "2001-12-21"])
    latitude, longitude = np.array([-70.0, 0.0, 52.0, 75.0]), np.array([0.0, 100.0, -5.0, 20.0])
    sun, warmest = normalised_sun(days, latitude, longitude, per_day=48)
    assert sun.shape == (3, 48, 4)
    np.testing.assert_allclose(sun[:, :, 1:3].mean(axis=1), 1.0)
    assert (sun[2, :, 3] == 0.0).all()
    step = pd.Timedelta(minutes=30)
    ends = pd.date_range(days[1] + step, periods=48, freq=step)
    of_site = mean_cos_zenith(ends, step, latitude=52.0, longitude=-5.0)
    # the equation of time, which JULES does not have, is a minute and a half on this day
    np.testing.assert_allclose(sun[1, :, 2], of_site / of_site.mean(), atol=0.02)
    assert 12.0 + 5.0 / 15.0 < warmest[1, 2] < 16.0
