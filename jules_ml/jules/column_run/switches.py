"""Switches of JULES's namelists: those that the column has, with JULES's defaults, and those that only one value of is possible.

An entry that changes the physics of a column and has a value that the column lacks is refused by name. Other entries of these groups are
numbers, which are read elsewhere, or do not change the step of a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.typed_entries import has_type
from jules_ml.jules.versions import Versions, versions_of_run
from jules_ml.physics.switches import POSSIBLE, Switches

#: Fields of :class:`~jules_ml.physics.switches.Switches` by namelist group, and JULES's default of each; None where JULES has none.
SWITCHES: Final[dict[str, dict[str, Any]]] = {
    "jules_surface": {"cor_mo_iter": 1, "l_point_data": False, "l_epot_corr": False},
    "jules_vegetation": {
        **{
            "can_model": 4,
            "can_rad_mod": 4,
            "ilayers": None,
            "fsmc_shape": 0,
            "stomata_model": None,
            "photo_model": None,
        },
        **dict.fromkeys(("l_limit_canhc", "l_spec_veg_z0", "l_trait_phys", "l_scale_resp_pm"), False),
        **dict.fromkeys(("l_leaf_n_resp_fix", "l_stem_resp_fix", "l_use_pft_psi"), False),
    },
    "jules_radiation": {"l_cosz": True, "l_spec_albedo": False, "l_snow_albedo": False},
    "jules_snow": {
        **{"nsmax": 0, "l_rho_snow_corr": True},
        **dict.fromkeys(("l_snowdep_surf", "l_snow_infilt", "l_snow_nocan_hc", "l_et_metamorph"), False),
        **dict.fromkeys(("i_snow_cond_parm", "i_grain_growth_opt", "i_relayer_opt", "i_basal_melting_opt"), 0),
        "frac_snow_subl_melt": 0,
    },
    "jules_hydrology": dict.fromkeys(("l_limit_gsoil", "l_top", "l_wetland_unfrozen"), False),
    "jules_soil": {
        **dict.fromkeys(("l_vg_soil", "l_soil_sat_down", "l_holdwater", "l_dpsids_dsdz"), False),
        "soilhc_method": 1,
    },
    "jules_soil_biogeochem": {"soil_bgc_model": 1, "l_q10": True, "l_soil_resp_lev2": False, "l_layeredc": False},
    "jules_temp_fixes": dict.fromkeys(
        ("l_accurate_rho", "l_dtcanfix", "l_fix_albsnow_ts", "l_fix_neg_snow", "l_fix_snow_frac", "l_fix_wind_snow"),
        False,
    ),
}

#: Entries that the column has one value of, by group and name: the values that mean the same, JULES's default first.
ONLY: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "jules_vegetation": {
        **dict.fromkeys(("l_triffid", "l_phenol", "l_o3_damage", "l_vegcan_soilfx"), (False,)),
        **dict.fromkeys(("l_vegdrag_pft", "l_sugar", "l_croprotate", "l_red", "l_vcmax_jmax_diurnal"), (False,)),
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
    "jules_hydrology": {
        "l_hydrology": (True,),
        **dict.fromkeys(("l_pdm", "l_spdmvar", "l_inland"), (False,)),
        **{"l_baseflow_corr": (True,), "l_var_rainfrac": (False,)},
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

#: Entries of TRIFFID, without which JULES does not have four pools of soil carbon (``soil_bgc_model = 2``).
_OF_TRIFFID: Final = {"l_triffid", "soil_bgc_model"}


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
        return f"{self.entry} = {given} ({self.place}; the column has {_listed(self.has)})"


def _listed(values: tuple[Any, ...]) -> str:
    """Return values as ``1, 2 or 3``."""
    *first, last = map(fortran_value, values)
    return f"{', '.join(first)} or {last}" if first else last


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
        With the column's default in place of a value of another type.
    list of Refusal
        In the order of the groups.
    """
    refusals: list[Refusal] = []
    values: dict[str, Any] = {}
    of_column = {field.name: field.default for field in fields(Switches)}
    given = {
        name: default if (value := _entry(namelists, group, name)) is None else value
        for group, entries in SWITCHES.items()
        for name, default in entries.items()
    }
    if given["can_rad_mod"] == 1 and given["ilayers"] is None:
        # a big leaf has no layers
        given["ilayers"] = of_column["ilayers"]
    idle = _without_effect(namelists, given)
    for group, entries in SWITCHES.items():
        for name in entries:
            value, has = given[name], POSSIBLE[name] or (of_column[name],)
            wrong_type = value is None or not has_type(value, of_column[name])
            if wrong_type or (POSSIBLE[name] and value not in has and name not in idle):
                refusals.append(Refusal(namelists.place(group), name, value, has))
            values[name] = of_column[name] if wrong_type or name in idle else value
    for group, only in ONLY.items():
        for name, allowed in only.items():
            value = _entry(namelists, group, name)
            if value is None and name == "l_hydrology" and versions.since("7.9"):
                value = False
            elements = value if isinstance(value, list) else [value]
            if name not in idle and any(each is not None and each not in allowed for each in elements):
                refusals.append(Refusal(namelists.place(group), name, value, allowed))
    return Switches(**values), refusals


