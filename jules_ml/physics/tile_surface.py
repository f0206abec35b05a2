r"""Properties of the surface scheme from parameters of surface types that are tensors, so that gradients flow through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from jules_ml.physics.evaporation import SOIL_EXTINCTION, root_fraction
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface_variables import SurfaceProperties
from jules_ml.physics.tiles import HLEAF, HWOOD

#: Height of a canopy without plants in its allometry [m]: its heat capacity is not used, and its derivative remains finite.
_NO_CANOPY: Final = 1.0


def tile_surface(
    parameters: Mapping[str, Tensor],
    frac: Tensor,
    *,
    albsoil: Tensor,
    dzsoil: Tensor,
    height: Tensor,
) -> SurfaceProperties:
    """Derive the properties of the surface scheme; the equations are those of :func:`jules_ml.physics.tiles.surface_properties`.

    Parameters
    ----------
    parameters : mapping of str to Tensor, shape (tile, column)
        Parameters of :class:`~jules_ml.physics.tiles.Tile` by name; ``lai`` is 0 on tiles without plants.
    frac : Tensor, shape (tile, column)
        Fraction of each tile [1].
    albsoil : Tensor, shape (column,)
        Albedo of the bare ground [1].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    height : Tensor, shape (column,)
        Height of the forcing [m].

    Returns
    -------
    SurfaceProperties
        Shape (tile, column), ``f_root`` (tile, layer, column).

    References
    ----------
    Best et al. (2011), sections 2-4; Clark et al. (2011), eqs for allometry; Essery et al. (2003).
    """
    p = parameters
    planted = p["lai"] > 0.0
    canht = torch.where(planted, p["canht_ft"], _NO_CANOPY)
    z0 = torch.where(planted, canht * p["dz0v_dh"], p["z0_nvg"])
    cover = 1.0 - torch.exp(-p["kext"] * p["lai"])
    balanced_lai = (p["a_ws"] * p["eta_sl"] * canht / p["a_wl"]) ** (1.0 / (p["b_wl"] - 1.0))
    canhc = HLEAF * p["sigl"] * balanced_lai + HWOOD * p["a_wl"] * balanced_lai ** p["b_wl"]
    roots = root_fraction(p["rootd_ft"][..., None], dzsoil.flatten())
    return SurfaceProperties(
        frac=frac,
        lai=p["lai"],
        albedo=albsoil * (1.0 - cover) + p["albsnf_max"] * cover,
        albedo_snow=p["albsnc_min"] * (1.0 - cover) + p["albsnc_max"] * cover,
        emis=p["emis"],
        z0=z0,
        log_m=torch.log((height + z0) / z0),
        log_h=torch.log((height + z0) / (p["z0hm"] * z0)),
        catch=p["catch0"] + p["dcatch_dlai"] * p["lai"],
        canhc=torch.where(planted, canhc, 0.0),
        vfrac=cover,
        fsoil=torch.exp(-SOIL_EXTINCTION * p["lai"]),
        infil=p["infil_f"],
        f_root=roots.movedim(-1, 1),
        leaf=LeafParameters(
            vcmax25=p["neff"] * p["nl0"], **{name: p[name] for name in LeafParameters._fields if name != "vcmax25"}
        ),
    )
