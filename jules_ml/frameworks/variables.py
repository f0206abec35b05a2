"""Variables that components exchange: CSDMS names, names of JULES, units in the notation of UDUNITS, grids and ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.model_variables import MODEL_VARIABLES, ModelVariable
from jules_ml.data.units import convert
from jules_ml.errors import BadInput

Array = NDArray[np.float64]
#: Numbers of the grids: one value for each column, and one for each soil layer of each column.
COLUMNS, LAYERS = 0, 1
#: What another component does with a variable: it sets an input; it reads an output; it reads the state, and can change it.
Role = Literal["input", "output", "state"]


@dataclass(frozen=True)
class BmiVariable:
    """Variable that a component exchanges.

    Attributes
    ----------
    units : str
        Unit of the values, in the notation of UDUNITS.
    doc : str
        Description.
    role : {'input', 'output', 'state'}
        Inputs are set by other components and outputs are read. The state is listed among the outputs and can also be set.
    grid : int
        :data:`COLUMNS` or :data:`LAYERS`.
    jules : str
        JULES's name, another name of the variable; empty if there is none.
    range : ModelVariable, optional
        Range of possible values, which inputs and state must not leave.
    """

    units: str
    doc: str
    role: Role
    grid: int = COLUMNS
    jules: str = ""
    range: ModelVariable | None = None

    def admits(self, values: Array) -> bool:
        """Whether all values are finite and in the range."""
        if values.size == 0:
            return True
        lowest, highest = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
        # a comparison with NaN is false
        if self.range is None:
            return math.isfinite(lowest) and math.isfinite(highest)
        return bool(self.range.valid_min <= lowest and highest <= self.range.valid_max)

    def check(self, values: Array, *, where: str) -> None:
        """Raise an error for a value that is not finite or outside the range.

        Raises
        ------
        BadInput
            With the value, the range and the unit.
        """
        if self.admits(values):
            return
        bad = values[~np.isfinite(values)]
        if bad.size:
            raise BadInput(
                f"the value {bad.flat[0]} is not finite ({bad.size} of {values.size} values)",
                where=where,
                remedy=f"set finite values in {self.units}",
            )
        assert self.range is not None
        problem = self.range.problem(values, tolerance=0.0)
        if problem is not None:
            raise BadInput(problem[0], where=where, remedy=problem[1])


def _input(units: str, doc: str, jules: str) -> BmiVariable:
    return BmiVariable(units, doc, "input", COLUMNS, jules, MODEL_VARIABLES["t" if jules == "t_air" else jules])


_FLUX: Final = "kg m-2 s-1"
#: Weather, in the order of :class:`~jules_ml.physics.surface.Forcing`.
WEATHER: Final[Mapping[str, BmiVariable]] = {
    "land_surface_radiation~incoming~shortwave__energy_flux": _input(
        "W m-2", "downward shortwave radiation", "sw_down"
    ),
    "land_surface_radiation~incoming~longwave__energy_flux": _input("W m-2", "downward longwave radiation", "lw_down"),
    "atmosphere_water__rainfall_mass_flux": _input(_FLUX, "rainfall", "tot_rain"),
    "atmosphere_water__snowfall_mass_flux": _input(_FLUX, "snowfall", "tot_snow"),
    "atmosphere_bottom_air__temperature": _input("K", "air temperature", "t_air"),
    "atmosphere_bottom_air_flow__speed": _input("m s-1", "wind speed", "wind"),
    "atmosphere_bottom_air__static_pressure": _input("Pa", "surface pressure", "pstar"),
    "atmosphere_bottom_air_water~vapor__mass_fraction": _input("1", "specific humidity", "q"),
}
WATER, TEMPERATURE = "soil_layer_water__mass_per_area", "soil_layer__temperature"
#: State of the soil. Water is also checked against saturation in each step.
STATE: Final[Mapping[str, BmiVariable]] = {
    WATER: BmiVariable(
        "kg m-2", "liquid water and ice in each layer", "state", LAYERS, "smcl", MODEL_VARIABLES["smcl"]
    ),
    TEMPERATURE: BmiVariable("K", "soil temperature", "state", LAYERS, "t_soil", MODEL_VARIABLES["t_soil"]),
}


def _output(units: str, doc: str, jules: str, grid: int = COLUMNS) -> BmiVariable:
    return BmiVariable(units, doc, "output", grid, jules)


#: Outputs of the soil, which the soil alone has too.
SOIL_OUTPUTS: Final[Mapping[str, BmiVariable]] = {
    "soil_layer_water~liquid__saturation_fraction": _output(
        "1", "liquid water as a fraction of saturation", "sthu", LAYERS
    ),
    "soil_layer_water~frozen__saturation_fraction": _output("1", "ice as a fraction of saturation", "sthf", LAYERS),
    "soil_layer_water__extraction_mass_flux": _output(
        _FLUX, "extraction by roots and bare-soil evaporation", "ext", LAYERS
    ),
    "land_surface_water__runoff_mass_flux": _output(_FLUX, "surface runoff", "surf_roff"),
    "soil_bottom_water__drainage_mass_flux": _output(_FLUX, "drainage from the bottom layer", "sub_surf_roff"),
    "soil_carbon__respiration_mass_flux": _output(_FLUX, "soil respiration, as carbon", "resp_s_gb"),
}
#: Outputs of the column with its surface.
COLUMN_OUTPUTS: Final[Mapping[str, BmiVariable]] = {
    **SOIL_OUTPUTS,
    "land_surface_water__evaporation_mass_flux": _output(_FLUX, "evapotranspiration", "fqw_gb"),
    "land_surface_heat~latent__energy_flux": _output("W m-2", "latent heat flux", "latent_heat"),
    "land_surface_heat~sensible__energy_flux": _output("W m-2", "sensible heat flux", "ftl_gb"),
    "land_surface_heat~ground__energy_flux": _output("W m-2", "heat flux into the soil", "surf_ht_flux_gb"),
    "land_surface__temperature": _output("K", "surface temperature", "tstar_gb"),
    "land_surface_snow__mass_per_area": _output("kg m-2", "snow on the ground and the canopy", "snow_mass_gb"),
    "land_vegetation_carbon__gross_production_mass_flux": _output(
        _FLUX, "gross primary production, as carbon", "gpp_gb"
    ),
}


def _soil_input(units: str, doc: str, jules: str, low: float, high: float) -> BmiVariable:
    return BmiVariable(units, doc, "input", COLUMNS, jules, ModelVariable(jules, units, low, high))


#: What drives the soil alone, in the order of :class:`~jules_ml.frameworks.soil_only.SoilForcing`.
SOIL_INPUTS: Final[Mapping[str, BmiVariable]] = {
    "vegetation_canopy_water__throughfall_mass_flux": _soil_input(
        _FLUX, "throughfall and snow melt that reach the ground", "tfall", 0.0, 0.15
    ),
    "land_vegetation_water__transpiration_mass_flux": _soil_input(
        _FLUX, "transpiration, taken up by roots", "et_stom_gb", -1e-3, 2e-3
    ),
    "soil_surface_water__evaporation_mass_flux": _soil_input(
        _FLUX, "evaporation from bare soil", "esoil_gb", -1e-3, 2e-3
    ),
    "soil_surface_heat~downward__energy_flux": _soil_input(
        "W m-2", "heat flux into the soil", "surf_ht_flux_gb", -1500.0, 1500.0
    ),
}
#: Outputs that the soil alone has beside :data:`SOIL_OUTPUTS`.
SOIL_ONLY_OUTPUTS: Final[Mapping[str, BmiVariable]] = {
    **SOIL_OUTPUTS,
    "soil_water__transpiration_stress_fraction": _output("1", "soil moisture stress of transpiration", "fsmc_gb"),
    "soil_water__evaporation_stress_fraction": _output("1", "soil moisture stress of bare-soil evaporation", "fsoil"),
    "soil_water__evaporation_shortage_mass_flux": _output(
        _FLUX, "transpiration and evaporation for which the soil had no liquid water", "shortage"
    ),
}
#: Other names of JULES for the same variable.
SYNONYMS: Final[Mapping[str, str]] = {"t": "t_air", "drain": "sub_surf_roff"}


def names_by_alias(variables: Mapping[str, BmiVariable]) -> dict[str, str]:
    """CSDMS names by JULES's names.

    Parameters
    ----------
    variables : mapping of str to BmiVariable
        By CSDMS name.

    Returns
    -------
    dict of str to str
    """
    names = {variable.jules: name for name, variable in variables.items() if variable.jules}
    return names | {other: names[name] for other, name in SYNONYMS.items() if name in names}


def in_units_of(variable: BmiVariable, values: Array, units: str, *, where: str) -> Array:
    """Convert values of another component to the unit of a variable.

    Parameters
    ----------
    variable : BmiVariable
    values : array
    units : str
        Unit of ``values``. A depth of water (``mm h-1``) is converted to a mass with 1000 kg m-3.
    where : str
        Component and variable, for the message.

    Returns
    -------
    array
        In ``variable.units``.

    Raises
    ------
    BadInput
        If the unit is unknown, or of another dimension.
    """
    values = np.asarray(values, dtype=np.float64)
    return values if units == variable.units else convert(values, units, variable.units, where=where)
