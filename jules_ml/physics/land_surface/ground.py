r"""What lies under the surface, and the albedo of the tiles.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, sections 2 and 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.physics.canopy import broadband_albedo
from jules_ml.physics.land_surface.conductance import SoilBelow
from jules_ml.physics.land_surface.energy import Ground
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.snowpack.state import SnowState
from jules_ml.physics.snowpack.surface import diagnostic_albedo, ground_conduction, has_layers


def ground_of_tiles(snow: SnowState, soil: SoilBelow, rhokh_can: Tensor, surface: LandSurface) -> Ground:
    """Temperature and conductance of the ground under the tiles: snow with layers, or soil.

    Parameters
    ----------
    snow : SnowState
        Snow of the tiles.
    soil : SoilBelow
        Soil layers.
    rhokh_can : Tensor, shape (tile, column)
        Conductance of the air in the canopy [W m-2 K-1].
    surface : LandSurface
        Tiles.

    Returns
    -------
    Ground

    References
    ----------
    Best et al. (2011), sections 2.1 and 4; JULES routine ``jules_land_sf_explicit``.
    """
    tiles, switches = surface.tiles, surface.switches
    conduction = ground_conduction(snow, soil.t_soil[0], soil.hcons, soil.dzsoil[0], surface.snow, switches)
    canhc = tiles.canhc
    if switches.nsmax > 0 and switches.l_snow_nocan_hc:
        canhc = torch.where(has_layers(snow) & ~tiles.cansnow, 0.0, canhc)
    return Ground(
        tsurf=conduction.tsurf,
        ashtf=conduction.ashtf,
        canhc=canhc,
        vfrac=tiles.vfrac,
        rhokh_can=rhokh_can,
        emis=tiles.emis,
        emis_soil=tiles.emis[surface.types.soil],
    )


def tile_albedo(tstar: Tensor, depth: Tensor, surface: LandSurface) -> Tensor:
    """Albedo of the tiles for all shortwave radiation.

    Parameters
    ----------
    tstar : Tensor, shape (tile, column)
        Surface temperature [K].
    depth : Tensor, shape (tile, column)
        Depth of the snow that the light meets [m].
    surface : LandSurface
        Tiles.

    Returns
    -------
    Tensor, shape (tile, column)
        [1].

    References
    ----------
    Best et al. (2011), section 2.5; JULES routine ``jules_land_albedo``.
    """
    types = surface.types
    snowy = depth[: surface.n_pft] > 0.0
    bare, covered = broadband_albedo(types.plants, types.others, surface.lai, surface.albsoil, snowy)
    return diagnostic_albedo(bare, covered, depth, tstar, surface.snow, surface.switches)
