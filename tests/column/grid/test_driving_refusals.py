"""Driving data of land points that are refused: outside their time, impossible, or with another time axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.small_grid import LAND, LATITUDE, LONGITUDE, START, coordinates, time_axis, weather

from jules_ml.column.grid.driving import FileDriving
from jules_ml.column.grid.files import LandPoints
from jules_ml.errors import BadInput
from jules_ml.experiment.grid import DriveSection
from jules_ml.learned.maps.grid import MapGrid
from jules_ml.physics.surface import Forcing

NAMES = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")


def write(path: Path, axis: xr.DataArray | None = None, **changes: np.ndarray) -> Path:
    """Write two days of hourly data."""
    values = {name: weather(2)[name] for name in NAMES} | changes
    data = {name: (("time", "lat", "lon"), each) for name, each in values.items()}
    xr.Dataset(data, coords=coordinates() | {"time": time_axis(48, 3600.0) if axis is None else axis}).to_netcdf(path)
    return path


def source(path: Path) -> FileDriving:
    number = np.flatnonzero(LAND)
    lat, lon = (np.broadcast_to(each, (3, 3)).reshape(-1)[number] for each in (LATITUDE[:, None], LONGITUDE))
    land = LandPoints(MapGrid(("lat", "lon"), (3, 3), LATITUDE, LONGITUDE, {}), number, lat, lon)
    keys = {"file": path, "data_start": START.to_pydatetime(), "data_period": 3600.0, "var": NAMES}
    keys["data_end"] = (START + pd.Timedelta(days=2)).to_pydatetime()
    return FileDriving(DriveSection.model_validate(keys), land, START, 3600.0)


def forcing(driving: FileDriving, first: int = 0, steps: int = 48) -> Forcing:
    made = driving.window(first, steps, np.arange(6)).forcing(np.arange(6), torch.float64)
    assert isinstance(made, Forcing)
    return made


def test_a_cycle_of_spin_up_before_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="2001-05-31 00:00:00, before the data"):
        forcing(source(write(tmp_path / "all.nc")), first=-24)


@pytest.mark.parametrize(
    ("name", "value", "message"), [("t", 12.0, "add 273.15"), ("q", 7.0, "q is 7"), ("pstar", 1010.0, "pstar is 1010")]
)
def test_impossible_values_are_refused(tmp_path: Path, name: str, value: float, message: str) -> None:
    path = write(tmp_path / "all.nc", None, **{name: np.where(LAND, value, np.nan) + np.zeros((48, 3, 3))})
    with pytest.raises(BadInput, match=message):
        forcing(source(path))


def test_slightly_negative_sunlight_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "all.nc", sw_down=weather(2)["sw_down"] - 0.5)
    assert float(forcing(source(path)).sw_down.min()) == 0.0


def hours(values: np.ndarray, **attrs: str) -> xr.DataArray:
    return xr.DataArray(values, dims="time", attrs={"units": f"hours since {START:%Y-%m-%d}"} | attrs)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (hours(np.arange(48) * 3.0), "interval of its time axis is 0 days 03:00:00"),
        (hours(np.arange(48) + np.where(np.arange(48) > 20, 24.0, 0.0)), "level 48 is 2001-06-03 23:00:00"),
        (
            xr.DataArray(
                np.arange(48) / 24.0, dims="time", attrs={"units": "days since 2001-06-01", "calendar": "360_day"}
            ),
            "",
        ),
    ],
)
def test_other_time_axes_are_refused(tmp_path: Path, axis: xr.DataArray, message: str) -> None:
    path = write(tmp_path / "all.nc", axis)
    if message:
        with pytest.raises(BadInput, match=message):
            forcing(source(path))
    else:
        # the dates are the same in both calendars until the 30th
        forcing(source(path))


def test_another_calendar_is_refused(tmp_path: Path) -> None:
    """A calendar of 30-day months has dates that do not exist."""
    attrs = {"units": "hours since 2001-02-28", "calendar": "360_day"}
    path = write(tmp_path / "all.nc", xr.DataArray(np.arange(48.0), dims="time", attrs=attrs))
    driving = source(path)
    start = pd.Timestamp("2001-02-28")
    changed = {"data_start": start.to_pydatetime(), "data_end": (start + pd.Timedelta(days=2)).to_pydatetime()}
    section = driving.section.model_copy(update=changed)
    with pytest.raises(BadInput, match="calendar 360_day"):
        forcing(FileDriving(section, driving.land, start, 3600.0))
