"""Module folders of learned hydraulics and learned carbon that need no training."""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.store import write_module_folder


def write_soils(folder: Path) -> Path:
    """Write two untrained networks with inputs of carbon and climate."""
    names = ["soc_density", "t_air_mean", "precip_annual"]
    return write_module_folder(
        folder,
        state=dict(LearnedHydraulics(names, members=2, hidden=4, seed=1).state_dict()),
        card={
            "module": "hydraulics",
            "inputs": {name: {} for name in names},
            "settings": HydraulicSettings(members=2, hidden=4).model_dump(),
        },
        scores={},
        predictions=xr.Dataset(),
    )


def write_cores(folder: Path, *, soc: float = 20.0) -> Path:
    """Write the site Somewhere with 7.5 kg m-2 in its cores, and its topsoil carbon ``soc`` [g kg-1]."""
    return write_module_folder(
        folder,
        state={"weight": torch.zeros(1)},
        card={"module": "carbon"},
        scores={},
        predictions=xr.Dataset(
            {
                "cs": ("site", [7.5]),
                **{name: ("site", [soc]) for name in ("predicted", "lower", "upper")},
                **{f"bulk_density{at}": ("site", [1300.0]) for at in ("", "_at_lower", "_at_upper")},
            },
            coords={"site": ["Somewhere"]},
        ),
    )
