"""Switches of JULES's namelists: those that the column has, with JULES's defaults, and those that only one value of is possible.

An entry that changes the physics of a column and has a value that the column lacks is refused by name. Other entries of these groups are
numbers, which are read elsewhere, or do not change the step of a column.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.typed_entries import has_type
from jules_ml.jules.versions import Versions
from jules_ml.physics.switches import Switches

#: Value of an entry that JULES has no default for.
REQUIRED: Final = None


@dataclass(frozen=True)
class Choice:
    """Entry whose value decides on the physics: JULES's default, and the values that the column has; empty for all."""

    group: str
    default: Any
    has: tuple[Any, ...]


_BOTH: Final = (False, True)

#: Entries that are fields of :class:`~jules_ml.physics.switches.Switches`, by name.
SWITCHES: Final[dict[str, Choice]] = {
    "cor_mo_iter": Choice("jules_surface", 1, (1,)),
    "l_point_data": Choice("jules_surface", False, _BOTH),
    "l_epot_corr": Choice("jules_surface", False, _BOTH),
    "can_model": Choice("jules_vegetation", 4, (1, 2, 3, 4)),
    "can_rad_mod": Choice("jules_vegetation", 4, (1, 4, 5, 6)),
    "ilayers": Choice("jules_vegetation", REQUIRED, ()),
    "fsmc_shape": Choice("jules_vegetation", 0, (0, 1)),
    "l_limit_canhc": Choice("jules_vegetation", False, _BOTH),
    "l_spec_veg_z0": Choice("jules_vegetation", False, (False,)),
    "stomata_model": Choice("jules_vegetation", REQUIRED, (1,)),
    "photo_model": Choice("jules_vegetation", REQUIRED, (1,)),
    "l_trait_phys": Choice("jules_vegetation", False, (False,)),
    "l_leaf_n_resp_fix": Choice("jules_vegetation", False, _BOTH),
    "l_stem_resp_fix": Choice("jules_vegetation", False, _BOTH),
    "l_cosz": Choice("jules_radiation", True, _BOTH),
    "l_spec_albedo": Choice("jules_radiation", False, (False,)),
    "l_snow_albedo": Choice("jules_radiation", False, (False,)),
    "nsmax": Choice("jules_snow", 0, ()),
    "l_snowdep_surf": Choice("jules_snow", False, _BOTH),
    "l_snow_infilt": Choice("jules_snow", False, (False,)),
    "l_snow_nocan_hc": Choice("jules_snow", False, _BOTH),
    "l_top": Choice("jules_hydrology", False, _BOTH),
    "l_vg_soil": Choice("jules_soil", False, _BOTH),
    "l_soil_sat_down": Choice("jules_soil", False, _BOTH),
    "l_holdwater": Choice("jules_soil", False, (False,)),
    "l_dpsids_dsdz": Choice("jules_soil", False, (False,)),
    "soilhc_method": Choice("jules_soil", 1, (1, 2, 3)),
    "soil_bgc_model": Choice("jules_soil_biogeochem", 1, (1,)),
    "l_q10": Choice("jules_soil_biogeochem", True, _BOTH),
    "l_soil_resp_lev2": Choice("jules_soil_biogeochem", False, (False,)),
    "l_layeredc": Choice("jules_soil_biogeochem", False, (False,)),
    "l_accurate_rho": Choice("jules_temp_fixes", False, _BOTH),
    "l_dtcanfix": Choice("jules_temp_fixes", False, _BOTH),
    "l_fix_albsnow_ts": Choice("jules_temp_fixes", False, _BOTH),
    "l_fix_neg_snow": Choice("jules_temp_fixes", False, _BOTH),
    "l_fix_snow_frac": Choice("jules_temp_fixes", False, _BOTH),
    "l_fix_wind_snow": Choice("jules_temp_fixes", False, _BOTH),
}

