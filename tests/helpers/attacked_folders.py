"""Module folders of every kind for attacks: the smallest ones with predictions that can be exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from helpers.module_folders import write_smallest
from helpers.respiration_folder import write_module
from jules_ml.physics.soil_names import LAYERED, RESIDUAL

#: Possible values of soil properties, where 0.4 is none.
_SOIL = {
    **{"theta_r": 0.05, "sm_crit": 0.25, "sm_wilt": 0.14, "b": 6.6, "sathh": 0.05, "satcon": 0.005},
    **{"hcap": 1.2e6, "hcon": 0.23},
}
KINDS = ("respiration", "hydraulics", "moisture", "carbon")


def write_kind(folder: Path, kind: str) -> Path:
    """A module of a kind with predictions that can be exported."""
    if kind == "respiration":
        return write_module(folder)
    if kind == "hydraulics":
        names = (*LAYERED, *RESIDUAL)
        soil = {name: (("soil", "site"), np.full((4, 1), _SOIL.get(name, 0.4))) for name in names}
        predictions = xr.Dataset({**soil, "albsoil": ("site", [0.1])}, coords={"site": ["tower"]})
        return write_smallest(folder, kind, predictions, sites={"tower": {"inputs": {"sand": 0.4}}}, notes=[])
    if kind == "moisture":
        time = np.datetime64("2001-06-02", "ns") + np.arange(10) * np.timedelta64(1, "D")
        rows = {"time": ("row", time), "site": ("row", np.full(10, "tower"))}
        predictions = xr.Dataset({**rows, "theta_layers": (("row", "soil"), np.full((10, 4), 0.2))})
        soil_of_site = {"sm_sat": [0.4], "theta_r": [0.0], "utc_offset_hours": 0.0, "static": {"clay": 0.2}}
        return write_smallest(folder, kind, predictions, sites={"tower": soil_of_site}, warnings=[])
    values = {
        "observed": 20.0,
        "predicted": 21.0,
        "lower": 15.0,
        "upper": 30.0,
        "spread": 0.2,
        "cs": 7.5,
        "cs_cored": 7.0,
    }
    density = dict.fromkeys(
        ("bulk_density", "bulk_density_at_lower", "bulk_density_at_upper", "bulk_density_cored"), 1300.0
    )
    predictions = xr.Dataset(
        {name: ("site", [value]) for name, value in (values | density).items()}, coords={"site": ["tower"]}
    )
    return write_smallest(folder, kind, predictions, sites={"tower": {"soc": 20.0, "soc_spread": 0.2}})
