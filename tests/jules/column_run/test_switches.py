"""Switches of the column from JULES's namelists."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from helpers.loobos_folder import write_loobos_folder
from helpers.refusals import refusal

from jules_ml.jules.column_run.switches import ONLY, SWITCHES, column_switches, read_switches, refuse
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.versions import VERSIONS, Versions, entry_table
from jules_ml.physics.switches import POSSIBLE, Switches

#: Entries of the groups of physics that do not change the step of a column: numbers that are read elsewhere or belong to a scheme that is
#: refused by its switch, diagnostics, the sea, and the Unified Model alone.
IGNORED = {
    "jules_vegetation": (
        "act_j_coef act_v_coef c1_usuh c2_usuh c3_usuh cd_leaf dsj_coef dsv_coef frac_min frac_seed ignition_method jv25_coef "
        "l_ag_expand l_bvoc_emis l_gleaf_fix l_ht_compete l_inferno l_landuse l_nitrogen l_nrun_mid_trif l_prescsow l_recon "
        "l_rsl_scalar l_trif_biocrop l_trif_crop l_trif_eq l_trif_fire l_trif_init_accum l_veg_compete n_alloc_jmax n_alloc_vcmax "
        "n_day_photo_acclim phenol_period photo_act_model photo_jv_model pow stanton_leaf triffid_period tdq10_int tdq10_slope"
    ),
    "jules_surface": (
        "all_tiles anthrop_heat_mean anthrop_heat_option beta_cnv_bl fd_hill_option fd_stability_dep i_aggregate_opt iscrntdiag "
        "orog_drag_param"
    ),
    "jules_radiation": (
        "fixed_sea_albedo i_sea_alb_method l_dolr_land_black l_mask_snow_orog l_sea_alb_var_chl l_spec_sea_alb ratio_albsoil "
        "swdn_frac_albsoil wght_alb"
    ),
    "jules_snow": (
        "a_snow_et b_snow_et c_snow_et aicemax amax can_clump cansnowpft dtland dzsnow graupel_options kland_numerator "
        "lai_alb_lim_sn maskd n_lai_exposed r0 rho_firn_albedo rho_snow_const rho_snow_et_crit rho_snow_fresh rmax snow_ggr "
        "snow_hcap snow_hcon snowinterceptfact snowliqcap snowloadlai snowunloadfact unload_rate_cnst unload_rate_u"
    ),
    "jules_hydrology": "b_pdm dz_pdm nfita s_pdm slope_pdm_max ti_max ti_wetl zw_max",
    "jules_soil": "confrac cs_min dzdeep dzsoil_elev dzsoil_io hcapdeep hcondeep l_broadcast_ancils ns_deep sm_levels zsmc zst",
    "jules_soil_biogeochem": (
        "alpha_ch4 bio_hum_cn ch4_cpow ch4_substrate const_ch4_cs const_ch4_npp const_ch4_resps cue_ch4 diff_n_pft ev_ch4 frz_ch4 "
        "fsthsat_cs_decomp_opt1 heat_of_respiration k2_ch4 kaps kaps_4pool kaps_roth kd_ch4 l_ch4_microbe l_ch4_tlayered "
        "l_label_frac_cs mu_ch4 n_inorg_turnover q10_ch4_cs q10_ch4_npp q10_ch4_resps q10_ev_ch4 q10_mic_ch4 q10_soil rho_ch4 "
        "sorp t0_ch4 tau_ch4 tau_lit tau_resp z_burn_max"
    ),
    "jules_temp_fixes": (
        "ctile_orog_fix l_fix_alb_ice_thick l_fix_drydep_so2_water l_fix_improve_drydep l_fix_lake_ice_temperatures "
        "l_fix_moruses_roof_rad_coupling l_fix_osa_chloro l_fix_ukca_h2dd_x l_fix_ustar_dust"
    ),
}

_VERSION = Versions(VERSIONS)


def test_settings_of_a_run_give_its_switches(shared_data: Path, tmp_path: Path) -> None:
    run = read_run_folder(write_loobos_folder(shared_data, "snow3", tmp_path / "run"))
    switches, refusals = read_switches(run.namelists, _VERSION)
    assert refusals == []
    assert switches == Switches(can_rad_mod=6, nsmax=3, l_top=False)
    run = read_run_folder(write_loobos_folder(shared_data, "gl4", tmp_path / "gl4"))
    switches, refusals = read_switches(run.namelists, _VERSION)
    assert refusals == []
    assert switches == Switches(can_rad_mod=4, nsmax=0, l_top=True)


def test_missing_entries_have_the_defaults_of_jules() -> None:
    switches, refusals = read_switches(
        _folder("&JULES_VEGETATION photo_model = 1, stomata_model = 1, can_rad_mod = 1 /"), _VERSION
    )
    assert refusals == []
    off = {field.name for field in fields(Switches) if getattr(switches, field.name) is False}
    assert {"l_vg_soil", "l_point_data", "l_epot_corr", "l_dtcanfix", "l_fix_neg_snow", "l_snowdep_surf"} <= off
    assert (switches.nsmax, switches.can_model, switches.soilhc_method, switches.l_cosz) == (0, 4, 1, True)


def test_what_the_column_lacks_is_refused_in_one_list(shared_data: Path, tmp_path: Path) -> None:
    run = read_run_folder(
        write_loobos_folder(
            shared_data,
            "snow3",
            tmp_path / "run",
            jules_surface={"l_aggregate": True, "cor_mo_iter": 9},
            jules_vegetation={"l_triffid": True, "photo_model": 2},
            jules_snow={"frac_snow_subl_melt": 2},
        )
    )
    _, refusals = read_switches(run.namelists, _VERSION)
    with refusal("run", "l_triffid = T", "copy of the folder"):
        refuse(refusals, run.folder)
    text = "; ".join(map(str, refusals))
    for expected in (
        "cor_mo_iter = 9",
        "l_aggregate = T",
        "photo_model = 2",
        "frac_snow_subl_melt = 2",
        "the column has F",
        "jules_snow.nml",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"t_for_con_rain": 293.15}, "rain is convective at 293.15 K"),
        ({}, "t_for_con_rain has no value"),
        ({"var": ["sw_down", "con_rain"], "t_for_con_rain": 373.15}, "var has con_rain"),
    ],
)
def test_convective_rain_is_refused(entries: dict[str, Any], problem: str, shared_data: Path, tmp_path: Path) -> None:
    surface = {"l_point_data": False}
    folder = write_loobos_folder(shared_data, "snow3", tmp_path / "run", jules_surface=surface, jules_drive=entries)
    with refusal("drive.nml", problem, "l_point_data = T"):
        column_switches(read_run_folder(folder))


def test_rain_of_a_grid_box_may_be_all_large_scale(shared_data: Path, tmp_path: Path) -> None:
    drive, surface = {"t_for_con_rain": 373.15}, {"l_point_data": False}
    folder = write_loobos_folder(shared_data, "snow3", tmp_path / "run", jules_surface=surface, jules_drive=drive)
    assert not column_switches(read_run_folder(folder)).l_point_data


def test_daily_weather_is_for_grids(shared_data: Path, tmp_path: Path) -> None:
    folder = write_loobos_folder(shared_data, "snow3", tmp_path / "run", jules_drive={"l_daily_disagg": True})
    assert column_switches(read_run_folder(folder), on_grid=True) == Switches(can_rad_mod=6, nsmax=3, l_top=False)
    with refusal("run", "l_daily_disagg = T", "copy of the folder"):
        column_switches(read_run_folder(folder))


def test_no_value_of_a_required_entry_is_refused() -> None:
    _, refusals = read_switches(_folder("&JULES_VEGETATION /"), _VERSION)
    assert [r.entry for r in refusals] == ["ilayers", "stomata_model", "photo_model"]
    assert "stomata_model = no value" in str(refusals[1])


def test_hydrology_is_off_by_default_from_version_7_9() -> None:
    folder = _folder("&JULES_VEGETATION photo_model = 1, stomata_model = 1, ilayers = 10 /")
    _, refusals = read_switches(folder, Versions(("7.9", "8.0"), "test"))
    assert [r.entry for r in refusals] == ["l_hydrology"]


@pytest.mark.parametrize("group", sorted(IGNORED))
def test_every_entry_is_a_switch_or_known_not_to_change_the_step(group: str) -> None:
    known = set(SWITCHES[group]) | set(ONLY.get(group, {}))
    ignored = set(IGNORED[group].split())
    assert not known & ignored
    entries = set(entry_table()[group])
    # entries of a branch of JULES are not in the table of releases
    assert known - entries <= {"l_vcmax_jmax_diurnal", "rd_model"}
    assert entries == (known & entries) | (ignored & entries), entries - known - ignored


def test_fields_of_the_switches_are_those_that_are_read() -> None:
    names = {field.name for field in fields(Switches)}
    assert names == {name for entries in SWITCHES.values() for name in entries} == set(POSSIBLE)


def _folder(text: str) -> NamelistFolder:
    return NamelistFolder({"jules_vegetation.nml": text}, Path("folder"))
