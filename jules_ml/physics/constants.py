"""Physical constants, with JULES's values and, where JULES has one, JULES's name.

They are plain numbers, which combine with tensors of either precision without changing it. Values are those of the stand-alone JULES 7.6.
"""

from __future__ import annotations

from typing import Final

# --- time
SECONDS_PER_DAY: Final = 86400.0
"""Length of a day [s]; ``rsec_per_day`` of JULES."""
DAYS_PER_YEAR: Final = 365.25
"""Mean length of a year of the Julian calendar [d]: the one length of a year in conversions of rates."""
SECONDS_PER_YEAR: Final = DAYS_PER_YEAR * SECONDS_PER_DAY
"""The same in seconds [s]."""

# --- water
ZERODEGC: Final = 273.15
"""Temperature of 0 degrees Celsius [K]."""
TM: Final = 273.15
"""Temperature at which fresh water freezes and ice melts [K]."""
RHO_WATER: Final = 1000.0
"""Density of water [kg m-3]."""
LC: Final = 2.501e6
"""Latent heat of condensation of water at 0 degrees Celsius [J kg-1]."""
LF: Final = 0.334e6
"""Latent heat of fusion of water at 0 degrees Celsius [J kg-1]."""
HCAPW: Final = 4180.0
"""Specific heat capacity of liquid water [J kg-1 K-1]."""
HCAPI: Final = 2100.0
"""Specific heat capacity of ice [J kg-1 K-1]."""
DPSIDT: Final = 114.3
"""Change of ice potential with temperature, ``917 * LF / (ZERODEGC * RHO_WATER * G)`` rounded by JULES [m K-1]."""

# --- carbon
M_CARBON: Final = 12.011e-3
"""Molar mass of carbon [kg mol-1]."""
KAPS_4POOL: Final = (3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10)
"""Default respiration rates of decomposable and resistant plant material, biomass and humus [s-1]; ``kaps_4pool`` of JULES."""

# --- air and radiation
R: Final = 287.05
"""Gas constant of dry air [J kg-1 K-1]."""
CP: Final = 1005.0
"""Specific heat capacity of dry air at constant pressure [J kg-1 K-1]."""
REPSILON: Final = 0.62198
"""Ratio of the molecular weights of water and dry air [1]."""
G: Final = 9.80665
"""Mean acceleration due to gravity at the Earth's surface [m s-2]."""
VKMAN: Final = 0.4
"""Von Karman's constant [1]."""
SBCON: Final = 5.67e-8
"""Stefan-Boltzmann constant [W m-2 K-4]."""

# --- thermal conductivity of the contents of the pores (Williams and Smith 1989, The Frozen Earth, p. 90)
HCAIR: Final = 0.025
"""Thermal conductivity of air [W m-1 K-1]."""
HCICE: Final = 2.24
"""Thermal conductivity of ice [W m-1 K-1]."""
HCWAT: Final = 0.56
"""Thermal conductivity of liquid water [W m-1 K-1]."""

# --- snow: JULES's defaults, which its namelists can change
SNOW_HCON: Final = 0.265
"""Thermal conductivity of lying snow [W m-1 K-1]."""
RHO_SNOW_CONST: Final = 250.0
"""Density of lying snow in the zero-layer scheme [kg m-3]."""
