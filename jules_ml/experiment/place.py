"""Static properties of a site: names, units and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Inputs by name, with unit and meaning.
INPUTS: Final = {
    "soc": ("kg m-3", "organic carbon of the topsoil"),
    "bulk_density": ("kg m-3", "dry bulk density of the topsoil"),
    "t_air": ("K", "mean air temperature"),
    "precip": ("mm a-1", "mean precipitation"),
    "dryness": ("1", "shortwave radiation over the latent heat of precipitation"),
    "t_range": ("K", "mean daily range of air temperature"),
    "swi": ("1", "variation of the soil water index of precipitation: its standard deviation over its mean"),
    "lst_excess": ("K", "mean of surface less air temperature on days above 5 degC"),
    "lst_spread": ("K", "standard deviation of surface less air temperature on those days"),
    "tree": ("1", "share of the ground under trees"),
    "bare": ("1", "share of bare ground"),
    "sand": ("1", "sand as a fraction of the mineral soil"),
    "clay": ("1", "clay as a fraction of the mineral soil"),
}


#: Least and most that each can be, in its unit: a value beyond is in another unit, or a slip.
RANGES: Final = {
    "soc": (0.0, 300.0),
    "bulk_density": (30.0, 2700.0),
    "t_air": (200.0, 330.0),
    "precip": (0.0, 20000.0),
    "dryness": (0.0, 1000.0),
    "t_range": (0.0, 60.0),
    "swi": (0.0, 20.0),
    "lst_excess": (-60.0, 60.0),
    "lst_spread": (0.0, 60.0),
    "tree": (0.0, 1.0),
    "bare": (0.0, 1.0),
    "sand": (0.0, 1.0),
    "clay": (0.0, 1.0),
}


#: Inputs that are texture: left out by a switch.
TEXTURE: Final = ("sand", "clay")


#: What a static property may be [its unit]; beyond, its unit must be another.
STATIC_RANGE: Mapping[str, tuple[float, float]] = {
    "clay": (0.0, 100.0),
    "sand": (0.0, 100.0),
    "bulk_density": (0.02, 2.6),
    "soc": (0.0, 500.0),
    "elevation": (-450.0, 9000.0),
    "precip_year": (0.0, 15000.0),
    "t_air_mean": (210.0, 320.0),
    "vpd_mean": (0.0, 8000.0),
    "trees": (0.0, 1.0),
    "grass": (0.0, 1.0),
    "bare": (0.0, 1.0),
    "lst_excess": (-30.0, 40.0),
    "lst_range": (0.0, 40.0),
    "jules_mean": (0.0, 1.0),
}
