"""Parameters of JULES's standard surface types: five PFTs, urban, lake, bare soil and ice; and weather of a canopy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from jules_ml.physics.canopy import CanopyClimate, CanopyFluxes, canopy_fluxes, canopy_properties
from jules_ml.physics.surface_types import OtherTypes, PlantTypes
from jules_ml.physics.switches import Switches


def of_types(values: Sequence[float]) -> torch.Tensor:
    """Values of types as a tensor of shape (type, 1)."""
    return torch.tensor(values, dtype=torch.float64).unsqueeze(-1)


_PLANTS: dict[str, Sequence[float]] = dict(
    a_wl=(0.65, 0.65, 0.005, 0.005, 0.1),
    a_ws=(10.0, 10.0, 1.0, 1.0, 10.0),
    albsnc_max=(0.25, 0.25, 0.6, 0.6, 0.4),
    albsnc_min=(0.3, 0.3, 0.8, 0.8, 0.8),
    albsnf_max=(0.143, 0.088, 0.192, 0.159, 0.115),
    alnir=(0.45, 0.35, 0.58, 0.58, 0.58),
    alpar=(0.1, 0.07, 0.1, 0.1, 0.1),
    alpha=(0.08, 0.08, 0.08, 0.04, 0.08),
    b_wl=(1.667, 1.667, 1.667, 1.667, 1.667),
    c3=(1.0, 1.0, 1.0, 0.0, 1.0),
    can_struct_a=(1.0, 1.0, 1.0, 1.0, 1.0),
    canht_ft=(19.01, 16.38, 0.79, 1.26, 1.0),
    cansnowpft=(0.0, 1.0, 0.0, 0.0, 0.0),
    catch0=(0.5, 0.5, 0.5, 0.5, 0.5),
    dcatch_dlai=(0.05, 0.05, 0.05, 0.05, 0.05),
    dqcrit=(0.09, 0.06, 0.1, 0.075, 0.1),
    dz0v_dh=(0.05, 0.05, 0.1, 0.1, 0.1),
    emis_pft=(0.98, 0.99, 0.98, 0.98, 0.98),
    eta_sl=(0.01, 0.01, 0.01, 0.01, 0.01),
    f0=(0.875, 0.875, 0.9, 0.8, 0.9),
    fd=(0.015, 0.015, 0.015, 0.025, 0.015),
    fsmc_mod=(0.0, 0.0, 0.0, 0.0, 0.0),
    fsmc_p0=(0.0, 0.0, 0.0, 0.0, 0.0),
    glmin=(1e-06, 1e-06, 1e-06, 1e-06, 1e-06),
    gsoil_f=(1.0, 1.0, 1.0, 1.0, 1.0),
    hw_sw=(0.5, 0.5, 0.5, 0.5, 0.5),
    infil_f=(4.0, 4.0, 2.0, 2.0, 2.0),
    kext=(0.5, 0.5, 0.5, 0.5, 0.5),
    kn=(0.78, 0.78, 0.78, 0.78, 0.78),
    knl=(0.2, 0.2, 0.2, 0.2, 0.2),
    kpar=(0.5, 0.5, 0.5, 0.5, 0.5),
    lai=(5.0, 4.0, 2.0, 4.0, 1.0),
    lai_alb_lim=(0.5, 0.5, 0.5, 0.5, 0.5),
    lai_alb_lim_sn=(0.5, 0.5, 0.5, 0.5, 0.5),
    lma=(0.0824, 0.2263, 0.0498, 0.137, 0.0695),
    neff=(0.0008, 0.0008, 0.0008, 0.0004, 0.0008),
    nl0=(0.04, 0.03, 0.06, 0.03, 0.03),
    nmass=(0.021, 0.0115, 0.0219, 0.0131, 0.0219),
    nr=(0.01726, 0.00784, 0.0162, 0.0084, 0.01726),
    nr_nl=(1.0, 1.0, 1.0, 1.0, 1.0),
    ns_nl=(0.1, 0.1, 1.0, 1.0, 0.1),
    nsw=(0.0072, 0.0083, 0.01604, 0.0202, 0.0072),
    omega=(0.15, 0.15, 0.15, 0.17, 0.15),
    omnir=(0.7, 0.45, 0.83, 0.83, 0.83),
    orient=(0.0, 0.0, 0.0, 0.0, 0.0),
    q10_leaf=(2.0, 2.0, 2.0, 2.0, 2.0),
    r_grow=(0.25, 0.25, 0.25, 0.25, 0.25),
    rootd_ft=(3.0, 1.0, 0.5, 0.5, 0.5),
    sigl=(0.0375, 0.1, 0.025, 0.05, 0.05),
    tlow=(0.0, -5.0, 0.0, 13.0, 0.0),
    tupp=(36.0, 31.0, 36.0, 45.0, 36.0),
    unload_rate_cnst=(0.0, 0.0, 0.0, 0.0, 0.0),
    unload_rate_u=(0.0, 0.0, 0.0, 0.0, 0.0),
    vint=(5.73, 6.32, 6.42, 0.0, 14.71),
    vsl=(29.81, 18.15, 40.96, 10.24, 23.15),
    z0hm_pft=(1.65, 1.65, 0.1, 0.1, 0.1),
)
_OTHERS: dict[str, Sequence[float]] = dict(
    albsnc_nvg=(0.4, 0.8, 0.8, 0.8),
    albsnf_nvg=(0.18, 0.06, -1.0, 0.75),
    catch_nvg=(0.5, 0.0, 0.0, 0.0),
    ch_nvg=(280000.0, 21100000.0, 0.0, 0.0),
    emis_nvg=(0.97, 0.985, 0.9, 0.99),
    gs_nvg=(0.0, 0.0, 0.01, 1000000.0),
    infil_nvg=(0.1, 0.0, 0.5, 0.0),
    vf_nvg=(1.0, 1.0, 0.0, 0.0),
    z0_nvg=(1.0, 0.0001, 0.001, 0.0005),
    z0hm_nvg=(1e-07, 0.25, 0.02, 0.2),
)
PLANTS = PlantTypes(**{name: of_types(values) for name, values in _PLANTS.items()})
OTHERS = OtherTypes(**{name: of_types(values) for name, values in _OTHERS.items()})
ALBSOIL = torch.tensor([0.11], dtype=torch.float64)


def climate(
    t: float = 295.0,
    par: float = 250.0,
    dq: float = 0.005,
    fsmc: float = 0.8,
    cosz: float = 0.7,
    diff_frac: float = 0.0,
    ra: float = 20.0,
) -> CanopyClimate:
    """Weather of one column with the five PFTs, by default of a summer noon."""

    def grid(value: float) -> torch.Tensor:
        return torch.tensor([value], dtype=torch.float64)

    def pfts(value: float) -> torch.Tensor:
        return torch.full((5, 1), value, dtype=torch.float64)

    return CanopyClimate(
        par=grid(par),
        cosz=grid(cosz),
        diff_frac=grid(diff_frac),
        pstar=grid(1.0e5),
        co2=grid(5.941e-4),
        gs=grid(0.01),
        tstar=pfts(t),
        dq=pfts(dq),
        ra=pfts(ra),
        fsmc=pfts(fsmc),
    )


def fluxes(weather: CanopyClimate, can_rad_mod: int, **switches: Any) -> CanopyFluxes:
    """Fluxes of the five PFTs with their standard leaf area and height, in the precision of the weather."""
    chosen = Switches(can_rad_mod=can_rad_mod, **switches)
    plants = PlantTypes(*(x.to(weather.par.dtype) for x in PLANTS))
    properties = canopy_properties(plants, plants.lai, plants.canht_ft, ALBSOIL.to(weather.par.dtype), chosen)
    return canopy_fluxes(weather, properties, plants, chosen)
