"""Outputs of a step of soil and surface together, and the residual of their water budget."""

from __future__ import annotations

from torch import Tensor

from jules_ml.physics.land_surface.state import LandForcing, LandSurfaceFluxes
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.surface import Forcing, SurfaceFluxes


def outputs_with_surface(
    outputs: dict[str, Tensor],
    flux: SurfaceFluxes | LandSurfaceFluxes,
    forcing: Forcing | LandForcing,
    *,
    gain: Tensor,
    evaporated: Tensor,
    timestep: float,
) -> dict[str, Tensor]:
    """Join the outputs of soil and surface.

    Parameters
    ----------
    outputs : dict of str to Tensor, shape (..., column)
        Of :meth:`~jules_ml.physics.column.SoilColumn.soil_step`.
    flux : SurfaceFluxes or LandSurfaceFluxes
        Of the surface.
    forcing : Forcing or LandForcing
        Weather of the step, shape (column,) each.
    gain : Tensor, shape (column,)
        Of water on leaves and in snow over the step [kg m-2].
    evaporated : Tensor, shape (column,)
        Evaporation of water that the column loses [kg m-2 s-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    dict of str to Tensor
        With runoff of soil and surface, and ``water_residual`` [kg m-2] of both: what the column stores beyond what it receives.
    """
    passed_on = flux.surf_roff + flux.infiltration - sum_over_layers(flux.ext)
    supplied = forcing.tot_rain + forcing.tot_snow - evaporated - passed_on
    surf_roff = flux.surf_roff + outputs["runoff"] - outputs["sub_surf_roff"]
    residual = outputs["water_residual"] + gain - timestep * supplied
    runoff = surf_roff + outputs["sub_surf_roff"]
    return outputs | flux._asdict() | {"surf_roff": surf_roff, "runoff": runoff, "water_residual": residual}
