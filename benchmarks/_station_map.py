"""Static inputs of real stations and towers: USCRN stations and NEON towers as a vector of land points, and a module of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _neon_daily import neon_sites

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.hydraulics.soil import learned_soil, organic_fraction
from jules_ml.learned.store import write_module_folder
from jules_ml.physics.soil_names import LAYERED, RESIDUAL

INPUTS = ("soc_density", "bulk_density", "t_air_mean", "precip_annual", "sand", "clay")


def station_places(data: Path) -> pd.DataFrame:
    """Latitude, longitude and static inputs by name of the place; NaN where unknown."""
    stations = pd.read_csv(data / "carbon" / "uscrn_station_soil.csv", dtype={"wban": str}).set_index("wban")
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
    towers = neon_sites(data / "jules" / "neon_daily.nc")
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


def write_station_module(folder: Path, places: pd.DataFrame, *, members: int = 3) -> Path:
    """Write a module of hydraulics that is pre-trained at the places, with its predictions there as a fit writes them.

    Parameters
    ----------
    folder : Path
        Module folder.
    places : DataFrame
        From :func:`station_places`.
    members : int
        Networks of the ensemble.
    """
    inputs = [{name: float(row[name]) for name in INPUTS} for _, row in places.iterrows()]
    network = LearnedHydraulics(INPUTS, members=members, hidden=8)
    pretrain(network, inputs)
    horizon = [0, 0, 1, 1]
    with torch.no_grad():
        raw = network(torch.tensor(input_table(inputs, INPUTS))).mean(0).float()
    density = torch.tensor([20.0 if np.isnan(each["soc_density"]) else each["soc_density"] for each in inputs])
    soil = learned_soil(raw[:, horizon], organic_fraction(torch.stack([density, 0.25 * density]))[horizon])
    values = {**soil.properties._asdict(), "theta_r": soil.theta_r}
    predictions = xr.Dataset(
        {name: (("soil", "site"), values[name].numpy().astype(np.float64)) for name in (*LAYERED, *RESIDUAL)}
        | {"albsoil": ("site", np.full(len(places), 0.2))},
        coords={"site": list(places.index)},
    )
    return write_module_folder(
        folder,
        state=dict(network.state_dict()),
        card={
            "module": "hydraulics",
            "inputs": {name: {} for name in INPUTS},
            "settings": HydraulicSettings(members=members, hidden=8).model_dump(),
            "dzsoil": [0.1, 0.25, 0.65, 2.0],
            "sites": {name: {"inputs": each} for name, each in zip(places.index, inputs, strict=True)},
        },
        scores={},
        predictions=predictions,
    )
