"""Names, units and signs of the ALMA convention and of CMIP for the output of JULES and of the column.

Fluxes to the atmosphere and out of the ground are positive (``Qle``, ``Qh``, ``Evap``, ``Qs``, ``Qsb``, ``NEE``), and so are fluxes towards
the surface of radiation and precipitation and ``Qg``, the heat into the ground. With these signs

- SWnet + LWnet = Qle + Qh + Qg + Qf + DelSurfHeat,
- Rainf + Snowf = Evap + Qs + Qsb + DelSoilMoist + DelSWE + DelIntercept.

``nep`` of CMIP is positive into the land, the opposite of ``NEE``.

References
----------
ALMA data exchange convention, version 3 (Polcher et al.); CMIP6 data request, tables Lmon, Emon and Eday.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Literal, NamedTuple

import numpy as np
import xarray as xr

from jules_ml.physics.constants import LF
from jules_ml.support.cf import variable_attributes

Names = Literal["alma", "cmip"]
#: Bottom of the layer whose water CMIP calls ``mrsos`` [m].
_SURFACE_LAYER: Final = 0.1
_WATER: Final = "kg m-2 s-1"
_HEAT: Final = "W m-2"
_WITH_SOIL: Final = (
    "of the plant types, evaporation of the soil below them included, because the output lacks et_stom_gb"
)
_CO2: Final = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to"


class Way(NamedTuple):
    """How a variable follows from JULES's: the variables that are needed, the function of the dataset, and what to say about the values."""

    needs: tuple[str, ...]
    value: Callable[[xr.Dataset], xr.DataArray]
    comment: str = ""


class Converted(NamedTuple):
    """Variable of ALMA or CMIP; a name is None where the convention has none.

    ``state`` is true for a state, whose value is that of the end of the step; ``sign`` is that of CMIP relative to ALMA.
    """

    alma: str | None
    cmip: str | None
    units: str
    long_name: str
    standard_name: str | None
    ways: tuple[Way, ...]
    state: bool = False
    sign: float = 1.0
    comment: str = ""


def same(name: str) -> tuple[Way, ...]:
    """A variable that JULES has with the same unit and sign."""
    return (Way((name,), lambda ds: ds[name]),)


def _sum(*terms: str) -> tuple[Way, ...]:
    """Sum of variables, of which those with ``-`` are subtracted."""
    names = tuple(term.removeprefix("-") for term in terms)
    signs = [-1.0 if term.startswith("-") else 1.0 for term in terms]

    def total(ds: xr.Dataset) -> xr.DataArray:
        parts = [sign * ds[name] for sign, name in zip(signs, names, strict=True)]
        return sum(parts[1:], parts[0])

    return (Way(names, total),)


def _surface_water(ds: xr.Dataset) -> xr.DataArray:
    """Water of the uppermost 0.1 m [kg m-2], as fractions of the layers."""
    bottom = np.cumsum(ds["dzsoil"].to_numpy())
    top = bottom - ds["dzsoil"].to_numpy()
    part = np.clip(np.minimum(bottom, _SURFACE_LAYER) - top, 0.0, None) / (bottom - top)
    return (ds["smcl"] * xr.DataArray(part, dims="soil")).sum("soil", skipna=False)


def _of_tiles(ds: xr.Dataset, *, plants: bool) -> xr.DataArray:
    """Grid-box mean of the evaporation from the soil of plant tiles or of the others [kg m-2 s-1]."""
    n_pft = ds.sizes["pft"]
    tiles = slice(None, n_pft) if plants else slice(n_pft, None)
    return (ds["esoil"] * ds["frac"]).isel(tile=tiles).sum("tile")


def _fraction(name: str) -> tuple[Way, ...]:
    """Liquid or frozen part of a layer's water."""

    def value(ds: xr.Dataset) -> xr.DataArray:
        water = ds["sthu"] + ds["sthf"]
        return (ds[name] / water).where(water > 0.0, 1.0 if name == "sthu" else 0.0)

    return (Way(("sthu", "sthf"), value),)


_SWNET: Final = same("sw_net")
_LWNET: Final = (*same("lw_net"), *_sum("rad_net", "-sw_net"))
_RAIN: Final = (*same("tot_rain"), *same("rainfall"))
_SNOW: Final = (*same("tot_snow"), *same("snowfall"))
_RECO: Final = _sum("resp_s_gb", "resp_p_gb")
_NEE: Final = (*_sum("resp_s_gb", "resp_p_gb", "-gpp_gb"), *_sum("resp_s_gb", "-npp_gb"))
_AIR: Final = (*same("t_air"), *same("tl1"))

