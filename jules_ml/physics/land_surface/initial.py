"""State of the land surface at the start of a run."""

from __future__ import annotations

from torch import Tensor

from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandSurfaceState
from jules_ml.physics.snowpack.state import SnowTiles, initial_snow


def initial_surface(
    surface: LandSurface,
    t_soil1: Tensor,
    *,
    tstar: Tensor | None = None,
    canopy: Tensor | None = None,
    snow_tile: Tensor | None = None,
    rgrain: Tensor | None = None,
) -> LandSurfaceState:
    """State of the surface at the start of a run.

    Parameters
    ----------
    surface : LandSurface
        Tiles, parameters and switches.
    t_soil1 : Tensor, shape (column,)
        Temperature of the top soil layer [K].
    tstar : Tensor, shape (tile, column), optional
        Surface temperature [K]; default: that of the top soil layer.
    canopy : Tensor, shape (tile, column), optional
        Water on leaves [kg m-2]; default: none.
    snow_tile : Tensor, shape (tile, column), optional
        Snow mass [kg m-2], all on the ground (``total_snow``); default: none.
    rgrain : Tensor, shape (tile, column), optional
        Grain size of snow [micrometre]; default: that of fresh snow.

    Returns
    -------
    LandSurfaceState
    """
    nothing = 0.0 * (surface.frac * t_soil1)
    snow = initial_snow(
        nothing if snow_tile is None else nothing + snow_tile,
        nothing + (surface.snow.r0 if rgrain is None else rgrain),
        t_soil1 + nothing[0],
        SnowTiles(surface.frac, surface.tiles.catch_snow, surface.tiles.cansnow),
        surface.snow,
        surface.switches,
    )
    return LandSurfaceState(
        tstar=nothing + (t_soil1 if tstar is None else tstar),
        canopy=nothing if canopy is None else nothing + canopy,
        gs=nothing[0],
        snow=snow,
    )
