"""Static inputs of real stations and towers: about 120 USCRN stations and NEON towers, as a vector of land points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _neon_daily import neon_sites

from jules_ml.experiment.place import PROPERTIES

INPUTS = ("soc_density", "bulk_density", "t_air_mean", "precip_annual", "sand", "clay")


def real_places(shared_data: Path) -> pd.DataFrame:
    """Latitude, longitude and static inputs by name of the place; NaN where unknown."""
    stations = pd.read_csv(shared_data / "carbon" / "uscrn_station_soil.csv", dtype={"wban": str}).set_index("wban")
    uscrn = pd.DataFrame(
        {
            "latitude": stations["lat"],
            "longitude": stations["lon"],
            "bulk_density": 1000.0 * stations[["bd5", "bd10"]].mean(axis=1),
            "t_air_mean": 273.15 + stations["T"],
            "precip_annual": stations["P"],
            "sand": 0.01 * stations["sand"],
            "clay": 0.01 * stations["clay"],
        }
    )
    towers = neon_sites(shared_data / "jules" / "neon_daily.nc")
    neon = pd.DataFrame(
        {
            "latitude": towers["latitude"],
            "longitude": towers["longitude"],
            "soc_density": towers["soc_stock"] / 0.3,
            "bulk_density": 1000.0 * towers["bd"],
            "sand": 0.01 * towers["sand"],
            "clay": 0.01 * towers["clay"],
        }
    )
    table = pd.concat([neon, uscrn]).reindex(columns=["latitude", "longitude", *INPUTS]).astype(np.float64)
    return table[table[list(INPUTS)].notna().any(axis=1)]


def land_vector(places: pd.DataFrame) -> xr.Dataset:
    """The same as a static map of land points."""
    data = {name: ("land", places[name].to_numpy(), {"units": PROPERTIES[name].units}) for name in INPUTS}
    coords = {
        "latitude": ("land", places["latitude"].to_numpy(), {"units": "degrees_north"}),
        "longitude": ("land", places["longitude"].to_numpy(), {"units": "degrees_east"}),
    }
    return xr.Dataset(data, coords=coords)
