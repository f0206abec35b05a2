"""Parameters of surface types, as in JULES's ``pft_params.nml`` and ``nveg_params.nml``.

Types come in JULES's order: the plant functional types (PFTs) first, the other types after them. A tensor over all tiles has shape
(tile, column); one over the PFTs has shape (pft, column) and corresponds to its first rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PlantTypes(NamedTuple):
    """Parameters of PFTs, tensors of shape (pft, 1) or (pft, column), by the names of ``jules_pftparm`` without ``_io``.

    Units and meanings are those of the JULES user guide. ``c3`` and ``orient`` are 0 or 1; ``fsmc_mod`` is 0 or 1; ``cansnowpft`` (of
    ``jules_snow``) is 0 or 1: whether snow is held on the canopy. ``psi_close``, ``psi_open`` (``l_use_pft_psi``) and ``z0v``
    (``l_spec_veg_z0``) are NaN where a configuration has none.
    """

    a_wl: Tensor
    a_ws: Tensor
    albsnc_max: Tensor
    albsnc_min: Tensor
    albsnf_max: Tensor
    alnir: Tensor
    alpar: Tensor
    alpha: Tensor
    b_wl: Tensor
    c3: Tensor
    can_struct_a: Tensor
    canht_ft: Tensor
    cansnowpft: Tensor
    catch0: Tensor
    dcatch_dlai: Tensor
    dqcrit: Tensor
    dz0v_dh: Tensor
    emis_pft: Tensor
    eta_sl: Tensor
    f0: Tensor
    fd: Tensor
    fsmc_mod: Tensor
    fsmc_p0: Tensor
    glmin: Tensor
    gsoil_f: Tensor
    hw_sw: Tensor
    infil_f: Tensor
    kext: Tensor
    kn: Tensor
    knl: Tensor
    kpar: Tensor
    lai: Tensor
    lai_alb_lim: Tensor
    lai_alb_lim_sn: Tensor
    lma: Tensor
    neff: Tensor
    nl0: Tensor
    nmass: Tensor
    nr: Tensor
    nr_nl: Tensor
    ns_nl: Tensor
    nsw: Tensor
    omega: Tensor
    omnir: Tensor
    orient: Tensor
    q10_leaf: Tensor
    r_grow: Tensor
    rootd_ft: Tensor
    sigl: Tensor
    tlow: Tensor
    tupp: Tensor
    unload_rate_cnst: Tensor
    unload_rate_u: Tensor
    vint: Tensor
    vsl: Tensor
    z0hm_pft: Tensor
    psi_close: Tensor = torch.tensor(float("nan"))
    psi_open: Tensor = torch.tensor(float("nan"))
    z0v: Tensor = torch.tensor(float("nan"))


class OtherTypes(NamedTuple):
    """Parameters of the types without vegetation, by the names of ``jules_nvegparm`` without ``_io``.

    Tensors of shape (type, 1) or (type, column). A negative ``albsnf_nvg`` means the albedo of the soil map, as in JULES.
    """

    albsnc_nvg: Tensor
    albsnf_nvg: Tensor
    catch_nvg: Tensor
    ch_nvg: Tensor
    emis_nvg: Tensor
    gs_nvg: Tensor
    infil_nvg: Tensor
    vf_nvg: Tensor
    z0_nvg: Tensor
    z0hm_nvg: Tensor


class SurfaceTypes(NamedTuple):
    """Surface types of a configuration.

    Attributes
    ----------
    plants : PlantTypes
        PFTs, in JULES's order.
    others : OtherTypes
        The other types, in JULES's order.
    names : tuple of str
        Names of all types.
    soil, lake, ice, urban : int
        Row of bare soil, lake, land ice and urban among all types; -1 where the configuration has none.
    """

    plants: PlantTypes
    others: OtherTypes
    names: tuple[str, ...]
    soil: int = -1
    lake: int = -1
    ice: int = -1
    urban: int = -1
