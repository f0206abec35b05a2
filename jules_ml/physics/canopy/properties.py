"""Properties of vegetation that follow from its leaf area and height."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.canopy.light import DiffuseLight, diffuse_light
from jules_ml.physics.constants import VKMAN
from jules_ml.physics.surface_types import PlantTypes
from jules_ml.physics.switches import Switches

#: Heat capacity of leaf and wood carbon [J K-1 kg-1] (``hleaf``, ``hwood``), and its limit under ``l_limit_canhc`` [J K-1 m-2].
HLEAF, HWOOD, CANHC_MAX = 5.7e4, 1.1e4, 1.15e5
#: Smallest roughness length of vegetation [m].
Z0_SOIL = 3.0e-4
#: Carbon in dry leaves [kg kg-1] (``cmass``).
CMASS = 0.40
#: Extinction of soil evaporation by leaves [1].
SOIL_EXTINCTION = 0.5
#: Smallest leaf area of a canopy layer in its profile of light, which is per leaf area.
_DLAI_MIN = 1e-5


class VegetationProperties(NamedTuple):
    """Properties of the vegetated tiles in the surface scheme, tensors of shape (pft, column).

    ``z0``: roughness length for momentum [m]; ``catch``: canopy capacity [kg m-2]; ``canhc``: heat capacity of the canopy [J K-1 m-2];
    ``vfrac``: cover of the canopy [1]; ``fsoil``: ground below the canopy that evaporates [1].
    """

    z0: Tensor
    catch: Tensor
    canhc: Tensor
    vfrac: Tensor
    fsoil: Tensor


class CanopyProperties(NamedTuple):
    """What photosynthesis needs of leaf area and height, tensors of shape (pft, column) beside ``diffuse``.

    ``lai``: leaf area index [1]; ``dlai``: that of one canopy layer; ``vcmax25``: carboxylation capacity of the top leaves at 25 degC
    without the effect of extreme temperatures [mol m-2 s-1], and ``vcmax25_base``, which does not decline with depth and is to be added;
    ``decline``: ratio of the nitrogen of each layer to that of the layer above
    [1]; ``fpar``: integral of the light profile over leaf area (``can_rad_mod`` 1) [1]; ``resp_w_per_rd``, ``resp_r_per_rd``:
    maintenance respiration of wood and roots in units of the mean dark respiration of leaf area [1]; ``diffuse``: light under a
    diffuse sky (``can_rad_mod`` 4, 5, 6).
    """

    lai: Tensor
    dlai: Tensor
    vcmax25: Tensor
    vcmax25_base: Tensor
    decline: Tensor
    fpar: Tensor
    resp_w_per_rd: Tensor
    resp_r_per_rd: Tensor
    diffuse: DiffuseLight


def vegetation_properties(plants: PlantTypes, lai: Tensor, canht: Tensor, switches: Switches) -> VegetationProperties:
    """Roughness, canopy capacity, heat capacity and cover of vegetation.

    Parameters
    ----------
    plants : PlantTypes
        Parameters of the PFTs.
    lai, canht : Tensor, shape (pft, column)
        Leaf area index [1] and height [m].
    switches : Switches
        ``can_model``, ``l_limit_canhc``, ``l_spec_veg_z0``, ``l_trait_phys``.

    Returns
    -------
    VegetationProperties

    References
    ----------
    Best et al. (2011), tables 1 and 5; JULES routines ``pft_sparm``, ``cancap`` and ``soil_evap``.
    """
    z0 = plants.z0v if switches.l_spec_veg_z0 else plants.dz0v_dh * canht
    vfrac = 1.0 - torch.exp(-plants.kext * lai)
    lai_bal = _balanced_lai(plants, canht)
    leaf = (CMASS * plants.lma if switches.l_trait_phys else plants.sigl) * lai_bal
    canhc = HLEAF * leaf + HWOOD * plants.a_wl * torch.pow(lai_bal, plants.b_wl)
    if switches.l_limit_canhc:
        canhc = canhc.clamp(max=CANHC_MAX)
    if switches.can_model not in (3, 4):
        canhc = torch.zeros_like(canhc)
    if switches.can_model == 1:
        vfrac = torch.zeros_like(vfrac)
    return VegetationProperties(
        z0=(z0 + torch.zeros_like(lai)).clamp(min=Z0_SOIL),
        catch=plants.catch0 + plants.dcatch_dlai * lai,
        canhc=canhc,
        vfrac=vfrac,
        fsoil=torch.exp(-SOIL_EXTINCTION * lai),
    )


def canopy_properties(
    plants: PlantTypes, lai: Tensor, canht: Tensor, albsoil: Tensor, switches: Switches
) -> CanopyProperties:
    """Terms of photosynthesis and respiration that change only with leaf area and height.

    Parameters
    ----------
    plants : PlantTypes
        Parameters of the PFTs.
    lai, canht : Tensor, shape (pft, column)
        Leaf area index [1] and height [m].
    albsoil : Tensor, shape (column,)
        Albedo of the soil [1], above 0.
    switches : Switches
        ``can_rad_mod``, ``ilayers``, ``l_trait_phys``, ``l_leaf_n_resp_fix``, ``l_stem_resp_fix``.

    Returns
    -------
    CanopyProperties

    References
    ----------
    Clark et al. (2011), sections 2.3 and 3; JULES routines ``sf_stom`` and ``albpft``.
    """
    dlai = lai / switches.ilayers
    ones = torch.ones_like(lai)
    per_layer = plants.knl * dlai if switches.can_rad_mod == 6 else plants.kn / switches.ilayers
    of_traits = plants.vsl * plants.nmass * plants.lma * 1.0e-3
    vcmax25 = of_traits if switches.l_trait_phys else plants.neff * plants.nl0
    vcmax25_base = 1.0e-6 * plants.vint if switches.l_trait_phys else 0.0
    nitrogen_of_leaf = _mean_leaf_nitrogen(plants, lai, switches)
    n_stem, n_root = _stem_and_root_nitrogen(plants, lai, canht, switches)
    fpar = (1.0 - torch.exp(-plants.kpar * lai)) / plants.kpar
    # the respiration of a big leaf is per light, not per leaf area
    leaves = torch.where(lai > 0.0, fpar / torch.where(lai > 0.0, lai, 1.0), 1.0) if switches.can_rad_mod == 1 else 1.0
    return CanopyProperties(
        lai=lai,
        dlai=dlai,
        vcmax25=vcmax25 * ones,
        vcmax25_base=vcmax25_base * ones,
        decline=torch.exp(-per_layer) * ones,
        fpar=fpar,
        resp_w_per_rd=leaves * n_stem / nitrogen_of_leaf,
        resp_r_per_rd=leaves * n_root / nitrogen_of_leaf,
        diffuse=diffuse_light(
            plants.omega,
            plants.alpar,
            plants.orient,
            plants.can_struct_a * dlai.clamp(min=_DLAI_MIN),
            albsoil,
            switches.ilayers,
        ),
    )


def neutral_transfer(z0: Tensor, height: Tensor | float) -> Tensor:
    """Neutral bulk transfer coefficient between leaves and the height of the wind.

    The aerodynamic resistance of photosynthesis is ``1 / (neutral_transfer(z0, height) * wind)`` [s m-1].

    Parameters
    ----------
    z0 : Tensor, shape (pft, column)
        Roughness length [m].
    height : Tensor or float
        Height of the wind above the roughness length [m].

    Returns
    -------
    Tensor, shape (pft, column)
        Coefficient [1].

    References
    ----------
    JULES routine ``raero``, with which JULES calculates photosynthesis in a neutral atmosphere.
    """
    return torch.square(VKMAN / torch.log((height + z0) / z0))


def _balanced_lai(plants: PlantTypes, canht: Tensor) -> Tensor:
    """Leaf area of a plant of this height in balanced growth [1]."""
    return torch.pow(plants.a_ws * plants.eta_sl * canht / plants.a_wl, 1.0 / (plants.b_wl - 1.0))


def _mean_leaf_nitrogen(plants: PlantTypes, lai: Tensor, switches: Switches) -> Tensor:
    """Nitrogen of the mean leaf of a canopy [kg m-2 of leaf], JULES's ``nlmean``."""
    top = plants.nmass * plants.lma if switches.l_trait_phys else plants.nl0 * plants.sigl
    if switches.can_rad_mod == 6:
        depth = plants.knl * lai
    elif not switches.l_leaf_n_resp_fix:
        return top * torch.ones_like(lai)
    else:
        depth = plants.kpar * lai if switches.can_rad_mod == 1 else plants.kn * torch.ones_like(lai)
    small = depth < 1e-6
    depth = torch.where(small, 1.0, depth)
    return top * torch.where(small, 1.0, (1.0 - torch.exp(-depth)) / depth)


def _stem_and_root_nitrogen(
    plants: PlantTypes, lai: Tensor, canht: Tensor, switches: Switches
) -> tuple[Tensor, Tensor]:
    """Nitrogen of respiring stems and of roots [kg m-2], JULES's ``n_stem`` and ``n_root``."""
    lai_bal = _balanced_lai(plants, canht)
    if switches.l_trait_phys:
        fstem = 1.0 / plants.a_ws
        respiring = fstem + (1.0 - fstem) * plants.hw_sw
        n_stem = plants.eta_sl * canht * lai_bal * plants.nsw * respiring
        return n_stem, plants.nr * CMASS * plants.lma * lai_bal
    stem_leaf_area = lai_bal if switches.l_stem_resp_fix else lai
    n_stem = plants.ns_nl * plants.nl0 * plants.eta_sl * canht * stem_leaf_area
    return n_stem, plants.nr_nl * plants.nl0 * plants.sigl * lai_bal