def _without_effect(namelists: NamelistFolder, given: Mapping[str, Any]) -> set[str]:
    """Entries whose value has no effect in this configuration, because of another entry."""
    rates = _entry(namelists, "jules_snow", "unload_rate_u")
    calm = not any(rates if isinstance(rates, list) else [rates])
    idle: set[str] = set()
    for has_no_effect, names in (
        (calm, ("l_fix_wind_snow",)),
        (not given["l_snow_albedo"], ("l_fix_albsnow_ts", "i_grain_growth_opt", "i_relayer_opt")),
        (not given["l_top"], ("l_baseflow_corr", "l_wetland_unfrozen")),
        (not given["l_vg_soil"], ("l_baseflow_corr",)),
        (given["l_point_data"], ("l_var_rainfrac",)),
    ):
        idle |= set(names) if has_no_effect else set()
    return idle


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
    if not refusals:
        return
    remedy = 'change these entries in a copy of the folder, or run JULES itself with model = "jules"'
    if _OF_TRIFFID & {each.entry for each in refusals}:
        remedy += "; TRIFFID gives the litter of four pools of soil carbon, which an experiment prescribes in [carbon.four_pools]"
    raise BadInput(f"the column does not have {'; '.join(map(str, refusals))}", where=str(where), remedy=remedy)


def column_switches(run: RunFolder, *, on_grid: bool = False) -> Switches:
    """Return the switches of a run folder that the column can run.

    Parameters
    ----------
    run : RunFolder
    on_grid : bool
        Whether the run is on a grid, which can disaggregate daily weather.

    Returns
    -------
    Switches

    Raises
    ------
    BadInput
        If the column does not have the physics; one message names all entries.
    """
    switches, refusals = read_switches(run.namelists, versions_of_run(run))
    refuse([r for r in refusals if not (on_grid and r.entry == "l_daily_disagg")], run.namelists.where)
    if not switches.l_point_data:
        _refuse_convective_rain(run.namelists)
    return switches


def _refuse_convective_rain(namelists: NamelistFolder) -> None:
    """Refuse rain that is convective in JULES, which then falls on a part of the grid box; that of the column is large-scale."""
    listed, threshold = _entry(namelists, "jules_drive", "var"), _entry(namelists, "jules_drive", "t_for_con_rain")
    warmest = MODEL_VARIABLES["t"].valid_max
    if "con_rain" in (listed if isinstance(listed, list) else [listed]):
        problem = "var has con_rain"
    elif isinstance(threshold, bool) or not isinstance(threshold, int | float):
        problem = "t_for_con_rain has no value"
    elif threshold <= warmest:
        problem = f"rain is convective at {threshold:g} K and above (t_for_con_rain)"
    else:
        return
    raise BadInput(
        f"{problem}, and the column has large-scale rain alone where l_point_data = F",
        where=namelists.place("jules_drive"),
        remedy=f"give precip or tot_rain with t_for_con_rain above {warmest:g}, set l_point_data = T, or run JULES itself",
    )
