"""The column of a run folder: soil, land surface and state at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.surface_types import surface_types
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.driving import heights
from jules_ml.jules.column_run.values import PointValues, co2_mmr
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.typed_entries import numbers, typed_entry
from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN
from jules_ml.physics.land_surface.initial import initial_surface
from jules_ml.physics.land_surface.properties import WGHT_ALB, LandSurface, land_surface
from jules_ml.physics.land_surface.state import LandSurfaceState
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.snowpack.state import SnowState
from jules_ml.physics.soil_respiration import jules_factors
from jules_ml.physics.switches import Switches
from jules_ml.physics.topmodel import Topmodel
from jules_ml.physics.topographic_index import topmodel_properties

#: Groups with the parameters of surface types.
_TYPES: Final = ("jules_surface_types", "jules_pftparm", "jules_nvegparm", "jules_snow")
#: Initial state of snow by JULES's names, and the fields of the column's, for a run without ``total_snow``.
_SNOW: Final = {
    "snow_tile": "snow_tile",
    "snow_grnd": "snow_grnd",
    "snow_depth": "snowdepth",
    "rgrain": "rgrain",
    "rho_snow": "rho_snow_grnd",
}
_SNOW_LAYERS: Final = {
    "snow_ds": "ds",
    "snow_ice": "sice",
    "snow_liq": "sliq",
    "tsnow": "tsnow",
    "rgrainl": "rgrainl",
}
#: Height of the boundary layer [m], JULES's default.
_BL_HEIGHT: Final = 1000.0


class FolderColumn(NamedTuple):
    """Column of a run folder, and its state at the start."""

    column: SoilColumn
    state: ColumnState


class Values(Protocol):
    """Values of the points of a run, whose number is the last dimension of every array."""

    def soil(self) -> dict[str, NDArray[np.float64]]:
        """Soil properties by JULES's names, shape (soil, point), and ``albsoil``, shape (1, point)."""

    def fractions(self, count: int) -> NDArray[np.float64]:
        """Fractions of the surface types, shape (type, point)."""

    def initial(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Initial values, shape (value, point)."""

    def top(self) -> dict[str, NDArray[np.float64]]:
        """Properties of TOPMODEL, shape (point,)."""


def folder_column(
    run: RunFolder, switches: Switches, *, dtype: torch.dtype, values: Values | None = None
) -> FolderColumn:
    """Make the column of a run folder.

    Parameters
    ----------
    run : RunFolder
    switches : Switches
        From :func:`~jules_ml.jules.column_run.switches.read_switches`.
    dtype : torch.dtype
        Precision.
    values : Values, optional
        Values of the points; by default those of a run of one point.

    Returns
    -------
    FolderColumn

    Raises
    ------
    BadInput
        If a parameter, a property or a variable of the state is missing or impossible.
    """

    def tensor(array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, dtype=dtype)

    values = values or PointValues(run)
    soil = values.soil()
    dzsoil = torch.tensor(run.dzsoil, dtype=dtype).unsqueeze(-1)
    surface = _surface(run, switches, dzsoil, tensor(soil["albsoil"])[0], values)
    state = values.initial(_initial_names(run, switches))
    column = SoilColumn(
        SoilProperties(*(tensor(soil[name]) for name in SoilProperties._fields)),
        dzsoil,
        timestep=run.timestep,
        form=VAN_GENUCHTEN if switches.l_vg_soil else CLAPP_HORNBERGER,
        surface=surface,
        factors=jules_factors(1, q10_soil=_number(run, "q10_soil"), l_soil_resp_lev2=switches.l_soil_resp_lev2),
        cs=tensor(state["cs"].sum(axis=0)),
        kaps=_number(run, "kaps"),
        l_soil_sat_down=switches.l_soil_sat_down,
        l_holdwater=switches.l_holdwater,
        l_dpsids_dsdz=switches.l_dpsids_dsdz,
        l_soil_resp_lev2=switches.l_soil_resp_lev2,
        soilhc_method=switches.soilhc_method,
        topmodel=_topmodel(run, switches, values, dzsoil) if switches.l_top else None,
    )
    water_table = {name: tensor(state[name])[0] for name in ("sthzw", "zw") if name in state}
    start = column.initial_state(tensor(state["sthuf"]), tensor(state["t_soil"]), **water_table)
    initial = {name: tensor(array) for name, array in state.items()}
    return FolderColumn(column, start._replace(surface=_surface_state(surface, start.t_soil[0], initial)))


def _number(run: RunFolder, name: str) -> float:
    """Entry of ``jules_soil_biogeochem`` that JULES has no default for."""
    value = run.namelists.get("jules_soil_biogeochem").get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0.0:
        raise BadInput(
            f"{name} is {value!r}, not a positive number",
            where=run.namelists.place("jules_soil_biogeochem"),
            remedy=f"give {name}",
        )
    return float(value)


def _topmodel(run: RunFolder, switches: Switches, values: Values, dzsoil: Tensor) -> Topmodel:
    top = {name: torch.as_tensor(value, dtype=dzsoil.dtype) for name, value in values.top().items()}
    given = run.namelists.get("jules_hydrology")
    entries = {
        name: float(value)
        for name in ("zw_max", "ti_max", "nfita")
        if isinstance(value := given.get(name), int | float) and not isinstance(value, bool)
    }
    missing = [name for name in ("zw_max", "ti_max", "nfita") if name not in entries]
    if missing:
        raise BadInput(
            f"with l_top = T, {', '.join(missing)} have no value",
            where=run.namelists.place("jules_hydrology"),
            remedy="give them; the defaults of JULES 7.2 were zw_max = 6.0, ti_max = 10.0, nfita = 20",
        )
    return topmodel_properties(
        top["fexp"],
        top["ti_mean"],
        top["ti_sig"],
        dzsoil,
        zw_max=entries["zw_max"],
        ti_max=entries["ti_max"],
        nfita=int(entries["nfita"]),
        l_wetland_unfrozen=switches.l_wetland_unfrozen,
    )


def _surface(run: RunFolder, switches: Switches, dzsoil: Tensor, albsoil: Tensor, values: Values) -> LandSurface:
    groups = [run.namelists.get(name) for name in _TYPES]
    where = {name: run.namelists.place(name) for name in _TYPES}
    types = surface_types(*groups, switches=switches, where=where, dtype=dzsoil.dtype)
    if types.soil < 0:
        raise BadInput(
            "the surface types have no bare soil",
            where=where["jules_surface_types"],
            remedy="give soil in JULES_SURFACE_TYPES",
        )
    frac = values.fractions(len(types.names))
    if types.ice >= 0 and frac[types.ice].max() > 0.0:
        raise BadInput(
            "the point has land ice, which the column does not have",
            where=run.namelists.place("jules_frac"),
            remedy="give a point with soil, or run JULES itself",
        )
    height = heights(run)
    return land_surface(
        types,
        torch.as_tensor(frac, dtype=dzsoil.dtype),
        dzsoil=dzsoil,
        albsoil=albsoil,
        switches=switches,
        snow=snow_parameters(run, switches),
        z1_tq=height.temperature,
        z1_uv=height.wind,
        bl_height=float(typed_entry(run.namelists, "jules_drive", "bl_height", _BL_HEIGHT)),
        co2_mmr=co2_mmr(run),
        wght_alb=tuple(numbers(run.namelists, "jules_radiation", "wght_alb", WGHT_ALB)),
    )


def snow_parameters(run: RunFolder, switches: Switches) -> SnowParameters:
    """Read the parameters of snow, with JULES's defaults.

    Parameters
    ----------
    run : RunFolder
    switches : Switches
        ``nsmax``.

    Returns
    -------
    SnowParameters

    Raises
    ------
    BadInput
        If an entry is no number, or there are fewer ``dzsnow`` than layers.
    """
    group = run.namelists.get("jules_snow")
    values: dict[str, Any] = {}
    for field in fields(SnowParameters):
        if field.name == "cansnowtile" or group.get(field.name) is None:
            continue
        if isinstance(field.default, tuple):
            values[field.name] = tuple(numbers(run.namelists, "jules_snow", field.name, field.default))
        else:
            values[field.name] = float(typed_entry(run.namelists, "jules_snow", field.name, field.default))
    layers = values.get("dzsnow", () if switches.nsmax else SnowParameters.dzsnow)
    if len(layers) < switches.nsmax:
        raise BadInput(
            f"dzsnow has {len(layers)} values, and nsmax is {switches.nsmax}",
            where=run.namelists.place("jules_snow"),
            remedy="give dzsnow the thickness of each layer",
        )
    return SnowParameters(**values)


def _initial_names(run: RunFolder, switches: Switches) -> list[str]:
    """Variables of the initial state that the configuration has, by JULES's names."""
    names = ["canopy", "tstar_tile", "cs", "t_soil", "sthuf", "snow_tile"]
    names += ["gs"] if switches.can_rad_mod == 1 else []
    names += ["sthzw", "zw"] if switches.l_top else []
    names += ["rgrain"] if switches.l_snow_albedo else []
    if not run.entry("jules_initial", "total_snow", False):
        names += ["rho_snow", "snow_depth"]
        names += ["snow_grnd"] if switches.can_model == 4 else []
        names += ["snow_ds", "snow_ice", "snow_liq", "tsnow"] if switches.nsmax else []
        names += ["rgrainl"] if switches.nsmax and switches.l_snow_albedo else []
    return names


def _surface_state(surface: LandSurface, t_soil1: Tensor, values: dict[str, Tensor]) -> LandSurfaceState:
    """State of the surface: all snow on the ground, or the snow of a dump."""
    state = initial_surface(
        surface,
        t_soil1,
        tstar=values["tstar_tile"],
        canopy=values["canopy"],
        snow_tile=values["snow_tile"],
        rgrain=values.get("rgrain"),
    )
    if "gs" in values:
        state = state._replace(gs=values["gs"][0])
    if "rho_snow" not in values:
        return state
    snow = {field: values[name] for name, field in _SNOW.items() if name in values}
    tiles = state.tstar.shape[0]
    for name, field in _SNOW_LAYERS.items():
        if name in values:
            snow[field] = values[name].reshape(-1, tiles, values[name].shape[-1])
    made: SnowState = state.snow._replace(**snow)
    return state._replace(snow=made)
