"""Vegetation canopies as in JULES: light, photosynthesis and stomata in ten layers, soil moisture stress, albedo, leaf area and height.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Best et al. (2011), Geosci. Model Dev. 4, 677-699; Mercado et al. (2007), Tellus B
59, 553-565; Sellers (1985), Int. J. Remote Sens. 6, 1335-1372.
"""

from jules_ml.physics.canopy.albedo import Albedo, broadband_albedo, spectral_albedo
from jules_ml.physics.canopy.fluxes import CanopyClimate, CanopyFluxes, canopy_fluxes
from jules_ml.physics.canopy.properties import (
    CanopyProperties,
    VegetationProperties,
    canopy_properties,
    neutral_transfer,
    vegetation_properties,
)
from jules_ml.physics.canopy.stress import WaterStress, root_fractions, water_stress
from jules_ml.physics.canopy.zenith import cos_zenith_angle

__all__ = [
    "Albedo",
    "CanopyClimate",
    "CanopyFluxes",
    "CanopyProperties",
    "VegetationProperties",
    "WaterStress",
    "broadband_albedo",
    "canopy_fluxes",
    "canopy_properties",
    "cos_zenith_angle",
    "neutral_transfer",
    "root_fractions",
    "spectral_albedo",
    "vegetation_properties",
    "water_stress",
]
