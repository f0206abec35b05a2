"""Tiles without area: they do not change, and their fluxes are 0.

JULES does not step them either. A compiled step leaves them out, because nothing that they would do counts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.physics.land_surface.state import LandSurfaceFluxes, LandSurfaceState
from jules_ml.physics.snowpack.state import SnowState

#: First of the outputs by tile or PFT; those before it are of the grid box.
_FIRST_BY_TILE = LandSurfaceFluxes._fields.index("tstar")


def of_present_tiles(
    frac: Tensor, old: LandSurfaceState, new: LandSurfaceState, fluxes: LandSurfaceFluxes
) -> tuple[LandSurfaceState, LandSurfaceFluxes]:
    """Keep the state of tiles without area, and set their fluxes to 0.

    Parameters
    ----------
    frac : Tensor, shape (tile, column)
        Fractions of the tiles [1].
    old, new : LandSurfaceState
        At the start and the end of the step.
    fluxes : LandSurfaceFluxes
        Outputs of all tiles.

    Returns
    -------
    LandSurfaceState
        At the end of the step.
    LandSurfaceFluxes
        Outputs.
    """
    present = frac > 0.0

    def kept(after: Tensor, before: Tensor) -> Tensor:
        return torch.where(present, after, before)

    state = new._replace(
        tstar=kept(new.tstar, old.tstar),
        canopy=kept(new.canopy, old.canopy),
        snow=SnowState(*(kept(*each) for each in zip(new.snow, old.snow, strict=True))),
    )
    by_tile = (torch.where(present[: x.shape[0]], x, 0.0) for x in fluxes[_FIRST_BY_TILE:])
    return state, LandSurfaceFluxes(*fluxes[:_FIRST_BY_TILE], *by_tile)._replace(tstar=state.tstar)