_ENERGY: Final = (
    Converted("SWnet", None, _HEAT, "net downward shortwave radiation", "surface_net_downward_shortwave_flux", _SWNET),
    Converted("LWnet", None, _HEAT, "net downward longwave radiation", "surface_net_downward_longwave_flux", _LWNET),
    Converted("Rnet", None, _HEAT, "net downward radiation", "surface_net_downward_radiative_flux", same("rad_net")),
    Converted("Qle", "hfls", _HEAT, "latent heat flux, upward", "surface_upward_latent_heat_flux", same("latent_heat")),
    Converted("Qh", "hfss", _HEAT, "sensible heat flux, upward", "surface_upward_sensible_heat_flux", same("ftl_gb")),
    Converted("Qg", "hfg", _HEAT, "heat flux into the ground", "downward_heat_flux_in_soil", same("surf_ht_flux_gb")),
    Converted(
        "Qf", None, _HEAT, "heat that melts snow", None, (Way(("snow_melt_gb",), lambda ds: LF * ds["snow_melt_gb"]),)
    ),
    Converted(
        "DelSurfHeat",
        None,
        _HEAT,
        "change of the heat stored in the canopy",
        None,
        (
            Way(
                ("rad_net", "latent_heat", "ftl_gb", "surf_ht_flux_gb", "snow_melt_gb"),
                lambda ds: (
                    ds["rad_net"] - ds["latent_heat"] - ds["ftl_gb"] - ds["surf_ht_flux_gb"] - LF * ds["snow_melt_gb"]
                ),
            ),
        ),
        comment="remainder of the energy balance of the surface",
    ),
    Converted("AvgSurfT", "ts", "K", "surface temperature", "surface_temperature", same("tstar_gb")),
)
_WATER_BALANCE: Final = (
    Converted("Rainf", None, _WATER, "rainfall", "rainfall_flux", _RAIN),
    Converted("Snowf", "prsn", _WATER, "snowfall", "snowfall_flux", _SNOW),
    Converted(
        None, "pr", _WATER, "precipitation", "precipitation_flux", (*same("precip"), *_sum("tot_rain", "tot_snow"))
    ),
    Converted("Evap", "evspsbl", _WATER, "evapotranspiration, upward", "water_evapotranspiration_flux", same("fqw_gb")),
    Converted("Qs", "mrros", _WATER, "surface runoff", "surface_runoff_flux", same("surf_roff")),
    Converted("Qsb", None, _WATER, "subsurface runoff", "subsurface_runoff_flux", same("sub_surf_roff")),
    Converted(None, "mrro", _WATER, "total runoff", "runoff_flux", same("runoff")),
    Converted("Qsm", "snm", _WATER, "snow melt", "surface_snow_melt_flux", same("snow_melt_gb")),
    Converted("ECanop", "evspsblveg", _WATER, "evaporation from wet leaves", None, same("ecan_gb")),
    Converted("SubSnow", "sbl", _WATER, "sublimation of snow", None, same("ei_gb")),
    Converted(
        "TVeg",
        "tran",
        _WATER,
        "transpiration",
        "transpiration_flux",
        (*same("et_stom_gb"), Way(("esoil", "frac", "pft"), lambda ds: _of_tiles(ds, plants=True), _WITH_SOIL)),
    ),
    Converted(
        "ESoil",
        "evspsblsoi",
        _WATER,
        "evaporation from soil",
        None,
        (
            *_sum("esoil_gb", "-et_stom_gb"),
            Way(("esoil", "frac", "et_stom_gb"), lambda ds: (ds["esoil"] * ds["frac"]).sum("tile") - ds["et_stom_gb"]),
            Way(("esoil", "frac", "pft"), lambda ds: _of_tiles(ds, plants=False), "of the types without plants"),
        ),
    ),
)
_STATES: Final = (
    Converted(
        "SoilMoist", "mrsol", "kg m-2", "water in soil layer", "mass_content_of_water_in_soil_layer", same("smcl"), True
    ),
    Converted(
        None,
        "mrso",
        "kg m-2",
        "water in the soil column",
        "mass_content_of_water_in_soil",
        (Way(("smcl",), lambda ds: ds["smcl"].sum("soil", skipna=False)),),
        True,
    ),
    Converted(
        None,
        "mrsos",
        "kg m-2",
        "water in the uppermost 0.1 m of the soil",
        "mass_content_of_water_in_soil_layer",
        (Way(("smcl", "dzsoil"), _surface_water),),
        True,
    ),
    Converted("SoilTemp", "tsl", "K", "soil temperature", "soil_temperature", same("t_soil"), True),
    Converted("SMLiqFrac", None, "1", "liquid fraction of soil water", None, _fraction("sthu"), True),
    Converted("SMFrozFrac", None, "1", "frozen fraction of soil water", None, _fraction("sthf"), True),
    Converted("SWE", "snw", "kg m-2", "snow water equivalent", "surface_snow_amount", same("snow_mass_gb"), True),
    Converted("SnowDepth", "snd", "m", "snow depth", "surface_snow_thickness", same("snow_depth_gb"), True),
    Converted("CanopInt", "cw", "kg m-2", "water on leaves", "canopy_water_amount", same("canopy_gb"), True),
    Converted("WaterTableD", "wtd", "m", "depth of the water table", "water_table_depth", same("zw"), True),
)
_CARBON: Final = (
    Converted(
        "GPP",
        "gpp",
        _WATER,
        "gross primary productivity, as carbon",
        "gross_primary_productivity_of_biomass_expressed_as_carbon",
        same("gpp_gb"),
    ),
    Converted(
        "NPP",
        "npp",
        _WATER,
        "net primary productivity, as carbon",
        "net_primary_productivity_of_biomass_expressed_as_carbon",
        same("npp_gb"),
    ),
    Converted(
        "NEE",
        "nep",
        _WATER,
        "net ecosystem exchange of carbon",
        "surface_net_downward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_all_land_processes_excluding_anthropogenic_land_use_change",
        _NEE,
        sign=-1.0,
        comment="NEE is positive to the atmosphere, nep into the land; without fire and land use",
    ),
    Converted("Reco", "reco", _WATER, "ecosystem respiration, as carbon", None, _RECO),
    Converted("AutoResp", "ra", _WATER, "plant respiration, as carbon", f"{_CO2}_plant_respiration", same("resp_p_gb")),
    Converted(
        "HeteroResp",
        "rh",
        _WATER,
        "soil respiration, as carbon",
        f"{_CO2}_heterotrophic_respiration",
        same("resp_s_gb"),
    ),
    Converted(None, "cSoil", "kg m-2", "soil carbon", "soil_mass_content_of_carbon", same("cs_gb"), True),
)
_WEATHER: Final = (
    Converted(
        "SWdown",
        "rsds",
        _HEAT,
        "downward shortwave radiation",
        "surface_downwelling_shortwave_flux_in_air",
        same("sw_down"),
    ),
    Converted(
        "LWdown",
        "rlds",
        _HEAT,
        "downward longwave radiation",
        "surface_downwelling_longwave_flux_in_air",
        same("lw_down"),
    ),
    Converted("Tair", "tas", "K", "air temperature", "air_temperature", _AIR),
)
#: Everything that is converted, where the output has what it needs.
VARIABLES: Final = (*_ENERGY, *_WATER_BALANCE, *_STATES, *_CARBON, *_WEATHER)
_AT_END: Final = "value at the end of the period, the upper bound of time"
#: Variables of JULES that fluxes follow from.
FLUXES: Final = frozenset(
    need
    for each in VARIABLES
    if not each.state
    for way in each.ways
    for need in way.needs
    if need not in ("frac", "pft")
)
#: Variables of JULES that anything follows from.
NEEDED: Final = frozenset(need for each in VARIABLES for way in each.ways for need in way.needs)
#: Changes of states over a step, by the state's variable of JULES; layers are added.
CHANGES: Final = {
    "DelSoilMoist": ("smcl", "change of soil moisture"),
    "DelSWE": ("snow_mass_gb", "change of snow water equivalent"),
    "DelIntercept": ("canopy_gb", "change of water on leaves"),
}


