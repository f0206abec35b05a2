"""The land surface of columns: types, switches and what follows from them, from leaf area and from height."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.evaporation import root_fraction
from jules_ml.physics.land_surface.snow_state import SnowParameters
from jules_ml.physics.land_surface.types import SurfaceTypes
from jules_ml.physics.switches import Switches

#: Smallest roughness length of a plant type [m] (``z0_soil``).
Z0_SOIL: Final = 3.0e-4
#: Smallest leaf area index of JULES where it varies in time [1].
LAI_MIN: Final = 0.01
#: Heat capacity of leaves and of wood [J K-1 kg-1 of carbon] (``hleaf``, ``hwood``), and its limit [J K-1 m-2] (``canhc_max``).
HLEAF: Final = 5.7e4
HWOOD: Final = 1.1e4
CANHC_MAX: Final = 1.15e5
#: Carbon of dry leaves as a fraction of their mass [1] (``cmass``).
CMASS: Final = 0.4
#: Extinction of the evaporation of soil by leaves [1].
SOIL_EXTINCTION: Final = 0.5


class TileProperties(NamedTuple):
    """What follows from the types, leaf area and height; tensors of shape (tile, column) or (tile, 1), by JULES's names.

    ``z0`` [m] roughness length for momentum; ``z0h_z0m`` [1] ratio of that for heat to it; ``catch``, ``catch_snow`` [kg m-2] capacity of
    the canopy for water and snow; ``canhc`` [J m-2 K-1] heat capacity of the canopy; ``vfrac`` [1] fraction of the ground under a canopy
    that is separate from it; ``emis`` [1] emissivity; ``infil_f`` [1] infiltration capacity as a multiple of saturated conductivity;
    ``fsoil`` [1] fraction of the conductance of bare soil that remains; ``gs_nvg`` [m s-1] conductance, 0 for PFTs; ``flake`` [1] 1 for
    lakes; ``is_soil`` [1] 1 for bare soil; ``cansnow`` bool, whether snow is held on the canopy.
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
    is_soil: Tensor
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
    f_root : Tensor, shape (pft, layer, column) or (pft, layer, 1)
        Fraction of roots [1].
    z1_tq, z1_uv : float or Tensor, shape (column,)
        Heights of temperature and humidity, and of wind [m].
    bl_height : float or Tensor, shape (column,)
        Height of the boundary layer [m].
    co2_mmr : float or Tensor, shape (column,)
        Mass mixing ratio of carbon dioxide [kg kg-1].
    tiles : TileProperties
        What follows from types, leaf area and height.
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
    co2_mmr: float | Tensor
    tiles: TileProperties

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
        tiles = tile_properties(self.types, self.switches, self.snow, lai, canht)
        return replace(self, lai=lai, canht=canht, tiles=tiles)


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
        Parameters of snow.
    lai, canht : Tensor, shape (pft, column), optional
        Leaf area index [1] and height [m]; by default those of the types.
    z1_tq, z1_uv : float or Tensor, shape (column,)
        Heights of temperature and humidity, and of wind [m].
    bl_height : float or Tensor, shape (column,)
        Height of the boundary layer [m].
    co2_mmr : float or Tensor, shape (column,)
        Mass mixing ratio of carbon dioxide [kg kg-1].

    Returns
    -------
    LandSurface

    Raises
    ------
    ValueError
        If there is no bare soil among the types, or ``frac`` has another number of tiles.
    """
    n_pft, n_tile = types.plants.lai.shape[0], len(types.names)
    if types.soil < n_pft:
        raise ValueError("the surface types include no bare soil, which JULES needs")
    if frac.ndim != 2 or frac.shape[0] != n_tile:
        raise ValueError(f"frac must have shape (tile, column) with {n_tile} tiles: {', '.join(types.names)}")
    switches = Switches() if switches is None else switches
    snow = SnowParameters() if snow is None else snow
    one = torch.ones_like(frac[:1])
    lai = types.plants.lai * one if lai is None else lai
    canht = types.plants.canht_ft * one if canht is None else canht
    depth = types.plants.rootd_ft.unsqueeze(-1)  # (pft, column, 1)
    f_root = root_fraction(depth, dzsoil.squeeze(-1)).transpose(1, 2)
    return LandSurface(
        types=types,
        switches=switches,
        snow=snow,
        frac=frac,
        lai=lai,
        canht=canht,
        albsoil=albsoil,
        f_root=f_root,
        z1_tq=z1_tq,
        z1_uv=z1_uv,
        bl_height=bl_height,
        co2_mmr=co2_mmr,
        tiles=tile_properties(types, switches, snow, lai, canht),
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
        JULES's switches; ``can_model`` and ``l_limit_canhc`` matter.
    snow : SnowParameters
        ``snowloadlai`` matters.
    lai, canht : Tensor, shape (pft, column)
        Leaf area index [1] and canopy height [m].

    Returns
    -------
    TileProperties

    References
    ----------
    Best et al. (2011), sections 2 and 4; JULES routines ``sparm``, ``pft_sparm``, ``cancap``.
    """
    pft, nvg = types.plants, types.others
    bare = torch.zeros_like(nvg.z0_nvg * lai[:1])
    number = torch.arange(lai.shape[0], len(types.names), dtype=lai.dtype, device=lai.device).unsqueeze(-1)

    def all_tiles(plants: Tensor, others: Tensor) -> Tensor:
        return torch.cat([plants + torch.zeros_like(lai), others + bare])

    canhc, vfrac = _canopy_heat(types, switches, lai, canht)
    nothing = torch.zeros_like(lai)
    cansnow = pft.cansnowpft if switches.can_model == 4 else nothing
    return TileProperties(
        z0=all_tiles((pft.dz0v_dh * canht).clamp(min=Z0_SOIL), nvg.z0_nvg),
        z0h_z0m=all_tiles(pft.z0hm_pft, nvg.z0hm_nvg),
        catch=all_tiles(pft.catch0 + pft.dcatch_dlai * lai, nvg.catch_nvg),
        catch_snow=all_tiles(snow.snowloadlai * lai, bare),
        canhc=all_tiles(canhc, nvg.ch_nvg),
        vfrac=all_tiles(vfrac, nvg.vf_nvg),
        emis=all_tiles(pft.emis_pft, nvg.emis_nvg),
        infil_f=all_tiles(pft.infil_f, nvg.infil_nvg),
        fsoil=all_tiles(torch.exp(-SOIL_EXTINCTION * lai), bare),
        gs_nvg=all_tiles(nothing, nvg.gs_nvg),
        flake=all_tiles(nothing, (number == types.lake).to(lai.dtype)),
        is_soil=all_tiles(nothing, (number == types.soil).to(lai.dtype)),
        cansnow=all_tiles(cansnow, bare) > 0.5,
    )


def _canopy_heat(types: SurfaceTypes, switches: Switches, lai: Tensor, canht: Tensor) -> tuple[Tensor, Tensor]:
    """Heat capacity of the canopy [J m-2 K-1] and fraction of the ground under it [1] by ``can_model``, as JULES's ``cancap``."""
    pft = types.plants
    vfrac = 1.0 - torch.exp(-pft.kext * lai) if switches.can_model >= 2 else torch.zeros_like(lai)
    if switches.can_model < 3:
        return torch.zeros_like(lai), vfrac
    lai_bal = (pft.a_ws * pft.eta_sl * canht / pft.a_wl) ** (1.0 / (pft.b_wl - 1.0))
    leaf_carbon = CMASS * pft.lma if switches.l_trait_phys else pft.sigl
    canhc = HLEAF * leaf_carbon * lai_bal + HWOOD * pft.a_wl * lai_bal**pft.b_wl
    return canhc.clamp(max=CANHC_MAX) if switches.l_limit_canhc else canhc, vfrac
