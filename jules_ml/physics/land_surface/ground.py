r"""What lies under the surface, and the albedo of the tiles.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, sections 2 and 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.physics.canopy import broadband_albedo, spectral_albedo
from jules_ml.physics.land_surface.conductance import SoilBelow
from jules_ml.physics.land_surface.energy import Ground
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.grains import grain_albedo
from jules_ml.physics.snowpack.state import SnowState
from jules_ml.physics.snowpack.surface import diagnostic_albedo, ground_conduction, has_layers, prognostic_albedo


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


def tile_albedo(tstar: Tensor, depth: Tensor, rgrain: Tensor, cosz: Tensor, surface: LandSurface) -> Tensor:
    """Albedo of the tiles for all shortwave radiation.

    With ``l_spec_albedo`` it is the mean over direct and diffuse, visible and near-infrared light, weighted by ``wght_alb``.

    Parameters
    ----------
    tstar : Tensor, shape (tile, column)
        Surface temperature [K].
    depth : Tensor, shape (tile, column)
        Depth of the snow that the light meets [m].
    rgrain : Tensor, shape (tile, column)
        Grain size of the snow [micrometre].
    cosz : Tensor, shape (column,)
        Cosine of the solar zenith angle [1].
    surface : LandSurface
        Tiles.

    Returns
    -------
    Tensor, shape (tile, column)
        [1].

    References
    ----------
    Best et al. (2011), section 2.5; JULES routines ``jules_land_albedo``, ``calc_downward_rad``.
    """
    types = surface.types
    snowy = depth[: surface.n_pft] > 0.0
    bare, covered = broadband_albedo(types.plants, types.others, surface.lai, surface.albsoil, snowy)
    if not surface.switches.l_spec_albedo:
        return diagnostic_albedo(bare, covered, depth, tstar, surface.snow, surface.switches)
    bands = _bare_bands(snowy, cosz, surface)
    if surface.switches.l_snow_albedo:
        # no soot, as in the stand-alone JULES
        snow = grain_albedo(rgrain, cosz, 0.0, surface.snow)
        tiles = surface.tiles
        bands = prognostic_albedo(bands, snow, depth, tiles.z0, tiles.cansnow, surface.snow, surface.switches)
    else:
        bands = diagnostic_albedo(bands, covered, depth, tstar, surface.snow, surface.switches)
    weighted = [w * band for w, band in zip(surface.wght_alb, bands.unbind(0), strict=True) if w != 0.0]
    return sum_over_layers(weighted)


def _bare_bands(snowy: Tensor, cosz: Tensor, surface: LandSurface) -> Tensor:
    """Albedo of the tiles without snow in four bands, shape (4, tile, column)."""
    plants, others = surface.types.plants, surface.types.others
    lai = torch.maximum(surface.lai, torch.where(snowy, plants.lai_alb_lim_sn, plants.lai_alb_lim))
    soil = surface.albsoil + torch.zeros_like(lai)
    vegetation = spectral_albedo(plants, lai, cosz, torch.stack((soil, soil)), torch.stack((soil, soil)))
    without = torch.where(others.albsnf_nvg < 0.0, surface.albsoil, others.albsnf_nvg) + torch.zeros_like(
        vegetation[0, :1]
    )
    return torch.cat((vegetation, without.expand(4, *without.shape)), dim=1)
