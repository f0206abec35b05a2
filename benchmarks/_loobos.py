"""The run of JULES at Loobos in 1997 as columns of this package, for tests and benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from jules_ml.data.readers.jules import read_jules, read_jules_driving
from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN
from jules_ml.physics.surface import Forcing
from jules_ml.physics.tiles import BARE_SOIL, BROADLEAF_TREE, C3_GRASS, NEEDLELEAF_TREE, surface_properties
from jules_ml.physics.topmodel import TopmodelState
from jules_ml.physics.topographic_index import topmodel_properties

#: Tiles of the run with a fraction above zero, and their fractions.
TILES = (BROADLEAF_TREE, NEEDLELEAF_TREE, C3_GRASS, BARE_SOIL)
FRAC = (0.355, 0.355, 0.208, 0.082)
#: Outputs that :func:`free_run` keeps.
RECORDED = ("smcl", "t_soil", "sthf", "surf_roff", "sub_surf_roff", "water_residual", "heat_residual")
#: Water table of the run with TOPMODEL at the end of its first step, which its output does not contain: ``sthzw``, ``zw`` and ``fsat``.
TOPMODEL_START = (0.75898701, 3.46123958, 0.19376381)


def jules_output(data: Path, run: str) -> xr.Dataset:
    """Output of one of the five runs of JULES, every step of the year."""
    return read_jules(data / "jules" / f"loobos_1997_{run}_30min.nc")


def column(data: Path, run: str, jules: xr.Dataset, dtype: torch.dtype = torch.float64) -> SoilColumn:
    """The column with that run's soil, layers, carbon and surface."""
    settings = json.loads((data / "jules" / "loobos_settings.json").read_text())[run]
    soil = settings["jules_soil"]["jules_soil"]
    dzsoil = torch.tensor(soil["dzsoil_io"], dtype=dtype).unsqueeze(-1)
    properties = [torch.tensor(jules[name].values[0], dtype=dtype).unsqueeze(-1) for name in SoilProperties._fields]
    return SoilColumn(
        SoilProperties(*properties),
        dzsoil,
        timestep=1800.0,
        form=VAN_GENUCHTEN if soil["l_vg_soil"] else CLAPP_HORNBERGER,
        surface=surface_properties(TILES, FRAC, albsoil=0.11, dzsoil=dzsoil, height=10.0),
        cs=12.1,
        l_soil_sat_down=soil["l_soil_sat_down"],
        soilhc_method=soil["soilhc_method"],
    )


def first_state(jules: xr.Dataset, dtype: torch.dtype = torch.float64) -> ColumnState:
    """State of JULES at the end of its first step."""

    def values(name: str) -> torch.Tensor:
        return torch.tensor(jules[name].values[0], dtype=dtype).unsqueeze(-1)

    return ColumnState(values("smcl"), values("sthf"), values("t_soil"), None)


def given_fluxes(jules: xr.Dataset, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """Fluxes at the boundary of the soil in each step: infiltration, extraction, surface heat flux and snow depth."""

    def values(array: xr.DataArray) -> torch.Tensor:
        return torch.tensor(array.values.astype(np.float64), dtype=dtype).unsqueeze(-1)

    return {
        "infiltration": values(jules.tfall + jules.snow_melt_gb - jules.surf_roff),
        "ext": values(jules.ext.transpose("time", "soil")),
        "surf_ht_flux": values(jules.surf_ht_flux_gb),
        "snow_depth": values(jules.snow_mass_gb.clip(min=0.0) / 250.0),
    }


def topmodel_run(data: Path) -> tuple[SoilColumn, ColumnState, dict[str, torch.Tensor], xr.Dataset]:
    """Column, first state, fluxes and output of the run with TOPMODEL.

    Throughfall and melt are those of the run without it: its own are not part of its output, and differ by less than 1 %.
    """
    jules, above = jules_output(data, "gl4"), jules_output(data, "colvg")
    col = column(data, "gl4", jules)
    fexp, ti_mean, ti_sig = (torch.tensor([x], dtype=torch.float64) for x in (1.0, 6.0, 2.0))
    col.topmodel = topmodel_properties(fexp, ti_mean, ti_sig, col.dzsoil)
    start = TopmodelState(*(torch.tensor([x], dtype=torch.float64) for x in TOPMODEL_START))
    names = ("tfall", "snow_melt_gb", "surf_roff", "snow_mass_gb")
    fluxes = given_fluxes(jules.assign({name: above[name] for name in names}))
    return col, first_state(jules)._replace(topmodel=start), fluxes, jules


def free_run(col: SoilColumn, state: ColumnState, fluxes: dict[str, torch.Tensor], steps: int) -> dict[str, np.ndarray]:
    """Step the soil under given fluxes from the state at the end of step 0; each output of shape (steps, ...)."""
    outputs: dict[str, list[np.ndarray]] = {}
    with torch.no_grad():
        for k in range(1, steps):
            state, out = col.soil_step(state, **{name: series[k] for name, series in fluxes.items()})
            for name in RECORDED:
                outputs.setdefault(name, []).append(out[name].squeeze(-1).numpy())
    return {name: np.array(rows) for name, rows in outputs.items()}


def standalone(data: Path, dtype: torch.dtype = torch.float64) -> tuple[Forcing, ColumnState, SoilColumn]:
    """Weather, initial state and column of the van Genuchten run, from its namelists and ASCII files."""
    jules = jules_output(data, "colvg")
    col = column(data, "colvg", jules, dtype)
    weather = read_jules_driving(
        data / "jules" / "loobos_inputs" / "Loobos_1997.dat", start="1996-12-31 23:00", period_seconds=1800
    )
    forcing = Forcing(*(torch.tensor(weather[name].values, dtype=dtype).unsqueeze(-1) for name in Forcing._fields))
    sthuf = torch.tensor([0.749, 0.743, 0.754, 0.759], dtype=dtype).unsqueeze(-1)
    t_soil = torch.tensor([276.78, 277.46, 278.99, 282.48], dtype=dtype).unsqueeze(-1)
    return forcing, col.initial_state(sthuf, t_soil), col
