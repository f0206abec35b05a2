"""A grid of six land points with ancillaries and driving data in the layouts of JULES, CHESS-met and WFDE5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

START = pd.Timestamp("2001-06-01")
TYPES = ["broadleaf_tree", "c3_grass", "lake", "bare_soil"]
#: Sea in one corner and along one side.
LAND = np.array([[True, True, False], [True, True, False], [True, True, False]])
LATITUDE, LONGITUDE = np.array([50.0, 50.5, 51.0]), np.array([-1.0, -0.5, 0.0])
SOIL = {
    "b": 6.63,
    "sathh": 0.04946,
    "satcon": 0.004715,
    "sm_sat": 0.45815,
    "sm_crit": 0.242433,
    "sm_wilt": 0.136328,
    "hcap": 1.185676e6,
    "hcon": 0.226873,
}
WFDE5 = {
    "t": ("Tair", "K"),
    "q": ("Qair", "kg kg-1"),
    "pstar": ("PSurf", "Pa"),
    "wind": ("Wind", "m s-1"),
    "sw_down": ("SWdown", "W m-2"),
    "lw_down": ("LWdown", "W m-2"),
    "tot_rain": ("Rainf", "kg m-2 s-1"),
    "tot_snow": ("Snowf", "kg m-2 s-1"),
}
CHESS = {
    "t": ("tas", "K"),
    "q": ("huss", "kg kg-1"),
    "pstar": ("psurf", "Pa"),
    "wind": ("sfcWind", "m s-1"),
    "sw_down": ("rsds", "W m-2"),
    "lw_down": ("rlds", "W m-2"),
    "precip": ("precip", "kg m-2 s-1"),
    "dt_range": ("dtr", "K"),
}
EXPERIMENT = """\
[grid]
frac = "frac.nc"
types = {types}
soil_props = "soil.nc"
{grid}
[grid.drive]
{drive}
[soil]
form = "van_genuchten"

[carbon]
cs = 12.1

[run]
precision = "{precision}"
compiled = {compiled}
outputs = ["sthu", "t_soil", "latent_heat", "runoff"]
{run}
[run.spin_up]
{spin_up}
[run.initial]
sthuf = 0.75
t_soil = [285.0, 284.0, 283.0, 282.0]
"""


def weather(days: int, *, period: float = 3600.0) -> dict[str, NDArray[np.float64]]:
    """Weather at the nine points of the grid, shape (time, y, x), by JULES's names; each point has its own."""
    n = round(days * 86400.0 / period)
    hour = ((np.arange(n) + 0.5) * period / 3600.0)[:, None, None]
    own = np.arange(9.0).reshape(3, 3)
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0)) + 0.0 * own
    rain = np.where(hour % 24.0 < 2.0 + own, 2e-4, 0.0)
    values = {
        "sw_down": 700.0 * sun,
        "lw_down": 320.0 + 0.0 * sun,
        "tot_rain": rain,
        "tot_snow": 0.0 * rain,
        "precip": rain,
        "t": 284.0 + own + 6.0 * sun,
        "wind": 2.0 + 0.2 * own + 0.0 * sun,
        "pstar": 1.01e5 - 10.0 * own + 0.0 * sun,
        "q": 0.007 + 0.0 * sun,
        "dt_range": 8.0 + 0.1 * own + 0.0 * sun,
    }
    return {name: np.where(LAND, each, np.nan) for name, each in values.items()}


def coordinates(*, dims: tuple[str, str] = ("lat", "lon"), curved: bool = False) -> dict[str, xr.DataArray]:
    """Latitude and longitude of the grid, of one dimension each or of both."""
    lat = xr.DataArray(LATITUDE, dims=dims[0], attrs={"units": "degrees_north"})
    lon = xr.DataArray(LONGITUDE, dims=dims[1], attrs={"units": "degrees_east"})
    if not curved:
        return {"lat": lat, "lon": lon}
    flat = xr.zeros_like(lat * lon)
    return {"lat": (flat + lat).assign_attrs(lat.attrs), "lon": (flat + lon).assign_attrs(lon.attrs)}


