"""Surface tiles: JULES's five plant functional types and bare soil, and their properties in the surface scheme.

References
----------
Parameters: Best et al. (2011), Geosci. Model Dev. 4, 677-699, tables 3-5; Clark et al. (2011), Geosci. Model Dev. 4, 701-722, table 2,
as in JULES's standard five-type configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jules_ml.physics.evaporation import SOIL_EXTINCTION, root_fraction
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import SurfaceProperties

#: Heat capacity of leaf and wood carbon [J K-1 kg-1] (``hleaf``, ``hwood``).
HLEAF, HWOOD = 5.7e4, 1.1e4


@dataclass(frozen=True)
class Tile:
    """Parameters of one surface type, by JULES's namelist names without the suffix ``_io``.

    A tile with ``lai`` 0 is bare: the photosynthesis parameters have no effect, and ``z0_nvg``, ``emis`` and the albedos are those of the
    ground.
    """

    name: str
    lai: float
    canht_ft: float
    rootd_ft: float
    albsnf_max: float
    albsnc_min: float
    albsnc_max: float
    emis: float
    infil_f: float
    catch0: float
    dcatch_dlai: float
    dz0v_dh: float
    z0hm: float
    z0_nvg: float = 0.0
    kext: float = 0.5
    neff: float = 0.0008
    nl0: float = 0.04
    c3: bool = True
    alpha: float = 0.08
    omega: float = 0.15
    f0: float = 0.875
    dqcrit: float = 0.09
    fd: float = 0.015
    kpar: float = 0.5
    kn: float = 0.78
    tlow: float = 0.0
    tupp: float = 36.0
    q10_leaf: float = 2.0
    glmin: float = 1e-6
    a_wl: float = 0.65
    a_ws: float = 10.0
    b_wl: float = 1.667
    eta_sl: float = 0.01
    sigl: float = 0.0375


BROADLEAF_TREE = Tile(
    "broadleaf tree",
    lai=5.0,
    canht_ft=19.01,
    rootd_ft=3.0,
    albsnf_max=0.143,
    albsnc_min=0.3,
    albsnc_max=0.25,
    emis=0.98,
    infil_f=4.0,
    catch0=0.5,
    dcatch_dlai=0.05,
    dz0v_dh=0.05,
    z0hm=1.65,
)
NEEDLELEAF_TREE = Tile(
    "needleleaf tree",
    lai=4.0,
    canht_ft=16.38,
    rootd_ft=1.0,
    albsnf_max=0.088,
    albsnc_min=0.3,
    albsnc_max=0.25,
    emis=0.99,
    infil_f=4.0,
    catch0=0.5,
    dcatch_dlai=0.05,
    dz0v_dh=0.05,
    z0hm=1.65,
    nl0=0.03,
    dqcrit=0.06,
    tlow=-5.0,
    tupp=31.0,
    sigl=0.1,
)
C3_GRASS = Tile(
    "C3 grass",
    lai=2.0,
    canht_ft=0.79,
    rootd_ft=0.5,
    albsnf_max=0.192,
    albsnc_min=0.8,
    albsnc_max=0.6,
    emis=0.98,
    infil_f=2.0,
    catch0=0.5,
    dcatch_dlai=0.05,
    dz0v_dh=0.1,
    z0hm=0.1,
    nl0=0.06,
    f0=0.9,
    dqcrit=0.1,
    a_wl=0.005,
    a_ws=1.0,
    sigl=0.025,
)
C4_GRASS = Tile(
    "C4 grass",
    lai=4.0,
    canht_ft=1.26,
    rootd_ft=0.5,
    albsnf_max=0.159,
    albsnc_min=0.8,
    albsnc_max=0.6,
    emis=0.98,
    infil_f=2.0,
    catch0=0.5,
    dcatch_dlai=0.05,
    dz0v_dh=0.1,
    z0hm=0.1,
    neff=0.0004,
    nl0=0.03,
    c3=False,
    alpha=0.04,
    omega=0.17,
    f0=0.8,
    dqcrit=0.075,
    fd=0.025,
    tlow=13.0,
    tupp=45.0,
    a_wl=0.005,
    a_ws=1.0,
    sigl=0.05,
)
SHRUB = Tile(
    "shrub",
    lai=1.0,
    canht_ft=1.0,
    rootd_ft=0.5,
    albsnf_max=0.115,
    albsnc_min=0.8,
    albsnc_max=0.4,
    emis=0.98,
    infil_f=2.0,
    catch0=0.5,
    dcatch_dlai=0.05,
    dz0v_dh=0.1,
    z0hm=0.1,
    nl0=0.03,
    f0=0.9,
    dqcrit=0.1,
    a_wl=0.1,
    sigl=0.05,
)
BARE_SOIL = Tile(
    "bare soil",
    lai=0.0,
    canht_ft=0.0,
    rootd_ft=0.5,
    albsnf_max=0.11,
    albsnc_min=0.8,
    albsnc_max=0.8,
    emis=0.9,
    infil_f=0.5,
    catch0=0.0,
    dcatch_dlai=0.0,
    dz0v_dh=0.0,
    z0hm=0.02,
    z0_nvg=0.001,
)


def surface_properties(
    tiles: Sequence[Tile],
    frac: Sequence[float],
    *,
    albsoil: float,
    dzsoil: Tensor,
    height: float,
    wind_height: float | None = None,
) -> SurfaceProperties:
    r"""Derive the properties of the surface scheme from tiles and their fractions.

    Neutral profiles reach from the roughness lengths :math:`z_0 = h\,\mathrm{d}z_0/\mathrm{d}h` and :math:`z_{0h}` to ``height`` above the
    origin of :math:`z_0`. Snow-free albedo, leaf cover and canopy capacity follow from leaf area, and the heat capacity of the canopy from
    its leaf and wood carbon, which follow from height by allometry.

    Parameters
    ----------
    tiles : sequence of Tile
        Surface types.
    frac : sequence of float
        Fraction of each tile [1]; their sum is 1.
    albsoil : float
        Albedo of the bare ground [1].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m]; the result has the same dtype.
    height : float
        Height of the forcing [m].
    wind_height : float, optional
        Height of the wind [m], if it is another one.

    Returns
    -------
    SurfaceProperties
        Tensors of shape (tile, 1), ``f_root`` (tile, layer, 1).

    Raises
    ------
    ValueError
        If the sum of the fractions is not 1, or a tile has no fraction.

    References
    ----------
    Best et al. (2011), sections 2-4; Clark et al. (2011), eqs for allometry; Essery et al. (2003).
    """
    if len(tiles) != len(frac) or abs(sum(frac) - 1.0) > 1e-3:
        raise ValueError(
            f"each tile needs a fraction, and their sum must be 1: fractions {list(frac)} for tiles {[t.name for t in tiles]}"
        )

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(list(values), dtype=dzsoil.dtype).unsqueeze(-1)

    z0 = [t.canht_ft * t.dz0v_dh if t.lai > 0.0 else t.z0_nvg for t in tiles]
    cover = [1.0 - math.exp(-t.kext * t.lai) for t in tiles]
    roots = [root_fraction(torch.tensor(t.rootd_ft, dtype=dzsoil.dtype), dzsoil.flatten()) for t in tiles]
    return SurfaceProperties(
        frac=column(frac),
        lai=column([t.lai for t in tiles]),
        albedo=column([albsoil * (1.0 - c) + t.albsnf_max * c for t, c in zip(tiles, cover, strict=True)]),
        albedo_snow=column([t.albsnc_min * (1.0 - c) + t.albsnc_max * c for t, c in zip(tiles, cover, strict=True)]),
        emis=column([t.emis for t in tiles]),
        z0=column(z0),
        log_m=column([math.log(((wind_height or height) + z) / z) for z in z0]),
        log_h=column([math.log((height + z) / (t.z0hm * z)) for t, z in zip(tiles, z0, strict=True)]),
        catch=column([t.catch0 + t.dcatch_dlai * t.lai for t in tiles]),
        canhc=column([_canopy_heat_capacity(t) for t in tiles]),
        vfrac=column(cover),
        fsoil=column([math.exp(-SOIL_EXTINCTION * t.lai) for t in tiles]),
        infil=column([t.infil_f for t in tiles]),
        f_root=torch.stack(roots).unsqueeze(-1),
        leaf=LeafParameters(
            vcmax25=column([t.neff * t.nl0 for t in tiles]),
            c3=column([float(t.c3) for t in tiles]),
            alpha=column([t.alpha for t in tiles]),
            omega=column([t.omega for t in tiles]),
            f0=column([t.f0 for t in tiles]),
            dqcrit=column([t.dqcrit for t in tiles]),
            fd=column([t.fd for t in tiles]),
            kpar=column([t.kpar for t in tiles]),
            kn=column([t.kn for t in tiles]),
            tlow=column([t.tlow for t in tiles]),
            tupp=column([t.tupp for t in tiles]),
            q10_leaf=column([t.q10_leaf for t in tiles]),
            glmin=column([t.glmin for t in tiles]),
        ),
    )


def _canopy_heat_capacity(tile: Tile) -> float:
    """Heat capacity of leaves and wood [J m-2 K-1] by allometry (Clark et al. 2011, section 4)."""
    if tile.lai <= 0.0:
        return 0.0
    balanced_lai: float = (tile.a_ws * tile.eta_sl * tile.canht_ft / tile.a_wl) ** (1.0 / (tile.b_wl - 1.0))
    wood: float = tile.a_wl * balanced_lai**tile.b_wl
    return HLEAF * tile.sigl * balanced_lai + HWOOD * wood


#: Surface types by the names of an experiment file.
TILES = {
    "broadleaf_tree": BROADLEAF_TREE,
    "needleleaf_tree": NEEDLELEAF_TREE,
    "c3_grass": C3_GRASS,
    "c4_grass": C4_GRASS,
    "shrub": SHRUB,
    "bare_soil": BARE_SOIL,
}
