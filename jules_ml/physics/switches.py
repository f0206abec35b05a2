"""JULES's switches that the column has, by JULES's names, and the values of each that it has."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Physics of a column. Names, values and meanings are those of JULES's namelists; each comment names the namelist.

    A value that is not in :data:`POSSIBLE` is refused by name where a configuration is read.
    """

    # jules_surface
    cor_mo_iter: int = 1
    l_point_data: bool = True
    l_epot_corr: bool = True
    # jules_vegetation
    can_model: int = 4
    can_rad_mod: int = 6
    ilayers: int = 10
    fsmc_shape: int = 0
    l_use_pft_psi: bool = False
    l_limit_canhc: bool = False
    l_spec_veg_z0: bool = False
    stomata_model: int = 1
    photo_model: int = 1
    l_trait_phys: bool = False
    l_leaf_n_resp_fix: bool = False
    l_stem_resp_fix: bool = False
    l_scale_resp_pm: bool = False
    # jules_radiation
    l_cosz: bool = True
    l_spec_albedo: bool = False
    l_snow_albedo: bool = False
    # jules_snow
    nsmax: int = 3
    frac_snow_subl_melt: int = 0
    l_snowdep_surf: bool = True
    l_snow_infilt: bool = False
    l_snow_nocan_hc: bool = False
    l_rho_snow_corr: bool = True
    l_et_metamorph: bool = False
    i_snow_cond_parm: int = 0
    i_grain_growth_opt: int = 0
    i_relayer_opt: int = 0
    i_basal_melting_opt: int = 0
    # jules_hydrology
    l_limit_gsoil: bool = False
    l_top: bool = False
    l_wetland_unfrozen: bool = False
    # jules_soil
    l_vg_soil: bool = True
    l_soil_sat_down: bool = True
    l_holdwater: bool = False
    l_dpsids_dsdz: bool = False
    soilhc_method: int = 2
    # jules_soil_biogeochem
    soil_bgc_model: int = 1
    l_q10: bool = True
    l_soil_resp_lev2: bool = False
    l_layeredc: bool = False
    # science_fixes
    l_accurate_rho: bool = False
    l_dtcanfix: bool = True
    l_fix_albsnow_ts: bool = True
    l_fix_neg_snow: bool = True
    l_fix_snow_frac: bool = False
    l_fix_wind_snow: bool = True


_BOTH: Final = (False, True)

#: Values of each switch that the column has; empty for a number without such a choice.
POSSIBLE: Final[dict[str, tuple[bool | int, ...]]] = {
    **dict.fromkeys((field.name for field in fields(Switches) if isinstance(field.default, bool)), _BOTH),
    **dict.fromkeys(("ilayers", "nsmax"), ()),
    **dict.fromkeys(("cor_mo_iter", "can_model"), (1, 2, 3, 4)),
    "can_rad_mod": (1, 4, 5, 6),
    "fsmc_shape": (0, 1),
    "soilhc_method": (1, 2, 3),
    **dict.fromkeys(("stomata_model", "photo_model", "soil_bgc_model"), (1,)),
    **dict.fromkeys(("i_snow_cond_parm", "i_grain_growth_opt", "i_relayer_opt", "i_basal_melting_opt"), (0, 1)),
    "frac_snow_subl_melt": (0, 1),
    "l_fix_wind_snow": (True,),
    "l_layeredc": (False,),
}