#: Entries that the column has one value of, by group and name: the values that mean the same, JULES's default first.
ONLY: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "jules_vegetation": {
        **dict.fromkeys(("l_triffid", "l_phenol", "l_o3_damage", "l_vegcan_soilfx", "l_use_pft_psi"), (False,)),
        **dict.fromkeys(("l_vegdrag_pft", "l_sugar", "l_scale_resp_pm", "l_croprotate", "l_red"), (False,)),
        **dict.fromkeys(("l_vcmax_jmax_diurnal",), (False,)),
        "photo_acclim_model": (0,),
        "rd_model": (1,),
    },
    "jules_surface": {
        **dict.fromkeys(("l_aggregate", "l_flake_model", "l_elev_land_ice", "l_elev_lw_down", "l_urban2t"), (False,)),
        **dict.fromkeys(
            ("l_anthrop_heat_src", "l_land_ice_imp", "l_vary_z0m_soil", "l_mo_buoyancy_calc"),
            (False,),
        ),
        **dict.fromkeys(("formdrag", "i_modiscopt", "srf_ex_cnv_gust"), (0,)),
        **{"beta1": (0.83,), "beta2": (0.93,), "fwe_c3": (0.5,), "fwe_c4": (2.0e4,)},
        **{"hleaf": (5.7e4,), "hwood": (1.1e4,)},
    },
    "jules_radiation": {
        **dict.fromkeys(("l_albedo_obs", "l_embedded_snow", "l_niso_direct", "l_spec_alb_bs"), (False,)),
        **dict.fromkeys(("l_hapke_soil", "l_partition_albsoil"), (False,)),
    },
    "jules_snow": {
        "l_et_metamorph": (False,),
        "l_rho_snow_corr": (True,),
        **dict.fromkeys(("frac_snow_subl_melt", "i_snow_cond_parm", "i_relayer_opt"), (0,)),
        **dict.fromkeys(("i_grain_growth_opt", "i_basal_melting_opt"), (0,)),
    },
    "jules_hydrology": {
        "l_hydrology": (True,),
        **dict.fromkeys(("l_pdm", "l_spdmvar", "l_limit_gsoil", "l_inland"), (False,)),
    },
    "jules_soil": dict.fromkeys(("l_bedrock", "l_tile_soil"), (False,)),
    "jules_soil_biogeochem": {
        **dict.fromkeys(("l_ch4_interactive", "l_bgc_heat"), (False,)),
        "cs_decomp_soil_moist_func": (0,),
    },
    "jules_irrig": {"l_irrig_dmd": (False,), "irrig_option": (0,)},
    "jules_model_environment": {"lsm_id": (1,), "l_jules_parent": (0,)},
    "jules_surface_types": {"ncpft": (0,)},
    "jules_time": {"l_360": (False,), "l_leap": (True,), "l_local_solar_time": (False,)},
    "jules_drive": dict.fromkeys(("l_imogen", "l_daily_disagg", "l_perturb_driving", "z1_tq_vary"), (False,)),
    "imogen_onoff_switch": {"l_imogen": (False,)},
    "jules_water_resources": {"l_water_resources": (False,)},
    "jules_surf_hgt": {"zero_height": (True,)},
}


@dataclass(frozen=True)
class Refusal:
    """Entry with a value that the column does not have."""

    place: str
    entry: str
    value: Any
    has: tuple[Any, ...]

    def __str__(self) -> str:
        """One clause of the message."""
        given = "no value" if self.value is None else fortran_value(self.value)
        return f"{self.entry} = {given} ({self.place}; the column has {' or '.join(map(fortran_value, self.has))})"


def fortran_value(value: Any) -> str:
    """Return a value as in a namelist: T, F, a number, or a text in quotes."""
    if isinstance(value, list):
        return ", ".join(map(fortran_value, value))
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def read_switches(namelists: NamelistFolder, versions: Versions) -> tuple[Switches, list[Refusal]]:
    """Read the switches of a run, with JULES's defaults, and list what the column does not have.

    Parameters
    ----------
    namelists : NamelistFolder
    versions : Versions
        Versions of JULES that the run may be for: ``l_hydrology`` is off by default from 7.9 on.

    Returns
    -------
    Switches
        With JULES's default in place of a refused value.
    list of Refusal
        In the order of the groups.
    """
    refusals: list[Refusal] = []
    values: dict[str, Any] = {}
    for name, choice in SWITCHES.items():
        value = _entry(namelists, choice.group, name)
        value = choice.default if value is None else value
        default = next(field.default for field in fields(Switches) if field.name == name)
        has = choice.has or (default,)
        if value is None and name == "ilayers" and _entry(namelists, choice.group, "can_rad_mod") == 1:
            value = default
        if value is None or not has_type(value, default) or (choice.has and value not in choice.has):
            refusals.append(Refusal(namelists.place(choice.group), name, value, has))
            value = default
        values[name] = value
    for group, entries in ONLY.items():
        for name, allowed in entries.items():
            value = _entry(namelists, group, name)
            if value is None and name == "l_hydrology" and versions.since("7.9"):
                value = False
            given = value if isinstance(value, list) else [value]
            if any(each is not None and each not in allowed for each in given):
                refusals.append(Refusal(namelists.place(group), name, value, allowed))
    return Switches(**values), refusals


def _entry(namelists: NamelistFolder, group: str, name: str) -> Any:
    """Return an entry of the first group of a name, or None."""
    groups = namelists.all(group)
    return groups[0].get(name) if groups else None


def refuse(refusals: list[Refusal], where: object) -> None:
    """Raise one error for all entries that the column does not have.

    Raises
    ------
    BadInput
        If there are any.
    """
    if refusals:
        raise BadInput(
            f"the column does not have {'; '.join(map(str, refusals))}",
            where=str(where),
            remedy='change these entries in a copy of the folder, or run JULES itself with model = "jules"',
        )
