"""Names, units and descriptions of JULES's soil properties."""

from __future__ import annotations

#: Soil properties of JULES_SOIL_PROPS with a value for each soil layer: unit and description.
LAYERED = {
    "b": ("1", "exponent of the hydraulic curves"),
    "sathh": ("m", "suction at saturation, or 1/alpha of van Genuchten"),
    "satcon": ("kg m-2 s-1", "hydraulic conductivity at saturation"),
    "sm_sat": ("m3 m-3", "water content at saturation, without residual water"),
    "sm_crit": ("m3 m-3", "water content at the critical point"),
    "sm_wilt": ("m3 m-3", "water content at the wilting point"),
    "hcap": ("J m-3 K-1", "heat capacity of dry soil"),
    "hcon": ("W m-1 K-1", "thermal conductivity of dry soil"),
}


#: Residual water, which JULES does not use: it is needed for comparison with sensors.
RESIDUAL = {"theta_r": ("m3 m-3", "residual water content, which sensors measure and sm_sat excludes")}
