"""Whether a column's budgets close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from jules_ml.physics.column import ColumnState, SoilColumn


@dataclass(frozen=True)
class Budgets:
    """How well the budgets of water and heat close.

    Attributes
    ----------
    water_max : float
        Greatest residual of the water budget, mean of the steps in a period of output [kg m-2].
    water_sum : float
        Sum of the residuals of all steps [kg m-2].
    water_stored : float
        What soil, leaves and snow gained from start to end [kg m-2].
    water_supplied : float
        Precipitation less evaporation and runoff, summed over the output [kg m-2]: what they ought to have gained.
    heat_max : float
        Greatest residual of the soil's heat budget, mean of the steps in a period of output [W m-2].
    heat_mean : float
        The same over the whole run [W m-2].
    """

    water_max: float
    water_sum: float
    water_stored: float
    water_supplied: float
    heat_max: float
    heat_mean: float


def water_stored(column: SoilColumn, state: ColumnState) -> float:
    """Water in soil, on leaves and as snow [kg m-2], of a single column."""
    total = float(state.smcl.double().sum())
    if column.surface is not None and state.surface is not None:
        above = column.surface.frac * (state.surface.canopy + state.surface.snow)
        total += float(above.double().sum())
    return total


def column_budgets(output: xr.Dataset, *, gained: float, timestep: float) -> Budgets:
    """Sum up the residuals in a column's output.

    Parameters
    ----------
    output : xarray.Dataset
        Of :func:`~jules_ml.column.output.output_dataset`, with all variables.
    gained : float
        Water at the end less water at the start [kg m-2].
    timestep : float
        [s].

    Returns
    -------
    Budgets
    """
    period = float(output.attrs["interval_seconds"])
    water, heat = (output[name].to_numpy().astype(np.float64) for name in ("water_residual", "heat_residual"))
    supply = output["tot_rain"] + output["tot_snow"] - output["fqw_gb"] - output["runoff"]
    return Budgets(
        water_max=float(np.abs(water).max()),
        water_sum=float(water.sum() * period / timestep),
        water_stored=gained,
        water_supplied=float(supply.astype(np.float64).sum() * period),
        heat_max=float(np.abs(heat).max()),
        heat_mean=float(heat.mean()),
    )
