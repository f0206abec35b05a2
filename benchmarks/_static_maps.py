"""Synthetic static maps, marked so in their attributes, and a module of hydraulics that needs no training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import pretrain
from jules_ml.learned.store import write_module_folder

Kind = Literal["regular", "projected", "land"]
#: Inputs of the module, and their ranges on the synthetic map.
RANGES = {
    "soc_density": (5.0, 80.0),
    "bulk_density": (900.0, 1600.0),
    "t_air_mean": (276.0, 292.0),
    "precip_annual": (300.0, 1800.0),
    "dryness_index": (0.4, 4.0),
    "frac_tree": (0.0, 0.7),
    "frac_bare": (0.0, 0.3),
    "sand": (0.1, 0.7),
    "clay": (0.05, 0.25),
}
#: Fill value of the synthetic maps.
MISSING = -9999.0


def synthetic_map(ny: int, nx: int, *, kind: Kind = "regular", seed: int = 0, sea: float = 0.2) -> xr.Dataset:
    """Make a smooth synthetic map of static properties, in their own names and units.

    Parameters
    ----------
    ny, nx : int
        Number of rows and columns.
    kind : {'regular', 'projected', 'land'}
        One-dimensional latitude and longitude; two-dimensional ones, with ``y`` and ``x`` in metres; or a vector of the land points.
    seed : int
    sea : float
        Fraction of points that are sea, where the soil is missing and the climate is not [1].
    """
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(0.0, 1.0, ny), np.linspace(0.0, 1.0, nx), indexing="ij")

    def smooth() -> NDArray[np.float64]:
        waves = [
            rng.normal()
            * np.sin(2 * np.pi * (k * x * rng.uniform(0.5, 1.0) + k * y * rng.uniform(-1.0, 1.0) + rng.random()))
            for k in (1, 2, 3, 5)
        ]
        total = np.sum(waves, axis=0)
        return np.asarray((total - total.min()) / max(float(np.ptp(total)), 1e-9))

    height = smooth()
    water = height < np.quantile(height, sea)
    fields = {name: low + (high - low) * smooth() for name, (low, high) in RANGES.items()}
    climate = ("t_air", "precip", "dryness")
    fields = {name: v if name.startswith(climate) else np.where(water, np.nan, v) for name, v in fields.items()}
    lat, lon = 50.0 + 5.0 * y, -4.0 + 6.0 * x
    coords: dict[str, object] = {}
    dims: tuple[str, ...] = ("lat", "lon") if kind == "regular" else ("y", "x")
    if kind == "regular":
        coords = {"lat": ("lat", lat[:, 0], _LAT), "lon": ("lon", lon[0], _LON)}
    elif kind == "projected":
        metres = {"units": "m"}
        coords = {
            "y": ("y", 1000.0 * np.arange(ny), metres),
            "x": ("x", 1000.0 * np.arange(nx), metres),
            "latitude": (dims, lat + 0.1 * x, _LAT),
            "longitude": (dims, lon + 0.1 * y, _LON),
        }
    else:
        land = ~water
        dims = ("land",)
        fields = {name: values[land] for name, values in fields.items()}
        coords = {"latitude": ("land", lat[land], _LAT), "longitude": ("land", lon[land], _LON)}
    data = {
        name: (dims, values, {"units": PROPERTIES[name].units, "long_name": PROPERTIES[name].long_name})
        for name, values in fields.items()
    }
    return xr.Dataset(
        data, coords=coords, attrs={"title": "synthetic static map", "synthetic": "yes: made by a formula"}
    )


_LAT = {"units": "degrees_north", "standard_name": "latitude"}
_LON = {"units": "degrees_east", "standard_name": "longitude"}


def write_map(ds: xr.Dataset, path: Path) -> Path:
    """Write a map with a fill value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.to_netcdf(path, engine="netcdf4", encoding={name: {"_FillValue": MISSING} for name in ds.data_vars})
    return path


def write_soils_module(folder: Path, *, members: int = 3, sites: int = 30, seed: int = 0) -> Path:
    """Write a module of hydraulics that is only pre-trained, on the soil of texture at places within :data:`RANGES`."""
    rng = np.random.default_rng(seed)
    inputs = {
        f"place {k}": {name: float(rng.uniform(*bounds)) for name, bounds in RANGES.items()} for k in range(sites)
    }
    network = LearnedHydraulics(list(RANGES), members=members, hidden=8, seed=seed)
    pretrain(network, list(inputs.values()))
    return write_module_folder(
        folder,
        state=dict(network.state_dict()),
        card={
            "module": "hydraulics",
            "inputs": {name: PROPERTIES[name].attributes() for name in RANGES},
            "settings": HydraulicSettings(members=members, hidden=8).model_dump(),
            "dzsoil": [0.1, 0.25, 0.65, 2.0],
            "form": "van_genuchten",
            "sites": {name: {"inputs": values} for name, values in inputs.items()},
        },
        scores={},
        predictions=xr.Dataset(),
    )
