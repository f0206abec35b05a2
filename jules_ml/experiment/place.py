"""Static properties of a site: one name, one unit and one range each, for all kinds of module.

:data:`PROPERTIES` is the only place where they are defined. ``[place]`` and ``[soil.texture]`` of an experiment, static inputs of the
networks, cards of module folders and static inputs of the hooks all use its names and units.

Soil properties are those of the topsoil, 0-30 cm. Units are SI, as in JULES and CF: fractions are never percentages. Organic carbon has
three quantities, each with its own name: content (mass per mass of soil), density (mass per volume) and stock (mass per area of topsoil).
Content is in kg kg-1, not in the g kg-1 of laboratories, for two reasons: sand, silt and clay are mass fractions too, and most values in
percent or in g kg-1 are then outside the valid range, so that the unit error is detected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from jules_ml.errors import BadInput
from jules_ml.support.section import Section

#: Value of a property at one place, or at many.
Value = TypeVar("Value", float, NDArray[np.float64])
#: Depth of the topsoil [m].
TOPSOIL_DEPTH: Final = 0.3
#: Tolerance of the sum of fractions that add up to one [1].
SUM_TOLERANCE: Final = 0.02


@dataclass(frozen=True)
class Property:
    """One static property of a site.

    Attributes
    ----------
    name : str
    units : str
    long_name : str
    valid_min, valid_max : float
        Range of possible values; a value outside it is an error or has another unit.
    standard_name : str or None
        CF standard name, if there is one.
    """

    name: str
    units: str
    long_name: str
    valid_min: float
    valid_max: float
    standard_name: str | None = None

    @property
    def description(self) -> str:
        """Long name and unit in one line."""
        return f"{self.long_name} [{self.units}]"

    def attributes(self) -> dict[str, str]:
        """Attributes of a CF variable, and of an input in the card of a module."""
        attributes = {"units": self.units, "long_name": self.long_name}
        return attributes | ({} if self.standard_name is None else {"standard_name": self.standard_name})

    def problem(self, value: float) -> tuple[str, str] | None:
        """Problem and remedy if a value is outside the range; None if it is inside, or NaN."""
        if isnan(value) or self.valid_min <= value <= self.valid_max:
            return None
        units = "" if self.units == "1" else f" {self.units}"
        problem = f"{self.name} is {value:g}, outside {self.valid_min:g} to {self.valid_max:g}{units}"
        if self.units == "1" and self.valid_max == 1.0 and 1.0 < value <= 100.0:
            return problem, "divide it by 100: it seems to be in %"
        if self.name == "bulk_density" and 0.03 <= value <= 2.7:
            return problem, "multiply it by 1000: it seems to be in g cm-3"
        if self.name == "organic_carbon" and value > 0.0:
            return problem, "give kilograms of carbon per kilogram of soil: divide g kg-1 by 1000, and % by 100"
        return problem, "check its unit" if self.units == "1" else f"give it in {self.units}"


_OF_MINERAL_SOIL = "fraction of the mineral soil"
_LST_EXCESS = "of the difference between daily surface and air temperature"

#: The static properties of a site, by name.
PROPERTIES: Final[Mapping[str, Property]] = {
    each.name: each
    for each in (
        Property("sand", "1", f"sand {_OF_MINERAL_SOIL}", 0.0, 1.0, "mass_fraction_of_sand_in_soil"),
        Property("silt", "1", f"silt {_OF_MINERAL_SOIL}", 0.0, 1.0, "mass_fraction_of_silt_in_soil"),
        Property("clay", "1", f"clay {_OF_MINERAL_SOIL}", 0.0, 1.0, "mass_fraction_of_clay_in_soil"),
        Property("bulk_density", "kg m-3", "dry bulk density", 30.0, 2700.0),
        Property("porosity", "m3 m-3", "water content at saturation", 0.05, 0.99, "soil_porosity"),
        Property("organic_carbon", "kg kg-1", "organic carbon content, per mass of dry soil", 0.0, 0.58),
        Property("soc_density", "kg m-3", "organic carbon density, per volume of soil", 0.0, 300.0),
        Property("soc_stock", "kg m-2", "organic carbon stock of 0-30 cm", 0.0, 90.0, "soil_mass_content_of_carbon"),
        Property("frac_tree", "1", "fraction of the ground under trees", 0.0, 1.0),
        Property("frac_grass", "1", "fraction of the ground under grass", 0.0, 1.0),
        Property("frac_bare", "1", "fraction of bare ground", 0.0, 1.0),
        Property("elevation", "m", "height above sea level", -500.0, 9000.0, "surface_altitude"),
        Property("precip_annual", "kg m-2 a-1", "mean annual precipitation", 0.0, 20000.0),
        Property("t_air_mean", "K", "mean air temperature", 200.0, 330.0, "air_temperature"),
        Property("t_air_seasonality", "K", "standard deviation of monthly mean air temperature", 0.0, 60.0),
        Property("t_air_diurnal_range", "K", "mean diurnal range of air temperature", 0.0, 60.0),
        Property("vpd_mean", "Pa", "mean vapour pressure deficit", 0.0, 8000.0),
        Property(
            "dryness_index", "1", "mean shortwave radiation over the latent heat of mean precipitation", 0.0, 1000.0
        ),
        Property("swi_variation", "1", "coefficient of variation of the soil water index of precipitation", 0.0, 20.0),
        Property("lst_excess_mean", "K", f"mean {_LST_EXCESS} over the year", -60.0, 60.0),
        Property("lst_excess_std", "K", f"standard deviation {_LST_EXCESS} over the year", 0.0, 60.0),
        Property("lst_excess_warm_mean", "K", f"mean {_LST_EXCESS} on days above 5 degC", -60.0, 60.0),
        Property("lst_excess_warm_std", "K", f"standard deviation {_LST_EXCESS} on days above 5 degC", 0.0, 60.0),
    )
}
#: Particle-size fractions, which add up to one.
TEXTURE: Final = ("sand", "silt", "clay")
#: Organic carbon as content, density and stock.
CARBON: Final = ("organic_carbon", "soc_density", "soc_stock")
#: Fractions of the ground cover, which add up to one at most.
COVER: Final = ("frac_tree", "frac_grass", "frac_bare")
#: Properties of the soil.
SOIL: Final = (*TEXTURE, "bulk_density", "porosity", *CARBON)


def _property(name: str) -> Any:
    return Field(default=None, description=PROPERTIES[name].description)


class PlaceSection(Section):
    """``[place]``: static properties of the site; soil properties are those of the topsoil (0-30 cm). Elevation is under ``[site]``."""

    sand: float | None = _property("sand")
    silt: float | None = _property("silt")
    clay: float | None = _property("clay")
    bulk_density: float | None = _property("bulk_density")
    porosity: float | None = _property("porosity")
    organic_carbon: float | None = _property("organic_carbon")
    soc_density: float | None = _property("soc_density")
    soc_stock: float | None = _property("soc_stock")
    frac_tree: float | None = _property("frac_tree")
    frac_grass: float | None = _property("frac_grass")
    frac_bare: float | None = _property("frac_bare")
    precip_annual: float | None = _property("precip_annual")
    t_air_mean: float | None = _property("t_air_mean")
    t_air_seasonality: float | None = _property("t_air_seasonality")
    t_air_diurnal_range: float | None = _property("t_air_diurnal_range")
    vpd_mean: float | None = _property("vpd_mean")
    dryness_index: float | None = _property("dryness_index")
    swi_variation: float | None = _property("swi_variation")
    lst_excess_mean: float | None = _property("lst_excess_mean")
    lst_excess_std: float | None = _property("lst_excess_std")
    lst_excess_warm_mean: float | None = _property("lst_excess_warm_mean")
    lst_excess_warm_std: float | None = _property("lst_excess_warm_std")

    @field_validator("*")
    @classmethod
    def _in_range(cls, value: float | None, info: ValidationInfo) -> float | None:
        assert info.field_name is not None
        problem = None if value is None else PROPERTIES[info.field_name].problem(value)
        if problem is not None:
            raise ValueError("; ".join(problem))
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        values = self.values()
        for names, label in ((TEXTURE, "sand, silt and clay"), (COVER, "frac_tree, frac_grass and frac_bare")):
            total = sum(values.get(name, 0.0) for name in names)
            if total > 1.0 + SUM_TOLERANCE:
                raise ValueError(f"{label} add up to {total:g}, which is more than 1")
        if set(TEXTURE) <= set(values) and sum(values[name] for name in TEXTURE) < 1.0 - SUM_TOLERANCE:
            raise ValueError("sand, silt and clay add up to less than 1: give fractions of the mineral soil")
        carbon = [name for name in CARBON if name in values]
        if len(carbon) > 1:
            raise ValueError(
                f"{' and '.join(carbon)} are both given: give one; the other is calculated from it and bulk_density"
            )
        return self

    def values(self) -> dict[str, float]:
        """Values of the properties in the file, by name."""
        return self.model_dump(exclude_none=True)


def check_properties(values: Mapping[str, float], *, where: str) -> None:
    """Raise an error for unknown properties, values outside their range, and particle-size fractions that do not add up to one.

    Parameters
    ----------
    values : mapping of str to float
        Values by the names and in the units of :data:`PROPERTIES`; NaN if unknown.
    where : str
        File and section, for the message.

    Raises
    ------
    BadInput
        If a property is unknown, a value is outside its range, or sand, silt and clay do not add up to one.
    """
    for name, value in values.items():
        if name not in PROPERTIES:
            raise BadInput(
                f"'{name}' is not a static property of a site",
                where=where,
                remedy=f"use the names and units of [place]: {', '.join(PROPERTIES)}",
            )
        problem = PROPERTIES[name].problem(value)
        if problem is not None:
            raise BadInput(problem[0], where=f"{where}, {name}", remedy=problem[1])
    if set(TEXTURE) <= set(values):
        total = sum(values[name] for name in TEXTURE)
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise BadInput(
                f"sand, silt and clay add up to {total:g}",
                where=where,
                remedy="give fractions of the mineral soil, without stones and organic matter, that add up to 1",
            )


def merged_properties(place: Mapping[str, float], derived: Mapping[str, float]) -> dict[str, float]:
    """Combine the properties of ``[place]`` with those derived from other sections.

    Parameters
    ----------
    place : mapping of str to float
        Properties of ``[place]``, which take precedence. Texture and organic carbon each take precedence as a group.
    derived : mapping of str to float
        Properties derived from other sections.

    Returns
    -------
    dict of str to float
        All properties, with the third particle-size fraction calculated from the other two, and the other quantities of organic carbon.
    """
    values = dict(derived)
    for group in (TEXTURE, CARBON):
        if any(name in place for name in group):
            values = {name: value for name, value in values.items() if name not in group}
    values |= place
    missing = [name for name in TEXTURE if name not in values]
    if len(missing) == 1:
        values[missing[0]] = max(1.0 - sum(values[name] for name in TEXTURE if name in values), 0.0)
    return with_soil_carbon(values)


def with_soil_carbon(values: Mapping[str, Value]) -> dict[str, Value]:
    r"""Add the quantities of organic carbon that follow from one of them.

    With content :math:`c`, bulk density :math:`\rho` and the depth of the topsoil :math:`d`, density is :math:`c \rho` and stock
    :math:`c \rho d`. Stones are not subtracted.

    Parameters
    ----------
    values : mapping of str to float or array
        Properties by name.

    Returns
    -------
    dict of str to float or array
        The same, with ``soc_density`` and ``soc_stock`` if one of them or both ``organic_carbon`` and ``bulk_density`` are known, and with
        ``organic_carbon`` if ``bulk_density`` is known.
    """
    complete = dict(values)
    bulk_density = complete.get("bulk_density")
    if "organic_carbon" in complete and bulk_density is not None:
        complete.setdefault("soc_density", complete["organic_carbon"] * bulk_density)
    if "soc_stock" in complete:
        complete.setdefault("soc_density", complete["soc_stock"] / TOPSOIL_DEPTH)
    if "soc_density" in complete:
        complete.setdefault("soc_stock", complete["soc_density"] * TOPSOIL_DEPTH)
        if bulk_density is not None:
            complete.setdefault("organic_carbon", complete["soc_density"] / bulk_density)
    return complete
