"""NEON towers as experiments: a table of hourly driving and daily soil moisture, and a TOML file for each tower.

The soil of ``[soil]`` is that of the JULES runs there, by Rosetta 3 from measured texture. Valid days and the scored sensor are those of
:mod:`_neon`; the record of a tower has that sensor and the deeper ones, by the middle of their JULES layer. Each hour has the soil moisture
of its day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from _neon import DOUBTFUL, Halves, halves, thawed_days
from _neon_daily import neon_sites, read_neon_daily
from numpy.typing import NDArray

from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.physics.constants import ZERODEGC
from jules_ml.physics.soil_names import LAYERED

#: Depth of each of NEON's sensors, by their order from the top: the middle of their JULES layer [m].
SENSOR_DEPTHS = (0.05, 0.225, 0.225, 0.675, 0.675, 0.675, 2.0, 2.0)
_TILES = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "bare_soil")
_DRIVING = {
    "sw_down": "W m-2",
    "lw_down": "W m-2",
    "tot_rain": "kg m-2 s-1",
    "tot_snow": "kg m-2 s-1",
    "t_air": "K",
    "wind": "m s-1",
    "pstar": "Pa",
    "q": "kg kg-1",
}
_LEAST_DAYS = 60


class Tower(NamedTuple):
    """A tower: its experiment, the start of each day in local time, and ``theta``, shape (day, sensor), with the scored sensor first."""

    experiment: Experiment
    days: pd.DatetimeIndex
    theta: NDArray[np.float64]
    split: Halves


def neon_towers(data: Path, folder: Path, *, most: int | None = None) -> list[Tower]:
    """Write the files of the sound towers to a folder, and read their experiments.

    Parameters
    ----------
    data : Path
        Folder of real records.
    folder : Path
        Folder for the files.
    most : int, optional
        Number of towers.

    Returns
    -------
    list of Tower
    """
    table = neon_sites(data / "jules" / "neon_daily.nc")
    names = [str(name) for name in table.index if name not in DOUBTFUL][:most]
    daily = read_neon_daily(data / "jules" / "neon_daily.nc")
    return [_tower(data, folder, name, table.loc[name], daily.sel(site=name)) for name in names]


def _tower(data: Path, folder: Path, name: str, row: pd.Series, daily: xr.Dataset) -> Tower:
    offset = float(row["utc_offset_hours"])
    weather = read_neon_driving(data / "jules" / "neon_hourly_driving.nc", name, utc_offset_hours=offset)
    weather = weather.isel(time=slice(weather.sizes["time"] // 24 * 24))
    end = pd.DatetimeIndex(weather["time"].to_numpy()) + pd.Timedelta(hours=offset)
    days = (end[::24] - pd.Timedelta(hours=1)).normalize()
    here = daily.reindex(day=days)
    theta = here["observed_theta"].to_numpy().astype(np.float64)
    thawed = thawed_days(here["obs_tair"].to_numpy() + ZERODEGC, here["observed_t_soil"].to_numpy()[:, 0])
    valid = np.isfinite(theta) & thawed[:, None]
    split = halves(theta, valid)
    assert split is not None
    theta = np.where(valid, theta, np.nan)[:, split.sensor :]
    first = np.arange(len(days)) < split.boundary
    used = (np.isfinite(theta) & first[:, None]).sum(0) >= _LEAST_DAYS
    theta, depths = theta[:, used], np.array(SENSOR_DEPTHS[split.sensor : daily.sizes["obs_swc"]])[used]
    frame = pd.DataFrame({each: weather[each].to_numpy() for each in _DRIVING}, index=end)
    for number, values in enumerate(theta.T):
        frame[f"theta_{number}"] = np.repeat(values, 24)
    frame.index.name = "time"
    frame.to_parquet(folder / f"{name}.parquet")
    second = float(np.isfinite(theta[~first]).any(1).sum()) / float(np.isfinite(theta).any(1).sum())
    file = folder / f"{name}.toml"
    file.write_text(_text(name, row, depths, test_fraction=second), encoding="utf-8")
    return Tower(load_experiment(file), days, theta, split)


def _text(name: str, row: pd.Series, depths: NDArray[np.float64], *, test_fraction: float) -> str:
    columns = [f'columns.{each} = {{variable = "{each}", unit = "{unit}"}}' for each, unit in _DRIVING.items()]
    columns += [
        f'columns.theta_{number} = {{variable = "theta", unit = "m3 m-3", depth = {depth}}}'
        for number, depth in enumerate(depths)
    ]
    shares = [float(x) for x in str(row["surface_fracs_BT_NT_C3_C4_SH_soil"]).split()]
    leaves: list[Any] = [float(x) for x in str(row["laimax_BT_NT_C3_C4_SH"]).split()]
    tiles = [
        f'[[surface.tiles]]\ntype = "{tile}"\nfrac = {share}\n' + (f"lai = {lai}\n" if lai else "")
        for tile, share, lai in zip(_TILES, shares, [*leaves, None], strict=True)
        if share
    ]
    soil = [f"{each} = {float(row[f'soil_{each}'])!r}" for each in (*LAYERED, "theta_r")]
    place = {
        "sand": 0.01 * float(row["sand"]),
        "clay": 0.01 * float(row["clay"]),
        "bulk_density": 1000.0 * float(row["bd"]),
        "soc_density": float(row["soc_stock"]) / 0.3,
    }
    return "\n".join(
        [
            f'[site]\nname = "{name}"',
            *(f"{each} = {float(row[each])!r}" for each in ("latitude", "longitude", "elevation")),
            "[place]",
            *(f"{each} = {value!r}" for each, value in place.items()),
            f'[data]\nreader = "table"\npath = "{name}.parquet"\nsite = "{name}"\nlicence = "CC BY 4.0"',
            f'stamp_at = "end"\nutc_offset_hours = {float(row["utc_offset_hours"])}\ninterval = "1h"',
            *columns,
            '[soil]\ndzsoil = [0.1, 0.25, 0.65, 2.0]\nform = "van_genuchten"\n[soil.properties]',
            *soil,
            f"[surface]\nalbsoil = {float(row['soil_albsoil'])!r}",
            *tiles,
            f"[carbon]\ncs = {float(row['cs'])!r}",
            '[run]\nmodel = "column"\ntimestep = 3600.0\nmean_over = 24',
            f"[hydraulics]\ntest_fraction = {test_fraction!r}",
        ]
    )
