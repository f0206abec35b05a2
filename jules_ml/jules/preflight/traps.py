"""Combinations of entries at which JULES stops, or silently leaves something out, by version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.jules.variable_lists import read_list

_HYDROLOGY, _SOIL_CARBON = "jules_hydrology", "jules_soil_biogeochem"
#: Entries that have no default from JULES 7.3 on.
_TOPMODEL = ("nfita", "ti_max", "ti_wetl", "zw_max")
_PDM = ("b_pdm", "dz_pdm")


def trap_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield problems of combinations of entries."""
    yield from _coordinates(staged)
    yield from _hydrology(staged)
    yield from _soil_carbon(staged)
    yield from _surface(staged)


def _coordinates(staged: StagedRun) -> Iterator[Finding]:
    listed = [variable.name for variable in read_list(staged.groups.get("jules_latlon", [{}])[0])]
    if (
        staged.versions.since("7.2")
        and not staged.get("jules_latlon", "l_coord_latlon", False)
        and "projection_x_coord" not in listed
    ):
        yield Finding(
            staged.where("jules_latlon", "l_coord_latlon"),
            "without l_coord_latlon, which is F by default, JULES 7.2 and later versions need projection coordinates",
            "write l_coord_latlon = T",
        )


def _hydrology(staged: StagedRun) -> Iterator[Finding]:
    on = staged.get(_HYDROLOGY, "l_hydrology")
    if on is False or (on is None and staged.versions.since("7.9")):
        yield Finding(
            staged.where(_HYDROLOGY, "l_hydrology"),
            "without l_hydrology JULES computes neither snow, nor soil water, nor soil temperature, and does not say so"
            if on is False
            else "l_hydrology is missing, and its default is F from JULES 7.9 on: neither snow, nor soil water, nor soil temperature "
            "are computed",
            "write l_hydrology = T",
            fatal=False,
        )
    if not staged.versions.since("7.3"):
        return
    for switch, names in (("l_top", _TOPMODEL), ("l_pdm", _PDM)):
        missing = [name for name in names if staged.get(_HYDROLOGY, name) is None]
        if staged.get(_HYDROLOGY, switch, False) and missing:
            yield Finding(
                staged.where(_HYDROLOGY, switch),
                f"{switch} = T needs {', '.join(missing)}, which have no default from JULES 7.3 on",
                f"add {', '.join(missing)} to JULES_HYDROLOGY",
            )


def _soil_carbon(staged: StagedRun) -> Iterator[Finding]:
    def entry(name: str, default: Any = None) -> Any:
        return staged.get(_SOIL_CARBON, name, default)

    if entry("cs_decomp_soil_moist_func", 0) == 1:
        where = staged.where(_SOIL_CARBON, "cs_decomp_soil_moist_func")
        if entry("fsthsat_cs_decomp_opt1") is None:
            yield Finding(
                where, "option 1 needs fsthsat_cs_decomp_opt1, which has no default", "add it, for example 0.2"
            )
        if entry("soil_bgc_model", 1) not in (1, 2):
            yield Finding(
                where, "option 1 exists for one and four pools of soil carbon only", "set soil_bgc_model to 1 or 2"
            )
    if entry("l_bgc_heat", False):
        where = staged.where(_SOIL_CARBON, "l_bgc_heat")
        if not entry("l_layeredc", False):
            yield Finding(where, "l_bgc_heat = T needs layered soil carbon", "set l_layeredc = T")
        if entry("heat_of_respiration") is None:
            yield Finding(where, "l_bgc_heat = T needs heat_of_respiration", "add it, for example 3.9e7 J kg-1")
        if not entry("l_q10", True):
            yield Finding(where, "l_bgc_heat is not meant for l_q10 = F", "set l_q10 = T", fatal=False)


def _surface(staged: StagedRun) -> Iterator[Finding]:
    heat = [n for n in ("anthrop_heat_option", "anthrop_heat_mean") if staged.get("jules_surface", n) is not None]
    if heat and staged.versions.since("8.0") and not staged.get("jules_surface", "l_anthrop_heat_src", False):
        yield Finding(
            staged.where("jules_surface", heat[0]),
            f"JULES stops at {' and '.join(heat)} while l_anthrop_heat_src = F",
            "leave them out",
        )
    for name in ("c3_irrig", "c4_irrig"):
        number = staged.get("jules_surface_types", name)
        if isinstance(number, int) and -1 < number < 1:
            yield Finding(
                staged.where("jules_surface_types", name),
                f"{name} = {number} is not the number of a surface type, and JULES stops",
                "leave it out, or give the number of the type",
            )
    if staged.get("jules_irrig", "irrig_option", 0) == 2 and staged.get("jules_irrig", "l_irrig_dmd", False):
        yield Finding(
            staged.where("jules_irrig", "irrig_option"), "irrig_option = 2 excludes l_irrig_dmd = T", "set one of them"
        )
