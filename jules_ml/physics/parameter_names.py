"""Parameters of the column that can be calibrated: JULES's name, namelist group, unit, and usual range of each.

The ranges are wide: they are bounds of the calibration, not expectations. Those of surface types cover the types of Clark et al. (2011),
Geosci. Model Dev. 4, 701-722, table 2, and of Harper et al. (2016), Geosci. Model Dev. 9, 2415-2440, table 2.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: What a parameter has a value for: each soil layer, each surface type, or the whole column.
Dimension = Literal["layer", "type", "column"]


class Parameter(NamedTuple):
    """A parameter: ``group`` and ``entry`` of JULES's namelists, unit, dimension, bounds, and whether its scale is logarithmic."""

    group: str
    entry: str
    units: str
    dimension: Dimension
    lower: float
    upper: float
    log: bool
    long_name: str


def _soil(name: str, units: str, lower: float, upper: float, long_name: str, *, log: bool = False) -> Parameter:
    return Parameter("jules_soil_props", name, units, "layer", lower, upper, log, long_name)


def _plant(name: str, units: str, lower: float, upper: float, long_name: str, *, log: bool = False) -> Parameter:
    return Parameter("jules_pftparm", f"{name}_io", units, "type", lower, upper, log, long_name)


#: All parameters, by JULES's names without the suffix ``_io``.
PARAMETERS = {
    "b": _soil("b", "1", 0.3, 15.0, "exponent of the hydraulic curves", log=True),
    "sathh": _soil("sathh", "m", 0.01, 20.0, "suction at saturation, or 1/alpha of van Genuchten", log=True),
    "satcon": _soil("satcon", "kg m-2 s-1", 1e-6, 0.5, "hydraulic conductivity at saturation", log=True),
    "sm_sat": _soil("sm_sat", "m3 m-3", 0.1, 0.9, "water content at saturation"),
    "sm_crit": _soil("sm_crit", "m3 m-3", 0.02, 0.85, "water content at the critical point"),
    "sm_wilt": _soil("sm_wilt", "m3 m-3", 0.005, 0.6, "water content at the wilting point"),
    "hcap": _soil("hcap", "J m-3 K-1", 2e5, 3e6, "heat capacity of dry soil"),
    "hcon": _soil("hcon", "W m-1 K-1", 0.03, 1.5, "thermal conductivity of dry soil", log=True),
    "theta_r": Parameter("", "", "m3 m-3", "layer", -0.1, 0.3, False, "residual water content, which JULES does not use"),
    "albsoil": Parameter("jules_soil_props", "albsoil", "1", "column", 0.02, 0.6, True, "albedo of bare soil"),
    "lai": _plant("lai", "1", 0.05, 12.0, "leaf area index", log=True),
    "canht_ft": _plant("canht_ft", "m", 0.02, 60.0, "canopy height", log=True),
    "rootd_ft": _plant("rootd_ft", "m", 0.02, 8.0, "e-folding depth of the root density", log=True),
    "albsnf_max": _plant("albsnf_max", "1", 0.02, 0.5, "snow-free albedo of dense vegetation", log=True),
    "infil_f": _plant("infil_f", "1", 0.2, 20.0, "infiltration capacity relative to bare soil", log=True),
    "catch0": _plant("catch0", "kg m-2", 0.02, 3.0, "canopy capacity without leaves", log=True),
    "dcatch_dlai": _plant("dcatch_dlai", "kg m-2", 0.005, 0.5, "increase of the canopy capacity with leaf area", log=True),
    "dz0v_dh": _plant("dz0v_dh", "1", 0.01, 0.3, "roughness length relative to height", log=True),
    "kext": _plant("kext", "1", 0.2, 1.0, "light extinction of the canopy"),
    "neff": _plant("neff", "mol CO2 m-2 s-1 kg C (kg N)-1", 5e-5, 5e-3, "carboxylation rate relative to leaf nitrogen", log=True),
    "nl0": _plant("nl0", "kg N (kg C)-1", 0.005, 0.2, "nitrogen in the top leaves", log=True),
    "alpha": _plant("alpha", "mol mol-1", 0.01, 0.25, "quantum efficiency", log=True),
    "omega": _plant("omega", "1", 0.03, 0.4, "scattering of photosynthetically active radiation"),
    "f0": _plant("f0", "1", 0.4, 0.99, "ratio of inner to outer CO2 without humidity deficit"),
    "dqcrit": _plant("dqcrit", "kg kg-1", 0.01, 0.3, "critical humidity deficit", log=True),
    "fd": _plant("fd", "1", 0.002, 0.06, "dark respiration relative to the carboxylation rate", log=True),
    "kpar": _plant("kpar", "1", 0.2, 1.0, "extinction of photosynthetically active radiation"),
    "kn": _plant("kn", "1", 0.1, 2.0, "decline of nitrogen in the canopy"),
    "tlow": _plant("tlow", "degC", -20.0, 25.0, "lower temperature of photosynthesis"),
    "tupp": _plant("tupp", "degC", 20.0, 55.0, "upper temperature of photosynthesis"),
    "q10_leaf": _plant("q10_leaf", "1", 1.2, 4.0, "Q10 of the carboxylation rate"),
    "glmin": _plant("glmin", "m s-1", 1e-8, 1e-4, "minimum leaf conductance", log=True),
    "cs": Parameter("jules_initial", "cs", "kg m-2", "column", 0.01, 400.0, True, "soil carbon"),
    "kaps": Parameter(
        "jules_soil_biogeochem", "kaps", "s-1", "column", 1e-10, 5e-7, True, "specific rate of soil respiration"
    ),
    "q10_soil": Parameter("jules_soil_biogeochem", "q10_soil", "1", "column", 1.05, 5.0, False, "Q10 of soil respiration"),
}  # fmt: skip
#: Those of surface types.
TYPE_PARAMETERS = {name: each for name, each in PARAMETERS.items() if each.dimension == "type"}
