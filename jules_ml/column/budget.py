"""Closure of the water and heat budgets of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandSurfaceState
from jules_ml.physics.surface import SurfaceProperties, SurfaceState
from jules_ml.physics.topmodel import deep_saturation


@dataclass(frozen=True)
class Budgets:
    """Residuals of the water and heat budgets of a run.

    Attributes
    ----------
    water_max : float
        Largest residual of the water budget, mean of the steps in a period of output [kg m-2].
    water_sum : float
        Sum of the residuals of all steps [kg m-2].
    water_stored : float
        Gain of soil, leaves and snow from start to end [kg m-2].
    water_supplied : float
        Precipitation minus evaporation and runoff, summed over the output [kg m-2]: the expected gain.
    heat_max : float
        Largest residual of the soil's heat budget, mean of the steps in a period of output [W m-2].
    heat_mean : float
        Mean residual of the soil's heat budget [W m-2].
    """

    water_max: float
    water_sum: float
    water_stored: float
    water_supplied: float
    heat_max: float
    heat_mean: float


def stored_water(column: SoilColumn, state: ColumnState) -> Tensor:
    """Water in soil, below it with TOPMODEL, on leaves and as snow.

    Parameters
    ----------
    column : SoilColumn
    state : ColumnState

    Returns
    -------
    Tensor, shape (column,)
        [kg m-2], in double precision.
    """
    total = state.smcl.double().sum(0)
    if isinstance(column.surface, LandSurface) and isinstance(state.surface, LandSurfaceState):
        snow = state.surface.snow
        total = total + (column.surface.frac * (state.surface.canopy + snow.snow_tile + snow.snow_grnd)).double().sum(0)
    elif isinstance(column.surface, SurfaceProperties) and isinstance(state.surface, SurfaceState):
        total = total + (column.surface.frac * (state.surface.canopy + state.surface.snow)).double().sum(0)
    if column.topmodel is not None and state.topmodel is not None:
        saturation = deep_saturation(column.topmodel, sm_sat=column.soil.sm_sat, dzsoil=column.dzsoil)
        total = total + (state.topmodel.sthzw * saturation).double()
    return total


def water_stored(column: SoilColumn, state: ColumnState) -> float:
    """Water of a single column [kg m-2]; see :func:`stored_water`."""
    return float(stored_water(column, state))


def column_budgets(output: xr.Dataset, *, gained: float, timestep: float) -> Budgets:
    """Summarise the residuals in the output of a column.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`~jules_ml.column.output.output_dataset`, with all variables.
    gained : float
        Water at the end minus water at the start [kg m-2].
    timestep : float
        Length of a step [s].

    Returns
    -------
    Budgets
    """
    period = float(output.attrs["interval_seconds"])
    water, heat = (output[name].to_numpy().astype(np.float64) for name in ("water_residual", "heat_residual"))
    supply = output["tot_rain"] + output["tot_snow"] - output["fqw_gb"] - output["runoff"]
    if "elake" in output and "frac" in output:
        # lakes evaporate water that they do not lose
        supply = supply + (output["frac"] * output["elake"]).sum("tile")
    return Budgets(
        water_max=float(np.abs(water).max()),
        water_sum=float(water.sum() * period / timestep),
        water_stored=gained,
        water_supplied=float(supply.astype(np.float64).sum() * period),
        heat_max=float(np.abs(heat).max()),
        heat_mean=float(heat.mean()),
    )