def write_ancillaries(folder: Path) -> None:
    """Write fractions and soil properties, different at each point."""
    own = np.arange(9.0).reshape(3, 3)
    tree = 0.1 + 0.05 * own
    lake = np.where(own == 0.0, 0.2, 0.0)
    frac = np.stack([tree, 0.8 - tree - lake, lake, 0.2 + 0.0 * own])
    frac = np.where(LAND, frac, np.nan)
    ds = xr.Dataset({"frac": (("type", "lat", "lon"), frac)}, coords=coordinates())
    ds.to_netcdf(folder / "frac.nc")
    layers = np.linspace(1.0, 0.9, 4)[:, None, None] * (1.0 + 0.01 * own)
    names = ("sathh", "satcon", "hcap", "hcon")
    data = {
        name: (("soil", "lat", "lon"), np.where(LAND, value * (layers if name in names else layers * 0 + 1), np.nan))
        for name, value in SOIL.items()
    }
    xr.Dataset(data, coords=coordinates()).to_netcdf(folder / "soil.nc")


def time_axis(n: int, period: float, start: pd.Timestamp = START) -> xr.DataArray:
    """Times of a file, as the start of each interval."""
    times = np.arange(n) * period / 3600.0
    return xr.DataArray(times, dims="time", attrs={"units": f"hours since {start:%Y-%m-%d %H:%M:%S}"})


def write_wfde5(folder: Path, *, days: int = 4, south_last: bool = True) -> str:
    """Write hourly data, one file for each variable and month, with latitudes from the north; return ``[grid.drive]``."""
    values = weather(days)
    for name, (other, units) in WFDE5.items():
        ds = xr.Dataset(
            {other: (("time", "lat", "lon"), values[name].astype(np.float32), {"units": units})},
            coords=coordinates() | {"time": time_axis(24 * days, 3600.0)},
        )
        ds = ds.isel(lat=slice(None, None, -1)) if south_last else ds
        ds.to_netcdf(folder / f"{other}_WFDE5_CRU_200106_v2.1.nc")
    return f"""\
file = "%vv_WFDE5_*_%y4%m2_v2.1.nc"
data_start = 2001-06-01T00:00:00
data_end = {START + pd.Timedelta(days=days):%Y-%m-%dT%H:%M:%S}
data_period = 3600.0
var = {list(WFDE5)}
var_name = {[other for other, _ in WFDE5.values()]}
"""


def write_chess(folder: Path, *, days: int = 4) -> str:
    """Write daily data on a projected grid, one file for each variable and month; return ``[grid.drive]``."""
    hourly = weather(days)
    for name, (other, units) in CHESS.items():
        daily = hourly[name].reshape(days, 24, 3, 3).mean(axis=1).astype(np.float32)
        ds = xr.Dataset(
            {other: (("time", "y", "x"), daily, {"units": units})},
            coords=coordinates(dims=("y", "x"), curved=True) | {"time": time_axis(days, 86400.0)},
        )
        ds.to_netcdf(folder / f"chess-met_{other}_gb_1km_daily_20010601-20010630.nc")
    return f"""\
file = "chess-met_%vv_gb_1km_daily_%y4%m201-*.nc"
data_start = 2001-06-01T00:00:00
data_end = {START + pd.Timedelta(days=days):%Y-%m-%dT%H:%M:%S}
data_period = 86400.0
l_daily_disagg = true
var = {list(CHESS)}
var_name = {[other for other, _ in CHESS.values()]}
"""


def write_grid(
    folder: Path,
    drive: str,
    *,
    grid: str = "chunk_days = 1\nblock = 2\n",
    run: str = "",
    spin_up: str = "cycles = 0\n",
    precision: str = "float32",
    compiled: bool = False,
) -> Path:
    """Write ancillaries and an experiment; return its path."""
    write_ancillaries(folder)
    path = folder / "grid.toml"
    text = EXPERIMENT.format(
        types=TYPES,
        grid=grid,
        drive=drive,
        run=run,
        spin_up=spin_up,
        precision=precision,
        compiled=str(compiled).lower(),
    )
    path.write_text(text, encoding="utf-8")
    return path
