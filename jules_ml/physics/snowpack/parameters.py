"""Parameters of JULES's snow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SnowParameters:
    """Parameters of JULES's namelist ``jules_snow``, with its defaults; each comment gives the unit.

    ``dzsnow`` has the ``nsmax`` least thicknesses of the layers [m], and no effect with ``nsmax`` = 0. ``cansnowtile`` states for each tile
    whether snow is held on its canopy (``can_model`` 4 and ``cansnowpft``); an empty tuple: on none.

    ``conserve_water`` is not of JULES. JULES 7.6 unloads more snow from a canopy than it holds, and takes more of a melting pack than it
    counts as melt and sublimation; some kg m-2 in a cold year appear or vanish. With ``conserve_water`` all that is lost and does not
    sublimate is melt.
    """

    cansnowtile: tuple[bool, ...] = ()
    dzsnow: tuple[float, ...] = (0.1, 0.2, 0.2)  # m
    rho_snow_const: float = 250.0  # kg m-3
    rho_snow_fresh: float = 100.0  # kg m-3
    snow_hcon: float = 0.265  # W m-1 K-1
    snowliqcap: float = 0.05  # 1
    snowinterceptfact: float = 0.7  # 1
    snowloadlai: float = 4.4  # kg m-2
    snowunloadfact: float = 0.4  # 1
    a_snow_et: float = 0.0  # s-1
    b_snow_et: float = 0.0  # K-1
    c_snow_et: float = 0.0  # m3 kg-1
    rho_snow_et_crit: float = 0.0  # kg m-3
    r0: float = 50.0  # micrometre
    rmax: float = 2000.0  # micrometre
    snow_ggr: tuple[float, float, float] = (0.6, 0.06, 0.23e6)  # micrometre2 s-1
    amax: tuple[float, float] = (0.98, 0.7)  # 1
    dtland: float = 2.0  # K
    kland_numerator: float = 0.3  # 1
    maskd: float = 50.0  # m-1
    conserve_water: bool = False