def converted_variables(ds: xr.Dataset, names: Names, *, at_end: Collection[str]) -> dict[str, xr.DataArray]:
    """Variables of ALMA or CMIP that follow from output with JULES's names.

    Parameters
    ----------
    ds : Dataset
        Dimension ``time``, and ``soil``, ``tile`` and ``pft`` as the variables have them; ``dzsoil`` [m] along ``soil``.
    names : {'alma', 'cmip'}
    at_end : collection of str
        States of JULES that are those of the end of each period: only then do their changes close the water balance, and ALMA has
        ``DelSoilMoist``, ``DelSWE`` and ``DelIntercept`` [kg m-2] from the second period on. The others are means.

    Returns
    -------
    dict of str to DataArray
        With attributes; 64-bit. A state of the end of a period has no ``cell_methods``, because its stamp is not that time. A state that
        follows from such states and from means is left out.
    """
    result: dict[str, xr.DataArray] = {}
    for variable in VARIABLES:
        name = variable.alma if names == "alma" else variable.cmip
        way = next(
            (way for way in variable.ways if all(need in ds.variables or need in ds.dims for need in way.needs)), None
        )
        ends = {need in at_end for need in way.needs if "time" in ds[need].dims} if way is not None else set()
        if name is None or way is None or (variable.state and len(ends) > 1):
            continue
        values = way.value(ds).astype(np.float64)
        values = variable.sign * values if names == "cmip" else values
        at_step_end = variable.state and True in ends
        attrs = {"units": variable.units, "long_name": variable.long_name}
        attrs |= {"cell_methods": "time: mean"} if "time" in values.dims and not at_step_end else {}
        # a standard name states the sign, which is that of CMIP
        named = variable.standard_name is not None and (names == "cmip" or variable.sign > 0.0)
        attrs |= {"standard_name": str(variable.standard_name)} if named else {}
        comment = "; ".join(each for each in (variable.comment, way.comment, _AT_END if at_step_end else "") if each)
        attrs |= {"comment": comment} if comment else {}
        result[name] = values.drop_attrs().assign_attrs(variable_attributes(attrs))
    if names == "alma":
        for name, (state, long_name) in CHANGES.items():
            if state in ds and state in at_end:
                water = ds[state].sum("soil", skipna=False) if "soil" in ds[state].dims else ds[state]
                attrs = {"units": "kg m-2", "long_name": long_name, "cell_methods": "time: sum"}
                change = water.astype(np.float64) - water.shift(time=1).astype(np.float64)
                result[name] = change.drop_attrs().assign_attrs(attrs)
    return result
