"""The land surface of columns: types, switches and what follows from them, from leaf area and from height."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy import CanopyProperties, canopy_properties, root_fractions, vegetation_properties
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.surface_types import SurfaceTypes
from jules_ml.physics.switches import Switches

#: Smallest leaf area index of JULES where it varies in time [1].
LAI_MIN: Final = 0.01
#: JULES's default weights of direct and diffuse visible, and direct and diffuse near-infrared light: half of it is visible, all diffuse.
WGHT_ALB: Final = (0.0, 0.5, 0.0, 0.5)


class TileProperties(NamedTuple):
    """What follows from the types, leaf area and height; tensors of shape (tile, column) or (tile, 1), by JULES's names.

    ``z0`` [m] roughness length for momentum; ``z0h_z0m`` [1] ratio of that for heat to it; ``catch``, ``catch_snow`` [kg m-2] capacity of
    the canopy for water and snow; ``canhc`` [J m-2 K-1] heat capacity of the canopy; ``vfrac`` [1] fraction of the ground under a canopy
    that is separate from it; ``emis`` [1] emissivity; ``infil_f`` [1] infiltration capacity as a multiple of saturated conductivity;
    ``fsoil`` [1] fraction of the conductance of bare soil that remains; ``gs_nvg`` [m s-1] conductance of the other types, 0 for PFTs and
    soil; ``flake`` [1] 1 for lakes; ``cansnow`` bool, whether snow is held on the canopy.
    """

    z0: Tensor
    z0h_z0m: Tensor
    catch: Tensor
    catch_snow: Tensor
    canhc: Tensor
    vfrac: Tensor
    emis: Tensor
    infil_f: Tensor
    fsoil: Tensor
    gs_nvg: Tensor
    flake: Tensor
    cansnow: Tensor


@dataclass(frozen=True, kw_only=True)
class LandSurface:
    """The land surface of columns; make it with :func:`land_surface`.

    Attributes
    ----------
    types : SurfaceTypes
        Parameters of the surface types.
    switches : Switches
        JULES's switches.
    snow : SnowParameters
        Parameters of snow.
    frac : Tensor, shape (tile, column)
        Fractions of the grid box [1].
    lai, canht : Tensor, shape (pft, column)
        Leaf area index [1] and canopy height [m].
    albsoil : Tensor, shape (column,)
        Albedo of bare soil [1].
    f_root : Tensor, shape (layer, pft, column) or (layer, pft, 1)
        Fraction of roots [1].
    z1_tq, z1_uv : float or Tensor, shape (column,)
        Heights of temperature and humidity, and of wind [m].
    bl_height : float or Tensor, shape (column,)
        Height of the boundary layer [m].
    co2_mmr : Tensor, shape (column,) or (1,)
        Mass mixing ratio of carbon dioxide [kg kg-1].
    tiles : TileProperties
        What the surface exchange needs of types, leaf area and height.
    canopy : CanopyProperties
        What photosynthesis needs of them.
    wind_unloads : bool
        Whether wind takes snow from canopies (``unload_rate_u`` of a type is not 0).
    wght_alb : tuple of float
        Weights of direct visible, diffuse visible, direct near-infrared and diffuse near-infrared light with ``l_spec_albedo`` [1].
    """

    types: SurfaceTypes
    switches: Switches
    snow: SnowParameters
    frac: Tensor
    lai: Tensor
    canht: Tensor
    albsoil: Tensor
    f_root: Tensor
    z1_tq: float | Tensor
    z1_uv: float | Tensor
    bl_height: float | Tensor
    co2_mmr: Tensor
    tiles: TileProperties
    canopy: CanopyProperties
    wind_unloads: bool
    wght_alb: tuple[float, ...] = WGHT_ALB

    @property
    def n_pft(self) -> int:
        """Number of PFTs."""
        return self.lai.shape[0]

    def with_vegetation(self, lai: Tensor | None, canht: Tensor | None) -> LandSurface:
        """Replace leaf area and height, and recompute what follows from them.

        Parameters
        ----------
        lai, canht : Tensor, shape (pft, column), or None
            Leaf area index [1] and canopy height [m]; ``None`` keeps the present ones.

        Returns
        -------
        LandSurface
        """
        if lai is None and canht is None:
            return self
        lai = self.lai if lai is None else lai.clamp(min=LAI_MIN)
        canht = self.canht if canht is None else canht
        return replace(
            self,
            lai=lai,
            canht=canht,
            tiles=tile_properties(self.types, self.switches, self.snow, lai, canht),
            canopy=canopy_properties(self.types.plants, lai, canht, self.albsoil, self.switches),
        )


def land_surface(
    types: SurfaceTypes,
    frac: Tensor,
    *,
    dzsoil: Tensor,
    albsoil: Tensor,
    switches: Switches | None = None,
    snow: SnowParameters | None = None,
    lai: Tensor | None = None,
    canht: Tensor | None = None,
    z1_tq: float | Tensor = 10.0,
    z1_uv: float | Tensor = 10.0,
    bl_height: float | Tensor = 1000.0,
    co2_mmr: float | Tensor = 5.941e-4,
    wght_alb: tuple[float, ...] = WGHT_ALB,
) -> LandSurface:
    """Make the land surface of columns.

    Parameters
    ----------
    types : SurfaceTypes
        Parameters of the surface types; one of them is bare soil.
    frac : Tensor, shape (tile, column)
        Fractions of the grid box [1].
    dzsoil : Tensor, shape (layer, 1)
        Thickness of the soil layers [m].
    albsoil : Tensor, shape (column,)
        Albedo of bare soil [1].
    switches : Switches, optional
        JULES's switches.
    snow : SnowParameters, optional
        Parameters of snow; ``cansnowtile`` is taken from the types.
    lai, canht : Tensor, shape (pft, column), optional
        Leaf area index [1] and height [m]; by default those of the types.
    z1_tq, z1_uv : float or Tensor, shape (column,)
        Heights of temperature and humidity, and of wind [m].
    bl_height : float or Tensor, shape (column,)
        Height of the boundary layer [m].
    co2_mmr : float or Tensor, shape (column,)
        Mass mixing ratio of carbon dioxide [kg kg-1].
    wght_alb : tuple of float
        Weights of the four bands of shortwave radiation with ``l_spec_albedo`` [1].

    Returns
    -------
    LandSurface

    Raises
    ------
    ValueError
        If there is no bare soil among the types, ``frac`` has another number of tiles, or there are fewer ``dzsnow`` than ``nsmax``.
    """
    n_pft, n_tile = types.plants.lai.shape[0], len(types.names)
    if types.soil < n_pft:
        raise ValueError("the surface types include no bare soil, which JULES needs")
    if frac.ndim != 2 or frac.shape[0] != n_tile:
        raise ValueError(f"frac must have shape (tile, column) with {n_tile} tiles: {', '.join(types.names)}")
    switches = Switches() if switches is None else switches
    snow = SnowParameters() if snow is None else snow
    if len(snow.dzsnow) < switches.nsmax:
        raise ValueError(f"dzsnow has {len(snow.dzsnow)} values, and nsmax is {switches.nsmax}")
    one = torch.ones_like(frac[:1])
    lai = types.plants.lai * one if lai is None else lai
    canht = types.plants.canht_ft * one if canht is None else canht
    tiles = tile_properties(types, switches, snow, lai, canht)
    return LandSurface(
        types=types,
        switches=switches,
        snow=replace(snow, cansnowtile=tuple(bool(row.any()) for row in tiles.cansnow)),
        frac=frac,
        lai=lai,
        canht=canht,
        albsoil=albsoil,
        f_root=root_fractions(types.plants, dzsoil.squeeze(-1)),
        z1_tq=z1_tq,
        z1_uv=z1_uv,
        bl_height=bl_height,
        co2_mmr=torch.as_tensor(co2_mmr, dtype=frac.dtype).reshape(-1),
        tiles=tiles,
        canopy=canopy_properties(types.plants, lai, canht, albsoil, switches),
        wind_unloads=bool((types.plants.unload_rate_u != 0.0).any()),
        wght_alb=wght_alb,
    )


def tile_properties(
    types: SurfaceTypes, switches: Switches, snow: SnowParameters, lai: Tensor, canht: Tensor
) -> TileProperties:
    """Compute the properties of tiles that follow from types, leaf area and height.

    Parameters
    ----------
    types : SurfaceTypes
        Parameters of the surface types.
    switches : Switches
        JULES's switches.
    snow : SnowParameters
        ``snowloadlai`` matters.
    lai, canht : Tensor, shape (pft, column)
        Leaf area index [1] and canopy height [m].

    Returns
    -------
    TileProperties

    References
    ----------
    Best et al. (2011), sections 2 and 4; JULES routine ``sparm``.
    """
    pft, nvg = types.plants, types.others
    vegetation = vegetation_properties(pft, lai, canht, switches)
    nothing = torch.zeros_like(lai)
    bare = torch.zeros_like(nvg.z0_nvg * lai[:1])
    rows = range(lai.shape[0], len(types.names))

    def all_tiles(plants: Tensor, others: Tensor) -> Tensor:
        return torch.cat([plants + nothing, others + bare])

    def marks(row: int) -> Tensor:
        return torch.tensor([[float(n == row)] for n in rows], dtype=lai.dtype)

    cansnow = pft.cansnowpft if switches.can_model == 4 else nothing
    return TileProperties(
        z0=all_tiles(vegetation.z0, nvg.z0_nvg),
        z0h_z0m=all_tiles(pft.z0hm_pft, nvg.z0hm_nvg),
        catch=all_tiles(vegetation.catch, nvg.catch_nvg),
        catch_snow=all_tiles(snow.snowloadlai * lai, bare),
        canhc=all_tiles(vegetation.canhc, nvg.ch_nvg),
        vfrac=all_tiles(vegetation.vfrac, nvg.vf_nvg),
        emis=all_tiles(pft.emis_pft, nvg.emis_nvg),
        infil_f=all_tiles(pft.infil_f, nvg.infil_nvg),
        fsoil=all_tiles(vegetation.fsoil, bare),
        gs_nvg=all_tiles(nothing, nvg.gs_nvg * (1.0 - marks(types.soil))),
        flake=all_tiles(nothing, marks(types.lake)),
        cansnow=all_tiles(cansnow, bare) > 0.5,
    )
