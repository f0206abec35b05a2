"""Names and units of static properties in common sources of maps.

A variable of a map has a name of :data:`~jules_ml.experiment.place.PROPERTIES`, a CF standard name, a STASH code of the Unified Model, or
a name of one of the sources below. Their units are those of the publications; a unit in the file takes precedence.

References
----------
Poggio et al. (2021), SOIL 7, 217-240, for SoilGrids 2.0; FAO et al. (2012), Harmonized World Soil Database 1.2, and FAO and IIASA (2023),
version 2.0; Robinson et al. (2020), for the ancillaries of CHESS-land; Fick and Hijmans (2017), Int. J. Climatol. 37, 4302-4315, for
WorldClim 2.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from jules_ml.experiment.place import PROPERTIES, TOPSOIL_DEPTH
from jules_ml.physics.soil_names import LAYERED

#: Variable that states where there is land, above 0.
LAND: Final = "land"
#: Variable with the fractions of surface types, along a dimension of its own.
FRAC: Final = "frac"
#: Albedo of bare soil, which JULES needs and no module learns.
ALBSOIL: Final = "albsoil"


@dataclass(frozen=True)
class MapName:
    """What a variable of a map contains.

    Attributes
    ----------
    quantity : str
        Name of :data:`~jules_ml.experiment.place.PROPERTIES`, or :data:`LAND`, :data:`FRAC` or :data:`ALBSOIL`.
    units : str or None
        Unit of the source, if the file has none; None if the unit must be in the file.
    depth : tuple of float or None
        Top and bottom of the depth interval [m], for a quantity that the source gives by intervals.
    rank : int
        The variable of the lowest rank is used if a file has several of one quantity.
    """

    quantity: str
    units: str | None = None
    depth: tuple[float, float] | None = None
    rank: int = 0


def _hwsd() -> dict[str, MapName]:
    """Names of the Harmonized World Soil Database, topsoil: version 1.2, its regridded form, and version 2.0."""
    fractions = {f"t_{name}": MapName(name, "%") for name in ("sand", "silt", "clay")}
    density = "kg dm-3"
    return fractions | {
        "t_oc": MapName("organic_carbon", "%"),
        "org_carbon": MapName("organic_carbon", "%"),
        **{name: MapName("bulk_density", density) for name in ("t_bulk_density", "t_bulk_den", "bulk")},
        # the reference density is that of texture alone, too high for organic soil
        **{name: MapName("bulk_density", density, rank=1) for name in ("t_ref_bulk_density", "t_ref_bulk", "ref_bulk")},
    }


_NAMES: Final[dict[str, MapName]] = {
    **{name: MapName(name, "1" if each.units == "1" else None) for name, each in PROPERTIES.items()},
    **_hwsd(),
    # SoilGrids, without a depth interval in the name
    "bdod": MapName("bulk_density", "cg cm-3"),
    "soc": MapName("organic_carbon", "dg kg-1"),
    "ocd": MapName("soc_density", "hg m-3"),
    "ocs": MapName("soc_stock", "t ha-1"),
    # CHESS-land, ancillaries of the Unified Model and JULES
    "elev": MapName("elevation", "m"),
    "surface_altitude": MapName("elevation", "m"),
    FRAC: MapName(FRAC, "1"),
    "field1391": MapName(FRAC, "1"),
    ALBSOIL: MapName(ALBSOIL, "1"),
    "soil_albedo": MapName(ALBSOIL, "1"),
    "field1395": MapName(ALBSOIL, "1"),
    **{name: MapName(LAND, "1") for name in (LAND, "landfrac", "land_frac", "land_fraction", "land_mask", "lsmask")},
    **{name: MapName(LAND, "1") for name in ("land_binary_mask", "land_area_fraction", "land_sea_mask")},
}
#: STASH codes of section 0 of the Unified Model, as Iris writes them in ``um_stash_source``.
_STASH: Final = {
    "m01s00i418": MapName("clay", "1"),
    "m01s00i419": MapName("silt", "1"),
    "m01s00i420": MapName("sand", "1"),
    "m01s00i216": MapName(FRAC, "1"),
    "m01s00i220": MapName(ALBSOIL, "1"),
    "m01s00i030": MapName(LAND, "1"),
    "m01s00i505": MapName(LAND, "1"),
    "m01s00i033": MapName("elevation", "m"),
}
#: CF standard names of the soil and the surface; particles of all sizes have about the same density.
_STANDARD: Final = {
    **{
        each.standard_name: _NAMES[name]
        for name, each in PROPERTIES.items()
        if each.standard_name is not None and name not in ("t_air_mean", "porosity")
    },
    **{f"volume_fraction_of_{name}_in_soil": MapName(name, "1") for name in ("sand", "silt", "clay")},
    "land_binary_mask": MapName(LAND, "1"),
    "land_area_fraction": MapName(LAND, "1"),
}
#: SoilGrids: property, depth interval in cm and statistic.
_SOILGRIDS: Final = re.compile(r"(sand|silt|clay|bdod|soc|ocd|ocs)_(\d+)-(\d+)cm(_mean|_q0\.5|_q50)?")
_SOILGRIDS_UNITS: Final = {"sand": "g kg-1", "silt": "g kg-1", "clay": "g kg-1"}
#: WorldClim: bioclimatic variables 1 (mean), 2 (diurnal range), 4 (standard deviation of months, times 100), 12 (annual precipitation).
_WORLDCLIM: Final = re.compile(r"(?:wc2\.1_\w+?_)?bio_?0?(1|2|4|12)")
_BIOCLIMATIC: Final = {
    "1": MapName("t_air_mean", "degC"),
    "2": MapName("t_air_diurnal_range", "degC"),
    "4": MapName("t_air_seasonality", "cK"),
    "12": MapName("precip_annual", "mm a-1"),
}
#: Variables of these sources that are not inputs: deeper soil, chemistry, and soil properties of JULES.
_OTHERS: Final = re.compile(
    r"s_\w+|t_(gravel|c|bs|teb|esp|ece|ph_h2o|caco3|caso4|texture|cec_\w+|usda_\w+)|(cfvo|cec|nitrogen|phh2o|wv\d+)(_.*)?|field\d+(_\d)?|(wc2\.1_\w+?_)?bio_?\d+|topidx|fexp|ti_mean|ti_sig|"
    r"b|bexp|oneovernminusone|oneoveralpha|ksat|vsat|vcrit|vwilt|theta_r|cs|soc_density_(low|high)|soil_ph|mask|area|"
    + "|".join(LAYERED)
)


def name_of(variable: str, attributes: dict[str, Any]) -> MapName | None:
    """Find what a variable contains.

    Parameters
    ----------
    variable : str
        Name in the file; upper and lower case are equal.
    attributes : dict
        Attributes in the file.

    Returns
    -------
    MapName or None
        None if the name is unknown, or is that of a variable that is no input.
    """
    lower = variable.lower()
    if lower in _NAMES:
        return _NAMES[lower]
    stash = _STASH.get(str(attributes.get("um_stash_source", "")))
    interval = _SOILGRIDS.fullmatch(lower)
    climate = _WORLDCLIM.fullmatch(lower)
    if interval is not None:
        return _interval_name(interval[1], 0.01 * int(interval[2]), 0.01 * int(interval[3]))
    if climate is not None:
        return _BIOCLIMATIC[climate[1]]
    return stash or _STANDARD.get(str(attributes.get("standard_name", "")))


def _interval_name(name: str, top: float, bottom: float) -> MapName | None:
    """Name of a depth interval of SoilGrids; None if it is below the topsoil."""
    if bottom > TOPSOIL_DEPTH + 1e-9:
        return None
    of_source = _NAMES[name]
    whole = top == 0.0 and abs(bottom - TOPSOIL_DEPTH) < 1e-9
    return MapName(of_source.quantity, _SOILGRIDS_UNITS.get(name, of_source.units), None if whole else (top, bottom))


def is_other(variable: str, attributes: dict[str, Any]) -> bool:
    """Whether a variable is known not to be an input, as opposed to a name that is unknown."""
    lower = variable.lower()
    return (
        _OTHERS.fullmatch(lower) is not None
        or _SOILGRIDS.fullmatch(lower) is not None
        or "um_stash_source" in attributes
    )


def surface_types(count: int) -> dict[str, tuple[int, ...]] | None:
    """Surface types of each cover fraction, counted from 0.

    Parameters
    ----------
    count : int
        Number of surface types.

    Returns
    -------
    dict of str to tuple of int, or None
        For the 8 types of CHESS-land, JULES's standard 9 (5 plant functional types), and 17 (13); None for another number.
    """
    return {
        # broadleaf and needleleaf trees, grass, shrub, crops, urban, lake, bare soil
        8: {"frac_tree": (0, 1), "frac_grass": (2,), "frac_bare": (7,)},
        # broadleaf and needleleaf trees, C3 and C4 grass, shrub, urban, lake, bare soil, ice
        9: {"frac_tree": (0, 1), "frac_grass": (2, 3), "frac_bare": (7,)},
        # five trees, C3 grass, crop and pasture, C4 grass, crop and pasture, two shrubs, urban, lake, bare soil, ice
        17: {"frac_tree": (0, 1, 2, 3, 4), "frac_grass": (5, 6, 7, 8, 9, 10), "frac_bare": (15,)},
    }.get(count)
