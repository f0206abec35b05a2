"""Namelist files and groups that stand-alone JULES requires, by version from 5.0 on.

JULES stops if one of them is missing. The versions are those at which the upgrade macros of JULES's Rose metadata add the file or group.
"""

from __future__ import annotations

from collections.abc import Collection

#: Groups that every version from 5.0 on requires, by file.
ALWAYS: dict[str, tuple[str, ...]] = {
    "ancillaries": ("jules_frac", "jules_soil_props", "jules_agric", "jules_co2"),
    "drive": ("jules_drive",),
    "fire": ("fire_switches",),
    "initial_conditions": ("jules_initial",),
    "jules_hydrology": ("jules_hydrology",),
    "jules_radiation": ("jules_radiation",),
    "jules_rivers": ("jules_rivers",),
    "jules_snow": ("jules_snow",),
    "jules_soil": ("jules_soil",),
    "jules_soil_biogeochem": ("jules_soil_biogeochem",),
    "jules_surface": ("jules_surface",),
    "jules_surface_types": ("jules_surface_types",),
    "jules_vegetation": ("jules_vegetation",),
    "model_grid": ("jules_input_grid", "jules_latlon", "jules_land_frac", "jules_model_grid", "jules_surf_hgt"),
    "nveg_params": ("jules_nvegparm",),
    "output": ("jules_output",),
    "pft_params": ("jules_pftparm",),
    "prescribed_data": ("jules_prescribed",),
    "timesteps": ("jules_time", "jules_spinup"),
}
#: Groups that later versions require too: first version, file and group, in the order of the versions.
SINCE: tuple[tuple[str, str, str], ...] = (
    ("5.3", "model_environment", "jules_model_environment"),
    ("5.4", "science_fixes", "jules_temp_fixes"),
    ("5.5", "jules_deposition", "jules_deposition"),
    ("5.5", "model_grid", "jules_nlsizes"),
    ("5.9", "jules_irrig", "jules_irrig"),
    ("5.9", "jules_water_resources", "jules_water_resources"),
    ("6.0", "jules_prnt_control", "jules_prnt_control"),
    ("6.3", "imogen", "imogen_onoff_switch"),
)
#: Groups that are required if a switch is on: file, group, and the group and entry of the switch.
REQUIRED_WITH: tuple[tuple[str, str, str, str], ...] = (
    ("ancillaries", "jules_top", "jules_hydrology", "l_top"),
    ("triffid_params", "jules_triffid", "jules_vegetation", "l_triffid"),
    ("crop_params", "jules_cropparm", "jules_surface_types", "ncpft"),
)
#: Groups that are repeated: group, and the group and entry of their number.
REPEATED: tuple[tuple[str, str, str], ...] = (
    ("jules_output_profile", "jules_output", "nprofiles"),
    ("jules_prescribed_dataset", "jules_prescribed", "n_datasets"),
)
#: Group of a file that earlier versions read too, without looking at the group, so that it does not tell a version.
_IN_EARLIER_FILE = "jules_nlsizes"


def first_version(groups: Collection[str]) -> str:
    """Return the earliest version for which a folder can be, by the latest of its groups that not all versions require.

    Parameters
    ----------
    groups : collection of str
        Names of the groups that are present, in lower case.
    """
    present = [version for version, _, group in SINCE if group in groups and group != _IN_EARLIER_FILE]
    return present[-1] if present else "5.0"


def required_groups(groups: Collection[str]) -> dict[str, list[str]]:
    """Return the groups that the versions of a folder require, by file.

    A folder without any of the groups that were added after some version is taken for one of this version. If one of them is present, all
    that were added with it or before it are required.

    Parameters
    ----------
    groups : collection of str
        Names of the groups that are present, in lower case.
    """
    version = first_version(groups)
    required = {file: list(names) for file, names in ALWAYS.items()}
    for since, file, group in SINCE:
        if not later(since, version):
            required.setdefault(file, []).append(group)
    return required


def required_later(groups: Collection[str]) -> list[tuple[str, str, str]]:
    """Return the rows of ``SINCE`` that are missing, and that versions after that of the folder require."""
    version = first_version(groups)
    return [row for row in SINCE if later(row[0], version) and row[2] not in groups]


def file_of(group: str) -> str | None:
    """Return the file in which JULES requires a group, without its suffix."""
    rows = [*((file, names) for file, names in ALWAYS.items()), *((file, (name,)) for _, file, name in SINCE)]
    return next((file for file, names in rows if group in names), None)


def later(version: str, than: str) -> bool:
    """Whether a version such as ``5.9`` comes after another one."""
    return tuple(map(int, version.split("."))) > tuple(map(int, than.split(".")))
