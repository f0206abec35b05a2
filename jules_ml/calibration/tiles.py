"""Surface types of the sites of a calibration, and their surface as a function of parameter values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor

from jules_ml.calibration.site import DTYPE, CalibrationSite
from jules_ml.column.setup import type_with
from jules_ml.physics.canopy.leaf import EPCO2
from jules_ml.physics.land_surface.properties import LandSurface, land_surface
from jules_ml.physics.surface import SurfaceProperties
from jules_ml.physics.surface_types import OtherTypes, PlantTypes
from jules_ml.physics.tile_surface import tile_surface
from jules_ml.physics.tiles import Tile

#: Parameters of tiles of the simple surface that are numbers.
_SIMPLE: Final = tuple(field.name for field in fields(Tile) if field.name != "name")


@dataclass(frozen=True, eq=False)
class Tiles:
    """Surface types of several sites.

    Attributes
    ----------
    prior : dict of str to Tensor, shape (row, site)
        Parameters of the experiments; a row is a tile of the simple surface, or a PFT of JULES's land surface.
    types : tuple of tuple of (str or None)
        Surface type of each row of each site, as the experiment names it; None for rows without area.
    frac : Tensor, shape (tile, site)
        Fraction of each tile [1].
    land : LandSurface or None
        JULES's land surface of the first site; None for the simple surface.
    others : OtherTypes or None
        Parameters of the types without vegetation, shape (type, site) each.
    """

    prior: Mapping[str, Tensor]
    types: tuple[tuple[str | None, ...], ...]
    frac: Tensor
    land: LandSurface | None = None
    others: OtherTypes | None = None

    def surface(
        self, values: Mapping[str, Tensor], *, dzsoil: Tensor, height: Tensor, co2: Tensor
    ) -> SurfaceProperties | LandSurface:
        """Make the surface of copies of the columns.

        Parameters
        ----------
        values : mapping of str to Tensor, shape (row, copy * site)
            Values of all parameters; gradients flow through them.
        dzsoil : Tensor, shape (layer, 1)
            Layer thicknesses [m].
        height : Tensor, shape (copy * site,)
            Height of the weather [m].
        co2 : Tensor, shape (copy * site,)
            Mole fraction of carbon dioxide [1].

        Returns
        -------
        SurfaceProperties or LandSurface
        """
        copies = len(height) // self.frac.shape[1]
        frac, albsoil = self.frac.repeat(1, copies), values["albsoil"][0]
        if self.land is None:
            parameters = {name: values[name] for name in _SIMPLE}
            return tile_surface(parameters, frac, albsoil=albsoil, dzsoil=dzsoil, height=height)
        assert self.others is not None
        types = self.land.types._replace(
            plants=PlantTypes(*(values[name] for name in PlantTypes._fields)),
            others=OtherTypes(*(each.repeat(1, copies) for each in self.others)),
        )
        return land_surface(
            types,
            frac,
            dzsoil=dzsoil,
            albsoil=albsoil,
            switches=self.land.switches,
            snow=self.land.snow,
            z1_tq=height,
            z1_uv=height,
            bl_height=self.land.bl_height,
            co2_mmr=co2 * EPCO2,
            wght_alb=self.land.wght_alb,
        )


def site_tiles(sites: Sequence[CalibrationSite]) -> Tiles:
    """Combine the surface types of sites that all have the simple surface, or all that of JULES.

    Parameters
    ----------
    sites : sequence of CalibrationSite

    Returns
    -------
    Tiles
    """
    lands = [site.land for site in sites if site.land is not None]
    return _land_tiles(sites, lands) if lands else _simple_tiles(sites)


def _simple_tiles(sites: Sequence[CalibrationSite]) -> Tiles:
    """Tiles in the order of each experiment; a site with fewer tiles gets copies of its last one without area."""
    sections = [site.tiles for site in sites]
    n_tiles = max(map(len, sections))
    tiles = [[type_with(tile) for tile in section] for section in sections]
    filled = [of_site + [of_site[-1]] * (n_tiles - len(of_site)) for of_site in tiles]
    frac = [[each.frac for each in section] + [0.0] * (n_tiles - len(section)) for section in sections]
    area = torch.tensor(frac, dtype=DTYPE).T
    return Tiles(
        prior={
            name: torch.tensor([[float(getattr(tile, name)) for tile in of_site] for of_site in filled], dtype=DTYPE).T
            for name in _SIMPLE
        },
        types=tuple(
            tuple([str(tile.type) for tile in section] + [None] * (n_tiles - len(section))) for section in sections
        ),
        frac=area / area.sum(0),
    )


def _land_tiles(sites: Sequence[CalibrationSite], lands: Sequence[LandSurface]) -> Tiles:
    """PFTs of JULES, in its order."""
    n_pft, n_others = lands[0].n_pft, len(lands[0].types.names) - lands[0].n_pft
    plants = zip(*(land.types.plants for land in lands), strict=True)
    others = zip(*(land.types.others for land in lands), strict=True)
    names = []
    for site in sites:
        by_row: dict[int, str] = {row: str(tile.type) for row, tile in zip(site.rows, site.tiles, strict=True)}
        names.append(tuple(by_row.get(row) for row in range(n_pft)))
    return Tiles(
        prior={
            name: torch.cat([x.expand(n_pft, 1) for x in of_sites], dim=1)
            for name, of_sites in zip(PlantTypes._fields, plants, strict=True)
        },
        types=tuple(names),
        frac=torch.cat([land.frac for land in lands], dim=1),
        land=lands[0],
        others=OtherTypes(*(torch.cat([x.expand(n_others, 1) for x in of_sites], dim=1) for of_sites in others)),
    )
