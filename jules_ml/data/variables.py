"""Variables of the site dataset: name, CF standard name, unit and plausible range of each.

JULES's own driving names (``sw_down lw_down precip tot_rain tot_snow q wind pstar``) are used if they exist; ``t_air`` is JULES's
driving ``t``, renamed to avoid confusion with time or soil temperature.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """Variable of the site dataset.

    ``valid_min`` and ``valid_max`` are the range of physically possible values: a value outside is an error of the unit, the
    missing-value code or the sensor, never a rare event.
    """

    name: str
    units: str
    valid_min: float
    valid_max: float
    long_name: str
    standard_name: str | None = None
    dims: tuple[str, ...] = ("time",)


_ALL = (
    # --- forcing
    Variable("t_air", "K", 180.0, 335.0, "air temperature", "air_temperature"),
    Variable("t_air_min", "K", 180.0, 335.0, "minimum air temperature of the interval", "air_temperature"),
    Variable("t_air_max", "K", 180.0, 335.0, "maximum air temperature of the interval", "air_temperature"),
    Variable("q", "kg kg-1", 0.0, 0.06, "specific humidity of air", "specific_humidity"),
    Variable("relative_humidity", "1", 0.0, 1.1, "relative humidity of air", "relative_humidity"),
    Variable(
        "vapour_density", "kg m-3", 0.0, 0.06, "absolute humidity of air", "mass_concentration_of_water_vapor_in_air"
    ),
    Variable("vpd", "Pa", 0.0, 12000.0, "vapour pressure deficit of air", "water_vapor_saturation_deficit_in_air"),
    Variable("pstar", "Pa", 45000.0, 110000.0, "surface air pressure", "surface_air_pressure"),
    Variable("wind", "m s-1", 0.0, 75.0, "wind speed", "wind_speed"),
    Variable("wind_direction", "degree", 0.0, 360.0, "wind direction, from", "wind_from_direction"),
    Variable(
        "sw_down",
        "W m-2",
        -20.0,
        1500.0,
        "downwelling shortwave radiation",
        "surface_downwelling_shortwave_flux_in_air",
    ),
    Variable(
        "sw_up", "W m-2", -20.0, 1300.0, "upwelling shortwave radiation", "surface_upwelling_shortwave_flux_in_air"
    ),
    Variable(
        "sw_diffuse",
        "W m-2",
        -20.0,
        1000.0,
        "diffuse downwelling shortwave radiation",
        "surface_diffuse_downwelling_shortwave_flux_in_air",
    ),
    Variable(
        "sw_pot",
        "W m-2",
        0.0,
        1450.0,
        "potential shortwave radiation at the top of the atmosphere",
        "toa_incoming_shortwave_flux",
    ),
    Variable(
        "lw_down", "W m-2", 50.0, 700.0, "downwelling longwave radiation", "surface_downwelling_longwave_flux_in_air"
    ),
    Variable("lw_up", "W m-2", 50.0, 950.0, "upwelling longwave radiation", "surface_upwelling_longwave_flux_in_air"),
    Variable("rad_net", "W m-2", -400.0, 1300.0, "net downward radiation", "surface_net_downward_radiative_flux"),
    Variable(
        "ppfd",
        "umol m-2 s-1",
        -40.0,
        3000.0,
        "downwelling photosynthetic photon flux density",
        "surface_downwelling_photosynthetic_photon_flux_in_air",
    ),
    Variable("ppfd_up", "umol m-2 s-1", -40.0, 2500.0, "upwelling photosynthetic photon flux density"),
    Variable("precip", "kg m-2 s-1", 0.0, 0.15, "precipitation, rain and snow", "precipitation_flux"),
    Variable("tot_rain", "kg m-2 s-1", 0.0, 0.15, "rainfall", "rainfall_flux"),
    Variable("tot_snow", "kg m-2 s-1", 0.0, 0.05, "snowfall", "snowfall_flux"),
    Variable("pet", "kg m-2 s-1", -1e-4, 1e-3, "potential evaporation", "water_potential_evaporation_flux"),
    Variable(
        "co2", "umol mol-1", 200.0, 1500.0, "mole fraction of CO2 in air", "mole_fraction_of_carbon_dioxide_in_air"
    ),
    # --- turbulent fluxes
    Variable("ustar", "m s-1", 0.0, 8.0, "friction velocity"),
    Variable(
        "nee",
        "umol m-2 s-1",
        -150.0,
        150.0,
        "net ecosystem exchange of CO2, positive upward",
        "surface_upward_mole_flux_of_carbon_dioxide",
    ),
    Variable(
        "nee_ustar",
        "umol m-2 s-1",
        -150.0,
        150.0,
        "net ecosystem exchange of CO2 for each percentile of the u* threshold, positive upward",
        "surface_upward_mole_flux_of_carbon_dioxide",
        ("time", "ustar_percentile"),
    ),
    Variable(
        "gpp",
        "umol m-2 s-1",
        -50.0,
        150.0,
        "gross primary productivity, positive downward",
        "gross_primary_productivity_of_biomass_expressed_as_carbon",
    ),
    Variable("le", "W m-2", -500.0, 1300.0, "latent heat flux, positive upward", "surface_upward_latent_heat_flux"),
    Variable("h", "W m-2", -700.0, 1300.0, "sensible heat flux, positive upward", "surface_upward_sensible_heat_flux"),
    Variable("g_soil", "W m-2", -500.0, 700.0, "heat flux into the soil", "downward_heat_flux_in_soil"),
    # --- chambers
    Variable("resp_soil", "umol m-2 s-1", -15.0, 150.0, "soil respiration, autotrophic and heterotrophic (Rs)"),
    Variable("resp_het", "umol m-2 s-1", -15.0, 150.0, "heterotrophic soil respiration (Rh)"),
    # --- soil and surface state
    Variable(
        "theta",
        "m3 m-3",
        0.0,
        1.0,
        "volumetric water content of soil by point probe",
        "volume_fraction_of_condensed_water_in_soil",
        ("time", "depth"),
    ),
    Variable("t_soil", "K", 210.0, 345.0, "soil temperature", "soil_temperature", ("time", "depth")),
    Variable("theta_crns", "m3 m-3", 0.0, 1.0, "volumetric water content of soil by cosmic-ray neutron sensor"),
    Variable(
        "d86", "m", 0.0, 1.5, "depth that contains 86 % of the weight of the cosmic-ray sensor, at a distance of 75 m"
    ),
    Variable("swe", "kg m-2", 0.0, 3000.0, "snow water equivalent", "surface_snow_amount"),
    Variable(
        "neutron_counts",
        "h-1",
        0.0,
        20000.0,
        "rate of cosmic-ray neutrons, corrected for pressure, humidity and influx",
    ),
    Variable("snow_depth", "m", -0.2, 15.0, "depth of snow on the ground", "surface_snow_thickness"),
    Variable("snow_present", "1", 0.0, 1.0, "snow lies on the ground (1) or not (0)"),
    Variable("albedo", "1", 0.0, 1.0, "surface albedo", "surface_albedo"),
    Variable("lst", "K", 180.0, 360.0, "land surface temperature", "surface_temperature"),
    Variable("lst_min", "K", 180.0, 360.0, "minimum land surface temperature of the interval", "surface_temperature"),
    Variable("lst_max", "K", 180.0, 360.0, "maximum land surface temperature of the interval", "surface_temperature"),
    Variable("swi", "1", 0.0, 1.0, "soil water index"),
)

VARIABLES: dict[str, Variable] = {v.name: v for v in _ALL}
