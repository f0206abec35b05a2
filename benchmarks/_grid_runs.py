"""Run folders of JULES on the points of a static map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from _mpi_grid import DRIVING, rewrite
from numpy.typing import NDArray

from jules_ml.jules.template import write_template

START = "2001-01-01 00:00:00"
#: Initial state by constants, because an ASCII file has one point only.
INITIAL = {"use_file": [False] * 6, "const_val": [0.0, 283.0, 10.0, 0.0, 0.7, 281.0]}


def write_grid_run(
    folder: Path,
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    land: NDArray[np.bool_],
    *,
    days: int = 4,
) -> Path:
    """Write the shipped point run on a grid, or a vector of points, with its weather at all of them.

    Parameters
    ----------
    folder : Path
        New folder.
    latitude, longitude : array, shape (y, x) or (land,)
        [degree].
    land : array of bool, shape (y, x) or (land,)
    days : int
        Days of weather; the run is a day shorter.
    """
    write_template(folder)
    weather = np.loadtxt(folder / "weather.dat")[: 24 * days]
    dims = ("y", "x") if land.ndim == 2 else ("land",)
    everywhere = np.ones(land.shape, dtype=np.float32)
    xr.Dataset(
        {
            name: (("time", *dims), np.multiply.outer(weather[:, n].astype(np.float32), everywhere))
            for n, name in enumerate(DRIVING)
        }
    ).to_netcdf(folder / "weather.nc", format="NETCDF3_64BIT", unlimited_dims=["time"])
    cover = np.loadtxt(folder / "tile_fractions.dat")
    xr.Dataset(
        {
            "latitude": (dims, latitude),
            "longitude": (dims, longitude),
            "land_fraction": (dims, land.astype(np.float64)),
            "frac": (("type", *dims), np.multiply.outer(cover, everywhere)),
        }
    ).to_netcdf(folder / "grid.nc", format="NETCDF3_64BIT")
    grid = {"nx": land.shape[1], "ny": land.shape[0]} if land.ndim == 2 else {"grid_is_1d": True, "npoints": land.size}
    rewrite(
        folder,
        {
            "jules_input_grid": grid,
            "jules_land_frac": {"file": "grid.nc", "land_frac_name": "land_fraction"},
            "jules_latlon": {"file": "grid.nc", "use_file": [True, True], "var_name": ["latitude", "longitude"]},
            "jules_frac": {"file": "grid.nc", "frac_name": "frac"},
            "jules_drive": {"file": "weather.nc", "var_name": list(DRIVING)},
            "jules_initial": INITIAL,
            "jules_time": {"main_run_start": START, "main_run_end": f"{np.datetime64(START[:10]) + days - 1} 00:00:00"},
            "jules_spinup": {"max_spinup_cycles": 0},
        },
    )
    return folder
