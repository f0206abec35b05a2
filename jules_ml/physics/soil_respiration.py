"""JULES's modifiers of soil respiration for any of its schemes, as the column takes them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from jules_ml.physics.column_variables import Factors, RespirationFactors, SoilProperties
from jules_ml.physics.respiration import Q10_SOIL, fsth, ftemp_q10, ftemp_rothc


def jules_factors(
    pools: Literal[1, 4], *, l_q10: bool = False, q10_soil: float = Q10_SOIL, l_soil_resp_lev2: bool = False
) -> RespirationFactors:
    """Make the function of JULES's modifiers of respiration for a scheme.

    Parameters
    ----------
    pools : {1, 4}
        One pool, which always has the Q10 form, or four.
    l_q10 : bool
        With four pools, Q10 form of the temperature modifier in place of that of RothC.
    q10_soil : float
        Ratio of respiration for a warming of 10 K [1].
    l_soil_resp_lev2 : bool
        Whether ice counts as wetness.

    Returns
    -------
    callable
        As :data:`~jules_ml.physics.column.RespirationFactors`.

    References
    ----------
    Clark et al. (2011), eqs 64-66; JULES routine ``microbe``.
    """

    def factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        wetness = sthu + sthf if l_soil_resp_lev2 else sthu
        warm = ftemp_q10(t_soil, q10_soil) if pools == 1 or l_q10 else ftemp_rothc(t_soil)
        return Factors(fsth=fsth(wetness, soil.sm_wilt, soil.sm_sat, pools=pools), ftemp=warm)

    return factors
